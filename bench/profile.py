#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What profiling costs: compiling a copy of the standard library to bytecode, in a run that is
recorded and let through, and in one with the consent that its profile finds. Both in one loop.

usage: profile.py BUILD_DIR [ROUNDS]. Prints the least of each, which other load changes least,
and their ratio; ends with 1 above LIMIT.
"""
import compileall
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time

LIMIT = 1.05


def timed(words, tree, env, result=None):
    for folder, names, _ in os.walk(tree):
        if "__pycache__" in names:
            shutil.rmtree(folder + "/__pycache__")
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, env=env, cwd="/", check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    ours = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    inside = json.load(open(result, encoding="utf-8"))["cpu_ms"] / 1000 if result else 0
    return time.perf_counter() - start, ours + inside


def main():
    build, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    place = tempfile.mkdtemp(prefix=".appsilo-bench-", dir=os.path.expanduser("~"))
    appsilo = os.path.abspath(build + "/src/cli/appsilo")
    tree = place + "/lib"
    env = {"PATH": "/usr/bin:/bin", "HOME": place + "/home", "LANG": "C.UTF-8", "USER": "bench"}
    os.makedirs(place + "/home")
    shutil.copytree(os.path.dirname(compileall.__file__), tree, ignore=shutil.ignore_patterns("__pycache__", "*.so", "test", "tests", "*-packages"))
    work = ["python3", "-m", "compileall", "-q", "-j1", tree]
    result = place + "/result.json"
    told = ["--result", result]
    took = {"consent": [], "profile": [], "outside": []}
    try:
        for _ in range(rounds):
            took["consent"].append(timed([appsilo, "run", *told, "--prompt", "exec:true", "--allow-write", tree, "--", *work],
                                         tree, env, result))
            took["profile"].append(timed([appsilo, "profile", "start", "--allow", *told, "--", *work], tree, env, result))
            took["outside"].append(timed(work, tree, env))
        report = subprocess.run([appsilo, "profile", "report", "--json"], env=env, check=True, capture_output=True)
        needs = [(n["access"], n["path"]) for n in json.loads(report.stdout)["needs"]]
    finally:
        shutil.rmtree(place)
    times = {name: min(value for value, _ in values) for name, values in took.items()}
    cpu = {name: min(value for _, value in values) for name, values in took.items()}
    ratio = times["profile"] / times["consent"]
    print(f"compileall of {platform.python_version()}'s library, {rounds} rounds: outside {times['outside']:.2f} s, with a consent "
          f"{times['consent']:.2f} s, profiled {times['profile']:.2f} s: {ratio:.3f}; processor time {cpu['profile'] / cpu['consent']:.3f}")
    assert needs == [("write", tree)], needs
    return 0 if ratio <= LIMIT else 1


sys.exit(main())
