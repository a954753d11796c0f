#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run every test suite of a build and close with one line: N passed, N failed, N skipped.
# An end-to-end suite that failed beside others is run once more, alone, and named: its waits have an end,
# which a machine that is busy with the others can exceed. Hostile and unit suites are not.
set -u
build=${1:-build}
here=$(dirname "$0")
log=$build/meson-logs/testlog.json
second=$build/meson-logs/second.json

rm -f "$log" "$second"
# Most tests wait longer than they compute: two for each processor.
meson test -C "$build" --no-rebuild --print-errorlogs --num-processes $((2 * $(nproc)))
code=$?
again=$(python3 "$here/test_summary.py" --again "$log")
if [ -n "$again" ]; then
	# shellcheck disable=SC2086 # names
	meson test -C "$build" --no-rebuild --print-errorlogs --num-processes 1 --logbase second $again
	code=$?
fi
python3 "$here/test_summary.py" "$log" "$second" || code=1
exit $code
