/* SPDX-License-Identifier: Apache-2.0 */
/* Changing attributes: chmod, chown, truncate, utimens. */
#include "broker/fs/internal.h"

#include <fcntl.h>

static int set_size(struct op *op, int fd)
{
	int write_fd, r;

	if (op->fi.fh)
		return ftruncate((int)op->fi.fh, op->attr.st_size) < 0 ? -errno : 0;
	write_fd = bfs_reopen(op->bfs, fd, O_WRONLY);
	if (write_fd < 0)
		return write_fd;
	r = ftruncate(write_fd, op->attr.st_size) < 0 ? -errno : 0;
	close(write_fd);
	return r;
}

static int set_owner(struct op *op, int fd)
{
	uid_t uid = op->flags & FUSE_SET_ATTR_UID ? op->attr.st_uid : (uid_t)-1;
	gid_t gid = op->flags & FUSE_SET_ATTR_GID ? op->attr.st_gid : (gid_t)-1;

	if (uid == op->bfs->app_uid)
		uid = op->bfs->own_uid;
	if (gid == op->bfs->app_gid)
		gid = op->bfs->own_gid;
	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int set_times(struct op *op, int fd)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};
	char path[48];

	if (op->flags & FUSE_SET_ATTR_ATIME_NOW)
		times[0].tv_nsec = UTIME_NOW;
	else if (op->flags & FUSE_SET_ATTR_ATIME)
		times[0] = op->attr.st_atim;
	if (op->flags & FUSE_SET_ATTR_MTIME_NOW)
		times[1].tv_nsec = UTIME_NOW;
	else if (op->flags & FUSE_SET_ATTR_MTIME)
		times[1] = op->attr.st_mtim;
	if (S_ISLNK(op->node->type)) /* a held link has no other handle that takes times */
		return utimensat(fd, "", times, AT_EMPTY_PATH) < 0 ? -errno : 0;
	bfs_proc_path(fd, path);
	return utimensat(AT_FDCWD, path, times, 0) < 0 ? -errno : 0;
}

static int set_all(struct op *op, int fd)
{
	char path[48];
	int r = 0;

	if (op->flags & FUSE_SET_ATTR_SIZE)
		r = set_size(op, fd);
	if (r == 0 && op->flags & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID))
		r = set_owner(op, fd);
	if (r == 0 && op->flags & FUSE_SET_ATTR_MODE) {
		bfs_proc_path(fd, path);
		r = chmod(path, op->attr.st_mode & 07777) < 0 ? -errno : 0;
	}
	if (r == 0 && op->flags & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME |
				   FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME_NOW))
		r = set_times(op, fd);
	return r;
}

static void run_setattr(struct op *op)
{
	struct bfs *bfs = op->bfs;
	int fd = node_pin(&bfs->nodes, op->node);
	int r = fd < 0 ? fd : set_all(op, fd);
	struct stat st;

	if (fd >= 0) {
		if (r == 0 && fstat(fd, &st) < 0)
			r = -errno;
		node_unpin(&bfs->nodes, op->node);
	} else if (fd == -ESTALE && op->fi.fh && op->flags == FUSE_SET_ATTR_SIZE) {
		/* Deleted but open for writing. */
		r = set_size(op, -EBADF);
		if (r == 0 && fstat((int)op->fi.fh, &st) < 0)
			r = -errno;
	}
	if (r < 0) {
		op_end(op, r);
		return;
	}
	if (st.st_uid == bfs->own_uid)
		st.st_uid = bfs->app_uid;
	if (st.st_gid == bfs->own_gid)
		st.st_gid = bfs->app_gid;
	fuse_reply_attr(op->req, &st, 0);
	op_free(op);
}

void bfs_op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		    struct fuse_file_info *fi)
{
	const char *word = to_set & FUSE_SET_ATTR_SIZE				? "truncate"
			   : to_set & FUSE_SET_ATTR_MODE			? "chmod"
			   : to_set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID) ? "chown"
										: "utimens";
	struct op *op = op_new(req, word, ino, NULL, run_setattr);
	const int size_only = FUSE_SET_ATTR_SIZE;

	if (!op)
		return;
	op->attr = *attr;
	op->flags = to_set & (FUSE_SET_ATTR_SIZE | FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID |
			      FUSE_SET_ATTR_GID | FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME |
			      FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME_NOW);
	if (fi)
		op->fi = *fi;
	/* ftruncate on a descriptor that is open for writing was consented to already. */
	if (!(fi && (to_set & size_only) && (fcntl((int)fi->fh, F_GETFL) & O_ACCMODE) != O_RDONLY))
		op_need(op, op->node, NULL, CONSENT_WRITE);
	op_start(op);
}
