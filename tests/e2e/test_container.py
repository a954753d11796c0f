# SPDX-License-Identifier: Apache-2.0
"""In a container of podman's that an ordinary user starts, with its own seccomp filter and no privileges: what is missing is
said, and with the one word that unmasks /proc the server passes there what it passes elsewhere."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, PLACE, main  # noqa: E402

# Beside what the container gets of the host: a /proc that was mounted in there would be seen without its masks.
ROOT, OWN = PLACE + ".root", PLACE + ".podman"
PODMAN = {**os.environ, "PATH": "/usr/sbin:" + os.environ["PATH"], "HOME": OWN, "DBUS_SESSION_BUS_ADDRESS": "disabled:"}  # else podman starts one, which stays
# /dev/fuse is for the runs that ask; a server has none.
OPEN = ("--security-opt", "unmask=ALL", "--device", "/dev/fuse")
# Of what a server is asked to hold (C10 to C12, P7): strangers, limits, planted links, and a server that is killed.
SERVER = ("Strangers", "Runs.test_limits_hold_and_are_told_apart", "Runs.test_planted_links_pipes_and_endless_files_do_not_return",
          "Runs.test_it_streams", "Service.test_a_killed_server_leaves_nothing")
HOSTILE = ("Resources.test_c12_fork_bomb", "Resources.test_c12_memory", "Resources.test_c12_sparse_and_large_files")


def make_root():
    """The host's /usr and what a system has beside it."""
    for name in ("etc", "usr", "srv", "mnt", "media", "tmp", "proc", "sys", "dev", "run", "var", "root", "home", "opt"):
        os.makedirs(f"{ROOT}/{name}")
    os.chmod(ROOT + "/tmp", 0o1777)
    for name in ("bin", "sbin", "lib", "lib64"):
        os.symlink("usr/" + name, f"{ROOT}/{name}")
    for name in ("passwd", "group", "ld.so.cache"):
        shutil.copy("/etc/" + name, ROOT + "/etc/" + name)
    shutil.copytree("/etc/alternatives", ROOT + "/etc/alternatives", symlinks=True)


def podman(runtime, *words, options=OPEN, timeout=400):
    """Its own user inside is the one outside; there is no network."""
    command = ["podman", "--runtime", runtime, "--cgroup-manager=cgroupfs", "--log-level=error", "run", "--rm", "--userns=keep-id",
               "--network=none", *options, "-v", "/usr:/usr:ro", "-v", f"{PLACE}:{PLACE}", "-w", HOME]
    for name in ("APPSILO", "HOME", "TEST_PLACE", "LANG", "USER", "TERM"):
        command += ["-e", f"{name}={os.environ[name]}"]
    return subprocess.run([*command, "--rootfs", ROOT, *words], env=PODMAN, capture_output=True, text=True, timeout=timeout, check=False)


@unittest.skipUnless(shutil.which("podman"), "no podman: tools/setup.sh web installs it")
class Container(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        make_root()
        os.makedirs(OWN)
        # A short name: podman waits long for sockets whose names do not fit.
        PODMAN["XDG_RUNTIME_DIR"] = tempfile.mkdtemp()
        cls.addClassCleanup(cls.clean)
        for cls.runtime in ("crun", "runc"):
            tried = podman(cls.runtime, "true")
            if tried.returncode == 0:
                return
        raise unittest.SkipTest("podman starts no container here: " + tried.stderr.strip())

    @staticmethod
    def clean():
        for words in (("unshare", "rm", "-rf", OWN + "/.local", ROOT), ("system", "migrate")):
            subprocess.run(["podman", *words], env=PODMAN, capture_output=True, check=False)
        shutil.rmtree(OWN)
        shutil.rmtree(PODMAN["XDG_RUNTIME_DIR"])

    def run_in(self, *words, **more):
        return podman(self.runtime, *words, **more)

    def test_masked_it_refuses_and_says_what_is_missing(self):
        done = self.run_in(APPSILO, "run", "--prompt", "never", "--", "true", options=())
        self.assertEqual(done.returncode, 125, done.stderr)
        self.assertIn("run appsilo doctor", done.stderr)
        doctor = self.run_in(APPSILO, "doctor", "--json", options=())
        self.assertEqual(doctor.returncode, 1)
        missing = [check for check in json.loads(doctor.stdout)["checks"] if check["required"] and not check["ok"]]
        self.assertEqual([check["name"] for check in missing], ["proc-mount"])
        self.assertIn("unmask=ALL", json.dumps(missing))

    def suite(self, test, cases):
        # A first process that reaps, as any container for servers has one.
        done = self.run_in("bash", "-c", 'python3 -B "$@"; exit $?', "test", f"{PLACE}/tests/{test}", *cases)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotIn("skipped=", done.stderr)

    def test_the_server_holds_there(self):
        self.suite("e2e/test_serve.py", SERVER)

    def test_attacks_on_the_host_fail_there(self):
        self.suite("hostile/test_resources.py", HOSTILE)


if __name__ == "__main__":
    main()
