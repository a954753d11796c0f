# SPDX-License-Identifier: Apache-2.0
"""The capability profiler: what is recorded, what is made of it, and that it is enough."""
import csv
import glob
import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, PLACE, Case, facts, main, read, write  # noqa: E402
import package_maker  # noqa: E402
import packaged  # noqa: E402

WORK, DATA = HOME + "/work", HOME + "/data"
# What the walkthrough does, each step so that a refusal does not keep the next from being tried.
SCRIPT = """
import os, sys
def attempt(what, f):
    try:
        print(what, f())
    except Exception as e:
        print(what, type(e).__name__)
attempt("list", lambda: sorted(os.listdir(".")) and "ok")
attempt("write", lambda: open("../data/test.txt", "w").write("new"))
sys.path.append("../data")
sys.dont_write_bytecode = True
attempt("import", lambda: __import__("example").value)
"""
RESCAP = "{http://schemas.microsoft.com/appx/manifest/foundation/windows10/restrictedcapabilities}"
OURS = "{https://appsilo.org/manifest/1}"


class Profiling(Case):
    """What both below need."""

    def setUp(self):
        super().setUp()
        for path in (WORK, DATA, HOME + "/out", HOME + "/many"):
            shutil.rmtree(path, ignore_errors=True)
        self.script = write(WORK + "/script.py", SCRIPT)
        write(DATA + "/test.txt", "hello\n")
        write(DATA + "/example.py", "value = 42\n")

    def start(self, *words, cwd=WORK, check=True, **more):
        done = subprocess.run([APPSILO, "profile", "start", *words], cwd=cwd, capture_output=True, text=True,
                              timeout=60, stdin=subprocess.DEVNULL, check=False, **more)
        if check:
            self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def report(self, *words):
        return json.loads(self.tool("profile", "report", "--json", *words).stdout)

    def needs(self, *words):
        return {(n["access"], n["path"]) for n in self.report(*words)["needs"]}

    def run_line(self, line, **more):
        """A line as a person would copy it."""
        folder = PLACE + "/path"
        os.makedirs(folder, exist_ok=True)
        if not os.path.exists(folder + "/appsilo"):
            os.symlink(APPSILO, folder + "/appsilo")
        return subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, check=False,
                              stdin=subprocess.DEVNULL,
                              env={**os.environ, "PATH": folder + ":" + os.environ["PATH"]}, **more)

    def records(self, path):
        with open(path, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))


