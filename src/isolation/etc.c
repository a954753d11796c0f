/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/etc.h"

#include "base/fd.h"
#include "isolation/kernel.h"
#include "isolation/tree.h"
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

/* What programs need to run and that says nothing about the host's users or network. */
static const char *const shown[] = {"alternatives", "fonts",	 "inputrc",    "ld.so.cache",
				    "localtime",    "mime.types", "os-release", "pki",
				    "protocols",    "python3.11", "services",	"ssl",
				    "terminfo",	    "timezone",	 NULL};

static int write_file(int etc_fd, const char *name, const char *text)
{
	cleanup_close int fd =
		openat(etc_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);

	return fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
}

static int show(int etc_fd, const char *name, struct appsilo_error *err)
{
	char path[64], target[PATH_MAX];
	cleanup_close int tree_fd = -EBADF;
	struct stat st;
	ssize_t n;
	int r;

	snprintf(path, sizeof(path), "/etc/%s", name);
	if (lstat(path, &st) < 0)
		return 0;
	if (S_ISLNK(st.st_mode)) {
		n = readlink(path, target, sizeof(target) - 1);
		if (n < 0)
			return error_set(err, -errno, "etc: %s", path);
		target[n] = '\0';
		return symlinkat(target, etc_fd, name) < 0 ? error_set(err, -errno, "etc: %s", path)
							   : 0;
	}
	tree_fd = tree_clone(AT_FDCWD, path);
	if (tree_fd < 0)
		return error_set(err, tree_fd, "etc: clone %s", path);
	r = tree_attributes(tree_fd,
			    K_MOUNT_ATTR_RDONLY | K_MOUNT_ATTR_NOSUID | K_MOUNT_ATTR_NODEV, 0);
	if (r == 0)
		r = tree_place_at(tree_fd, etc_fd, name, 0755, !S_ISDIR(st.st_mode));
	return r < 0 ? error_set(err, r, "etc: mount %s", path) : 0;
}

static int make_up(int etc_fd, const struct plan *plan)
{
	char text[PATH_MAX + 512];
	int r;

	snprintf(text, sizeof(text),
		 "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n"
		 "%s:x:%u:%u::%s:/bin/sh\n"
		 "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
		 plan->user_name, plan->uid, plan->gid, plan->home);
	r = write_file(etc_fd, "passwd", text);
	if (r < 0)
		return r;
	snprintf(text, sizeof(text), "root:x:0:\n%s:x:%u:\nnogroup:x:65534:\n", plan->user_name,
		 plan->gid);
	r = write_file(etc_fd, "group", text);
	if (r == 0)
		r = write_file(etc_fd, "nsswitch.conf",
			       "passwd: files\ngroup: files\nhosts: files dns\n"
			       "services: files\nprotocols: files\n");
	if (r == 0)
		r = write_file(etc_fd, "hosts", "127.0.0.1 localhost\n::1 localhost\n");
	if (r == 0)
		r = write_file(etc_fd, "hostname", "appsilo\n");
	if (r == 0)
		r = write_file(etc_fd, "resolv.conf", "# no network\n");
	return r;
}

int etc_fill(int root_fd, const struct plan *plan, struct appsilo_error *err)
{
	cleanup_close int etc_fd = -EBADF;
	int r;

	if (mkdirat(root_fd, "etc", 0755) < 0)
		return error_set(err, -errno, "etc: make /etc");
	etc_fd = openat(root_fd, "etc", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (etc_fd < 0)
		return error_set(err, -errno, "etc: open /etc");
	r = make_up(etc_fd, plan);
	if (r < 0)
		return error_set(err, r, "etc: write");
	for (size_t i = 0; r == 0 && shown[i]; i++)
		r = show(etc_fd, shown[i], err);
	return r;
}
