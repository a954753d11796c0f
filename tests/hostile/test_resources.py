# SPDX-License-Identifier: Apache-2.0
"""Resource attacks (C12): the limit is hit, the host is fine, nothing is left behind."""
import json
import os
import subprocess
import time
import unittest

from lab import BIN, BOTH, CALL, DATA, PLACE, WORK, Attack, children_of, main, read

OWN = ("--allow-read", BIN, "--allow-read", WORK)


class Resources(Attack):
    def bomb(self, *words, prompt=None, options=(), timeout=120):
        """Returns the finished run and asserts that no process of it is left."""
        app = self.start(BIN + "/resource_bomb", *words, prompt=prompt, options=(*OWN, *options))
        seen = set()
        deadline = time.monotonic() + timeout
        while app.poll() is None and time.monotonic() < deadline:
            seen.update(children_of(app.pid))
            time.sleep(0.02)
        out, err = app.communicate(timeout=30)
        for _ in range(400):
            alive = [p for p in seen if self.is_ours(p)]
            if not alive:
                break
            time.sleep(0.05)
        self.assertEqual(alive, [], "processes are left")
        return app.returncode, out, err

    @staticmethod
    def is_ours(pid):
        try:
            return "resource_bomb" in read(f"/proc/{pid}/cmdline")
        except OSError:
            return False

    def test_c12_fork_bomb(self):
        for prompt in BOTH:
            code, out, err = self.bomb("fork", prompt=prompt, options=("--pids", "60"))
            self.assertRegex(out, r"stopped at \d+: Resource temporarily unavailable", err)
            self.assertLess(int(out.split()[2].rstrip(":")), 60)
            self.assertEqual(code, 0)

    def test_c12_signal_storm(self):
        for prompt in BOTH:
            code, out, err = self.bomb("signals", prompt=prompt)
            self.assertEqual((code, out), (0, "storm over\n"), err)

    def test_c12_stopped_children(self):
        for prompt in BOTH:
            code, out, err = self.bomb("stop", prompt=prompt)
            self.assertEqual((code, out), (0, "all stopped\n"), err)

    def test_c12_memory(self):
        """By a cgroup the kernel ends it, by an rlimit it is refused more."""
        for prompt in BOTH:
            done = self.python("x = []\n"
                               "try:\n  while len(x) < 100: x.append(bytearray(10 << 20))\n"
                               "except MemoryError: n = len(x); x = None; print(n < 30)\n", prompt=prompt,
                               options=("--memory", "256M", "--allow-read", WORK))
            if os.geteuid() == 0:
                self.assertEqual((done.returncode, done.stdout), (137, ""), done.stderr)
            else:
                self.assertEqual(done.stdout, "True\n", done.stderr)

    @unittest.skipIf(os.geteuid() == 0, "root's runs have cgroups: tests/e2e/test_limits.py")
    def test_c12_limits_are_in_force(self):
        """As the app has them; it cannot raise them, and leaves no core with a program of the host."""
        for prompt in BOTH:
            done = self.python(
                "import resource as r\n"
                "for name in ('DATA', 'AS', 'NPROC', 'FSIZE', 'CORE'): print(*r.getrlimit(getattr(r, 'RLIMIT_' + name)))\n"
                "try: r.setrlimit(r.RLIMIT_FSIZE, (1 << 30, 1 << 30))\n"
                "except ValueError: print('refused')\n", prompt=prompt,
                options=("--memory", "1G", "--pids", "60", "--file-size", "1M", "--allow-read", WORK))
            self.assertEqual(done.stdout.split(), [str(1 << 30)] * 2 + [str(2 << 30)] * 2 + ["61"] * 2 + [str(1 << 20)] * 2 + ["0", "0", "refused"],
                             f"{prompt} {done.stderr}")

    @unittest.skipIf(os.geteuid() == 0, "root's runs have cgroups")
    def test_c12_memory_that_no_limit_of_data_counts(self):
        """Shared, or made read-only once it is full: the address space ends."""
        for made, spare in (("mmap.mmap(-1, 64 << 20)", 1 << 30),
                            ("read_only(mmap.mmap(-1, 64 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))", 1 << 30),
                            ("mmap.mmap(-1, 64 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)", 0)):
            done = self.python("import ctypes, mmap\n"
                               "libc = ctypes.CDLL(None)\n"
                               "def read_only(m):\n"
                               "    at = ctypes.addressof(ctypes.c_char.from_buffer(m))\n"
                               "    if libc.mprotect(ctypes.c_void_p(at), ctypes.c_size_t(64 << 20), 1): raise OSError('mprotect')\n"
                               "    return m\n"
                               "x = []\n"
                               "try:\n"
                               f"    while len(x) < 100: x.append({made})\n"
                               f"except (OSError, MemoryError): print(0 < len(x) * 64 << 20 <= (256 << 20) + {spare})\n", prompt="never",
                               options=("--memory", "256M", "--allow-read", WORK))
            self.assertEqual(done.stdout, "True\n", made + done.stderr)

    def test_c12_sparse_and_large_files(self):
        for prompt in BOTH:
            done = self.python(
                CALL + "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
                f"for d in ('/tmp', os.environ['HOME'], '{DATA}'):\n"
                "    f = open(d + '/big', 'wb')\n"
                "    say(attempt(lambda: f.truncate(1 << 40)), attempt(lambda: os.pwrite(f.fileno(), b'x', 1 << 33)))\n"
                "    say(attempt(lambda: os.posix_fallocate(f.fileno(), 0, 1 << 26)))\n"
                "    say(attempt(lambda: os.pwrite(f.fileno(), b'x', (1 << 20) - 1)))\n"
                "    os.unlink(d + '/big')\n", prompt=prompt,
                options=("--file-size", "1M", "--allow-write", DATA, "--allow-read", WORK))
            self.assertEqual(done.stdout.split(), ["EFBIG", "EFBIG", "EFBIG", "ok"] * 3, f"{prompt} {done.stderr}")

    def test_c12_private_disk(self):
        for prompt in BOTH:
            done = self.python(
                CALL + "def fill(d):\n"
                "    with open(d + '/f', 'wb', buffering=0) as f:\n"
                "        while True: f.write(bytes(1 << 20))\n"
                "for d in ('/tmp', '/dev/shm', '/run', '/var/tmp'): say(attempt(lambda: fill(d)))\n"
                "say(sum(os.path.getsize(d + '/f') for d in ('/tmp', '/dev/shm', '/run', '/var/tmp')) <= 8 << 20)\n",
                prompt=prompt, options=("--disk", "8M", "--allow-read", WORK))
            self.assertEqual(done.stdout.split(), ["ENOSPC"] * 4 + ["True"], done.stderr)

    def test_c12_twenty_thousand_names(self):
        """On FUSE: made, listed, removed; what the broker keeps of them has a limit."""
        done = self.python(
            CALL + f"d = '{DATA}'\n"
            "for i in range(20000): os.close(os.open(f'{d}/n{i}', os.O_CREAT | os.O_WRONLY))\n"
            "say(len(os.listdir(d)))\n"
            "for i in range(20000): os.unlink(f'{d}/n{i}')\n"
            "open(d + '/' + 'x' * 255, 'w').close(); os.unlink(d + '/' + 'x' * 255)\n"
            "say(attempt(lambda: open(d + '/' + 'x' * 256, 'w')))\n", timeout=240,
            options=("--allow-write", DATA, "--deny", DATA + "/never", "--allow-read", WORK))
        self.assertEqual(done.stdout.split(), ["20001", "ENAMETOOLONG"], done.stderr)
        self.assertEqual(os.listdir(DATA), ["test.txt"])

    def test_c12_deep_folders(self):
        """Deeper than any path is long: as a mount, and on FUSE, where a path is judged."""
        for prompt, depth in (("never", 5000), (None, 2500)):
            code, out, err = self.bomb("deep", str(depth), DATA, prompt=prompt, options=("--allow-write", DATA))
            # A root run's folders are attached when they are used: this one starts on FUSE.
            if prompt or os.geteuid() != 0:
                self.assertEqual((code, out), (0, f"depth {depth}\n"), err)
            self.assertTrue(out.startswith("depth "), err)
            subprocess.run(["rm", "-rf", DATA + "/d"], check=True)
        code, out, err = self.bomb("deep", "2500", DATA, options=("--allow-write", DATA, "--deny", DATA + "/never"))
        self.assertTrue(out.startswith("depth "), err)
        subprocess.run(["rm", "-rf", DATA + "/d"], check=True)
        done = self.python(f"open('{DATA}/test.txt', 'a').close()", options=("--allow-write", DATA))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_c12_output_flood_into_a_closed_pipe(self):
        for prompt in BOTH:
            app = self.start(BIN + "/resource_bomb", "flood", prompt=prompt, options=OWN)
            self.assertTrue(app.stdout.read(1 << 16))
            app.stdout.close()
            app.stdout = None
            err = app.communicate(timeout=60)[1]
            self.assertEqual(app.returncode, 0, err)
            self.assertIn("flood ended: Broken pipe", err)

    def test_c12_time(self):
        for prompt in BOTH:
            for words, code in ((("--time", "1s"), "while True: pass"), (("--wall-time", "1s"), "import time; time.sleep(1000)")):
                result = PLACE + "/result.json"
                done = self.python(code, prompt=prompt, options=(*words, "--result", result, "--allow-read", WORK))
                self.assertEqual(done.returncode, 124, done.stderr)
                self.assertEqual(json.loads(read(result))["reason"], "timeout")


main()
