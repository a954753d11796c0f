/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include <stdio.h>
#include <string.h>

/* Append the components of @path to the clean path in @ret, taking ".." lexically. */
static int append_components(const char *path, char *ret, size_t *length, size_t size)
{
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && path[0] == '.' && path[1] == '.') {
			while (*length > 0 && ret[--*length] != '/')
				;
		} else if (n > 0 && !(n == 1 && path[0] == '.')) {
			if (*length + n + 2 > size)
				return -ENAMETOOLONG;
			ret[(*length)++] = '/';
			memcpy(ret + *length, path, n);
			*length += n;
		}
		path += n;
		path += *path == '/';
	}
	return 0;
}

int path_clean(const char *cwd, const char *path, char *ret, size_t size)
{
	size_t length = 0;
	int r;

	if (!*path || size < 2)
		return -EINVAL;
	if (*path != '/') {
		if (!cwd || *cwd != '/')
			return -EINVAL;
		r = append_components(cwd, ret, &length, size);
		if (r < 0)
			return r;
	}
	r = append_components(path, ret, &length, size);
	if (r < 0)
		return r;
	if (length == 0)
		ret[length++] = '/';
	ret[length] = '\0';
	return 0;
}

bool path_is_under(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	if (n == 1 && folder[0] == '/')
		return true;
	return strncmp(path, folder, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

size_t path_parent_length(const char *path, size_t length)
{
	if (length <= 1)
		return 0;
	while (length > 0 && path[length - 1] != '/')
		length--;
	return length > 1 ? length - 1 : 1;
}

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

const char *path_split(const char *path, char *folder, size_t size)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	while (n > 0 && path[n - 1] != '/')
		n--;
	snprintf(folder, size, "%.*s", (int)n, path);
	return path + n;
}

int path_join(const char *folder, const char *name, char *ret, size_t size)
{
	int n = snprintf(ret, size, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, name);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}
