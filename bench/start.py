#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cold start side by side: what each sandbox adds to a plain program start.

usage: start.py BUILD_DIR [ROUNDS]. All commands run in one go, shuffled each round.
"""
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

BWRAP = ["bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/usr", "/usr", "--symlink",
         "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--symlink", "usr/bin", "/bin",
         "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]


def version(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip().splitlines()[0]


def main():
    build, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100
    place = tempfile.mkdtemp(prefix=".appsilo-bench-", dir=os.path.expanduser("~"))
    appsilo = os.path.abspath(build + "/src/cli/appsilo")
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": place, "LANG": "C.UTF-8", "USER": "bench"}
    sandboxes = {
        "plain": [],
        "unshare": ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--net", "--ipc", "--uts"],
        "bubblewrap": BWRAP,
        "firejail": ["firejail", "--quiet", "--noprofile", "--net=none"],
        "appsilo, no prompts": [appsilo, "run", "--prompt", "never", "--"],
        "appsilo, broker": [appsilo, "run", "--prompt", "exec:true", "--allow-read", place, "--"],
    }
    apps = {"true": ["/usr/bin/true"], "python3": ["/usr/bin/python3", "-I", "-c", "pass"]}
    null = open("/dev/null", "r+b")

    def run(command):
        start = time.perf_counter()
        code = subprocess.call(command, stdin=null, stdout=null, stderr=null, env=env, cwd=place)
        return (time.perf_counter() - start) * 1000, code

    usable = {}
    for name, prefix in sandboxes.items():
        if (not prefix or shutil.which(prefix[0])) and run(prefix + apps["true"])[1] == 0:
            usable[name] = prefix
        else:
            print(f"left out: {name} (missing, or does not run here)")
    times = {(n, a): [] for n in usable for a in apps}
    for _ in range(rounds):
        order = list(times)
        random.shuffle(order)
        for name, app in order:
            took, code = run(usable[name] + apps[app])
            assert code == 0, (name, app, code)
            times[name, app].append(took)
    shutil.rmtree(place, ignore_errors=True)

    print(f"{time.strftime('%Y-%m-%d')}, Linux {platform.release()}, {os.cpu_count()} processors, uid "
          f"{os.getuid()}, {rounds} rounds, shuffled; ms")
    for command in (["bwrap", "--version"], ["firejail", "--version"], ["unshare", "--version"], ["python3", "--version"]):
        if shutil.which(command[0]):
            print("  " + version(*command))
    for app in apps:
        plain = statistics.median(times["plain", app])
        base = statistics.median(times["bubblewrap", app]) - plain if "bubblewrap" in usable else None
        print(f"\n{app:22} {'median':>8} {'p10':>8} {'p90':>8} {'adds':>8} {'x plain':>8} {'x bwrap':>8}")
        for name in usable:
            t = sorted(times[name, app])
            median = statistics.median(t)
            ratio = f"{(median - plain) / base:8.2f}" if base and name != "plain" else " " * 8
            print(f"{name:22} {median:8.2f} {t[len(t) // 10]:8.2f} {t[len(t) * 9 // 10]:8.2f} "
                  f"{median - plain:8.2f} {median / plain:8.2f} {ratio}")


main()
