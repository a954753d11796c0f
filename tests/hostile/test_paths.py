# SPDX-License-Identifier: Apache-2.0
"""Paths that change under the trusted side's hands: P1 to P8, C1, C6."""
import json
import os
import subprocess

from lab import (APPSILO, BIN, BOTH, CALL, CANARY, DATA, HOME, MODES, PLACE, SECRET, STATE, WORK,
                 Attack, exchange, facts, flipping, main, racing, read, tree, write)


class Replaced(Attack):
    """P1: what was a folder is a link at the next start."""

    def test_p1_profile_replaced_by_a_link(self):
        profile = f"{STATE}/profiles/{self.family('python3', '-c', '')}"
        os.rename(profile, profile + ".away")
        os.symlink(SECRET, profile)
        for prompt in BOTH:
            done = self.python("open('new', 'w')", prompt=prompt, cwd=WORK)
            self.assertEqual(done.returncode, 125, done.stderr)
            self.assertIn("no links", done.stderr)
        self.assertEqual(os.listdir(SECRET), ["canary"])
        os.unlink(profile)
        os.rename(profile + ".away", profile)
        self.inside("open(os.environ['HOME'] + '/kept', 'w').close(); say('ok')", ["ok"])

    def granted(self, path):
        family = self.family("python3", "-c", "")
        self.tool("grant", "-p", family, "--write", path)

    def test_p1_granted_folder_replaced_by_a_link(self):
        """Server mode mounts grants: it refuses to start where a link took the place."""
        deep = HOME + "/proj/sub/deep"
        os.makedirs(deep, exist_ok=True)
        os.makedirs(SECRET + "/deep", exist_ok=True)
        write(SECRET + "/deep/x", "SECRET")
        self.granted(deep)
        self.addCleanup(lambda: subprocess.run(["rm", "-rf", HOME + "/proj"], check=True))
        code = f"say(attempt(lambda: open('{deep}/x')), attempt(lambda: open('{deep}/y', 'w')))"
        for name, target in ((HOME + "/proj/sub", SECRET), (deep, SECRET + "/deep")):
            os.rename(name, name + ".away")
            os.symlink(target, name)
            done = self.python(CALL + code, prompt="never")
            self.assertEqual(done.returncode, 125, done.stdout + done.stderr)
            self.assertIn("grant: cannot open", done.stderr)
            # With a broker it starts, and what the link leads to is asked for by its own name.
            done, _ = self.audited(code)
            self.assertEqual(done.stdout.split(), ["EACCES"] * 2, done.stderr)
            self.assertAudited(SECRET + "/deep/x")
            self.assertAudited(SECRET + "/deep/y", "write")
            self.assertFalse(os.path.exists(SECRET + "/deep/y"))
            os.unlink(name)
            os.rename(name + ".away", name)
        self.inside(f"say(attempt(lambda: open('{deep}/y', 'w')))", ["ok"])

    def test_p1_folder_replaced_while_it_is_asked_for(self):
        """A yes to a folder that became a link meanwhile attaches nothing."""
        deep = HOME + "/proj/sub/deep"
        os.makedirs(deep, exist_ok=True)
        write(SECRET + "/deep/x", "SECRET")
        self.addCleanup(lambda: subprocess.run(["rm", "-rf", HOME + "/proj"], check=True))
        prompt = self.prompter_that(
            f"if q['path'] == {deep!r} and not os.path.islink({HOME + '/proj/sub'!r}):\n"
            f"    os.rename({HOME + '/proj/sub'!r}, {HOME + '/proj/old'!r})\n"
            f"    os.symlink({SECRET!r}, {HOME + '/proj/sub'!r})\n"
            "    answer(q, decision='allow', scope='always', target='folder')\n"
            "else:\n"
            "    answer(q)\n")
        done, _ = self.audited(
            "import time\n"
            f"say(attempt(lambda: os.listdir('{deep}')))\n"
            "for _ in range(30):\n"  # attaching is another thread's work
            f"    got = attempt(lambda: open('{deep}/x').read())\n"
            "    if got == 'ok': break\n"
            "    time.sleep(0.05)\n"
            "say(got)", prompt=prompt)
        self.assertIn(done.stdout.split()[-1], ("EACCES", "ENOENT"), done.stdout + done.stderr)
        self.assertNotAudited(SECRET + "/deep/x")


