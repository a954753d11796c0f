# SPDX-License-Identifier: Apache-2.0
"""The walkthrough of the design, items 3 to 12, with a scripted prompter."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, PLACE, Case, facts, main, read, write  # noqa: E402

TRY = """
import os, sys
def attempt(f):
    try:
        print("ok", f())
    except OSError as e:
        print(type(e).__name__, e.errno)
"""


class Walkthrough(Case):
    def test_3_current_directory_no(self):
        for round in range(2):
            done = self.python(TRY + "attempt(lambda: os.listdir('.')); print(os.getcwd())")
            self.assertEqual(done.stdout, f"PermissionError 13\n{HOME}/work\n", done.stderr)
            self.assertEqual(done.returncode, 0)
        self.assertEqual(self.asked(), [("list", HOME + "/work", "read")], "asked once, ever")

    def test_3_current_directory_yes(self):
        write(HOME + "/work/seen", "x")
        self.answers({"path": HOME + "/work"})
        for round in range(2):
            done = self.python("import os; print(sorted(os.listdir('.')))")
            self.assertIn("seen", done.stdout)
        self.assertEqual(len(self.asked()), 1)

    def test_4_script_denied_and_allowed(self):
        script = write(HOME + "/work/script.py", "print('ran')\n")
        done = self.run_app("python3", "script.py")
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn("ran", done.stdout)
        self.assertIn("Permission denied", done.stderr)
        self.assertIn(("open", script, "read"), self.asked())
        self.tool("reset", "--all")
        self.answers({"path": script})
        done = self.run_app("python3", "script.py")
        self.assertEqual((done.stdout, done.returncode), ("ran\n", 0))

    def test_5_no_network(self):
        done = self.python(
            "import socket, subprocess, urllib.request\n"
            "def bad(f):\n"
            "    try: f(); print('REACHED')\n"
            "    except Exception as e: print('failed')\n"
            "bad(lambda: urllib.request.urlopen('http://192.0.2.1/', timeout=3))\n"
            "bad(lambda: socket.create_connection(('192.0.2.1', 80), 3))\n"
            "bad(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))\n"
            "bad(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))\n"
            "bad(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW))\n"
            "bad(lambda: socket.getaddrinfo('example.org', 80))\n"
            "print(open('/proc/net/dev').read().count(':'))\n")
        self.assertEqual(done.stdout.split()[:-1], ["failed"] * 6, done.stderr)
        done = self.python("print(open('/proc/net/dev').read().count(':'))", options=("--net", "none"))
        self.assertEqual(done.stdout.split(), ["1"], done.stderr)

    def test_6_write_denied_changes_nothing(self):
        before = facts(HOME + "/data/test.txt")
        done = self.python(TRY + "attempt(lambda: open('../data/test.txt', 'w'))\n"
                                 "attempt(lambda: open('../data/new.txt', 'w'))")
        self.assertEqual(done.stdout, "PermissionError 13\n" * 2, done.stderr)
        self.assertEqual(facts(HOME + "/data/test.txt"), before)
        self.assertFalse(os.path.exists(HOME + "/data/new.txt"))

    def test_6_write_allowed(self):
        self.answers({"path": HOME + "/data/test.txt"})
        done = self.python("open('../data/test.txt', 'w').write('new')")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(read(HOME + "/data/test.txt"), "new")

    def test_7_native_calls_get_the_same_answer(self):
        target = HOME + "/data/test.txt"
        before = facts(target)
        done = self.python(
            "import ctypes, os, subprocess\n"
            "libc = ctypes.CDLL(None, use_errno=True)\n"
            f"path = {target!r}.encode()\n"
            "print(libc.open(path, os.O_RDWR), ctypes.get_errno())\n"
            "print(libc.syscall(257, -100, path, os.O_WRONLY | os.O_TRUNC), ctypes.get_errno())\n"
            f"print(os.system('cat {target} 2>/dev/null') != 0)\n"
            f"print(subprocess.run(['tee', {target!r}], input=b'x', capture_output=True).returncode != 0)\n")
        self.assertEqual(done.stdout.split("\n")[:2], ["-1 13", "-1 13"], done.stderr)
        self.assertIn("True\n", done.stdout)
        self.assertNotIn("False", done.stdout)
        self.assertEqual(facts(target), before)

    def test_8_import_asks_once_for_the_package(self):
        write(HOME + "/lib/example/__init__.py", "from . import sub\n")
        write(HOME + "/lib/example/sub.py", "value = 42\n")
        code = "import sys; sys.dont_write_bytecode = True; sys.path.append('../lib')\n" \
               "import example; print(example.sub.value)"
        done = self.python(code)
        self.assertIn("ModuleNotFoundError", done.stderr)
        self.tool("reset", "--all")
        os.unlink(PLACE + "/questions.jsonl")
        self.answers({"path": HOME + "/lib"})
        done = self.python(code)
        self.assertEqual(done.stdout, "42\n", done.stderr)
        about = [q for q in self.asked() if q[1].startswith(HOME + "/lib")]
        self.assertEqual(about, [("list", HOME + "/lib", "read")])

    def test_9_consents_are_listed_and_reset(self):
        self.answers({"path": HOME + "/data/test.txt"})
        self.python("open('../data/test.txt').read()")
        rules = json.loads(self.tool("consents", "--json").stdout)
        self.assertEqual({(r["path"], r["access"], r["decision"]) for r in rules},
                         {(HOME + "/data/test.txt", "read", "allow"), (HOME + "/work", "read", "deny")})
        self.assertIn(HOME + "/data/test.txt", self.tool("consents").stdout)
        self.tool("reset", "-p", rules[0]["package"])
        self.assertEqual(json.loads(self.tool("consents", "--json").stdout), [])
        asked = len(self.asked())
        self.python("open('../data/test.txt').read()")
        self.assertGreater(len(self.asked()), asked, "asks again after a reset")

    def test_10_server_mode_denies_without_a_question(self):
        before = facts(HOME + "/data/test.txt")
        done = self.python(TRY + "attempt(lambda: os.listdir('.'))\n"
                                 "attempt(lambda: open('../data/test.txt').read())\n"
                                 f"attempt(lambda: open('{HOME}/data/test.txt', 'w'))\n"
                                 "print('started')", prompt="never")
        self.assertEqual(done.stdout, "PermissionError 13\n" * 3 + "started\n", done.stderr)
        self.assertEqual(self.asked(), [])
        self.assertEqual(facts(HOME + "/data/test.txt"), before)

    def test_11_grants_and_the_profile(self):
        target = HOME + "/data/test.txt"
        family = self.family("python3", "-c", "")
        code = TRY + f"attempt(lambda: open({target!r}).read())"
        self.assertIn("PermissionError", self.python(code, prompt="never").stdout)
        self.tool("grant", "-p", family, "--read", HOME + "/data")
        self.assertIn("ok hello", self.python(code, prompt="never").stdout)
        self.assertIn("ok hello", self.python(code).stdout)
        self.tool("revoke", "-p", family, HOME + "/data")
        self.tool("grant", "--all-packages", "--write", target)
        done = self.python(f"open({target!r}, 'a').write('more')", prompt="never")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(read(target), "hello\nmore")
        done = self.python("import os; open(os.path.expanduser('~/kept'), 'w').write('1')")
        self.assertEqual(done.returncode, 0, done.stderr)
        kept = f"{HOME}/.local/share/appsilo/profiles/{family}/kept"
        self.assertEqual(read(kept), "1")

    def test_12_the_normal_python_is_untouched(self):
        import subprocess
        done = subprocess.run(["/usr/bin/python3", "-c", f"print(open('{HOME}/data/test.txt').read())"],
                              capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout, "hello\n\n")

    def test_python_command(self):
        import subprocess
        done = subprocess.run([APPSILO, "python", "--prompt", "never", "-c", "print(6*7)"],
                              capture_output=True, text=True, cwd=HOME, check=False)
        self.assertEqual(done.stdout, "42\n", done.stderr)


main()
