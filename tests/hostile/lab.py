# SPDX-License-Identifier: Apache-2.0
"""What the hostile tests share: raw calls from inside, canaries, the audit, races."""
import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, PLACE, Case, descendants, facts, main, named, read, write  # noqa: E402,F401

SECRET = HOME + "/secret"      # never granted; SECRET + "/canary" is looked at after each test
CANARY = SECRET + "/canary"
DATA = HOME + "/data"
WORK = HOME + "/work"
BIN = PLACE + "/bin"
AUDIT = PLACE + "/audit.jsonl"
STATE = HOME + "/.local/share/appsilo"
BOTH = ("never", None)         # server mode; a prompting run with the scripted prompter
# Server mode takes a broker where something is refused below what may be changed: with and without.
MODES = (*BOTH, "mounts")

# Put before the code that runs inside: call() is a raw system call, attempt() a Python one.
CALL = """
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *args):
    r = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in args])
    return "ok" if r >= 0 else errno.errorcode[ctypes.get_errno()]
def attempt(f):
    try:
        f()
        return "ok"
    except OSError as e:
        return errno.errorcode[e.errno]
def say(*results):
    print(*results, flush=True)
"""

_libc = ctypes.CDLL(None, use_errno=True)


def exchange(a, b):
    """renameat2(RENAME_EXCHANGE): two names change places at once."""
    if _libc.syscall(316, -100, os.fsencode(a), -100, os.fsencode(b), 2) != 0:
        raise OSError(ctypes.get_errno(), "exchange")


def tree(folder):
    """Every name below a folder with its inode, mode, size, time and content."""
    seen = {}
    for base, dirs, files in os.walk(folder):
        for name in dirs + files:
            path = os.path.join(base, name)
            st = os.lstat(path)
            content = None
            if os.path.islink(path):
                content = os.readlink(path)
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    content = file.read()
            seen[path] = (st.st_ino, st.st_mode, st.st_mtime_ns if name in files else 0, content)
    return seen


class Attack(Case):
    """A canary that nothing may touch, and fresh folders for each test."""

    def setUp(self):
        super().setUp()
        for folder in (DATA, WORK, SECRET):
            subprocess.run(["chmod", "-R", "u+rwX", folder], check=False, stderr=subprocess.DEVNULL)
            subprocess.run(["rm", "-rf", folder], check=True)  # also what is deeper than Python recurses
            os.makedirs(folder)
        write(DATA + "/test.txt", "hello\n")
        write(CANARY, "SECRET\n")
        self.canary = facts(CANARY)
        if os.path.exists(AUDIT):
            os.unlink(AUDIT)

    def tearDown(self):
        self.assertEqual(facts(CANARY), self.canary, "the canary was touched")

    def run_app(self, *command, prompt=None, env=None, **more):
        if prompt == "mounts":
            prompt, env = "never", {**(env or {}), "APPSILO_BROKER": "never"}
        return super().run_app(*command, prompt=prompt, env=env, **more)

    def inside(self, code, expected=None, prompts=BOTH, **more):
        """Run Python code in server mode and in an asking run; both print the same words."""
        for prompt in prompts:
            done = self.python(CALL + code, prompt=prompt, **more)
            self.assertEqual(done.returncode, 0, f"{prompt}: {done.stderr}")
            if expected is not None:
                self.assertEqual(done.stdout.split(), expected, f"{prompt}: {done.stdout} {done.stderr}")
        return done

    def audited(self, code, options=(), prompt=None, **more):
        """A run with --audit. Returns it and what the file says."""
        if os.path.exists(AUDIT):
            os.unlink(AUDIT)
        done = self.python(CALL + code, prompt=prompt, options=("--audit", AUDIT, *options), **more)
        return done, self.audit()

    def audit(self):
        if not os.path.exists(AUDIT):
            return []
        with open(AUDIT, errors="surrogateescape") as file:
            return [json.loads(line) for line in file]

    def assertAudited(self, path, access="read", decision="deny"):
        lines = self.audit()
        self.assertTrue(any(line["path"] == path and line["access"] == access and
                            line["decision"] == decision for line in lines),
                        f"no {decision} of {access} {path} in {lines}")

    def assertNotAudited(self, path, decision="allow"):
        for line in self.audit():
            self.assertFalse(line["path"] == path and line["decision"] == decision, line)

    def prompter_that(self, body):
        """A prompter whose Python body acts between question and answer(id, **members)."""
        script = write(PLACE + "/acting.py",
                       "import ctypes, json, os, sys\n"
                       "libc = ctypes.CDLL(None)\n"
                       "def exchange(a, b): assert libc.syscall(316, -100, a.encode(), -100, b.encode(), 2) == 0\n"
                       "def answer(q, **members):\n"
                       "    print(json.dumps({'v': 1, 'id': q['id'], 'decision': 'deny', 'scope': 'once', **members}), flush=True)\n"
                       "for line in sys.stdin:\n"
                       "    q = json.loads(line)\n"
                       f"    open({PLACE + '/questions.jsonl'!r}, 'a').write(line)\n"
                       + "".join("    " + line + "\n" for line in body.strip("\n").split("\n")))
        return f"exec:python3 {script}"

    def start(self, *command, options=(), prompt=None, **more):
        """A run in the background; it is killed at the end of the test at the latest."""
        more = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                "text": True, "cwd": WORK, **more}
        app = subprocess.Popen([APPSILO, "run", "--prompt", prompt or self.prompter(), *options,
                                "--", *command], **more)

        def stop():
            if app.poll() is None:
                app.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):  # what is left holds the pipes
                app.communicate(timeout=10)

        self.addCleanup(stop)
        return app


@contextlib.contextmanager
def racing(act):
    """Do @act all the time in a thread of the host. Yields a one-element list: the rounds."""
    stop, rounds = threading.Event(), [0]

    def loop():
        while not stop.is_set():
            try:
                act()
            except OSError:
                pass
            rounds[0] += 1

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield rounds
    finally:
        stop.set()
        thread.join()


@contextlib.contextmanager
def flipping(a, b, least=0):
    """The program path_flip exchanges two names as fast as it can, at least @least times."""
    flipper = subprocess.Popen([BIN + "/path_flip", a, b, str(least)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    rounds = []
    try:
        yield rounds
    finally:
        rounds.append(int(flipper.communicate(timeout=120)[0]))


def kill_all(pids):
    """What should not be there any more must not stay on this host either."""
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def children_of(pid):
    """Every process below @pid, itself included."""
    return [pid] + descendants(pid)
