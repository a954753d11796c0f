# SPDX-License-Identifier: Apache-2.0
"""A real pseudo-terminal: the tty prompter, type-ahead, spoofing, raw mode, job control."""
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, Case, main, read, write  # noqa: E402

QUESTION = b"[No]"


class Screen:
    """A person at a terminal."""

    def __init__(self, *words, cwd=None, rows=24, columns=80):
        self.output = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd or HOME + "/work")
            os.execv(APPSILO, [APPSILO, *words])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait_for(self, text, timeout=20):
        """Read until @text has been printed; what came before it is dropped."""
        end = time.monotonic() + timeout
        while text not in self.output:
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise AssertionError(f"no {text!r} in {self.output!r}")
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            if not data:
                raise AssertionError(f"ended without {text!r}: {self.output!r}")
            self.output += data
        before, _, self.output = self.output.partition(text)
        return before + text

    def type(self, text):
        os.write(self.fd, text)

    def answer(self, key):
        """A person waits for the question, then presses one key. The prompter wants quiet
        before it takes a key, so a key that came too early is simply not taken."""
        shown = self.wait_for(QUESTION)
        time.sleep(0.3)  # a person's reaction; part of what is tested
        self.type(key)
        return shown

    def end(self, timeout=20):
        rest = self.output
        end = time.monotonic() + timeout
        while True:
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                os.kill(self.pid, signal.SIGKILL)
                raise AssertionError(f"does not end: {rest!r}")
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                break
            if not data:
                break
            rest += data
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return rest, os.waitstatus_to_exitcode(status)


