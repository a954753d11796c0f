/* SPDX-License-Identifier: Apache-2.0 */
/* Making, removing and renaming names: *at calls on the held descriptor of the folder. */
#include "broker/fs/internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

/* renameat2(2) flags, missing from some C library headers */
#define FLAG_NOREPLACE 1u
#define FLAG_EXCHANGE 2u

/* Run @act with the folder's descriptor; reply the new entry when @made, else the code. */
static void act_in_folder(struct op *op, int (*act)(struct op *op, int folder_fd), bool made)
{
	struct node *folder = op->other ? op->other : op->node;
	int fd = node_pin(&op->bfs->nodes, folder);
	int r = fd;

	if (fd >= 0) {
		r = act(op, fd) < 0 ? -errno : 0;
		node_unpin(&op->bfs->nodes, folder);
	}
	if (r == 0 && made)
		bfs_reply_made(op);
	else
		op_end(op, r);
}

static int do_mknod(struct op *op, int fd)
{
	return mknodat(fd, op->name, op->mode, 0);
}

static void run_mknod(struct op *op)
{
	act_in_folder(op, do_mknod, true);
}

static int do_mkdir(struct op *op, int fd)
{
	return mkdirat(fd, op->name, op->mode);
}

static void run_mkdir(struct op *op)
{
	act_in_folder(op, do_mkdir, true);
}

static int do_symlink(struct op *op, int fd)
{
	return symlinkat(op->text, fd, op->name);
}

static void run_symlink(struct op *op)
{
	act_in_folder(op, do_symlink, true);
}

static void forget_name(struct op *op, int r)
{
	if (r == 0)
		node_renamed(&op->bfs->nodes, op->node, op->name, NULL, NULL);
}

static int do_unlink(struct op *op, int fd)
{
	int r = unlinkat(fd, op->name, op->flags);

	forget_name(op, r);
	return r;
}

/* With the folder above it a mount would move to a name that no rule allows. Whatever way the call came
 * by, and however long its question took: here. */
static bool is_clear(struct op *op, struct node *folder, const char *name)
{
	char path[PATH_MAX];

	return bfs_path(op->bfs, folder, name, path) == 0 && gate_clear_below(op->bfs->gate, path);
}

static void run_unlink(struct op *op)
{
	if (op->flags & AT_REMOVEDIR && !is_clear(op, op->node, op->name)) {
		op_end(op, -EBUSY);
		return;
	}
	act_in_folder(op, do_unlink, false);
}

static int do_link(struct op *op, int fd)
{
	char path[48];
	int source = node_pin(&op->bfs->nodes, op->node);
	int r;

	if (source < 0) {
		errno = -source;
		return -1;
	}
	bfs_proc_path(source, path);
	r = linkat(AT_FDCWD, path, fd, op->other_name, AT_SYMLINK_FOLLOW);
	node_unpin(&op->bfs->nodes, op->node);
	/* The reply speaks of the new name only; the old one's link count changed too. */
	if (r == 0)
		(void)fuse_lowlevel_notify_inval_inode(op->bfs->session, bfs_ino(op->bfs, op->node),
						       -1, 0);
	return r;
}

static void run_link(struct op *op)
{
	act_in_folder(op, do_link, true);
}

void bfs_op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct op *op;

	(void)rdev;
	if (!S_ISREG(mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode)) {
		fuse_reply_err(req, EPERM);
		return;
	}
	op = op_new(req, "mknod", parent, name, run_mknod);
	if (!op)
		return;
	op->mode = mode;
	op_need(op, op->node, op->name, CONSENT_WRITE);
	op_start(op);
}

void bfs_op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct op *op = op_new(req, "mkdir", parent, name, run_mkdir);

	if (!op)
		return;
	op->mode = mode & 07777;
	op_need(op, op->node, op->name, CONSENT_WRITE);
	op_start(op);
}

