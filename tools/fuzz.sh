#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fuzz each target for some seconds with libFuzzer, address and undefined-behaviour sanitizers.
# usage: fuzz.sh BUILD_DIR SECONDS [TARGET...]
# New inputs stay in BUILD_DIR/corpus; what breaks a target is left in BUILD_DIR/found.
set -eu
build=$1 seconds=$2
shift 2
here=$(cd "$(dirname "$0")/.." && pwd)

[ -f "$build/build.ninja" ] ||
	CC=clang meson setup "$build" "$here" -Dfuzz=libfuzzer -Db_sanitize=address,undefined \
		-Db_lundef=false -Dmusl=false -Dtests=false >/dev/null
ninja -C "$build" fuzz-targets
[ $# -gt 0 ] || set -- $(cd "$here/fuzz/corpus" && ls)
failed=
for name in "$@"; do
	mkdir -p "$build/corpus/$name" "$build/found"
	dict=
	[ -f "$here/fuzz/dict/$name.dict" ] && dict=-dict=$here/fuzz/dict/$name.dict
	echo "== $name"
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 "$build/fuzz/fuzz_$name" -max_total_time="$seconds" \
		-timeout=20 -rss_limit_mb=1024 -print_final_stats=0 -verbosity=0 $dict \
		-artifact_prefix="$build/found/$name-" "$build/corpus/$name" "$here/fuzz/corpus/$name" ||
		failed="$failed $name"
done
[ -z "$failed" ] || { echo "failed:$failed; the inputs are in $build/found" >&2; exit 1; }
