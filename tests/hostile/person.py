# SPDX-License-Identifier: Apache-2.0
"""A person at a real pseudo-terminal, for the tests of questions and of the relay."""
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

from lab import APPSILO, HOME

QUESTION = b"[No]"


class Screen:
    """A person at a terminal."""

    def __init__(self, *words, cwd=None, rows=24, columns=80, prepare=None):
        self.output = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd or HOME + "/work")
            if prepare:
                prepare()
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
