# SPDX-License-Identifier: Apache-2.0
"""A folder that may be read is attached read-only, and the app works in it. What it may then come to
write there, one file or a folder, it writes at once, by whatever road, and stays where it is."""
import os
import shutil
import stat
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, Case, main, read, write  # noqa: E402

HERE = HOME + "/here"
# Inside, before the code that is tried. t(): what it gives, or the name of its error.
TRY = """
import errno, os, stat
def t(f):
    try:
        r = f()
        return 'ok' if r is None else r
    except OSError as e: return errno.errorcode[e.errno]
def put(p, text='x', how='w'):
    with open(p, how) as f: f.write(text)
print(sorted(os.listdir('.')))
"""
# Each call that writes, by a name in the current directory.
CALLS = """
print(t(lambda: put('new')), t(lambda: put('new', 'y', 'a')), t(lambda: put('old', '', 'r+')))
print(t(lambda: put('only', '1', 'x')), t(lambda: put('only', '1', 'x')))
print(t(lambda: os.mkdir('dir')), t(lambda: put('dir/in')), t(lambda: os.rename('dir/in', 'moved')))
print(t(lambda: os.symlink('old', 'link')), t(lambda: os.link('old', 'hard')), t(lambda: os.mkfifo('fifo')))
print(t(lambda: os.chmod('old', 0o640)), t(lambda: os.utime('old', (1, 2))), t(lambda: os.truncate('old', 3)))
print(t(lambda: os.utime('old', ns=(5, 7))), t(lambda: os.setxattr('old', 'user.a', b'v')), t(lambda: os.removexattr('old', 'user.a')))
f = os.open('old', os.O_RDONLY)
print(t(lambda: os.fchmod(f, 0o600)), t(lambda: os.utime(f, (3, 4))), t(lambda: os.setxattr(f, 'user.b', b'w')))
print(t(lambda: os.unlink('hard')), t(lambda: os.unlink('fifo')), t(lambda: os.rmdir('dir')), t(lambda: os.unlink('link')))
d = os.open('.', os.O_RDONLY)
print(t(lambda: os.mkdir('made', dir_fd=d)), t(lambda: os.close(os.open('below', os.O_CREAT | os.O_WRONLY, 0o604, dir_fd=d))))
print(sorted(os.listdir('.')), open('old').read(), open('new').read(), os.getcwd())
"""
WORKED = """ok ok ok
ok EEXIST
ok ok ok
ok ok ok
ok ok ok
ok ok ok
ok ok ok
ok ok ok ok
ok ok
['below', 'made', 'moved', 'new', 'old', 'only', 'sub'] old xy {}
"""


class InReadFolder(Case):
    def setUp(self):
        super().setUp()
        shutil.rmtree(HERE, ignore_errors=True)
        write(HERE + "/old", "old text")
        os.makedirs(HERE + "/sub")

    def inside(self, code, options=("--allow-read", HERE), **more):
        done = self.python(TRY + code, cwd=more.pop("cwd", HERE), options=("--quiet", *options), **more)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return done.stdout.split("\n", 1)[1]