class Flipped(Attack):
    """P2: the answer holds for the file that was shown, whatever its name does meanwhile."""

    def test_p2_file_exchanged_while_it_is_asked_for(self):
        good, other = write(DATA + "/good", "GOOD"), write(DATA + "/other", "OTHER")
        for turns, expected in ((1, "EACCES"), (2, "GOOD"), (3, "EACCES"), (10, "GOOD")):
            prompt = self.prompter_that(
                f"if q['path'] == {good!r}:\n"
                f"    for _ in range({turns}): exchange({good!r}, {other!r})\n"
                "    answer(q, decision='allow')\n"
                "else: answer(q)\n")
            done, _ = self.audited(
                f"try: say(open('{good}').read())\n"
                "except OSError as e: say(errno.errorcode[e.errno])", prompt=prompt,
                options=("--allow-read", WORK))
            self.assertEqual(done.stdout.split(), [expected], f"{turns}: {done.stderr}")
            if expected == "EACCES":
                # The held file is called "other" now: that is another question, answered no.
                self.assertAudited(other)
                exchange(good, other)

    def test_p2_every_operation_is_judged_again(self):
        """The folder of a name to be made, removed or renamed moves while it is asked for."""
        for call, more in (("open(p, 'w')", ""), ("os.mkdir(p)", ""), ("os.symlink('a', p)", ""),
                           ("os.unlink(p)", "old"), ("os.rmdir(p)", "dir"),
                           ("os.rename(p, p + '2')", "old"), ("os.truncate(p, 0)", "old"),
                           ("os.chmod(p, 0)", "old"), ("os.utime(p)", "old"),
                           ("os.setxattr(p, 'user.x', b'1')", "old"), ("os.link(p, p + '3')", "old")):
            place = DATA + "/place"
            os.makedirs(place)
            if more == "old":
                write(place + "/name", "kept")
            elif more == "dir":
                os.makedirs(place + "/name")
            before = tree(place)
            prompt = self.prompter_that(
                f"if os.path.exists({place!r}):\n"
                f"    os.rename({place!r}, {SECRET + '/place'!r})\n"
                "    answer(q, decision='allow')\n"
                "else: answer(q)\n")
            done = self.python(CALL + f"p = '{place}/name'\nsay(attempt(lambda: {call}))",
                               prompt=prompt, options=("--allow-read", WORK))
            self.assertIn(done.stdout.split(), (["EACCES"], ["ESTALE"]), f"{call}: {done.stderr}")
            os.rename(SECRET + "/place", place)
            self.assertEqual(tree(place), before, call)
            subprocess.run(["rm", "-rf", place], check=True)

    def race(self, code, door, trap, options, least=100000):
        with flipping(door, trap, least) as rounds:
            done = self.python(CALL + code, options=options, timeout=120,
                               prompt=self.prompter_that(
                                   f"answer(q, **({{'decision': 'allow'}} if q['path'].startswith({DATA!r}) else {{}}))"))
        self.assertGreaterEqual(rounds[0], least)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    # What a name is, is looked up anew once a second or so: until it was the good one, too.
    OPENS = ("import itertools, json, time\nseen = {}\nend = time.monotonic() + 60\n"
             "for i in itertools.count():\n"
             "    try:\n"
             "        with open(%r) as f:\n"
             "            text = f.read().strip()\n"
             "            os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)\n"  # or pages of before are read
             "    except OSError as e: text = errno.errorcode[e.errno]\n"
             "    seen[text] = seen.get(text, 0) + 1\n"
             "    if i > 1500 and seen.get('GOOD', 0) > 100 or time.monotonic() > end: break\n"
             "print(json.dumps(seen))\n")

    def test_p2_file_and_link_flip_a_hundred_thousand_times(self):
        door, trap = write(DATA + "/door", "GOOD"), DATA + "/trap"
        os.symlink(CANARY, trap)  # of which at most as much is read as the good one is long
        seen = self.race(self.OPENS % door, door, trap, ("--allow-read", WORK))
        self.assertNotIn("SECR", seen)
        self.assertLessEqual(set(seen), {"GOOD", "EACCES", "ENOENT", "ESTALE", "ELOOP"})
        self.assertGreater(seen.get("GOOD", 0), 0, seen)

    def test_p2_folder_and_link_flip_under_a_grant(self):
        """The way to a granted file leads elsewhere every other microsecond."""
        write(DATA + "/way/canary", "GOOD")
        os.symlink(SECRET, DATA + "/trap")
        seen = self.race(self.OPENS % (DATA + "/way/canary"), DATA + "/way", DATA + "/trap",
                         ("--allow-write", DATA, "--deny", DATA + "/way/never",
                          "--allow-read", WORK), 20000)
        self.assertNotIn("SECRET", seen)
        self.assertGreater(seen.get("GOOD", 0), 0, seen)


