# SPDX-License-Identifier: Apache-2.0
"""grant, revoke, consents, why and completion, as somebody new uses them."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, PLACE, Case, main, read, write  # noqa: E402

FILE = HOME + "/data/test.txt"
APP = "Some.App_1234567890abc"


class Decisions(Case):
    def rules(self, *words):
        return [(r["package"], r["path"], r["target"], r["access"], r["decision"])
                for r in json.loads(self.tool("consents", "--json", *words).stdout)]

    def test_dry_run_does_nothing_and_says_what_it_would(self):
        done = self.tool("grant", "-p", APP, "--write", HOME + "/data", "--dry-run", "--json")
        self.assertEqual(json.loads(done.stdout), [
            {"package": APP, "path": HOME + "/data", "target": "folder", "access": "write",
             "decision": "allow", "source": "grant", "done": False}])
        self.assertEqual(self.rules(), [])
        self.tool("grant", "-p", APP, HOME + "/data")
        self.assertIn("would remove 1 rule ", self.tool("revoke", "-p", APP, HOME + "/data", "--dry-run").stdout)
        self.assertEqual(len(self.rules()), 1)

    def test_several_paths_denies_and_every_app(self):
        self.tool("grant", "--all-packages", HOME + "/data", HOME + "/work")
        self.tool("grant", "-p", APP, "--deny", "--file", HOME + "/data/not-there")
        self.assertEqual(self.rules(), [("*", HOME + "/data", "folder", "read", "allow"),
                                        ("*", HOME + "/work", "folder", "read", "allow"),
                                        (APP, HOME + "/data/not-there", "file", "read", "deny")])
        self.assertEqual(len(self.rules(HOME + "/data")), 2)
        self.assertEqual(len(self.rules("-p", APP)), 1)
        done = json.loads(self.tool("revoke", "--all-packages", HOME + "/data", HOME + "/work", "--json").stdout)
        self.assertEqual([(r["removed"], r["done"]) for r in done], [(1, True), (1, True)])
        self.assertEqual(len(self.rules()), 1)

    def test_nothing_is_half_done(self):
        done = self.tool("grant", "-p", APP, HOME + "/data", HOME + "/nope", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.rules(), [])

    def test_a_grant_works_at_once_with_and_without_questions(self):
        family = self.family("cat", "/dev/null")
        self.tool("grant", "-p", family, HOME + "/data")
        for prompt in ("never", self.prompter()):
            self.assertEqual(self.run_app("cat", FILE, prompt=prompt).stdout, "hello\n")
        self.tool("grant", "-p", family, "--deny", "--file", FILE)
        for prompt in ("never", self.prompter()):
            self.assertEqual(self.run_app("cat", FILE, prompt=prompt).stdout, "", prompt)

    def test_mistakes_are_told_in_one_line(self):
        for words, said in ((["grnt"], "did you mean grant?"), (["ls"], "appsilo run -- ls"),
                            (["grant", "--raed", "/usr"], "did you mean --read?"),
                            (["grant", HOME], "-p FAMILY or --all-packages"),
                            (["revoke", "-p", APP, HOME], "appsilo consents"),
                            (["grant", "-p", APP, HOME + "/.ssh/id"], "does not exist"),
                            (["consents", "a", "b"], "one PATH")):
            done = self.tool(*words, check=False)
            self.assertIn(done.returncode, (1, 2))
            self.assertIn(said, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)


class Why(Case):
    def test_server_mode_says_what_was_reachable(self):
        result = PLACE + "/result.json"
        self.run_app("cat", HOME + "/work/x", FILE, prompt="never",
                     options=("--allow-read", HOME + "/data", "--result", result))
        end = json.loads(read(result))
        why = json.loads(self.tool("why", "--json", end["run"]).stdout)
        self.assertEqual([(w["kind"], w["exit_code"], w["cwd"], w["reachable"]) for w in why],
                         [("server-mode", 1, HOME + "/work", [{"path": HOME + "/data", "access": "read"}])])
        text = self.tool("why").stdout
        self.assertIn(f"read   {HOME}/data", text)
        self.assertIn(why[0]["allow"], text)

    def test_a_run_that_ends_well_leaves_no_record(self):
        self.run_app("true", prompt="never")
        self.assertEqual(json.loads(self.tool("why", "--json").stdout), [])

    def test_only_the_newest_are_kept(self):
        self.run_app("false", prompt="never")
        runs = HOME + "/.local/share/appsilo/runs"
        for i in range(150):
            write(f"{runs}/20000101-000000-{i}.jsonl", "{}\n")
        self.run_app("false", prompt="never")
        self.assertEqual(len(os.listdir(runs)), 100)


class Installed(Case):
    def test_a_moved_installation_finds_its_helpers(self):
        prefix = PLACE + "/moved here/usr"
        built = os.path.dirname(APPSILO)
        os.makedirs(prefix + "/bin")
        os.makedirs(prefix + "/libexec/appsilo")
        shutil.copy(APPSILO, prefix + "/bin/appsilo")
        for name in ("appsilo-broker", "appsilo-tool"):
            shutil.copy(f"{built}/{name}", f"{prefix}/libexec/appsilo/{name}")
        self.answers({"path": HOME + "/data"})
        for words in (["--version"], ["run", "--prompt", "never", "--", "true"],
                      ["run", "--prompt", self.prompter(), "--", "cat", FILE]):
            done = subprocess.run([prefix + "/bin/appsilo", *words], capture_output=True, text=True,
                                  cwd=HOME + "/work", check=False, timeout=60)
            self.assertEqual((done.returncode, done.stderr), (0, ""), words)


class Completion(Case):
    def complete(self, *words):
        """What bash offers for the last of @words."""
        script = ('source <("$0" completion bash); COMP_WORDS=("$0" "$@"); COMP_CWORD=$#; '
                  'set -- "$0"; _appsilo "$0"; printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "-c", script, APPSILO, *words], capture_output=True, text=True,
                              cwd=HOME, check=True, timeout=30)
        self.assertEqual(done.stderr, "")
        return done.stdout.split("\n")[:-1]

    def test_bash(self):
        self.assertEqual(self.complete("con"), ["consents"])
        self.assertIn("--allow-read", self.complete("run", "--allow-"))
        self.assertEqual(self.complete("grant", "--dr"), ["--dry-run"])
        family = self.family("cat", "/dev/null")
        self.assertEqual(self.complete("grant", "-p", "cat"), [family])
        os.makedirs(HOME + "/a folder", exist_ok=True)
        self.assertEqual(self.complete("grant", "-p", family, "a fo"), ["a folder"])
        self.assertEqual(self.complete("help", "rev"), ["revoke"])

    def test_other_shells_can_read_their_scripts(self):
        for shell in ("zsh", "fish"):
            script = self.tool("completion", shell).stdout
            self.assertIn("completion families", script)
            if shutil.which(shell):
                subprocess.run([shell, "-n"], input=script, text=True, check=True, timeout=30)


main()
