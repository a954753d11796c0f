# SPDX-License-Identifier: Apache-2.0
"""What file calls do inside is what they do outside: tests/posix, run in both and compared.

The places: a grant of a server run, a folder attached to a prompting run, one served by FUSE,
and one between (a denied name in it keeps the folder itself on FUSE, what is below is attached).
What differs on purpose, or cannot be the same, stands in tests/posix/exceptions.txt.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import HOME, PLACE, Case, main  # noqa: E402

CHECK = PLACE + "/bin/posix-check"
EXCEPTIONS = PLACE + "/tests/posix/exceptions.txt"
MANY = HOME + "/many"
CHECKS_MIN = 900


def read_exceptions(kind):
    """Names of checks that may differ in a place of this kind."""
    names = set()
    with open(EXCEPTIONS) as file:
        for line in file:
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            places, name, reason = line.split(None, 2)
            assert reason
            if {"all", kind, f"{kind}-root" if os.geteuid() == 0 else kind} & set(places.split(",")):
                names.add(name)
    return names


def native(folder, *groups):
    """Outside, without root's power over permissions, which nothing inside has."""
    words = [CHECK, folder, *groups]
    if os.geteuid() == 0:
        words = ["setpriv", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", *words]
    return subprocess.run(words, capture_output=True, text=True, timeout=200, check=False)


def results(done):
    lines = done.stdout.splitlines()
    if not lines or lines[-1] != "end reached":
        raise AssertionError("\n".join(lines[-3:]) + done.stderr)
    pairs = [line.split(" ", 1) for line in lines[:-1]]
    found = dict(pairs)
    assert len(found) == len(pairs), "a check's name is used twice"
    return found


class Posix(Case):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        os.makedirs(MANY + "/100000")
        for i in range(100000):
            os.close(os.open(f"{MANY}/100000/{i}", os.O_CREAT | os.O_WRONLY, 0o600))
        os.makedirs(HOME + "/native")
        cls.native = results(native(HOME + "/native"))
        cls.native_many = results(native(MANY, "many"))
        os.rmdir(MANY + "/many")

    def compare(self, kind, outside, inside):
        self.assertEqual(set(inside) - set(outside), set())
        allowed = read_exceptions(kind)
        wrong = [f"{name}: outside {value}, inside {inside.get(name, 'no result')}"
                 for name, value in outside.items()
                 if inside.get(name) != value and name not in allowed]
        self.assertEqual(wrong, [], f"{len(wrong)} differ: {kind}")

    def test_calls_not_reported(self):
        """A program that may write where it works has no listener to clear its way."""
        work, folder = HOME + "/work", HOME + "/unreported"
        os.makedirs(folder)
        groups = ("rename", "folder", "link", "listing", "threads")
        done = self.run_app(CHECK, folder, *groups, prompt="exec:false", cwd=work, timeout=300,
                            options=("--allow-read", PLACE + "/bin", "--allow-write", work,
                                     "--allow-write", folder, "--deny", folder + "/denied"))
        outside = {name: value for name, value in self.native.items() if name.split(".")[0] in groups}
        self.compare("partly", outside, results(done))

    def check(self, kind, prompt, env=None, options=()):
        folder = f"{HOME}/{kind}"
        os.makedirs(folder)

        def inside(where, *groups):
            done = self.run_app(CHECK, where, *groups, prompt=prompt, env=env, timeout=300, cwd=where,
                                options=("--allow-read", PLACE + "/bin", "--allow-write", where,
                                         *(word.replace("@", where) for word in options)))
            return results(done)

        self.assertGreater(len(self.native), CHECKS_MIN)
        self.compare(kind, self.native, inside(folder))
        if kind in ("attached", "fuse"):
            self.compare(kind, self.native_many, inside(MANY, "many"))
            os.rmdir(MANY + "/many")

    def test_server_mode(self):
        self.check("server", "never")

    def test_attached(self):
        self.check("attached", "exec:false")

    def test_on_fuse(self):
        self.check("fuse", "exec:false", env={"APPSILO_ATTACH": "never"})

    def test_attached_for_reading(self):
        """Each file that is written is asked about, and the helper opens it. Not a socket's name: bind() is
        not reported. Nor what is watched: the view opens and closes the file besides."""
        folder = HOME + "/read"
        os.makedirs(folder)
        self.answers({"path": folder, "target": "file", "scope": "session"})
        outside = {name: value for name, value in self.native.items() if name.split(".")[0] not in ("socket", "inotify")}
        done = self.run_app(CHECK, folder, *sorted({name.split(".")[0] for name in outside}), cwd=folder, timeout=300,
                            options=("--quiet", "--allow-read", PLACE + "/bin", "--allow-read", folder))
        self.compare("read", outside, results(done))

    def test_partly_attached(self):
        self.check("partly", "exec:false", options=("--deny", "@/denied"))


main()
