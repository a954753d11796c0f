/* SPDX-License-Identifier: Apache-2.0 */
/*
 * appsilo-zygote-exec: a zygote for any program. There is nothing to warm; what waits is the
 * sandbox, fenced in, and one exec away from its run. Static, so that a copy of it costs next to
 * nothing.
 */
#include "server/zygote.h"

#include "base/fd.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define WORDS_MAX 4096
#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

/* What is left of the payload. */
struct cursor {
	char *at, *end;
};

static int load(char *names, struct appsilo_error *err)
{
	return *names ? error_say(err, -EINVAL, "zygote: only an interpreter can preload") : 0;
}

static void warm(void)
{
}

/* The next field, NUL-ended in place: over the length of the one that follows it, which was read.
 */
static char *next(struct cursor *c, size_t *ret_size)
{
	uint32_t size;
	char *field;

	if ((size_t)(c->end - c->at) < sizeof(size))
		_exit(125);
	memcpy(&size, c->at, sizeof(size));
	if (size > (size_t)(c->end - c->at) - sizeof(size))
		_exit(125);
	field = c->at;
	memmove(field, c->at + sizeof(size), size);
	field[size] = '\0';
	c->at += sizeof(size) + size;
	if (ret_size)
		*ret_size = size;
	return field;
}

static size_t number(struct cursor *c)
{
	size_t n = strtoul(next(c, NULL), NULL, 10);

	return n < WORDS_MAX ? n : (_exit(125), 0);
}

static int write_file(const char *name, const char *content, size_t size)
{
	cleanup_close int fd = -EBADF;
	char path[4096];

	if (snprintf(path, sizeof(path), "%s", name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	return fd < 0 ? -errno : fd_write_all(fd, content, size);
}

/* Run in place of this process; what it says then is as of a shell. */
static int run(const struct zygote_spec *spec, char *payload)
{
	struct cursor c = {payload, payload + spec->payload_bytes};
	size_t n_args = number(&c), n_env = number(&c), n_files = number(&c), size;
	static char *argv[WORDS_MAX + 1];
	int r = 0;

	(void)next(&c, NULL); /* no modules */
	(void)next(&c, NULL); /* no script */
	(void)next(&c, NULL); /* no code */
	for (size_t i = 0; i < n_args; i++)
		argv[i] = next(&c, NULL);
	for (size_t i = 0; i < n_env; i++)
		if (putenv(next(&c, NULL)) != 0)
			return 125;
	for (size_t i = 0; r == 0 && i < n_files; i++) {
		const char *name = next(&c, NULL);
		const char *content = next(&c, &size);

		r = write_file(name, content, size);
		if (r < 0)
			dprintf(STDERR_FILENO, "%s: %s\n", name, strerror(-r));
	}
	if (r < 0 || n_args == 0)
		return 125;
	execvp(argv[0], argv);
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	return errno == ENOENT || errno == ENOTDIR ? 127 : 126;
}

int main(void)
{
	static const struct zygote_guest guest = {.load = load, .warm = warm, .run = run};

	if (!getenv("PATH"))
		setenv("PATH", DEFAULT_PATH, 1);
	zygote_serve(&guest);
}
