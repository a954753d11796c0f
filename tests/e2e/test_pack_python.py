# SPDX-License-Identifier: Apache-2.0
"""pack-python and pack-command: what they pack runs, on its own libraries, and is the same twice."""
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, PLACE, Case, main, read, write  # noqa: E402
from packaged import install_tree  # noqa: E402
from serving import Server  # noqa: E402

DATA = HOME + "/.local/share/appsilo"
APART = PLACE + "/data"  # installed once for all tests
LIBRARIES = "/usr/lib/appsilo-package/"
VERSION = "%d.%d.%d" % sys.version_info[:3]
NAME = "python%d.%d" % sys.version_info[:2]
STAGE = PLACE + "/python-stage"
MODULES = ("ssl sqlite3 ctypes readline curses zoneinfo json decimal lzma bz2 asyncio hashlib "
           "uuid multiprocessing dbm xml.etree.ElementTree unicodedata zlib ensurepip").split()


def pack(*words):
    return subprocess.run([APPSILO, *words], capture_output=True, text=True, timeout=280,
                          cwd=HOME, check=False)


def make_wheel(name, entries):
    path = f"{PLACE}/{name}"
    with zipfile.ZipFile(path, "w") as wheel:
        for entry, text in entries.items():
            wheel.writestr(entry, text)
    return path


def digest(folder):
    """Names, kinds, modes and contents of a tree."""
    total = hashlib.sha256()
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(set(folders) - {".appsilo"})
        for name in sorted(files + folders):
            path = place + "/" + name
            mode = os.lstat(path).st_mode
            total.update(f"{os.path.relpath(path, folder)} {mode:o}\0".encode())
            if os.path.islink(path):
                total.update(os.readlink(path).encode())
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    total.update(hashlib.sha256(file.read()).digest())
    return total.hexdigest()


