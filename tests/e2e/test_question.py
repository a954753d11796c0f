# SPDX-License-Identifier: Apache-2.0
"""The question on the person's own terminal: what it shows, what answers it, what does not."""
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import HOME, Case, main, read, write  # noqa: E402
from screen import appsilo, shell  # noqa: E402

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
        t.press("q")
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

    def test_keys(self):
        """Each key means what its line says; a key that is no answer is none."""
        other = write(HOME + "/data/sub/other.txt", "x")
        for key, code, rules in (("y", 0, [(FILE, "file", "allow")]), ("o", 0, []), ("s", 0, []),
                                 ("f", 0, [(HOME + "/data", "folder", "allow")]),
                                 ("n", 1, [(FILE, "file", "deny")]), ("\r", 1, [(FILE, "file", "deny")]),
                                 ("q", 1, []), ("\x1b", 1, []), ("\x04", 1, [])):
            self.tool("reset", "--all")
            t = cat()
            t.question()
            t.type("x")  # no answer: the question stays
            self.assertFalse(t.read_some(0.2), repr(key))
            t.type("d")  # not offered: no answer either
            self.assertFalse(t.read_some(0.2), repr(key))
            t.press(key)
            self.assertEqual(t.end()[1], code, (key, t.text()))
            self.assertEqual([(r["path"], r["target"], r["decision"]) for r in self.rules()], rules, key)
            self.assertTrue(all(r["access"] == "read" for r in self.rules()), key)
        self.assertEqual(read(other), "x")

    def test_interrupt_at_the_question_ends_the_program(self):
        t = appsilo("run", *WORK, "--", "sh", "-c", f"while :; do cat {FILE}; done")
        t.answer("\x03")
        rest, code = t.end()
        self.assertEqual(code, 130, t.text())
        self.assertFalse(os.path.exists(STORE))

    def test_interrupt_reaches_a_program_without_a_terminal(self):
        s = shell(HOME + "/work")
        s.type(f"$APPSILO run --allow-read . -- sh -c 'while :; do cat {FILE}; done' </dev/null >out 2>err\n")
        s.answer("\x03")
        s.wait_prompt()
        s.type("exit\n")
        s.end()

    def test_a_resize_or_a_child_that_ends_is_no_interrupt(self):
        """Outside, they do not make open() fail either; bash would say so."""
        t = appsilo("run", *WORK, "--", "bash", "-c",
                    f"trap : WINCH CHLD; sleep 0.3 & read x < {FILE}; echo GO''T $x")
        t.question()
        t.resize(30, 90)
        self.assertFalse(t.read_some(0.6))
        t.press("o")
        t.wait_for("GOT hello")
        t.end()

    def test_question_goes_when_nobody_waits(self):
        t = appsilo("run", *WORK, "--", "sh", "-c", f"cat {FILE} & sleep 0.5; kill -9 $!; wait; echo AF''TER")
        t.question()
        t.wait_for("(not needed any more)")
        t.wait_for("AFTER")
        self.assertEqual(t.end()[1], 0)

    def test_many_questions_then_everything_is_refused(self):
        files = [write(f"{HOME}/data/{i}.txt", "x") for i in range(9)]
        t = cat(*files)
        for i in range(5):
            shown = t.answer("q")
            self.assertNotIn("everything else", shown.rsplit("wants to", 1)[1])
        self.assertIn("d  no to everything else of this run", t.answer("d").rsplit("wants to", 1)[1])
        self.assertEqual(t.end()[1], 1)
        self.assertEqual(t.history().count("wants to read this file"), 6)
        self.assertFalse(os.path.exists(STORE))
        for path in files:
            os.unlink(path)

    def test_the_third_sibling_offers_the_folder_in_bold(self):
        files = [write(f"{HOME}/data/{i}.txt", "x") for i in range(4)]
        t = cat(*files)
        bold = []
        for _ in range(3):
            t.question()
            line = max(y for y in range(24) if "f  yes, always, all in" in t.screen.display[y])
            bold.append(t.screen.buffer[line][20].bold)
            t.press("o" if len(bold) < 3 else "f")
        self.assertEqual(bold, [False, False, True])
        self.assertEqual(t.end()[1], 0)  # the fourth is covered
        self.assertEqual([r["path"] for r in self.rules()], [HOME + "/data"])
        for path in files:
            os.unlink(path)


