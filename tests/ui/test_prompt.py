# SPDX-License-Identifier: Apache-2.0
"""The prompt window, on a display of its own: each choice leads to the right rule and the right
behaviour of the app, and nothing answers by accident. A run of it is a walk through items U5 to U14 of the threats."""
import json
import os
import signal
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]
import desktop as desk  # noqa: E402
from common import APPSILO, HOME, PLACE, Case, main, named, read, write  # noqa: E402

TITLE = "appsilo asks"
WORK, DATA = HOME + "/work", HOME + "/data"
FILE, SECOND = DATA + "/test.txt", DATA + "/second.txt"
CAT = f"cat {FILE}; cat {FILE}"


def setUpModule():
    global screen
    screen = desk.Desktop(PLACE)


def tearDownModule():
    screen.stop()


class WindowCase(Case):
    def setUp(self):
        super().setUp()
        write(SECOND, "second\n")
        self.app = None

    def tearDown(self):
        if self.app and self.app.poll() is None:
            self.app.kill()
            self.app.communicate()
        screen.no_window()

    def begin(self, *command, options=("--allow-read", WORK), prompt=("--prompt", "gui"), **more):
        self.app = subprocess.Popen([APPSILO, "run", *prompt, *options, "--", *command], cwd=WORK, text=True,
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                    start_new_session=True, **more)
        return self.app

    def sh(self, code, **more):
        return self.begin("sh", "-c", code, **more)

    def end(self):
        out, err = self.app.communicate(timeout=60)
        return out, err

    def rules(self):
        keys = ("path", "host", "port", "target", "access", "decision", "source")
        return [tuple(rule[k] for k in keys if k in rule) for rule in json.loads(self.tool("consents", "--json").stdout)]

    def live(self, window, name="No"):
        button = screen.find(window, name, "push button")
        desk.until(lambda: screen.has(button, "SENSITIVE"), f"{name} never becomes live")
        return button

    def answer(self, name, *choices, text="wants to"):
        window = screen.window(text)
        for choice in choices:
            screen.press(screen.find(window, choice))
        button = self.live(window, name)
        screen.press(button)
        # GTK shows it pressed down for a moment before it counts.
        desk.until(lambda: not screen.is_live(button), "the answer is not taken")

    def window_pid(self):
        def look():
            found = named(self.app.pid, "appsilo-ui")
            return found[0] if found else None
        return desk.until(look, "no appsilo-ui")


