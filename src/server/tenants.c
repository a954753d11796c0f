/* SPDX-License-Identifier: Apache-2.0 */
#include "server/tenants.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define LINE_MAX_BYTES 1024
#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
/* RFC 6750, section 2.1. */
#define TOKEN_LETTERS NAME_LETTERS "~+/="

static void digest_of(const char *token, size_t length, unsigned char ret[SHA256_SIZE])
{
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, token, length);
	sha256_finish(&s, ret);
}

/* Takes the same time whatever differs. */
static unsigned int difference(const unsigned char *a, const unsigned char *b)
{
	volatile unsigned int all = 0;

	for (size_t i = 0; i < SHA256_SIZE; i++)
		all |= a[i] ^ b[i];
	return all;
}

static int take_quota(const char *word, struct tenant *ret)
{
	const struct {
		const char *name;
		uint64_t *value;
	} quotas[] = {{"concurrent=", &ret->concurrent},
		      {"queue=", &ret->waiting_max},
		      {"per-minute=", &ret->per_minute}};
	char *end;

	for (size_t i = 0; i < ARRAY_SIZE(quotas); i++) {
		size_t n = strlen(quotas[i].name);

		if (strncmp(word, quotas[i].name, n) != 0)
			continue;
		errno = 0;
		*quotas[i].value = strtoull(word + n, &end, 10);
		return errno || *end || word[n] < '1' || word[n] > '9' ? -EINVAL : 0;
	}
	return -EINVAL;
}

/* Returns 1 for a tenant, 0 for an empty line or comment; -EINVAL. */
static int read_line(char *line, struct tenant *ret)
{
	char *rest = NULL, *name = strtok_r(line, " \t\n", &rest), *token, *word;
	size_t length;

	*ret = (struct tenant){0};
	if (!name || *name == '#')
		return 0;
	token = strtok_r(NULL, " \t\n", &rest);
	length = token ? strlen(token) : 0;
	if (strlen(name) >= TENANT_NAME_MAX || name[strspn(name, NAME_LETTERS)] ||
	    length < TOKEN_LENGTH_MIN || length > TOKEN_LENGTH_MAX ||
	    token[strspn(token, TOKEN_LETTERS)])
		return -EINVAL;
	strcpy(ret->name, name);
	digest_of(token, length, ret->digest);
	while ((word = strtok_r(NULL, " \t\n", &rest)))
		if (take_quota(word, ret) < 0)
			return -EINVAL;
	ret->allowance = (double)ret->per_minute;
	return 1;
}

static int add_tenant(struct tenants *t, const struct tenant *one)
{
	struct tenant *bigger;

	if (t->n == TENANTS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->all[i].name, one->name) == 0 ||
		    !difference(t->all[i].digest, one->digest))
			return -EEXIST;
	bigger = reallocarray(t->all, t->n + 1, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	t->all = bigger;
	t->all[t->n++] = *one;
	return 0;
}

static int read_file(FILE *file, const char *path, struct tenants *ret, struct appsilo_error *err)
{
	char line[LINE_MAX_BYTES];

	for (int number = 1; fgets(line, sizeof(line), file); number++) {
		struct tenant one;
		int r = strchr(line, '\n') || feof(file) ? read_line(line, &one) : -EINVAL;

		r = r > 0 ? add_tenant(ret, &one) : r;
		explicit_bzero(line, sizeof(line));
		if (r == -EEXIST)
			return error_say(err, -EINVAL, "%s line %d: a name or token given twice", path,
					 number);
		if (r < 0)
			return error_say(err, -EINVAL,
					 "%s line %d: not NAME TOKEN [concurrent=N] [queue=N] "
					 "[per-minute=N]; a token has %d characters or more",
					 path, number, TOKEN_LENGTH_MIN);
	}
	return ret->n ? 0 : error_say(err, -EINVAL, "%s: no token in it", path);
}

int tenants_load(const char *path, struct tenants *ret, struct appsilo_error *err)
{
	cleanup_fclose FILE *file = NULL;
	struct stat st;

	*ret = (struct tenants){.open = !path};
	if (!path) {
		struct tenant anonymous = {.name = "anonymous"};
		int r = add_tenant(ret, &anonymous);

		return r < 0 ? error_set(err, r, "tokens") : 0;
	}
	file = fopen(path, "re");
	if (!file || fstat(fileno(file), &st) < 0)
		return error_set(err, -errno, "--token-file %s", path);
	if (st.st_mode & (S_IROTH | S_IWOTH | S_IWGRP))
		return error_say(err, -EPERM, "--token-file %s: others may read or change it; "
				 "chmod 600 it", path);
	return read_file(file, path, ret, err);
}

void tenants_done(struct tenants *t)
{
	free(t->all);
	*t = (struct tenants){0};
}

struct tenant *tenants_find(struct tenants *t, const char *authorization)
{
	unsigned char digest[SHA256_SIZE];
	struct tenant *found = NULL;
	size_t length;

	if (t->open)
		return &t->all[0];
	if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
		return NULL;
	length = strlen(authorization + 7);
	if (length > TOKEN_LENGTH_MAX)
		return NULL;
	digest_of(authorization + 7, length, digest);
	/* All of them, so that the time does not tell which one it was. */
	for (size_t i = 0; i < t->n; i++)
		if (!difference(t->all[i].digest, digest))
			found = &t->all[i];
	return found;
}