class ReadFolder(InReadFolder):
    def test_each_call_that_may_be_made_is(self):
        for target, scope in (("file", "always"), ("file", "once"), ("file", "session"), ("folder", "session")):
            with self.subTest(target=target, scope=scope):
                self.setUp()
                self.answers({"path": HERE, "target": target, "scope": scope})
                self.assertEqual(self.inside(CALLS), WORKED.format(HERE))
                self.assertEqual(read(HERE + "/old"), "old")
                self.assertEqual(os.getxattr(HERE + "/old", "user.b"), b"w")
                self.assertEqual(stat.S_IMODE(os.stat(HERE + "/old").st_mode), 0o600)
                self.assertEqual(os.stat(HERE + "/old").st_mtime, 4)
                self.assertEqual(stat.S_IMODE(os.stat(HERE + "/below").st_mode), 0o604)

    def test_by_every_road(self):
        self.answers({"path": HERE, "target": "file", "scope": "always"})
        roads = ("new1", "./new2", "../here/new3", "sub/../new4", HERE + "/new5", "sub/deep")
        said = self.inside(f"for p in {roads!r}: print(t(lambda: put(p)), t(lambda: open(p).read()))\n"
                           "os.chdir('sub'); print(t(lambda: put('more')), t(lambda: put('../new7')), sorted(os.listdir('.')))\n")
        self.assertEqual(said, "ok x\n" * len(roads) + "ok ok ['deep', 'more']\n")

    def test_what_is_denied_is_denied(self):
        self.answers({"path": HERE + "/new", "target": "file", "scope": "always"})
        said = self.inside("print(t(lambda: put('new')), t(lambda: put('other')), t(lambda: os.rename('new', 'other')))\n"
                           "print(t(lambda: put('old')), t(lambda: os.unlink('old')), t(lambda: os.mkdir('dir')), open('old').read())\n")
        self.assertEqual(said, "ok EACCES EACCES\nEACCES EACCES EACCES old text\n")
        self.assertEqual(sorted(os.listdir(HERE)), ["new", "old", "sub"])

    def test_once_is_once(self):
        self.answers({"path": HERE, "target": "file", "scope": "once"})
        self.inside("for i in range(3): print(t(lambda: put('old', 'z', 'a')))\n")
        self.assertEqual([q[1] for q in self.asked() if q[2] == "write"], [HERE + "/old"] * 3)
        self.assertEqual(read(HERE + "/old"), "old textzzz")

    def test_always_is_asked_once(self):
        self.answers({"path": HERE, "target": "file", "scope": "always"})
        self.inside("for i in range(3): print(t(lambda: put('old', 'z', 'a')))\n")
        self.assertEqual([q[1] for q in self.asked() if q[2] == "write"], [HERE + "/old"])
        self.assertEqual(self.inside("print(t(lambda: put('old')))\n", prompt="exec:false"), "ok\n")

    def test_a_folder_in_it_that_may_be_written(self):
        """It is attached over the read-only one, and the rest stays as it was."""
        self.answers({"path": HERE + "/sub", "target": "folder", "scope": "session"})
        said = self.inside("print(t(lambda: put('sub/a')), t(lambda: put('new')))\n"
                           "for i in range(200): put(f'sub/n{i}')\n"
                           "os.chdir('sub'); print(t(lambda: put('b')), t(lambda: os.rename('b', 'c')), t(lambda: os.rename('c', '../d')))\n"
                           "os.chdir('..'); print(sorted(os.listdir('.')), len(os.listdir('sub')))\n")
        self.assertEqual(said, "ok EACCES\nok ok EACCES\n['old', 'sub'] 202\n")

    def test_rights_of_a_folder_alone_are_not_those_of_what_is_in_it(self):
        write(HERE + "/sub/secret", "secret")
        family = self.family("python3", "-c", "")
        self.tool("grant", "-p", family, "--read", HERE)
        self.tool("grant", "-p", family, "--file", "--write", HERE + "/sub")
        said = self.inside("import time\ns = '" + HERE + "/sub'\n"
                           "for _ in range(200):\n"  # until it is attached, if ever
                           "    if os.listdir(s) and s in open('/proc/self/mountinfo').read(): break\n"
                           "    time.sleep(0.005)\n"
                           "print(os.listdir(s), t(lambda: os.chmod(s, 0o711)), t(lambda: put(s + '/secret')), t(lambda: put(s + '/new')))\n"
                           "print(t(lambda: os.unlink(s + '/secret')), t(lambda: os.mkdir(s + '/d')), t(lambda: os.rename(s + '/secret', s + '/e')))\n",
                           options=("--allow-read", HOME + "/work"), cwd=HOME + "/work")
        self.assertEqual(said, "['secret'] ok EACCES EACCES\nEACCES EACCES EACCES\n")
        self.assertEqual(read(HERE + "/sub/secret"), "secret")

    def test_a_folder_alone_that_may_not_be_written(self):
        write(HERE + "/sub/f", "1")
        family = self.family("python3", "-c", "")
        self.tool("grant", "-p", family, "--write", HERE)
        self.tool("grant", "-p", family, "--file", "--deny", "--write", HERE + "/sub")
        said = self.inside("print(t(lambda: put('sub/f', '2', 'a')), t(lambda: put('sub/new')), t(lambda: os.chmod('sub', 0o700)))\n"
                           "print(t(lambda: put(os.getcwd() + '/sub/f', '3', 'a')))\n", options=())
        self.assertEqual(said, "ok ok EACCES\nok\n")
        self.assertEqual(read(HERE + "/sub/f"), "123")

    def test_moving_across_two_folders_while_at_work_in_one(self):
        one, two = HOME + "/one", HOME + "/two"
        for place in (one, two):
            shutil.rmtree(place, ignore_errors=True)
            write(place + "/f", "1")
        said = self.inside(f"os.chdir('{one}'); print(t(lambda: put('a')), t(lambda: put('{two}/b')))\n"
                           f"print(t(lambda: os.rename('a', '{two}/a')), t(lambda: os.link('{two}/f', 'linked')))\n"
                           f"print(sorted(os.listdir('.')), t(lambda: put('new')), sorted(os.listdir('{two}')), os.getcwd())\n",
                           options=("--allow-read", HERE, "--allow-write", one, "--allow-write", two))
        self.assertEqual(said, f"ok ok\nok ok\n['f', 'linked'] ok ['a', 'b', 'f'] {one}\n")

    def test_a_limit_of_file_size_holds(self):
        self.answers({"path": HERE, "target": "file", "scope": "always"})
        said = self.inside("import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
                           "print(t(lambda: os.truncate('old', 5000)), t(lambda: os.truncate('old', 4000)))\n",
                           options=("--allow-read", HERE, "--file-size", "4096"))
        self.assertEqual(said, "EFBIG ok\n")

    def test_a_signal_does_not_make_a_call_twice(self):
        """The kernel repeats what a handler has interrupted: what was made must not be there already."""
        self.answers({"path": HERE, "target": "file", "scope": "session"})
        said = self.inside("import collections, signal\n"
                           "signal.signal(signal.SIGALRM, lambda *_: None); signal.siginterrupt(signal.SIGALRM, False)\n"
                           "def each(): return t(lambda: os.mkdir('d')), t(lambda: os.rmdir('d')), \\\n"
                           "    t(lambda: os.close(os.open('x', os.O_CREAT | os.O_EXCL | os.O_WRONLY))), t(lambda: os.unlink('x'))\n"
                           "each(); signal.setitimer(signal.ITIMER_REAL, 0.0007, 0.0007)\n"
                           "seen = collections.Counter(e for _ in range(100) for e in each()); signal.setitimer(signal.ITIMER_REAL, 0)\n"
                           "print(seen['ok'], max(map(int, os.listdir('/proc/self/fd'))) < 10)\n")
        ok, few = said.split()
        self.assertEqual(few, "True", "descriptors that nobody closes")
        # The kernel may drop an answer that was sent in the moment of the signal, and tells nobody.
        self.assertGreater(int(ok), 380)

    def test_removing_a_folder_that_may_be_written(self):
        self.answers({"path": HERE + "/sub", "target": "folder", "scope": "session"})
        said = self.inside("print(t(lambda: put('sub/a')), t(lambda: os.unlink('sub/a')), t(lambda: os.rmdir('sub')), os.listdir('.'))\n")
        self.assertEqual(said, "ok ok ok ['old']\n")


