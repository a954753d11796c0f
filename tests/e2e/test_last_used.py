# SPDX-License-Identifier: Apache-2.0
"""When a remembered decision was last used: what a person could take back."""
import datetime
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, Case, main, read, write  # noqa: E402

DATA, OTHER = HOME + "/data", HOME + "/other"
USED = HOME + "/.local/share/appsilo/used"
STORE = HOME + "/.local/share/appsilo/consent.db"


def today():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")


class LastUsed(Case):
    def setUp(self):
        super().setUp()
        write(OTHER + "/file", "")
        self.app = self.family("python3", "-c", "")

    def used(self):
        rules = json.loads(self.tool("consents", "--json").stdout)
        return {(r["package"], r.get("path", r.get("host")), r.get("access")): r["last_used"] for r in rules}

    def grant(self, *words, app=None):
        self.tool("grant", *(("-p", app) if app else ("--all-packages",)), *words)

    def test_only_what_decides_is_marked_and_once_a_day(self):
        self.grant("--read", DATA, app=self.app)
        self.grant("--read", OTHER, app=self.app)
        self.grant("--read", HOME + "/work")
        self.assertEqual(set(self.used().values()), {None})
        day, before = today(), os.stat(STORE)
        code = f"open({DATA + '/test.txt'!r}).read()"
        self.assertEqual(self.python(code).returncode, 0)
        self.assertIn(day, self.used()[self.app, DATA, "read"])
        self.assertEqual(self.used()[self.app, OTHER, "read"], None)
        # Where it started, by the rule of every app.
        self.assertEqual(self.used()["*", HOME + "/work", "read"], day)
        self.assertIn(f"  {day}  {self.app}", self.tool("consents").stdout)
        # No broker is woken for it, and nothing is written again.
        self.assertEqual(os.stat(STORE), before)
        marks = os.stat(f"{USED}/{self.app}")
        self.assertEqual(marks.st_mode & 0o777, 0o600)
        self.python(code)
        if today() == day:
            self.assertEqual(os.stat(f"{USED}/{self.app}"), marks)

    def test_answers_and_refusals(self):
        self.answers({"path": DATA})
        self.python(f"open({DATA + '/test.txt'!r}).read()")
        [answer] = [key for key in self.used() if key[1].startswith(DATA)]
        self.assertEqual(self.used()[answer], today())
        self.tool("grant", "-p", self.app, "--deny", OTHER)
        self.assertDenied(self.python(f"open({OTHER + '/file'!r})"))
        self.assertEqual(self.used()[self.app, OTHER, "read"], today())

    def test_hosts(self):
        self.tool("grant", "-p", self.app, "--deny", "--host", "no.example")
        self.tool("grant", "-p", self.app, "--deny", "--host", "other.example")
        self.python("import socket\ntry: socket.getaddrinfo('no.example', 80)\nexcept OSError: pass")
        used = {key[1]: day for key, day in self.used().items()}
        self.assertEqual((used["no.example"], used["other.example"]), (today(), None))

    def test_server_mode_has_all_in_force(self):
        self.grant("--read", DATA, app=self.app)
        self.grant("--read", OTHER)
        self.run_app("python3", "-c", "", prompt="never")
        self.assertEqual(set(self.used().values()), {today()})

    def test_what_is_newer_than_the_last_run_in_server_mode_was_not_used_by_it(self):
        self.grant("--read", DATA, app=self.app)
        with subprocess.Popen([APPSILO, "run", "--prompt", "never", "--", "python3", "-c", "print(flush=True); input()"], cwd=HOME + "/work",
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as app:
            app.stdout.readline()
            self.grant("--deny", "/nonexistent/y", app=self.app)
            self.tool("loopback", "add", self.app, "80")
            app.communicate("\n", timeout=60)
        self.grant("--read", OTHER)
        day = today()
        self.assertEqual([self.used()[key] for key in ((self.app, DATA, "read"), (self.app, "/nonexistent/y", "read"), (self.app, "localhost", None),
                                                       ("*", OTHER, "read"))], [day, None, None, None])
        # The day's first run is not its last.
        self.run_app("python3", "-c", "", prompt="never")
        self.assertEqual(set(self.used().values()), {today()})

    def test_what_cannot_be_is_not_known(self):
        self.grant("--read", DATA, app=self.app)
        mark = f"{today()} folder read {DATA}\n"
        for text, want in ((mark, today()), (mark[:-1], None), ("2020-01-01" + mark[10:], None), ("2026-13-41" + mark[10:], None),
                           ("\0" * 5000 + mark, None), (mark.replace("folder", "file"), None), ("x\n" + mark, today())):
            write(f"{USED}/{self.app}", text)
            self.assertEqual(self.used()[self.app, DATA, "read"], want, text[:80])
        os.unlink(f"{USED}/{self.app}")
        os.symlink(write(HOME + "/elsewhere", mark), f"{USED}/{self.app}")
        self.assertEqual(self.used()[self.app, DATA, "read"], None)
        # Nor is a link followed for writing.
        self.python(f"open({DATA + '/test.txt'!r}).read()")
        self.assertEqual(read(HOME + "/elsewhere"), mark)

    def test_the_file_does_not_grow_for_ever(self):
        self.grant("--read", DATA, app=self.app)
        self.grant("--read", HOME + "/work", app=self.app)
        write(f"{USED}/{self.app}", f"2020-01-01 folder read {DATA}\n" * 1000)
        self.python(f"open({DATA + '/test.txt'!r}).read()")
        self.assertEqual(sorted(read(f"{USED}/{self.app}").splitlines()),
                         sorted(f"{today()} folder read {path}" for path in (DATA, HOME + "/work")))


if __name__ == "__main__":
    main()
