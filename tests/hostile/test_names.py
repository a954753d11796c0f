# SPDX-License-Identifier: Apache-2.0
"""Names: protected ones by every road (P9), other spellings (P10), secrecy (P11), a view that
holds itself (P12), descriptors given back (P13), starts from elsewhere (P14)."""
import contextlib
import os
import shutil
import subprocess
import sys
import time

from lab import (APPSILO, BIN, BOTH, CALL, CANARY, DATA, HOME, MODES, PLACE, SECRET, WORK, Attack, children_of,
                 facts, main, read, write)


class Bypasses(Attack):
    # Every road to a protected name. `p` is the name, `own` a file the app may write.
    ROADS = (
        "lambda: os.rename(own, p)",
        "lambda: os.link(own, p)",
        "lambda: os.symlink(own, p)",
        "lambda: os.mkdir(p)",
        "lambda: os.mkfifo(p)",
        "lambda: exchange(own, p)",
        "lambda: tmpfile(p)",
        "lambda: copy_range(p)",
        "lambda: os.unlink(p)",
        "lambda: os.truncate(p, 0)",
        "lambda: os.chmod(p, 0o777)",
        "lambda: os.utime(p, (0, 0))",
        "lambda: os.setxattr(p, 'user.x', b'1')",
        "lambda: os.link(p, alias)",
        "lambda: os.rename(p, alias)",
        "lambda: open(p, 'r+')",
        "lambda: os.open(p, os.O_RDONLY | os.O_TRUNC)",
        "lambda: os.rename(os.path.dirname(p), os.path.dirname(p) + '.moved')",
        "lambda: os.rename(base + '/tree', os.path.dirname(p))",
        "lambda: exchange(base + '/tree', os.path.dirname(p))",
    )
    HELP = """
def exchange(a, b):
    if libc.syscall(316, -100, a.encode(), -100, b.encode(), 2) < 0: raise OSError(ctypes.get_errno(), 'x')
def tmpfile(p):
    fd = os.open(os.path.dirname(p), os.O_TMPFILE | os.O_RDWR)
    os.write(fd, b'EVIL')
    if libc.linkat(-100, f'/proc/self/fd/{fd}'.encode(), -100, p.encode(), 0x400) < 0:
        raise OSError(ctypes.get_errno(), 'x')
def copy_range(p):
    a, b = os.open(own, os.O_RDONLY), os.open(p, os.O_WRONLY | os.O_CREAT)
    os.copy_file_range(a, b, 4)
"""

    def roads(self, base, p, prompt, options):
        """Returns what each road got, with the app's own things renewed before each."""
        code = (CALL + self.HELP + f"base, p = {base!r}, {p!r}\nown, alias = base + '/own', base + '/alias'\n"
                f"for road in ({', '.join(self.ROADS)}):\n"
                "    os.makedirs(base + '/tree', exist_ok=True)\n"
                "    for name in (own, base + '/tree/' + os.path.basename(p)):\n"
                "        with open(name, 'w') as f: f.write('EVIL')\n"
                "    say(attempt(road))\n"
                "say(attempt(lambda: os.rename(own, alias)), attempt(lambda: os.unlink(alias)))\n")
        done = self.python(code, prompt=prompt, options=options)
        self.assertEqual(done.returncode, 0, done.stderr)
        words = done.stdout.split()
        self.assertEqual(words[-2:], ["ok", "ok"], f"the neighbour works: {words}")
        return words[:-2]

    def test_p9_denied_name_by_every_road(self):
        """pmg#446: mv x .git/hooks/pre-commit went past the deny."""
        for exists in (True, False):
            hook = DATA + "/repo/hooks/pre-commit"
            os.makedirs(DATA + "/repo/hooks", exist_ok=True)
            os.makedirs(DATA + "/repo/free", exist_ok=True)
            if exists:
                write(hook, "MINE")
            elif os.path.exists(hook):
                os.unlink(hook)
            before = facts(hook) if exists else None
            for prompt in MODES:
                # Of mounts alone the spine does not change: the app's own things lie beside it.
                base = DATA + "/repo/free" if prompt == "mounts" else DATA + "/repo"
                got = self.roads(base, hook, prompt, ("--allow-write", DATA + "/repo", "--deny", hook,
                                                      "--allow-read", WORK))
                self.assertLessEqual(set(got), {"EACCES", "EROFS", "EXDEV", "EBUSY", "EPERM", "ENOTSUP",
                                                "ENOENT", "EEXIST", "EOVERFLOW"}, f"{prompt} {exists}: {got}")
                if prompt != "mounts":
                    self.assertEqual(set(got) - {"EACCES", "ENOENT", "ENOTSUP", "EEXIST", "EBUSY"}, set(), f"{exists}: {got}")
                if exists:
                    self.assertEqual(facts(hook), before, prompt)
                else:
                    self.assertFalse(os.path.lexists(hook), prompt)
                self.assertFalse(os.path.lexists(DATA + "/repo/hooks.moved"))

    def test_p9_never_list_by_every_road(self):
        """Shell start-up files below a granted home: readable, never changed, by no road."""
        rc = write(HOME + "/.bashrc", "MINE")
        self.addCleanup(os.unlink, rc)
        before = facts(rc)
        for prompt in MODES:
            got = self.roads(WORK, rc, prompt, ("--allow-write", HOME))
            # The last three would move the whole home: refused as well, the last two by the
            # kernel itself where both names lie on one mount.
            self.assertLessEqual(set(got), {"EACCES", "EROFS", "EXDEV", "EBUSY", "EPERM", "ENOTSUP", "EEXIST",
                                            "ENOTEMPTY", "EINVAL", "EOVERFLOW"},
                                 f"{prompt}: {got}")
            self.assertEqual(facts(rc), before, prompt)
            done = self.python(f"print(open({rc!r}).read())", prompt=prompt, options=("--allow-write", HOME))
            self.assertEqual(done.stdout, "MINE\n", done.stderr)

    def test_p9_denial_of_a_rename_is_audited(self):
        os.makedirs(DATA + "/hooks")
        write(DATA + "/own", "EVIL")
        done, _ = self.audited(f"say(attempt(lambda: os.rename('{DATA}/own', '{DATA}/hooks/x')))",
                               options=("--allow-write", DATA, "--deny", DATA + "/hooks", "--allow-read", WORK))
        self.assertEqual(done.stdout, "EACCES\n")
        self.assertAudited(DATA + "/hooks/x", "write")
        why = self.tool("why").stdout
        self.assertIn(f"rename {DATA}/hooks/x: EACCES", why)
        self.assertIn(f"the rule on {DATA}/hooks (command-line) refuses it", why)


