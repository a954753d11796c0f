# SPDX-License-Identifier: Apache-2.0
"""Limits: each is reached and told apart, nothing below it changes, nothing is left behind."""
import json
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, PLACE, main, named, read, write  # noqa: E402
from limited import BIN, BOTH, CGROUP, PATIENCE, RESULT, Limited, needs_cgroup  # noqa: E402
from packaged import install_tree  # noqa: E402
from screen import appsilo  # noqa: E402

GROUPS = "print(*{line.strip().rsplit('/', 1)[1] for line in open('/proc/self/cgroup') if 'appsilo-' in line}, flush=True)\n"


def groups_left(names):
    """Which of these cgroups there are, in any hierarchy."""
    left = []
    for folder, below, _ in os.walk("/sys/fs/cgroup"):
        left += [os.path.join(folder, name) for name in below if name in names]
    return left


class BelowEveryLimit(Limited):
    ALL = ("--memory", "512M", "--pids", "50", "--cpus", "2", "--time", "20s", "--wall-time", "40s", "--file-size", "10M",
           "--disk", "10M", "--output", "1M")

    def test_nothing_changes(self):
        text = ("import os, sys, threading\n"
                "t = threading.Thread(target=lambda: print('thread', flush=True)); t.start(); t.join()\n"
                "os.system('echo child')\n"
                "open('/tmp/f', 'wb').write(bytes(1 << 20))\n"
                "sys.stdout.write('o' * 200000); sys.stderr.write('e' * 200000)\n"
                "sys.exit(7)\n")
        for prompt in BOTH:
            done, _ = self.ended(self.code(text, options=self.ALL, prompt=prompt), 7, "exited")
            self.assertEqual(done.stdout, "thread\nchild\n" + "o" * 200000)
            self.assertEqual(done.stderr, "e" * 200000)

    def test_one_warning_where_only_rlimits_hold(self):
        for prompt in BOTH:
            done = self.run_app("true", options=self.ALL, prompt=prompt)
            self.assertEqual(done.returncode, 0, done.stderr)
            # What the kernel calls the refusal is in brackets.
            self.assertEqual(re.sub(r"\(.*\)", "()", done.stderr), "" if CGROUP else
                             "appsilo: warning: --memory and --time hold for each process by itself, --cpus does not "
                             "hold: no cgroup (); see appsilo doctor\n")
            done = self.run_app("true", options=("--pids", "20", "--wall-time", "20s"), prompt=prompt)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            done = self.run_app("true", options=("--quiet", *self.ALL), prompt=prompt)
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_signals_and_exit_codes(self):
        for prompt in BOTH:
            self.ended(self.code("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", options=self.ALL,
                                 prompt=prompt), 143, "signaled", 15)
            self.assertEqual(self.run_app("/nonexistent", options=self.ALL, prompt=prompt).returncode, 127)