class Tricks(InReadFolder):
    """What the helper does for the app it does where the app is, and nothing else."""

    def test_places_of_the_sandboxs_own_are_not_the_hosts(self):
        """By a link and by name, with all of the host's /tmp allowed by whoever answers."""
        outside = f"/tmp/appsilo-test-{os.getpid()}"
        write(outside, "outside")
        self.addCleanup(os.unlink, outside)
        self.answers({"path": "", "target": "file", "scope": "always"})
        said = self.inside(f"o = '{outside}'\nput(o, 'private')\n"
                           "for link, to in (('l', o), ('p', '/proc/self/mem'), ('s', '/proc/sys/vm/swappiness'), ('n', '/dev/null')): print(t(lambda: os.symlink(to, link)))\n"
                           "print(t(lambda: put('l', 'inside')), open(o).read(), t(lambda: put('n')), t(lambda: put('s')), t(lambda: os.truncate('l', 3)), open(o).read())\n"
                           "print(t(lambda: os.rename(o, 'moved')), t(lambda: os.link(o, 'linked')), t(lambda: os.rename('old', '/tmp/old')), os.path.exists('/tmp/old'))\n"
                           "print(t(lambda: os.utime('l')), t(lambda: os.chmod('l', 0o600)))\n"
                           "import shutil; print(shutil.move(o, 'moved'), open('moved').read(), os.path.exists(o))\n"
                           "f = os.open('p', os.O_RDWR); print(t(lambda: os.pread(f, 1, 1)))\n")
        self.assertEqual(read(outside), "outside")
        lines = said.splitlines()
        self.assertEqual(lines[:4], ["ok"] * 4)
        self.assertIn(lines[4], ("ok inside ok EACCES ok ins", "ok inside ok EROFS ok ins"))
        self.assertEqual(lines[5:], ["EXDEV EROFS EXDEV False", "ok ok", "moved ins False", "EIO"])

    def test_once_is_once_for_all_threads(self):
        """What is decided about one call is nobody else's, however long that takes."""
        prompter = write(HOME + "/once.py", "import json, sys\n"
                         "for n, line in enumerate(sys.stdin):\n"
                         "    print(json.dumps({'v': 1, 'id': json.loads(line)['id'], 'decision': 'deny' if n else 'allow', 'scope': 'once', 'target': 'file'}), flush=True)\n")
        said = self.inside("import threading\nseen = []\n"
                           "def f(): seen.append(t(lambda: os.close(os.open('old', os.O_WRONLY | os.O_APPEND))))\n"
                           "def g(): [f() for _ in range(5)]\n"
                           "ts = [threading.Thread(target=g) for _ in range(16)]; [x.start() for x in ts]; [x.join() for x in ts]\n"
                           "print(len(seen), seen.count('ok'), seen.count('EACCES'))\n", prompt=f"exec:python3 {prompter}")
        all_, ok, denied = map(int, said.split())
        self.assertEqual((all_, ok + denied), (80, 80))
        # All that wait when the question is answered have one answer.
        self.assertLessEqual(ok, 16)
        self.assertGreaterEqual(ok, 1)

    def test_a_folder_that_is_renamed_leaves_its_rights_behind(self):
        prompter = write(HOME + "/rename.py", "import json, sys\n"
                         "for line in sys.stdin:\n"
                         "    q = json.loads(line)\n"
                         f"    yes = q['path'].startswith('{HERE}/sub/') or q['path'] == '{HERE}/sub' or q['path'] == '{HERE}/sub2' and q['operation'] == 'rename'\n"
                         "    print(json.dumps({'v': 1, 'id': q['id'], 'decision': 'allow' if yes else 'deny', 'scope': 'session' if q['path'] != '"
                         f"{HERE}/sub2' else 'once', 'target': 'folder' if q['path'].startswith('{HERE}/sub/') else 'file'}}), flush=True)\n")
        said = self.inside("print(t(lambda: put('sub/a')))\nfor _ in range(50): put('sub/a')\n"
                           "print(t(lambda: os.rename('sub', 'sub2')), t(lambda: put('sub2/a')), t(lambda: put('sub2/new')), t(lambda: os.unlink('sub2/a')))\n",
                           prompt=f"exec:python3 {prompter}")
        self.assertEqual(said, "ok\nok EACCES EACCES EACCES\n")

    def test_a_mount_does_not_move_with_a_folder_above_it(self):
        """Whatever the call says, and however long it waits for its answer while the folder is used."""
        prompter = write(HOME + "/slow.py", "import json, sys, time\n"
                         "for line in sys.stdin:\n"
                         "    q = json.loads(line); yes = q['operation'] == 'rename'; time.sleep(1.5 * yes)\n"
                         "    print(json.dumps({'v': 1, 'id': q['id'], 'decision': 'allow' if yes else 'deny', 'scope': 'once', 'target': 'file'}), flush=True)\n")
        for prefix in (HERE, "/proc/self/fd/%d"):
            self.setUp()
            write(HERE + "/a/b/f", "1")
            os.makedirs(HOME + "/work", exist_ok=True)
            said = self.inside("import threading, time\n"
                               f"d = os.open('{HERE}', os.O_PATH); p = '{prefix}'.replace('%d', str(d)); stop = []\n"
                               f"def use():\n    while not stop: t(lambda: open('{HERE}/a/b/f').read()); time.sleep(0.01)\n"
                               f"for _ in range(400):\n    open('{HERE}/a/b/f').read(); time.sleep(0.005)\n"
                               f"    if '{HERE}/a/b' in open('/proc/self/mountinfo').read(): break\n"
                               "x = threading.Thread(target=use); x.start()\n"
                               "r = t(lambda: os.rename(p + '/a', p + '/c')); stop.append(1); x.join()\n"
                               f"print(r, '{HERE}/c' in open('/proc/self/mountinfo').read(), t(lambda: put('{HERE}/c/b/new')), t(lambda: open('{HERE}/c/b/f').read()))\n",
                               options=("--allow-read", HOME + "/work", "--allow-write", HERE + "/a/b"), cwd=HOME + "/work", prompt=f"exec:python3 {prompter}")
            self.assertIn(said, ("ok False EACCES EACCES\n", "EBUSY False ENOENT ENOENT\n", "EBUSY False EACCES EACCES\n"), prefix)

    def test_a_repeated_call_with_other_words_is_another(self):
        self.answers({"path": HERE, "target": "file", "scope": "session"})
        said = self.inside("import ctypes, signal\nlibc = ctypes.CDLL(None, use_errno=True); buf = ctypes.create_string_buffer(8)\n"
                           "signal.signal(signal.SIGALRM, lambda *_: None); signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001); wrong = 0\n"
                           "for i in range(300):\n"
                           "    for word in (b'A%06d' % i, b'B%06d' % i):\n"
                           "        ctypes.memmove(buf, word, 7)\n"
                           "        r = libc.setxattr(b'old', b'user.k', buf, 7, 0)\n"
                           "    if r == 0 and os.getxattr('old', 'user.k') != word: wrong += 1\n"
                           "signal.setitimer(signal.ITIMER_REAL, 0); print(wrong)\n")
        self.assertEqual(said, "0\n")

    def test_a_mount_that_was_taken_off_is_not_taken_for_another(self):
        """The path of a current directory in it starts at it: an original below would be changed for its copy."""
        copy, original = HOME + "/copy", HOME + "/one"
        write(copy + original + "/f", "copy")
        write(original + "/f", "original")
        family = self.family("python3", "-c", "")
        self.tool("grant", "-p", family, "--read", copy)
        app = subprocess.Popen([APPSILO, "run", "--quiet", "--prompt", "exec:false", "--allow-write", original, "--cwd", copy + original, "--",
                                "python3", "-c", TRY + "input(); print(t(lambda: os.unlink('f')), t(lambda: put('f')), t(lambda: os.rename('f', 'g')))\n"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.assertEqual(app.stdout.readline(), "['f']\n")
        self.tool("revoke", "-p", family, copy)
        self.assertNotIn("ok", app.communicate("\n", timeout=30)[0])
        self.assertEqual((read(original + "/f"), read(copy + original + "/f")), ("original", "copy"))

    def test_a_childs_rename_does_not_cut_its_parent_off(self):
        one, two = HOME + "/one", HOME + "/two"
        for place in (one, two):
            shutil.rmtree(place, ignore_errors=True)
            write(place + "/f", "1")
        said = self.inside(f"import subprocess\nos.chdir('{one}'); print(t(lambda: put('g')), t(lambda: put('{two}/h')))\n"
                           f"subprocess.run(['mv', '-T', '{one}/g', '{two}/g'], cwd='/', check=True)\n"
                           "print(sorted(os.listdir('.')), t(lambda: put('more')), sorted(os.listdir('../two')))\n",
                           options=("--allow-read", HERE, "--allow-write", one, "--allow-write", two))
        self.assertEqual(said, "ok ok\n['f'] ok ['f', 'g', 'h']\n")


if __name__ == "__main__":
    main()
