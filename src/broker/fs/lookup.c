/* SPDX-License-Identifier: Apache-2.0 */
/* Names and attributes: probing, which never asks. */
#include "broker/fs/internal.h"

#include "base/path.h"
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>

struct node *bfs_node(struct bfs *bfs, fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? &bfs->nodes.root : (struct node *)(uintptr_t)ino;
}

fuse_ino_t bfs_ino(struct bfs *bfs, const struct node *node)
{
	return node == &bfs->nodes.root ? FUSE_ROOT_ID : (fuse_ino_t)(uintptr_t)node;
}

void bfs_proc_path(int fd, char ret[48])
{
	snprintf(ret, 48, "/proc/self/fd/%d", fd);
}

int bfs_reopen(struct bfs *bfs, int fd, int flags)
{
	char number[16];
	int r;

	snprintf(number, sizeof(number), "%d", fd);
	r = openat(bfs->proc_fd_dir, number,
		   (flags & ~(O_NOFOLLOW | O_CREAT | O_EXCL)) | O_CLOEXEC | O_NOCTTY);
	return r < 0 ? -errno : r;
}

/* The kernel marks the path of a removed name so; a name may also really end like that, and
 * then it leads back to the same file. */
static bool is_removed(int fd, const char *path, size_t n)
{
	static const char mark[] = " (deleted)";
	const size_t tail = sizeof(mark) - 1;
	struct stat held, named;

	return n > tail && strcmp(path + n - tail, mark) == 0 &&
	       (fstat(fd, &held) < 0 || lstat(path, &named) < 0 || held.st_dev != named.st_dev ||
		held.st_ino != named.st_ino);
}

int bfs_path(struct bfs *bfs, struct node *node, const char *name, char ret[PATH_MAX])
{
	char number[16];
	ssize_t n;
	int fd = node_pin(&bfs->nodes, node);
	int r = 0;

	if (fd < 0)
		return fd;
	snprintf(number, sizeof(number), "%d", fd);
	n = readlinkat(bfs->proc_fd_dir, number, ret, PATH_MAX);
	if (n <= 0 || n >= PATH_MAX)
		r = n < 0 ? -errno : -ENAMETOOLONG;
	else
		ret[n] = '\0';
	/* A removed name is no path to judge. */
	if (r == 0 && is_removed(fd, ret, (size_t)n))
		r = -ESTALE;
	if (r == 0 && ret[0] != '/')
		r = -ESTALE;
	node_unpin(&bfs->nodes, node);
	if (r < 0 || !name)
		return r;
	if ((size_t)n + strlen(name) + 2 > PATH_MAX)
		return -ENAMETOOLONG;
	if (n > 1)
		ret[n++] = '/';
	strcpy(ret + n, name);
	return 0;
}

enum consent_verdict bfs_see(struct bfs *bfs, const char *path, bool directory)
{
	struct consent_request request = {
		.path = path,
		.access = CONSENT_READ,
		.target = directory ? CONSENT_FOLDER : CONSENT_FILE,
		.operation = "stat",
		.exists = true,
	};

	return gate_decide(bfs->gate, &request);
}

/* Whatever the group: with one that the sandbox does not know, the kernel would refuse to open the file
 * for writing before anybody was asked. */
static void own_ids(const struct bfs *bfs, struct stat *st)
{
	if (st->st_uid == bfs->own_uid)
		st->st_uid = bfs->app_uid;
	st->st_gid = bfs->app_gid;
}

double bfs_attr(struct bfs *bfs, struct node *node, enum consent_verdict verdict, struct stat *st)
{
	if (verdict == CONSENT_ALLOW) {
		own_ids(bfs, st);
		/* Another name of the file may change it behind this one's back. */
		return !S_ISDIR(st->st_mode) && st->st_nlink > 1 ? 0 : BFS_TIMEOUT_S;
	}
	/* Opened with consent, which need not be a rule; nor may an error, or a rule of now,
	 * cut short what is read through the descriptor. */
	if (!node_mask(&bfs->nodes, node)) {
		own_ids(bfs, st);
		return 0;
	}
	*st = (struct stat){
		.st_dev = st->st_dev,
		.st_ino = st->st_ino,
		.st_mode = (st->st_mode & S_IFMT) | (S_ISLNK(st->st_mode) ? 0777 : 0555),
		.st_nlink = 1,
		.st_size = S_ISLNK(st->st_mode) ? st->st_size : 0,
		.st_uid = bfs->app_uid,
		.st_gid = bfs->app_gid,
		.st_blksize = 4096,
	};
	return 0;
}

int bfs_lookup(struct bfs *bfs, struct node *parent, const char *name,
	       struct fuse_entry_param *ret)
{
	char path[PATH_MAX];
	enum consent_verdict verdict;
	struct node *node;
	struct stat st;
	int r, fd, parent_fd;

	memset(ret, 0, sizeof(*ret));
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -EINVAL;
	r = bfs_path(bfs, parent, name, path);
	if (r < 0)
		return r;
	parent_fd = node_pin(&bfs->nodes, parent);
	if (parent_fd < 0)
		return parent_fd;
	fd = openat(parent_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	r = fd < 0 ? -errno : 0;
	node_unpin(&bfs->nodes, parent);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	verdict = bfs_see(bfs, path, S_ISDIR(st.st_mode));
	/* Names on the never list do not exist; hidden ones neither, unless they lead on. */
	if (verdict == CONSENT_ABSENT ||
	    (bfs->hidden && verdict != CONSENT_ALLOW && !S_ISDIR(st.st_mode))) {
		close(fd);
		return -ENOENT;
	}
	r = node_enter(&bfs->nodes, parent, name, fd, &st, &node);
	if (r < 0)
		return r;
	ret->ino = bfs_ino(bfs, node);
	ret->attr = st;
	ret->attr_timeout = bfs_attr(bfs, node, verdict, &ret->attr);
	ret->entry_timeout = BFS_TIMEOUT_S;
	return 0;
}

void bfs_op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct bfs *bfs = bfs_of(req);
	struct fuse_entry_param entry;
	int r = bfs_lookup(bfs, bfs_node(bfs, parent), name, &entry);

