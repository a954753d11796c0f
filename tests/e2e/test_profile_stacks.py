# SPDX-License-Identifier: Apache-2.0
"""Call stacks in profiles: who asked, read from programs that may lie about it."""
import csv
import glob
import json
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import APPSILO, HOME, Case, main, named, read, write  # noqa: E402

WORK, DATA = HOME + "/work", HOME + "/data"
READER = os.path.join(os.path.dirname(os.path.realpath(APPSILO)), "appsilo-stacks")
# The one whose structures are known.
PYTHON = "/usr/bin/python3.11"

ORDINARY = """
import ctypes, os, subprocess, threading

def inner(name):
    open("../data/" + name).close()

class Worker:
    def run(self):
        inner("method")

def generate():
    yield inner("generator")

Worker().run()
list(generate())
thread = threading.Thread(target=lambda: inner("thread"))
thread.start()
thread.join()
ctypes.CDLL(None).open(b"../data/native", 0)
subprocess.run(["cat", "../data/program"], check=True)
if os.fork() == 0:
    inner("fork")
    os._exit(0)
os.wait()
"""

# Each lie is told in a process of its own, which does not live on with it.
HOSTILE = """
import ctypes, os, random, sys

def word(address):
    return ctypes.c_uint64.from_address(address)

def attempt(name):
    try:
        os.open("../data/" + name, os.O_RDONLY)
    except OSError:
        pass
    os._exit(0)

def state():
    api = ctypes.pythonapi.PyThreadState_Get
    api.restype = ctypes.c_void_p
    return api()

def frame():
    # of the caller
    return word(word(word(state() + 56).value + 8).value + 48).value

def lie_loop():
    at = frame()
    word(at + 48).value = at
    attempt("loop")

def lie_wild():
    word(frame() + 48).value = 0xdeadbeefdeadbeef
    attempt("wild")

def lie_kernel():
    word(state() + 56).value = 0xffffffffffffff00
    attempt("kernel")

def lie_threads():
    at = state()
    word(at + 160).value = 1 << 40
    word(at + 8).value = at
    attempt("threads")

def lie_length():
    code = word(frame() + 32).value
    word(word(code + 128).value + 16).value = 1 << 62
    attempt("length")

def lie_lines():
    code = word(frame() + 32).value
    word(word(code + 136).value + 16).value = 65000
    attempt("lines")

def lie_elf(seed):
    start, rest = [(int(l.split("-")[0], 16), l) for l in open("/proc/self/maps") if "python3.11" in l][0]
    lie = random.Random(seed)
    libc = ctypes.CDLL(None)
    libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    length = 0x1e000
    if libc.mprotect(start, length, 3):
        os._exit(9)
    where = lie.choice([(0, 64), (64, 800), (0x400, length)])
    for _ in range(lie.choice([1, 8, 400])):
        ctypes.c_ubyte.from_address(start + lie.randrange(*where)).value = lie.randrange(256)
    attempt(f"elf{seed}")

lies = [lie_loop, lie_wild, lie_kernel, lie_threads, lie_length, lie_lines]
lies += [lambda seed=seed: lie_elf(seed) for seed in range(int(sys.argv[1]))]
for lie in lies:
    pid = os.fork()
    if pid == 0:
        lie()
        os._exit(8)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""

ODD = """
code = compile("def f(n): return open('../data/' + n)", "a|b c\\x1b[31m\\n<b>,\\"\\u202e", "exec")
exec(code)
f.__code__ = f.__code__.replace(co_qualname="<script>alert(1)</script>\\n\\x1b]0;x\\x07")
try:
    f("odd")
finally:
    f.__code__ = f.__code__.replace(co_qualname="x" * 5000)
    f("long")
"""


@unittest.skipUnless(os.path.exists(READER) and os.path.exists(PYTHON), "built without elfutils, or no Python 3.11")
class Stacks(Case):
    def setUp(self):
        super().setUp()
        for path in (WORK, DATA, HOME + "/out"):
            shutil.rmtree(path, ignore_errors=True)
        for name in ("method", "generator", "thread", "native", "program", "fork", "odd", "long"):
            write(f"{DATA}/{name}", "")

    def profile(self, script, *words, options=("--allow", "--stacks")):
        write(WORK + "/script.py", script)
        done = subprocess.run([APPSILO, "profile", "start", *options, "--", PYTHON, "-B", "-I", "script.py", *words], cwd=WORK,
                              capture_output=True, text=True, errors="replace", timeout=120, stdin=subprocess.DEVNULL,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def stacks(self):
        """The stack of each file in DATA, frames innermost first."""
        [path] = glob.glob(HOME + "/.local/share/appsilo/profiling/*/*.csv")
        with open(path, newline="", encoding="utf-8") as file:
            return {os.path.basename(row["path"]): row["stack"].split("|") for row in csv.DictReader(file)
                    if row["path"].startswith(DATA + "/")}

    def python(self, frames):
        return [tuple(frame.split(" ")[1:]) for frame in frames if frame.startswith("python ")]

    def test_who_asked(self):
        self.profile(ORDINARY)
        stacks = self.stacks()
        # A script that is named on the command line is known by the name it was given.
        inner = ("inner", WORK + "/script.py", "5")
        self.assertEqual(self.python(stacks["method"]),
                         [inner, ("Worker.run", WORK + "/script.py", "9"), ("<module>", WORK + "/script.py", "14")])
        self.assertEqual(self.python(stacks["generator"]),
                         [inner, ("generate", WORK + "/script.py", "12"), ("<module>", WORK + "/script.py", "15")])
        self.assertEqual([f for f, *_ in self.python(stacks["thread"])],
                         ["inner", "<lambda>", "Thread.run", "Thread._bootstrap_inner", "Thread._bootstrap"])
        self.assertEqual(self.python(stacks["native"]), [("<module>", WORK + "/script.py", "19")])
        self.assertEqual(self.python(stacks["fork"]), [inner, ("<module>", WORK + "/script.py", "22")])
        self.assertTrue(any(" ffi_call " in frame for frame in stacks["native"]), stacks["native"])
        self.assertTrue(any(" _PyEval_EvalFrameDefault " in frame for frame in stacks["method"]), stacks["method"])
        # Another program, without Python.
        self.assertEqual(self.python(stacks["program"]), [])
        self.assertRegex(stacks["program"][0], r"^native \w*open\w* \S*/libc\.so\.6 \+\d+$")
        self.assertTrue(any("/cat +" in frame for frame in stacks["program"]), stacks["program"])

    def test_reports_say_it(self):
        self.profile(ORDINARY)
        report = json.loads(self.tool("profile", "report", "--json").stdout)
        frames = [need["stack"] for need in report["needs"] if need["path"].startswith(DATA)][0]
        self.assertIn({"kind": "python", "function": "inner", "file": WORK + "/script.py", "line": 5}, frames)
        self.assertTrue(any(frame["kind"] == "native" and "offset" in frame for frame in frames))
        self.assertIn(f"by inner ({WORK}/script.py:5)\n", self.tool("profile", "report").stdout)
        self.tool("profile", "report", "-o", HOME + "/out", "--html")
        self.assertIn(f"<summary>by inner ({WORK}/script.py:5)</summary>", read(HOME + "/out/report.html"))
        # What a report wrote is read again.
        merged = json.loads(self.tool("profile", "merge", "--json", HOME + "/out").stdout)
        self.assertEqual(merged["needs"], report["needs"])

    def test_names_are_escaped_and_never_cut(self):
        self.profile(ODD)
        stacks = self.stacks()
        self.assertEqual(self.python(stacks["odd"])[0],
                         (r"<script>alert(1)</script>\x0a\x1b]0;x\x07",
                          r'a\x7cb\x20c\x1b[31m\x0a<b>,"\xe2\x80\xae', "1"))
        # A name that is too long ends the Python part: "more", and nothing of it.
        self.assertEqual(stacks["long"][0], "more")
        self.assertNotIn("xxxx", "".join(stacks["long"]))
        text = self.tool("profile", "report").stdout
        self.assertNotIn("\x1b", text)
        self.tool("profile", "report", "-o", HOME + "/out", "--html")
        page = read(HOME + "/out/report.html")
        self.assertNotIn("<script", page)
        self.assertNotIn("<b>,", page)

    def test_lies_end_in_no_stack(self):
        n = int(os.environ.get("APPSILO_SOAK_STACKS", "24"))
        lies = ["loop", "wild", "kernel", "threads", "length", "lines", *(f"elf{i}" for i in range(n))]
        for lie in lies:
            write(f"{DATA}/{lie}", "")
        # Denied: of a folder that is let through as a whole, not every access is recorded.
        done = self.profile(HOSTILE, str(n), options=("--stacks", "--allow-read", WORK))
        stacks = self.stacks()
        codes = dict(zip(lies, done.stdout.split(), strict=True))
        # The others made themselves a program that its own loader refuses.
        told = {lie for lie, code in codes.items() if code == "0"}
        self.assertGreaterEqual(len(told), 6 + n // 2, codes)
        self.assertLessEqual(told, set(stacks))
        self.assertLessEqual(set(lies[:6]), told)
        self.assertEqual(len([f for f in stacks["loop"] if f.startswith("python ")]), 32)
        self.assertEqual(self.python(stacks["kernel"]), [])
        self.assertEqual(self.python(stacks["threads"]), [])
        self.assertEqual([f for f, *_ in self.python(stacks["length"])], ["attempt"])
        self.assertEqual([f for f, *_ in self.python(stacks["wild"])], ["attempt", "lie_wild"])
        self.tool("profile", "report")

    def reader_of(self, *options):
        """Start a program that waits; look at every process of the run."""
        write(WORK + "/script.py", "print('here', flush=True)\ninput()")
        words = [APPSILO, "profile", "start", *options, "--", PYTHON, "-I", "script.py"]
        with subprocess.Popen(words, cwd=WORK, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
            self.assertEqual(run.stdout.readline(), "here\n")
            found = {pid: read(f"/proc/{pid}/status") for pid in named(run.pid, "appsilo-stacks")}
            run.communicate("\n", timeout=30)
        return found

    def test_the_reader_has_no_rights_and_goes_with_the_run(self):
        readers = self.reader_of("--allow", "--stacks")
        self.assertEqual(len(readers), 2)
        (worker,) = (text for text in readers.values() if any(f"\nPPid:\t{pid}\n" in text for pid in readers))
        for line in ("CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"):
            self.assertIn(line, worker)
        self.wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in readers), "left behind")

    def test_none_without_the_option(self):
        self.assertEqual(self.reader_of("--allow"), {})
        shutil.rmtree(HOME + "/.local")
        self.profile(ORDINARY, options=("--allow",))
        self.assertEqual({tuple(stack) for stack in self.stacks().values()}, {("",)})


if __name__ == "__main__":
    main()