class Looks(Case):
    def test_narrow_terminal_wraps_and_cuts_nothing(self):
        path = write(HOME + "/data/" + "/".join(f"folder number {i} with a long name" for i in range(8)) + "/last", "x")
        t = cat(path, columns=40, rows=40)
        shown = t.answer("q")
        self.assertIn(path, "".join(t.screen.display))
        for line in ("  y  yes, always, this file", "  f  yes, always, all in this folder",
                     "  s  yes, until the program ends", "  o  yes, only this once",
                     "  n  no, and remember it", "  q  no, only this once", "  [No] ?"):
            self.assertIn(line, shown.splitlines())
        t.end()

    def test_spaces_cannot_make_a_line_of_their_own(self):
        path = write(HOME + "/data/a" + " " * 100 + "y  yes\u3000\u00a0x ", "x")
        t = cat(path)
        shown = t.answer("q").replace("\n", "")
        self.assertIn("a" + "\\x20" * 100 + r"y\x20\x20yes\xe3\x80\x80\xc2\xa0x\x20", shown)
        t.end()
        os.unlink(path)

    def test_no_colours(self):
        for env, sequences in (({"NO_COLOR": "1"}, True), ({"TERM": "dumb"}, False)):
            t = cat(env=env)
            t.wait_for("[No] ? ")
            self.assertNotIn(b"\x1b[1", t.raw)
            self.assertNotIn(b"\x1b[2m", t.raw)
            self.assertEqual(b"\x1b" in t.raw, sequences)
            t.press("q")
            self.assertEqual(t.end()[1], 1)

    def test_no_fancy_line_outside_utf8(self):
        t = cat(env={"LANG": "C", "LC_ALL": ""})
        self.assertIn("-- appsilo --", t.answer("q"))
        t.end()

    def test_careful_places_are_marked_and_not_widened(self):
        write(HOME + "/repo/.git/config", "x")
        os.makedirs(HOME + "/repo/.git/hooks", exist_ok=True)
        write(HOME + "/repo/.env", "x")
        write(HOME + "/.bashrc", "x")
        for script, word, folder in (
                (f"echo x > {HOME}/repo/.git/hooks/pre-commit", "git runs programs", False),
                (f"echo x > {HOME}/repo/.git/config", "git runs programs", False),
                (f"cat {HOME}/repo/.env", "passwords or keys", False),
                (f"cat {HOME}/.bashrc", "start-up file", False),
                (f"ls {HOME}", "your home folder", False),
                (f"echo x > {HOME}/repo/new.c", "with .git: hooks in it run outside", True),
                (f"cat {FILE}", "", True)):
            t = appsilo("run", *WORK, "--", "sh", "-c", script)
            shown = t.answer("q")
            self.assertIn(word, shown)
            self.assertEqual("careful:" in shown, not folder, script)
            self.assertEqual("all in this folder" in shown, folder, script)
            t.end()
        os.unlink(HOME + "/.bashrc")

    def test_what_the_app_left_on_the_terminal_does_not_hide_the_question(self):
        """Hidden text, a small scroll region, origin and insert mode, line drawing, a hidden cursor."""
        t = appsilo("run", *WORK, "--", "sh", "-c",
                    r"printf '\033[8m\033[30;40m\033[20;22r\033[?6h\033[4h\033[?5h\033(0\016\033[?25l\033[?7l\033]0;half';"
                    f"cat {FILE}")
        shown = t.question()
        self.assertIn("appsilo", shown)
        self.assertIn("wants to read this file:", shown)
        self.assertIn("[No] ?", shown)
        line = max(y for y in range(24) if "wants to" in t.screen.display[y])
        cell = t.screen.buffer[line][t.screen.display[line].index("wants")]
        self.assertEqual((cell.fg, cell.bg), ("default", "default"))
        self.assertFalse(t.screen.cursor.hidden)
        t.press("q")
        t.end()


class FullScreen(Case):
    def test_question_leaves_the_alternate_screen_and_the_program_paints_again(self):
        write(HOME + "/work/text", "".join(f"line {i}\n" for i in range(200)))
        t = appsilo("run", *WORK, "--", "less", "text")
        t.wait_shown("line 10\n")
        self.assertTrue(t.screen.is_alternate)
        t.type(f":e {FILE}\n")
        shown = t.question()
        self.assertFalse(t.screen.is_alternate)
        self.assertIn("wants to read this file", shown)
        self.assertNotIn("line 10", shown)
        t.press("y")
        t.wait_shown("hello\n")
        self.assertTrue(t.screen.is_alternate)
        self.assertEqual(t.leave("q")[1], 0)
        self.assertFalse(t.screen.is_alternate)
        # What stays on the normal screen is the question and its answer, nothing of less.
        self.assertIn("[No] ? yes, always\n\n", t.text())
        self.assertNotIn("hello", t.text())

    def test_denied_in_vi(self):
        write(HOME + "/work/text", "".join(f"line {i}\n" for i in range(10)))
        t = appsilo("run", *WORK, "--", "vi", "-u", "NONE", "text")
        t.wait_shown("line 9\n~")
        t.type(f":r {FILE}\n")
        t.answer("q")
        t.wait_shown("Can't open file")
        t.type("\n")
        t.wait_shown("line 9\n~")
        t.type(":q!\n")
        self.assertEqual(t.end()[1], 0)

    def test_mouse_does_not_keep_the_question_from_listening(self):
        t = appsilo("run", *WORK, "--", "sh", "-c", f"printf '\\033[?1003h\\033[?1006h'; cat {FILE}; echo; read x")
        t.question()
        self.assertIn(b"\x1b[?1003l\x1b[?1006l", t.raw)
        t.press("o")
        t.wait_for("hello")
        self.assertIn(b"\x1b[?1003h\x1b[?1006h", t.raw.rsplit(b"[No]", 1)[1])  # on again for the program
        t.type("\n")
        t.end()
        self.assertTrue(t.raw.endswith(b"\x1b[?1003l\x1b[?1006l"))

    def test_a_line_under_way_is_kept(self):
        t = appsilo("run", *WORK, "--", "python3", "-q")
        t.wait_for(">>> ")
        t.type(f"import threading, time; threading.Timer(0.5, lambda: open('{FILE}')).start()\n")
        t.wait_for(">>> ")
        t.type("print('half")
        t.answer("y")
        t.type(" done')\n")
        t.wait_for("half done\r\n")
        t.wait_for(">>> ")
        t.type("\x04")
        self.assertEqual(t.end()[1], 0)


main()
