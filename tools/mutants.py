#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Switch each defence off in a copy of the tree, and demand that its hostile test fails.

usage: mutants.py [--list] [--no-baseline] [--table FILE] [--results FILE] [NAME-PART...]

The table is tools/mutant_table.py. A mutant is caught when the build succeeds and the named
case fails by assertion; an error of the harness or a time-out does not count. First every
case runs on the unchanged copy, where it must pass. Needs what the tests need (root drops to
the test user). Ends with one line: N passed, N failed.

--results keeps each row's result in FILE, a line each; rows that are there are not run again,
so that a run can be interrupted, or shared out to several by name.
"""
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mutant_table import MUTANTS  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COPIED = ("src", "tests", "clients", "tools", "data", "docs", "bench", "fuzz", "meson.build", "meson_options.txt")
TARGETS = ("src/cli/appsilo", "src/cli/appsilo-broker", "src/cli/appsilo-tool", "src/cli/appsilo-net", "src/cli/appsilo-server", "src/cli/appsilo-ui",
           "src/cli/appsilo-tui",
           "src/cli/appsilo-stacks",
           "tests/host-without",
           "src/cli/appsilo-zygote-exec",
           "src/cli/appsilo-zygote-python.so")
PROGRAMS = [name[:-2] for name in sorted(os.listdir(ROOT + "/tests/hostile")) if name.endswith(".c")]
TEST_TIMEOUT_S = 420


class Broken(Exception):
    """The table does not fit the source, or the unchanged tree does not pass."""


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def put(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def mutate(tree, edits):
    """Apply edits. Returns the texts as they were, by file."""
    before, texts = {}, {}
    for name, old, new in edits:
        path = os.path.join(tree, name)
        before.setdefault(path, read(path))
        texts.setdefault(path, before[path])
        count = texts[path].count(old)
        if count != 1:
            raise Broken(f"{name}: the text is there {count} times: {old!r}")
        texts[path] = texts[path].replace(old, new)
    for path, text in texts.items():
        put(path, text)
    return before


def folder_of(file):
    return next(folder for folder in ("tests/hostile/", "tests/e2e/", "tests/ui/")
                if os.path.exists(os.path.join(ROOT, folder, file)))


def check_table(mutants):
    wrong = []
    for name, _, edits, test, _ in mutants:
        try:
            with tempfile.TemporaryDirectory() as place:
                for file in {edit[0] for edit in edits}:
                    os.makedirs(os.path.dirname(os.path.join(place, file)), exist_ok=True)
                    shutil.copy(os.path.join(ROOT, file), os.path.join(place, file))
                mutate(place, edits)
            file, case = test.split(":")
            if f"def {case}" not in read(os.path.join(ROOT, folder_of(file), file)):
                raise Broken(f"no case {case} in {file}")
        except (Broken, OSError) as error:
            wrong.append(f"{name}: {error}")
    if wrong:
        raise Broken("\n".join(wrong))


def build(tree):
    done = subprocess.run(["ninja", "-C", tree + "/build", *TARGETS], capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout[-2000:]


def run(tree, who, test):
    """Returns passed, failed (by assertion), error or timeout, and what was printed."""
    file, *cases = test.split(":")
    command = ["python3", tree + "/tests/as_user.py", who, tree + "/build", f"{tree}/{folder_of(file)}{file}", *cases]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                               start_new_session=True)
    try:
        out = process.communicate(timeout=TEST_TIMEOUT_S)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 15)
        process.communicate()
        return "timeout", ""
    if process.returncode == 0:
        return ("passed" if re.search(r"^Ran [1-9]", out, re.MULTILINE) else "error"), out
    return ("failed" if re.search(r"^FAIL: ", out, re.MULTILINE) else "error"), out


def baseline(tree, mutants):
    """Every named case on the unchanged tree, a file and a user at a time."""
    wanted = {}
    for _, _, _, test, who in mutants:
        file, case = test.split(":")
        wanted.setdefault((file, who), {})[case] = True
    for (file, who), cases in wanted.items():
        result, out = run(tree, who, ":".join([file, *cases]))
        print(f"unchanged, {file}, {who}: {result}", flush=True)
        if result != "passed":
            raise Broken(f"{file} does not pass on the unchanged tree:\n{out[-3000:]}")


def prepare(place):
    tree = place + "/tree"
    os.makedirs(tree)
    for name in COPIED:
        source = os.path.join(ROOT, name)
        if os.path.isdir(source):
            shutil.copytree(source, f"{tree}/{name}", ignore=shutil.ignore_patterns("__pycache__"), symlinks=True)
        else:
            shutil.copy(source, f"{tree}/{name}")
    subprocess.run(["meson", "setup", tree + "/build", tree, "-Doptimization=1", "-Dfuzz=none"],
                   check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", tree + "/build", *TARGETS, *("tests/hostile/" + name for name in PROGRAMS)],
                   check=True, stdout=subprocess.DEVNULL)
    return tree


def one(tree, mutant):
    """A row that took too long, or whose harness failed, gets a second chance: others may load the machine."""
    _, _, edits, test, who = mutant
    before = mutate(tree, edits)
    try:
        built, out = build(tree)
        result, out = run(tree, who, test) if built else ("not built", out)
        if result in ("timeout", "error"):
            result, out = run(tree, who, test)
    finally:
        for path, text in before.items():
            put(path, text)
    return result, out


def write_table(path, rows, summary):
    lines = ["# Mutants", "", f"`make mutants`, {datetime.date.today()}: {summary}.", "",
             "Each line is a defence that was switched off in a copy of the tree, and the test of `tests/hostile`, `tests/e2e` or `tests/ui` that failed because of it.",
             "", "| defence switched off | threats | where | test | result |", "|---|---|---|---|---|"]
    for (name, item, edits, test, who), result in rows:
        files = ", ".join(sorted({edit[0] for edit in edits}))
        lines.append(f"| {name} | {item} | {files} | {test.replace(':', ' ')} ({who}) | {'caught' if result == 'failed' else result} |")
    put(path, "\n".join(lines) + "\n")


def read_results(path):
    """Name and result of each row that was run before."""
    return dict(json.loads(line) for line in read(path).splitlines()) if path and os.path.exists(path) else {}


def reason_of(out):
    """What the assertion said: a mutant may be caught for another reason than the one that was meant."""
    said = re.search(r"^AssertionError: (.*)", out, re.MULTILINE)
    return "          " + (said.group(1)[:160] if said else "no reason given")


def run_rows(mutants, with_baseline, results_path):
    """Run each row, say what came of it, and keep it. Returns the results by name."""
    results = {}
    with tempfile.TemporaryDirectory(prefix="appsilo-mutants-") as place:
        tree = prepare(place)
        if with_baseline:
            baseline(tree, mutants)
        for mutant in mutants:
            start = time.monotonic()
            result, out = one(tree, mutant)
            results[mutant[0]] = result
            print(f"{'caught' if result == 'failed' else result.upper():9} {time.monotonic() - start:5.1f}s  {mutant[1]:8} {mutant[0]}",
                  flush=True)
            print(reason_of(out) if result == "failed" else out[-1500:], flush=True)
            if results_path:
                with open(results_path, "a", encoding="utf-8") as file:
                    file.write(json.dumps([mutant[0], result]) + "\n")
    return results


def take_value(words, option):
    if option not in words:
        return None
    value = words.pop(words.index(option) + 1)
    words.remove(option)
    return value


def main():
    words = sys.argv[1:]
    table, results_path = take_value(words, "--table"), take_value(words, "--results")
    parts = [w for w in words if not w.startswith("--")]
    mutants = [m for m in MUTANTS if not parts or any(p in m[0] for p in parts)]
    check_table(mutants)
    if "--list" in words:
        for name, item, _, test, who in mutants:
            print(f"{item:8} {name:50} {test} ({who})")
        return 0
    results = read_results(results_path)
    left = [m for m in mutants if m[0] not in results]
    if left:
        results |= run_rows(left, "--no-baseline" not in words, results_path)
    rows = [(m, results[m[0]]) for m in mutants]
    caught = sum(result == "failed" for _, result in rows)
    summary = f"{caught} passed, {len(rows) - caught} failed"
    if table:
        write_table(table, rows, summary)
    print(summary)
    return 0 if caught == len(rows) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Broken as broken:
        print(broken, file=sys.stderr)
        sys.exit(2)
