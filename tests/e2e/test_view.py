# SPDX-License-Identifier: Apache-2.0
"""Which of the host's files the app sees, at which paths, in both modes."""
import json
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, PLACE, Case, main, read, write  # noqa: E402
from screen import Terminal  # noqa: E402

VIRTUAL = ("/tmp", "/var/tmp", "/dev/shm")


class Virtualized(Case):
    """What is named below a virtualized place shows up there, and nothing else of the host's."""

    def place(self, where):
        made = tempfile.mkdtemp(prefix="appsilo-view-", dir=where)
        self.addCleanup(shutil.rmtree, made)
        os.chmod(made, 0o755)
        return made

    def script(self, path, text="echo ran"):
        write(path, "#!/bin/sh\n" + text + "\n")
        os.chmod(path, 0o755)
        return path

    def test_scripts_are_asked_for(self):
        for where in VIRTUAL:
            place = self.place(where)
            script = self.script(place + "/a/s.sh")
            self.script(place + "/a/other.sh")
            write(place + "/a/s.py", "print('ran')")
            for words in (["sh", script], [script], ["python3", place + "/a/s.py"]):
                self.answers()
                done = self.run_app(*words)
                self.assertNotIn(done.returncode, (0, 125), f"{words} {done.stderr}")
                self.assertNotIn("ran", done.stdout)
                self.tool("reset", "--all")
                self.answers({"path": place})
                done = self.run_app(*words)
                self.assertEqual(done.stdout, "ran\n", f"{words} {done.stderr}")
            # Several of one folder, and only these.
            done = self.run_app("sh", "-c", f"cat $1 $2; ls {place}/a; cat {place}/a/other.sh", "sh", script,
                                place + "/a/s.py")
            self.assertEqual(done.stdout, read(script) + "print('ran')" + "s.py\ns.sh\n", done.stderr)
            self.tool("reset", "--all")

    def test_links_are_links(self):
        for where in VIRTUAL:
            place = self.place(where)
            self.script(place + "/real/s.sh")
            os.symlink("real", place + "/folder")
            os.symlink("../folder/s.sh", place + "/real/link.sh")
            os.symlink(HOME + "/work/own.sh", place + "/out.sh")
            self.script(HOME + "/work/own.sh")
            self.answers({"path": place}, {"path": HOME + "/work"})
            for name in ("folder/s.sh", "real/link.sh", "folder/link.sh", "out.sh"):
                done = self.run_app("sh", "-c", f"readlink {place}/{name}; sh {place}/{name}", "sh", f"{place}/{name}")
                self.assertIn("ran\n", done.stdout, f"{name} {done.stderr}")
            done = self.run_app("sh", "link.sh", cwd=place + "/real")
            self.assertEqual(done.stdout, "ran\n", done.stderr)
            self.assertTrue(os.path.islink(place + "/real/link.sh"))

    def test_grants(self):
        for where in VIRTUAL:
            place = self.place(where)
            one, two = write(place + "/deep/one", "1"), write(place + "/deep/two", "2")
            write(place + "/deep/three", "3")
            os.makedirs(place + "/folder")
            os.symlink("deep/one", place + "/link")
            options = ("--allow-write", one, "--allow-read", two, "--allow-write", place + "/folder")
            for prompt in (None, "never"):
                done = self.run_app(
                    "sh", "-c", f"cd {place}; cat deep/one deep/two; echo new >deep/one; echo made >folder/new\n"
                    "cat deep/one folder/new; echo no >deep/two; cat deep/three",
                    options=options, prompt=prompt)
                self.assertEqual(done.stdout, "12new\nmade\n", f"{prompt} {done.stderr}")
                self.assertEqual((read(one), read(two), read(place + "/folder/new")), ("new\n", "2", "made\n"))
                write(one, "1")
                os.unlink(place + "/folder/new")
                done = self.run_app("cat", place + "/later", options=("--allow-read", place + "/later"), prompt=prompt)
                self.one_line(done, 125, place + "/later")
            done = self.run_app("cat", place + "/link", options=("--allow-read", place + "/link"))
            self.assertEqual(done.stdout, "1", done.stderr)
            self.assertEqual(sorted(os.listdir(place)), ["deep", "folder", "link"])

    def test_stored_grants(self):
        for where in VIRTUAL:
            place = self.place(where)
            one = write(place + "/deep/one", "1")
            write(place + "/folder/file", "2")
            write(place + "/gone/file", "3")
            write(place + "/other", "4")
            for words in (["--write", one], ["--read", place + "/folder"], ["--read", place + "/gone"], ["--deny", place + "/other"]):
                self.tool("grant", "--all-packages", *words)
            shutil.rmtree(place + "/gone")
            for prompt in (None, "never"):
                done = self.run_app("sh", "-c", f"cd {place}; cat deep/one folder/file other; echo new >deep/one; touch folder/new; ls folder",
                                    prompt=prompt)
                self.assertEqual(done.stdout, "12file\n", f"{prompt} {done.stderr}")
                self.assertEqual(read(one), "new\n")
                write(one, "1")
            self.tool("reset", "--all")

    def test_the_current_directory(self):
        for where in VIRTUAL:
            place = self.place(where)
            write(place + "/work/file", "text")
            write(place + "/beside", "text")
            self.answers({"path": place, "target": "folder"})
            done = self.run_app("sh", "-c", f"cat file; echo x >new; ls {place}", cwd=place + "/work")
            self.assertEqual((done.stdout, done.stderr), ("textwork\n", ""))
            self.assertEqual(read(place + "/work/new"), "x\n")

    def test_what_a_sandbox_makes_for_itself_is_not_granted(self):
        for path in ("/proc", "/proc/cpuinfo", "/sys", "/dev", "/dev/null", "/dev/shm"):
            self.one_line(self.tool("grant", "--all-packages", path, check=False), 1, f"{path}:", "its own")
            for kind in ("read", "write", "list"):
                for prompt in (None, "never"):
                    done = self.run_app("true", options=("--allow-" + kind, path), prompt=prompt)
                    self.one_line(done, 125, path + ":", "its own")
            self.tool("grant", "--all-packages", "--deny", path)
        self.assertEqual(self.run_app("true", prompt="never").returncode, 0)

    def test_it_starts_in_a_directory_that_it_cannot_have(self):
        """Refused, never listed, or not in the sandbox: it is there, and nothing can be done in it."""
        secret = os.path.dirname(write(HOME + "/.ssh/keys/id", "SECRET"))
        self.addCleanup(shutil.rmtree, HOME + "/.ssh")
        os.makedirs(HOME + "/.local/share/appsilo/profiles/Other_x")
        for cwd in (HOME + "/work", os.path.dirname(secret), secret, HOME + "/.local/share/appsilo/profiles/Other_x",
                    "/sys", "/sys/kernel"):
            for prompt in (None, "never"):
                done = self.run_app("sh", "-c", "pwd; ls; cat id", cwd=cwd, prompt=prompt)
                self.assertEqual(done.stdout, cwd + "\n", f"{prompt} {done.stderr}")
                self.assertIn("cannot open directory '.': Permission denied", done.stderr)
                self.assertNotEqual(done.returncode, 125)
                done = self.run_app("sh", "-c", f"touch here; ls -d {secret}/* {HOME}/.ssh/*", cwd=cwd, prompt=prompt)
                self.assertEqual(done.stdout, "", prompt)
                self.assertFalse(os.path.exists(cwd + "/here"))

    def test_private_stays_private_below_a_granted_folder(self):
        host = tempfile.mkdtemp(prefix="appsilo-view-", dir="/var/tmp")
        self.addCleanup(os.rmdir, host)
        for prompt in (None, "never"):
            done = self.run_app("sh", "-c", "ls -d /var/log; ls /var | grep ^log; touch /var/tmp/own; ls /var/tmp",
                                options=("--allow-read", "/var"), prompt=prompt)
            self.assertEqual(done.stdout, "/var/log\nlog\nown\n", f"{prompt} {done.stderr}")
        self.answers({"path": "/var", "target": "folder"})
        done = self.run_app("sh", "-c", "ls /var >/dev/null && ls /var/log >/dev/null; touch /var/tmp/own; ls /var/tmp")
        self.assertEqual(done.stdout, "own\n", done.stderr)


