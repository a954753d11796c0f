/* SPDX-License-Identifier: Apache-2.0 */
/* Starting and stopping the file system. */
#include "broker/fs/internal.h"

#include "base/path.h"
#include "base/pin.h"
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/statfs.h>

static void want(struct fuse_conn_info *conn, unsigned int capability)
{
	if (conn->capable & capability)
		conn->want |= capability;
}

static void on_init(void *data, struct fuse_conn_info *conn)
{
	(void)data;
	conn->max_write = BFS_IO_MAX;
	conn->max_readahead = BFS_IO_MAX;
	conn->time_gran = 1;
	want(conn, FUSE_CAP_SPLICE_READ);
	want(conn, FUSE_CAP_SPLICE_WRITE);
	want(conn, FUSE_CAP_SPLICE_MOVE);
	want(conn, FUSE_CAP_ATOMIC_O_TRUNC);
	want(conn, FUSE_CAP_PARALLEL_DIROPS);
	want(conn, FUSE_CAP_READDIRPLUS);
	want(conn, FUSE_CAP_READDIRPLUS_AUTO);
	want(conn, FUSE_CAP_AUTO_INVAL_DATA);
	want(conn, FUSE_CAP_ASYNC_READ);
	/* The broker does not serve NFS handles and keeps no dirty pages. */
	conn->want &= ~(unsigned int)(FUSE_CAP_EXPORT_SUPPORT | FUSE_CAP_WRITEBACK_CACHE);
}

static const struct fuse_lowlevel_ops operations = {
	.init = on_init,
	.lookup = bfs_op_lookup,
	.forget = bfs_op_forget,
	.forget_multi = bfs_op_forget_multi,
	.getattr = bfs_op_getattr,
	.setattr = bfs_op_setattr,
	.access = bfs_op_access,
	.readlink = bfs_op_readlink,
	.statfs = bfs_op_statfs,
	.open = bfs_op_open,
	.create = bfs_op_create,
	.release = bfs_op_release,
	.read = bfs_op_read,
	.write_buf = bfs_op_write_buf,
	.flush = bfs_op_flush,
	.fsync = bfs_op_fsync,
	.fallocate = bfs_op_fallocate,
	.lseek = bfs_op_lseek,
	.copy_file_range = bfs_op_copy_file_range,
	.opendir = bfs_op_opendir,
	.readdir = bfs_op_readdir,
	.readdirplus = bfs_op_readdirplus,
	.releasedir = bfs_op_releasedir,
	.fsyncdir = bfs_op_fsyncdir,
	.mknod = bfs_op_mknod,
	.mkdir = bfs_op_mkdir,
	.symlink = bfs_op_symlink,
	.link = bfs_op_link,
	.unlink = bfs_op_unlink,
	.rmdir = bfs_op_rmdir,
	.rename = bfs_op_rename,
	.setxattr = bfs_op_setxattr,
	.getxattr = bfs_op_getxattr,
	.listxattr = bfs_op_listxattr,
	.removexattr = bfs_op_removexattr,
};

/* While the sandbox's root is built, init waits for one answer at a time: on its processor,
 * answering needs no wake-up of another. */
static void serve_start(struct bfs *bfs)
{
	struct fuse_buf buf = {.mem = malloc(BFS_REQUEST_MAX)};
	struct pin pin;
	ssize_t n;

	pin_to(&pin, bfs->start_cpu);
	/* A plain read: small requests do not pay for a pipe to splice through. */
	while (buf.mem && !atomic_load(&bfs->started) && !fuse_session_exited(bfs->session)) {
		n = read(fuse_session_fd(bfs->session), buf.mem, BFS_REQUEST_MAX);
		if (n <= 0)
			break; /* the workers' loop knows what to make of it */
		buf.size = (size_t)n;
		fuse_session_process_buf(bfs->session, &buf);
	}
	free(buf.mem);
	pin_release(&pin);
}

void bfs_started(struct bfs *bfs)
{
	atomic_store(&bfs->started, true);
}

