# SPDX-License-Identifier: Apache-2.0
"""Poorer hosts: what is missing ends a run with one line and 125 before anything of the app
runs, nothing is left behind, and doctor names the part and the one thing to do."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, PLACE, Case, main, write  # noqa: E402

WITHOUT = PLACE + "/bin/host-without"

# What is taken away, the modes that cannot work then, what the line says, doctor's check.
BOTH, ASKING = ("never", "exec:true"), ("exec:true",)
HOSTS = (
    ("landlock_create_ruleset", BOTH, "no Landlock", "landlock"),
    ("landlock_create_ruleset=EOPNOTSUPP", BOTH, "no Landlock", "landlock"),
    ("landlock_restrict_self", BOTH, "Landlock", "landlock"),
    ("namespaces", BOTH, "namespace", "user-namespaces"),
    ("namespaces=EPERM", BOTH, "namespace", "user-namespaces"),
    ("clone3=EPERM", ASKING, "thread", None),
    ("unshare=EPERM", BOTH, "namespace", "user-namespaces"),
    ("setns=EPERM", ASKING, "namespace", None),
    ("seccomp", BOTH, "seccomp", "seccomp"),
    ("seccomp-notify=EINVAL", ASKING, "seccomp notification", "seccomp-notify"),
    ("fsopen", BOTH, "mount", "mount-api"),
    ("fsconfig", BOTH, "mount", "mount-api"),
    ("fsmount", BOTH, "mount", "mount-api"),
    ("open_tree", BOTH, "clone|map ids", "mount-api"),
    ("move_mount", BOTH, "attach", "mount-api"),
    ("mount_setattr", BOTH, "run|init|mount|root|grant|Landlock|broker", "mount-api"),
    ("mount=EPERM", BOTH, "mount", "mount-api"),
    ("openat2", ASKING, "run|root|broker", "calls"),
    ("close_range", BOTH, "descriptors", "calls"),
    ("statx", BOTH, "run|init|mount|root|grant|Landlock|broker", "calls"),
    ("/dev/fuse", ASKING, "/dev/fuse", "fuse"),
    ("prctl=EPERM", BOTH, "run|init|mount|root|grant|Landlock|broker", None),
    ("capset=EPERM", BOTH, "capabilities", None),
    ("eventfd2", BOTH, "run|init|mount|root|grant|Landlock|broker", None),
    ("signalfd4", ASKING, "run|root|broker", None),
    ("inotify_init1", ASKING, "inotify", None),
)


def ours():
    """Processes of this test's programs."""
    found = []
    for pid in os.listdir("/proc"):
        try:
            if pid.isdigit() and os.readlink(f"/proc/{pid}/exe").startswith(PLACE + "/bin/"):
                found.append(pid)
        except OSError:
            pass
    return found


def tree(folder):
    return sorted(os.path.join(at, name) for at, _, names in os.walk(folder) for name in names)


class BadHost(Case):
    def on_host(self, part, *words):
        return subprocess.run([WITHOUT, part, "--", APPSILO, *words], capture_output=True, text=True,
                              cwd=HOME + "/work", stdin=subprocess.DEVNULL, timeout=120, check=False)

    def test_runs_end_with_one_line(self):
        marker = write(HOME + "/work/marker", "")
        with open("/proc/self/mountinfo") as file:
            mounts = file.read()
        for part, modes, word, _ in HOSTS:
            for mode in modes:
                with self.subTest(part=part, mode=mode):
                    write(marker, "")
                    # Writing is reported only where it is not allowed anyhow.
                    allow = "--allow-read" if part.startswith("seccomp-notify") else "--allow-write"
                    done = self.on_host(part, "run", "--prompt", mode, allow, HOME + "/work",
                                        "--", "sh", "-c", f"echo ran; echo ran >>{marker}")
                    self.assertEqual(done.returncode, 125, done.stdout + done.stderr)
                    self.assertEqual(done.stdout, "")
                    self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
                    self.assertRegex(done.stderr, r"^appsilo: \S")
                    self.assertRegex(done.stderr, word)
                    self.assertEqual(os.path.getsize(marker), 0)
        self.wait_until(lambda: not ours(), "processes left: %s" % ours())
        with open("/proc/self/mountinfo") as file:
            self.assertEqual(file.read(), mounts)
        self.assertEqual([name for name in tree(HOME + "/.local") if "/profiles/" not in name], [])

    def test_lines_about_the_kernel_lead_to_doctor(self):
        for part in ("seccomp", "open_tree", "mount_setattr", "close_range"):
            for mode in BOTH:
                done = self.on_host(part, "run", "--prompt", mode, "--", "true")
                self.assertIn("appsilo doctor", done.stderr, (part, mode))

    def test_servers_do_not_start(self):
        """Their first run tells, with its own line, and doctor is named once."""
        for part in ("seccomp", "open_tree"):
            for words in (("serve", "--listen", "127.0.0.1:0"), ("mcp",)):
                done = self.on_host(part, *words)
                self.assertEqual((done.returncode, done.stdout), (1, ""), (part, words, done.stderr))
                said = [line for line in done.stderr.splitlines() if line.startswith("appsilo: ")]
                self.assertEqual(len(said), 1, done.stderr)
                self.assertRegex(said[0], f"^appsilo: {words[0]}: .*doctor")
                self.assertEqual(said[0].count("doctor"), 1, said)

    def test_doctor_names_the_missing_part(self):
        for part, _, _, name in HOSTS:
            if not name:
                continue
            with self.subTest(part=part):
                done = self.on_host(part, "doctor", "--json")
                checks = {c["name"]: c for c in json.loads(done.stdout)["checks"]}
                self.assertFalse(checks[name]["ok"], done.stdout)
                self.assertTrue(checks[name]["todo"] and checks[name]["cost"])
                missing = [c["name"] for c in checks.values() if c["required"] and not c["ok"]]
                self.assertEqual(done.returncode, 1 if missing else 0, missing)
                text = self.on_host(part, "doctor")
                self.assertIn("do this: " + checks[name]["todo"], text.stdout)
                if missing:
                    self.assertEqual(text.stderr.count("\n"), 1)

    def test_parts_that_only_asking_needs(self):
        for part, modes, _, _ in HOSTS:
            if modes is ASKING:
                done = self.on_host(part, "run", "--prompt", "never", "--", "echo", "ran")
                self.assertEqual((done.returncode, done.stdout), (0, "ran\n"), done.stderr)

    def test_doctor_on_a_good_host(self):
        done = self.tool("doctor", "--json", check=False)
        # Version 1 of cgroups limits for root alone.
        missing = [c["name"] for c in json.loads(done.stdout)["checks"] if not c["ok"]]
        self.assertEqual([name for name in missing if not name.startswith("limit-")], [])
        self.assertEqual(done.returncode, 0, done.stderr)


main()
