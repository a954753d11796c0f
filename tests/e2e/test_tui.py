# SPDX-License-Identifier: Apache-2.0
"""appsilo settings --tui at a real pseudo-terminal, with a model of what its screen shows."""
import json
import os
import sqlite3
import subprocess
import sys
import termios
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, Case, main, read, write  # noqa: E402
from screen import appsilo  # noqa: E402

DATA = HOME + "/data"
STORE = HOME + "/.local/share/appsilo/consent.db"
ONE, TWO = "App.One_8wekyb3d8bbwe", "App.Two_8wekyb3d8bbwe"
PROGRAM = os.path.join(os.path.dirname(os.path.realpath(APPSILO)), "appsilo-tui")
NO_DISPLAY = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}


@unittest.skipUnless(os.path.exists(PROGRAM), "built without ncurses")
class Tui(Case):
    def setUp(self):
        super().setUp()
        for name in ("two", "another"):
            os.makedirs(f"{HOME}/{name}", exist_ok=True)
        self.tool("grant", "-p", ONE, "--read", DATA)
        self.tool("grant", "-p", ONE, "--deny", HOME + "/work")
        self.tool("grant", "-p", TWO, "--write", HOME + "/two")
        self.tool("grant", "-p", TWO, "--host", "example.org:443")

    # vt220: pyte knows all that it is sent.
    def open(self, *words, rows=24, columns=160, env=None):
        t = appsilo("settings", *(words or ("--tui",)), rows=rows, columns=columns,
                    env={"TERM": "vt220", "LC_ALL": "C.UTF-8", **NO_DISPLAY, **(env or {})})
        self.addCleanup(self.leave, t)
        t.wait_shown("q quit")
        return t

    @staticmethod
    def leave(t):
        if t.pid:
            t.type("q")
            t.end()

    def quit(self, t):
        t.type("q")
        code = t.end()[1]
        t.pid = 0
        self.assertEqual(code, 0)

    def rules(self):
        return {(r["package"], r.get("path", r.get("host")), r.get("access"), r["decision"])
                for r in json.loads(self.tool("consents", "--json").stdout)}

    def selected(self, t):
        """The line in reverse, below the head."""
        lines = [y for y in range(2, t.screen.lines) if t.screen.buffer[y][0].reverse]
        return t.screen.display[lines[0]].rstrip() if len(lines) == 1 else ""

    def wait_selected(self, t, text):
        """A frame comes in parts: what is looked at once may be half of one."""
        t.until(lambda: text in self.selected(t), f"{text} selected")

    def test_list_pages_and_search(self):
        t = self.open()
        self.wait_selected(t, "May read ")
        for text in (DATA, HOME + "/two", ONE, "with all in it, granted, 20", "not used since"):
            self.assertIn(text, t.text())
        self.assertNotIn("example.org", t.text())
        t.type("\t")
        t.wait_shown("May connect")
        self.wait_selected(t, "example.org:443")
        t.type("\t")
        t.wait_shown("Nothing was denied")
        t.type("1/two")
        t.wait_shown("Search: two_")
        t.wait_gone(DATA)
        t.type("\r")
        t.wait_shown("d remove")
        self.wait_selected(t, HOME + "/two")
        t.type("/\x1b")
        t.wait_shown(DATA)
        self.quit(t)

    def test_remove_and_undo(self):
        t = self.open()
        before = self.rules()
        t.type("d")
        t.wait_shown("Removed;")
        self.assertEqual(before - self.rules(), {(ONE, DATA, "read", "allow")})
        t.type("u")
        t.wait_shown("It is as it was.")
        self.assertEqual(self.rules(), before)
        t.type("u")
        t.wait_shown("nothing to take back")
        # What was decided since is not written over.
        t.type("g")
        t.type("d")
        t.wait_shown("Removed;")
        gone, = before - self.rules()
        self.tool("grant", "-p", ONE, "--deny", gone[1])
        t.type("u")
        t.wait_shown("changed elsewhere")
        self.assertIn((ONE, gone[1], "read", "deny"), self.rules())
        self.quit(t)

    def test_change_and_reset(self):
        t = self.open()
        for keys, want in (("cw", ("write", "allow")), ("cn", ("read", "deny")), ("cr", ("read", "allow"))):
            t.type(keys[0])
            t.wait_shown("n no access")
            t.type(keys[1])
            t.wait_shown("Changed.")
            self.assertIn((ONE, DATA, *want), self.rules())
        before = self.rules()
        for keys in ("cq", "c\x1b", "rn", "r\r"):
            t.type(keys[0])
            t.wait_shown("Esc leave" if keys[0] == "c" else "Forget all decisions of " + ONE)
            t.type(keys[1:])
            t.wait_shown("Nothing was")
        self.assertEqual(self.rules(), before)
        t.type("r")
        t.wait_shown("Forget all decisions of " + ONE)
        t.type("y")
        t.wait_shown("it asks again")
        self.assertEqual({r[0] for r in self.rules()}, {TWO})
        t.type("2")
        t.wait_shown("May connect")
        t.type("cn")
        t.wait_shown("May not connect")
        self.assertIn((TWO, "example.org", None, "deny"), self.rules())
        self.quit(t)

    def test_add(self):
        t = self.open()
        before = self.rules()
        for page, what, key, want in (("1", "~/another", "w", (ONE, HOME + "/another", "write", "allow")),
                                      ("1", DATA + "/nothing", "n", (ONE, DATA + "/nothing", "read", "deny")),
                                      ("1", DATA + "/x\x7ftest.txt", "r", (ONE, DATA + "/test.txt", "read", "allow")),
                                      ("2", "*.Example.com", "a", (TWO, "*.example.com", None, "allow")),
                                      ("2", "example.net:80", "n", (TWO, "example.net", None, "deny"))):
            t.type(page + "gn")
            t.wait_shown(f"for {want[0]}: _")
            t.type(what + "\r")
            t.wait_shown("Esc leave it")
            t.wait_gone("Enter go on")
            t.type(key)
            t.wait_shown("Added.")
            self.assertIn(want, self.rules())
        self.assertEqual(len(self.rules()), len(before) + 5)
        targets = {r["path"]: r["target"] for r in json.loads(self.tool("consents", "--json").stdout) if "path" in r}
        self.assertEqual((targets[HOME + "/another"], targets[DATA + "/test.txt"]), ("folder", "file"))
        self.quit(t)

    def test_what_cannot_be_added(self):
        t = self.open()
        before = self.rules()
        for page, what, key, why in (("1", "data", "r", "write the whole path"), ("1", DATA + "/nothing", "r", "it is not there"),
                                     ("1", "~/.ssh/../.bashrc", "w", "always protected"), ("1", "/dev/../x" * 300, "r", "not"),
                                     ("2", "a b", "a", "a b"), ("2", "169.254.169.254", "a", "169.254"), ("2", "host:99999", "n", "99999")):
            write(HOME + "/.bashrc", "")
            os.makedirs(HOME + "/.ssh", exist_ok=True)
            t.type(page + "gn")
            t.wait_shown(": _")
            t.type(what + "\r")
            t.wait_gone("Enter go on")
            t.type(key)
            t.wait_shown(why)
            t.wait_shown("Enter go on")  # to be mended
            t.type("\x1b")
            t.wait_gone("Enter go on")
        for keys in ("x\r\x1b", "x\x1b", "\r\r\x1b"):
            t.type("1n")
            t.wait_shown("Enter go on")
            t.type(keys)
            t.wait_gone("Esc leave it")
        self.assertEqual(self.rules(), before)
        for app in (ONE, TWO):
            self.tool("reset", "-p", app)
        t.wait_shown("Nothing was allowed")
        t.type("n")
        t.wait_shown("there is none")
        self.quit(t)

    def test_what_is_done_elsewhere_shows_by_itself(self):
        t = self.open()
        t.type("G")
        self.wait_selected(t, HOME + "/two")
        self.tool("grant", "-p", ONE, "--read", HOME + "/another")
        t.wait_shown(HOME + "/another")
        self.wait_selected(t, HOME + "/two")
        # A question about what has changed is taken away, and its answer answers nothing.
        t.type("c")
        t.wait_shown("n no access")
        self.tool("grant", "-p", TWO, "--read", HOME + "/two")
        t.wait_gone("n no access")
        self.quit(t)

    def test_denials_are_allowed(self):
        app = self.family("python3", "-c", "")
        self.assertDenied(self.python(f"open({DATA + '/test.txt'!r})"))
        t = self.open()
        t.type("3")
        t.wait_shown(DATA + "/test.txt")
        self.wait_selected(t, "test.txt")
        t.type("a")
        t.wait_shown("Allowed from now on.")
        self.assertIn((app, DATA + "/test.txt", "read", "allow"), self.rules())
        self.quit(t)

    def test_names_are_escaped_whole_and_fit(self):
        names = ("\x1b[31mred\n", "ünï \u202eevil", "漢字" * 20, "long" * 60, "back\\slash")
        for name in names:
            self.tool("grant", "-p", TWO, "--deny", f"{HOME}/odd/{name}")
        for columns, env in ((100, {}), (60, {}), (100, {"LC_ALL": "C"})):
            t = self.open(columns=columns, env=env)
            t.type("//odd/\r")
            t.wait_shown("Search: /odd/")
            t.until(lambda t=t: "d remove" in t.text() and "May read" not in t.text(), "what was found")
            # In the order of their bytes; whole only in the selected one's own lines.
            wide = (r"ünï\xe2\x80\xaeevil", "漢字" * 5)
            if env:
                wide = ["".join(c if c.isascii() else "".join(rf"\x{b:02x}" for b in c.encode()) for c in w) for w in wide]
            for want in (r"\x1b[31mred\x0a", r"back\\slash", "long" * 60, *wide):
                t.until(lambda t=t, want=want: "/odd/" + want in t.text().replace("\n", "").replace(" ", ""), want)
                t.type("j")
            if env:
                self.assertTrue(t.text().isascii())
            self.quit(t)

    def test_a_store_that_cannot_be_read_shows_nothing(self):
        t = self.open()
        saved = read(STORE, "rb")
        write(STORE + ".new", "not a store" * 1000)
        os.chmod(STORE + ".new", 0o600)
        os.rename(STORE + ".new", STORE)
        t.wait_shown("cannot be read")
        t.wait_gone(DATA)
        with open(STORE + ".new", "wb") as file:
            file.write(saved)
        os.chmod(STORE + ".new", 0o600)
        for name in ("-wal", "-shm"):
            if os.path.exists(STORE + name):
                os.unlink(STORE + name)
        os.rename(STORE + ".new", STORE)
        t.wait_shown("May read")
        self.quit(t)

    def test_size_resize_and_what_is_left(self):
        t = self.open(env={"TERM": "screen"})
        before = t.settings()
        t.resize(8, 30)
        t.wait_shown("too small")
        t.resize(30, 120)
        t.wait_shown("q quit")
        self.assertTrue(t.screen.is_alternate)
        t.type("?")
        t.wait_shown("search in paths")
        t.type("?")
        t.wait_gone("search in paths")
        self.assertNotEqual(before[3] & termios.ICANON, termios.ICANON)
        self.quit(t)
        self.assertFalse(t.screen.is_alternate)

    def test_chosen_by_itself_and_refused_in_one_line(self):
        t = appsilo("settings", env={"TERM": "screen", "LC_ALL": "C.UTF-8", **NO_DISPLAY}, columns=100)
        t.wait_shown("q quit")
        self.quit(t)
        for words in (("settings",), ("settings", "--tui")):
            done = subprocess.run([APPSILO, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
                                  timeout=60, env={**os.environ, **NO_DISPLAY})
            self.one_line(done, 1, "appsilo consents")
        t = appsilo("settings", "--tui", env={"TERM": "no-such-terminal"})
        out, code = t.end()
        self.assertEqual(code, 1)
        self.assertIn(b"TERM", out)

    def test_many_decisions(self):
        with sqlite3.connect(STORE) as db:
            db.executemany("INSERT INTO rules (family, path, target, access, verdict, source, time_ms) VALUES (?,?,?,?,?,?,?)",
                           ((ONE, b"/many/%06d" % i, "file", "read", "allow", "grant", 1795683822767) for i in range(50000)))
        t = self.open()
        t.type("G")
        self.wait_selected(t, HOME + "/two")
        t.type("/049999\r")
        t.wait_shown("/many/049999")
        self.wait_selected(t, "/many/049999")
        self.quit(t)


if __name__ == "__main__":
    main()
