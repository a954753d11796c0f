# SPDX-License-Identifier: Apache-2.0
"""appsilo serve as the service that is shipped for it: a user of its own, and a control group that it may share out. Needs a host
with systemd and cgroups of version 2, as root: tools/vm.sh."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, Case, main
from serving import Server

UNIT = "appsilo-serve-test.service"
# As in data/systemd/appsilo-serve.service.in, but for the user.
SERVICE = ("systemd-run", "--quiet", "--wait", "--pipe", "--collect", "--unit", UNIT, "-p", "User=appsilo-test", "-p", "NoNewPrivileges=yes",
           "-p", "ProtectSystem=strict", "-p", "ProtectHome=yes", "-p", "PrivateTmp=yes", "-p", "StateDirectory=appsilo-serve-test",
           "-p", "StateDirectoryMode=0700", "-p", "LimitNOFILE=65536", "-p", "Delegate=yes", "-p", "KillMode=mixed", "-E", "HOME=/var/lib/appsilo-serve-test",
           "-E", "XDG_DATA_HOME=/var/lib/appsilo-serve-test")
RUNS = (
    ("pids", "import os\nfor i in range(9):\n    if os.fork() == 0: os._exit(0)", {"pids": 5}),
    ("oom", "x = []\nwhile 1: x.append(bytearray(1 << 20))", {"memory_bytes": 64 << 20}),
    ("timeout", "import os\nos.fork(); os.fork()\nwhile 1: pass", {"cpu_ms": 200}),
    ("exited", "print('well')", {}),
)


@unittest.skipUnless(os.geteuid() == 0 and os.path.isdir("/run/systemd/system") and os.path.exists("/sys/fs/cgroup/cgroup.controllers"),
                     "needs systemd, cgroups of version 2, and root")
class Service(Case):
    @classmethod
    def setUpClass(cls):
        os.chmod(os.path.dirname(os.path.dirname(APPSILO)), 0o711)  # the service is another user

    def start(self, *options):
        self.addCleanup(subprocess.run, ("systemctl", "stop", UNIT), check=False, capture_output=True)
        return Server("--quiet", *options, command=SERVICE)

    def holds(self, server):
        for reason, code, limits in RUNS * 2:
            self.assertEqual(server.run(code, limits=limits)["reason"], reason, code)

    def stop(self, server):
        subprocess.run(("systemctl", "stop", UNIT), check=True)
        self.assertEqual(server.stop(), 0)
        self.assertFalse(os.path.exists("/sys/fs/cgroup/system.slice/" + UNIT))

    def test_limits_hold_for_warm_runs(self):
        server = self.start()
        self.wait_until(lambda: server.metric("appsilo_sandboxes_waiting") >= 2, "nothing gets ready")
        self.holds(server)
        self.assertEqual(server.metric("appsilo_runs_warm_total"), 2 * len(RUNS))
        self.stop(server)

    def test_limits_hold_for_cold_runs(self):
        server = self.start("--pool", "0")
        self.holds(server)
        self.stop(server)


main()