class Spellings(Attack):
    def test_p10_other_spellings_get_the_same_decision(self):
        """deno CVE-2026-49401: the same file by another name passed the deny."""
        secret = write(DATA + "/Secret", "SECRET")
        before = facts(secret)
        os.symlink(DATA, HOME + "/other")
        os.symlink("Secret", DATA + "/soft")
        self.addCleanup(os.unlink, HOME + "/other")
        code = (f"os.chdir('{DATA}')\nd = '{DATA}'\nfd = os.open('.', os.O_PATH)\n"
                "spellings = [d + '/Secret', 'Secret', './Secret', '/' + d + '/Secret', d + '//Secret', d + '/./Secret',\n"
                "             d + '/../data/Secret', d + '/soft', f'{d}/../other/Secret', '/proc/self/cwd/Secret',\n"
                "             '/proc/self/root' + d + '/Secret', f'/proc/self/fd/{fd}/Secret', f'/dev/fd/{fd}/Secret',\n"
                "             '/proc/thread-self/cwd/Secret', f'/proc/{os.getpid()}/task/{os.getpid()}/root' + d + '/Secret']\n"
                "for s in spellings:\n"
                "    say(attempt(lambda: open(s)), attempt(lambda: open(s, 'r+')))\n"
                "say(attempt(lambda: os.open('Secret', os.O_RDONLY, dir_fd=fd)), attempt(lambda: open('Secret/')))\n"
                "for s in spellings: say(attempt(lambda: open(s.replace('Secret', 'test.txt').replace('soft', 'test.txt'))))\n")
        for prompt in BOTH:
            done = self.python(CALL + code, prompt=prompt,
                               options=("--allow-write", DATA, "--deny", secret, "--allow-read", WORK,
                                        "--allow-read", HOME + "/other"))
            words = done.stdout.split()
            self.assertEqual(len(words), 47, done.stderr)
            self.assertLessEqual(set(words[:31]), {"EACCES", "EROFS"} if prompt else {"EACCES"}, f"{prompt} {words}")
            self.assertIn(words[31], ("EACCES", "ENOTDIR"))
            self.assertEqual(set(words[32:]), {"ok"}, f"the neighbour works: {prompt} {words}")
        self.assertEqual(facts(secret), before)

    def test_p10_names_that_only_look_alike_are_other_files(self):
        """NFC and NFD, case: other inodes, other decisions; a rule about one opens no other."""
        names = ("caf\u00e9", "cafe\u0301", "CAF\u00c9")
        for name in names:
            write(f"{DATA}/{name}", name)
        done = self.python(CALL + f"for n in {names!r}: say(attempt(lambda: open('{DATA}/' + n)))",
                           options=("--allow-read", f"{DATA}/{names[0]}", "--allow-read", WORK))
        self.assertEqual(done.stdout.split(), ["ok", "EACCES", "EACCES"], done.stderr)


