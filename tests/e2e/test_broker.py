# SPDX-License-Identifier: Apache-2.0
"""The broker and its helper give up what they do not need before the app runs; open files stay what they are."""
import os
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, Case, main, write  # noqa: E402

CAP = {name: 1 << bit for name, bit in (
    ("chown", 0), ("dac_override", 1), ("dac_read_search", 2), ("fowner", 3), ("fsetid", 4),
    ("kill", 5), ("setgid", 6), ("setuid", 7), ("sys_chroot", 18), ("sys_ptrace", 19), ("sys_admin", 21))}


def status(path):
    with open(path + "/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


class Broker(Case):
    def running(self):
        """A run whose app has begun; the process that was started is the broker."""
        app = subprocess.Popen([APPSILO, "run", "--prompt", self.prompter(), "--", "sh", "-c",
                                "echo here; read line"], cwd=HOME + "/work",
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertEqual(app.stdout.readline(), b"here\n")
        self.addCleanup(app.communicate, b"\n", 30)
        return app.pid

    def test_every_thread_is_fenced(self):
        pid = self.running()
        allowed = sum(CAP[n] for n in CAP if not n.startswith("sys_")) | CAP["sys_ptrace"]
        allowed &= ~(CAP["setgid"] | CAP["setuid"])
        if os.geteuid() != 0:
            allowed = 0
        # The app may begin before the last of them is there.
        self.wait_until(lambda: len(os.listdir(f"/proc/{pid}/task")) > 3, "no threads")
        for thread in os.listdir(f"/proc/{pid}/task"):
            facts = status(f"/proc/{pid}/task/{thread}")
            self.assertEqual(facts["Seccomp"], "2", facts["Name"])
            self.assertEqual(facts["NoNewPrivs"], "1", facts["Name"])
            for which in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                self.assertEqual(int(facts[which], 16) & ~allowed, 0, facts["Name"] + which)

    def test_helper_keeps_only_what_mounts_need(self):
        names = {}
        broker = self.running()
        self.wait_until(lambda: "appsilo-attach" in [status(f"/proc/{pid}")["Name"] for pid in children(broker)],
                        "no helper")
        for pid in children(broker):
            facts = status(f"/proc/{pid}")
            names[facts["Name"]] = int(facts["CapPrm"], 16)
        allowed = CAP["sys_admin"] | CAP["sys_chroot"] | CAP["dac_override"] | CAP["dac_read_search"]
        if os.geteuid() == 0:  # it makes calls as the app's own account
            allowed |= CAP["setgid"] | CAP["setuid"]
        self.assertEqual(names["appsilo-attach"] & ~allowed, 0)

    def test_an_agent_behind_a_socket_still_answers(self):
        agent = subprocess.Popen(
            [sys.executable, "-c",
             "import json, socket, sys\n"
             "s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()\n"
             "print('listening', flush=True)\n"
             "lines = s.accept()[0].makefile('rw')\n"
             "for line in lines:\n"
             "    lines.write(json.dumps({'v': 1, 'id': json.loads(line)['id'],\n"
             "                            'decision': 'allow', 'scope': 'once'}) + '\\n')\n"
             "    lines.flush()\n", HOME + "/agent"], stdout=subprocess.PIPE)
        self.addCleanup(agent.communicate)
        self.addCleanup(agent.kill)
        self.addCleanup(os.unlink, HOME + "/agent")
        self.assertEqual(agent.stdout.readline(), b"listening\n")
        done = self.run_app("cat", HOME + "/data/test.txt", prompt="agent:" + HOME + "/agent")
        self.assertEqual(done.stdout, "hello\n", done.stderr)


class OpenFile(Case):
    """What was opened with consent shows its size to who holds it, whatever the rules say now,
    and whatever else the kernel is told about the file at the same time."""

    def setUp(self):
        super().setUp()
        self.answers({"path": HOME + "/data", "scope": "once"})
        write(HOME + "/data/test.txt", "0123456789")

    def test_attributes_of_a_file_opened_once(self):
        done = self.python(
            "import mmap, os, stat, time\n"
            f"p = '{HOME}/data/test.txt'\n"
            "print(os.stat(p).st_size)\n"
            "f = open(p, 'rb')\n"
            "print(os.fstat(f.fileno()).st_size, os.stat(p).st_size, oct(stat.S_IMODE(os.stat(p).st_mode)))\n"
            "print(f.seek(0, 2), mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)[:])\n"
            "g = os.open(p + '.new', os.O_CREAT | os.O_RDWR | os.O_EXCL, 0o640)\n"
            "os.write(g, b'abc')\n"
            "print(os.fstat(g).st_size, oct(stat.S_IMODE(os.fstat(g).st_mode)), os.pread(g, 9, 0))\n"
            "f.close(); os.close(g)\n"
            # The kernel tells the broker of a close some time after it.
            "end = time.monotonic() + 10\n"
            "while (os.stat(p).st_size or os.stat(p + '.new').st_size) and time.monotonic() < end: pass\n"
            "print(os.stat(p).st_size, os.stat(p + '.new').st_size)\n")
        mode = oct(os.stat(HOME + "/data/test.txt").st_mode & 0o7777)
        self.assertEqual(done.stdout.splitlines(),
                         ["0", f"10 10 {mode}", "10 b'0123456789'", "3 0o640 b'abc'", "0 0"], done.stderr)
        os.unlink(HOME + "/data/test.txt.new")

    def test_who_looks_meanwhile_ends_no_read(self):
        """Another thread's look was answered before there was consent, and arrives after."""
        done = self.python(
            "import os, threading\n"
            f"p = '{HOME}/data/test.txt'\n"
            "def look():\n"
            "    while not done:\n"
            "        os.stat(p)\n"
            "done, short = False, 0\n"
            "threads = [threading.Thread(target=look) for _ in range(3)]\n"
            "[t.start() for t in threads]\n"
            "for _ in range(200):\n"
            "    fd = os.open(p, os.O_RDONLY)\n"
            "    short += any(os.pread(fd, 100, 0) != b'0123456789' for _ in range(10))\n"
            "    os.close(fd)\n"
            "done = True\n"
            "[t.join() for t in threads]\n"
            "print(short)\n", timeout=300)
        self.assertEqual(done.stdout, "0\n", done.stderr)

    def test_a_store_that_changes_all_the_time_ends_no_read(self):
        """The kernel ignores the size it asked for if it is told meanwhile to forget the old one."""
        code = ("import os, select\n"
                f"p, short, n = '{HOME}/data/test.txt', 0, 0\n"
                "print('here', flush=True)\n"
                "while n < 500 or not select.select([0], [], [], 0)[0]:\n"
                "    n += 1\n"
                "    os.stat(p)\n"
                "    fd = os.open(p, os.O_RDONLY)\n"
                "    short += os.read(fd, 100) != b'0123456789'\n"
                "    os.close(fd)\n"
                "print(short)\n")
        self.tool("grant", "--all-packages", HOME + "/work")
        app = subprocess.Popen([APPSILO, "run", "--prompt", self.prompter(), "--", "python3", "-c", code],
                               cwd=HOME + "/work", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(app.wait)
        self.addCleanup(app.kill)
        self.assertEqual(app.stdout.readline(), "here\n")
        store = HOME + "/.local/share/appsilo/consent.db"
        db = sqlite3.connect(store, isolation_level=None, timeout=60)
        self.addCleanup(db.close)
        for _ in range(300):
            db.execute("update rules set time_ms = time_ms + 1")
            os.utime(store)  # as the store's own changes end: whoever has it open hears of them
        self.assertEqual(app.communicate()[0], "0\n")


main()
