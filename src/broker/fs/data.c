/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of open files. Consent was given at open; here the descriptor acts. Locks are not
 * implemented on purpose: the kernel then keeps flock and fcntl locks itself, correct among
 * the sandbox's processes; attached folders have the host's own locks.
 */
#include "broker/fs/internal.h"

#include <fcntl.h>

static int fd_of(const struct fuse_file_info *fi)
{
	return (int)fi->fh;
}

void bfs_op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct fuse_bufvec buffer = FUSE_BUFVEC_INIT(size);

	(void)ino;
	buffer.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	buffer.buf[0].fd = fd_of(fi);
	buffer.buf[0].pos = off;
	fuse_reply_data(req, &buffer, FUSE_BUF_SPLICE_MOVE);
}

void bfs_op_write_buf(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *in, off_t off,
		      struct fuse_file_info *fi)
{
	struct fuse_bufvec out = FUSE_BUFVEC_INIT(fuse_buf_size(in));
	ssize_t n;

	(void)ino;
	out.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	out.buf[0].fd = fd_of(fi);
	out.buf[0].pos = off;
	n = fuse_buf_copy(&out, in, 0);
	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else
		fuse_reply_write(req, (size_t)n);
}

void bfs_op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	/* Nothing is buffered here; the kernel remembers ENOSYS and stops asking. */
	fuse_reply_err(req, ENOSYS);
}

void bfs_op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	int r = datasync ? fdatasync(fd_of(fi)) : fsync(fd_of(fi));

	(void)ino;
	fuse_reply_err(req, r < 0 ? errno : 0);
}

void bfs_op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
		      struct fuse_file_info *fi)
{
	(void)ino;
	fuse_reply_err(req, fallocate(fd_of(fi), mode, offset, length) < 0 ? errno : 0);
}

void bfs_op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi)
{
	off_t r = lseek(fd_of(fi), off, whence);

	(void)ino;
	if (r < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_lseek(req, r);
}

void bfs_op_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in,
			    struct fuse_file_info *fi_in, fuse_ino_t ino_out, off_t off_out,
			    struct fuse_file_info *fi_out, size_t len, int flags)
{
	ssize_t n = copy_file_range(fd_of(fi_in), &off_in, fd_of(fi_out), &off_out, len,
				    (unsigned int)flags);

	(void)ino_in;
	(void)ino_out;
	if (n < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_write(req, (size_t)n);
}
