#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The packaged Python on a system without Python: a debootstrap tree.

usage: run.py BUILD_DIR [--suite SUITE] [--tree DIR] [--from PREFIX] [MODULE...]

As root, by hand (make debootstrap-test): the tree is downloaded once, about 250 MB, into
/var/tmp. First the packaged Python does what a program needs of it, then it runs CPython's own
test modules. What passes with the system's Python outside has to pass there, but for the names in
exceptions.txt.
"""
import argparse
import fnmatch
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from packaged import install_tree  # noqa: E402

MODULES = """test_os test_posix test_pathlib test_shutil test_tempfile test_subprocess test_io
test_mmap test_fcntl test_import test_importlib test_sqlite3 test_threading test_asyncio test_pty
test_signal test_ssl test_hashlib test_ctypes test_curses test_readline test_zoneinfo test_lzma
test_bz2 test_decimal test_json test_venv test_multiprocessing_spawn""".split()
CHECK = """
import ssl, sqlite3, ctypes, readline, curses, zoneinfo, json, decimal, lzma, bz2, asyncio
import os, subprocess, sys, venv
assert not any("/usr/lib/x86_64-linux-gnu/lib" in line for line in open("/proc/self/maps")), "host libraries"
zoneinfo.ZoneInfo("Europe/Berlin")
assert ssl.create_default_context().cert_store_stats()["x509_ca"] > 50
curses.setupterm("xterm")
assert subprocess.check_output([sys.executable, "-c", "print(6 * 7)"]) == b"42\\n"
assert subprocess.check_output(["sh", "-c", "echo $((6 * 7))"]) == b"42\\n"
place = os.environ["HOME"] + "/venv"
venv.create(place, with_pip=True)
print(sys.version)
print(subprocess.check_output([place + "/bin/python", "-m", "pip", "--version"], text=True))
"""
PLAIN_UID = 1879048191
TIMEOUT_S = 1200


class Tree:
    def __init__(self, options):
        self.path = options.tree or "/var/tmp/appsilo-debootstrap-" + options.suite
        self.programs = os.path.realpath(options.build) + "/src/cli"
        if not os.path.isdir(self.path + "/usr/bin"):
            subprocess.run(["debootstrap", "--variant=minbase", options.suite, self.path], check=True)
        found = [name for name in os.listdir(self.path + "/usr/bin") if name.startswith("python")]
        assert not found, f"{self.path} has a Python: {found}"
        self.work = self.path + "/root/work"
        shutil.rmtree(self.work, ignore_errors=True)
        os.makedirs(self.work)

    def install(self, prefix):
        library = f"/usr/lib/python{sys.version_info[0]}.{sys.version_info[1]}"
        tests = ["test", "ctypes/test"]
        tests += ["lib-dynload/" + name for name in os.listdir(library + "/lib-dynload") if "_test" in name]
        stage = self.path + "/root/stage"
        for old in (stage, self.path + "/root/.local"):
            shutil.rmtree(old, ignore_errors=True)
        subprocess.run([self.programs + "/appsilo", "pack-python", "--from", prefix, "--stage", stage], check=True)
        # A package has no tests. Some of them want to lie where the standard library is.
        for name in tests:
            copy = shutil.copytree if os.path.isdir(f"{library}/{name}") else shutil.copy
            copy(f"{library}/{name}", f"{stage}/VFS{library}/{name}")
        self.family = install_tree(stage, self.path + "/root/.local/share/appsilo", move=True)

    def run(self, *words):
        command = [HERE + "/enter.sh", self.path, self.programs, "/appsilo/appsilo", "run", "--prompt",
                   "never", "-p", self.family, "--cwd", "/root/work", "--allow-write", "/root/work",
                   "--env", "TMPDIR=/root/work", "--", *words]
        return subprocess.run(command, env={"HOME": "/root", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8",
                                            "TERM": "xterm"},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def read_report(path):
    """{test name: passed}; a test that was skipped is not in it."""
    try:
        root = ET.parse(path).getroot()
    except (OSError, ET.ParseError):
        return {}
    os.unlink(path)
    results = {}
    for case in root.iter("testcase"):
        if case.find("skipped") is None:
            good = case.find("failure") is None and case.find("error") is None
            results[case.get("name")] = results.get(case.get("name"), True) and good
    return results


def test_words(report, folder, module):
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return ["/usr/bin/" + name, "-m", "test", "--junit-xml", report, "--tempdir", folder, "--timeout",
            str(TIMEOUT_S), module]


def outside(module):
    folder = "/var/tmp/appsilo-outside"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    os.chown(folder, PLAIN_UID, PLAIN_UID)
    subprocess.run(["setpriv", f"--reuid={PLAIN_UID}", f"--regid={PLAIN_UID}", "--clear-groups",
                    "--inh-caps=-all", "--bounding-set=-all", *test_words("report.xml", folder, module)],
                   cwd=folder, env={"HOME": folder, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8",
                                    "TMPDIR": folder, "TERM": "xterm"},
                   stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return read_report(folder + "/report.xml")


def inside(tree, module):
    done = tree.run(*test_words("/root/work/report.xml", "/root/work", module))
    return read_report(tree.work + "/report.xml"), done.stdout + done.stderr


def exceptions():
    """Those of any run inside, and those of such a tree."""
    lines = []
    for path in (HERE + "/exceptions.txt", os.path.dirname(HERE) + "/cpython/exceptions.txt"):
        with open(path, encoding="utf-8") as file:
            lines += file.readlines()
    return [line.split("  ")[0] for line in lines if line.strip() and line[0] != "#"]


def compare(tree, module, known):
    native, (mine, said) = outside(module), inside(tree, module)
    bad = [name for name, good in native.items() if good and not mine.get(name)
           and not any(fnmatch.fnmatchcase(name, e) for e in known)]
    if bad:
        # Some of these tests watch the clock.
        again = inside(tree, module)[0]
        bad = [name for name in bad if not again.get(name)]
    print(f"{module}: {sum(native.values())} pass outside, {sum(mine.values())} in the tree, "
          f"{len(bad)} unexplained", flush=True)
    for name in bad:
        print("   ", name, "fails" if name in mine else "was not run")
    if native and not mine:
        print(said[-3000:])
    return len(bad), sum(native.values())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--suite", default="bookworm")
    parser.add_argument("--tree")
    parser.add_argument("--from", dest="prefix", default="/usr")
    parser.add_argument("modules", nargs="*")
    options = parser.parse_intermixed_args()
    tree = Tree(options)
    tree.install(options.prefix)
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    done = tree.run(name, "-c", CHECK)
    print(done.stdout + done.stderr, flush=True)
    if done.returncode != 0:
        return 1
    known, bad, total = exceptions(), 0, 0
    for module in options.modules or MODULES:
        differ, passed = compare(tree, module, known)
        bad += differ
        total += passed
    print(f"{total} tests pass outside, {bad} of them do not in {tree.path}")
    return 1 if bad or total < 100 else 0


sys.exit(main())