class PackedPython(Case):
    @classmethod
    def setUpClass(cls):
        wheel = make_wheel("brought-1.0-py3-none-any.whl", {
            "brought/__init__.py": "answer = 42\n", "brought-1.0.dist-info/METADATA": "Name: brought\n",
            "brought-1.0.data/scripts/brought": "#!python\n"})
        write(PLACE + "/own/mine/__init__.py", "word = 'mine'\n")
        cls.words = ("pack-python", "--from", "/usr", "--wheel", wheel,
                     "--module", PLACE + "/own/mine")
        done = pack(*cls.words, "--stage", STAGE)
        assert done.returncode == 0, done.stderr
        cls.said = done.stdout
        cls.name = install_tree(STAGE, APART + "/appsilo", move=True)
        cls.place = glob.glob(APART + "/appsilo/packages/*")[0]

    def packed(self, *words, prompt="never", **more):
        return self.run_app(NAME, *words, prompt=prompt, options=("-p", self.name),
                            env={"XDG_DATA_HOME": APART}, **more)

    def python_says(self, code):
        done = self.packed("-c", code)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def test_identity_comes_from_the_interpreter(self):
        self.assertIn(f"Python.{sys.version_info[0]}.{sys.version_info[1]}_{VERSION}.0_", self.said)
        manifest = read(self.place + "/AppxManifest.xml")
        self.assertIn(f'Alias="{NAME}.exe"', manifest)
        self.assertIn("<uap:FileType>.py</uap:FileType>", manifest)
        self.assertIn('"isolatedWin32-promptForAccess"', manifest)

    def test_every_module_runs_on_packaged_libraries(self):
        maps = self.python_says(f"import {', '.join(MODULES)}\n"
                                "print({l.split()[-1] for l in open('/proc/self/maps') if '.so' in l})")
        for path in eval(maps):  # pylint: disable=eval-used
            self.assertTrue(path.startswith((LIBRARIES, f"/usr/lib/{NAME}/lib-dynload/")), path)

    def test_data_of_modules_is_there(self):
        self.assertEqual(self.python_says(
            "import zoneinfo, ssl, curses\n"
            "zoneinfo.ZoneInfo('Europe/Berlin')\n"
            "assert ssl.create_default_context().cert_store_stats()['x509_ca'] > 50\n"
            "curses.setupterm('xterm')\n"
            "print('good')"), "good")

    def test_the_interpreter_starts_itself_and_the_systems_programs(self):
        self.assertEqual(self.python_says(
            "import subprocess, sys, os\n"
            "print(subprocess.check_output([sys.executable, '-c', 'print(6*7)'], text=True).strip(),\n"
            "      os.readlink('/proc/self/exe'))"), f"42 /usr/bin/{NAME}")
        # What is not of the package keeps the system's libraries.
        maps = self.python_says("import subprocess\nprint(subprocess.check_output("
                                "['cat', '/proc/self/maps'], text=True))")
        self.assertIn("libc.so.6", maps)
        self.assertNotIn(LIBRARIES, maps)
        self.assertNotIn("LD_LIBRARY_PATH", self.python_says("import os; print(os.environ)"))

    def test_added_modules_are_found_and_compiled(self):
        self.assertEqual(self.python_says(
            "import brought, mine\nprint(brought.answer, mine.word, bool(brought.__cached__), "
            "__import__('os').path.exists(brought.__cached__))"), "42 mine True True")
        self.assertFalse(os.path.exists(self.place + "/VFS/usr/bin/brought"))

    def test_a_virtual_environment_in_the_profile(self):
        self.assertIn("pip 2", self.python_says(
            "import venv, os, subprocess\n"
            "place = os.environ['HOME'] + '/v'\n"
            "venv.create(place, with_pip=True)\n"
            "print(subprocess.check_output([place + '/bin/python', '-m', 'pip', '--version'], text=True))"))

    def test_a_server_keeps_it_warm(self):
        """Its interpreter, modules and libraries; and what is preloaded is one of its modules."""
        server = Server("--workers", "1", "--preload", "json,brought", env={"XDG_DATA_HOME": APART})
        self.addCleanup(server.stop)
        code = ("import os, sys\nprint('brought' in sys.modules, sorted(sys.argv[1:]), input())\nimport mine, brought\nprint(mine.word, brought.answer, sys.version_info[:3])\n"
                "print(*{l.split()[-1] for l in open('/proc/self/maps') if 'libc.so' in l or 'ld-linux' in l})")

        def warm():
            before = server.metric("appsilo_runs_warm_total")
            done = server.run(code, package=self.name, argv=["b", "a"], stdin="in")
            self.assertEqual((done["exit_code"], done["stderr"]), (0, ""), done)
            return done["stdout"] if server.metric("appsilo_runs_warm_total") > before else None
        self.wait_until(warm, "no run is warm")
        first, second, third = warm().splitlines()
        self.assertEqual((first, second), ("True ['a', 'b'] in", f"mine 42 {sys.version_info[:3]}"))
        for path in third.split():
            self.assertTrue(path.startswith(LIBRARIES), path)

    def test_tests_and_caches_stay_out(self):
        for place, folders, files in os.walk(self.place + "/VFS/usr/lib/" + NAME):
            self.assertFalse({"test", "tests", "idle_test"} & set(folders), place)
            for name in files:
                self.assertFalse(name.endswith((".a", ".o", ".pyo")), name)
        # No time in a compiled module: unchecked-hash, PEP 552.
        with open(f"{self.place}/VFS/usr/lib/{NAME}/__pycache__/os.cpython-"
                  f"{sys.version_info[0]}{sys.version_info[1]}.pyc", "rb") as file:
            self.assertEqual(file.read(8)[4:], b"\1\0\0\0")

    def test_it_asks_like_any_other(self):
        script = write(HOME + "/work/script.py", "print('ran')\n")
        done = self.packed(script, prompt=self.prompter())
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn("ran", done.stdout)
        self.assertIn(("open", script, "read"), self.asked())
        self.tool("reset", "--all", env={"XDG_DATA_HOME": APART})
        self.answers({"path": HOME + "/work"})
        done = self.packed(script, prompt=self.prompter())
        self.assertEqual((done.stdout, done.returncode), ("ran\n", 0), done.stderr)

    def test_the_same_input_gives_the_same_bytes(self):
        if os.geteuid() != 0:
            self.skipTest("once is enough, and packing takes its time")
        again = PLACE + "/again"
        done = pack(*self.words, "--stage", again)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(digest(again), digest(self.place))
        shutil.rmtree(again)


