# SPDX-License-Identifier: Apache-2.0
"""A folder that may be read is attached read-only, and the app works in it. What it may then come to
write there, one file or a folder, it writes at once, by whatever road, and stays where it is."""
import os
import shutil
import stat
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import HOME, Case, main, read, write  # noqa: E402

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


class ReadFolder(Case):
    def setUp(self):
        super().setUp()
        shutil.rmtree(HERE, ignore_errors=True)
        write(HERE + "/old", "old text")
        os.makedirs(HERE + "/sub")

    def inside(self, code, options=("--allow-read", HERE), **more):
        done = self.python(TRY + code, cwd=more.pop("cwd", HERE), options=("--quiet", *options), **more)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return done.stdout.split("\n", 1)[1]

    def written(self):
        """The files the app was asked about, by their last names."""
        return {os.path.basename(path) for _, path, access in self.asked() if access == "write"}

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


if __name__ == "__main__":
    main()