class Removed(Attack):
    """P3: removal and renaming while a parent is exchanged for a link to the canary's folder."""

    def test_p3_removal_hits_only_the_granted_folder(self):
        for name in ("f", "g"):
            write(f"{SECRET}/{name}", "SECRET")
        os.makedirs(SECRET + "/sub")
        before = tree(SECRET)
        os.makedirs(DATA + "/parent")
        os.symlink(SECRET, DATA + "/trap")
        # Three hundred times, and until the neighbour was met at least once.
        code = (CALL + f"import time\np = '{DATA}/parent/'\nmade = gone = n = 0\nend = time.monotonic() + 60\n"
                "while n < 300 or (not made and time.monotonic() < end):\n"
                "    n += 1\n"
                "    for f in (lambda: open(p + 'f', 'x').close(), lambda: os.rename(p + 'f', p + 'g'),\n"
                "              lambda: os.unlink(p + 'g'), lambda: os.unlink(p + 'f'),\n"
                "              lambda: os.mkdir(p + 'sub'), lambda: os.rmdir(p + 'sub')):\n"
                "        r = attempt(f)\n"
                "        made += r == 'ok'; gone += r != 'ok'\n"
                "say(made > 0, gone > 0)")
        # Attached as a mount, and kept on FUSE by a rule about a name below it.
        for options in (("--allow-write", DATA), ("--allow-write", DATA, "--deny", DATA + "/parent/never")):
            with flipping(DATA + "/parent", DATA + "/trap", 20000):
                done = self.python(code, options=(*options, "--allow-read", WORK), timeout=120)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stdout.split()[0], "True", "the neighbour works")
            self.assertEqual(tree(SECRET), before)


