/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of broker/fs only. */
#ifndef APPSILO_BROKER_FS_INTERNAL_H
#define APPSILO_BROKER_FS_INTERNAL_H

#define FUSE_USE_VERSION 312

#include "broker/fs/bfs.h"
#include "broker/fs/node.h"
#include <stdatomic.h>
#include <fuse_lowlevel.h>
#include <limits.h>

/* Allowed places: how long the kernel may trust what it was told, so that changes made on
 * the host show up. Masked attributes are never kept: consent may change them any time. */
#define BFS_TIMEOUT_S 1.0
#define BFS_THREADS 16
#define BFS_IO_MAX (1024 * 1024)
#define BFS_REQUEST_MAX (BFS_IO_MAX + 4096) /* with its headers */

struct bfs {
	struct gate *gate; /* borrowed */
	struct fuse_session *session;
	struct node_table nodes;
	int proc_fd_dir; /* /proc/self/fd, checked to be procfs */
	uid_t own_uid, app_uid;
	gid_t own_gid, app_gid;
	bool hidden;
	pthread_t thread;
	bool running;
	int start_cpu;
	atomic_bool started; /* the sandbox stands; set by bfs_started() */
};

#define OP_NEEDS_MAX 4

/* One access an operation needs before it may act. */
struct op_need {
	struct node *node; /* the object, or the folder when @name is set */
	const char *name;  /* a name in the folder, borrowed from the operation */
	enum consent_access access;
	bool granted;	 /* a question about this path was answered yes */
	char *asked_path; /* that path; owned */
};

/* An operation that may have to wait for an answer: all it needs, away from any stack. */
struct op {
	struct gate_ticket ticket;
	struct bfs *bfs;
	fuse_req_t req;
	const char *word; /* operation, for questions and records */
	void (*run)(struct op *op); /* all needs are granted: act and reply */
	struct op_need needs[OP_NEEDS_MAX];
	size_t n_needs;
	struct node *node, *other; /* referenced */
	char *name, *other_name;   /* owned */
	struct fuse_file_info fi;
	struct stat attr;
	mode_t mode;
	int flags;
	char *text;  /* symlink target, xattr name; owned */
	char *value; /* xattr value; owned */
	size_t size;
	pthread_mutex_t lock; /* guards queued and interrupted while the question is set up */
	bool queued, interrupted;
};

static inline struct bfs *bfs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

struct node *bfs_node(struct bfs *bfs, fuse_ino_t ino);
fuse_ino_t bfs_ino(struct bfs *bfs, const struct node *node);

/* New operation on @ino (and @name); NULL: ENOMEM was replied. */
struct op *op_new(fuse_req_t req, const char *word, fuse_ino_t ino, const char *name,
		  void (*run)(struct op *op));
void op_need(struct op *op, struct node *node, const char *name, enum consent_access access);
/* Decide, park, or run. Takes over @op. */
void op_start(struct op *op);
/* Reply an error (negative errno; 0 is success without data) and free. */
void op_end(struct op *op, int code);
/* Free without a reply; it was given. */
void op_free(struct op *op);

/* The absolute host path of @node, or of @name in it. Returns 0; -ESTALE; -errno. */
int bfs_path(struct bfs *bfs, struct node *node, const char *name, char ret[PATH_MAX]) must_check;
/* Reopen the file of a pinned descriptor. Returns an fd; -errno. */
int bfs_reopen(struct bfs *bfs, int fd, int flags) must_check;
/* "/proc/self/fd/N", for calls that take no descriptor. */
void bfs_proc_path(int fd, char ret[48]);

/* May @path be seen for what it is? Never asks. */
enum consent_verdict bfs_see(struct bfs *bfs, const char *path, bool directory);
/* Turn @st into what the app may see of @node after bfs_see() said @verdict: all of a file it
 * has open. Returns the timeout in seconds. */
double bfs_attr(struct bfs *bfs, struct node *node, enum consent_verdict verdict,
		struct stat *st);
/* The app gets @node's file open: call before the reply, which then needs a node_close(). */
void bfs_opened(struct bfs *bfs, struct node *node);
/* Look up one name and fill the entry. Returns 0; -errno. */
int bfs_lookup(struct bfs *bfs, struct node *parent, const char *name,
	       struct fuse_entry_param *ret) must_check;
/* Reply the entry of a name that was just made. Takes over @op. */
void bfs_reply_made(struct op *op);

/* Handlers, one group a file. */
void bfs_op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void bfs_op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups);
void bfs_op_forget_multi(fuse_req_t req, size_t n, struct fuse_forget_data *list);
void bfs_op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void bfs_op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		    struct fuse_file_info *fi);
void bfs_op_access(fuse_req_t req, fuse_ino_t ino, int mask);
void bfs_op_readlink(fuse_req_t req, fuse_ino_t ino);
void bfs_op_statfs(fuse_req_t req, fuse_ino_t ino);
void bfs_op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void bfs_op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		   struct fuse_file_info *fi);
void bfs_op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void bfs_op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void bfs_op_write_buf(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *in, off_t off,
		      struct fuse_file_info *fi);
void bfs_op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void bfs_op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void bfs_op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
		      struct fuse_file_info *fi);
void bfs_op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi);
void bfs_op_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in,
			    struct fuse_file_info *fi_in, fuse_ino_t ino_out, off_t off_out,
			    struct fuse_file_info *fi_out, size_t len, int flags);
void bfs_op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void bfs_op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi);
void bfs_op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			struct fuse_file_info *fi);
void bfs_op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void bfs_op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void bfs_op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void bfs_op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void bfs_op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void bfs_op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent, const char *new_name);
void bfs_op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void bfs_op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void bfs_op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
		   const char *new_name, unsigned int flags);
void bfs_op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
		     size_t size, int flags);
void bfs_op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void bfs_op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void bfs_op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);

#endif
