# SPDX-License-Identifier: Apache-2.0
"""The broker and its helper give up what they do not need before the app runs."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, Case, main  # noqa: E402

CAP = {name: 1 << bit for name, bit in (
    ("chown", 0), ("dac_override", 1), ("dac_read_search", 2), ("fowner", 3), ("fsetid", 4),
    ("kill", 5), ("sys_chroot", 18), ("sys_ptrace", 19), ("sys_admin", 21))}


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
        if os.geteuid() != 0:
            allowed = 0
        threads = os.listdir(f"/proc/{pid}/task")
        self.assertGreater(len(threads), 3)
        for thread in threads:
            facts = status(f"/proc/{pid}/task/{thread}")
            self.assertEqual(facts["Seccomp"], "2", facts["Name"])
            self.assertEqual(facts["NoNewPrivs"], "1", facts["Name"])
            for which in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                self.assertEqual(int(facts[which], 16) & ~allowed, 0, facts["Name"] + which)

    def test_helper_keeps_only_what_mounts_need(self):
        names = {}
        for pid in children(self.running()):
            facts = status(f"/proc/{pid}")
            names[facts["Name"]] = int(facts["CapPrm"], 16)
        allowed = CAP["sys_admin"] | CAP["sys_chroot"] | CAP["dac_override"] | CAP["dac_read_search"]
        self.assertIn("appsilo-attach", names)
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


main()