class Farms(Attack):
    FARM = ("home = os.environ['HOME']\n"
            f"links = {{'root': '/', 'self': '/proc/self/root', 'one': '/proc/1/cwd', 'init': '/proc/1/root',\n"
            f"         'up': '/..' * 40 + '{SECRET}', 'down': '../' * 40 + '{SECRET}'[1:], 'plain': '{SECRET}',\n"
            "         'fd': '/dev/fd', 'loop': 'loop'}\n"
            "for name, target in links.items():\n"
            "    if not os.path.islink(f'{home}/{name}'): os.symlink(target, f'{home}/{name}')\n"
            "for i in range(42):\n"
            f"    if not os.path.islink(f'{{home}}/h{{i}}'): os.symlink(f'h{{i + 1}}' if i < 41 else '{CANARY}', f'{{home}}/h{{i}}')\n"
            f"full = '{CANARY}'\n")

    def test_p4_symlink_farm_in_the_profile(self):
        """flatpak GHSA-8688-9x26-hhxj: nothing a link in the profile names opens, now or later."""
        code = self.FARM + (
            "for path in ('root' + full, 'self' + full, 'up/canary', 'down/canary', 'plain/canary', 'h2', 'h5'):\n"
            "    say(attempt(lambda: open(f'{home}/{path}')))\n"
            "say(attempt(lambda: open(f'{home}/h0')))\n"
            "say(attempt(lambda: open(f'{home}/loop')))\n"
            "say(attempt(lambda: os.listdir(f'{home}/one')), attempt(lambda: os.listdir(f'{home}/init')))\n"
            "say(attempt(lambda: os.listdir(f'{home}/plain')))\n"
            "for path in ('plain/new', 'up/new', 'root' + full): say(attempt(lambda: open(f'{home}/{path}', 'w')))\n"
            "open(home + '/own', 'w').write('1'); say(open(home + '/root' + home + '/own').read())\n")
        for _ in range(2):  # the second start meets the farm
            self.inside(code, ["EACCES"] * 7 + ["ELOOP"] * 2 + ["EACCES"] * 6 + ["1"])
        self.assertEqual(os.listdir(SECRET), ["canary"])

    def test_p4_links_stay_links_in_a_granted_folder(self):
        """On FUSE too: what a link leads to is the kernel's to look up, and judged by its own name."""
        for name, target in (("file", CANARY), ("folder", SECRET), ("up", "../secret"), ("proc", "/proc/self/root" + SECRET)):
            os.symlink(target, f"{DATA}/{name}")
        code = (f"d = '{DATA}/'\n"
                "for name in ('file', 'folder', 'up', 'proc'): say(os.path.islink(d + name))\n"
                "for name in ('file', 'folder/canary', 'up/canary', 'proc/canary'):\n"
                "    say(attempt(lambda: open(d + name)), attempt(lambda: open(d + name, 'w')))\n")
        for options in ((), ("--deny", DATA + "/never")):
            self.inside(code, ["True"] * 4 + ["EACCES"] * 8, options=("--allow-write", DATA, "--allow-read", WORK, *options))

    def test_p5_descriptor_received_by_a_socket_gives_no_more(self):
        """An O_PATH descriptor of a refused file, sent by SCM_RIGHTS, is judged when it is used."""
        code = ("import socket, array\n"
                "a, b = socket.socketpair()\n"
                "def pass_on(fd):\n"
                "    socket.send_fds(a, [b'x'], [fd])\n"
                "    return socket.recv_fds(b, 1, 1)[1][0]\n"
                f"fd = pass_on(os.open('{DATA}/refused', os.O_PATH))\n"
                "for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR | os.O_TRUNC):\n"
                "    say(attempt(lambda: os.open(f'/proc/self/fd/{fd}', flags)))\n"
                "say(call(322, fd, b'', 0, 0, 0x1000))\n"              # execveat(AT_EMPTY_PATH)
                "say(call(265, fd, b'', -100, (os.environ['HOME'] + '/linked').encode(), 0x1000))\n"
                "say(call(452, fd, b'', 0o777, 0x1000))\n"             # fchmodat2(AT_EMPTY_PATH)
                f"fd = pass_on(os.open('{DATA}/test.txt', os.O_RDONLY))\n"
                "say(os.read(fd, 5).decode())\n"
                "say(attempt(lambda: os.open(f'/proc/self/fd/{fd}', os.O_WRONLY)))\n")
        before = facts(write(DATA + "/refused", "SECRET"))
        for prompt, link, chmod, write_again in (("never", "EXDEV", "EOVERFLOW", "EROFS"),
                                                 (None, "EXDEV", "EACCES", "EACCES")):
            done = self.python(CALL + code, prompt=prompt,
                               options=("--allow-read", DATA + "/test.txt", "--allow-read", WORK))
            words = done.stdout.split()
            self.assertEqual(words[:4], ["EACCES"] * 4, f"{prompt} {done.stdout} {done.stderr}")
            self.assertIn(words[4], (link, "EPERM", "ENOENT", "EACCES"), prompt)
            self.assertIn(words[5], (chmod, "EPERM"), prompt)
            self.assertEqual(words[6], "hello")
            self.assertIn(words[7], (write_again, "EROFS"), prompt)
            self.assertEqual(facts(DATA + "/refused"), before)


