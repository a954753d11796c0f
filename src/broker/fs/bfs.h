/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The brokering file system: the host's tree as FUSE, every access judged by the gate.
 * Threads: libfuse's workers call the handlers; bfs_invalidate() may be called from any
 * thread that is not inside a handler. docs/ARCHITECTURE.md, Brokering file system.
 */
#ifndef APPSILO_BROKER_FS_BFS_H
#define APPSILO_BROKER_FS_BFS_H

#include "base/error.h"
#include "broker/gate.h"
#include <sys/types.h>

struct bfs;

struct bfs_config {
	int device_fd;	   /* mounted /dev/fuse; owned by the file system from here */
	int start_cpu;	   /* where init builds the root meanwhile; -1: anywhere */
	struct gate *gate; /* borrowed */
	uid_t app_uid;	   /* shown as the owner of our own files */
	gid_t app_gid;
	bool hidden; /* --metadata hidden */
};

/** Start serving. Returns 0; -errno with the line. */
int bfs_start(const struct bfs_config *config, struct bfs **ret, struct appsilo_error *err) must_check;

/** The sandbox's root is built: from here on requests come from the app. */
void bfs_started(struct bfs *bfs);

/** Decisions about @path (NULL: any) changed: drop what the kernel remembers of it. */
void bfs_invalidate(struct bfs *bfs, const char *path);

/** Stop serving and free. The mount is gone or going. Accepts NULL. */
void bfs_stop(struct bfs *bfs);

#endif