class PackedCommand(Case):
    def test_a_program_with_its_libraries(self):
        stage = PLACE + "/sqlite"
        done = pack("pack-command", "sqlite3", "--stage", stage, "--version", "3.1.0.0")
        self.assertEqual(done.returncode, 0, done.stderr)
        family = install_tree(stage, DATA, move=True)
        done = self.run_app("sqlite3", ":memory:", "select 6 * 7", prompt="never",
                            options=("-p", family))
        self.assertEqual(done.stdout, "42\n", done.stderr)

    def test_a_package_is_written_in_one_step(self):
        file, temporary = PLACE + "/true.msix", PLACE + "/temporary"
        os.makedirs(temporary, exist_ok=True)
        done = subprocess.run([APPSILO, "pack-command", "true", "-o", file], cwd=HOME, check=False,
                              env={**os.environ, "TMPDIR": temporary}, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("true.msix: Command.true_1.0.0.0_", done.stdout)
        self.assertEqual(os.listdir(temporary), [])
        first = read(file, "rb")
        self.assertEqual(pack("pack-command", "true", "-o", file).returncode, 0)
        self.assertEqual(read(file, "rb"), first)
        self.assertEqual(pack("verify", file).returncode, 0)

    def test_from_program_to_alias(self):
        file, keys = PLACE + "/echo.msix", PLACE + "/keys"
        os.makedirs(keys, exist_ok=True)
        for words in (("pack-command", "echo", "-o", file), ("cert", "new", "-o", keys),
                      ("sign", "--key", keys + "/key.pem", "--cert", keys + "/certificate.pem", file),
                      ("trust", "add", keys + "/certificate.pem"), ("install", file)):
            done = pack(*words)
            self.assertEqual(done.returncode, 0, (words, done.stderr))
        done = subprocess.run([DATA + "/aliases/echo", "hello"], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, cwd="/usr", timeout=60, check=False)
        self.assertEqual((done.stdout, done.returncode), ("hello\n", 0), done.stderr)

    def test_a_script_with_its_interpreter(self):
        stage, script = PLACE + "/script", write(PLACE + "/greet", "#!/usr/bin/env -S bash -e\n"
                                                 "echo hello from $BASH\n")
        os.chmod(script, 0o755)
        done = pack("pack-command", script, "--stage", stage)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(os.path.exists(stage + "/VFS/usr/bin/bash"))
        family = install_tree(stage, DATA, move=True)
        done = self.run_app("greet", prompt="never", options=("-p", family))
        self.assertEqual(done.stdout, "hello from /usr/bin/bash\n", done.stderr)

    def test_what_cannot_be_packed_is_said(self):
        full = write(PLACE + "/full/x", "x")
        os.makedirs(PLACE + "/venv", exist_ok=True)
        write(PLACE + "/venv/pyvenv.cfg", "home = /usr/bin\n")
        write(PLACE + "/fake/bin/python3", "#!/bin/sh\necho nonsense\n")
        os.chmod(PLACE + "/fake/bin/python3", 0o755)
        write(PLACE + "/noexec", "text")
        hostile = make_wheel("a-1-py3-none-any.whl", {"../../../escape": "x"})
        for words, expected, code in (
                (("pack-python",), "which Python?", 2),
                (("pack-python", "--from", "/usr"), "where to?", 2),
                (("pack-python", "--from", "/etc"), "no Python is there", 1),
                (("pack-python", "--from", PLACE + "/nowhere"), "No such file", 1),
                (("pack-python", "--from", PLACE + "/venv"), "virtual environment", 1),
                (("pack-python", "--from", PLACE + "/fake"), "does not answer as a Python 3", 1),
                (("pack-python", "--from", "/usr", "--capability", "fly"), "--capability fly", 2),
                (("pack-python", "--from", "/usr", "--wheel", "x-1-cp27-cp27-any.whl"),
                 "another version of Python", 1),
                (("pack-python", "--from", "/usr", "--wheel", hostile), "leads out of the wheel", 1),
                (("pack-python", "--from", "/usr", "--module", PLACE + "/nowhere"), "--module", 1),
                (("pack-command", "no-such-program"), "no such program", 1),
                (("pack-command", PLACE + "/noexec"), "not a program", 1),
                (("pack-command", "true", "--add", "/etc/passwd"), "covers only /usr", 1),
                (("pack-command", "true", "--version", "1"), "four numbers", 1),
                (("pack-command", "true", "--name", "a b"), "--name", 1),
                (("pack-command", "true", "--publisher", "Me"), "--publisher", 1),
                (("pack-command", "true", "-o", PLACE + "/no/such/folder/x"), "/no/such/folder", 1)):
            stage = () if expected == "where to?" else ("--stage", PLACE + "/bad")
            done = pack(*words, *stage)
            self.assertEqual(done.returncode, code, (words, done.stderr))
            self.assertIn(expected, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertFalse(os.path.exists(PLACE + "/bad"), words)
        self.assertFalse(os.path.exists(PLACE + "/escape"))
        done = pack("pack-command", "true", "--stage", os.path.dirname(full))
        self.assertIn("not empty", done.stderr)
        self.assertEqual(read(full), "x")


if __name__ == "__main__":
    main()
