#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# In a service with Delegate=: run a command in a group below the service's, which then has no process of its
# own and can share its controllers out, as it can where the server is all that the service starts.
set -eu
group=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
mkdir "$group/tests"
echo $$ >"$group/tests/cgroup.procs"
echo "+memory +pids +cpu" >"$group/cgroup.subtree_control"
exec "$@"
