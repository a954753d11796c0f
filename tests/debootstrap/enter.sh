#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run a command with TREE as its root: enter.sh TREE PROGRAMS COMMAND [ARG...]
# PROGRAMS, the folder of the built programs, shows up as /appsilo. chroot would not do: the
# kernel makes no user namespace for a process whose root is not its mount namespace's.
set -eu
PATH=/usr/sbin:/usr/bin:/sbin:/bin
if [ -z "${ENTERED:-}" ]; then
	ENTERED=1 exec unshare --mount --propagation private "$0" "$@"
fi
unset ENTERED
tree=$1 programs=$2
shift 2
mount --bind "$tree" "$tree"
mkdir -p "$tree/proc" "$tree/dev" "$tree/appsilo" "$tree/old"
mount --rbind /proc "$tree/proc"
mount --rbind /dev "$tree/dev"
mount --bind "$programs" "$tree/appsilo"
cd "$tree"
pivot_root . old
umount -l /old
rmdir /old
cd /
exec "$@"