class SetUp(Attack):
    def test_p6_grants_below_links_land_where_the_host_has_them(self):
        """bubblewrap CVE-2026-87766: set-up wrote through a link in a destination's parent."""
        os.makedirs(DATA + "/dir")
        for name, target in (("abs", DATA), ("rel", "data"), ("gone", HOME + "/nowhere")):
            os.symlink(target, f"{HOME}/l_{name}")
            self.addCleanup(os.unlink, f"{HOME}/l_{name}")
        os.makedirs(STATE, exist_ok=True)
        before = tree(DATA), sorted(os.listdir(HOME))
        for prompt in BOTH:
            for name in ("abs", "rel"):
                done = self.python(f"open('{DATA}/dir/x', 'w').close()\nimport os\n"
                                   f"os.unlink('{HOME}/l_{name}/dir/x')", prompt=prompt,
                                   options=("--allow-write", f"{HOME}/l_{name}/dir"))
                self.assertEqual(done.returncode, 0, f"{prompt} {name}: {done.stderr}")
            done = self.python("", prompt=prompt, options=("--allow-write", HOME + "/l_gone/dir"))
            self.assertEqual(done.returncode, 125, done.stderr)
        self.assertEqual(sorted(os.listdir(HOME)), before[1])
        self.assertFalse(os.path.exists(HOME + "/nowhere"))
        self.assertEqual({k: v[1] for k, v in tree(DATA).items()},
                         {k: v[1] for k, v in before[0].items()})

    def test_p6_denied_name_below_a_link_is_denied(self):
        """What is refused need not exist; by whatever link it is named, its real place is."""
        os.makedirs(DATA + "/dir")
        os.symlink(DATA, HOME + "/l_abs")
        os.symlink(DATA + "/dir/late", DATA + "/dangling")
        self.addCleanup(os.unlink, HOME + "/l_abs")
        for named in (HOME + "/l_abs/dir/late", DATA + "/dangling"):
            for prompt in BOTH:
                done = self.python(CALL + f"say(attempt(lambda: open('{DATA}/dir/late', 'w')))",
                                   prompt=prompt, options=("--allow-write", DATA, "--deny", named,
                                                           "--allow-read", WORK))
                self.assertIn(done.stdout.split(), (["EACCES"], ["EROFS"]), f"{named} {prompt} {done.stderr}")
                self.assertFalse(os.path.exists(DATA + "/dir/late"))

    def test_p7_links_planted_at_the_names_of_reports(self):
        """judge0 CVE-2024-28185: what the trusted side writes is never the program's choice."""
        result, audit = DATA + "/result.json", DATA + "/audit.jsonl"
        options = ("--allow-write", DATA, "--allow-read", WORK, "--result", result)
        plant = (f"import os\nfor name in ('{result}', '{audit}'):\n"
                 f"    if os.path.lexists(name): os.unlink(name)\n    os.symlink('{CANARY}', name)\n")
        for prompt in BOTH:
            more = ("--audit", audit) if prompt is None else ()
            for name in (result, audit):
                if os.path.lexists(name):
                    os.unlink(name)
            done = self.python(plant + f"open('{SECRET}/x')", prompt=prompt, options=(*options, *more))
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertEqual(facts(CANARY), self.canary)
            # The next start meets the link.
            done = self.python("", prompt=prompt, options=options)
            self.assertEqual(done.returncode, 125, done.stderr)
            self.assertIn("is a link", done.stderr)
            self.assertEqual(facts(CANARY), self.canary)
        os.unlink(result)
        done = self.python("", prompt=None, options=("--audit", audit))
        self.assertEqual(done.returncode, 125, done.stderr)
        self.assertIn("--audit", done.stderr)
        done = self.python("", prompt=None, options=("--audit", "/dev/stderr", "--result", result))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(read(result))["reason"], "exited")


class DeniedInside(Attack):
    def test_p8_denied_file_in_a_granted_folder_under_racing_renames(self):
        """sandlock#111: the check by name, the kernel resolved again. Zero opens of the inode."""
        secret = write(DATA + "/keep/secret", "SECRET")
        write(DATA + "/decoy/secret", "DECOY")
        inode, before = os.stat(secret).st_ino, facts(secret)
        for prompt in MODES:
            done = self.run_app(BIN + "/path_rename_race", DATA, str(inode), "2", prompt=prompt,
                                options=("--allow-write", DATA, "--deny", secret, "--allow-read", BIN,
                                         "--allow-read", WORK), timeout=60)
            reached, decoys = map(int, done.stdout.split())
            self.assertEqual(reached, 0, f"{prompt}: {done.stderr}")
            self.assertGreater(decoys, 0, f"{prompt}: the neighbour works")
            self.assertEqual(facts(secret), before)

    def test_p8_denied_folder_with_the_host_renaming_around_it(self):
        """Also when the user's own programs move things at the same time."""
        os.makedirs(DATA + "/box")
        secret = write(DATA + "/box/deny/secret", "SECRET")
        write(DATA + "/other/deny/secret", "DECOY")
        inode = os.stat(secret).st_ino
        os.symlink("other", DATA + "/door")
        os.symlink("box", DATA + "/door2")
        with racing(lambda: exchange(DATA + "/door", DATA + "/door2")):
            done = self.python(
                CALL + "import time\nbad = good = i = 0\nend = time.monotonic() + 60\n"
                "while i < 3000 or (not good and time.monotonic() < end):\n"
                "    i += 1\n"
                "    try: fd = os.open(f'DATA/door{i % 2 * 2 or \"\"}/deny/secret', os.O_RDONLY)\n"
                "    except OSError: continue\n"
                f"    bad += os.fstat(fd).st_ino == {inode}; good += 1; os.close(fd)\n"
                "say(bad, good > bad)".replace("DATA", DATA),
                options=("--allow-write", DATA, "--deny", DATA + "/box/deny", "--allow-read", WORK))
        self.assertEqual(done.stdout.split(), ["0", "True"], done.stderr)


