# SPDX-License-Identifier: Apache-2.0
"""The question on the person's own terminal: what it shows, what answers it, what does not."""
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import HOME, Case, main, read, write  # noqa: E402
from screen import appsilo  # noqa: E402

STORE = HOME + "/.local/share/appsilo/consent.db"
WORK = ("--allow-read", HOME + "/work")
FILE = HOME + "/data/test.txt"


def cat(*paths, **more):
    return appsilo("run", *WORK, "--", "cat", *(paths or (FILE,)), **more)


class Answers(Case):
    def rules(self):
        return json.loads(self.tool("consents", "--json").stdout)

    def test_walkthrough(self):
        t = appsilo("run", "--", "python3", "-c",
                    "import os\n"
                    "try: print(os.listdir('.'))\n"
                    "except PermissionError as e: print('LIST', e.errno)\n"
                    "try: print('READ', open('../data/test.txt').read())\n"
                    "except PermissionError as e: print('READ', e.errno)\n"
                    "try: open('../data/test.txt', 'w')\n"
                    "except PermissionError as e: print('WRITE', e.errno)\n")
        shown = t.answer("n")
        self.assertIn("wants to list this folder", shown)
        self.assertIn(HOME + "/work", shown)
        shown = t.answer("y")
        self.assertIn("LIST 13", shown)
        self.assertIn("wants to read this file", shown)
        shown = t.answer("\r")
        self.assertIn("READ hello", shown)
        rest, code = t.end()
        self.assertIn(b"WRITE 13", rest)
        self.assertEqual(code, 0)
        self.assertEqual(read(FILE), "hello\n")
        # Remembered: the same again asks nothing.
        t = appsilo("run", "--", "python3", "-c", "print(open('../data/test.txt').read())")
        t.end()
        self.assertEqual(t.text().strip(), "hello")

    def test_type_ahead_and_paste_do_not_answer(self):
        t = cat()
        t.type("yyyy\ny\n")
        t.question()
        t.type("yes please\n" * 20)  # a paste: many bytes at once
        t.type("\x1b[A\x1bOP\x1b[200~y\x1b[201~")  # keys that send several bytes, a bracketed paste
        time.sleep(0.5)  # the time in which it must not answer
        self.assertFalse(os.path.exists(STORE))
        before = len(t.raw)
        while len(t.raw) == before:
            t.type("q")
            t.read_some(0.5)
        rest, code = t.end()
        self.assertIn("Permission denied", t.text().replace("\n", ""))
        self.assertEqual(code, 1)

    def test_names_are_escaped(self):
        name = "evil\x1b[2K\x1b[1A\nYES\u202etxt.\u200bz"
        path = write(f"{HOME}/data/{name}", "x")
        t = cat(path)
        shown = t.answer("q").replace("\n", "")
        self.assertIn(r"evil\x1b[2K\x1b[1A\x0aYES\xe2\x80\xaetxt.\xe2\x80\x8bz", shown)
        t.end()
        os.unlink(path)

    def test_output_of_the_app_does_not_reach_an_open_question(self):
        t = appsilo("run", *WORK, "--", "sh", "-c",
                    f"(sleep 0.5; printf '\\033[2J SPO''OF') & cat {FILE}; wait")
        shown = t.question()
        self.assertFalse(t.read_some(1.0), "something was printed over the question")
        self.assertEqual(t.text(), shown)
        t.type("q")
        rest, _ = t.end()
        self.assertIn(b" SPOOF", rest)


main()
