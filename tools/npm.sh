#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Install what npm has, as locked: for some tests and for the playground's editor. Without npm there are
# neither. Does nothing when what is there is not older than the lock.
set -eu

npm_modules() {
	[ ! -e "$1/node_modules/.package-lock.json" ] || [ "$1/package-lock.json" -nt "$1/node_modules/.package-lock.json" ] || return 0
	echo "setup: installing npm modules of $1"
	npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null &&
		touch "$1/node_modules/.package-lock.json" ||
		echo "setup: no npm modules; what needs them is left out" >&2
}
top=$(dirname "$(dirname "$(readlink -f "$0")")")
if command -v npm >/dev/null; then
	npm_modules "$top/src/server/playground"
	npm_modules "$top/tests/node"
else
	echo "setup: no npm: the playground has a plain text area, and tests that need its modules are skipped" >&2
fi
