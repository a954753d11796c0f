/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/environment.h"

#include "base/path.h"
#include <string.h>

#define FALLBACK_PATH "/usr/local/bin:/usr/bin:/bin"

static const char *const allowed[] = {
	"LANG",	      "LANGUAGE", "LC_ALL",	 "LC_CTYPE",	"LC_COLLATE",  "LC_MESSAGES",
	"LC_NUMERIC", "LC_TIME",  "LC_MONETARY", "TERM",	"COLORTERM",   "NO_COLOR",
	"FORCE_COLOR", "TZ",	  "COLUMNS",	 "LINES",	NULL};

int environment_set(struct environment *env, const char *name, const char *value)
{
	size_t length = strlen(name);
	char *entry = malloc(length + strlen(value) + 2);

	if (!entry)
		return -ENOMEM;
	sprintf(entry, "%s=%s", name, value);
	for (size_t i = 0; i < env->n; i++) {
		if (strncmp(env->entries[i], entry, length + 1) == 0) {
			free(env->entries[i]);
			env->entries[i] = entry;
			return 0;
		}
	}
	if (env->n == ENVIRONMENT_MAX) {
		free(entry);
		return -E2BIG;
	}
	env->entries[env->n++] = entry;
	env->entries[env->n] = NULL;
	return 0;
}

int environment_allow_listed(struct environment *env)
{
	int r = 0;

	for (size_t i = 0; r == 0 && allowed[i]; i++) {
		const char *value = getenv(allowed[i]);

		if (value)
			r = environment_set(env, allowed[i], value);
	}
	return r;
}

static int is_system_folder(const char *path)
{
	static const char *const folders[] = {"/usr", "/bin", "/sbin", NULL};

	for (size_t i = 0; folders[i]; i++)
		if (path_is_under(path, folders[i]))
			return 1;
	return 0;
}

void environment_system_path(const char *path, char *ret, size_t size)
{
	char entry[512], clean[512];
	size_t used = 0;

	*ret = '\0';
	while (path && *path) {
		size_t n = strcspn(path, ":");

		snprintf(entry, sizeof(entry), "%.*s", (int)n, path);
		/* Clean first: "/usr/../home/u" begins like a system folder. */
		if (n < sizeof(entry) && path_clean(NULL, entry, clean, sizeof(clean)) == 0 &&
		    is_system_folder(clean) && used + n + 2 < size)
			used += (size_t)sprintf(ret + used, "%s%s", used ? ":" : "", clean);
		path += n;
		path += *path == ':';
	}
	if (used == 0)
		snprintf(ret, size, FALLBACK_PATH);
}

void environment_done(struct environment *env)
{
	for (size_t i = 0; i < env->n; i++)
		free(env->entries[i]);
	env->n = 0;
}