class TopLevel(Case):
    """What lies in the host's root, and in folders that the sandbox makes a part of."""

    def plain_file(self):
        if os.geteuid() == 0:
            self.addCleanup(os.unlink, write("/appsilo-view-test", "text"))
            return "/appsilo-view-test"
        found = [entry.path for entry in os.scandir("/") if entry.is_file(follow_symlinks=False)]
        return found[0] if found else self.skipTest("no file in /")

    def test_files_in_the_root(self):
        path = self.plain_file()
        look = ("sh", "-c", f"[ -f {path} ] && [ -d /var/log ] && echo there; cat {path}; echo x >{path}; ls /var/log")
        for prompt in (None, "never"):
            done = self.run_app(*look, prompt=prompt)
            self.assertEqual((done.stdout, done.stderr.count("ermission denied")), ("there\n", 3), f"{prompt} {done.stderr}")
        self.assertIn(path, [q[1] for q in self.asked()])
        self.tool("reset", "--all")
        self.answers({"path": path, "for": "read"})
        for prompt, options in ((None, ()), (None, ("--allow-read", path)), ("never", ("--allow-read", path))):
            done = self.run_app("cat", path, prompt=prompt, options=options)
            self.assertEqual((done.stdout, done.returncode), (read(path), 0), f"{prompt} {done.stderr}")

    def test_hidden_names(self):
        write(HOME + "/.bashrc", "text")
        self.addCleanup(os.unlink, HOME + "/.bashrc")
        granted = os.path.dirname(write(HOME + "/work/granted/file", "text"))
        write(granted + "/deny/file", "text")
        hidden = (HOME + "/.bashrc", HOME + "/data", HOME + "/data/test.txt", "/mnt", "/var/log", granted + "/deny")
        options = ("--metadata", "hidden", "--allow-read", granted, "--deny", granted + "/deny")
        done = self.python("import os\n"
                           f"print([p for p in {hidden!r} if os.path.lexists(p)], open('granted/file').read(),\n"
                           f"      sorted(set(os.listdir('/')) & {{'srv', 'mnt', 'home', 'opt'}} - {{{HOME.split('/')[1]!r}}}))\n"
                           f"for p in {hidden[:2]!r}:\n"
                           "    try: open(p + '/x', 'w')\n"
                           "    except OSError as e: print(type(e).__name__)\n"
                           f"try: os.mkdir({HOME!r} + '/data')\n"
                           "except PermissionError: print('denied')\n", options=options, prompt="never")
        self.assertEqual(done.stdout, "[] text []\nFileNotFoundError\nFileNotFoundError\ndenied\n", done.stderr)