class Memory(Limited):
    def test_one_process(self):
        for prompt in BOTH:
            outcome = self.code("x = bytearray(300 << 20)", options=("--memory", "100M"), prompt=prompt)
            if CGROUP:
                _, result = self.ended(outcome, 137, "oom", 9)
                self.assertLessEqual(result["memory_bytes"], 100 << 20)
            else:
                done, _ = self.ended(outcome, 1, "exited")
                self.assertIn("MemoryError", done.stderr)

    @needs_cgroup
    def test_many_processes_each_below(self):
        text = ("import os, signal\n"
                "r, w = os.pipe()\n"
                "pids = []\n"
                "for i in range(8):\n"
                "    if not (pid := os.fork()):\n"
                "        x = b'x' * (40 << 20); os.write(w, b'1'); signal.pause()\n"
                "    pids.append(pid)\n"
                "print(os.waitpid(-1, 0)[1], flush=True); os._exit(3)\n")
        for prompt in BOTH:
            done, _ = self.ended(self.code(text, options=("--memory", "150M"), prompt=prompt), 3, "oom")
            self.assertEqual(done.stdout, "9\n")

    @needs_cgroup
    def test_private_files_count(self):
        text = "open('/tmp/f', 'wb').write(b'x' * (10 << 20)); f = open('/dev/shm/f', 'wb')\nwhile True: f.write(b'x' * (1 << 20))\n"
        for prompt in BOTH:
            self.ended(self.code(text, options=("--memory", "60M", "--disk", "1G"), prompt=prompt), 137, "oom", 9)

    @needs_cgroup
    def test_a_program_that_deals_with_it(self):
        """What ends well did not end for want of memory."""
        text = ("import os\n"
                "if not os.fork(): x = b'x' * (300 << 20)\n"
                "print(os.wait()[1])\n")
        done, _ = self.ended(self.code(text, options=("--memory", "100M")), 0, "exited")
        self.assertEqual(done.stdout, "9\n")

    @needs_cgroup
    def test_the_launcher_is_not_the_victim(self):
        """Files fill the memory, and every process of the app is smaller than the launcher."""
        for prompt in BOTH:
            done, result = self.limited("sh", "-c", "for i in 1 2 3 4; do (while :; do head -c 40M /dev/zero >/tmp/$i; done) & done; "
                                        "dd if=/dev/zero of=/tmp/f bs=64K count=2000; exit 3",
                                        options=("--memory", "24M", "--disk", "400M", "--wall-time", "20s"), prompt=prompt)
            self.assertIn((done.returncode, result["reason"]), ((3, "oom"), (137, "oom")), done.stderr)  # the shell may be one


class Pids(Limited):
    COUNT = ("import os, signal, sys\n"
             "n = 0\n"
             "try:\n"
             "    while n < 500:\n"
             "        if not os.fork(): signal.pause()\n"
             "        n += 1\n"
             "except BlockingIOError: pass\n"
             "print(n, flush=True); sys.exit(int(sys.argv[1]))\n")

    def test_exactly_so_many(self):
        for prompt in BOTH:
            for limit in (1, 2, 20):
                done, _ = self.ended(self.limited("python3", "-c", self.COUNT, "4", options=("--pids", str(limit)),
                                                  prompt=prompt), 4, "pids" if CGROUP else "exited")
                self.assertEqual(done.stdout, f"{limit - 1}\n")
            done, _ = self.ended(self.limited("python3", "-c", self.COUNT, "0", options=("--pids", "20"), prompt=prompt),
                                 0, "exited")
            self.assertEqual(done.stdout, "19\n")

    def test_threads_count(self):
        text = ("import sys, threading\n"
                "hold = threading.Event(); n = 0\n"
                "try:\n"
                "    while n < 200: threading.Thread(target=hold.wait, daemon=True).start(); n += 1\n"
                "except RuntimeError: pass\n"
                "print(n, flush=True); hold.set(); sys.exit(5)\n")
        done, _ = self.ended(self.code(text, options=("--pids", "10")), 5, "pids" if CGROUP else "exited")
        self.assertEqual(done.stdout, "9\n")

    def test_fork_bomb(self):
        for prompt in BOTH:
            done, _ = self.ended(self.limited(BIN + "/resource_bomb", "fork", options=("--pids", "60"), prompt=prompt), 0, "exited")
            self.assertRegex(done.stdout, r"^stopped at \d+: Resource temporarily unavailable")