void bfs_op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct op *op = op_new(req, "symlink", parent, name, run_symlink);

	if (!op)
		return;
	op->text = strdup(target);
	if (!op->text) {
		op_end(op, -ENOMEM);
		return;
	}
	op_need(op, op->node, op->name, CONSENT_WRITE);
	op_start(op);
}

void bfs_op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent, const char *new_name)
{
	struct bfs *bfs = bfs_of(req);
	struct op *op = op_new(req, "link", ino, NULL, run_link);

	if (!op)
		return;
	op->other = bfs_node(bfs, new_parent);
	node_ref(&bfs->nodes, op->other);
	op->other_name = strdup(new_name);
	if (!op->other_name) {
		op_end(op, -ENOMEM);
		return;
	}
	/* A second name gives everything the first one had: full consent for both. */
	op_need(op, op->node, NULL, CONSENT_WRITE);
	op_need(op, op->other, op->other_name, CONSENT_WRITE);
	op_start(op);
}

static void remove_name(fuse_req_t req, fuse_ino_t parent, const char *name, const char *word,
			int flags)
{
	struct op *op = op_new(req, word, parent, name, run_unlink);

	if (!op)
		return;
	op->flags = flags;
	op_need(op, op->node, op->name, CONSENT_WRITE);
	op_start(op);
}

void bfs_op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, "unlink", 0);
}

void bfs_op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	remove_name(req, parent, name, "rmdir", AT_REMOVEDIR);
}

/* A folder that holds a protected place may not be moved: the place would get another
 * name, and its old name could be made anew (pmg#446). */
static bool moves_protected(struct op *op, struct node *folder, const char *name, char path[PATH_MAX])
{
	return bfs_path(op->bfs, folder, name, path) < 0 ||
	       gate_protected_below(op->bfs->gate, path, CONSENT_WRITE);
}

static void run_rename(struct op *op)
{
	struct bfs *bfs = op->bfs;
	char path[PATH_MAX];
	int from, to;
	long r;

	if (moves_protected(op, op->node, op->name, path) ||
	    moves_protected(op, op->other, op->other_name, path)) {
		struct consent_request request = {.path = path, .access = CONSENT_WRITE,
						  .operation = op->word, .exists = true};

		gate_record_denial(bfs->gate, &request, op->word, -EACCES);
		op_end(op, -EACCES);
		return;
	}
	if (!is_clear(op, op->node, op->name) || !is_clear(op, op->other, op->other_name)) {
		op_end(op, -EBUSY);
		return;
	}
	from = node_pin(&bfs->nodes, op->node);
	to = from < 0 ? from : node_pin(&bfs->nodes, op->other);
	r = to < 0 ? to
		   : syscall(SYS_renameat2, from, op->name, to, op->other_name,
			     (unsigned int)op->flags);
	if (to >= 0 && r < 0)
		r = -errno;
	if (r == 0 && op->flags & (int)FLAG_EXCHANGE)
		node_exchanged(&bfs->nodes, op->node, op->name, op->other, op->other_name);
	else if (r == 0)
		node_renamed(&bfs->nodes, op->node, op->name, op->other, op->other_name);
	if (to >= 0)
		node_unpin(&bfs->nodes, op->other);
	if (from >= 0)
		node_unpin(&bfs->nodes, op->node);
	op_end(op, (int)r);
}

void bfs_op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
		   const char *new_name, unsigned int flags)
{
	struct bfs *bfs = bfs_of(req);
	struct op *op;

	if (flags & ~(FLAG_NOREPLACE | FLAG_EXCHANGE)) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	op = op_new(req, "rename", parent, name, run_rename);
	if (!op)
		return;
	op->flags = (int)flags;
	op->other = bfs_node(bfs, new_parent);
	node_ref(&bfs->nodes, op->other);
	op->other_name = strdup(new_name);
	if (!op->other_name) {
		op_end(op, -ENOMEM);
		return;
	}
	op_need(op, op->node, op->name, CONSENT_WRITE);
	op_need(op, op->other, op->other_name, CONSENT_WRITE);
	op_start(op);
}
