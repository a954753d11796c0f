/* SPDX-License-Identifier: Apache-2.0 */
#include "package/new_file.h"

#include "base/text.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

int new_file_open(const char *path, struct new_file *ret, struct appsilo_error *err)
{
	char shown[512];
	struct stat st;
	mode_t mask;

	ret->fd = -EBADF;
	text_show(path, shown, sizeof(shown));
	if (snprintf(ret->path, sizeof(ret->path), "%s", path) >= (int)sizeof(ret->path) ||
	    snprintf(ret->temporary, sizeof(ret->temporary), "%s.new-XXXXXX", path) >=
		    (int)sizeof(ret->temporary))
		return error_set(err, -ENAMETOOLONG, "%s", shown);
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return error_say(err, -EEXIST, "%s: exists and is not a regular file", shown);
	ret->fd = mkostemp(ret->temporary, O_CLOEXEC);
	if (ret->fd < 0)
		return error_set(err, -errno, "%s", shown);
	mask = umask(0);
	umask(mask);
	if (fchmod(ret->fd, 0666 & ~mask) < 0)
		return error_set(err, -errno, "%s", shown);
	return 0;
}

int new_file_commit(struct new_file *file, bool sync, struct appsilo_error *err)
{
	char shown[512];

	if ((sync && fsync(file->fd) < 0) || rename(file->temporary, file->path) < 0)
		return error_set(err, -errno, "%s", text_show(file->path, shown, sizeof(shown)));
	file->temporary[0] = '\0';
	return 0;
}

void new_file_done(struct new_file *file)
{
	int saved = errno;

	if (file->fd >= 0) {
		close(file->fd);
		if (file->temporary[0])
			unlink(file->temporary);
	}
	file->fd = -EBADF;
	errno = saved;
}
