#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files inside and outside: the same work natively, in a folder with a write consent, in one
with a read consent, through FUSE (a consent that cannot be attached), in server mode, and
through libfuse's own passthrough_ll with caching on, where that can be built and mounted.

usage: files.py BUILD_DIR [ROUNDS]. Rounds are interleaved; prints the median of each and
native / inside, so that 1.00 is native speed.
"""
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

FOLDERS, FILES = 200, 100  # 20,000 files

WORK = r"""
import compileall, json, os, subprocess, sys, time
root, mode = sys.argv[1:]
names = [f"{root}/d{i}/f{j}" for i in range(20) for j in range(100)]
out = {}
def timed(name, f, times=5):
    f()
    took = []
    for _ in range(times):
        start = time.perf_counter(); f(); took.append(time.perf_counter() - start)
    out[name] = sorted(took)[times // 2]
def read_all():
    for n in names:
        with open(n, "rb") as f: f.read()
def stat_all():
    for n in names: os.stat(n)
def open_all():
    for n in names: os.close(os.open(n, os.O_RDONLY))
def big():
    with open(root + "/big", "rb", buffering=0) as f:
        while f.read(1 << 20): pass
def walk():
    for _ in os.walk(root + "/d1"): pass
def status():
    subprocess.run(["git", "--no-optional-locks", "-C", root, "status", "--porcelain"], check=True,
                   stdout=subprocess.DEVNULL)
def write():
    with open(root + "/out", "wb", buffering=0) as f:
        for _ in range(64): f.write(b"x" * (1 << 20))
def create():
    for i in range(500): open(f"{root}/n{i}", "w").close()
    for i in range(500): os.unlink(f"{root}/n{i}")
def compile_all():
    compileall.compile_dir(root + "/python", force=True, quiet=1)
for name, f in (("open", open_all), ("stat", stat_all), ("small reads", read_all),
                ("sequential read", big), ("list a folder", walk)):
    timed(name, f)
if mode != "few":  # passthrough_ll keeps a descriptor for each file
    timed("git status, 20,000 files", status)
if mode == "write":
    timed("sequential write", write); timed("create and unlink", create); timed("compileall", compile_all, 3)
print(json.dumps(out))
"""


def make_tree(tree):
    for i in range(FOLDERS):
        os.makedirs(f"{tree}/d{i}")
        for j in range(FILES):
            with open(f"{tree}/d{i}/f{j}", "w") as file:
                file.write("x" * 1000)
    with open(tree + "/big", "wb") as file:
        file.write(b"x" * (64 << 20))
    with open(tree + "/.gitignore", "w") as file:
        file.write("big\nout\n")
    shutil.copytree(os.path.dirname(json.__file__), tree + "/python/json")
    shutil.copytree(os.path.dirname(os.__file__) + "/email", tree + "/python/email")
    git = ["git", "-C", tree, "-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    subprocess.run(git + ["init", "-q"], check=True)
    subprocess.run(git + ["add", "-A"], check=True)
    subprocess.run(git + ["commit", "-qm", "tree"], check=True)


def passthrough(place):
    """Mount libfuse's example over /; None where that does not work."""
    example = "/usr/share/doc/libfuse3-dev/examples"
    binary, mount = place + "/passthrough_ll", place + "/mnt"
    os.makedirs(mount)
    if not os.path.exists(example + "/passthrough_ll.c") or not shutil.which("fusermount3"):
        return None
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "fuse3"], capture_output=True, text=True, check=False)
    done = subprocess.run(["cc", "-O2", "-w", "-o", binary, example + "/passthrough_ll.c", "-I", example,
                           *flags.stdout.split()], capture_output=True, check=False)
    if done.returncode != 0:
        return None
    done = subprocess.run([binary, "-o", "source=/,cache=always,timeout=3600", mount], capture_output=True, check=False)
    return mount if done.returncode == 0 else None


def main():
    build, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    place = tempfile.mkdtemp(prefix=".appsilo-bench-", dir=os.path.expanduser("~"))
    appsilo = os.path.abspath(build + "/src/cli/appsilo")
    tree = place + "/tree"
    make_tree(tree)
    env = {"PATH": "/usr/bin:/bin", "HOME": place + "/home", "LANG": "C.UTF-8", "USER": "bench"}
    os.makedirs(place + "/home")
    run = [appsilo, "run", "--prompt", "exec:true"]
    # A narrower rule in each folder keeps it on FUSE.
    narrow = [word for i in range(20) for word in ("--allow-write", f"{tree}/d{i}/f0")]
    kinds = {
        "native": ([], "write", tree),
        "write consent": (run + ["--allow-write", tree, "--"], "write", tree),
        "read consent": (run + ["--allow-read", tree, "--"], "read", tree),
        "server mode": ([appsilo, "run", "--prompt", "never", "--allow-write", tree, "--"], "write", tree),
        "on FUSE": (run + ["--allow-read", tree, *narrow, "--"], "read", tree),
    }
    mount = passthrough(place)
    if mount:
        kinds["passthrough_ll"] = ([], "few", mount + tree)
    else:
        print("left out: passthrough_ll (needs libfuse3-dev's examples and fusermount3)")
    times = {}
    try:
        for _ in range(rounds):
            for name, (prefix, mode, root) in kinds.items():
                done = subprocess.run(prefix + ["/usr/bin/python3", "-c", WORK, root, mode], env=env, cwd=tree,
                                      capture_output=True, text=True, check=False)
                if done.returncode != 0:
                    sys.exit(f"{name}: {done.stderr}")
                for what, took in json.loads(done.stdout).items():
                    times.setdefault((what, name), []).append(took)
    finally:
        if mount:
            subprocess.run(["fusermount3", "-u", mount], check=False)
        shutil.rmtree(place, ignore_errors=True)
    print(f"{time.strftime('%Y-%m-%d')}, Linux {platform.release()}, uid {os.getuid()}, {rounds} rounds; ms, and "
          "native / inside (1.00 is native speed)")
    print(f"{'':26}" + "".join(f"{k:>20}" for k in kinds))
    for what in dict.fromkeys(w for w, _ in times):
        native = statistics.median(times[what, "native"])
        row = f"{what:26}"
        for name in kinds:
            if (what, name) in times:
                median = statistics.median(times[what, name])
                row += f"{median * 1000:12.2f} ({native / median:4.2f}) "
            else:
                row += " " * 20
        print(row)


main()
