# SPDX-License-Identifier: Apache-2.0
"""Programs that try to get out, in server mode and in a prompting run that says no.

Each case names the item of the threat list it replays. It checks the exact answer the
attack gets, that the host is unharmed, and that the legitimate neighbour still works.
"""
import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import HOME, Case, facts, main, write  # noqa: E402

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
"""


class Hostile(Case):
    def both(self, code, expected, **more):
        for prompt in ("never", self.prompter()):
            done = self.python(CALL + code, prompt=prompt, **more)
            self.assertEqual(done.stdout.split(), expected, f"{prompt}: {done.stdout} {done.stderr}")

    def test_n9_namespaces_and_mounts(self):
        self.both(
            "print(call(272, 0x10000000))\n"          # unshare(CLONE_NEWUSER)
            "print(call(56, 0x10000000 | 17, 0, 0, 0, 0))\n"  # clone(CLONE_NEWUSER)
            "print(call(435, 0, 0))\n"                # clone3
            "print(call(165, b'none', b'/tmp', b'tmpfs', 0, 0))\n"  # mount
            "print(call(430, b'tmpfs', 0))\n"         # fsopen
            "print(call(428, -100, b'/', 0))\n"       # open_tree
            "print(call(429, -1, b'', -100, b'/tmp', 0))\n"  # move_mount
            "print(call(442, -100, b'/', 0, 0, 0))\n"  # mount_setattr
            "print(call(155, b'.', b'.'))\n"          # pivot_root
            "print(call(161, b'/tmp'))\n"             # chroot
            "print(call(308, 0, 0))\n"                # setns
            "print(call(166, b'/proc', 2))\n",        # umount2
            ["EPERM", "EPERM", "ENOSYS"] + ["EPERM"] * 9)

    def test_n11_kernel_surfaces(self):
        self.both(
            "print(call(425, 8, 0))\n"                # io_uring_setup
            "print(call(321, 0, 0, 0))\n"             # bpf
            "print(call(250, 0, 0, 0, 0))\n"          # keyctl
            "print(call(323, 0))\n"                   # userfaultfd
            "print(call(298, 0, 0, -1, -1, 0))\n"     # perf_event_open
            "print(call(101, 0, 0, 0, 0))\n"          # ptrace
            "print(call(310, 1, 0, 0, 0, 0, 0))\n"    # process_vm_readv
            "print(call(304, -100, 0, 0))\n"          # open_by_handle_at
            "print(call(135, 0x0040000))\n"           # personality(ADDR_NO_RANDOMIZE)
            "print(call(438, 0, 0, 0))\n"             # pidfd_getfd
            "print(call(139, 0))\n"                   # sysfs: obsolete
            "print(call(467, 0))\n"                   # a call newer than the filter
            "import socket\n"
            "for f, t in ((16, 3), (17, 3), (40, 1), (2, 3)):\n"
            "    print(attempt(lambda: socket.socket(f, t)))\n",
            ["ENOSYS"] + ["EPERM"] * 7 + ["ENOSYS", "EPERM"] + ["ENOSYS"] * 2 + ["EAFNOSUPPORT"] * 3 + ["EPERM"])

    def test_n7_n8_terminal_ioctls_with_high_bits(self):
        self.both(
            "r, w = os.openpty()\n"
            "for number in (0x5412, 0x541c, 0x5412 | 1 << 32, 0x541c | 1 << 40):\n"
            "    print(call(16, w, number, b'x'))\n"
            "import termios; termios.tcgetattr(w); print(os.isatty(w))\n",
            ["EPERM"] * 4 + ["True"])

    def test_x32_and_32_bit_calls_are_killed(self):
        for prompt in ("never", self.prompter()):
            done = self.python(CALL + "call(0x40000000 + 39)", prompt=prompt)
            self.assertEqual(done.returncode, 128 + 31, "SIGSYS")

    def test_privileges(self):
        self.both(
            "status = dict(l.split(':\\t') for l in open('/proc/self/status').read().splitlines() if ':\\t' in l)\n"
            "print(status['CapEff'], status['CapBnd'], status['CapPrm'], status['CapAmb'], status['NoNewPrivs'], status['Seccomp'])\n"
            "print(attempt(lambda: os.setuid(0)))\n",
            ["0" * 16] * 4 + ["1", "2"] + ["EINVAL"])
        done = self.python("import os; print(os.getuid())", prompt="never")
        self.assertNotEqual(done.stdout.strip(), "0")

    def test_n1_n2_pid_1_and_its_files(self):
        self.both(
            "for name in ('exe', 'cwd', 'root', 'fd', 'mem', 'environ', 'ns/mnt'):\n"
            "    path = '/proc/1/' + name\n"
            "    f = (lambda: os.listdir(path)) if name == 'fd' else (lambda: open(path, 'rb').read(1)) if name in ('mem', 'environ') else (lambda: os.readlink(path))\n"
            "    print(attempt(f))\n"
            "print(len([p for p in os.listdir('/proc') if p.isdigit()]) <= 3)\n"
            "print(attempt(lambda: os.kill(1, 9)))\n",
            ["EACCES"] * 7 + ["True", "ok"])

    def test_n2_own_executable_cannot_be_overwritten(self):
        for prompt in ("never", self.prompter()):
            done = self.python(CALL + "print(attempt(lambda: open('/usr/bin/true', 'r+b')))", prompt=prompt)
            self.assertIn(done.stdout.strip(), ("EROFS", "EACCES"))

    def test_p4_links_and_dots_lead_nowhere(self):
        secret = write(HOME + "/data/test.txt", "hello\n")
        before = facts(secret)
        self.both(
            "home = os.environ['HOME']\n"
            f"up = '/..' * 30 + '{secret}'\n"
            "os.symlink('/', home + '/root'); os.symlink('/proc/self/root', home + '/self')\n"
            f"for p in ('{secret}', home + up, home + '/root{secret}', home + '/self{secret}',\n"
            f"          '/proc/self/root{secret}', '/proc/self/cwd/../data/test.txt', '//{secret}', '/./{secret}',\n"
            f"          '{HOME}/data/../data/test.txt'):\n"
            "    print(attempt(lambda: open(p)))\n"
            "os.unlink(home + '/root'); os.unlink(home + '/self')\n",
            ["EACCES"] * 9)
        self.assertEqual(facts(secret), before)

    def test_n11_nothing_is_shared_between_runs(self):
        self.python("import os\nopen('/dev/shm/x', 'w').write('1'); open('/tmp/x', 'w').write('1')\n"
                    "open('/run/x', 'w').write('1')", prompt="never")
        self.both("print(os.listdir('/dev/shm'), os.listdir('/run'))\n"
                  "print('x' in os.listdir('/tmp'))\n", ["[]", "[]", "False"])

    def test_c6_store_and_records_are_out_of_reach(self):
        self.tool("grant", "-p", "Other_x", "--read", "/usr")
        data = HOME + "/.local/share/appsilo"
        for prompt in ("never", self.prompter()):
            done = self.python(
                CALL + f"d = '{data}'\n"
                "for f in (lambda: open(d + '/consent.db'), lambda: open(d + '/consent.db', 'w'),\n"
                "          lambda: os.listdir(d), lambda: open(d + '/consent.db-new', 'w'),\n"
                "          lambda: os.rename(d, d + '2'), lambda: os.listdir(d + '/runs')):\n"
                "    print(attempt(f))\n", prompt=prompt)
            self.assertNotIn("ok", done.stdout, prompt)
        self.assertIn("Other_x", self.tool("consents").stdout)

    def test_n6_input_cannot_be_pushed_into_the_callers_terminal(self):
        done = self.python(CALL + "print(attempt(lambda: open('/dev/tty')))", prompt="never")
        self.assertIn(done.stdout.strip(), ("ENXIO", "EIO"))

    def test_p11_names_are_not_listed(self):
        self.both(f"print(attempt(lambda: os.listdir('{HOME}')))\n"
                  f"print(attempt(lambda: os.listdir('{HOME}/data')))\n"
                  "print(call(303, -100, b'/tmp', 0, 0, 0))\n",
                  ["EACCES", "EACCES", "EPERM"])


class Races(Case):
    def test_p2_flipping_names_never_gives_another_file(self):
        """Two files change places all the time while one of them may be read."""
        good, bad = write(HOME + "/data/good", "GOOD"), write(HOME + "/data/bad", "BAD!")
        stop = threading.Event()
        import ctypes
        libc = ctypes.CDLL(None)

        def flip():
            while not stop.is_set():
                libc.syscall(316, -100, good.encode(), -100, bad.encode(), 2)  # RENAME_EXCHANGE

        good_inode = os.stat(good).st_ino
        flipper = threading.Thread(target=flip)
        flipper.start()
        try:
            done = self.python(
                "import os\nseen = {}\n"
                "for _ in range(3000):\n"
                "    try:\n"
                f"        with open('{good}') as f: text = f.read()\n"
                "    except OSError as e: text = type(e).__name__\n"
                "    seen[text] = seen.get(text, 0) + 1\n"
                "print(seen)", options=("--allow-read", good, "--deny", bad, "--allow-read", HOME + "/work"))
        finally:
            stop.set()
            flipper.join()
        self.assertEqual(done.returncode, 0, done.stderr)
        # By path: whatever is called "good" at the moment of the decision may be read; the
        # denied name never. Reading must never hang or crash; content is one of the two.
        self.assertTrue(set(eval(done.stdout)) <= {"GOOD", "BAD!", "PermissionError", "FileNotFoundError"},
                        done.stdout)
        self.assertTrue(good_inode)

    def test_n15_arguments_rewritten_by_another_thread(self):
        """Paths change under the write notification; the mount itself must hold."""
        target = write(HOME + "/data/test.txt", "hello\n")
        before = facts(target)
        done = self.python(
            "import ctypes, threading, os\n"
            "libc = ctypes.CDLL(None, use_errno=True)\n"
            f"a, b = b'/tmp/x' + bytes(100), {target!r}.encode() + bytes(10)\n"
            "buf = ctypes.create_string_buffer(200)\n"
            "stop = False\n"
            "def flip():\n"
            "    while not stop:\n"
            "        ctypes.memmove(buf, a, len(a)); ctypes.memmove(buf, b, len(b))\n"
            "t = threading.Thread(target=flip); t.start()\n"
            "for _ in range(3000):\n"
            "    fd = libc.syscall(257, -100, buf, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)\n"
            "    if fd >= 0: os.write(fd, b'EVIL'); os.close(fd)\n"
            "stop = True; t.join()\n", options=("--allow-read", HOME + "/data", "--allow-read", HOME + "/work"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(facts(target), before)


class Resources(Case):
    def test_c12_many_names_and_deep_folders(self):
        self.answers({"path": HOME + "/data", "target": "folder", "access": "write"})
        done = self.python(
            "import os\n"
            f"d = '{HOME}/data'\nos.listdir(d)\n"
            "p = d\n"
            "for i in range(15): p += '/' + 'n' * 200; os.mkdir(p)\n"
            "open(d + '/' + 'x' * 255, 'w').close()\n"
            "for i in range(15): os.rmdir(p); p = os.path.dirname(p)\n"
            "os.unlink(d + '/' + 'x' * 255)\nprint('done')")
        self.assertEqual(done.stdout, "done\n", done.stderr)

    def test_p13_descriptors_are_given_back(self):
        """Many opens through FUSE (a single-file consent is never attached)."""
        self.answers({"path": HOME + "/data/test.txt"})
        done = self.python(
            f"p = '{HOME}/data/test.txt'\n"
            "for _ in range(20000): open(p).close()\n"
            "print('done')", timeout=120)
        self.assertEqual(done.stdout, "done\n", done.stderr)


main()