class Output(Limited):
    def test_every_byte_up_to_the_limit(self):
        for prompt in BOTH:
            for size, limit in ((1000, 1000), (300000, 300000), (0, 10)):
                done, _ = self.ended(self.code(f"print('x' * {size}, end='')", options=("--output", str(limit)),
                                               prompt=prompt), 0, "exited")
                self.assertEqual(done.stdout, "x" * size)
            for size, limit in ((1001, 1000), (300001, 300000), (3000000, 65536)):
                done, _ = self.ended(self.code(f"print('x' * {size}, end='')", options=("--output", str(limit)),
                                               prompt=prompt), 137, "output-limit", 9)
                self.assertEqual(done.stdout, "x" * limit)

    def test_two_processes_on_two_streams(self):
        for prompt in BOTH:
            done, _ = self.ended(self.limited("sh", "-c", "yes o & yes e >&2", options=("--output", "1M"), prompt=prompt),
                                 137, "output-limit", 9)
            self.assertEqual(len(done.stdout) + len(done.stderr), 1 << 20)
            self.assertRegex(done.stdout[:-2], r"\A(o\n)*\Z")
            self.assertRegex(done.stderr[:-2], r"\A(e\n)*\Z")

    def test_one_file_for_both_keeps_the_order(self):
        text = "import os\nfor i in range(5000): os.write(1 + i % 2, b'%d\\n' % i)\n"
        for prompt in BOTH:
            with open(PLACE + "/both", "w+b") as file:
                file.write(b"before\n")
                file.flush()
                words = [APPSILO, "run", "--quiet", "--prompt", prompt or self.prompter(), "--output", "1M", "--",
                         "python3", "-c", text]
                self.assertEqual(subprocess.run(words, cwd=HOME + "/work", stdin=subprocess.DEVNULL, stdout=file,
                                                stderr=file, check=False).returncode, 0)
            self.assertEqual(read(PLACE + "/both"), "before\n" + "".join(f"{i}\n" for i in range(5000)))

    def test_a_file_that_is_appended_to(self):
        for prompt in BOTH:
            write(PLACE + "/log", "before\n")
            with open(PLACE + "/log", "a") as file:
                words = [APPSILO, "run", "--quiet", "--prompt", prompt or self.prompter(), "--output", "100", "--",
                         "sh", "-c", "echo out; echo err >&2"]
                subprocess.run(words, cwd=HOME + "/work", stdin=subprocess.DEVNULL, stdout=file,
                               stderr=subprocess.DEVNULL, check=True)
            self.assertEqual(read(PLACE + "/log"), "before\nout\n")

    def test_a_slow_reader_gets_everything(self):
        """More than all pipes hold: the run cannot end before it is read, and loses nothing."""
        for prompt in BOTH:
            app = self.start("import sys; sys.stdout.write('x' * 1000000); sys.stdout.flush()", options=("--output", "1M"),
                             prompt=prompt)
            self.assertEqual(app.stdout.read(1), "x")
            self.assertIsNone(app.poll())
            self.assertEqual(app.stdout.read(), "x" * 999999)
            self.assertEqual(app.wait(timeout=30), 0, app.stderr.read())

    def test_a_reader_that_never_reads(self):
        """The limit of time holds all the same, and so does an interrupt."""
        for prompt in BOTH:
            app = self.start("print('x' * 1000000)", options=("--output", "4M", "--wall-time", "2s"), prompt=prompt)
            self.assertEqual(app.wait(timeout=30), 124)
            app = self.start("import signal; signal.signal(signal.SIGINT, signal.SIG_DFL)\nprint('x' * 1000000)",
                             options=("--output", "4M"), prompt=prompt)
            self.assertEqual(app.stdout.read(1), "x")
            app.send_signal(signal.SIGINT)
            self.assertEqual(app.wait(timeout=30), 130)

    def test_a_reader_that_has_gone(self):
        for prompt in BOTH:
            for words, code in ((("yes",), 141), ((BIN + "/resource_bomb", "flood"), 0)):
                app = subprocess.Popen([APPSILO, "run", "--quiet", "--prompt", prompt or self.prompter(), "--output", "1T",
                                        "--allow-read", BIN, "--", *words], cwd=HOME + "/work", stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                self.assertTrue(app.stdout.read(1 << 16))
                app.stdout.close()
                app.stdout = None
                err = app.communicate(timeout=60)[1]
                self.assertEqual(app.returncode, code, err)
                self.assertEqual("flood ended: Broken pipe" in err, code == 0, err)

    def test_a_socket_as_output(self):
        import socket
        for prompt in BOTH:
            ours, theirs = socket.socketpair()
            with ours, theirs:
                app = subprocess.Popen([APPSILO, "run", "--quiet", "--prompt", prompt or self.prompter(), "--output", "300000",
                                        "--", "sh", "-c", "yes"], cwd=HOME + "/work", stdin=subprocess.DEVNULL,
                                       stdout=theirs, stderr=subprocess.PIPE)
                theirs.close()
                size = 0
                while data := ours.recv(65536):
                    size += len(data)
                app.communicate(timeout=30)
                self.assertEqual((app.returncode, size), (137, 300000))

    def test_a_terminal(self):
        for prompt in BOTH:
            t = appsilo("run", "--quiet", "--prompt", prompt or self.prompter(), "--output", "5000", "--result", RESULT, "--",
                        "python3", "-c", "import sys; sys.stdout.write('x' * 20000)")
            self.assertEqual(t.end()[1], 137)
            self.assertEqual(t.raw.count(b"x"), 5000)
            self.assertEqual(json.loads(read(RESULT))["reason"], "output-limit")


class Files(Limited):
    def test_file_size(self):
        text = ("import os, signal\n"
                "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"
                "fd = os.open('/tmp/f', os.O_CREAT | os.O_RDWR)\n"
                "os.write(fd, bytes(1 << 20)); print('up to it', flush=True)\n"
                "os.write(fd, b'x')\n")
        for prompt in BOTH:
            done, _ = self.ended(self.code(text, options=("--file-size", "1M"), prompt=prompt), 128 + signal.SIGXFSZ,
                                 "signaled", signal.SIGXFSZ)
            self.assertEqual(done.stdout, "up to it\n")

    def test_disk(self):
        text = ("import os, sys\n"
                "fd = os.open('/tmp/sparse', os.O_CREAT | os.O_RDWR); os.ftruncate(fd, 1 << 40)\n"
                "total = 0\n"
                "for place in ('/tmp', '/dev/shm', '/run', '/var/tmp'):\n"
                "    try:\n"
                "        fd = os.open(place + '/f', os.O_CREAT | os.O_RDWR)\n"
                "        while True: total += os.write(fd, bytes(1 << 16))\n"
                "    except OSError as e: print(e.errno)\n"
                "print(4 << 20 <= total <= 8 << 20); sys.exit(6)\n")
        for prompt in BOTH:
            done, _ = self.ended(self.code(text, options=("--disk", "8M"), prompt=prompt), 6, "exited")
            self.assertEqual(done.stdout, "28\n" * 4 + "True\n")


class Package(Limited):
    MANIFEST = """<?xml version="1.0" encoding="utf-8"?>
<Package xmlns="http://schemas.microsoft.com/appx/manifest/foundation/windows10" xmlns:appsilo="https://appsilo.org/manifest/1">
<Identity Name="Test.Limited" Publisher="CN=Limited" Version="1.0.0.0" ProcessorArchitecture="neutral"/>
<Properties><DisplayName>Limited</DisplayName></Properties>
<Applications><Application Id="Probe" Executable="VFS\\usr\\bin\\probe"/></Applications>
<appsilo:Settings><appsilo:Limit Name="output" Value="1K"/><appsilo:Limit Name="pids" Value="20"/></appsilo:Settings>
</Package>
"""

    def test_limits_of_the_manifest(self):
        """They hold without a word; a word of the person's takes their place."""
        write(PLACE + "/stage/AppxManifest.xml", self.MANIFEST)
        write(PLACE + "/stage/VFS/usr/bin/probe", "#!/bin/sh\n")
        os.chmod(PLACE + "/stage/VFS/usr/bin/probe", 0o755)
        family = install_tree(PLACE + "/stage", HOME + "/.local/share/appsilo", move=True)
        done, _ = self.ended(self.code("print('x' * 5000)", options=("-p", family)), 137, "output-limit", 9)
        self.assertEqual(done.stdout, "x" * 1024)
        done, _ = self.ended(self.limited("python3", "-c", Pids.COUNT, "0", options=("-p", family)), 0, "exited")
        self.assertEqual(done.stdout, "19\n")
        done, _ = self.ended(self.code("print('x' * 5000)", options=("-p", family, "--output", "10K")), 0, "exited")
        self.assertEqual(done.stdout, "x" * 5000 + "\n")


@needs_cgroup
class NothingIsLeft(Limited):
    OPTIONS = ("--memory", "60M", "--pids", "10", "--cpus", "2", "--time", "20s")

    def gone(self, names):
        self.assertTrue(names)
        self.wait_until(lambda: not groups_left(names), f"cgroups are left: {groups_left(names)}")

    def test_however_it_ends(self):
        ends = ("", "import sys; sys.exit(1)", "import os; os.kill(os.getpid(), 9)", "x = bytearray(300 << 20)",
                "import os, time\nif os.fork() == 0: os.setsid()\nelse: os._exit(0)\ntime.sleep(1000)",
                "import time; time.sleep(1000)", "print('x' * 1000000)")
        for prompt in BOTH:
            for end in ends:
                done, _ = self.code(GROUPS + end, options=(*self.OPTIONS, "--wall-time", f"{3 * PATIENCE}s", "--output", "10K"), prompt=prompt)
                names = set(done.stdout.split("\n")[0].split())
                if prompt:
                    self.assertTrue(names)
                    self.assertEqual(groups_left(names), [])
                self.gone(names)

    def running(self, prompt):
        app = self.start(GROUPS + "import time; time.sleep(1000)", options=self.OPTIONS, prompt=prompt)
        names = set(app.stdout.readline().split())
        self.assertTrue(groups_left(names))
        return app, names

    def test_the_launcher_is_killed(self):
        for prompt in BOTH:
            app, names = self.running(prompt)
            app.kill()
            app.wait(timeout=30)
            self.gone(names)

    def test_the_helper_of_a_prompting_run_is_killed(self):
        app, names = self.running(None)
        helpers = named(app.pid, "appsilo-attach")
        self.assertTrue(helpers)
        for pid in helpers:
            os.kill(pid, signal.SIGKILL)
        app.wait(timeout=30)
        self.gone(names)

    def test_the_next_run_sweeps(self):
        """Whoever would have removed it is killed first: only then may a group be left."""
        for prompt in BOTH:
            app, names = self.running(prompt)
            keepers = named(app.pid, "appsilo-cgroup")
            self.assertEqual(len(keepers), 1)
            os.kill(keepers[0], signal.SIGKILL)
            app.kill()
            app.wait(timeout=30)
            self.assertTrue(groups_left(names))

            def swept():
                self.code("", options=self.OPTIONS)
                return not groups_left(names)

            self.wait_until(swept, "not swept")  # the sandbox may still be on its way out

    def test_a_run_in_progress_is_not_swept(self):
        app, names = self.running("never")
        before = sorted(groups_left(names))
        self.code("", options=self.OPTIONS)
        self.assertEqual(sorted(groups_left(names)), before)
        app.kill()
        app.wait(timeout=30)
        self.gone(names)

    def test_the_app_cannot_get_out(self):
        """No control group is in its view; its own limits are not to be found, nor to be left."""
        text = ("import glob, os\n"
                "print(glob.glob('/sys/fs/cgroup/*'), [l for l in open('/proc/self/mountinfo') if 'cgroup' in l])\n")
        done, _ = self.ended(self.code(text, options=self.OPTIONS), 0, "exited")
        self.assertEqual(done.stdout, "[] []\n")


main()