class Choices(WindowCase):
    """U6, U7, U8, U14: what may be chosen, and that it is kept as chosen: the app does it twice."""

    def check(self, answer, choices, rules, out, code=CAT, **more):
        with self.subTest(answer=answer, choices=choices):
            self.tool("reset", "--all")
            if os.path.exists(DATA + "/new"):
                os.unlink(DATA + "/new")
            self.sh(code, **more)
            for i, name in enumerate(answer.split("+")):
                self.answer(name, *(choices if i == 0 else ()))
            self.assertEqual(self.end()[0], out)
            self.assertEqual(self.rules(), rules)

    def test_reading_a_file(self):
        row = (FILE, "file", "read", "allow", "prompt")
        self.check("Yes", (), [row], "hello\nhello\n")
        self.check("Yes", ("What: This folder and all in it",), [(DATA, "folder", "read", "allow", "prompt")],
                   "hello\nsecond\n", f"cat {FILE} {SECOND}")
        self.check("Yes", ("Access: Read and write",), [(FILE, "file", "write", "allow", "prompt")], "hello\nhello\n")
        self.check("Yes", ("How long: Until it ends",), [], "hello\nhello\n")
        # Asked again.
        self.check("Yes+No", ("How long: Only once",), [(FILE, "file", "read", "deny", "prompt")], "hello\n")
        self.check("No", (), [(FILE, "file", "read", "deny", "prompt")], "")
        self.check("No", ("What: This folder and all in it", "Access: Read and write"),
                   [(FILE, "file", "read", "deny", "prompt")], "")
        self.check("No", ("How long: Until it ends",), [], "")
        self.check("No to All", (), [], "", f"cat {FILE} {SECOND}")

    def test_writing_and_folders(self):
        make = f"echo new > {DATA}/new && cat {DATA}/new"
        row = (DATA + "/new", "file", "write", "allow", "prompt")
        self.check("Yes", (), [row], "new\n", make)
        self.assertEqual(read(DATA + "/new"), "new\n")
        self.check("No", (), [row[:3] + ("deny", "prompt")], "", make)
        self.assertFalse(os.path.exists(DATA + "/new"))
        self.check("Yes", (), [(DATA, "folder", "read", "allow", "prompt")], "second.txt\ntest.txt\n", f"ls {DATA}")
        self.check("No", (), [(DATA, "file", "read", "deny", "prompt")], "", f"ls {DATA} 2>/dev/null")

    def test_careful_places(self):
        """U13: marked, and never a whole folder."""
        write(DATA + "/.env", "secret\n")
        self.sh(f"cat {DATA}/.env")
        window = screen.window("Careful: files like this often hold passwords or keys.")
        self.assertFalse(screen.find(window, "What: This folder and all in it", wait=False))
        self.answer("Yes")
        self.assertEqual(self.end()[0], "secret\n")
        self.assertEqual(self.rules(), [(DATA + "/.env", "file", "read", "allow", "prompt")])
        os.unlink(DATA + "/.env")

    def test_hosts(self):
        code = "import socket\ntry: socket.socket().connect(('93.184.215.14', 9))\nexcept PermissionError: print('denied')"
        host = "93.184.215.14"
        for answer, choices, want in (("Yes", (), (host, 9, "allow", "prompt")),
                                      ("Yes", ("What: Any port",), (host, None, "allow", "prompt")),
                                      ("No", (), (host, 9, "deny", "prompt"))):
            with self.subTest(answer=answer, choices=choices):
                self.tool("reset", "--all")
                self.begin("python3", "-c", code)
                self.assertTrue(screen.shows(screen.window(host), "port 9 (tcp)"))
                self.answer(answer, *choices)
                desk.until(lambda want=want: self.rules() == [want], self.rules)
                if answer == "Yes":  # it tries to connect, to nobody
                    self.app.kill()
                self.assertEqual(self.end()[0], "" if answer == "Yes" else "denied\n")

    def test_escape_and_closing_are_no_to_this_one(self):
        for way in ("Escape", "alt+F4", "close"):
            with self.subTest(way):
                self.sh(f"cat {FILE}; cat {SECOND}")
                for name in ("test.txt", "second.txt"):
                    window = screen.window(name)
                    self.live(window)
                    if way == "close":
                        screen.press(screen.find(window, "Close", "push button"))
                    else:
                        screen.keys(way)
                self.assertEqual(self.end()[0], "")
                self.assertEqual(self.rules(), [])

    def test_by_keyboard_alone(self):
        self.sh(CAT)
        window = screen.window("wants to")
        self.live(window)
        desk.until(lambda: screen.has(screen.find(window, "No", "push button"), "FOCUSED"), "No has not the focus")
        wide = screen.find(window, "What: This folder and all in it")
        for _ in range(30):
            if screen.has(wide, "FOCUSED"):
                break
            screen.keys("Tab")
            desk.until(lambda: any(screen.has(n, "FOCUSED") for n in screen.all(window)), "the focus is lost")
        screen.keys("space")
        desk.until(lambda: screen.has(wide, "PRESSED"), "space does not choose")
        self.assertTrue(screen.shows(window, "read this folder and all in it, from now on"))
        screen.keys("alt+y")
        self.assertEqual(self.end()[0], "hello\nhello\n")
        self.assertEqual(self.rules(), [(DATA, "folder", "read", "allow", "prompt")])

    def test_everything_has_a_name(self):
        self.sh(CAT)
        window = screen.window("wants to")
        self.live(window)
        self.assertEqual(window.get_role_name(), "dialog")
        self.assertIn("sh wants to read this file", window.get_name())
        for node in screen.all(window):
            if node.get_role_name() in ("push button", "toggle button", "check box", "label"):
                self.assertNotIn(node.get_name(), ("", "GtkButton", "GtkToggleButton"))
        self.answer("No")
        self.end()


