#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The pictures of windows in README, as the tests see them: real windows on a display of their own.
# usage: windows.sh BUILD_DIR
set -eu
top=$(dirname "$(dirname "$(readlink -f "$0")")")
for test in prompt settings; do
	python3 "$top/tests/as_user.py" user "$1" "$top/tests/ui/test_$test.py" Pictures
done
small() {
	convert "$1" -strip +dither -colors 48 -define png:compression-level=9 "$2"
}
small "$1/tests/pictures/prompt-write-light.png" "$top/docs/prompt.png"
small "$1/tests/pictures/settings-files-dark.png" "$top/docs/settings-files.png"