class Secrecy(Attack):
    def test_p11_nothing_but_name_and_type_of_a_refused_place(self):
        """win32-app-isolation#40, and every other call that could tell."""
        write(SECRET + "/sub/deep", "12345")
        os.utime(CANARY, (1000000000, 1000000000))
        self.canary = facts(CANARY)
        code = ("import select, struct\n"
                f"d, f = '{SECRET}', '{CANARY}'\n"
                "say(attempt(lambda: os.listdir(d)), attempt(lambda: os.scandir(d)))\n"
                "say(call(303, -100, f.encode(), 0, 0, 0))\n"          # name_to_handle_at
                "def shown(p):\n"
                "    s = os.lstat(p)\n"
                "    return s.st_size, s.st_mtime, s.st_atime, s.st_blocks, s.st_nlink, s.st_uid == os.getuid()\n"
                "if PROMPT: say(shown(f) == shown(d) == (0, 0.0, 0.0, 0, 1, True), oct(os.lstat(f).st_mode))\n"
                "say(attempt(lambda: os.lstat(f + 'x')), attempt(lambda: os.listxattr(f)), attempt(lambda: os.getxattr(f, 'user.a')))\n"
                "say(os.access(f, os.R_OK), os.access(f, os.W_OK), os.access(f, os.X_OK))\n"
                "w = libc.inotify_init1(0o4000)\n"
                "say(libc.inotify_add_watch(w, d.encode(), 0xfff) < 0)\n"
                "say('READY'); input()\n"
                "try: events = os.read(w, 4096)\n"
                "except BlockingIOError: events = b''\n"
                "say(b'canary' in events or b'new' in events)\n")
        for prompt, expected in (("never", ["EACCES", "EACCES", "EPERM", "EACCES", "EACCES", "EACCES",
                                            "False", "False", "False", "True"]),
                                 (None, ["EACCES", "EACCES", "EPERM", "True", "0o100555", "ENOENT", "ok", "ENODATA",
                                         "True", "True", "True"])):
            app = self.start("python3", "-c", CALL + code.replace("PROMPT", repr(prompt is None)), prompt=prompt)
            words = []
            for line in app.stdout:
                if line == "READY\n":
                    break
                words += line.split()
            if prompt is None:  # the watch may be accepted: what it tells is what matters
                words = words[:-1]
            self.assertEqual(words, expected, prompt)
            write(SECRET + "/new", "")  # the host changes things there
            os.utime(CANARY, (1000000000, 1000000000))
            os.unlink(SECRET + "/new")
            out, err = app.communicate("\n", timeout=30)
            self.assertEqual(out.split(), ["False"], f"{prompt} {err}")

    def test_p11_hidden_names_do_not_exist(self):
        code = (f"say(attempt(lambda: os.lstat('{CANARY}')), attempt(lambda: open('{CANARY}')))\n"
                f"say(attempt(lambda: open('{DATA}/test.txt')))")
        done = self.python(CALL + code, options=("--metadata", "hidden", "--allow-read", DATA, "--allow-read", WORK))
        self.assertEqual(done.stdout.split(), ["ENOENT", "ENOENT", "ok"], done.stderr)

    def test_p11_never_listed_names_do_not_exist(self):
        write(HOME + "/.ssh/id_rsa", "SECRET")
        self.addCleanup(shutil.rmtree, HOME + "/.ssh")
        for prompt in MODES:
            for options in ((), ("--allow-read", HOME)):
                done = self.python(
                    CALL + f"say(attempt(lambda: open('{HOME}/.ssh/id_rsa')), attempt(lambda: os.lstat('{HOME}/.ssh')))\n"
                    f"try: say('.ssh' in os.listdir('{HOME}'))\n"
                    "except OSError: say(False)\n", prompt=prompt, options=options)
                self.assertEqual(done.stdout.split()[:3], ["ENOENT", "ENOENT", "False"], f"{prompt} {options} {done.stderr}")


