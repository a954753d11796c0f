/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and creating files. */
#include "broker/fs/internal.h"

#include "base/path.h"
#include <fcntl.h>
#include <string.h>

/* Set in open flags by the kernel when a file is opened to be executed. */
#define FMODE_EXEC_FLAG 0x20

static bool is_writing(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_TRUNC | O_APPEND));
}

/* A use of an allowed place is a hint that its folder may be attached. */
static void hint(struct op *op, struct node *folder)
{
	char path[PATH_MAX];

	if (folder && bfs_path(op->bfs, folder, NULL, path) == 0)
		gate_used(op->bfs->gate, path);
}

static void reply_open(struct op *op, int fd)
{
	op->fi.fh = (uint64_t)fd;
	op->fi.keep_cache = 1;
	op->fi.noflush = 1;
	bfs_opened(op->bfs, op->node);
	if (fuse_reply_open(op->req, &op->fi) < 0) {
		/* Interrupted before the reply: nobody will release it. */
		node_close(&op->bfs->nodes, op->node);
		close(fd);
	}
	op_free(op);
}

/* Moved by somebody else since the kernel looked the name up: let it look again. */
static bool has_moved(struct op *op)
{
	char path[PATH_MAX];

	return bfs_path(op->bfs, op->node, NULL, path) == 0 &&
	       node_has_moved(&op->bfs->nodes, op->node, path_base(path));
}

static void run_open(struct op *op)
{
	int held = node_pin(&op->bfs->nodes, op->node);
	int fd = held < 0 ? held
			  : bfs_reopen(op->bfs, held, op->flags & ~(FMODE_EXEC_FLAG | O_DIRECT));

	if (held >= 0)
		node_unpin(&op->bfs->nodes, op->node);
	if (fd >= 0 && has_moved(op)) {
		close(fd);
		fd = -ESTALE;
	}
	if (fd < 0) {
		op_end(op, fd);
		return;
	}
	hint(op, op->node->parent);
	reply_open(op, fd);
}

void bfs_op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	const char *word = is_writing(fi->flags)	  ? fi->flags & O_TRUNC ? "truncate" : "open"
			   : fi->flags & FMODE_EXEC_FLAG ? "execute"
							 : "open";
	struct op *op = op_new(req, word, ino, NULL, run_open);

	if (!op)
		return;
	op->flags = fi->flags;
	op->fi = *fi;
	op_need(op, op->node, NULL, is_writing(fi->flags) ? CONSENT_WRITE : CONSENT_READ);
	op_start(op);
}

static void run_create(struct op *op)
{
	struct fuse_entry_param entry;
	struct node *made;
	int folder = node_pin(&op->bfs->nodes, op->node);
	int fd = folder, r;

	if (folder >= 0) {
		fd = openat(folder, op->name,
			    (op->flags & ~(O_DIRECT | FMODE_EXEC_FLAG)) | O_CREAT | O_NOFOLLOW |
				    O_CLOEXEC | O_NOCTTY,
			    op->mode);
		if (fd < 0)
			fd = -errno;
		node_unpin(&op->bfs->nodes, op->node);
	}
	if (fd < 0) {
		op_end(op, fd);
		return;
	}
	r = bfs_lookup(op->bfs, op->node, op->name, &entry);
	if (r < 0) {
		close(fd);
		op_end(op, r);
		return;
	}
	made = bfs_node(op->bfs, entry.ino);
	node_grant(made, CONSENT_WRITE);
	bfs_opened(op->bfs, made);
	/* Masked, as it was not open yet. */
	if (entry.attr_timeout == 0 && fstat(fd, &entry.attr) == 0)
		(void)bfs_attr(op->bfs, made, CONSENT_ASK, &entry.attr);
	hint(op, op->node);
	op->fi.fh = (uint64_t)fd;
	op->fi.keep_cache = 1;
	op->fi.noflush = 1;
	if (fuse_reply_create(op->req, &entry, &op->fi) < 0) {
		node_close(&op->bfs->nodes, made);
		node_forget(&op->bfs->nodes, made, 1);
		close(fd);
	}
	op_free(op);
}

void bfs_op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		   struct fuse_file_info *fi)
{
	struct op *op = op_new(req, "create", parent, name, run_create);

	if (!op)
		return;
	op->flags = fi->flags;
	op->mode = mode & 07777;
	op->fi = *fi;
	op_need(op, op->node, op->name, CONSENT_WRITE);
	op_start(op);
}

void bfs_op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct bfs *bfs = bfs_of(req);

	node_close(&bfs->nodes, bfs_node(bfs, ino));
	close((int)fi->fh);
	fuse_reply_err(req, 0);
}