class Chosen(WindowCase):
    """U12: never without somebody who could answer."""

    def test_by_itself_without_a_terminal(self):
        self.sh(CAT, prompt=())
        self.answer("Yes")
        self.assertEqual(self.end()[0], "hello\nhello\n")

    def test_not_without_a_display(self):
        env = {k: v for k, v in os.environ.items() if k != "DISPLAY"}
        self.sh(CAT, prompt=(), env=env)
        self.assertIn("nobody can be asked here", self.end()[1])
        self.sh(CAT, env=env)
        self.assertRegex(self.end()[1], r"^appsilo: run: --prompt gui: there is no display[^\n]*\n$")
        self.assertEqual(self.app.returncode, 125)

    def test_a_display_that_does_not_answer_is_no(self):
        self.sh(CAT, env={**os.environ, "DISPLAY": ":9999"})
        out, err = self.end()
        self.assertEqual(out, "")
        self.assertIn("denied, not remembered", err)
        self.assertEqual(self.rules(), [])

    def test_not_before_the_first_question(self):
        self.sh(f"echo started; sleep 60; {CAT}")
        self.assertEqual(self.app.stdout.readline(), "started\n")
        self.assertEqual(named(self.app.pid, "appsilo-ui"), [])

    def test_no_other_program_maps_gtk(self):
        programs = os.path.dirname(APPSILO)
        self.assertIn(b"libgtk-4", read(programs + "/appsilo-ui", "rb"))
        for name in ("appsilo", "appsilo-broker", "appsilo-tool", "appsilo-net", "appsilo-server"):
            self.assertNotIn(b"libgtk-4", read(f"{programs}/{name}", "rb"), name)


class Process(WindowCase):
    """U5, U8, U9: a process without rights, whose end is No, and which ends with who asked."""

    def test_has_no_rights(self):
        self.sh(CAT)
        screen.window("wants to")
        pid = self.window_pid()
        status = dict(line.split(":\t", 1) for line in read(f"/proc/{pid}/status").splitlines())
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
        self.assertEqual(int(status["CapEff"], 16) | int(status["CapPrm"], 16), 0)
        if os.geteuid() != 0:  # not dumpable: nobody of this user looks into it
            self.assertRaises(PermissionError, os.listdir, f"/proc/{pid}/fd")
        self.answer("No")
        self.end()

    def test_its_death_is_no_and_the_next_question_starts_it_again(self):
        self.sh(f"cat {FILE}; cat {SECOND}")
        screen.window("test.txt")
        os.kill(self.window_pid(), signal.SIGKILL)
        self.answer("Yes", text="second.txt")
        out, err = self.end()
        self.assertEqual(out, "second\n")
        self.assertIn("denied, not remembered", err)
        self.assertEqual(self.rules(), [(SECOND, "file", "read", "allow", "prompt")])

    def test_it_goes_when_nobody_waits(self):
        self.sh(f"timeout -s KILL 3 cat {FILE}; echo over")
        screen.window("test.txt")
        self.assertEqual(self.end()[0], "over\n")
        screen.no_window()
        self.assertEqual(self.rules(), [])

    def test_an_answer_from_elsewhere_takes_the_next_away(self):
        self.sh(f"cat {FILE} & cat {SECOND}; wait")
        desk.until(lambda: screen.shows(screen.window("wants to"), "1 more"), "the other question does not show")
        self.tool("grant", "--read", "--all-packages", DATA)
        self.answer("Yes", "How long: Only once")
        self.assertEqual(sorted(self.end()[0].split()), ["hello", "second"])


class Queue(WindowCase):
    """U9, U10."""

    def test_one_window_for_many(self):
        for i in range(4):
            write(f"{DATA}/{i}", f"{i}\n")
        # Twice each: equal questions are one.
        self.sh(f"for i in 0 1 2 3 0 1 2 3; do cat {DATA}/$i & done; wait")
        desk.until(lambda: screen.shows(screen.window("wants to"), "3 more"), "three more never wait")
        self.assertEqual(len(screen.windows()), 1)
        self.answer("Yes", "What: This folder and all in it")
        self.assertEqual(sorted(self.end()[0].split()), sorted("01230123"))
        self.assertEqual(self.rules(), [(DATA, "folder", "read", "allow", "prompt")])

    def test_no_to_all(self):
        self.sh(f"for i in {FILE} {SECOND}; do cat $i & done; wait; cat {FILE}")
        desk.until(lambda: screen.shows(screen.window("wants to"), "1 more"), "the other never waits")
        self.answer("No to All")
        self.assertEqual(self.end()[0], "")
        self.assertEqual(self.rules(), [])


