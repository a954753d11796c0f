#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run every test suite of a build and close with one line: N passed, N failed, N skipped.
set -u
build=${1:-build}
# Most tests wait longer than they compute: two for each processor.
meson test -C "$build" --no-rebuild --print-errorlogs --num-processes $((2 * $(nproc)))
code=$?
python3 "$(dirname "$0")/test_summary.py" "$build/meson-logs/testlog.json" || code=1
exit $code
