# SPDX-License-Identifier: Apache-2.0
"""appsilo log, and the filters of appsilo consents."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, PLACE, Case, main, read, write  # noqa: E402

AUDIT = PLACE + "/audit.jsonl"
DATA = HOME + "/data"


class Log(Case):
    def setUp(self):
        super().setUp()
        if os.path.exists(AUDIT):
            os.unlink(AUDIT)

    def audited(self, *command):
        return self.run_app(*command, options=("--audit", AUDIT, "--net", "none"))

    def log(self, *words):
        return json.loads(self.tool("log", "--json", *words).stdout)

    def test_audit_file_and_filters(self):
        self.answers({"path": DATA + "/test.txt"})
        write(DATA + "/other/x", "x")
        self.audited("sh", "-c", f"cat {DATA}/test.txt {DATA}/other/x")
        everything = self.log(AUDIT)
        self.assertEqual([json.loads(line) for line in read(AUDIT).splitlines()], everything)
        family = everything[0]["package"]
        for words, paths in ((("--denied", "--path", DATA), [DATA + "/other/x"]),
                             (("--allowed",), [DATA + "/test.txt"]),
                             (("--path", DATA + "/other"), [DATA + "/other/x"]),
                             (("--path", DATA, "--kind", "file", "-p", family, "--since", "1h"),
                              [DATA + "/test.txt", DATA + "/other/x"]),
                             (("--kind", "network"), []), (("-p", "Other_x"), []), (("--since", "2100-01-01"), [])):
            self.assertEqual([line["path"] for line in self.log(*words, AUDIT)], paths, words)
        text = self.tool("log", "--denied", "--path", DATA, AUDIT).stdout
        self.assertRegex(text, rf"^\S+Z deny  read open {DATA}/other/x \(rule on {DATA}/other/x; {family} pid \d+\)\n$")

    def test_run_records_are_read_oldest_first(self):
        self.assertEqual(self.tool("log").stdout, "nothing is on record\n")
        for name in ("a", "b"):
            write(f"{DATA}/{name}", "x")
            self.run_app("cat", f"{DATA}/{name}")
        self.assertEqual([line["path"] for line in self.log("--path", DATA)], [DATA + "/a", DATA + "/b"])

    def test_names_are_shown_escaped_and_damage_too(self):
        name = "new\nline\u202e\x1b[2J"
        write(f"{DATA}/{name}", "x")
        self.audited("cat", f"{DATA}/{name}")
        with open(AUDIT, "ab") as file:
            file.write(b"\x1b]0;title\x07 no record\n{\"half\":")
        text = self.tool("log", AUDIT).stdout
        self.assertIn("new\\x0aline\\xe2\\x80\\xae\\x1b[2J", text)
        self.assertIn("damaged line: \\x1b]0;title\\x07 no record\n", text)
        self.assertNotIn("\x1b", text)
        self.assertEqual([line["damaged"] for line in self.log(AUDIT) if "damaged" in line],
                         ["\x1b]0;title\x07 no record", "{\"half\":"])
        self.assertNotIn("damaged", self.tool("log", "--denied", AUDIT).stdout)

    def test_follow_shows_what_comes(self):
        self.run_app("cat", DATA + "/test.txt")
        for files in ((), (AUDIT,)):
            write(AUDIT, "")
            with subprocess.Popen([APPSILO, "log", "--follow", "--json", "--path", DATA, *files], text=True,
                                  stdout=subprocess.PIPE) as log:
                if not files:  # what is there already
                    self.assertEqual(json.loads(log.stdout.readline())["path"], DATA + "/test.txt")
                name = f"{DATA}/later{len(files)}"
                write(name, "x")
                self.audited("cat", name)
                self.assertEqual(json.loads(log.stdout.readline())["path"], name)
                log.terminate()

    def test_wrong_use_is_one_line(self):
        for words in (("--kind", "x"), ("--since", "yesterday"), ("--denied", "--allowed"), ("--since", "2026-13-01")):
            self.one_line(self.tool("log", *words, check=False), 2, "log: ")
        self.one_line(self.tool("log", HOME + "/missing", check=False), 1, "missing")

    def test_consents_by_access_decision_and_kind(self):
        self.tool("grant", "-p", "A_0123456789abc", "--write", DATA)
        self.tool("grant", "-p", "A_0123456789abc", "--deny", DATA + "/test.txt")
        self.tool("grant", "-p", "A_0123456789abc", "--host", "example.org")

        def listed(*words):
            return [r.get("path", r.get("host")) for r in json.loads(self.tool("consents", "--json", *words).stdout)]
        self.assertEqual(listed("--access", "write"), [DATA])
        self.assertEqual(listed("--decision", "deny"), [DATA + "/test.txt"])
        self.assertEqual(listed("--kind", "network"), ["example.org"])
        self.assertEqual(listed("--kind", "file", "--decision", "allow"), [DATA])
        self.assertEqual(self.tool("consents", "--kind", "network", "--decision", "deny").stdout, "no such decisions\n")
        self.one_line(self.tool("consents", "--access", "x", check=False), 2, "--access")


main()