class Profile(Profiling):
    def test_walkthrough_allowed_gives_just_what_it_needs(self):
        done = self.start("--allow", "--", "python3", "script.py")
        self.assertEqual(done.stdout, "list ok\nwrite 3\nimport 42\n", done.stderr)
        report = self.report()
        self.assertEqual({(n["access"], n["path"]) for n in report["needs"]},
                         {("read", self.script), ("list", WORK), ("write", DATA + "/test.txt"),
                          ("list", DATA), ("read", DATA + "/example.py")})
        self.assertEqual((report["hosts"], report["refused"]), ([], []))
        self.assertEqual(len(report["commands"]), 1)
        result = PLACE + "/audit.jsonl"
        line = report["commands"][0].replace("--prompt never", f"--prompt never --result {result}")
        write(DATA + "/test.txt", "hello\n")
        done = self.run_line(line)
        self.assertEqual((done.returncode, done.stdout), (0, "list ok\nwrite 3\nimport 42\n"), done.stderr)
        self.assertEqual(read(DATA + "/test.txt"), "new")
        # With somebody who says no to every question, none but the one about where it starts.
        line = report["commands"][0].replace("--prompt never", f"--prompt '{self.prompter()}' --result {result}")
        done = self.run_line(line)
        self.assertEqual(done.stdout, "list ok\nwrite 3\nimport 42\n", done.stderr)
        self.assertEqual((self.asked(), json.loads(read(result))["denied"]), ([], 0))

    def test_denied_changes_nothing_and_finds_what_was_tried(self):
        before = facts(DATA + "/test.txt")
        done = self.start("--", "python3", "-c", SCRIPT)
        self.assertEqual(done.stdout, "list PermissionError\nwrite PermissionError\nimport ModuleNotFoundError\n",
                         done.stderr)
        self.assertEqual(facts(DATA + "/test.txt"), before)
        self.assertEqual(self.needs(), {("list", WORK), ("list", DATA), ("write", DATA + "/test.txt")})
        self.assertEqual(self.questions(), [])
        why = json.loads(self.tool("why", "--json").stdout)
        self.assertEqual({line["source"] for line in why}, {"profile"})

    def test_never_list_and_refusals_are_not_let_through(self):
        secret = write(HOME + "/.ssh/id_test", "secret\n")
        write(DATA + "/refused", "x\n")
        write(HOME + "/.bashrc", "x\n")
        done = self.start("--allow", "--deny", DATA + "/refused", "--", "python3", "-c",
                          "import os\n"
                          f"for p, m in (({secret!r}, 'r'), ({DATA!r} + '/refused', 'r'), ({HOME!r} + '/.bashrc', 'a')):\n"
                          "    try: open(p, m).close(); print('opened', p)\n"
                          "    except OSError as e: print(type(e).__name__)\n"
                          f"print(os.path.exists({HOME!r} + '/.local/share/appsilo/consent.db'))\n")
        self.assertEqual(done.stdout, "FileNotFoundError\nPermissionError\nPermissionError\nFalse\n", done.stderr)
        report = self.report()
        self.assertEqual(report["needs"], [])
        self.assertEqual({(r["path"], r["source"]) for r in report["refused"]},
                         {(DATA + "/refused", "rule"), (HOME + "/.bashrc", "never-list")})
        self.assertNotIn("--allow-", report["commands"][0].split(" -- ")[0].replace("--deny", ""))
        os.unlink(HOME + "/.bashrc")

    def test_what_is_let_through_is_no_rule(self):
        self.start("--allow", "--", "cat", DATA + "/test.txt")
        self.assertEqual(json.loads(self.tool("consents", "--json").stdout), [])
        done = self.run_app("cat", DATA + "/test.txt", prompt="never")
        self.assertIn("Permission denied", done.stderr)

    def test_each_access_is_recorded_once_with_what_would_allow_it(self):
        self.start("--allow", "--", "sh", "-c", "for i in 1 2 3; do cat ../data/test.txt; done; echo > ../data/new")
        self.tool("profile", "report", "-o", HOME + "/out")
        rows = [r for r in self.records(HOME + "/out/AccessAttemptRecords.csv") if r["kind"] == "file"]
        self.assertEqual([(r["operation"], r["path"], r["access"], r["exists"], r["result"], r["source"])
                          for r in rows],
                         [("open", DATA + "/test.txt", "read", "yes", "allowed", "no-rule"),
                          ("create", DATA + "/new", "write", "no", "allowed", "no-rule")])
        self.assertEqual(rows[0]["allow"], f"appsilo grant -p {rows[0]['package']} --read {DATA}/test.txt")
        self.assertTrue(rows[0]["program"].endswith("/cat"), rows[0])
        self.assertGreater(int(rows[0]["pid"]), 0)
        # A name that is made needs its folder.
        self.assertIn(("write", DATA), self.needs())

    def test_many_files_become_folders(self):
        for i in range(300):
            write(f"{HOME}/many/d{i % 10}/f{i}", "x")
        self.start("--allow", "--", "sh", "-c", f"cat {HOME}/many/*/* {DATA}/test.txt")
        self.assertEqual(self.needs(), {("read", HOME + "/many"), ("read", DATA + "/test.txt"),
                                        } | {n for n in self.needs() if n[0] == "list"})
        self.assertLessEqual(len(self.needs()), 3)

    def test_odd_names_stay_one_line_and_come_back(self):
        names = ["a,b", 'quote"', "new\nline", "<script>", "\u202egpj.exe", "back\\slash", "$(x) 'y'", b"\xff\xfe"]
        for name in names:
            path = os.path.join(DATA.encode(), name if isinstance(name, bytes) else name.encode())
            with open(path, "wb") as file:
                file.write(b"x")
        for name in names:  # each alone, so that they are not folded
            path = os.path.join(DATA.encode(), name if isinstance(name, bytes) else name.encode())
            self.start("--allow", "--", "cat", path)
            self.tool("profile", "report", "-o", HOME + "/out", "--html")
            text = read(HOME + "/out/AccessAttemptRecords.csv", "rb")
            self.assertEqual(text.count(b"\n"), 3, text)
            html = read(HOME + "/out/report.html")
            for bad in ("<script", "\u202e", "new\nline"):
                self.assertNotIn(bad, html)
            done = self.run_line(self.report()["commands"][0])
            self.assertEqual((done.returncode, done.stdout), (0, "x"), (name, done.stderr))

    def test_merging_three_runs_equals_all_three(self):
        for name in ("a", "b", "c"):
            write(f"{DATA}/{name}", name)
        runs = []
        for i, name in enumerate(("a", "b", "c")):
            self.start("--allow", "--", "cat", f"{DATA}/{name}")
            self.tool("profile", "report", "-o", f"{HOME}/out{i}")
            runs.append(f"{HOME}/out{i}")
        family = self.report()["package"]
        self.tool("profile", "report", "-p", family, "-o", HOME + "/out")
        self.tool("profile", "merge", *runs, "-o", HOME + "/merged")
        for name in ("AccessAttemptRecords.csv", "summary.txt"):
            self.assertEqual(read(f"{HOME}/merged/{name}"), read(f"{HOME}/out/{name}"))
        self.tool("profile", "merge", HOME + "/merged", *runs, "-o", HOME + "/again")
        self.assertEqual(read(HOME + "/again/AccessAttemptRecords.csv"), read(HOME + "/out/AccessAttemptRecords.csv"))
        merged = json.loads(self.tool("profile", "merge", "--json", *runs).stdout)
        self.assertEqual({n["path"] for n in merged["needs"]}, {f"{DATA}/{n}" for n in "abc"})
        self.assertEqual(len(merged["runs"]), 3)

    def test_bad_input_is_one_line(self):
        self.start("--allow", "--", "cat", DATA + "/test.txt")
        self.tool("profile", "report", "-o", HOME + "/out")
        good = read(HOME + "/out/AccessAttemptRecords.csv")
        head, start, row = good.splitlines()
        for text, words in (("", ("is no AccessAttemptRecords.csv",)), ("a,b\n", ("is no AccessAttemptRecords.csv",)),
                            (good[:-3], (":3:", "cut off")), (good.replace("read", "reed"), (":3:", "column access")),
                            (good.replace("file,open", "file,open,x"), (":3:",)),
                            (good.replace("\n" + row, "\n" + row.replace(",file,", ',"file,')), (":3:",)),
                            (good.replace(DATA + "/test.txt", "\\x2fetc"), (":2:", "column allow")),
                            (good.replace("2026", "20z6").replace("2027", "20z7"), ("column time",)),
                            (head + "\n", ("no record",)), (good + "\n", (":4:", "column time"))):
            if text == good:
                continue
            write(HOME + "/bad.csv", text)
            done = self.tool("profile", "merge", HOME + "/bad.csv", check=False)
            self.one_line(done, 1, *words)
        write(HOME + "/bad.csv", good + "\0")
        self.one_line(self.tool("profile", "merge", HOME + "/bad.csv", check=False), 1, "NUL")
        write(HOME + "/bad.xml", "<Package>")
        self.one_line(self.tool("profile", "merge", HOME + "/bad.xml", "-o", HOME + "/out", check=False), 1, "bad.xml")
        self.one_line(self.tool("profile", "merge", HOME + "/missing", check=False), 1, "missing")
        for words in (("report", "--html"), ("merge",), ("stop", "--json"), ("frob",), ("start",), ("merge", "--run", "x", "y"),
                      ("report", "x")):
            self.one_line(self.tool("profile", *words, check=False), 2, "profile")
        self.one_line(self.tool("profile", "report", "-p", "../x_y", check=False), 1, "nothing is on record")
        self.one_line(self.tool("profile", "start", "-p", "No.Such_1234567890123", check=False), 1, "no such package")

    def test_foreign_words_are_not_made_a_command(self):
        self.start("--allow", "--", "cat", DATA + "/test.txt")
        self.tool("profile", "report", "-o", HOME + "/out")
        text = read(HOME + "/out/AccessAttemptRecords.csv")
        write(HOME + "/out/AccessAttemptRecords.csv", text.replace("-- cat", "; touch /x -- cat"))
        merged = json.loads(self.tool("profile", "merge", "--json", HOME + "/out").stdout)
        self.assertNotIn("touch", merged["commands"][0])
        self.assertIn("left out", merged["commands"][0])


