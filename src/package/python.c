/* SPDX-License-Identifier: Apache-2.0 */
#include "package/python.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* One "name value" a line; a value with a newline would be taken for another line. */
static const char question[] =
	"import sys\n"
	"sys.path[:] = [p for p in sys.path if p]\n"
	"import os, site, sysconfig\n"
	"def say(name, value):\n"
	"    value = str(value)\n"
	"    print(name, '' if '\\n' in value else value)\n"
	"base = sys.base_prefix\n"
	"say('version', '%d.%d.%d' % sys.version_info[:3])\n"
	"say('prefix', os.path.realpath(base))\n"
	"say('stdlib', os.path.realpath(sysconfig.get_path('stdlib')))\n"
	"for path in site.getsitepackages([base]):\n"
	"    if path.startswith(base.rstrip('/') + '/'):\n"
	"        say('site', path)\n"
	"        break\n"
	"try:\n"
	"    import ssl\n"
	"    say('ca-file', ssl.get_default_verify_paths().openssl_cafile)\n"
	"except ImportError:\n"
	"    pass\n"
	"for path in (sysconfig.get_config_var('TZPATH') or '').split(os.pathsep):\n"
	"    if os.path.isabs(path) and os.path.isfile(path + '/Europe/Berlin'):\n"
	"        say('zones', path)\n"
	"        break\n";

static const char compiler[] =
	"import sys\n"
	"sys.path[:] = [p for p in sys.path if p]\n"
	"import compileall, py_compile\n"
	"compileall.compile_dir(sys.argv[1], maxlevels=100, ddir=sys.argv[2], force=True, quiet=2,\n"
	"    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)\n";

/* The order in which a set of constants is written depends on the hash seed before 3.11. */
static char *const environment[] = {
	(char *)"PATH=/usr/bin:/bin", (char *)"LANG=C.UTF-8", (char *)"PYTHONHASHSEED=0",
	(char *)"PYTHONDONTWRITEBYTECODE=1", (char *)"PYTHONNOUSERSITE=1", NULL};

#define TICK_MS 100

struct child {
	pid_t pid;
	int output_fd;
	int (*tell)(void *data); /* each tick; negative: stop. May be NULL */
	void *data;
};

static void child_done(struct child *c)
{
	close_keep_errno(c->output_fd);
	if (c->pid > 0) {
		kill(c->pid, SIGKILL);
		(void)waitpid(c->pid, NULL, 0);
	}
}

static int start(char *const *argv, struct child *ret)
{
	posix_spawn_file_actions_t actions;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	ret->output_fd = fds[0];
	r = -posix_spawn_file_actions_init(&actions);
	if (r == 0) {
		r = -posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
		if (r == 0)
			r = -posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
		if (r == 0)
			r = -posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
		if (r == 0)
			r = -posix_spawn(&ret->pid, argv[0], &actions, NULL, argv, environment);
		posix_spawn_file_actions_destroy(&actions);
	}
	close(fds[1]);
	return r;
}

/* All it says, until it closes its output. @time_ms negative: for ever. */
static int listen_to(const struct child *c, char *text, size_t size, int64_t time_ms)
{
	int64_t end = clock_monotonic_ms() + time_ms;
	size_t used = 0;

	for (;;) {
		struct pollfd p = {.fd = c->output_fd, .events = POLLIN};
		int r = c->tell ? c->tell(c->data) : 0;
		ssize_t n;

		if (r < 0)
			return r;
		if (time_ms >= 0 && clock_monotonic_ms() >= end)
			return -ETIMEDOUT;
		if (poll(&p, 1, TICK_MS) < 0 && errno != EINTR)
			return -errno;
		if (!(p.revents & (POLLIN | POLLHUP)))
			continue;
		n = read(c->output_fd, text + used, size - 1 - used);
		if (n < 0)
			return -errno;
		used += (size_t)n;
		if (used == size - 1)
			return -EFBIG;
		if (n == 0)
			break;
	}
	text[used] = '\0';
	return strlen(text) == used ? 0 : -EBADMSG;
}

