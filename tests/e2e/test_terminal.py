# SPDX-License-Identifier: Apache-2.0
"""The app's own terminal: settings, keys, job control, full-screen programs, pipes."""
import hashlib
import os
import signal
import subprocess
import sys
import termios
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, Case, main, write  # noqa: E402
from screen import appsilo, shell  # noqa: E402

RUN = "$APPSILO run --prompt never -- "
FREE = ("run", "--prompt", "never", "--")


class OwnTerminal(Case):
    def test_size_and_resize(self):
        t = appsilo(*FREE, "python3", "-c",
                    "import os, signal, time\n"
                    "size = lambda *_: os.write(1, b'SIZE %d %d\\n' % os.get_terminal_size()) and None\n"
                    "signal.signal(signal.SIGWINCH, size); size()\n"
                    "while True: time.sleep(0.1)\n", rows=33, columns=101)
        t.wait_for("SIZE 101 33")
        t.resize(20, 50)
        t.wait_for("SIZE 50 20")
        t.type("\x03")
        self.assertEqual(t.end()[1], 130)

    def test_line_editing_and_history(self):
        t = appsilo(*FREE, "python3", "-q")
        t.wait_for(">>> ")
        t.type("print('one' + 'two')\n")
        t.wait_for("onetwo\r\n")
        t.wait_for(">>> ")
        t.type("print('ac')\x1b[D\x1b[D\x1b[Db\x05\n")  # left three times: a b c
        t.wait_for("\nabc\r\n")
        t.wait_for(">>> ")
        t.type("\x1b[A\x1b[A\n")  # up twice: the first line again
        t.wait_for("onetwo\r\n")
        t.wait_for(">>> ")
        t.type("\x04")
        self.assertEqual(t.end()[1], 0)

    def test_input_and_hidden_input(self):
        t = appsilo(*FREE, "python3", "-c", "import getpass, os, sys\n"
                    "print(os.isatty(0), os.ttyname(0))\n"
                    "print('hello', input('name? ')); print(getpass.getpass('secret? ')[::-1])\n"
                    "print('end', repr(sys.stdin.read()))\n")
        t.wait_for("name? ")
        t.type("ada\n")
        t.wait_for("secret? ")
        t.type("xyz\n")
        t.wait_shown("zyx")
        t.type("\x04")
        t.end()
        self.assertIn("name? ada\nhello ada\nsecret?\nzyx\nend ''", t.text())

    def test_keys_arrive_as_typed(self):
        """Raw mode: every byte, mouse reports, bracketed paste, a paste larger than any buffer."""
        keys = bytes(range(256)) + b"\x1b[<0;3;4M\x1b[200~x\xffy\x1b" + bytes(range(256)) * 256
        t = appsilo(*FREE, "python3", "-c",
                    "import hashlib, os, sys, tty\ntty.setraw(0)\nprint('READY', end='', flush=True)\n"
                    f"want = {len(keys)}\ndata = b''\n"
                    "while len(data) < want: data += os.read(0, 65536)\n"
                    "print('GOT', hashlib.sha256(data).hexdigest(), end='', flush=True)\n")
        t.wait_for("READY")
        threading.Thread(target=t.type_all, args=(keys,)).start()
        t.wait_for("GOT " + hashlib.sha256(keys).hexdigest())
        self.assertEqual(t.end()[1], 0)

    def test_output_passes_unchanged(self):
        """Eight-bit bytes and much of them, in order and whole up to the last."""
        t = appsilo(*FREE, "python3", "-c",
                    "import sys, tty\ntty.setraw(1)\nb = bytes(range(256)) * 4096\n"
                    "for _ in range(20): sys.stdout.buffer.write(b)\nsys.stdout.flush()\n")
        self.assertEqual(t.end_raw(), bytes(range(256)) * 4096 * 20)

    def test_colours_and_modes_reach_the_screen(self):
        t = appsilo(*FREE, "printf", r"\033[31mred\033[0m plain\n")
        t.end()
        self.assertEqual(t.screen.buffer[0][0].fg, "red")
        self.assertEqual(t.screen.buffer[0][4].fg, "default")

    def test_signals_from_keys(self):
        code = ("import os, signal, time\n"
                "def say(n, f): os.write(1, b'SIGNAL %d' % n)\n"
                "signal.signal(signal.SIGINT, say); signal.signal(signal.SIGQUIT, say)\n"
                "print('READY', flush=True)\n"
                "while True: time.sleep(0.1)\n")
        t = appsilo(*FREE, "python3", "-c", code)
        t.wait_for("READY")
        t.type("\x03")
        t.wait_for("SIGNAL 2")
        t.type("\x1c")
        t.wait_for("SIGNAL 3")
        os.kill(t.pid, signal.SIGTERM)
        self.assertEqual(t.end()[1], 143)

    def test_closed_terminal_hangs_up(self):
        out = HOME + "/work/hung-up"
        t = appsilo("run", "--prompt", "never", "--allow-write", HOME + "/work", "--", "python3", "-c",
                    "import os, signal, time\n"
                    f"def bye(*_): open('{out}', 'w').write('bye'); os._exit(3)\n"
                    "signal.signal(signal.SIGHUP, bye)\nprint('READY', flush=True)\n"
                    "while True: time.sleep(0.1)\n")
        t.wait_for("READY")
        os.close(t.fd)
        _, status = os.waitpid(t.pid, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 3)
        self.assertTrue(os.path.exists(out))