class NoAccident(WindowCase):
    """Each has its control: the same, a moment later, does answer."""

    def test_a_click_that_comes_too_soon(self):
        self.sh(f"cat {FILE}; cat {SECOND}")
        window = screen.window("test.txt")
        yes = screen.find(window, "Yes", "push button")
        self.live(window, "Yes")
        x, y, width, height = screen.area(yes)
        # The pointer stays there, and so does the window: the next question comes under it. Ten clicks in
        # 300 ms, by one program: the first answers.
        screen.xdotool("mousemove", "--window", screen.frame(TITLE), x + width // 2, y + height // 2,
                       "click", "--repeat", 10, "--delay", 30, 1)
        window = screen.window("second.txt")
        self.live(window, "Yes")
        self.assertTrue(screen.shows(window, "second.txt"))
        self.assertEqual(self.rules(), [(FILE, "file", "read", "allow", "prompt")])
        screen.xdotool("mousemove_relative", 1, 1, "click", 1)
        self.assertEqual(self.end()[0], "hello\nsecond\n")

    def test_keys_held_down(self):
        for held, letter in (("Return", "Return"), ("space", "space"), ("alt+y", "y")):
            with self.subTest(held):
                self.tool("reset", "--all")
                for word in held.split("+"):
                    screen.xdotool("keydown", word)
                try:
                    self.sh(CAT)
                    window = screen.window("wants to")
                    self.live(window)
                    # It is repeated all the time; this many repeats would have answered.
                    with self.assertRaises(AssertionError):
                        desk.until(lambda: not screen.windows(), "still there", seconds=1)
                    self.assertEqual(self.rules(), [])
                finally:
                    for word in reversed(held.split("+")):
                        screen.xdotool("keyup", word)
                screen.keys(held)
                self.assertEqual(self.end()[0], "hello\nhello\n" if letter == "y" else "")

    def test_typing_goes_on_when_the_window_appears(self):
        typing = subprocess.Popen(["xdotool", "key", "--delay", "40", *["y", "Return", "alt+y", "Escape", "space"] * 20])
        self.sh(CAT)
        self.assertEqual(typing.wait(), 0)
        self.live(screen.window("wants to"))
        self.assertEqual(self.rules(), [])
        screen.keys("alt+y")
        self.assertEqual(self.end()[0], "hello\nhello\n")

    def test_another_window_in_between(self):
        self.sh(CAT)
        window = screen.window("wants to")
        yes = self.live(window, "Yes")
        other = screen.start(sys.executable, HERE + "/other_window.py")
        desk.until(lambda: not screen.has(yes, "SENSITIVE"), "it stays live without the focus")
        other.terminate()
        other.wait()
        screen.xdotool("windowactivate", screen.frame(TITLE))
        screen.keys("alt+y")
        self.assertEqual(len(screen.windows()), 1)
        self.live(window, "Yes")
        self.assertEqual(self.rules(), [])
        screen.keys("alt+y")
        self.assertEqual(self.end()[0], "hello\nhello\n")

    def test_programs_that_steer_windows_wait_too(self):
        self.sh(CAT)
        window = screen.window("wants to")
        yes = screen.find(window, "Yes", "push button")
        if not screen.has(yes, "SENSITIVE"):
            yes.get_action_iface().do_action(0)
        self.live(window, "Yes")
        self.assertEqual(self.rules(), [])
        screen.press(yes)
        self.assertEqual(self.end()[0], "hello\nhello\n")


