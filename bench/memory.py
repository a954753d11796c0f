#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Private memory of the broker at the start and after many opens served by FUSE.

usage: memory.py BUILD_DIR [OPENS]
"""
import os
import shutil
import subprocess
import sys
import tempfile

APP = """
import os, sys
path, rounds = sys.argv[1], int(sys.argv[2])
names = sorted(os.listdir(path))
def work(n):
    for i in range(n):
        fd = os.open(path + "/" + names[i % len(names)], os.O_RDONLY)
        os.read(fd, 100)
        os.close(fd)
work(100)
for n in (0, rounds // 2, rounds - rounds // 2):
    work(n)
    print("measure", flush=True)
    sys.stdin.readline()
"""


def private_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file
                   if line.startswith(("Private_Clean:", "Private_Dirty:")))


def main():
    if os.geteuid() != 0:
        print("left out: broker memory (the broker lets nobody but root look into it; run as root)")
        return
    build, opens = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1000000
    place = tempfile.mkdtemp(prefix="appsilo-bench-", dir="/srv")
    folder = place + "/home/data"
    os.makedirs(folder)
    for i in range(1000):
        with open(f"{folder}/f{i}", "w") as file:
            file.write("x" * 100)
    with open(place + "/app.py", "w") as file:
        file.write(APP)
    # A denied name in the folder keeps it on FUSE: nothing is attached.
    words = [os.path.abspath(build) + "/src/cli/appsilo", "run", "--prompt", "exec:true", "--allow-read", place,
             "--deny", folder + "/never", "--", "python3", place + "/app.py", folder, str(opens)]
    env = {**os.environ, "HOME": place + "/home", "XDG_DATA_HOME": place + "/data"}
    app = subprocess.Popen(words, cwd=place, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        print("| broker memory, private | MiB |\n|---|---|")
        for when in ("at the start", f"after {opens // 2:,} opens", f"after {opens:,} opens"):
            if app.stdout.readline() != b"measure\n":
                sys.exit("memory: the app ended early")
            print(f"| {when} | {private_kib(app.pid) / 1024:.2f} |", flush=True)
            app.stdin.write(b"\n")
            app.stdin.flush()
        app.wait()
    finally:
        app.kill()
        shutil.rmtree(place, ignore_errors=True)


main()
