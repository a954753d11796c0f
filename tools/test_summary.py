#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Count the cases inside the test programs and print the closing line.

usage: test_summary.py LOG [LOG-OF-THE-SECOND-RUN]
       test_summary.py --again LOG     the suites to run a second time, alone: tools/test.sh
"""
import json
import os
import re
import sys

GOOD = ("OK", "EXPECTEDFAIL")
# More than these are no chance.
AGAIN_MAX = 2


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def name_of(test):
    return test["name"].split(" / ")[-1]


def cases(log):
    """Number of cases a program says it ran: unittest's or cmocka's own count, else one."""
    found = re.findall(r"^Ran (\d+) tests? in|Running (\d+) test\(s\)", log, re.MULTILINE)
    return sum(int(a or b) for a, b in found) or 1


def again(tests):
    """End-to-end suites alone: what a hostile program reached once, it reached."""
    bad = [test for test in tests if test["result"] not in (*GOOD, "SKIP")]
    if len(bad) <= AGAIN_MAX and all("e2e" in test["name"].split(" / ")[0] for test in bad):
        print(*map(name_of, bad))


def replace(tests, second):
    for test in second:
        if test["result"] in GOOD:
            print("failed beside others, passed alone:", name_of(test))
    fresh = {test["name"]: test for test in second}
    return [fresh.get(test["name"], test) for test in tests]


def summary(tests):
    passed = failed = skipped = 0
    for test in tests:
        log = (test.get("stdout") or "") + (test.get("stderr") or "")
        n = cases(log)
        if test["result"] == "SKIP":
            skipped += 1
            print("skipped:", test["name"], (test.get("stdout") or "").strip())
        elif test["result"] in GOOD:
            inner = sum(map(int, re.findall(r"skipped=(\d+)", log)))
            passed += n - inner
            skipped += inner
        else:
            bad = re.findall(r"failures=(\d+)|errors=(\d+)|^ (\d+) FAILED TEST", log, re.MULTILINE)
            bad = sum(int(x) for group in bad for x in group if x) or 1
            failed += bad
            passed += max(0, n - bad)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or passed == 0 else 0


def main():
    if sys.argv[1] == "--again":
        again(read(sys.argv[2]))
        return 0
    tests = read(sys.argv[1])
    if len(sys.argv) > 2 and os.path.exists(sys.argv[2]):
        tests = replace(tests, read(sys.argv[2]))
    return summary(tests)


sys.exit(main())