class Spoofing(WindowCase):
    NAMES = (
        ("<b>Verified &amp; <span size='1'>", "<b>Verified &amp; <span size='1'>"),
        ("a\nVerified package, signed by Microsoft", r"a\x0aVerified package, signed by Microsoft"),
        ("Verified publisher", "Verified publisher"),
        ("\u202egpj.exe\u200b", r"\xe2\x80\xaegpj.exe\xe2\x80\x8b"),
        ("\u2066\u05d0\u05d1.txt", "\\xe2\\x81\\xa6\u05d0\u05d1.txt"),
        ("back\\x20slash", "back\\\\x20slash"),
        ("a   \tmany", "a\\x20\\x20\\x20\\x09many"),
        (" " * 200 + "x", "\\x20" * 200 + "x"),
        ("W" * 255, "W" * 255),
        (b"raw\xff\xfe".decode(errors="surrogateescape"), r"raw\xff\xfe"),
        ("Yes lets it read this file", "Yes lets it read this file"),
    )

    def test_names(self):
        paths = [f"{DATA}/{name}" for name, _ in self.NAMES]
        for path in paths:
            write(path, "it\n")
        self.begin("cat", *paths)
        for i, (_, shown) in enumerate(self.NAMES):
            with self.subTest(shown):
                window = screen.window("wants to")
                desk.until(lambda shown=shown: shown in screen.texts(window), lambda: f"{screen.texts(window)}")
                labels = [desk.clean(n.get_name()) for n in screen.all(window) if n.get_role_name() == "label"]
                self.assertEqual(labels.count(shown), 1, labels)
                self.assertIn(DATA + "/", labels)
                self.assertTrue(any(t.startswith("Not a package, signed by nobody: /usr/bin/cat") for t in labels))
                self.assertFalse([t for t in labels if t.startswith("Verified package")])
                self.live(window, "Yes")
                _, y, _, height = screen.area(screen.find(window, "Yes", "push button"))
                self.assertLess(y + height, 1000, "the answers are off the screen")
                screen.picture(f"prompt-name-{i}")
                screen.press(screen.find(window, "Yes", "push button"))
        self.assertEqual(self.end()[0], "it\n" * len(paths))
        for path in paths:
            os.unlink(path)

    def test_a_program_with_a_lying_name(self):
        program = write(HOME + "/bin/<i>appsilo</i> Verified", "#!/bin/sh\n" + CAT)
        os.chmod(program, 0o755)
        self.begin(program, options=("--allow-read", WORK, "--allow-read", HOME + "/bin"))
        window = screen.window("wants to")
        self.assertTrue(screen.shows(window, "Not a package"))
        self.answer("No")
        self.end()


class Pictures(unittest.TestCase):
    """What a person sees, in both colour schemes, drawn by the program itself."""

    def test_pictures(self):
        base = {"v": 1, "package": "Contoso.Python_8wekyb3d8bbwe", "app": "python3.11", "pid": 0, "kind": "file",
                "program": "/usr/bin/python3.11", "signer": None, "caution": None, "waiting": 0,
                "path": "/home/ada/photos/2026/summer/me.jpg", "access": "read", "operation": "open",
                "target": "file", "exists": True, "may_widen": True}
        signed = {"signer": "CN=Contoso Ltd, O=Contoso", "waiting": 2}
        host = {"kind": "network", "host": "api.example.org", "address": "93.184.215.14", "port": 443, "protocol": "tcp"}
        shots = {"write": {**base, **signed, "access": "write", "operation": "create", "exists": False},
                 "read": base, "host": {**base, **signed, **host, "waiting": 0},
                 "caution": {**base, "path": "/home/ada/work/project/.env", "may_widen": False,
                             "caution": "files like this often hold passwords or keys"},
                 "deep": {**base, "path": "/home/ada/" + "very/deep/folder/" * 12 + "report with a name of some length.txt"}}
        for scheme in ("light", "dark"):
            env = {**os.environ, "ADW_DEBUG_COLOR_SCHEME": "prefer-" + scheme}
            for name, question in shots.items():
                app = subprocess.Popen([os.path.dirname(APPSILO) + "/appsilo-ui", "prompt"], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True, env=env)
                print(json.dumps({**question, "id": 7}), file=app.stdin, flush=True)
                no = screen.find(screen.window("wants to"), "No", "push button")
                desk.until(lambda no=no: screen.has(no, "FOCUSED"), "not live")
                screen.picture(f"prompt-{name}-{scheme}", screen.frame(TITLE))
                app.stdin.close()
                self.assertEqual(app.wait(), 0)
                self.assertEqual(app.stdout.read(), "")
                app.stdout.close()
                screen.no_window()


if __name__ == "__main__":
    lacking = desk.missing()
    if lacking:
        print("skipped:", lacking)
        sys.exit(77)
    main()