PACKAGED = """#!/bin/sh
ls "$APPSILO_TEST_HOME" >/dev/null
cat "$APPSILO_TEST_HOME/data/test.txt"
echo kept > "$APPSILO_TEST_SHARED/state"
"""


class Package(Profiling):
    """The same for a package that may not ask."""

    def install(self, manifest=None, version="1.0.0.0"):
        path = PLACE + "/tool.msix"
        fields = {"capabilities": "", "version": version}
        if manifest is None:
            package_maker.make(path, signed=False, **fields)
            tree = PLACE + "/package-tree"
        else:
            tree = PLACE + "/package-tree"
            shutil.copy(manifest, tree + "/AppxManifest.xml")
        write(tree + "/bin/tool", PACKAGED.replace("$APPSILO_TEST_HOME", HOME).replace("$APPSILO_TEST_SHARED", self.shared))
        os.chmod(tree + "/bin/tool", 0o755)
        if os.path.exists(path):
            os.unlink(path)
        package_maker.tool("pack", tree, "-o", path)
        package_maker.sign(path)
        self.tool("install", path)

    def setUp(self):
        super().setUp()
        package_maker.trust()
        self.id = packaged.publisher_id("CN=Contoso")
        self.family = "Contoso.Tool_" + self.id
        self.shared = f"{HOME}/.local/share/Shared_{self.id}"
        os.makedirs(self.shared)
        self.install()

    def tearDown(self):
        self.tool("uninstall", self.family, check=False)

    def start_package(self):
        return subprocess.run([APPSILO, "run", "-p", self.family, "--app", "App"], cwd=WORK, capture_output=True, text=True,
                              timeout=60, stdin=subprocess.DEVNULL, check=False)

    def test_package_with_what_was_found_is_refused_nothing(self):
        self.tool("profile", "start", "--allow", "-p", self.family)
        for _ in range(2):
            done = self.start_package()
            self.assertEqual(done.stdout, read(DATA + "/test.txt"), done.stderr)
        self.assertIn(self.family, self.tool("profile", "stop").stdout)
        self.assertIn("nothing was being profiled", self.tool("profile", "stop").stdout)
        report = self.report("-p", self.family)
        self.assertEqual(len(report["runs"]), 2)
        self.assertEqual(set(report["capabilities"]), {"isolatedWin32-userProfileMinimal",
                                                      "isolatedWin32-accessToPublisherDirectory"})
        self.assertEqual(report["commands"], [f"appsilo grant -p {self.family} --read --file {DATA}/test.txt"])
        # Not profiled any more: it is refused.
        self.assertNotEqual(self.start_package().returncode, 0)
        mine = shutil.copy(PLACE + "/package-tree/AppxManifest.xml", HOME + "/mine.xml")
        self.tool("profile", "report", "-p", self.family, "--manifest", mine, "-o", HOME + "/out")
        text = read(mine)
        tree = ET.fromstring(text)
        self.assertEqual([c.get("Name") for c in tree.iter(RESCAP + "Capability")],
                         ["isolatedWin32-userProfileMinimal", "isolatedWin32-accessToPublisherDirectory"])
        self.assertRegex(text, r"(?s)<!-- privacy-sensitive.*?-->\s*<rescap:Capability Name=\"isolatedWin32-userProfileMinimal\"/>")
        self.assertRegex(text, r"<!--<rescap:Capability Name=\"isolatedWin32-promptForAccess\"/>-->")
        # Once more adds nothing.
        self.tool("profile", "report", "-p", self.family, "--manifest", mine)
        self.assertEqual(read(mine), text)
        self.install(write(mine, text.replace('Version="1.0.0.0"', 'Version="1.0.0.1"')))
        self.run_line(report["commands"][0])
        os.unlink(self.shared + "/state")
        done = self.start_package()
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "hello\n", ""))
        self.assertEqual(read(self.shared + "/state"), "kept\n")

    def test_manifest_of_another_package_is_copied(self):
        self.tool("profile", "start", "--allow", "-p", self.family)
        self.start_package()
        other = write(HOME + "/other.xml", package_maker.MANIFEST.format(
            **{**package_maker.DEFAULTS, "name": "Contoso.Other", "capabilities": ""}))
        before = read(other)
        self.one_line(self.tool("profile", "report", "-p", self.family, "--manifest", other, check=False), 1, "-o DIR")
        self.tool("profile", "report", "-p", self.family, "--manifest", other, "-o", HOME + "/out")
        self.assertEqual(read(other), before)
        copy = read(f"{HOME}/out/{self.family}/other.xml")
        self.assertIn("isolatedWin32-userProfileMinimal", copy)
        self.assertIn('Name="Contoso.Other"', copy)

    def test_installed_manifest_is_taken_and_manifests_merge(self):
        self.tool("profile", "start", "--allow", "-p", self.family)
        self.start_package()
        self.tool("profile", "report", "-p", self.family, "-o", HOME + "/out")
        self.assertIn("userProfileMinimal", read(HOME + "/out/AppxManifest.xml"))
        plain = shutil.copy(PLACE + "/package-tree/AppxManifest.xml", HOME + "/plain.xml")
        self.tool("profile", "merge", plain, HOME + "/out/AppxManifest.xml", "-o", HOME + "/merged")
        names = [c.get("Name") for c in ET.fromstring(read(HOME + "/merged/AppxManifest.xml")).iter(RESCAP + "Capability")]
        self.assertEqual(sorted(names), ["isolatedWin32-accessToPublisherDirectory", "isolatedWin32-userProfileMinimal"])

    def test_a_damaged_mark_does_not_run_unprofiled(self):
        self.tool("profile", "start", "-p", self.family)
        mark = glob.glob(HOME + "/.local/share/appsilo/profiling/*/on")[0]
        write(mark, "perhaps")
        done = self.start_package()
        self.assertEqual(done.returncode, 125)
        self.assertIn("--profile", done.stderr)
        self.tool("profile", "stop")


main()
