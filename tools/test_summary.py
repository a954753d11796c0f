#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Count the cases inside the test programs and print the closing line."""
import json
import re
import sys


def cases(log):
    """Number of cases a program says it ran: unittest's or cmocka's own count, else one."""
    found = re.findall(r"^Ran (\d+) tests? in|Running (\d+) test\(s\)", log, re.MULTILINE)
    return sum(int(a or b) for a, b in found) or 1


def main():
    passed = failed = skipped = 0
    with open(sys.argv[1], encoding="utf-8") as lines:
        for line in lines:
            test = json.loads(line)
            log = (test.get("stdout") or "") + (test.get("stderr") or "")
            n = cases(log)
            if test["result"] == "SKIP":
                skipped += 1
                print("skipped:", test["name"], (test.get("stdout") or "").strip())
            elif test["result"] in ("OK", "EXPECTEDFAIL"):
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


sys.exit(main())
