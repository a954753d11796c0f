/* SPDX-License-Identifier: Apache-2.0 */
/* Lexical paths against a slow way that splits them into names. Input: cwd NUL path NUL other. */
#include "fuzz.h"

#include "base/path.h"
#include <errno.h>
#include <limits.h>
#include <string.h>

#define NAMES_MAX 4096

struct names {
	const char *at[NAMES_MAX];
	size_t length[NAMES_MAX];
	size_t n;
};

static void add_names(struct names *names, const char *path)
{
	for (const char *end; *path; path = *end ? end + 1 : end) {
		end = path + strcspn(path, "/");
		if (end == path || (end - path == 1 && *path == '.'))
			continue;
		if (end - path == 2 && path[0] == '.' && path[1] == '.') {
			names->n -= names->n > 0;
			continue;
		}
		ALWAYS(names->n < NAMES_MAX);
		names->at[names->n] = path;
		names->length[names->n++] = (size_t)(end - path);
	}
}

static void check_clean(const char *cwd, const char *path, const char *clean)
{
	static struct names names;
	char want[2 * PATH_MAX] = "";
	size_t used = 0;

	names.n = 0;
	if (*path != '/')
		add_names(&names, cwd);
	add_names(&names, path);
	for (size_t i = 0; i < names.n; i++)
		used += (size_t)snprintf(want + used, sizeof(want) - used, "/%.*s",
					 (int)names.length[i], names.at[i]);
	ALWAYS(strcmp(clean, used ? want : "/") == 0);
}

static void check_under(const char *path, const char *folder)
{
	char with_slash[PATH_MAX + 2], parent[PATH_MAX];
	size_t n = path_parent_length(path, strlen(path));
	bool under;

	snprintf(with_slash, sizeof(with_slash), "%s%s", folder, strcmp(folder, "/") == 0 ? "" : "/");
	under = strcmp(path, folder) == 0 || strncmp(path, with_slash, strlen(with_slash)) == 0;
	ALWAYS(path_is_under(path, folder) == under);
	ALWAYS(path_is_under(path, path) && path_is_under(path, "/"));
	ALWAYS((n == 0) == (strcmp(path, "/") == 0));
	if (n == 0)
		return;
	snprintf(parent, sizeof(parent), "%.*s", (int)n, path);
	ALWAYS(path_is_under(path, parent) && !path_is_under(parent, path));
	ALWAYS(!strchr(path_base(path), '/'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[3 * 2048 + 4] = "", clean[PATH_MAX], other[PATH_MAX], tiny[20];
	const char *cwd = text, *path, *second;

	if (size > 3 * 2048)
		return 0;
	memcpy(text, data, size);
	path = cwd + strlen(cwd) + (strlen(cwd) < size);
	second = path + strlen(path) + (path + strlen(path) < text + size);
	if (path_clean(cwd, path, clean, sizeof(clean)) < 0) {
		ALWAYS(!*path || (*path != '/' && *cwd != '/') || strlen(cwd) + strlen(path) > 2048);
		return 0;
	}
	check_clean(cwd, path, clean);
	if (path_clean(cwd, path, tiny, sizeof(tiny)) == 0)
		ALWAYS(strcmp(tiny, clean) == 0);
	if (path_clean("/", second, other, sizeof(other)) == 0) {
		check_under(clean, other);
		check_under(other, clean);
	}
	return 0;
}