static void *serve(void *data)
{
	struct bfs *bfs = data;
	struct fuse_loop_config *config = fuse_loop_cfg_create();

	serve_start(bfs);

	if (!config)
		return NULL;
	fuse_loop_cfg_set_max_threads(config, BFS_THREADS);
	fuse_loop_cfg_set_idle_threads(config, BFS_THREADS);
	fuse_loop_cfg_set_clone_fd(config, 0);
	fuse_session_loop_mt(bfs->session, config);
	fuse_loop_cfg_destroy(config);
	return NULL;
}

static void release(struct bfs *bfs)
{
	if (!bfs)
		return;
	if (bfs->session)
		fuse_session_destroy(bfs->session);
	node_table_done(&bfs->nodes);
	close_keep_errno(bfs->proc_fd_dir);
	free(bfs);
}

DEFINE_CLEANUP(struct bfs *, release)

static int open_roots(struct bfs *bfs, struct appsilo_error *err)
{
	struct statfs fs;
	int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = root_fd < 0 ? -errno : node_table_init(&bfs->nodes, root_fd);

	if (r < 0)
		return error_set(err, r, "broker: open /");
	bfs->proc_fd_dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (bfs->proc_fd_dir < 0 || fstatfs(bfs->proc_fd_dir, &fs) < 0)
		return error_set(err, -errno, "broker: open /proc/self/fd");
	/* CVE-2025-52881: a fake /proc would let names stand in for descriptors. */
	if (fs.f_type != PROC_SUPER_MAGIC)
		return error_say(err, -ENODEV, "broker: /proc is not procfs; mount it");
	return 0;
}

int bfs_start(const struct bfs_config *config, struct bfs **ret, struct appsilo_error *err)
{
	char *words[] = {(char *)"appsilo", NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, words);
	cleanup(releasep) struct bfs *bfs = calloc(1, sizeof(*bfs));
	char mountpoint[32];
	int r;

	if (!bfs)
		return error_set(err, -ENOMEM, "broker");
	bfs->proc_fd_dir = -EBADF;
	bfs->gate = config->gate;
	bfs->own_uid = geteuid();
	bfs->own_gid = getegid();
	bfs->app_uid = config->app_uid;
	bfs->app_gid = config->app_gid;
	bfs->hidden = config->hidden;
	bfs->start_cpu = config->start_cpu;
	r = open_roots(bfs, err);
	if (r < 0)
		return r;
	bfs->session = fuse_session_new(&args, &operations, sizeof(operations), bfs);
	snprintf(mountpoint, sizeof(mountpoint), "/dev/fd/%d", config->device_fd);
	if (!bfs->session || fuse_session_mount(bfs->session, mountpoint) != 0)
		return error_say(err, -EIO, "broker: cannot serve the FUSE mount");
	r = -pthread_create(&bfs->thread, NULL, serve, bfs);
	if (r < 0)
		return error_set(err, r, "broker: start a thread");
	bfs->running = true;
	*ret = TAKE_PTR(bfs);
	return 0;
}

struct change {
	struct bfs *bfs;
	const char *path;
};

/* Attributes only: pages stay, reads check their file again anyway. So the kernel waits for
 * nothing here, and a handler may call it. It may not know the node any more. */
static void forget_attributes(struct bfs *bfs, struct node *node)
{
	(void)fuse_lowlevel_notify_inval_inode(bfs->session, bfs_ino(bfs, node), -1, 0);
}

static void forget_one(void *data, struct node *node)
{
	struct change *c = data;
	char path[PATH_MAX];

	if (c->path && (bfs_path(c->bfs, node, NULL, path) < 0 || !path_is_under(path, c->path)))
		return;
	if (!node_change(&c->bfs->nodes, node))
		return;
	forget_attributes(c->bfs, node);
	node_change_end(&c->bfs->nodes, node);
}

void bfs_opened(struct bfs *bfs, struct node *node)
{
	if (!node_open(&bfs->nodes, node))
		return;
	forget_attributes(bfs, node);
	node_change_end(&bfs->nodes, node);
}

void bfs_invalidate(struct bfs *bfs, const char *path)
{
	struct change change = {bfs, path};

	node_each(&bfs->nodes, forget_one, &change);
}

void bfs_stop(struct bfs *bfs)
{
	if (!bfs)
		return;
	fuse_session_exit(bfs->session);
	/* The workers sit in read(); the process ends right after, and takes them along. */
	if (bfs->running)
		pthread_detach(bfs->thread);
}