class CommandLine(Attack):
    def test_c1_words_of_the_command_are_data(self):
        """flatpak CVE-2024-32462: a command that looks like an option was one."""
        for prompt in BOTH:
            for word in ("--allow-write=/", "-p", "a=b\n@@", "--"):
                done = self.run_app(word, prompt=prompt)
                self.assertEqual(done.returncode, 127, f"{word!r}: {done.stderr}")
            words = ["--allow-write", HOME, "-p", "x", "--audit", HOME + "/never", "--", "@@", "a\nb", ""]
            done = self.run_app("python3", "-c", CALL + "import sys; say(repr(sys.argv[1:]))\n"
                                f"say(attempt(lambda: open('{CANARY}', 'w')))", *words, prompt=prompt)
            self.assertEqual(done.stdout, repr(words) + "\nEACCES\n", done.stderr)
            self.assertFalse(os.path.exists(HOME + "/never"))

    def test_c1_odd_file_names_stay_one_name(self):
        for name in ("--allow-write", "a\nb", "a'b\"c", "$(touch x) ;", "\\%s%n"):
            path = write(f"{DATA}/{name}", "odd")
            done, _ = self.audited(f"say(attempt(lambda: open({path!r})))", options=("--allow-read", WORK))
            self.assertEqual(done.stdout, "EACCES\n", done.stderr)
            self.assertAudited(path)
            # The command that `why` offers allows exactly that path, run by a shell as it stands.
            allow = [line["allow"] for line in self.audit() if "allow" in line][-1]
            subprocess.run(["sh", "-c", f"appsilo() {{ '{APPSILO}' \"$@\"; }}\n" + allow], check=True,
                           cwd=WORK, capture_output=True)
            rules = json.loads(self.tool("consents", "--json").stdout)
            self.assertIn((path, "allow"), [(r["path"], r["decision"]) for r in rules])
            self.assertEqual(os.listdir(WORK), [])
            self.tool("reset", "--all")


