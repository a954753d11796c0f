/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sandbox is to be: filled by the launcher, carried out by init.c in the new
 * namespaces. Plain data; every pointer is borrowed from the launcher, which outlives it.
 */
#ifndef APPSILO_ISOLATION_PLAN_H
#define APPSILO_ISOLATION_PLAN_H

#include "base/error.h"
#include "isolation/cgroup.h"
#include "isolation/net_wire.h"
#include "isolation/output.h"
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum plan_mount_kind {
	PLAN_READ,  /* host subtree, read-only */
	PLAN_WRITE, /* host subtree, read-write */
};

/* A host file or directory shown at its own path. */
struct plan_mount {
	char *path; /* absolute, clean; owned by the plan */
	enum plan_mount_kind kind;
	int tree_fd; /* detached mount made by a privileged launcher, else -EBADF */
};

/* A name that exists but cannot be opened, or a symlink kept as it is. */
struct plan_placeholder {
	char *path;   /* owned by the plan */
	char *target; /* symlink text or NULL; owned */
	mode_t mode;  /* S_IFDIR or S_IFREG with permission bits; ignored for symlinks */
};

/* 0 means no limit. What a cgroup holds is 0 here. */
struct plan_limits {
	uint64_t memory_bytes;
	uint64_t pids;
	uint64_t cpu_time_ms;
	uint64_t wall_time_ms;
	uint64_t file_size_bytes;
	uint64_t disk_bytes; /* size of the private temporary places; 0: half of memory */
};

struct plan {
	const char *exe;	   /* absolute path of the program inside */
	char *const *argv;	   /* NULL-terminated */
	char *const *envp;	   /* NULL-terminated */
	const char *cwd;	   /* absolute */
	const char *home;	   /* profile directory, absolute host path */
	const char *user_name;	   /* for the made-up /etc/passwd */
	uid_t uid;		   /* outer and inner id of the app */
	gid_t gid;
	bool change_ids;	   /* a root run: become uid and gid inside */
	/* The program is a zygote of ours, which makes sandboxes of its own inside: it gets no
	 * Landlock, whose domain could mount nothing, a filter that lets it, and the descriptors
	 * from 3 on that it was given, so many of them. */
	bool nest;
	unsigned int n_handed_on;
	bool partial;		   /* the rest is filled in later; a byte over control_fd says so */
	const struct plan *launchers; /* init's copy: the plan it is of, where the rest comes from */
	int fuse_fd;		   /* detached FUSE mount of the brokered view, else -EBADF */
	const char **brokered;	   /* paths bound from the FUSE mount, parents first */
	size_t n_brokered;
	struct plan_mount *mounts; /* parents first */
	size_t n_mounts;
	struct plan_placeholder *placeholders; /* parents first */
	size_t n_placeholders;
	struct plan_limits limits;
	/* The package whose VFS is laid over the system, shown at its own path too; path NULL:
	 * none. */
	struct plan_mount package;
	bool tty[3];	   /* standard descriptors that become the sandbox's own pty */
	bool in_front;	   /* the app starts in the foreground of that pty: pty.h */
	bool wait_for_go;   /* wait for the parent's word before exec */
	cpu_set_t processors; /* the launcher's */
	int start_cpu;	   /* with fuse_fd: where to be while asking the broker; -1: anywhere */
	int control_fd;	   /* init's end; close-on-exec */
	/* The parent's own: init closes its copies first. With one of them open it would not
	 * notice the parent's death, and a dead broker's FUSE mount would wait for ever. */
	int parent_fd, device_fd;
	/* The app joins these before it is executed: not init, whose memory is the launcher's, so
	 * that want of memory would end the launcher too. -EBADF: none. */
	int cgroup_fds[CGROUP_PARTS_MAX];
	int cgroup_keeper_fd; /* the parent's own, as those above */
	struct output_pipes output; /* where output is counted; our_fds are the parent's own */
	/* A pipe whose writing end nobody but the parent keeps, unlike parent_fd that it may have
	 * handed on; -EBADF: it hands nothing on. */
	int tie_fd, tie_parent_fd;
	/* Where the network's descriptors go (isolation/net_wire.h); -EBADF: no network but an own
	 * loopback, unless a partial plan's rest brings it. The parent's end of the judge's
	 * socket, which init closes. */
	int net_fd, net_judge_fd;
	/* The other ends of these, where the parent keeps them: with them open in init too, nobody
	 * would notice the network's death. -EBADF: it does not. */
	int net_program_fds[2];
	uint16_t loopback[NET_LOOPBACK_MAX]; /* the host's own ports that are open to the app */
	size_t n_loopback;
	bool net_optional; /* start without one where it cannot be had, and do not wait for it */
};

#endif
