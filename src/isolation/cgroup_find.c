/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/cgroup.h"

#include "base/fd.h"
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/vfs.h>

#define MOUNT "/sys/fs/cgroup"
#define CGROUP2_MAGIC 0x63677270
#define LIST_BYTES 8192

static const struct {
	const char *name;
	unsigned int what;
} controllers[] = {
	{"memory", CGROUP_MEMORY},
	{"pids", CGROUP_PIDS},
	{"cpu", CGROUP_CPU},
	{"cpuacct", CGROUP_CPU_TIME},
};

static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (;;) {
		words += strspn(words, " \n");
		if (!*words)
			return false;
		if (strcspn(words, " \n") == n && strncmp(words, word, n) == 0)
			return true;
		words += strcspn(words, " \n");
	}
}

static int set_path(struct cgroup_place *place, const char *mount, const char *path)
{
	int n = snprintf(place->parent, sizeof(place->parent), "%s%s", mount,
			 strcmp(path, "/") == 0 ? "/." : path);

	return n < 0 || (size_t)n >= sizeof(place->parent) ? -ENAMETOOLONG : 0;
}

/* One line, "4:cpu,cpuacct:/our/group": the hierarchy's controllers and our place in it, which
 * a container may show as the hierarchy's root. */
static bool find_v1(unsigned int wanted, char *line, struct cgroup_place *ret)
{
	char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
	char mount[64] = "";
	char *name, *rest;

	ret->what = 0;
	if (!path)
		return false;
	*path++ = '\0';
	for (name = strtok_r(names + 1, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
		for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
			if (!(wanted & controllers[i].what) || strcmp(name, controllers[i].name) != 0)
				continue;
			ret->what |= controllers[i].what;
			snprintf(mount, sizeof(mount), MOUNT "/%s", name);
		}
	}
	if (!ret->what || set_path(ret, mount, path) < 0)
		return false;
	return access(ret->parent, F_OK) == 0 ||
	       (set_path(ret, mount, "/") == 0 && access(ret->parent, F_OK) == 0);
}

/* Groups get only the controllers that the one above them shares out. */
static bool share_out(int dir_fd, const char *controller)
{
	char text[LIST_BYTES], word[32];

	if (fd_read_file(dir_fd, "cgroup.subtree_control", text, sizeof(text)) >= 0 &&
	    has_word(text, controller))
		return true;
	if (fd_read_file(dir_fd, "cgroup.controllers", text, sizeof(text)) < 0 ||
	    !has_word(text, controller))
		return false;
	snprintf(word, sizeof(word), "+%s", controller);
	return fd_write_file(dir_fd, "cgroup.subtree_control", word) == 0;
}

/* Beside our own group: below it, only the root of all groups can have processes itself. */
static bool find_v2(unsigned int wanted, const char *line, struct cgroup_place *ret)
{
	const char *own = line + strlen("0::");
	cleanup_close int dir_fd = -EBADF;
	char *last;

	if (strncmp(line, "0::", 3) != 0 || set_path(ret, MOUNT, own) < 0)
		return false;
	last = strrchr(ret->parent, '/');
	if (strcmp(own, "/") != 0)
		*last = '\0';
	dir_fd = open(ret->parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return false;
	ret->what = wanted & CGROUP_CPU_TIME; /* of every group */
	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++)
		if (wanted & controllers[i].what & ~ret->what && share_out(dir_fd, controllers[i].name))
			ret->what |= controllers[i].what;
	return ret->what != 0;
}

int cgroup_own_dir(void)
{
	char text[LIST_BYTES], *rest, *line;
	struct cgroup_place own;
	ssize_t n = fd_read_file(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text));
	int fd;

	if (n < 0)
		return (int)n;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (strncmp(line, "0::", 3) == 0 && set_path(&own, MOUNT, line + 3) == 0) {
			fd = open(own.parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			return fd < 0 ? -errno : fd;
		}
	return -ENOENT;
}

static bool is_ours(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	size_t n = strlen(CGROUP_NAME_PREFIX);

	return strncmp(name, CGROUP_NAME_PREFIX, n) == 0 && strlen(name + n) == 16 &&
	       strspn(name + n, "0123456789abcdef") == 16;
}

/* Returns how many lines @take has found a place in. */
static size_t find_in(const char *path, unsigned int wanted,
		      bool (*take_v1)(unsigned int, char *, struct cgroup_place *),
		      bool (*take_v2)(unsigned int, const char *, struct cgroup_place *),
		      struct cgroup_place ret[CGROUP_PARTS_MAX], int *ret_version)
{
	char text[LIST_BYTES], *rest, *line;
	struct statfs fs;
	size_t n = 0;

	*ret_version = 0;
	if (statfs(MOUNT, &fs) < 0 || fd_read_file(AT_FDCWD, path, text, sizeof(text)) < 0)
		return 0;
	*ret_version = fs.f_type == CGROUP2_MAGIC ? 2 : 1;
	for (line = strtok_r(text, "\n", &rest); line && n < CGROUP_PARTS_MAX;
	     line = strtok_r(NULL, "\n", &rest))
		n += *ret_version == 2 ? take_v2(wanted, line, &ret[n]) : take_v1(wanted, line, &ret[n]);
	return n;
}

size_t cgroup_find(unsigned int wanted, struct cgroup_place ret[CGROUP_PARTS_MAX],
		   int *ret_version)
{
	return find_in("/proc/self/cgroup", wanted, find_v1, find_v2, ret, ret_version);
}

static bool find_own_v1(unsigned int wanted, char *line, struct cgroup_place *ret)
{
	return find_v1(wanted, line, ret) && is_ours(ret->parent);
}

static bool find_own_v2(unsigned int wanted, const char *line, struct cgroup_place *ret)
{
	ret->what = wanted;
	return strncmp(line, "0::", 3) == 0 && set_path(ret, MOUNT, line + 3) == 0 && is_ours(ret->parent);
}

size_t cgroup_find_member(pid_t pid, struct cgroup_place ret[CGROUP_PARTS_MAX], int *ret_version)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	return find_in(path, CGROUP_MEMORY | CGROUP_CPU_TIME, find_own_v1, find_own_v2, ret, ret_version);
}
