# SPDX-License-Identifier: Apache-2.0
"""Bad input: one clear line, the right exit code, nothing allowed, nothing lost."""
import json
import os
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, Case, main, read, write  # noqa: E402

FAMILY = "A_0123456789abc"  # of no app
STORE = HOME + "/.local/share/appsilo/consent.db"


class BadInput(Case):
    def test_options(self):
        for words, said in ((["--promt", "never", "--", "true"], "--prompt"), ([], "no command"),
                            (["--memory", "lots", "--", "true"], "--memory"),
                            (["--allow-read", HOME + "/nope", "--", "true"], f"--allow-read {HOME}/nope does not exist"),
                            (["--cwd", HOME + "/nope", "--", "true"], "nope"),
                            (["--net", "sideways", "--", "true"], "--net"),
                            (["-p", "No_such", "--", "true"], "No_such"), (["-p", "No_such"], "-p No_such: no such package"),
                            (["-p", "No_such", "--", "nosuchcommand"], "-p No_such: no such package"),
                            (["-p", "No_such", "--app", "X", "--", "-c", "1"], "-p No_such: no such package"),
                            (["--result", "/no/dir/x", "--prompt", "never", "--", "true"], "--result"),
                            (["--cpus", "0", "--", "true"], "--cpus")):
            done = subprocess.run([APPSILO, "run", *words], capture_output=True, text=True, cwd=HOME,
                                  check=False)
            self.one_line(done, 125, said)

    def test_result_of_what_did_not_run(self):
        """It tells of this run, whoever found out, and never of the one before."""
        result = write(HOME + "/result.json", "{}")
        text = write(HOME + "/data/text", "no program\n")
        os.chmod(text, 0o755)
        for prompt in (self.prompter(), "never"):
            for options, command, code in (([], "nosuchcommand", 127), ([], "./nosuchcommand", 127), ([], "/etc/passwd", 126),
                                           ([], HOME + "/data", 126), (["--cwd", HOME + "/nope"], "true", 125),
                                           (["--allow-read", HOME + "/nope"], "true", 125), (["-p", "No_such"], "true", 125),
                                           (["--memory", "lots"], "true", 125), (["--allow-read", HOME + "/data"], text, 126)):
                write(result, '{"exit_code": 0, "reason": "an old one"}')
                done = self.run_app(command, prompt=prompt, options=("--result", result, *options))
                self.one_line(done, code)
                told = json.loads(read(result))
                self.assertEqual((told["exit_code"], told["signal"], told["reason"]), (code, None, "denied" if code == 126 else "failed"))
                self.assertEqual(f"appsilo: {told['error']}\n", done.stderr)

    def test_tool_usage(self):
        for words, code in ((["frob"], 2), (["grant", "/tmp"], 2), (["grant", "-p", FAMILY], 2),
                            (["grant", "-p", FAMILY, HOME + "/nope"], 1), (["revoke", "-p", FAMILY, "/x"], 1),
                            (["reset"], 2), (["why", "nope"], 1), (["consents", "--frob"], 2),
                            (["grant", "-p", "../x", "/tmp"], 2), (["help", "frob"], 2)):
            self.one_line(self.tool(*words, check=False), code)

    def test_a_program_without_a_package_may_be_named_by_its_identity(self):
        for prompt in (self.prompter(), "never"):
            self.assertEqual(self.run_app("true", prompt=prompt, options=("-p", self.family("true"))).returncode, 0)

    def test_what_names_nothing(self):
        for words in (["grant", "-p", FAMILY, ""], ["revoke", "-p", FAMILY, ""], ["consents", ""], ["reset", "-p", FAMILY, ""]):
            self.one_line(self.tool(*words, check=False), 1, "an empty PATH")
        for words in (["--version", "extra"], ["version", "extra"], ["help", "run", "extra"]):
            self.one_line(self.tool(*words, check=False), 2)
        self.tool("grant", "-p", FAMILY, "/usr")
        for words in (["/x"], ["--host", "example.org"]):
            done = self.tool("revoke", "-p", FAMILY, *words, check=False)
            self.one_line(done, 1, "no such rule")
            self.assertEqual(done.stdout, "")
        self.assertEqual(self.tool("revoke", "-p", FAMILY, "/x", "/usr").stdout.splitlines()[:2], ["removed 0 rules on /x", "removed 1 rule on /usr"])

    def test_a_mistyped_family_makes_no_rule(self):
        for family in ("bogus", "A_b", "A_0123456789ab", "A_0123456789abcd", "A_0123456789abu", "_0123456789abc", ".A_0123456789abc", "*"):
            for words in (["grant", "-p", family, "/usr"], ["grant", "-p", family, "--host", "example.org"], ["loopback", "add", family, "80"],
                          ["consents", "-p", family]):
                self.one_line(self.tool(*words, check=False), 2, family, "family name")
        self.assertEqual(self.tool("consents", "--json").stdout.strip(), "[]")

    def test_a_family_that_nothing_has_is_warned_of(self):
        for words in (["grant", "-p", FAMILY, "/usr"], ["grant", "-p", FAMILY, "--host", "example.org"], ["loopback", "add", FAMILY, "80"]):
            self.one_line(self.tool(*words), 0, FAMILY)
        family = self.family("true")
        for words in (["grant", "-p", family, "/usr"], ["grant", "--all-packages", "/usr"], ["loopback", "add", family, "80"]):
            self.assertEqual(self.tool(*words).stderr, "")
        rules = json.loads(self.tool("consents", "--json").stdout)
        self.assertEqual((len(rules), len({rule["id"] for rule in rules})), (6, 6))

    def test_what_an_older_version_let_in_can_be_taken_back(self):
        self.tool("grant", "-p", FAMILY, "/usr")
        with sqlite3.connect(STORE) as db:
            db.execute("update rules set family = 'bogus'")
        self.assertIn("removed 1 rule", self.tool("revoke", "-p", "bogus", "/usr").stdout)

    def test_non_utf8_path(self):
        path = os.fsencode(HOME) + b"/data/\xff\xfe"
        with open(path, "w") as file:
            file.write("bytes")
        self.answers({"path": os.fsdecode(path)})
        done = self.run_app("cat", path)
        self.assertEqual(done.stdout, "bytes", done.stderr)
        self.assertIn("\\xff\\xfe", self.tool("consents").stdout)
        os.unlink(path)

    def test_damaged_store_denies_everything_and_is_not_replaced(self):
        write(STORE, "this is not a database" * 10)
        for prompt in ("never", self.prompter()):
            done = self.run_app("true", prompt=prompt)
            self.one_line(done, 125, "damaged")
        self.one_line(self.tool("grant", "-p", FAMILY, "/usr", check=False), 1, "damaged")
        with open(STORE) as file:
            self.assertIn("not a database", file.read())

    def test_foreign_database_is_damaged_too(self):
        os.makedirs(os.path.dirname(STORE))
        with sqlite3.connect(STORE) as db:
            db.execute("create table rules (x)")
        self.assertIn("damaged", self.tool("consents", check=False).stderr)

    def test_store_that_was_only_begun(self):
        """As another process sees it while it is made, or as one leaves it that is killed before it has tables."""
        os.makedirs(os.path.dirname(STORE), mode=0o700)
        sqlite3.connect(STORE).execute("pragma journal_mode = wal").connection.close()
        self.assertGreater(os.path.getsize(STORE), 0)
        self.assertEqual(self.tool("consents", "--json").stdout.strip(), "[]")
        self.answers({"path": HOME + "/data/test.txt"})
        self.assertEqual(self.run_app("cat", HOME + "/data/test.txt").stdout, "hello\n")
        self.assertIn("test.txt", self.tool("consents", "--json").stdout)

    def test_damaged_row_denies(self):
        self.answers({"path": HOME + "/data/test.txt"})
        self.run_app("cat", HOME + "/data/test.txt")
        with sqlite3.connect(STORE) as db:
            db.execute("update rules set source = 'elsewhere' where verdict = 'allow'")
        done = self.run_app("cat", HOME + "/data/test.txt")
        self.assertIn("Permission denied", done.stderr)

    def test_locked_store(self):
        self.tool("grant", "-p", FAMILY, "--read", "/usr")
        db = sqlite3.connect(STORE, isolation_level=None)
        db.execute("begin exclusive")
        done = self.tool("grant", "-p", FAMILY, "--read", "/usr", check=False)
        self.one_line(done, 1, "locked")
        # An answer that cannot be stored holds for the run, with a warning.
        self.answers({"path": HOME + "/data/test.txt"})
        done = self.run_app("cat", HOME + "/data/test.txt", options=("--allow-read", HOME + "/work"))
        self.assertEqual(done.stdout, "hello\n", done.stderr)
        self.assertIn("locked", done.stderr)
        db.execute("rollback")

    def test_store_damaged_anywhere(self):
        """Whatever is overwritten: nobody crashes, and what no rule allows stays shut."""
        self.tool("grant", "--all-packages", "--read", HOME + "/work")
        for i in range(200):  # some pages of rules
            os.makedirs(f"{HOME}/work/{i}", exist_ok=True)
        self.tool("grant", "-p", FAMILY, "--read", *[f"{HOME}/work/{i}" for i in range(200)])
        db = sqlite3.connect(STORE)
        db.execute("pragma wal_checkpoint(truncate)")
        db.close()
        with open(STORE, "rb") as file:
            whole = file.read()
        said = set()
        for at in (0, 16, 18, 24, 60, 68, 100, 105, *range(512, len(whole), len(whole) // 24)):
            for name in os.listdir(os.path.dirname(STORE)):
                if name.startswith("consent.db-"):
                    os.unlink(os.path.dirname(STORE) + "/" + name)
            write(STORE, whole[:at] + bytes(b ^ 0xff for b in whole[at:at + 32]) + whole[at + 32:], "wb")
            done = self.run_app("cat", HOME + "/data/test.txt", prompt="agent:/nobody", options=("--quiet",))
            self.assertIn(done.returncode, (1, 125), f"{at}: {done.stderr}")
            self.assertEqual(done.stdout, "", at)
            said.add((done.returncode, "damaged" in done.stderr))
            done = self.tool("consents", "--json", check=False)
            self.assertIn(done.returncode, (0, 1), f"{at}: {done.stderr}")
            if done.returncode == 1:
                self.one_line(done, 1, "consent store")
        self.assertIn((125, True), said)

    def test_store_that_is_something_else(self):
        folder = os.path.dirname(STORE)
        self.tool("grant", "-p", FAMILY, "--read", "/usr")
        os.rename(STORE, folder + "/was")
        for name in ("consent.db-wal", "consent.db-shm"):
            if os.path.exists(f"{folder}/{name}"):
                os.unlink(f"{folder}/{name}")

        def newer():
            write(STORE, "")
            with open(folder + "/was", "rb") as was:
                write(STORE, was.read(), "wb")
            db = sqlite3.connect(STORE)
            db.execute("pragma user_version = 99")
            db.close()

        for make, remove in ((lambda: os.mkdir(STORE), os.rmdir),
                             (lambda: os.symlink(folder + "/was", STORE), os.unlink),
                             (lambda: os.symlink("/nowhere", STORE), os.unlink),
                             (lambda: os.mkfifo(STORE, 0o600), os.unlink),
                             (newer, os.unlink)):
            make()
            for mode in ("never", "agent:/nobody"):
                done = self.run_app("cat", HOME + "/data/test.txt", prompt=mode)
                self.assertEqual(done.stdout, "")
                self.one_line(done, 125, "appsilo: consent store: ")
            self.one_line(self.tool("grant", "-p", FAMILY, "/usr", check=False), 1, "consent store")
            remove(STORE)
        self.assertFalse(os.path.exists("/nowhere"))

    def test_profile_replaced_by_a_link_is_refused(self):
        family = self.family("true")
        profile = f"{HOME}/.local/share/appsilo/profiles/{family}"
        os.rename(profile, profile + ".was")
        os.makedirs(HOME + "/.ssh", exist_ok=True)
        os.symlink(HOME + "/.ssh", profile)
        done = self.run_app("true", prompt="never")
        self.one_line(done, 125, "profile")

    def test_too_many_words_and_long_paths(self):
        done = self.run_app("cat", "/" + "a" * 5000, prompt="never")
        self.assertEqual(done.returncode, 1)
        done = self.run_app("a" * 5000, prompt="never")
        self.assertEqual(done.returncode, 127)


main()