class Settings(Case):
    def check(self, *words, code=None, terminate=None):
        master, slave = os.openpty()
        before = termios.tcgetattr(slave)
        p = subprocess.Popen([APPSILO, *words], stdin=slave, stdout=slave, stderr=slave, cwd=HOME)
        if terminate:
            seen = b""
            while b"READY" not in seen:
                seen += os.read(master, 4096)
            self.assertNotEqual(termios.tcgetattr(slave)[3] & termios.ICANON, termios.ICANON)
            terminate()
        self.assertEqual(p.wait(timeout=30), code)
        self.assertEqual(termios.tcgetattr(slave), before)
        os.set_blocking(master, False)
        rest = os.read(master, 65536)
        os.close(master)
        os.close(slave)
        return rest

    def test_restored_after_the_app_changed_its_own(self):
        self.check(*FREE, "sh", "-c", "stty -echo raw; printf x", code=0)

    def test_restored_after_a_crash_with_everything_on(self):
        """The alternate screen, the mouse, a hidden cursor and colours do not stay behind."""
        rest = self.check(*FREE, "sh", "-c",
                          r"stty raw; printf '\033[?1049h\033[?1003h\033[?1006h\033[?2004h\033[?25l\033[31m"
                          r"\033[2;5r\033='; kill -9 $$", code=137)
        for off in (b"\x1b[?1049l", b"\x1b[?1003l", b"\x1b[?1006l", b"\x1b[?2004l", b"\x1b[?25h",
                    b"\x1b[0m", b"\x1b[r", b"\x1b>"):
            self.assertIn(off, rest)

    def test_nothing_is_added_when_the_app_tidied_up(self):
        rest = self.check(*FREE, "printf", r"\033[?1049h\033[?25l\033[31mx\033[0m\033[?25h\033[?1049l", code=0)
        self.assertTrue(rest.endswith(b"\x1b[?1049l"), rest)


class Jobs(Case):
    """Under a real shell: what it sees and says is what it would say of the program itself."""

    def setUp(self):
        super().setUp()
        self.shell = shell(HOME + "/work")

    def tearDown(self):
        self.shell.type("exit\n")
        self.assertEqual(self.shell.end()[1], 0)

    def test_stop_and_continue(self):
        s = self.shell
        s.type(RUN + "sh -c 'echo RUN''NING; read x; echo GOT:$x'\n")
        s.wait_for("RUNNING")
        s.type("\x1a")
        s.wait_shown("Stopped")
        s.type("echo SHE''LL\n")
        s.wait_for("SHELL")
        s.type("fg\nword\n")
        s.wait_for("GOT:word")
        s.wait_prompt()

    def test_a_background_job_runs_and_stops_when_it_wants_keys(self):
        s = self.shell
        s.type(RUN + "sh -c 'echo BUSY; read x; echo GOT:$x' &\n")
        s.wait_for("BUSY")
        while "Stopped" not in s.text():  # the shell tells at its next prompt
            s.type("\n")
            s.read_some(0.3)
        s.type("fg\n")
        s.wait_for("run --prompt never")
        s.type("word\n")
        s.wait_for("GOT:word")
        s.wait_prompt()
        self.assertIn("\nword\nGOT:word\n", s.text())  # echoed, as the shell's own settings say

    def test_bg_goes_on_without_the_keyboard(self):
        s = self.shell
        s.type(RUN + "python3 -c 'import signal, time; print(\"RUN\" + \"NING\", flush=True); "
               "signal.signal(15, lambda *_: exit(\"B\" + \"YE\")); [time.sleep(0.1) for _ in range(9999)]'\n")
        s.wait_for("RUNNING")
        s.type("\x1a")
        s.wait_shown("Stopped")
        s.type("bg; echo ON''E\n")
        s.wait_for("ONE")
        s.type("kill -TERM %1; wait %1; echo TW''O\n")
        s.wait_for("BYE")
        s.wait_for("TWO")

    def test_pipelines_share_the_terminal(self):
        s = self.shell
        s.type("seq 100 | " + RUN + "less; echo EN''D$?\n")  # keys for the app, its input a pipe
        s.wait_shown("\n:")
        s.type("G")
        s.wait_shown("100\n(END)")
        s.type("q")
        s.wait_for("END0")
        s.type("clear; " + RUN + "seq 200 | less; echo EN''D$?\n")  # keys for the other program
        s.wait_shown("\n:")
        s.type("G")
        s.wait_shown("200\n(END)")
        s.type("q")
        s.wait_for("END0")
        s.type("clear; " + RUN + "python3 -c 'print(input(\"name \"))' > out; cat out\n")
        s.wait_for("clear")
        s.type("ada\n")
        s.wait_shown("name ada")
        s.type("clear; echo x | " + RUN + "python3 -c 'import getpass; print(getpass.getpass()[::-1])' 2>err\n")
        s.wait_shown("Password:")
        s.type("xyz\n")
        s.wait_for("zyx")
        s.wait_prompt()
        self.assertNotIn("xyz", s.text())

    def test_interrupt_of_a_pipeline(self):
        s = self.shell
        s.type(RUN + "python3 -c 'import sys, time; print(\"RUN\" + \"NING\", file=sys.stderr); [time.sleep(0.1) for _ in range(600)]' | cat; echo EN''D\n")
        s.wait_for("RUNNING")
        s.type("\x03")
        s.type("echo AGA''IN\n")
        s.wait_for("AGAIN", timeout=20)

    def test_full_screen_programs(self):
        s = self.shell
        s.type(RUN + "vi -u NONE new\n")
        s.wait_shown("~\n~")
        s.type("ihello\x1b")
        s.wait_shown("hello")
        s.resize(30, 60)
        s.wait_shown("~\n" * 20)
        s.type("\x1a")
        s.wait_shown("Stopped")
        s.type("fg\n")
        s.wait_shown("hello\n~")
        s.type(":q!\n")
        s.wait_gone("~\n~")
        s.wait_prompt()
        s.type("stty -a | grep -o ' icanon'\n")
        s.wait_for(" icanon\r\n")
        write(HOME + "/work/text", "".join(f"line {i}\n" for i in range(200)))
        s.type("clear; $APPSILO run --prompt never --allow-read . -- less text\n")
        s.wait_shown("line 0\n")
        s.type(" ")
        s.wait_shown("line 40\n")
        s.type("q")
        s.wait_prompt()

    def test_a_shell_inside_has_job_control(self):
        s = self.shell
        s.type(RUN + "bash --norc --noprofile -i\n")
        s.wait_for("bash-")
        # It says when it goes on: by then it has the terminal, and a key is for it. Short sleeps:
        # a signal just before a long one would be heard after it. It comes in the middle of a print, too.
        s.type("python3 -c 'import os, signal, time; signal.signal(18, lambda *_: os.write(1, b\"AG\" + b\"AIN\\n\") and None); "
               "print(\"RUN\" + \"NING\", flush=True); [time.sleep(0.1) for _ in range(600)]'\n")
        s.wait_for("RUNNING")
        s.type("\x1a")
        s.wait_shown("Stopped")
        s.type("jobs; fg\n")
        s.wait_for("AGAIN")
        s.type("\x03")
        s.wait_for("bash-")
        s.type("echo INS''IDE; exit\n")
        s.wait_for("INSIDE")
        s.wait_prompt()


