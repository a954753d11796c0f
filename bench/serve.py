#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs of `appsilo serve` side by side with plain starts of the interpreter and of other sandboxes.

usage: serve.py BUILD_DIR [ROUNDS [SECONDS]]     APPSILO_NSJAIL, APPSILO_ISOLATE: these programs, if there are
       serve.py BUILD_DIR waiting N              what N waiting sandboxes take
       serve.py BUILD_DIR soak N                 what the server holds after N runs, and on the way there

The load comes from one small process (serve_load.c), which is given no more of the processors than it needs; what
it takes of them counts against the server.
"""
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
import urllib.request

PYTHON, CODE, CLIENTS = "/usr/bin/python3", "print(sum(range(100)))", 8
BWRAP = ["bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib",
         "--symlink", "usr/lib64", "/lib64", "--symlink", "usr/bin", "/bin", "--proc", "/proc", "--dev", "/dev",
         "--tmpfs", "/tmp"]
NSJAIL = ["-Mo", "--quiet", "--chroot", "/", "--user", "65534", "--group", "65534"]
ISOLATE = ["--run", "--processes=10", "--dir=/etc:noexec"]


class Server:
    def __init__(self, build, *options):
        self.process = subprocess.Popen([os.path.abspath(build + "/src/cli/appsilo"), "serve", "--listen", "127.0.0.1:0", "--quiet", *options],
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            return float(re.search(rf"^appsilo_{name} (\S+)$", answer.read().decode(), re.M)[1])

    def run(self, code):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/v1/run", json.dumps({"code": code}).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def wait_ready(self, n):
        while self.metric("sandboxes_waiting") < n:
            time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def load(build, *words):
    done = subprocess.run([build + "/bench/bench-serve-load", *map(str, words)], stdout=subprocess.PIPE, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


def others():
    """Other sandboxes, as far as they are here and run."""
    python = [PYTHON, "-I", "-c", CODE]
    ways = {"python3": [PYTHON, "-I", "-c", "pass"], "bubblewrap": [*BWRAP, *python]}
    if os.environ.get("APPSILO_NSJAIL"):
        ways["nsjail"] = [os.environ["APPSILO_NSJAIL"], *NSJAIL, "--", *python]
    if os.environ.get("APPSILO_ISOLATE"):
        ways["isolate"] = [os.environ["APPSILO_ISOLATE"], *ISOLATE, "--", *python]
    for name, command in list(ways.items()):
        try:
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        except (OSError, subprocess.CalledProcessError):
            print(f"left out: {name} (missing, or does not run here)")
            del ways[name]
    return ways


def compare(build, rounds, seconds):
    print(f"{platform.release()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    server, ways = Server(build), others()
    server.wait_ready(2)
    warm, warm_99, plain, plain_99 = load(build, "latency", server.port, rounds, *ways["python3"])
    print(f"one client      median {warm:7.0f} us   p99 {warm_99:7.0f} us   of python3's start: {warm / plain:.3f}, {warm_99 / plain_99:.3f}")
    print(f"python3 start   median {plain:7.0f} us   p99 {plain_99:7.0f} us")
    rates = {name: [] for name in ("appsilo", *ways)}
    for _ in range(5):
        rates["appsilo"].append(load(build, "runs", server.port, CLIENTS, seconds)[0])
        for name, command in ways.items():
            rates[name].append(load(build, "starts", os.cpu_count(), seconds, *command)[0])
    mine = statistics.median(rates["appsilo"])
    print(f"{CLIENTS} clients{'':7}{mine:8.0f} runs a second")
    for name in ways:
        other = statistics.median(rates[name])
        print(f"{name:16}{other:8.0f} a second{'':8}{mine / other:5.1f} times as many")
    print(f"warm: {server.metric('runs_warm_total'):.0f} of {server.metric('run_seconds_count'):.0f} runs")
    server.stop()


def pss(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return int(re.search(r"^Pss:\s+(\d+)", file.read(), re.M)[1])


def children(pid):
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as file:
            found += [int(word) for word in file.read().split()]
    return found


def descendants(pid):
    return [one for child in children(pid) for one in (child, *descendants(child))]


def memories(pid):
    """Processes below @pid, but of a sandbox's two, which share their memory, only one: not who has nobody below."""
    return [one for one in (pid, *descendants(pid)) if children(one)]


def available():
    with open("/proc/meminfo") as file:
        return int(re.search(r"MemAvailable:\s+(\d+)", file.read())[1])


def waiting(build, n):
    before = available()
    server = Server(build, "--pool", f"{n}-{n}")
    server.wait_ready(n)
    took = (before - available()) / 1024
    each = sum(map(pss, memories(server.process.pid))) / n / 1024
    print(f"{n} wait: {each:.2f} MiB each (PSS, with server and zygote), {took:.0f} MiB less are available")
    print("and run:", server.run(CODE)["stdout"].strip())
    server.stop()


def held(pid):
    """Without what is under way: nothing runs, and the pool is full."""
    below, groups = descendants(pid), set()
    for one in below:
        with open(f"/proc/{one}/cgroup") as file:
            groups |= {f"/sys/fs/cgroup/{name.split(',')[0]}{os.path.dirname(path)}"
                       for _, name, path in (line.strip().split(":", 2) for line in file) if "appsilo-" in path}
    with open(f"/proc/{pid}/status") as status, open(f"/proc/{pid}/mountinfo") as mounts:
        return {"KiB": int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]), "mounts": sum(1 for _ in mounts),
                "descriptors": len(os.listdir(f"/proc/{pid}/fd")), "threads": len(os.listdir(f"/proc/{pid}/task")),
                "processes": len(below), "groups": sum(os.path.isdir(f"{g}/{name}") for g in groups for name in os.listdir(g))}


def soak(build, n):
    server = Server(build, "--pool", "4-4")
    start, runs = available(), 0
    while True:
        server.wait_ready(4)
        time.sleep(0.5)  # the groups of the last ones
        print(f"{runs:8.0f} runs", *(f"{value} {name}," for name, value in held(server.process.pid).items()),
              f"{(start - available()) / 1024:.0f} MiB less are available", flush=True)
        if runs >= n:
            break
        load(build, "runs", server.port, CLIENTS, 60)
        runs = server.metric("run_seconds_count")
    server.stop()


def main():
    build = sys.argv[1]
    if len(sys.argv) == 4 and sys.argv[2] in ("waiting", "soak"):
        {"waiting": waiting, "soak": soak}[sys.argv[2]](build, int(sys.argv[3]))
    else:
        compare(build, int(sys.argv[2]) if len(sys.argv) > 2 else 300, float(sys.argv[3]) if len(sys.argv) > 3 else 2)


if __name__ == "__main__":
    main()
