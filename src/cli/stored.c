/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stored.h"

#include "base/path.h"
#include "cli/programs.h"
#include "consent/rules_cache.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static bool is_overridden(const struct view *view, const char *path, bool write)
{
	for (size_t i = 0; i < view->n; i++) {
		const struct view_entry *e = &view->entries[i];

		if (e->override && path_is_under(path, e->path) && (!write || e->kind == VIEW_WRITE))
			return true;
	}
	return false;
}

static bool is_protected(void *data, const char *path, bool write, bool below)
{
	const struct protection *p = data;
	enum consent_access access = write ? CONSENT_WRITE : CONSENT_READ;
	enum consent_verdict verdict;

	if (never_is_own(&p->places, path, access) || (below && path_is_under(p->places.data_dir, path)))
		return true;
	if (is_overridden(p->view, path, write))
		return false;
	if (below)
		return never_below(&p->places, path, access);
	verdict = never_judge(&p->places, path, access);
	return verdict == CONSENT_ABSENT || verdict == CONSENT_DENY;
}

static int add_host(struct prepared *p, const char *host, bool deny, struct appsilo_error *err)
{
	struct net_rule rule = {.verdict = deny ? CONSENT_DENY : CONSENT_ALLOW,
				.scope = CONSENT_ALWAYS,
				.source = CONSENT_FROM_GRANT};
	int r = host_pattern_parse(host, strlen(host), &rule.pattern, NULL);

	if (r == 0)
		r = net_policy_add(p->network, &rule);
	p->host_granted = p->host_granted || !deny;
	return r < 0 ? error_set(err, r, "run: stored rule about a host") : 0;
}

static int add_record(struct prepared *p, const char *record, struct appsilo_error *err)
{
	bool alone = record[0] && record[1] == '=';
	const char *path = record + 1 + alone;
	enum view_kind kind;
	struct stat st = {0};
	int r;

	if (*record == 'h' || *record == 'H')
		return add_host(p, path, *record == 'H', err);
	if (*record == '!') /* the store could not be read; the rest is the line that says why */
		return error_say(err, -EIO, "%s", record + 1);
	if (*path != '/')
		return error_say(err, -EBADMSG, "run: unreadable rule from the store");
	switch (*record) {
	case 'r':
	case 'o':
		kind = VIEW_READ;
		break;
	case 'w':
	case 'p':
		kind = VIEW_WRITE;
		break;
	case 'W':
		kind = VIEW_DENY_WRITE;
		break;
	default:
		kind = VIEW_DENY;
		break;
	}
	/* A grant on what is gone, or what a sandbox makes, grants nothing; a denial holds for when
	 * it comes back. */
	if ((kind == VIEW_READ || kind == VIEW_WRITE) &&
	    (places_is_made(path) || stat(path, &st) < 0))
		return 0;
	if (alone && kind == VIEW_DENY && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		kind = VIEW_DENY_ALONE;
	/* Of a folder without what is in it there is no more to give than its names. */
	else if (alone && S_ISDIR(st.st_mode))
		kind = VIEW_LIST;
	r = view_add(&p->view, path, kind);
	if (r < 0)
		return error_set(err, r, "run: stored rules");
	p->view.entries[p->view.n - 1].override = *record == 'o' || *record == 'p';
	return 0;
}

/* The last record says that nothing is missing. */
static int add_records(struct prepared *p, const char *records, size_t size, struct appsilo_error *err)
{
	const char *end = records + size;
	int r = 0;

	for (const char *at = records; r == 0 && at < end;) {
		size_t n = strnlen(at, (size_t)(end - at));

		if (at + n == end)
			break;
		if (strcmp(at, ".") == 0 && at + n + 1 == end)
			return 0;
		r = add_record(p, at, err);
		at += n + 1;
	}
	return r < 0 ? r
		     : error_say(err, -EIO,
				 "run: the stored rules could not be read; not starting");
}

static int run_tool(struct prepared *p, int *ret_fd, pid_t *ret_pid, struct appsilo_error *err)
{
	char program[PATH_MAX];
	char *words[] = {(char *)"appsilo", (char *)"rules", p->identity.family, NULL};
	cleanup(environment_done) struct environment env = {0};
	int pipe_fds[2];
	int r = programs_find("appsilo-tool", program, err);

	if (r < 0)
		return r;
	/* Only where the store is: nothing of the caller's loader (CVE-2021-21261). */
	r = environment_set(&env, "HOME", p->places.home);
	if (r == 0 && getenv("XDG_DATA_HOME"))
		r = environment_set(&env, "XDG_DATA_HOME", getenv("XDG_DATA_HOME"));
	if (r < 0)
		return error_set(err, r, "run: start %s", program);
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return error_set(err, -errno, "run: pipe");
	*ret_pid = vfork();
	if (*ret_pid == 0) {
		dup2(pipe_fds[1], STDOUT_FILENO);
		execve(program, words, env.entries);
		_exit(127);
	}
	close(pipe_fds[1]);
	*ret_fd = pipe_fds[0];
	return *ret_pid < 0 ? error_set(err, -errno, "run: start %s", program) : 0;
}

/* All that the tool prints, into memory. */
static int read_all(int fd, char **ret, size_t *ret_size)
{
	cleanup_free char *buffer = NULL;
	size_t used = 0, room = 0;
	ssize_t n;

	for (;;) {
		if (used == room) {
			char *bigger = realloc(buffer, room ? 2 * room : 4096);

			if (!bigger)
				return -ENOMEM;
			room = room ? 2 * room : 4096;
			buffer = bigger;
		}
		n = read(fd, buffer + used, room - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	if (n < 0)
		return -errno;
	*ret = TAKE_PTR(buffer);
	*ret_size = used;
	return 0;
}

static int ask_tool(struct prepared *p, char **ret, size_t *ret_size, struct appsilo_error *err)
{
	pid_t pid;
	int fd, r = run_tool(p, &fd, &pid, err);

	if (r < 0)
		return r;
	r = read_all(fd, ret, ret_size);
	close(fd);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return r < 0 ? error_set(err, r, "run: read the stored rules") : 0;
}

int stored_rules(struct prepared *p, struct protection *protection, struct appsilo_error *err)
{
	cleanup_free char *records = NULL;
	size_t size;
	int r;

	protection->places = (struct never_places){
		.home = p->places.home, .data_dir = p->places.data_dir, .profile = p->home};
	protection->view = &p->view;
	p->view.is_protected = is_protected;
	p->view.data = protection;
	r = rules_cache_read(p->places.data_dir, p->identity.family, &records, &size);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		r = ask_tool(p, &records, &size, err);
	p->stored = r == 0 && size > 0;
	return r < 0 ? r : add_records(p, records, size, err);
}
