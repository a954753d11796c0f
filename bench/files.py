#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files inside and outside: the same work natively, in a folder with a write consent, in one
with a read consent, and through FUSE (a consent that cannot be attached).

usage: files.py BUILD_DIR [ROUNDS]. Prints the median time of each and native / inside.
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

WORK = r"""
import json, os, sys, time
root, writes = sys.argv[1], sys.argv[2] == "w"
names = [f"{root}/d{i}/f{j}" for i in range(20) for j in range(100)]
out = {}
def timed(name, f):
    f()
    best = []
    for _ in range(5):
        start = time.perf_counter(); f(); best.append(time.perf_counter() - start)
    out[name] = sorted(best)[2]
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
    for _ in os.walk(root): pass
def write():
    with open(root + "/out", "wb", buffering=0) as f:
        for _ in range(64): f.write(b"x" * (1 << 20))
def create():
    for i in range(500): open(f"{root}/n{i}", "w").close()
    for i in range(500): os.unlink(f"{root}/n{i}")
read_all()
for name, f in (("open", open_all), ("stat", stat_all), ("small reads", read_all), ("sequential read", big), ("walk", walk)):
    timed(name, f)
if writes:
    timed("sequential write", write); timed("create and unlink", create)
print(json.dumps(out))
"""


def main():
    build, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    place = tempfile.mkdtemp(prefix=".appsilo-bench-", dir=os.path.expanduser("~"))
    appsilo = os.path.abspath(build + "/src/cli/appsilo")
    tree = place + "/tree"
    for i in range(20):
        os.makedirs(f"{tree}/d{i}")
        for j in range(100):
            with open(f"{tree}/d{i}/f{j}", "w") as file:
                file.write("x" * 1000)
    with open(tree + "/big", "wb") as file:
        file.write(b"x" * (64 << 20))
    with open(tree + "/narrow", "w") as file:
        file.write("x")
    env = {"PATH": "/usr/bin:/bin", "HOME": place + "/home", "LANG": "C.UTF-8", "USER": "bench"}
    os.makedirs(place + "/home")
    run = [appsilo, "run", "--prompt", "exec:true", "--allow-read", place + "/home"]
    # A narrower write rule below keeps the tree on FUSE.
    kinds = {
        "native": ([], "w"),
        "write consent": (run + ["--allow-write", tree, "--"], "w"),
        "read consent": (run + ["--allow-read", tree, "--"], "r"),
        "on FUSE": (run + ["--allow-read", tree, "--allow-write", tree + "/narrow", "--"], "r"),
        "server mode": ([appsilo, "run", "--prompt", "never", "--allow-write", tree, "--"], "w"),
    }
    times = {}
    for _ in range(rounds):
        for name, (prefix, mode) in kinds.items():
            done = subprocess.run(prefix + ["/usr/bin/python3", "-c", WORK, tree, mode], env=env,
                                  cwd=place + "/home", capture_output=True, text=True, check=False)
            if done.returncode != 0:
                sys.exit(f"{name}: {done.stderr}")
            for what, took in json.loads(done.stdout).items():
                times.setdefault((what, name), []).append(took)
    shutil.rmtree(place, ignore_errors=True)
    print(f"{time.strftime('%Y-%m-%d')}, Linux {platform.release()}, uid {os.getuid()}, {rounds} rounds; ms, and "
          "native / inside (1.00 is native speed)")
    print(f"{'':20}" + "".join(f"{k:>22}" for k in kinds))
    for what in dict.fromkeys(w for w, _ in times):
        native = statistics.median(times[what, "native"])
        row = f"{what:20}"
        for name in kinds:
            if (what, name) in times:
                median = statistics.median(times[what, name])
                row += f"{median * 1000:14.2f} ({native / median:4.2f}) "
            else:
                row += " " * 22
        print(row)


main()