class ServerMode(Case):
    """--prompt never: what was not granted is there, and refused."""

    def test_allowed_and_denied_is_denied(self):
        folder = os.path.dirname(write(HOME + "/work/t/f", "text"))
        os.makedirs(folder + "/sub", exist_ok=True)
        self.tool("grant", "--all-packages", "--deny", folder)
        for options in ((), ("--allow-read", folder), ("--allow-write", folder), ("--allow-list", folder),
                        ("--allow-read", folder, "--allow-write", folder + "/sub")):
            for cwd in (HOME + "/work", "/"):
                done = self.run_app("sh", "-c", f"cat {folder}/f; ls {folder}", options=options, prompt="never", cwd=cwd)
                self.assertEqual((done.stdout, done.stderr.count("Permission denied")), ("", 2),
                                 f"{options} {cwd} {done.stderr}")

    def test_what_is_refused_says_so(self):
        """EACCES, which Python calls a PermissionError, whatever is tried; nothing changes."""
        write(HOME + "/refused/file", "text")
        write(HOME + "/.bashrc", "text")
        self.addCleanup(os.unlink, HOME + "/.bashrc")
        self.addCleanup(shutil.rmtree, HOME + "/refused")
        code = ("import os, errno\n"
                f"home, top = {HOME!r}, '/' + {HOME!r}.split('/')[1]\n"
                "def tried(what, do):\n"
                "    try: do()\n"
                "    except OSError as e: print(what, errno.errorcode[e.errno])\n"
                "    else: print(what, 'done')\n"
                "for f in (home + '/.bashrc', home + '/refused/file'):\n"
                "    for how in ('r', 'w', 'a', 'r+'): tried('open ' + how, lambda: open(f, how))\n"
                "for f in (home + '/.bashrc',):\n"
                "    tried('unlink', lambda: os.unlink(f)); tried('rename', lambda: os.rename(f, f + '2'))\n"
                "    tried('truncate', lambda: os.truncate(f, 0)); tried('utime', lambda: os.utime(f))\n"
                "for d in tops + [top, home, home + '/refused']:\n"
                "    tried('create', lambda: open(d + '/new', 'w')); tried('mkdir', lambda: os.mkdir(d + '/new'))\n"
                "    tried('symlink', lambda: os.symlink('x', d + '/new')); tried('utime', lambda: os.utime(d))\n"
                "    tried('fifo', lambda: os.mkfifo(d + '/new'))\n"
                "for d in [top] * len(tops) + [home, home + '/refused']:\n"
                "    tried('list', lambda: os.listdir(d)); tried('rename', lambda: os.rename(d, d + '2'))\n"
                "for d in ('/', top, home, home + '/refused', home + '/.bashrc'):\n"
                "    for change in (lambda: os.chmod(d, 0o777), lambda: os.chown(d, os.getuid(), -1),\n"
                "                   lambda: os.setxattr(d, 'user.x', b'1')):\n"
                "        try: change()\n"
                "        except OSError: pass\n"
                "        else: print('changed', d)\n")
        for cwd, prompt in ((HOME + "/work", "never"), (HOME, "never"), ("/", "never"), (HOME + "/work", None)):
            # With a broker the root itself is a read-only mount: EROFS.
            done = self.python(f"tops = {['/'] if prompt else []}\n" + code, prompt=prompt, cwd=cwd)
            self.assertEqual([line for line in done.stdout.splitlines() if not line.endswith(" EACCES")], [],
                             f"{cwd} {done.stderr}")
            self.assertGreater(done.stdout.count("EACCES"), 30, done.stderr)

    def test_names_of_a_refused_current_directory(self):
        """As with a broker: they are there, of their type, and cannot be opened."""
        private = tempfile.mkdtemp(prefix="appsilo-view-", dir="/tmp")
        self.addCleanup(shutil.rmtree, private)
        os.chmod(private, 0o755)
        for cwd in (HOME + "/work/names", private):
            write(cwd + "/file", "text")
            os.makedirs(cwd + "/folder", exist_ok=True)
            done = self.run_app("sh", "-c", "[ -f file ] && [ -d folder ] && [ ! -e none ] && echo so; cat file; ls folder; ls",
                                prompt="never", cwd=cwd)
            self.assertEqual((done.stdout, done.stderr.count("Permission denied")), ("so\n", 3), f"{cwd} {done.stderr}")
            done = self.run_app("ls", prompt="never", cwd=cwd, options=("--allow-list", cwd))
            self.assertEqual(done.stdout, "file\nfolder\n", f"{cwd} {done.stderr}")

    def test_the_most_specific_path_wins(self):
        """What is refused below a place that may be changed takes nothing else away."""
        family = self.family("sh", "-c", "")
        deny, missing = HOME + "/work/t/a/deny", HOME + "/work/t/missing"

        def stored(*rules):
            for words in rules:
                self.tool("grant", "-p", family, *words)
            return ()

        # All at once: the kinds of rules, as words and from the store.
        top = HOME + "/work/t"
        for rules in (lambda: ("--allow-write", top, "--deny", deny, "--deny", missing),
                      lambda: stored(("--write", top), ("--deny", deny), ("--deny", missing)),
                      lambda: stored(("--write", top)) + ("--deny", deny, "--deny", missing)):
            shutil.rmtree(top, ignore_errors=True)
            write(deny, "SECRET")
            write(top + "/a/gone", "x")
            done = self.run_app(
                "sh", "-c", f"cd {top}; echo x >new; echo y >a/new; rm a/gone; mkdir a/folder; mv new moved; ls . a; "
                "cat a/deny; echo x >a/deny; rm a/deny; mv a b; mv moved a/deny; echo x >missing; mkdir missing; cat a/new",
                options=rules(), prompt="never")
            self.assertEqual(done.stdout, ".:\na\nmoved\n\na:\ndeny\nfolder\nnew\ny\n", done.stderr)
            self.assertEqual(done.stderr.count("ermission denied"), 7, done.stderr)
            self.assertEqual((read(deny), sorted(os.listdir(top)), sorted(os.listdir(top + "/a"))),
                             ("SECRET", ["a", "moved"], ["deny", "folder", "new"]))
            self.tool("reset", "--all")

    def test_the_home_may_be_changed_but_for_what_never_may(self):
        done = self.run_app("sh", "-c", f"cd {HOME}; touch new && rm new && echo made; echo x >.npmrc; mkdir .ssh; echo x >.bashrc",
                            options=("--allow-write", HOME), prompt="never", cwd=HOME)
        self.assertEqual((done.stdout, done.stderr.count("ermission denied")), ("made\n", 3), done.stderr)
        self.assertFalse({".npmrc", ".ssh", ".bashrc", "new"} & set(os.listdir(HOME)))

    def test_nobody_is_asked(self):
        """Whatever carries it out: a terminal is no reason to ask."""
        top = os.path.dirname(write(HOME + "/work/t/deny", "SECRET"))
        app = Terminal(APPSILO, "run", "--prompt", "never", "--allow-write", top, "--deny", top + "/deny", "--",
                       "sh", "-c", f"cat {top}/deny {HOME}/data/test.txt; touch {top}/made; echo en''ded", cwd=HOME + "/work")
        app.wait_shown("ended")
        app.end()
        self.assertNotIn("Allow", app.text())
        self.assertTrue(os.path.exists(top + "/made"))

    def test_it_begins_once_for_who_looks(self):
        """One result, one warning, one exit code; nothing of the first beginning is left."""
        top = os.path.dirname(write(HOME + "/work/t/deny", "SECRET"))
        words = ("--allow-write", top, "--deny", top + "/deny", "--result", PLACE + "/result.json")
        done = self.run_app("sh", "-c", f"cat {top}/deny; exit 7", prompt="never",
                            options=(*words, "--cpus", "1", "--memory", "1G", "--time", "9s", "--pids", "50"))
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertLessEqual(done.stderr.count("warning"), 1, done.stderr)
        result = json.loads(read(PLACE + "/result.json"))
        self.assertEqual((result["exit_code"], result["reason"], result["asked"]), (7, "exited", 0))
        self.assertIn(top + "/deny", self.tool("why").stdout)

    def test_a_folder_denied_for_reading_below_a_readable_one(self):
        top = os.path.dirname(write(HOME + "/work/t/file", "text"))
        write(top + "/a/b/deep", "deep")
        write(top + "/a/other", "SECRET")
        done = self.run_app("sh", "-c", f"ls {top}; cat {top}/file {top}/a/b/deep; cat {top}/a/other; ls {top}/a", prompt="never",
                            options=("--allow-read", top, "--deny", top + "/a", "--allow-read", top + "/a/b"))
        self.assertEqual((done.stdout, done.stderr.count("Permission denied")), ("a\nfile\ntextdeep", 2), done.stderr)

    def test_a_folder_denied_alone(self):
        """Its names are not to be listed; what is in it is as around it."""
        top = os.path.dirname(write(HOME + "/work/t/file", "text"))
        write(top + "/a/b/deep", "deep")
        self.tool("grant", "--all-packages", "--deny", "--file", top + "/a")
        for access in ("--allow-read", "--allow-write"):
            done = self.run_app("sh", "-c", f"ls {top} {top}/a/b; cat {top}/a/b/deep; ls {top}/a", prompt="never",
                                options=(access, top))
            self.assertEqual((done.stdout, done.stderr.count("Permission denied")),
                             (f"{top}:\na\nfile\n\n{top}/a/b:\ndeep\ndeep", 1), f"{access} {done.stderr}")


main()
