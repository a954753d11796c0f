/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/sockets.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define PREFIX "appsilo-mcp-"

/* Sockets and nothing else; a folder with anything more stays. */
static void remove_folder(int place_fd, const char *name, int folder_fd)
{
	DIR *stream = fdopendir(dup(folder_fd));
	struct dirent *entry;

	while (stream && (entry = readdir(stream)))
		if (entry->d_type == DT_SOCK)
			(void)unlinkat(folder_fd, entry->d_name, 0);
	if (stream)
		closedir(stream);
	(void)unlinkat(place_fd, name, AT_REMOVEDIR);
}

/* Ours, and nobody holds it. In /tmp anybody can make such a name. */
static bool is_left(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static void sweep(const char *place)
{
	DIR *stream = opendir(place);
	struct dirent *entry;

	while (stream && (entry = readdir(stream))) {
		cleanup_close int fd = -EBADF;

		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0)
			continue;
		fd = openat(dirfd(stream), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0 && is_left(fd))
			remove_folder(dirfd(stream), entry->d_name, fd);
	}
	if (stream)
		closedir(stream);
}

/* Another server may take a folder that is not yet locked for one that was left. */
static int make(const char *place, struct sockets *ret)
{
	struct stat st;
	int fd;

	if (snprintf(ret->folder, sizeof(ret->folder), "%s/" PREFIX "XXXXXX", place) >= (int)sizeof(ret->folder))
		return -ENAMETOOLONG;
	if (!mkdtemp(ret->folder))
		return -errno;
	fd = open(ret->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && stat(ret->folder, &st) == 0) {
		ret->lock_fd = fd;
		return 0;
	}
	close_keep_errno(fd);
	return -EAGAIN;
}

int sockets_make(struct sockets *ret, struct appsilo_error *err)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	const char *places[] = {runtime && *runtime == '/' ? runtime : "/tmp", "/tmp"};
	int r = -EAGAIN;

	for (int i = 0; i < 4 && r < 0; i++) {
		sweep(places[i / 2]);
		r = make(places[i / 2], ret);
	}
	if (r < 0)
		*ret->folder = '\0';
	return r < 0 ? error_set(err, r, "mcp: make a folder in /tmp") : 0;
}

void sockets_remove(struct sockets *s)
{
	if (!*s->folder)
		return;
	remove_folder(AT_FDCWD, s->folder, s->lock_fd);
	close_keep_errno(TAKE_FD(s->lock_fd));
}