class Protected(Attack):
    def test_c6_protected_files_that_do_not_exist_cannot_be_made(self):
        """CVE-2026-25725: the settings file was writable because it was not there."""
        names = (".bashrc", ".profile", ".config/autostart/x.desktop", ".gitconfig", ".local/bin/ls",
                 ".ssh/authorized_keys", ".gnupg/x", ".npmrc", ".local/share/appsilo/consent.db-wal",
                 "bin/ls", "work/deny/me")
        for name in names[:-1]:
            path = f"{HOME}/{name}"
            if os.path.exists(path) and not path.startswith(STATE):
                os.unlink(path)
        code = ("for name in NAMES:\n"
                "    p = HOME + '/' + name\n"
                "    say(*sorted({attempt(lambda: os.makedirs(os.path.dirname(p), exist_ok=True)) == 'ok' and\n"
                "                 attempt(lambda: open(p, 'x')) == 'ok',\n"
                "                 attempt(lambda: os.symlink('/etc/passwd', p)) == 'ok',\n"
                "                 attempt(lambda: os.link(HOME + '/work/own', p)) == 'ok',\n"
                "                 attempt(lambda: os.rename(HOME + '/work/own', p)) == 'ok',\n"
                "                 attempt(lambda: os.mkdir(p)) == 'ok'}))\n"
                "    base = os.path.dirname(p)\n"
                "    if base != HOME and not base.startswith(HOME + '/work'):\n"
                "        os.makedirs(HOME + '/work/tree', exist_ok=True)\n"
                "        open(HOME + '/work/tree/' + os.path.basename(p), 'w').close()\n"
                "        say(attempt(lambda: os.rename(HOME + '/work/tree', base)) == 'ok')\n"
                "        say(attempt(lambda: (os.rename(base, HOME + '/work/taken'), os.rename(HOME + '/work/tree', base))) == 'ok')\n"
                "say(attempt(lambda: open(HOME + '/work/fine', 'w')))\n")
        code = code.replace("NAMES", repr(names)).replace("HOME", repr(HOME))
        for prompt in MODES:
            write(WORK + "/own", "EVIL")
            done = self.python(CALL + code, prompt=prompt,
                               options=("--allow-write", HOME, "--deny", WORK + "/deny"))
            words = done.stdout.split()
            self.assertEqual(set(words[:-1]), {"False"}, f"{prompt}: {done.stdout} {done.stderr}")
            for name in names:
                path = f"{HOME}/{name}"
                self.assertFalse(os.path.lexists(path) and "EVIL" in (read(path) if os.path.isfile(path) else ""),
                                 f"{prompt} {name}")
                if not path.startswith(STATE):
                    self.assertFalse(os.path.lexists(path), f"{prompt} {name}")
            if prompt != "mounts":
                self.assertEqual(words[-1], "ok", "the neighbour works")

    def test_c6_store_and_records_are_out_of_reach(self):
        """Even a grant of the whole home does not reach the store, the records, other profiles."""
        self.tool("grant", "-p", "Other_0123456789abc", "--read", "/usr")
        os.makedirs(STATE + "/profiles/Other_0123456789abc", exist_ok=True)
        os.makedirs(STATE + "/runs", exist_ok=True)
        before = os.stat(STATE + "/consent.db").st_ino
        family = self.family("python3", "-c", "")
        for granted in (HOME, os.path.dirname(STATE)):
            self.tool("grant", "-p", family, "--override-never", "--write", granted)
            self.state_is_out_of_reach(())
            self.tool("revoke", "-p", family, granted)
        for path in (STATE, STATE + "/consent.db", STATE + "/profiles/Other_0123456789abc"):
            done = self.tool("grant", "-p", family, "--override-never", "--read", path, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("appsilo's own", done.stderr)
        for options in ((), ("--allow-write", HOME)):
            self.state_is_out_of_reach(options)
        self.assertEqual(os.stat(STATE + "/consent.db").st_ino, before)
        self.assertIn("Other_0123456789abc", self.tool("consents").stdout)

    def state_is_out_of_reach(self, options):
        for prompt in MODES:
            done = self.python(
                CALL + f"d = '{STATE}'\n"
                "for f in (lambda: open(d + '/consent.db'), lambda: open(d + '/consent.db', 'w'),\n"
                "          lambda: os.listdir(d), lambda: open(d + '/consent.db-new', 'w'),\n"
                "          lambda: os.unlink(d + '/consent.db'), lambda: os.listdir(d + '/profiles/Other_0123456789abc'),\n"
                "          lambda: os.listdir(d + '/profiles'), lambda: os.symlink('/', d + '/x'),\n"
                "          lambda: os.rename(d, d + '2'), lambda: os.listdir(d + '/runs'),\n"
                "          lambda: os.rename(os.path.dirname(d), os.path.dirname(d) + '2'),\n"
                "          lambda: os.link(d + '/consent.db', os.environ['HOME'] + '/db')):\n"
                "    say(attempt(f))\n"
                "say('own', attempt(lambda: os.listdir(os.environ['HOME'])))", prompt=prompt, options=options)
            words = done.stdout.split()
            self.assertEqual(words[-2:], ["own", "ok"], done.stderr)
            self.assertLessEqual(set(words[:-2]), {"EACCES", "ENOENT", "EROFS", "EXDEV", "EBUSY", "EPERM"},
                                 f"{prompt} {options}: {words}")

    def test_c6_home_named_by_a_link_changes_nothing(self):
        """The never list is about the real place, whatever HOME calls it."""
        link = PLACE + "/homelink"
        if not os.path.islink(link):
            os.symlink(HOME, link)
        write(HOME + "/.ssh/id", "SECRET")
        for prompt in BOTH:
            done = self.python(CALL + f"say(attempt(lambda: open('{HOME}/.ssh/id')), attempt(lambda: open('{HOME}/.bashrc', 'w')))\n"
                               f"say(attempt(lambda: open('{DATA}/test.txt')))", prompt=prompt,
                               env={"HOME": link}, options=("--allow-write", HOME))
            self.assertEqual(done.returncode, 0, done.stderr)
            words = done.stdout.split()
            self.assertEqual(words[0], "ENOENT", f"{prompt} {words}")
            self.assertIn(words[1], ("EACCES", "EROFS"), prompt)
            self.assertEqual(words[2], "ok", prompt)
        subprocess.run(["rm", "-rf", HOME + "/.ssh"], check=True)


main()
