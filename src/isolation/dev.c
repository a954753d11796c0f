/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/dev.h"

#include "isolation/kernel.h"
#include "isolation/tree.h"
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

static const struct {
	const char *path;
	unsigned int major, minor;
} nodes[] = {
	{"/dev/null", 1, 3},   {"/dev/zero", 1, 5},	{"/dev/full", 1, 7},
	{"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
};

static const struct {
	const char *name, *target;
} links[] = {
	{"fd", "/proc/self/fd"},	   {"stdin", "/proc/self/fd/0"},
	{"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
	{"ptmx", "pts/ptmx"},
};

static int add_node(int dev_fd, size_t i, struct appsilo_error *err)
{
	cleanup_close int node_fd = open(nodes[i].path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	cleanup_close int tree_fd = -EBADF;
	struct stat st;
	int r;

	if (node_fd < 0)
		return error_set(err, -errno, "dev: %s", nodes[i].path);
	/* CVE-2025-31133: a node replaced by a link or another file is never bound. */
	if (fstat(node_fd, &st) < 0 || !S_ISCHR(st.st_mode) ||
	    st.st_rdev != makedev(nodes[i].major, nodes[i].minor))
		return error_say(err, -ENODEV, "dev: %s is not the device it should be; repair it",
				 nodes[i].path);
	tree_fd = tree_clone(node_fd, "");
	if (tree_fd < 0)
		return error_set(err, tree_fd, "dev: clone %s", nodes[i].path);
	r = tree_place_at(tree_fd, dev_fd, nodes[i].path + strlen("/dev/"), 0755, 1);
	return r < 0 ? error_set(err, r, "dev: mount %s", nodes[i].path) : 0;
}

int dev_fill(int root_fd, struct appsilo_error *err)
{
	static const char *const options[] = {"newinstance", NULL,	 "ptmxmode", "0666",
					      "mode",	     "0620", NULL};
	cleanup_close int dev_fd = tree_make(root_fd, "/dev", 0755, 0);
	cleanup_close int pts_fd = -EBADF;
	int r = dev_fd < 0 ? error_set(err, dev_fd, "dev: make /dev") : 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(nodes); i++)
		r = add_node(dev_fd, i, err);
	if (r < 0)
		return r;
	pts_fd = tree_new_fs("devpts", options, K_MOUNT_ATTR_NOSUID | K_MOUNT_ATTR_NOEXEC);
	r = pts_fd < 0 ? pts_fd : tree_place_at(pts_fd, dev_fd, "pts", 0755, 0);
	if (r < 0)
		return error_set(err, r, "dev: mount devpts");
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlinkat(links[i].target, dev_fd, links[i].name) < 0)
			return error_set(err, -errno, "dev: link /dev/%s", links[i].name);
	return 0;
}

int dev_open_pty(int *ret_master_fd, int *ret_slave_fd)
{
	cleanup_close int master_fd = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	int unlocked = 0;
	int slave_fd;

	if (master_fd < 0 || ioctl(master_fd, TIOCSPTLCK, &unlocked) < 0)
		return -errno;
	slave_fd = ioctl(master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave_fd < 0)
		return -errno;
	*ret_master_fd = TAKE_FD(master_fd);
	*ret_slave_fd = slave_fd;
	return 0;
}