	if (r < 0)
		fuse_reply_err(req, -r);
	else if (fuse_reply_entry(req, &entry) < 0)
		/* The kernel did not take it: interrupted before the reply. */
		node_forget(&bfs->nodes, bfs_node(bfs, entry.ino), 1);
}

void bfs_reply_made(struct op *op)
{
	struct fuse_entry_param entry;
	int r = bfs_lookup(op->bfs, op->other ? op->other : op->node,
			   op->other_name ? op->other_name : op->name, &entry);

	if (r < 0) {
		op_end(op, r);
		return;
	}
	node_grant(bfs_node(op->bfs, entry.ino), CONSENT_WRITE);
	if (fuse_reply_entry(op->req, &entry) < 0)
		node_forget(&op->bfs->nodes, bfs_node(op->bfs, entry.ino), 1);
	op_free(op);
}

void bfs_op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups)
{
	struct bfs *bfs = bfs_of(req);

	if (ino != FUSE_ROOT_ID)
		node_forget(&bfs->nodes, bfs_node(bfs, ino), lookups);
	fuse_reply_none(req);
}

void bfs_op_forget_multi(fuse_req_t req, size_t n, struct fuse_forget_data *list)
{
	struct bfs *bfs = bfs_of(req);

	for (size_t i = 0; i < n; i++)
		if (list[i].ino != FUSE_ROOT_ID)
			node_forget(&bfs->nodes, bfs_node(bfs, list[i].ino), list[i].nlookup);
	fuse_reply_none(req);
}

void bfs_op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct bfs *bfs = bfs_of(req);
	struct node *node = bfs_node(bfs, ino);
	char path[PATH_MAX];
	struct stat st;
	int fd = node_pin(&bfs->nodes, node);
	int r = fd < 0 ? fd : fstat(fd, &st) < 0 ? -errno : 0;
	double timeout = 0;

	if (fd >= 0)
		node_unpin(&bfs->nodes, node);
	if (r == -ESTALE && fi)
		r = fstat((int)fi->fh, &st) < 0 ? -errno : 0;
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	if (fi || bfs_path(bfs, node, NULL, path) < 0)
		/* Through an open descriptor: the file was consented to when it was opened.
		 * Deleted: nobody but a holder gets here. */
		own_ids(bfs, &st);
	else
		timeout = bfs_attr(bfs, node, bfs_see(bfs, path, S_ISDIR(st.st_mode)), &st);
	fuse_reply_attr(req, &st, timeout);
}

void bfs_op_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	struct bfs *bfs = bfs_of(req);
	struct node *node = bfs_node(bfs, ino);
	char path[PATH_MAX], proc_path[48];
	struct consent_request request = {.path = path, .operation = "access", .exists = true};
	enum consent_verdict verdict;
	int r = bfs_path(bfs, node, NULL, path);
	int fd;

	request.access = mask & W_OK ? CONSENT_WRITE : CONSENT_READ;
	request.target = S_ISDIR(node->type) ? CONSENT_FOLDER : CONSENT_FILE;
	verdict = r < 0 ? CONSENT_DENY : gate_decide(bfs->gate, &request);
	/* A folder without consent can be walked through; a question may still say yes. */
	if (r == 0 && S_ISDIR(node->type) && !(mask & ~X_OK) && verdict != CONSENT_ALLOW)
		r = 0;
	else if (r == 0 && verdict == CONSENT_DENY)
		r = -EACCES;
	else if (r == 0 && verdict == CONSENT_ABSENT)
		r = -ENOENT;
	else if (r == 0 && verdict == CONSENT_ALLOW) {
		fd = node_pin(&bfs->nodes, node);
		if (fd >= 0) {
			bfs_proc_path(fd, proc_path);
			r = faccessat(AT_FDCWD, proc_path, mask, 0) < 0 ? -errno : 0;
			node_unpin(&bfs->nodes, node);
		} else {
			r = fd;
		}
	}
	fuse_reply_err(req, -r);
}

void bfs_op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct bfs *bfs = bfs_of(req);
	struct node *node = bfs_node(bfs, ino);
	char target[PATH_MAX];
	int fd = node_pin(&bfs->nodes, node);
	ssize_t n = fd < 0 ? fd : readlinkat(fd, "", target, sizeof(target));

	if (fd >= 0 && n < 0)
		n = -errno;
	if (fd >= 0)
		node_unpin(&bfs->nodes, node);
	if (n < 0 || n == sizeof(target)) {
		fuse_reply_err(req, n < 0 ? (int)-n : ENAMETOOLONG);
		return;
	}
	target[n] = '\0';
	fuse_reply_readlink(req, target);
}

void bfs_op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct bfs *bfs = bfs_of(req);
	struct node *node = bfs_node(bfs, ino);
	struct statvfs st;
	int fd = node_pin(&bfs->nodes, node);
	int r = fd < 0 ? fd : fstatvfs(fd, &st) < 0 ? -errno : 0;

	if (fd >= 0)
		node_unpin(&bfs->nodes, node);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_statfs(req, &st);
}
