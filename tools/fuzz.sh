#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fuzz each target for some seconds with libFuzzer, address and undefined-behaviour sanitizers.
# usage: [JOBS=N] fuzz.sh BUILD_DIR SECONDS [TARGET...]      N targets at a time
# New inputs stay in BUILD_DIR/corpus, what a target says in BUILD_DIR/TARGET.log; what breaks it is left
# in BUILD_DIR/found.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)

if [ "$1" = --one ]; then
	build=$2 seconds=$3 name=$4
	mkdir -p "$build/corpus/$name" "$build/found"
	dict=
	[ -f "$here/fuzz/dict/$name.dict" ] && dict=-dict=$here/fuzz/dict/$name.dict
	echo "== $name"
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 "$build/fuzz/fuzz_$name" -max_total_time="$seconds" \
		-timeout=20 -rss_limit_mb=1024 -print_final_stats=0 -verbosity=0 ${dict:+"$dict"} \
		-artifact_prefix="$build/found/$name-" "$build/corpus/$name" "$here/fuzz/corpus/$name" \
		>"$build/$name.log" 2>&1 || { tail -n 60 "$build/$name.log"; echo "failed: $name"; exit 1; }
	exit 0
fi
build=$1 seconds=$2
shift 2
# shellcheck disable=SC2046 # names without spaces
[ $# -gt 0 ] || set -- $(cd "$here/fuzz/corpus" && ls)
[ -f "$build/build.ninja" ] ||
	CC=clang meson setup "$build" "$here" -Dfuzz=libfuzzer -Db_sanitize=address,undefined \
		-Db_lundef=false -Dmusl=false -Dtests=false >/dev/null
# shellcheck disable=SC2046
ninja -C "$build" $(printf 'fuzz/fuzz_%s ' "$@")
printf '%s\n' "$@" | xargs -P "${JOBS:-1}" -n 1 "$0" --one "$build" "$seconds" ||
	{ echo "fuzz: the inputs that failed are in $build/found" >&2; exit 1; }
