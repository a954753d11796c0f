# SPDX-License-Identifier: Apache-2.0
"""Descriptors and processes: leaks (N1), executables (N2), the caller's terminal (N6 to N8),
two runs at once (N11), a broker that dies, stalls or has no descriptors left (N14), arguments
that change while they are read (N15)."""
import hashlib
import os
import resource
import select
import signal
import socket
import subprocess
import time

from lab import (APPSILO, BIN, BOTH, CALL, CANARY, DATA, HOME, PLACE, SECRET, WORK, Attack, children_of, facts,
                 kill_all, main, named, read, write)
from person import Screen


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def left_of(pids, seconds=20):
    """Those of @pids that do not end, and are ended here."""
    end = time.monotonic() + seconds
    while True:
        alive = [p for p in pids if is_alive(p)]
        if not alive or time.monotonic() > end:
            kill_all(alive)
            return alive
        time.sleep(0.02)


def is_alive(pid):
    try:
        return read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Leaks(Attack):
    LOOK = ("fds = sorted(int(n) for n in os.listdir('/proc/self/fd'))\n"
            "say([n for n in fds if n < 3], len(fds) - 3 <= 1)\n"       # listdir's own
            "say(os.readlink('/proc/self/root'), os.path.realpath('/proc/self/cwd') == os.getcwd())\n"
            "def reaches(fd):\n"
            "    try: os.open('home', os.O_RDONLY, dir_fd=fd)\n"
            "    except OSError as e: return e.errno in (1, 13)\n"
            "    return True\n"
            "say(any(reaches(n) for n in range(3, 600)))\n")
    SEEN = ["[0,", "1,", "2]", "True", "/", "True", "False"]

    def test_n1_two_hundred_open_descriptors_of_the_caller(self):
        """runc CVE-2024-21626: a folder left open was the way out."""
        opened = [os.open(path, os.O_RDONLY) for path in ("/", SECRET, HOME, CANARY) for _ in range(50)]
        opened += [os.open("/", os.O_PATH), os.dup2(opened[0], 555)]
        try:
            for prompt in BOTH:
                for cwd in (WORK, SECRET, "/"):
                    done = self.python(CALL + self.LOOK, prompt=prompt, cwd=cwd, pass_fds=opened)
                    self.assertEqual(done.stdout.split(), self.SEEN, f"{prompt} {cwd} {done.stderr}")
        finally:
            for fd in set(opened):
                os.close(fd)

    def test_n1_nothing_is_left_when_the_broker_dies_with_many_descriptors(self):
        """The helper keeps no end of the sandbox's socket, whatever its number."""
        opened = [os.open("/dev/null", os.O_RDONLY) for _ in range(200)]
        try:
            app = self.start("sh", "-c", "echo UP; sleep 1000", pass_fds=opened)
            self.assertEqual(app.stdout.readline(), "UP\n")
            below = children_of(app.pid)[1:]
            self.assertGreater(len(below), 1)
            helper = named(app.pid, "appsilo-attach")
            self.assertEqual(len(helper), 1)
            if os.geteuid() == 0:  # nobody else may look
                self.assertLess(len(os.listdir(f"/proc/{helper[0]}/fd")), 20, "descriptors of the helper")
            os.kill(app.pid, signal.SIGKILL)
            app.wait()
            self.assertEqual(left_of(below), [])
        finally:
            for fd in opened:
                os.close(fd)

    def test_n1_folder_or_disk_as_standard_descriptor_is_refused(self):
        fd = os.open(SECRET, os.O_RDONLY)
        for prompt in BOTH:
            done = self.run_app("true", prompt=prompt, stdin=fd)
            self.assertEqual(done.returncode, 125, done.stderr)
            self.assertIn("directory or disk", done.stderr)
        os.close(fd)

    def test_n1_closed_standard_descriptors(self):
        """What was closed is /dev/null inside, not whatever came next."""
        for prompt in ("never", "exec:false"):
            done = subprocess.run(["sh", "-c", '"$0" run --prompt "$1" -- sh -c "cat; echo DONE >&2" <&- >&-', APPSILO, prompt],
                                  capture_output=True, text=True, cwd=WORK, timeout=30, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("DONE", done.stderr)

    def test_n1_pid_1_shows_nothing_of_itself(self):
        self.inside(
            "for name in ('exe', 'cwd', 'root', 'fd', 'mem', 'environ', 'ns/mnt', 'map_files', 'maps', 'io'):\n"
            "    path = '/proc/1/' + name\n"
            "    f = (lambda: os.listdir(path)) if name in ('fd', 'map_files') else \\\n"
            "        (lambda: os.readlink(path)) if name in ('exe', 'cwd', 'root', 'ns/mnt') else (lambda: open(path, 'rb').read(1))\n"
            "    say(attempt(f))\n"
            "say(len([p for p in os.listdir('/proc') if p.isdigit()]) <= 3)\n"
            "say(attempt(lambda: os.kill(1, 9)), attempt(lambda: os.kill(1, 19)))\n"
            "say(attempt(lambda: os.kill(os.getpid(), 0)))\n",
            ["EACCES"] * 10 + ["True", "ok", "ok", "ok"])

    def test_n2_no_executable_can_be_overwritten(self):
        """runc CVE-2019-5736: /proc/self/exe of the runtime was rewritten from inside."""
        programs = [f"{BIN}/{name}" for name in ("appsilo", "appsilo-broker", "appsilo-tool")]
        programs.append(os.path.realpath("/usr/bin/python3"))
        before = [(digest(p), os.stat(p).st_ino) for p in programs]
        code = ("def reopen(path):\n"
                "    fd = os.open(path, os.O_PATH)\n"
                "    return os.open(f'/proc/self/fd/{fd}', os.O_WRONLY)\n"
                "results = set()\n"
                "pids = [p for p in os.listdir('/proc') if p.isdigit()] + ['self', 'thread-self']\n"
                "for p in pids:\n"
                "    for flags in (os.O_WRONLY, os.O_RDWR, os.O_RDWR | os.O_TRUNC):\n"
                "        results.add(attempt(lambda: os.open(f'/proc/{p}/exe', flags)))\n"
                "    results.add(attempt(lambda: reopen(f'/proc/{p}/exe')))\n"
                "    results.add(attempt(lambda: os.open(f'/proc/{p}/mem', os.O_RDWR)) if p == '1' else 'EACCES')\n"
                "results.add(attempt(lambda: open('/usr/bin/true', 'r+b')))\n"
                "say(len(pids) >= 4, sorted(results - {'EACCES', 'EROFS', 'ETXTBSY'}))\n"
                "say(os.path.basename(os.readlink('/proc/self/exe'))[:6])\n")
        for prompt in BOTH:
            done = self.python(CALL + code, prompt=prompt)
            self.assertEqual(done.stdout.split(), ["True", "[]", "python"], f"{prompt} {done.stderr}")
            # And the programs themselves, were their folder granted.
            done = self.python(CALL + f"say(attempt(lambda: open({programs[1]!r}, 'r+b')))", prompt=prompt,
                               options=("--allow-read", BIN, "--allow-read", WORK))
            self.assertIn(done.stdout.strip(), ("EROFS", "EACCES"), done.stderr)
        self.assertEqual([(digest(p), os.stat(p).st_ino) for p in programs], before)


class Terminals(Attack):
    def push(self, *words):
        screen = Screen("run", *words, "--allow-read", BIN, "--allow-read", WORK, "--", BIN + "/terminal_push")
        rest, code = screen.end()
        return rest, code

    def test_n6_n7_n8_nothing_is_typed_into_the_callers_terminal(self):
        for words in (("--prompt", "never"), ()):
            shown, code = self.push(*words)
            self.assertEqual(code, 0, shown)
            # Four descriptors, two requests, 33 spellings each.
            self.assertIn(b"refused 264, settings read", shown)

    def test_n6_callers_terminal_is_out_of_reach(self):
        """The terminal inside is another one; the caller's has no name and no session there."""
        self.inside("say(attempt(lambda: open('/dev/tty')))\n", ["ENXIO"])
        screen = Screen("run", "--prompt", "never", "--", "python3", "-c",
                        "import os\nprint(os.ttyname(0), os.listdir('/dev/pts'), os.getsid(0) != os.getppid())\n"
                        "print(os.stat('/dev/tty').st_rdev, 'SAME', os.fstat(0).st_rdev == os.stat('/dev/pts/0').st_rdev)\n")
        rest, code = screen.end()
        self.assertEqual(code, 0, rest)
        self.assertIn(b"/dev/pts/0", rest)
        self.assertIn(b"SAME True", rest)

    def test_n6_descriptor_of_a_terminal_among_files_is_the_sandboxs_own(self):
        """Only stderr is the terminal: it is replaced as well."""
        screen = Screen("run", "--prompt", "never", "--allow-read", BIN, "--", "sh", "-c",
                        f"{BIN}/terminal_push </dev/null >/tmp/out; cat /tmp/out >&2")
        rest, code = screen.end()
        self.assertIn(b"refused 264, settings none", rest)


class TwoRuns(Attack):
    def test_n11_two_runs_at_once_share_nothing(self):
        """isolate 2.6: /dev/shm was shared. Also SysV and POSIX IPC, sockets, processes, /tmp."""
        make = ("import socket, mmap\n"
                "open('/dev/shm/x', 'w').write('1'); open('/tmp/x', 'w').write('1'); open('/run/x', 'w').write('1')\n"
                "say(libc.shmget(0x1234, 4096, 0o1666) >= 0, libc.semget(0x1234, 1, 0o1666) >= 0, libc.msgget(0x1234, 0o1666) >= 0)\n"
                "librt = ctypes.CDLL('librt.so.1', use_errno=True)\n"
                "say(librt.mq_open(b'/queue', 0o102, 0o600, None) < 0)\n"  # Landlock: no place for it
                "s = socket.socket(socket.AF_UNIX); s.bind('\\0abstract'); s.listen()\n"
                "t = socket.socket(); t.bind(('127.0.0.1', 54321)); t.listen()\n"
                "u = socket.socket(socket.AF_UNIX); u.bind('/tmp/named'); u.listen()\n"
                "say('UP'); input()\n")
        look = ("import socket\n"
                "def connect(family, address):\n"
                "    s = socket.socket(family)\n"
                "    s.connect(address)\n"
                "say(*[name in os.listdir(d) for d, name in (('/dev/shm', 'x'), ('/tmp', 'x'), ('/run', 'x'), ('/tmp', 'named'))])\n"
                "for f in (lambda: libc.shmget(0x1234, 4096, 0), lambda: libc.semget(0x1234, 1, 0), lambda: libc.msgget(0x1234, 0)):\n"
                "    say('none' if f() < 0 and ctypes.get_errno() == errno.ENOENT else 'SHARED')\n"
                "librt = ctypes.CDLL('librt.so.1', use_errno=True)\n"
                "say('none' if librt.mq_open(b'/queue', 2) < 0 else 'SHARED')\n"
                "say(attempt(lambda: connect(socket.AF_UNIX, '\\0abstract')), attempt(lambda: connect(socket.AF_INET, ('127.0.0.1', 54321))))\n"
                "say(os.uname().nodename, len([p for p in os.listdir('/proc') if p.isdigit()]))\n")
        host, name = socket.socket(socket.AF_UNIX), f"abstract-of-host-{os.getpid()}"
        host.bind("\0" + name)
        host.listen()
        for prompt in BOTH:
            first = self.start("python3", "-c", CALL + make, prompt=prompt)
            self.assertEqual([first.stdout.readline() for _ in range(3)],
                             ["True True True\n", "True\n", "UP\n"])
            done = self.python(CALL + look + f"say(attempt(lambda: connect(socket.AF_UNIX, '\\0{name}')))", prompt=prompt)
            self.assertEqual(done.stdout.split(), ["False"] * 4 + ["none"] * 4 + ["ECONNREFUSED"] * 2 +
                             ["appsilo", "2", "ECONNREFUSED"], f"{prompt} {done.stderr}")
            first.communicate("\n", timeout=30)
            self.assertEqual(first.returncode, 0)
        # Nor does the next run find anything.
        self.inside(look, ["False"] * 4 + ["none"] * 4 + ["ECONNREFUSED"] * 2 + ["appsilo", "2"])
        host.close()


class BrokerInTrouble(Attack):
    """N14: whatever is wrong with the broker, the app gets an error and never the file."""
    ASKS = ("import sys\n"
            f"refused, granted = '{CANARY}', '{DATA}/test.txt'\n"
            "def content(p):\n"
            "    try: return open(p).read().strip()\n"
            "    except OSError as e: return errno.errorcode[e.errno]\n"
            "say('UP', content(granted))\n"
            "for line in sys.stdin:\n"
            "    say(content(refused), content(granted))\n")

    def asking(self, prompt=None):
        app = self.start("python3", "-c", CALL + self.ASKS, prompt=prompt,
                         options=("--allow-read", DATA + "/test.txt", "--allow-read", WORK))
        self.assertEqual(app.stdout.readline(), "UP hello\n")
        return app

    def ask(self, app):
        app.stdin.write("\n")
        app.stdin.flush()

    def test_n14_no_descriptors_left(self):
        app = self.asking()
        limits = resource.prlimit(app.pid, resource.RLIMIT_NOFILE)
        for left in range(0, 70, 3):
            resource.prlimit(app.pid, resource.RLIMIT_NOFILE, (left, limits[1]))
            self.ask(app)
            words = app.stdout.readline().split()
            self.assertIn(words[0], ("EACCES", "EMFILE", "EIO", "ESTALE", "ENOENT"), f"{left}: {words}")
            self.assertIn(words[1], ("hello", "EACCES", "EMFILE", "EIO", "ESTALE", "ENOENT"), f"{left}: {words}")
        resource.prlimit(app.pid, resource.RLIMIT_NOFILE, limits)
        self.ask(app)
        self.assertEqual(app.stdout.readline(), "EACCES hello\n", "and it recovers")
        app.communicate(timeout=30)

    def test_n14_stalled(self):
        app = self.asking()
        os.kill(app.pid, signal.SIGSTOP)
        self.ask(app)
        self.assertEqual(select.select([app.stdout], [], [], 1)[0], [], "the app waits")
        os.kill(app.pid, signal.SIGCONT)
        self.assertEqual(app.stdout.readline(), "EACCES hello\n")
        app.communicate(timeout=30)

    def test_n14_killed(self):
        """The app ends with its broker, in the middle of a question too; and so does what the
        prompter has started."""
        waiting = f"exec:sh -c 'read line; sleep 1000 & touch {PLACE}/asked; wait'"
        for prompt in (None, waiting):
            if os.path.exists(PLACE + "/asked"):
                os.unlink(PLACE + "/asked")
            app = self.asking(prompt)
            self.ask(app)
            if prompt:
                self.wait_until(lambda: os.path.exists(PLACE + "/asked"), "the question")
            below = children_of(app.pid)[1:]
            os.kill(app.pid, signal.SIGKILL)
            left = left_of(below)
            self.assertNotIn("SECRET", app.communicate(timeout=30)[0])
            self.assertEqual(left, [], "nothing is left")

    def test_n14_store_that_fails_is_a_denial(self):
        """A store that breaks while a run uses it: no, not yes."""
        self.answers({"path": SECRET})
        done = self.python(f"open('{write(DATA + '/other', '')}')")  # makes the store: denied, remembered
        self.assertEqual(done.returncode, 1)
        code = CALL + self.ASKS
        app = self.start("python3", "-c", code, options=("--allow-read", DATA + "/test.txt", "--allow-read", WORK))
        self.assertEqual(app.stdout.readline(), "UP hello\n")
        import sqlite3
        with sqlite3.connect(HOME + "/.local/share/appsilo/consent.db") as db:
            db.execute("pragma ignore_check_constraints = on")
            db.execute("update rules set access = 'nonsense'")
            db.execute("insert into rules (family, path, target, access, verdict, source, time_ms) "
                       "select family, ?, 'file', 'nonsense', 'allow', 'prompt', 1 from rules limit 1", (CANARY.encode(),))
        self.ask(app)
        words = app.stdout.readline().split()
        self.assertEqual(words[0], "EACCES", words)
        app.communicate(timeout=30)


class Rewritten(Attack):
    FLIP = ("import threading, time\n"
            "a, b = A + bytes(8), B + bytes(8)\n"
            "buf = ctypes.create_string_buffer(4096)\n"
            "stop = False\n"
            "def flip():\n"
            "    while not stop: ctypes.memmove(buf, a, len(a)); ctypes.memmove(buf, b, len(b))\n"
            "threads = [threading.Thread(target=flip) for _ in range(2)]\n"
            "[t.start() for t in threads]\n")

    def test_n15_path_rewritten_under_an_open(self):
        """sandlock#27: the argument was swapped by a second thread after the check."""
        before = facts(write(DATA + "/target", "MINE"))
        flip = self.FLIP.replace("A +", f"{DATA + '/test.txt'!r}.encode() +").replace("B +", f"{CANARY!r}.encode() +")
        code = flip + (
            "seen = set()\n"
            "for flags in (os.O_RDONLY, os.O_RDWR):\n"
            "    end = time.monotonic() + 1.5\n"
            "    while time.monotonic() < end:\n"
            "        fd = libc.syscall(257, -100, buf, flags, 0)\n"
            "        if fd >= 0: seen.add(os.read(fd, 99)); os.close(fd)\n"
            "stop = True\n"
            "say(b'hello\\n' in seen, any(b'SECRET' in s for s in seen))\n")
        self.inside(code, ["True", "False"], options=("--allow-read", DATA, "--allow-read", WORK), timeout=120)
        self.assertEqual(facts(DATA + "/target"), before)

    def test_n15_path_rewritten_under_the_write_question(self):
        """The notification only asks; a read-only mount stays read-only whatever it was asked about."""
        target = write(DATA + "/target", "MINE")
        before = facts(target)
        flip = self.FLIP.replace("A +", "b'/tmp/x' + bytes(100) +").replace("B +", f"{target!r}.encode() +")
        code = flip + (
            f"os.listdir('{DATA}')\nopened = 0\n"
            "end = time.monotonic() + 3\n"
            "while time.monotonic() < end:\n"
            "    fd = libc.syscall(257, -100, buf, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)\n"
            "    if fd >= 0: os.write(fd, b'EVIL'); os.close(fd); opened += 1\n"
            "    libc.syscall(437, -100, buf, ctypes.c_char_p(bytes([1, 2]) + bytes(22)), 24)\n"  # openat2
            "    libc.unlink(buf)\n"
            "stop = True\nsay(opened > 0)\n")
        done = self.python(CALL + code, options=("--allow-read", DATA, "--allow-read", WORK), timeout=120)
        self.assertEqual(done.stdout, "True\n", done.stderr)
        self.assertTrue(os.path.exists(target), "it was removed")
        self.assertEqual(facts(target), before)

    def test_n15_descriptor_exchanged_under_the_write_question(self):
        """The same with dup2 on the folder a call is relative to."""
        target = write(DATA + "/target", "MINE")
        before = facts(target)
        done = self.python(
            CALL + "import threading, time\n"
            f"os.makedirs('/tmp/d'); a, b = os.open('/tmp/d', os.O_RDONLY), os.open('{DATA}', os.O_RDONLY)\n"
            "at = os.dup(a); stop = False\n"
            "def flip():\n"
            "    while not stop: os.dup2(a, at); os.dup2(b, at)\n"
            "t = threading.Thread(target=flip); t.start()\n"
            "end, made = time.monotonic() + 2, 0\n"
            "while time.monotonic() < end:\n"
            "    for f in (lambda: os.open('target', os.O_WRONLY | os.O_CREAT, dir_fd=at), lambda: os.unlink('target', dir_fd=at),\n"
            "              lambda: os.mkdir('new', dir_fd=at), lambda: os.rmdir('new', dir_fd=at)):\n"
            "        made += attempt(f) == 'ok'\n"
            "stop = True; t.join(); say(made > 0)\n",
            options=("--allow-read", DATA, "--allow-read", WORK), timeout=120)
        self.assertEqual(done.stdout, "True\n", done.stderr)
        self.assertTrue(os.path.exists(target), "it was removed")
        self.assertEqual(facts(target), before)
        self.assertEqual(sorted(os.listdir(DATA)), ["target", "test.txt"])


main()
