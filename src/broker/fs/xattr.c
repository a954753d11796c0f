/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes: reading is probing (never asks), writing is a change. */
#include "broker/fs/internal.h"

#include <string.h>
#include <sys/xattr.h>

/* Labels and overlay marks are the host administrator's. */
static bool is_forbidden(const char *name)
{
	return strncmp(name, "security.", 9) == 0 || strncmp(name, "trusted.", 8) == 0;
}

static void run_setxattr(struct op *op)
{
	int fd = node_pin(&op->bfs->nodes, op->node);
	char path[48];
	int r = fd;

	if (fd >= 0) {
		bfs_proc_path(fd, path);
		if (op->value)
			r = setxattr(path, op->text, op->value, op->size, op->flags);
		else
			r = removexattr(path, op->text);
		r = r < 0 ? -errno : 0;
		node_unpin(&op->bfs->nodes, op->node);
	}
	op_end(op, r);
}

static void change(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
		   int flags, const char *word)
{
	struct op *op;

	if (is_forbidden(name)) {
		fuse_reply_err(req, EPERM);
		return;
	}
	op = op_new(req, word, ino, NULL, run_setxattr);
	if (!op)
		return;
	op->text = strdup(name);
	op->value = value ? malloc(size + 1) : NULL;
	if (!op->text || (value && !op->value)) {
		op_end(op, -ENOMEM);
		return;
	}
	if (value)
		memcpy(op->value, value, size);
	op->size = size;
	op->flags = flags;
	op_need(op, op->node, NULL, CONSENT_WRITE);
	op_start(op);
}

void bfs_op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
		     size_t size, int flags)
{
	change(req, ino, name, value, size, flags, "setxattr");
}

void bfs_op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	change(req, ino, name, NULL, 0, 0, "removexattr");
}

/* Fill @proc_path of a pinned descriptor when the file may be read. Returns 0; -errno. */
static int pin_readable(struct bfs *bfs, struct node *node, char proc_path[48])
{
	char path[PATH_MAX];
	int r = bfs_path(bfs, node, NULL, path);

	if (r < 0)
		return r;
	if (bfs_see(bfs, path, S_ISDIR(node->type)) != CONSENT_ALLOW || S_ISLNK(node->type))
		return -ENODATA;
	r = node_pin(&bfs->nodes, node);
	if (r < 0)
		return r;
	bfs_proc_path(r, proc_path);
	return 0;
}

static void reply_bytes(fuse_req_t req, ssize_t n, size_t size, const char *buffer)
{
	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else if (size == 0)
		fuse_reply_xattr(req, (size_t)n);
	else
		fuse_reply_buf(req, buffer, (size_t)n);
}

void bfs_op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct bfs *bfs = bfs_of(req);
	struct node *node = bfs_node(bfs, ino);
	char proc_path[48];
	char *buffer = malloc(size + 1);
	ssize_t n = buffer ? pin_readable(bfs, node, proc_path) : -ENOMEM;

	if (n == 0) {
		n = getxattr(proc_path, name, buffer, size);
		n = n < 0 ? -errno : n;
		node_unpin(&bfs->nodes, node);
	}
	reply_bytes(req, n, size, buffer);
	free(buffer);
}

void bfs_op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct bfs *bfs = bfs_of(req);
	struct node *node = bfs_node(bfs, ino);
	char proc_path[48];
	char *buffer = malloc(size + 1);
	ssize_t n = buffer ? pin_readable(bfs, node, proc_path) : -ENOMEM;

	if (n == 0) {
		n = listxattr(proc_path, buffer, size);
		n = n < 0 ? -errno : n;
		node_unpin(&bfs->nodes, node);
	} else if (n == -ENODATA) {
		n = 0;
	}
	reply_bytes(req, n, size, buffer);
	free(buffer);
}
