# SPDX-License-Identifier: Apache-2.0
"""The launcher: /dev and /proc that are not what they seem (N3 to N5), calls (N9 to N12),
fences that are not there (N13), the environment (N17, N18)."""
import os
import re
import subprocess
import sys

from lab import APPSILO, BIN, BOTH, CALL, CANARY, DATA, PLACE, WORK, Attack, facts, main, read, write

SCENES = os.path.dirname(os.path.abspath(__file__)) + "/own_mounts.py"
ASK_NOBODY = "exec:false"


class OwnMounts(Attack):
    def scene(self, *words):
        done = subprocess.run([sys.executable, SCENES, words[0], APPSILO, *words[1:]], capture_output=True,
                              text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_n3_device_replaced_by_a_link_or_another_file(self):
        """runc CVE-2025-31133: the node the launcher binds was a link."""
        for prompt in ("never", ASK_NOBODY):
            for kind in ("link", "link-to-device", "file", "device"):
                for name in ("null", "tty") if kind == "device" else ("null",):
                    out = self.scene("dev", name, kind, prompt, "--", "echo", "RAN")
                    self.assertTrue(out.startswith("125 "), f"{kind} {name}: {out}")
                    self.assertIn(f"dev: /dev/{name} is not the device it should be", out)
                    self.assertNotIn("RAN", out)
                    self.assertEqual(facts(CANARY), self.canary, kind)
            # The neighbour: a /dev of one's own whose nodes are what they should be.
            out = self.scene("dev", "null", "right", prompt, "--", "sh", "-c", "echo x > /dev/null && echo RAN")
            self.assertTrue(out.startswith("0 RAN"), out)

    def test_n4_device_swapped_while_runs_start(self):
        """The descriptor that was checked is the one that is bound."""
        out = self.scene("swapped", "never", "--", "sh", "-c", "echo EVIL > /dev/null; head -c 6 /dev/null; echo RAN")
        self.assertEqual(len(out.strip().splitlines()), 10, out)
        self.assertNotIn("SECRET", out)
        self.assertEqual(facts(CANARY), self.canary)

    def test_n5_false_proc_fails_the_start(self):
        """runc CVE-2025-52881: what was written to /proc went to plain files."""
        for prompt in ("never", ASK_NOBODY):
            out = self.scene("proc", prompt, "--", "echo", "RAN")
            self.assertTrue(out.startswith("125 "), out)
            self.assertNotIn("RAN", out)
            for name in ("uid_map", "gid_map", "setgroups"):
                self.assertIn(name + " untouched\n", out)


class Calls(Attack):
    def test_n9_no_sub_sandbox_and_no_kernel_surface(self):
        for prompt in BOTH:
            done = self.run_app(BIN + "/launcher_calls", prompt=prompt,
                                options=("--allow-read", BIN, "--allow-read", WORK))
            self.assertEqual(done.stdout, "holes: 0\n", f"{prompt} {done.stderr}")

    def test_n9_no_call_makes_a_set_id_file(self):
        """It would give whoever runs it on the host its owner's rights: in a root run, root's."""
        code = CALL + (
            "os.umask(0)\n"
            f"d = '{WORK}'; p = d + '/plain'; os.close(os.open(p, os.O_CREAT | os.O_WRONLY, 0o1755))\n"
            "fd = os.open(p, os.O_RDONLY)\n"
            "for m in (0o4755, 0o2755, 0o6755):\n"
            "    say(attempt(lambda: os.chmod(p, m)), attempt(lambda: os.fchmod(fd, m)),\n"
            "        call(452, -100, p.encode(), m, 0), call(85, (d + '/creat').encode(), m),\n"
            "        attempt(lambda: os.open(d + '/open', os.O_CREAT | os.O_RDWR, m)),\n"
            "        attempt(lambda: os.open(d, os.O_TMPFILE | os.O_RDWR, m)),\n"
            "        attempt(lambda: os.mknod(d + '/mknod', 0o100000 | m)), call(437, -100, p.encode(), 0, 0))\n"
            "os.chmod(p, 0o700); os.close(os.open(p, os.O_WRONLY, 0o6755)); say('done')\n")
        for prompt in BOTH:
            done = self.python(code, prompt=prompt, options=("--allow-write", WORK))
            self.assertEqual(done.stdout.splitlines(), ["EPERM " * 7 + "ENOSYS"] * 3 + ["done"], done.stderr)
            self.assertEqual(os.listdir(WORK), ["plain"])
            self.assertEqual(os.stat(WORK + "/plain").st_mode & 0o7777, 0o700)
            os.unlink(WORK + "/plain")

    def test_n9_foreign_calls_are_killed(self):
        for prompt in BOTH:
            done = self.python(CALL + "call(0x40000000 + 39)", prompt=prompt)
            self.assertEqual(done.returncode, 128 + 31, "SIGSYS for x32")
            code = (b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # int 0x80: getpid of i386
            done = self.python("import ctypes, mmap\nm = mmap.mmap(-1, 4096, prot=7)\n"
                               f"m.write({code!r})\n"
                               "ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()",
                               prompt=prompt)
            # On x86-64 the int 0x80 gate is another architecture.
            self.assertIn(done.returncode, (128 + 31, 128 + 11), done.stderr)

    def test_n9_privileges_are_gone(self):
        self.inside(
            "status = dict(l.split(':\\t') for l in open('/proc/self/status').read().splitlines() if ':\\t' in l)\n"
            "say(*[status[k] for k in ('CapEff', 'CapPrm', 'CapInh', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'Seccomp')])\n"
            "say(attempt(lambda: os.setuid(0)), attempt(lambda: os.setgid(0)), attempt(lambda: os.setgroups([0])))\n"
            "say(attempt(lambda: os.chown(os.environ['HOME'], 1, 1)), attempt(lambda: os.nice(-5)))\n",
            ["0" * 16] * 5 + ["1", "2"] + ["EINVAL", "EINVAL", "EPERM"] + ["EINVAL", "EPERM"])

    def test_n10_nothing_a_run_forges_lets_anybody_enter(self):
        """firejail CVE-2022-31214: joining looked at files that the program could make."""
        forge = ("home = os.environ['HOME']\n"
                 "for name in ('consent.db', 'consent.db-wal', 'runs', 'profiles', 'control'):\n"
                 "    p = home + '/' + name\n"
                 "    os.makedirs(p, exist_ok=True) if name in ('runs', 'profiles') else open(p, 'w').write('EVIL')\n"
                 "for p in ('/runs/20990101-000000-1.jsonl', '/forged.jsonl'): open(home + p, 'w').write('{}')\n"
                 "say(call(308, os.open('/proc/self/ns/mnt', os.O_RDONLY), 0))\n"
                 "say(*[attempt(lambda: os.open('/proc/1/ns/' + n, os.O_RDONLY)) for n in ('mnt', 'user', 'pid')])\n")
        for _ in range(2):
            self.inside(forge, ["EPERM"] + ["EACCES"] * 3)
        self.assertNotIn("20990101", self.tool("why").stdout)
        for run in (f"../profiles/{self.family('python3', '-c', '')}/forged", "/etc/passwd", "20990101-000000-1"):
            self.assertEqual(self.tool("why", run, check=False).returncode, 1)
        done = subprocess.run([BIN + "/appsilo-broker", "3", "4", "5", "6"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 125, done.stderr)

    def test_n12_ids_are_dropped_whole(self):
        """isolate 2.5: the uid was dropped without the gid."""
        code = ("status = dict(l.split(':\\t') for l in open('/proc/self/status').read().splitlines() if ':\\t' in l)\n"
                "print(status['Uid'].split(), status['Gid'].split(), status['Groups'].split(), sep='|')\n")
        more = {"extra_groups": [4242]} if os.geteuid() == 0 else {}
        seen = set()
        for prompt in BOTH:
            done = self.python(code, prompt=prompt, **more)
            uids, gids, groups = [eval(x) for x in done.stdout.split("|")]
            self.assertEqual(len(set(uids)), 1)
            self.assertEqual(len(set(gids)), 1)
            if os.geteuid() == 0:
                self.assertGreater(int(uids[0]), 65535)
                self.assertEqual(uids, gids)
                self.assertEqual(groups, [])
                self.assertNotIn(uids[0], seen, "another run, another id")
                seen.add(uids[0])
            else:
                self.assertNotIn("0", uids + gids)


class Fences(Attack):
    """N13: a layer that says yes and does nothing; a layer that is not there."""

    def fake(self, number, result, *argument, prompt="never"):
        words = [BIN + "/launcher_fake_call", str(number), str(result), *map(str, argument), APPSILO, "run",
                 "--prompt", prompt, "--", "echo", "RAN"]
        return subprocess.run(words, cwd=WORK, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              timeout=60, check=False)

    def test_n13_a_fence_that_does_nothing_is_noticed(self):
        """NVIDIA/OpenShell#803: Landlock returned success and enforced nothing."""
        for number, argument, said in ((446, (), "Landlock does not hold"),
                                       (317, (), "seccomp filter does not hold"),
                                       (126, (), "capabilities were not dropped"),
                                       (157, (0, 24), "capabilities were not dropped")):  # PR_CAPBSET_DROP
            for prompt in ("never", ASK_NOBODY):
                if number == 317 and prompt != "never":
                    continue  # there its result is the listener, and 0 is none
                done = self.fake(number, 0, *argument, prompt=prompt)
                self.assertEqual(done.returncode, 125, f"{number} {done.stdout} {done.stderr}")
                self.assertNotIn("RAN", done.stdout)
                self.assertIn(said, done.stderr)

    def test_n13_a_fence_that_is_missing_refuses_the_start(self):
        for number, error, said in ((444, 38, "no Landlock"), (444, 95, "no Landlock"), (446, 1, "Landlock"),
                                    (317, 22, "seccomp"), (126, 1, "capabilities"),
                                    (155, 1, "pivot"), (428, 38, "not implemented")):
            for prompt in ("never", ASK_NOBODY):
                done = self.fake(number, error, prompt=prompt)
                self.assertEqual(done.returncode, 125, f"{number} {prompt} {done.stdout} {done.stderr}")
                self.assertNotIn("RAN", done.stdout)
                self.assertIn(said, done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        done = self.fake(39, 0)  # getpid: nobody's fence
        self.assertEqual(done.stdout, "RAN\n", done.stderr)

    def test_n13_landlock_holds_below_the_mount_view(self):
        """What only Landlock refuses: a device node in a place that is writable, and free of charge
        to everybody (a whiteout), a rename out of nowhere, a signal to nobody of ours."""
        self.inside("import stat\n"
                    "for d in ('/tmp', '/dev/shm', '/run', os.environ['HOME']):\n"
                    "    say(attempt(lambda: os.mknod(d + '/w', stat.S_IFCHR | 0o600, 0)))\n"
                    "    os.mkfifo(d + '/p'); os.unlink(d + '/p')\n"
                    "say(attempt(lambda: os.open('/proc/self/comm', os.O_WRONLY)))\n"
                    "say(attempt(lambda: os.open('/etc/passwd', os.O_WRONLY)) in ('EACCES', 'EROFS'))\n",
                    ["EACCES"] * 4 + ["ok", "True"])

    def test_n16_renames_across_folders_work(self):
        """landrun#48: a layer without REFER made every rename across folders EXDEV."""
        code = ("import itertools\n"
                f"base = '{DATA}'\n"
                "dirs = [base, base + '/a', base + '/a/b', base + '/c']\n"
                "for d in dirs: os.makedirs(d, exist_ok=True)\n"
                "bad = []\n"
                "for x, y in itertools.permutations(dirs, 2):\n"
                "    open(x + '/f', 'w').write('1')\n"
                "    bad.append(attempt(lambda: os.rename(x + '/f', y + '/g')))\n"
                "    bad.append(attempt(lambda: os.link(y + '/g', x + '/h')))\n"
                "    bad.append(attempt(lambda: os.replace(x + '/h', y + '/g')))\n"
                "    os.unlink(y + '/g')\n"
                "    os.mkdir(x + '/d')\n"
                "    bad.append(attempt(lambda: os.rename(x + '/d', y + '/e')))\n"
                "    os.rmdir(y + '/e')\n"
                "    if os.path.exists(x + '/h'): os.unlink(x + '/h')\n"
                "say(len(bad), set(bad))\n")
        # As a mount, and on FUSE.
        self.inside(code, ["48", "{'ok'}"], options=("--allow-write", DATA, "--allow-read", WORK))
        self.inside(code, ["48", "{'ok'}"], prompts=(None,),
                    options=("--allow-write", DATA, "--deny", DATA + "/never", "--deny", DATA + "/a/never",
                             "--deny", DATA + "/a/b/never", "--deny", DATA + "/c/never", "--allow-read", WORK))
        # And the private places, and from one to the other as on any system: EXDEV.
        self.inside("os.makedirs('/tmp/a/b'); open('/tmp/a/b/f', 'w').close()\n"
                    "say(attempt(lambda: os.rename('/tmp/a/b/f', '/tmp/f')), attempt(lambda: os.rename('/tmp/f', os.environ['HOME'] + '/f')))",
                    ["ok", "EXDEV"])


class Surroundings(Attack):
    def test_n17_the_callers_environment_reaches_nobody(self):
        """flatpak CVE-2021-21261: the helper outside the sandbox listened to the caller's loader."""
        marker = PLACE + "/preloaded"
        source = write(PLACE + "/evil.c", '#include <stdio.h>\n#include <fcntl.h>\n#include <unistd.h>\n'
                       '__attribute__((constructor)) static void evil(void) { char l[99] = ""; '
                       'int n = readlink("/proc/self/exe", l, 98); '
                       f'int f = open("{marker}", O_CREAT|O_WRONLY|O_APPEND, 0666); '
                       'if (f >= 0 && n > 0) { l[n] = 10; n = write(f, l, n + 1); } }\n')
        library = PLACE + "/evil.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
        python = write(PLACE + "/pythonpath/sitecustomize.py", f"open({marker!r}, 'a').write('python')\n")
        hostile = {"LD_PRELOAD": library, "LD_AUDIT": library, "LD_LIBRARY_PATH": PLACE, "GCONV_PATH": PLACE,
                   "PYTHONPATH": os.path.dirname(python), "PYTHONSTARTUP": python, "PYTHONHOME": "/nowhere",
                   "XDG_RUNTIME_DIR": PLACE, "BASH_ENV": python, "ENV": python, "IFS": "x", "LD_DEBUG": "all",
                   "MALLOC_TRACE": PLACE + "/trace", "SQLITE_TMPDIR": PLACE, "SECRET_TOKEN": "hunter2",
                   "LANG": "C.UTF-8", "TZ": "UTC"}
        self.tool("grant", "-p", "Some_0123456789abc", "--read", "/usr")  # so that server mode reads the store
        self.answers({"path": DATA})
        for prompt in BOTH:
            done = self.run_app("env", prompt=prompt, env=hostile)
            names = {line.split("=")[0] for line in done.stdout.splitlines()}
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertLessEqual(names, {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "PWD", "LANG", "TZ",
                                         "TERM", "_"}, done.stdout)
            self.assertIn("LANG", names)
            done = self.run_app("cat", DATA + "/test.txt", prompt=prompt, env=hostile)
            if prompt is None:
                self.assertEqual(done.stdout, "hello\n", done.stderr)
            self.assertEqual(done.stderr.count("LD_"), 0)
        self.assertFalse(os.path.exists(marker), os.path.exists(marker) and read(marker))
        # What is passed on is what was named.
        done = self.run_app("env", prompt="never", env=hostile, options=("--pass-env", "SECRET_TOKEN", "--env", "A=b=c"))
        self.assertIn("SECRET_TOKEN=hunter2\n", done.stdout)
        self.assertIn("A=b=c\n", done.stdout)

    def test_n18_no_empty_or_relative_element(self):
        """snapcraft CVE-2020-27348: an empty element put the current directory in the path."""
        evil = os.chmod(write(WORK + "/id", "#!/bin/sh\necho EVIL\n"), 0o755)
        self.assertIsNone(evil)
        for path in ("", ":", ":/usr/bin", "/usr/bin:", "/usr/bin::/bin", ".:/usr/bin", "bin:/usr/bin", WORK + ":/usr/bin",
                     "/usr/bin/../../" + WORK + ":/bin", "/usr\n/bin:/bin"):
            for prompt in BOTH:
                done = self.run_app("sh", "-c", "printf '%s\\n' \"$PATH\"; id", prompt=prompt, env={"PATH": path},
                                    options=("--allow-read", WORK))
                if done.returncode == 127 and "command not found" in done.stderr:
                    continue  # no shell in such a path: refused, not searched elsewhere
                first = done.stdout.splitlines()[0]
                for element in first.split(":"):
                    self.assertRegex(element, r"^/(usr|bin|sbin)(/|$)", f"{path!r} gave {first!r}")
                    self.assertNotIn("..", element.split("/"), f"{path!r} gave {first!r}")
                self.assertNotIn("EVIL", done.stdout, path)
                self.assertIn("uid=", done.stdout, path)
        self.assertFalse(re.search(r"LD_LIBRARY_PATH|PYTHONPATH", self.run_app("env", prompt="never").stdout))


main()
