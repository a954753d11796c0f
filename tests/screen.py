# SPDX-License-Identifier: Apache-2.0
"""A person at a terminal: a real pseudo-terminal and a model of what its screen shows."""
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import pyte

from common import APPSILO, HOME

QUESTION = "[No]"
ALTERNATE = {47 << 5, 1047 << 5, 1049 << 5}


class Model(pyte.HistoryScreen):
    """pyte's screen, with the alternate screen that it leaves out."""

    def __init__(self, columns, rows):
        self.normal = None
        super().__init__(columns, rows, history=2000)

    def set_mode(self, *modes, **more):
        super().set_mode(*modes, **more)
        if more.get("private") and ALTERNATE & {m << 5 for m in modes} and not self.normal:
            self.normal = [{x: c for x, c in self.buffer[y].items()} for y in range(self.lines)]
            self.normal_cursor = (self.cursor.x, self.cursor.y)
            self.erase_in_display(2)

    def reset_mode(self, *modes, **more):
        super().reset_mode(*modes, **more)
        if more.get("private") and ALTERNATE & {m << 5 for m in modes} and self.normal:
            self.buffer.clear()
            for y, line in enumerate(self.normal):
                self.buffer[y].update(line)
            self.cursor.x, self.cursor.y = self.normal_cursor
            self.normal = None
            self.dirty.update(range(self.lines))

    @property
    def is_alternate(self):
        return self.normal is not None


UNKNOWN = re.compile(rb"\x1b\[([<>=][0-9;]*[a-zA-Z]|\?[0-9;]*[mu])|\x1b\]1[0-9]+(\x07|\x1b\\\\)")
CUT = re.compile(rb"\x1b([\[\]][<>=?0-9;]*\x1b?)?$")


class Terminal:
    """Runs one program; keeps what it printed (bytes) and what the screen shows (text)."""

    def __init__(self, *words, cwd=None, rows=24, columns=80, env=None):
        self.raw = self.cut = b""
        self.seen = 0
        self.filter = lambda data: data  # of what the screen model gets
        self.screen = Model(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.chdir(cwd or HOME + "/work")
            os.execvpe(words[0], list(words), {**os.environ, **(env or {})})

    def resize(self, rows, columns):
        self.screen.resize(rows, columns)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read_some(self, timeout):
        """Returns False when nothing came, raises EOFError at the end."""
        if not select.select([self.fd], [], [], max(0, timeout))[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        if not data:
            raise EOFError
        self.raw += data
        data = self.filter(self.cut + data)
        cut = CUT.search(data)
        self.cut = cut.group() if cut else b""
        # What pyte does not know, and would print or stumble over.
        self.stream.feed(UNKNOWN.sub(b"", data[:len(data) - len(self.cut)]))
        return True

    def until(self, condition, what, timeout=30):
        """Read until condition() holds."""
        end = time.monotonic() + timeout
        while not condition():
            try:
                came = self.read_some(end - time.monotonic())
            except EOFError:
                came = None
            if came is None and condition():
                return
            if not came:
                state = "ended" if came is None else "still waiting"
                raise AssertionError(f"{state} without {what}; the screen shows:\n{self.text()}")

    def wait_for(self, text, timeout=30):
        """Until these bytes were printed after the last ones waited for."""
        text = text.encode() if isinstance(text, str) else text
        self.until(lambda: text in self.raw[self.seen:], repr(text), timeout)
        start = self.seen
        self.seen = self.raw.index(text, start) + len(text)
        return self.raw[start:self.seen]

    def wait_shown(self, text, timeout=30):
        self.until(lambda: text in self.text(), repr(text), timeout)

    def wait_gone(self, text, timeout=30):
        self.until(lambda: text not in self.text(), f"{text!r} gone", timeout)

    def wait_prompt(self):
        """Until the shell waits for a command."""
        self.until(lambda: ("\n" + self.text()).rstrip().endswith("\n$"), "the shell's prompt")

    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display)

    def history(self):
        """All that scrolled by and the screen."""
        above = ["".join(line[x].data for x in range(self.screen.columns)).rstrip()
                 for line in self.screen.history.top]
        return "\n".join(above) + "\n" + self.text()

    def type(self, keys):
        os.write(self.fd, keys.encode() if isinstance(keys, str) else keys)

    def type_all(self, keys):
        """More than the terminal takes at once."""
        while keys:
            keys = keys[os.write(self.fd, keys[:4096]):]

    def question(self):
        """Wait for the next question; what the screen shows then."""
        self.wait_for(QUESTION + "\x1b[0m ? ")
        return self.text()

    def press(self, key):
        """One key at an open question. A key that comes before the prompter listens is
        dropped, so the person presses again until it is taken."""
        before = len(self.raw)
        end = time.monotonic() + 30
        while len(self.raw) == before and time.monotonic() < end:
            self.type(key)
            try:
                self.read_some(0.5)
            except EOFError:
                break

    def answer(self, key):
        """Wait for the question and press @key. Returns what the screen showed."""
        shown = self.question()
        self.press(key)
        return shown

    def settings(self):
        return termios.tcgetattr(self.fd)

    def leave(self, key):
        """One key that ends the program, which may still be painting, and lose it. As end()."""
        with contextlib.suppress(EOFError):
            for _ in range(60):
                self.type(key)
                while self.read_some(0.5):
                    pass
        return self.end()

    def end(self, timeout=30):
        """Everything printed since the last wait, and the exit code (negative: a signal)."""
        limit = time.monotonic() + timeout
        try:
            while self.read_some(limit - time.monotonic()):
                pass
            os.kill(self.pid, signal.SIGKILL)
            raise AssertionError(f"does not end; the screen shows:\n{self.text()}")
        except EOFError:
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return self.raw[self.seen:], os.waitstatus_to_exitcode(status)


    def end_raw(self, timeout=60):
        """As end(), without a look at the screen: only the bytes."""
        out = [self.raw]
        while select.select([self.fd], [], [], timeout)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                break
            out.append(data)
        os.waitpid(self.pid, 0)
        os.close(self.fd)
        return b"".join(out)


def appsilo(*words, **more):
    return Terminal(APPSILO, *words, **more)


def shell(cwd=None, **more):
    """An interactive shell, for job control."""
    t = Terminal("bash", "--norc", "--noprofile", "-i", cwd=cwd or HOME,
                 env={"PS1": "$ ", "APPSILO": APPSILO, "HISTFILE": ""}, **more)
    t.wait_for("$ ")
    return t