static int finish(struct child *c)
{
	pid_t pid = TAKE(c->pid, 0);
	int status;

	if (waitpid(pid, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPROTO;
}

static int ask(char *const *argv, char *text, size_t size, int64_t time_ms)
{
	cleanup(child_done) struct child c = {.output_fd = -EBADF};
	int r = start(argv, &c);

	if (r == 0)
		r = listen_to(&c, text, size, time_ms);
	return r == 0 ? finish(&c) : r;
}

/* bin/python3, or the newest bin/python3.N. */
static int find_program(const char *prefix, char ret[PATH_MAX])
{
	char path[PATH_MAX];
	unsigned int best = 0;
	glob_t found;

	if (snprintf(path, sizeof(path), "%s/bin/python3", prefix) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (realpath(path, ret))
		return 0;
	if (snprintf(path, sizeof(path), "%s/bin/python3.*", prefix) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (glob(path, 0, NULL, &found) != 0)
		return -ENOENT;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *number = strrchr(found.gl_pathv[i], '.') + 1;
		unsigned int minor = (unsigned int)atoi(number);

		if (strspn(number, "0123456789") == strlen(number) && minor >= best &&
		    realpath(found.gl_pathv[i], path)) {
			best = minor;
			memcpy(ret, path, sizeof(path));
		}
	}
	globfree(&found);
	return best ? 0 : -ENOENT;
}

static int keep(struct python_facts *facts, const char *name, const char *value)
{
	const struct {
		const char *name;
		char *field;
		size_t size;
	} fields[] = {
		{"version", facts->version, sizeof(facts->version)},
		{"prefix", facts->prefix, sizeof(facts->prefix)},
		{"stdlib", facts->stdlib, sizeof(facts->stdlib)},
		{"site", facts->site, sizeof(facts->site)},
		{"ca-file", facts->ca_file, sizeof(facts->ca_file)},
		{"zones", facts->zones, sizeof(facts->zones)},
	};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (strcmp(name, fields[i].name) == 0 &&
		    snprintf(fields[i].field, fields[i].size, "%s", value) >= (int)fields[i].size)
			return -ENAMETOOLONG;
	return 0;
}

static int take_answer(struct python_facts *facts, char *text)
{
	char *line, clean[PATH_MAX];
	int r = 0;

	while (r == 0 && (line = strsep(&text, "\n"))) {
		char *value = strchr(line, ' ');

		if (!value)
			continue;
		*value++ = '\0';
		r = keep(facts, line, value);
	}
	if (r < 0)
		return r;
	if (sscanf(facts->version, "%u.%u.%u", &facts->major, &facts->minor, &facts->micro) != 3 ||
	    facts->major != 3 || facts->minor > 99 || facts->micro > 999)
		return -EBADMSG;
	if (path_clean(NULL, facts->site, clean, sizeof(clean)) < 0 ||
	    path_clean(NULL, facts->stdlib, clean, sizeof(clean)) < 0)
		return -EBADMSG;
	return path_is_under(facts->site, facts->prefix) &&
			       path_is_under(facts->stdlib, facts->prefix) &&
			       strcmp(facts->stdlib, facts->prefix) != 0
		       ? 0
		       : -EBADMSG;
}

static int check_prefix(const char *given, const char *prefix, struct appsilo_error *err)
{
	char path[PATH_MAX], shown[512];

	text_show(given, shown, sizeof(shown));
	if (snprintf(path, sizeof(path), "%s/pyvenv.cfg", prefix) >= (int)sizeof(path))
		return error_set(err, -ENAMETOOLONG, "%s", shown);
	if (access(path, F_OK) == 0)
		return error_say(err, -EINVAL,
				 "%s is a virtual environment; pack the Python it was made with, and "
				 "its modules with --module", shown);
	return 0;
}

int python_ask(const char *given, struct python_facts *ret, struct appsilo_error *err)
{
	char *argv[] = {ret->program, (char *)"-I", (char *)"-S", (char *)"-B", (char *)"-c",
			(char *)question, NULL};
	cleanup_free char *text = malloc(PYTHON_ANSWER_MAX);
	char prefix[PATH_MAX], shown[512], own[512];
	int r;

	*ret = (struct python_facts){0};
	text_show(given, shown, sizeof(shown));
	if (!text)
		return error_set(err, -ENOMEM, "pack-python");
	if (!realpath(given, prefix))
		return error_set(err, -errno, "--from %s", shown);
	r = check_prefix(given, prefix, err);
	if (r < 0)
		return r;
	if (find_program(prefix, ret->program) < 0)
		return error_say(err, -ENOENT, "--from %s: no Python is there: bin/python3 is missing",
				 shown);
	r = ask(argv, text, PYTHON_ANSWER_MAX, PYTHON_TIME_MS);
	if (r == 0)
		r = take_answer(ret, text);
	if (r < 0)
		return error_set(err, r, "--from %s: %s does not answer as a Python 3 does", shown,
				 text_show(ret->program, own, sizeof(own)));
	if (strcmp(ret->prefix, prefix) != 0)
		return error_say(err, -EINVAL, "--from %s: its Python belongs to %s; use that", shown,
				 text_show(ret->prefix, own, sizeof(own)));
	return 0;
}

int python_compile(const struct python_facts *facts, const char *folder, const char *shown_at,
		   int (*tell)(void *data), void *data, struct appsilo_error *err)
{
	cleanup(child_done) struct child c = {.output_fd = -EBADF, .tell = tell, .data = data};
	char *argv[] = {(char *)facts->program, (char *)"-s", (char *)"-S", (char *)"-c",
			(char *)compiler, (char *)folder, (char *)shown_at, NULL};
	char text[4096], shown[512];
	int r = start(argv, &c);

	if (r == 0)
		r = listen_to(&c, text, sizeof(text), -1);
	if (r == 0)
		r = finish(&c);

	return r < 0 ? error_set(err, r, "compile %s", text_show(folder, shown, sizeof(shown))) : 0;
}