class Whole(Attack):
    OWN_DEV = tuple("/dev/" + n for n in ("null", "zero", "full", "random", "urandom", "tty", "pts", "ptmx", "shm", "fd", "std"))

    def test_p12_grant_of_everything_does_not_hold_itself(self):
        """xdg-desktop-portal#1987: the view contained itself, and nothing ended any more."""
        write(HOME + "/.ssh/id", "SECRET")
        self.addCleanup(shutil.rmtree, HOME + "/.ssh")
        top = "/" + HOME.split("/")[1]
        prune, above = [], ""
        for name in HOME.split("/")[1:]:  # only the way to our own home is walked
            if above:
                prune += ["-path", above + "/*", "!", "-path", f"{above}/{name}", "!", "-path", f"{above}/{name}/*",
                          "-prune", "-o"]
            above += "/" + name
        prune += [w for name in os.listdir("/") if "/" + name not in (top, "/run", "/tmp", "/dev")
                  for w in ("-path", "/" + name, "-prune", "-o")]
        for grant in ("/", top, os.path.dirname(HOME), "/run"):
            for prompt in MODES:
                # In server mode the way to a grant can be walked, not listed: begin there too.
                starts = ("/",) if grant in ("/", "/run") else ("/", grant)
                done = self.run_app("find", *starts, *prune, "-print", prompt=prompt, timeout=120,
                                    errors="surrogateescape", options=("--allow-read", grant, "--allow-read", WORK))
                if "map ids of" in done.stderr and HOME not in done.stderr:
                    continue  # some file system of this host has no idmapped mounts
                names = done.stdout.splitlines()
                if len(starts) == 2 and grant in names and names.count(grant) == 2:
                    names = names[:len(names) - names[::-1].index(grant) - 1]
                self.assertLess(len(names), 5000, f"{grant} {prompt}")
                self.assertEqual(len(names), len(set(names)), f"{grant} {prompt}")
                self.assertFalse([n for n in names if n.endswith("/.ssh") or n.count(HOME) > 1], f"{grant} {prompt}")
                if grant == "/":  # what the sandbox makes up is not the host's
                    own = [n for n in names if n.startswith(("/tmp/", "/run/", "/dev/"))]
                    self.assertFalse([n for n in own if not n.startswith(self.OWN_DEV)], prompt)
                if grant != "/run":
                    self.assertIn(DATA + "/test.txt", names, f"{grant} {prompt} {done.stderr[-500:]}")

    def test_p12_the_brokers_own_mount_is_nowhere_on_the_host(self):
        app = self.start("sh", "-c", "echo UP; read x", options=("--allow-read", "/"))
        self.assertEqual(app.stdout.readline(), "UP\n")
        for pid in children_of(app.pid):
            try:
                mounts = read(f"/proc/{pid}/mountinfo")
            except OSError:
                continue
            namespace = os.stat(f"/proc/{pid}/ns/mnt").st_ino if os.geteuid() == 0 else None
            if pid in (app.pid,) or namespace == os.stat("/proc/self/ns/mnt").st_ino:
                self.assertNotIn("fuse appsilo", mounts)
        self.assertNotIn("fuse appsilo", read("/proc/self/mountinfo"))