class Terminal(Case):
    def test_walkthrough_on_a_terminal(self):
        screen = Screen("run", "--", "python3", "-c",
                        "import os\n"
                        "try: print(os.listdir('.'))\n"
                        "except PermissionError as e: print('LIST', e.errno)\n"
                        "try: print('READ', open('../data/test.txt').read())\n"
                        "except PermissionError as e: print('READ', e.errno)\n"
                        "try: open('../data/test.txt', 'w')\n"
                        "except PermissionError as e: print('WRITE', e.errno)\n")
        shown = screen.answer(b"n")
        self.assertIn(b"wants to list this folder", shown)
        self.assertIn(b"work", shown)
        shown = screen.answer(b"y")
        self.assertIn(b"LIST 13", shown)
        self.assertIn(b"read this file", shown)
        shown = screen.answer(b"\r")
        self.assertIn(b"READ hello", shown)
        rest, code = screen.end()
        self.assertIn(b"WRITE 13", rest)
        self.assertEqual(code, 0)
        self.assertEqual(read(HOME + "/data/test.txt"), "hello\n")
        # Remembered: the same again asks nothing.
        screen = Screen("run", "--", "python3", "-c", "print(open('../data/test.txt').read())")
        rest, code = screen.end()
        self.assertIn(b"hello", rest)
        self.assertNotIn(QUESTION, rest)

    def test_type_ahead_and_paste_do_not_answer(self):
        screen = Screen("run", "--allow-read", HOME + "/work", "--", "cat", HOME + "/data/test.txt")
        screen.type(b"yyyy\ny\n")
        screen.wait_for(QUESTION)
        time.sleep(0.3)
        screen.type(b"yes please\n")  # a paste: many bytes at once
        time.sleep(0.5)
        self.assertEqual(os.path.exists(HOME + "/.local/share/appsilo/consent.db"), False)
        screen.type(b"q")
        rest, code = screen.end()
        self.assertIn(b"Permission denied", rest)
        self.assertEqual(code, 1)

    def test_names_are_escaped(self):
        name = "evil\x1b[2K\x1b[1A\nYES\u202etxt.\u200bz"
        path = write(f"{HOME}/data/{name}", "x")
        screen = Screen("run", "--allow-read", HOME + "/work", "--", "cat", path)
        shown = screen.answer(b"q")
        self.assertIn(rb"evil\x1b[2K\x1b[1A\x0aYES\xe2\x80\xaetxt.\xe2\x80\x8bz", shown)
        screen.end()
        os.unlink(path)

    def test_output_of_the_app_does_not_reach_an_open_question(self):
        screen = Screen("run", "--allow-read", HOME + "/work", "--", "sh", "-c",
                        f"(sleep 0.5; printf '\\033[2J SPOOF') & cat {HOME}/data/test.txt; wait")
        screen.wait_for(QUESTION)
        time.sleep(1.0)
        seen, _, _ = select.select([screen.fd], [], [], 0)
        self.assertFalse(seen, "something was printed over the question")
        screen.type(b"q")
        rest, _ = screen.end()
        self.assertIn(b"SPOOF", rest)

    def test_ctrl_c_at_the_question_denies_once(self):
        screen = Screen("run", "--allow-read", HOME + "/work", "--", "cat", HOME + "/data/test.txt")
        screen.answer(b"\x03")
        rest, code = screen.end()
        self.assertIn(b"Permission denied", rest)
        self.assertFalse(os.path.exists(HOME + "/.local/share/appsilo/consent.db"))

    def test_the_app_has_a_terminal_of_its_own(self):
        screen = Screen("run", "--prompt", "never", "--", "python3", "-c",
                        "import os, sys\n"
                        "print('TTY', os.isatty(0), os.ttyname(0), os.get_terminal_size())\n"
                        "print('GOT', input('name? '))\n", rows=33, columns=101)
        screen.wait_for(b"name? ")
        screen.type(b"ada\n")
        rest, code = screen.end()
        whole = rest
        self.assertIn(b"GOT ada", whole)
        self.assertEqual(code, 0)

    def test_ctrl_c_and_end_of_file_reach_the_app(self):
        screen = Screen("run", "--prompt", "never", "--", "python3", "-c",
                        "import time\n"
                        "try:\n  print('READY', flush=True); time.sleep(60)\n"
                        "except KeyboardInterrupt: print('INTERRUPTED')\n"
                        "import sys; print('EOF', repr(sys.stdin.read()))\n")
        screen.wait_for(b"READY")
        screen.type(b"\x03")
        screen.wait_for(b"INTERRUPTED")
        screen.type(b"\x04")
        rest, code = screen.end()
        self.assertIn(b"EOF ''", rest)
        self.assertEqual(code, 0)

    def test_job_control(self):
        """Ctrl-Z stops the whole job, fg continues it: under a real shell."""
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(HOME)
            os.environ["PS1"] = "$ "
            os.execv("/bin/bash", ["bash", "--norc", "--noprofile", "-i"])
        screen = Screen.__new__(Screen)
        screen.pid, screen.fd, screen.output = pid, fd, b""
        screen.wait_for(b"$ ")
        screen.type(f"{APPSILO} run --prompt never -- sh -c 'echo RU''NNING; read x; echo GOT:$x'\n".encode())
        screen.wait_for(b"RUNNING")
        screen.type(b"\x1a")
        screen.wait_for(b"Stopped")
        screen.type(b"echo SHE''LL\n")
        screen.wait_for(b"SHELL")
        screen.type(b"fg\n")
        screen.wait_for(b"run --prompt never")
        time.sleep(0.3)
        screen.type(b"word\n")
        screen.wait_for(b"GOT:word")
        screen.wait_for(b"$ ")
        screen.type(b"exit\n")
        _, code = screen.end()
        self.assertEqual(code, 0)

    def test_terminal_settings_are_restored(self):
        master, slave = os.openpty()
        before = termios.tcgetattr(slave)
        import subprocess
        subprocess.run([APPSILO, "run", "--prompt", "never", "--", "stty", "-echo", "raw"], stdin=slave,
                       stdout=slave, stderr=slave, check=False, timeout=20, cwd=HOME)
        self.assertEqual(termios.tcgetattr(slave), before)

    def test_bytes_pass_unchanged_without_a_terminal(self):
        import subprocess
        data = bytes(range(256)) * 1000
        done = subprocess.run([APPSILO, "run", "--prompt", "never", "--", "cat"], input=data,
                              capture_output=True, check=False, timeout=20, cwd=HOME)
        self.assertEqual(done.stdout, data)


main()