class Pipes(Case):
    def test_bytes_pass_unchanged_without_a_terminal(self):
        data = bytes(range(256)) * 1000
        done = subprocess.run([APPSILO, *FREE, "cat"], input=data, capture_output=True, check=False,
                              timeout=30, cwd=HOME)
        self.assertEqual(done.stdout, data)

    def test_each_mixture_of_descriptors(self):
        """A terminal where the caller has one, the caller's own pipe or file where not."""
        code = ("import os, sys\n"
                "kinds = ''.join('t' if os.isatty(fd) else '-' for fd in range(3))\n"
                "open('kinds', 'w').write(kinds + ' ' + sys.stdin.readline())\n"
                "print('out'); print('err', file=sys.stderr)\n")
        for mask in range(8):
            master, slave = os.openpty()
            pipes = [os.pipe() for _ in range(3)]
            ends = [slave if mask & 1 << fd else pipes[fd][0 if fd == 0 else 1] for fd in range(3)]
            p = subprocess.Popen([APPSILO, "run", "--prompt", "never", "--allow-write", ".", "--",
                                  "python3", "-c", code], stdin=ends[0], stdout=ends[1], stderr=ends[2],
                                 cwd=HOME + "/work")
            os.write(master if mask & 1 else pipes[0][1], b"typed\n")
            self.assertEqual(p.wait(timeout=30), 0, mask)
            with open(HOME + "/work/kinds") as file:
                kinds = "".join("t" if mask & 1 << fd else "-" for fd in range(3))
                self.assertEqual(file.read(), kinds + " typed\n")
            os.set_blocking(master, False)
            shown = os.read(master, 4096).decode() if mask else ""
            for fd, text in ((1, "out"), (2, "err")):
                os.close(pipes[fd][1])
                direct = os.read(pipes[fd][0], 4096).decode()
                self.assertEqual(direct, "" if mask & 1 << fd else text + "\n")
                self.assertEqual(text in shown, bool(mask & 1 << fd), (mask, shown))
            for fd in (master, slave, pipes[0][0], pipes[0][1], pipes[1][0], pipes[2][0]):
                os.close(fd)

    def test_a_terminal_that_is_not_read_does_not_stop_the_clock(self):
        master, slave = os.openpty()
        p = subprocess.Popen([APPSILO, "run", "--prompt", "never", "--wall-time", "1s", "--", "yes"],
                             stdin=slave, stdout=slave, stderr=slave, cwd=HOME)
        self.assertEqual(p.wait(timeout=60), 124)
        os.close(master)
        os.close(slave)


main()
