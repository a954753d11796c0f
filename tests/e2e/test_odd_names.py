# SPDX-License-Identifier: Apache-2.0
"""Names that are no text, hold newlines, or are as long as can be: every JSON is valid and tells
the very bytes, every line is one line, and what is printed is enough to take a decision back."""
import json
import os
import shlex
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, PLACE, Case, main, read, write  # noqa: E402

DATA = os.fsencode(HOME) + b"/data"
TEXT = (b"new\nline", b"tab\there", b"\"quoted'\\name", b"\x01\x1b[2J\x7f", "é\u202e日".encode(),
        "\uf8ff\uf880".encode(), rb"\xff", rb"\\xff", rb"\udcff", b" ", b"$(id)`id`", b"-rf", b"%s%n",
        b"\xf0\x9f\x98\x80")
BYTES = (b"\xff\xfe", b"\xed\xb2\x80", b"\xc3", b"\xf4\x90\x80\x80", b"\xc0\xaf", rb"\udcff", b"new\nline")


def long_path(byte):
    """As long as a path may be to be opened by name: 4,095 bytes."""
    path = DATA
    while len(path) < 3840:
        path += b"/" + byte * 250
        os.makedirs(path, exist_ok=True)
    return path + b"/" + byte * (4095 - len(path) - 1)


class OddNames(Case):
    def json_of(self, *words):
        """As strict as can be: UTF-8, and nothing but it."""
        done = subprocess.run([APPSILO, *words], capture_output=True, cwd=HOME, check=True)
        return json.loads(done.stdout.decode("utf-8", "strict"))

    def lines_of(self, path):
        with open(path, encoding="utf-8", errors="strict") as file:
            return [json.loads(line) for line in file.read().splitlines()]

    def check(self, path):
        audit, result = PLACE + "/audit", PLACE + "/result"
        for name in (audit, result):
            if os.path.exists(name):
                os.unlink(name)
        write(path, "in it\n")
        self.tool("reset", "--all")
        options = ("--allow-read", HOME + "/work", "--audit", audit, "--result", result)
        # Denied, and remembered: the question, the audit, the record, the rule.
        self.answers()
        asked = len(self.questions())
        done = self.run_app("python3", "-c", "import sys\ntry: open(sys.argv[1])\n"
                            "except PermissionError: print('EACCES')", path, options=options)
        self.assertEqual((done.stdout, done.stderr), ("EACCES\n", ""))
        self.assertEqual([os.fsencode(q["path"]) for q in self.questions()[asked:]], [path])
        denials = [line for line in self.lines_of(audit) if line["decision"] == "deny"]
        self.assertEqual([os.fsencode(line["path"]) for line in denials], [path])
        self.assertEqual(json.loads(read(result))["denied"], 1)
        why = self.json_of("why", "--json")
        self.assertEqual([os.fsencode(line["path"]) for line in why], [path])
        self.assertEqual(os.fsencode(shlex.split(why[0]["allow"])[-1]), path)
        self.assertEqual(self.tool("why").stdout.count("\n"), 4)
        rules = self.json_of("consents", "--json")
        self.assertEqual([(os.fsencode(r["path"]), r["decision"]) for r in rules], [(path, "deny")])
        # What why names really allows, and what consents prints takes it back.
        self.tool("revoke", "-p", why[0]["package"], os.fsencode(rules[0]["path"]))
        self.tool(*shlex.split(why[0]["allow"])[1:])
        done = self.run_app("cat", "--", path, options=options)
        self.assertEqual((done.returncode, done.stdout), (1, ""))  # another program
        _, line = self.tool("consents", "-p", why[0]["package"]).stdout.splitlines()
        shown = line[line.index("/"):]
        self.assertTrue(shown.isprintable(), shown)
        self.tool("revoke", "-p", why[0]["package"], shown)
        self.assertEqual(self.json_of("consents", "--json", "-p", why[0]["package"], os.fsdecode(path)), [])

    def test_names(self):
        for names in (TEXT, BYTES):
            with self.subTest(names):
                self.check(DATA + b"/" + b"/".join(names))

    def test_the_longest_paths(self):
        for byte in (b"a", b"\xff", b"\n", b"'"):
            with self.subTest(byte):
                self.check(long_path(byte))

    def test_a_data_home_that_is_no_text(self):
        home = os.fsencode(PLACE) + b"/data\xff\x1b[2J"
        env = {"XDG_DATA_HOME": os.fsdecode(home)}
        self.answers({"path": HOME + "/data/test.txt"})
        done = self.run_app("cat", HOME + "/data/test.txt", env=env)
        self.assertEqual(done.stdout, "hello\n", done.stderr)
        self.assertEqual(self.tool("list", "--json", env=env).stdout.strip(), "[]")
        why = json.loads(self.tool("why", "--json", env=env).stdout)
        self.assertEqual([line["path"] for line in why], [HOME + "/work"])
        write(home + b"/appsilo/consent.db", "damaged" * 100)
        for done in (self.tool("consents", env=env, check=False), self.run_app("true", env=env),
                     self.run_app("true", env=env, prompt="never")):
            self.assertRegex(done.stderr, r"^appsilo: consent store: [ -~]*data\\xff\\x1b[ -~]* is damaged[ -~]*\n$")


main()
