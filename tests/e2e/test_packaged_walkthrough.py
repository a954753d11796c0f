# SPDX-License-Identifier: Apache-2.0
"""The walkthrough of the design with a real packaged Python: pack, sign, trust, install, alias,
questions, grants, uninstall. One test, as each step needs the one before."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, PLACE, Case, facts, main, read, write  # noqa: E402
from screen import Terminal  # noqa: E402

DATA = HOME + "/.local/share/appsilo"
NAME = "python%d.%d" % sys.version_info[:2]
ALIAS = f"{DATA}/aliases/{NAME}"
FILE = PLACE + "/python.msix"
PUBLISHER = "CN=Contoso"
TRY = """
import os, sys
def attempt(f):
    try:
        print("ok", f())
    except Exception as e:
        print(type(e).__name__, getattr(e, "errno", None))
"""


class PackagedWalkthrough(Case):
    def packaged(self, *words, prompt=None):
        """The packaged interpreter with the scripted prompter of this test."""
        command = [APPSILO, "run", "--prompt", prompt or self.prompter(), "-p", self.family_name,
                   "--app", "Python", "--", *words]
        return subprocess.run(command, cwd=HOME + "/work", capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL, check=False)

    def run_code(self, code, **more):
        return self.packaged("-c", TRY + code, **more)

    def test_from_pack_python_to_uninstall(self):
        self.pack_and_install()
        self.alias_asks_for_the_current_directory()
        self.script_is_asked_for()
        self.no_network()
        self.denied_writes_change_nothing()
        self.native_calls_get_the_same_answer()
        self.imports_ask()
        self.consents_are_listed_and_reset()
        self.server_mode_and_grants()
        self.the_normal_python_is_untouched()
        self.uninstalled()

    def pack_and_install(self):
        self.tool("pack-python", "--from", "/usr", "-o", FILE, "--publisher", PUBLISHER, timeout=600)
        done = self.tool("install", FILE, check=False)
        self.assertIn("is not signed", done.stderr)
        os.makedirs(PLACE + "/key", exist_ok=True)
        self.tool("cert", "new", "--subject", PUBLISHER, "-o", PLACE + "/key")
        self.tool("sign", "--key", PLACE + "/key/key.pem", "--cert", PLACE + "/key/certificate.pem", FILE, timeout=120)
        done = self.tool("install", FILE, check=False, timeout=120)
        self.assertIn("appsilo trust add", done.stderr)
        self.assertFalse(os.path.exists(ALIAS))
        self.tool("trust", "add", PLACE + "/key/certificate.pem")
        said = self.tool("install", FILE, timeout=300).stdout
        self.assertIn(f'export PATH="{DATA}/aliases:$PATH"', said)
        (one,) = json.loads(self.tool("list", "--json").stdout)
        self.family_name = one["family"]
        self.assertEqual((one["aliases"], one["problem"]), ([NAME], None))

    def alias_asks_for_the_current_directory(self):
        """Item 3: Python starts either way; the answer is remembered."""
        t = Terminal(ALIAS, "-q", cwd=HOME + "/work")
        question = re.sub(r"\s+", "", t.question())
        self.assertIn(HOME + "/work", question)
        self.assertIn(ALIAS + "-q", question)
        self.assertNotIn("--alias", question)
        t.press("n")
        t.wait_for(">>> ")
        t.type("import os; os.listdir('.')\n")
        t.wait_for("PermissionError")
        t.wait_for(">>> ")
        t.type("import sys; sys.prefix, sys.executable\n")
        t.wait_for("/usr/bin/" + NAME)
        t.wait_for(">>> ")
        t.type("\x04")
        self.assertEqual(t.end()[1], 0)
        done = self.run_code("attempt(lambda: os.listdir('.')); print(os.getcwd())")
        self.assertEqual(done.stdout, f"PermissionError 13\n{HOME}/work\n", done.stderr)
        self.assertEqual(self.asked(), [], "remembered from the alias")

    def script_is_asked_for(self):
        script = write(HOME + "/work/script.py", "print('ran')\n")
        done = self.packaged("script.py")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("Permission denied", done.stderr)
        self.assertEqual(self.asked(), [("open", script, "read")])
        self.tool("revoke", "-p", self.family_name, script)
        self.answers({"path": script})
        done = self.packaged("script.py")
        self.assertEqual((done.stdout, done.returncode), ("ran\n", 0), done.stderr)
        self.answers()

    def no_network(self):
        done = self.run_code(
            "import ctypes, socket, subprocess, urllib.request\n"
            "attempt(lambda: urllib.request.urlopen('http://192.0.2.1/', timeout=3))\n"
            "attempt(lambda: socket.create_connection(('192.0.2.1', 80), 3))\n"
            "libc = ctypes.CDLL(None, use_errno=True)\n"
            "print(libc.socket(16, 3, 0))")
        words = [line.split()[0] for line in done.stdout.splitlines()]
        self.assertEqual((words[0], words[2]), ("URLError", "-1"), done.stderr)
        self.assertIn(words[1], ("OSError", "ConnectionRefusedError"))

    def denied_writes_change_nothing(self):
        target = HOME + "/data/test.txt"
        before = facts(target)
        done = self.run_code("attempt(lambda: open('../data/test.txt', 'w'))\n"
                             "attempt(lambda: open('../data/new.txt', 'w'))")
        self.assertEqual(done.stdout, "PermissionError 13\n" * 2, done.stderr)
        self.assertEqual(facts(target), before)
        self.assertFalse(os.path.exists(HOME + "/data/new.txt"))
        self.assertIn((target, "write"), [q[1:] for q in self.asked()])

    def native_calls_get_the_same_answer(self):
        target = HOME + "/data/test.txt"
        before = facts(target)
        done = self.run_code(
            "import ctypes, subprocess\n"
            "libc = ctypes.CDLL(None, use_errno=True)\n"
            f"path = {target!r}.encode()\n"
            "print(libc.open(path, os.O_RDWR), ctypes.get_errno())\n"
            "print(libc.syscall(257, -100, path, os.O_WRONLY | os.O_TRUNC), ctypes.get_errno())\n"
            f"print(os.system('cat {target} 2>/dev/null') != 0)\n"
            f"print(subprocess.run(['tee', {target!r}], input=b'x', capture_output=True).returncode != 0)\n")
        self.assertEqual(done.stdout.split("\n")[:4], ["-1 13", "-1 13", "True", "True"], done.stderr)
        self.assertEqual(facts(target), before)

    def imports_ask(self):
        write(HOME + "/lib/example.py", "value = 42\n")
        code = "sys.dont_write_bytecode = True; sys.path.append('../lib')\nimport example; print(example.value)"
        self.assertIn("ModuleNotFoundError", self.run_code(code).stderr)
        self.tool("revoke", "-p", self.family_name, HOME + "/lib")
        self.answers({"path": HOME + "/lib"})
        self.assertEqual(self.run_code(code).stdout, "42\n")

    def consents_are_listed_and_reset(self):
        rules = json.loads(self.tool("consents", "-p", self.family_name, "--json").stdout)
        self.assertIn((HOME + "/lib", "allow"), {(r["path"], r["decision"]) for r in rules})
        self.tool("reset", "-p", self.family_name)
        self.assertEqual(json.loads(self.tool("consents", "--json").stdout), [])

    def server_mode_and_grants(self):
        """Items 10 and 11: no questions; profile and grants are what can be reached."""
        target, asked = HOME + "/data/test.txt", len(self.asked())
        code = f"attempt(lambda: open({target!r}).read())"
        self.assertIn("PermissionError", self.run_code(code, prompt="never").stdout)
        self.tool("grant", "-p", self.family_name, "--read", HOME + "/data")
        self.assertIn("ok hello", self.run_code(code, prompt="never").stdout)
        done = self.run_code("open(os.path.expanduser('~/kept'), 'w').write('1')", prompt="never")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(read(f"{DATA}/profiles/{self.family_name}/kept"), "1")
        self.assertEqual(len(self.asked()), asked)
        done = self.tool("open", "--prompt", "never", self.family_name, write(HOME + "/docs/x.py", "print('opened')"),
                         timeout=120)
        self.assertEqual(done.stdout, "opened\n")

    def the_normal_python_is_untouched(self):
        done = subprocess.run(["/usr/bin/python3", "-c", f"print(open('{HOME}/data/test.txt').read())"],
                              capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout, "hello\n\n")

    def uninstalled(self):
        self.tool("uninstall", self.family_name, timeout=120)
        self.assertFalse(os.path.exists(ALIAS))
        self.assertEqual(os.listdir(DATA + "/packages"), [])
        self.assertEqual(os.listdir(DATA + "/profiles"), [])
        self.assertEqual(json.loads(self.tool("list", "--json").stdout), [])
        self.assertEqual(json.loads(self.tool("consents", "--json").stdout), [])


main()