class GivenBack(Attack):
    def broker_fds(self, pid):
        """All but the workers' pipes, which are theirs as long as they live."""
        if os.geteuid() != 0:
            return None
        folder, count = f"/proc/{pid}/fd/", 0
        for fd in os.listdir(folder):
            with contextlib.suppress(OSError):
                count += not os.readlink(folder + fd).startswith("pipe:")
        return count

    def test_p13_descriptors_are_given_back(self):
        """xdg-desktop-portal#689: 100,000 opens and closes on FUSE, 20,000 names made and removed."""
        code = (CALL + f"d = '{DATA}'\n"
                "def churn(n):\n"
                "    for i in range(n):\n"
                "        fd = os.open(f'{d}/n{i}', os.O_CREAT | os.O_WRONLY); os.close(fd)\n"
                "        os.unlink(f'{d}/n{i}')\n"
                "churn(10); say('BASE'); input()\n"
                "for _ in range(100000): os.close(os.open(d + '/test.txt', os.O_RDONLY))\n"
                "for _ in range(2000):\n"
                "    s = os.scandir(d); s.close()\n"
                "churn(5000)\n"
                "say('DONE', len(os.listdir('/proc/self/fd'))); input()\n")
        # A refused name below keeps the folder on FUSE.
        app = self.start("python3", "-c", code, options=("--allow-write", DATA, "--deny", DATA + "/never",
                                                         "--allow-read", WORK))
        self.assertEqual(app.stdout.readline(), "BASE\n")
        before = self.broker_fds(app.pid)
        app.stdin.write("\n")
        app.stdin.flush()
        self.assertEqual(app.stdout.readline(), "DONE 4\n")
        # A person without root cannot look into the broker; its end shows nothing was kept.
        if before is not None:
            for _ in range(200):  # releases arrive a little after close()
                if self.broker_fds(app.pid) <= before + 8:
                    break
                time.sleep(0.05)
            self.assertLessEqual(self.broker_fds(app.pid), before + 8)
        app.communicate("\n", timeout=30)
        self.assertEqual(app.returncode, 0)
        self.assertEqual(sorted(os.listdir(DATA)), ["test.txt"])

    def test_p13_backing_disk_can_be_unmounted_afterwards(self):
        """A file system that a run has used is free when the run is over."""
        done = subprocess.run([sys.executable, os.path.dirname(os.path.abspath(__file__)) + "/own_mounts.py",
                               "disk", APPSILO], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.stdout.split(), ["read", "unmounted"], done.stderr)


class Elsewhere(Attack):
    def test_p14_started_from_elsewhere_it_runs_no_strange_helper(self):
        """CVE-2021-44730: a helper started through a hard link looked for its friends there."""
        for name in os.listdir(BIN):
            self.assertFalse(os.stat(f"{BIN}/{name}").st_mode & 0o6000, f"{name} is privileged")
        place = PLACE + "/elsewhere"
        os.makedirs(place, exist_ok=True)
        os.link(APPSILO, place + "/appsilo")
        self.addCleanup(shutil.rmtree, place)
        marker = PLACE + "/strange-helper-ran"
        strange = f"#!/bin/sh\ntouch {marker}\n"
        for folder in (WORK, PLACE + "/path"):
            for name in ("appsilo-broker", "appsilo-tool"):
                os.chmod(write(f"{folder}/{name}", strange), 0o755)
        for words in (["run", "--prompt", "exec:false", "--", "true"], ["consents"]):
            done = subprocess.run([place + "/appsilo", *words], cwd=WORK, capture_output=True, text=True,
                                  check=False, env={**os.environ, "PATH": f".:{PLACE}/path:" + os.environ["PATH"]})
            self.assertEqual(done.returncode, 125, done.stderr)
            self.assertIn("is missing; install appsilo again", done.stderr)
        self.assertFalse(os.path.exists(marker))
        # The neighbours: a symlink and a descriptor lead to the real place.
        os.symlink(APPSILO, place + "/link")
        fd = os.open(APPSILO, os.O_RDONLY)
        for program in (place + "/link", f"/proc/self/fd/{fd}"):
            done = subprocess.run([program, "consents"], cwd=WORK, capture_output=True, text=True, pass_fds=[fd],
                                  check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
        os.close(fd)


main()
