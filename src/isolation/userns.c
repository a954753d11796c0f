/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/init.h"

#include "isolation/procfs.h"

int init_write_id_maps(pid_t pid, uid_t uid, gid_t gid, bool setgroups_deny)
{
	char map[64];
	int r = 0;

	if (setgroups_deny)
		r = procfs_write(pid, "setgroups", "deny");
	if (r == 0) {
		snprintf(map, sizeof(map), "%u %u 1\n", uid, uid);
		r = procfs_write(pid, "uid_map", map);
	}
	if (r == 0) {
		snprintf(map, sizeof(map), "%u %u 1\n", gid, gid);
		r = procfs_write(pid, "gid_map", map);
	}
	return r;
}
