/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/attempts.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/path.h"
#include "base/shell.h"
#include "consent/attempt.h"
#include "consent/caution.h"
#include "consent/runs.h"
#include "manifest/needed.h"
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#define BUCKETS 16384

/* What was recorded: letters for the kind of access, then the path or host. */
struct known {
	struct known *next;
	unsigned int count; /* of a folder: accesses in it */
	char key[];
};

struct attempts {
	struct attempts_config config;
	struct needed_places places;
	char data_home[PATH_MAX];
	pthread_mutex_t lock; /* guards everything below */
	int fd;		      /* owned */
	bool full;	      /* that was recorded */
	size_t n, bytes, stack_bytes;
	struct known *buckets[BUCKETS]; /* owned */
	char line[ATTEMPT_LINE_MAX];
};

static size_t bucket_of(const char *key)
{
	return hash_text(HASH_START, key) % BUCKETS;
}

static struct known *find(const struct attempts *a, const char *key)
{
	struct known *k = a->buckets[bucket_of(key)];

	while (k && strcmp(k->key, key) != 0)
		k = k->next;
	return k;
}

static void append(struct attempts *a, const struct attempt *what)
{
	int n = attempt_write(what, a->line, sizeof(a->line));
	int r = n < 0 ? n : fd_append_all(a->fd, a->line, (size_t)n);

	if (r < 0 && !a->full)
		log_warning("cannot write the profile of this run: %s; it will not know all",
			    strerror(-r));
	a->full = a->full || r < 0;
}

/* What is no access: nobody shall take a profile for whole that is not. */
static void note(struct attempts *a, const char *operation, const char *path)
{
	struct attempt row = {.time_ms = clock_realtime_ms(),
			      .run = a->config.run,
			      .family = a->config.family,
			      .app = a->config.app,
			      .kind = ATTEMPT_RUN,
			      .operation = operation,
			      .path = path};

	append(a, &row);
}

static void say_full(struct attempts *a)
{
	if (!a->full)
		note(a, "overflow", a->config.cwd);
	a->full = true;
}

/* Returns true when @key is new, and was kept. */
static bool keep(struct attempts *a, const char *key)
{
	size_t size = strlen(key) + 1, bucket = bucket_of(key);
	struct known *k;

	if (find(a, key))
		return false;
	k = a->n < ATTEMPTS_MAX && a->bytes + size <= ATTEMPTS_BYTES_MAX ? malloc(sizeof(*k) + size) : NULL;
	if (!k) {
		say_full(a);
		return false;
	}
	memcpy(k->key, key, size);
	k->count = 0;
	k->next = a->buckets[bucket];
	a->buckets[bucket] = k;
	a->n++;
	a->bytes += size;
	return true;
}

/* The executable, or what the process calls itself. */
static void find_program(pid_t pid, char ret[PATH_MAX])
{
	char path[64];
	ssize_t n = -1;

	*ret = '\0';
	if (pid <= 0)
		return;
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	n = readlink(path, ret, PATH_MAX - 1);
	if (n >= 0) {
		ret[n] = '\0';
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	n = fd_read_file(AT_FDCWD, path, ret, PATH_MAX);
	if (n > 0)
		ret[n - 1] = '\0';
}

/* Who asks waits for our answer: its stack stands still meanwhile. */
static const char *find_stack(struct attempts *a, pid_t pid, char ret[STACK_TEXT_MAX])
{
	*ret = '\0';
	if (a->stack_bytes < ATTEMPTS_STACKS_BYTES_MAX && stacks_read(&a->config.stacks, pid, ret))
		a->stack_bytes += strlen(ret);
	return ret;
}

/* Returns false when it was recorded before. With the lock held. */
static bool add(struct attempts *a, const char *key, struct attempt *what)
{
	char program[PATH_MAX], stack[STACK_TEXT_MAX];

	if (!keep(a, key))
		return false;
	find_program(what->pid, program);
	what->time_ms = clock_realtime_ms();
	what->run = a->config.run;
	what->family = a->config.family;
	what->app = a->config.app;
	what->program = program;
	what->stack = find_stack(a, what->pid, stack);
	append(a, what);
	return true;
}

static bool count(struct attempts *a, char letter, const char *folder, bool make)
{
	char key[PATH_MAX + 4];
	struct known *k;

	snprintf(key, sizeof(key), "%c:%s", letter, folder);
	if (make)
		(void)keep(a, key); /* when it is full, nothing is counted any more */
	k = find(a, key);
	return k && ++k->count == ATTEMPTS_DETAIL;
}

/* Is there a folder that is needed as a whole, as report will find it? One in which names are made,
 * with all below it (W), or one with many files that are read (R) or written (S). */
static bool find_whole(struct attempts *a, const struct attempt *what, char ret_folder[PATH_MAX])
{
	size_t n = path_parent_length(what->path, strlen(what->path));
	bool write = what->access == CONSENT_WRITE, whole;

	snprintf(ret_folder, PATH_MAX, "%.*s", (int)n, what->path);
	whole = what->target == CONSENT_FILE && !attempt_is_naming(what) &&
		count(a, write ? 'S' : 'R', ret_folder, true);
	if (attempt_is_naming(what))
		whole = count(a, 'W', ret_folder, true);
	for (; write && !whole && n > 1; ret_folder[n] = '\0') {
		n = path_parent_length(ret_folder, n);
		ret_folder[n] = '\0';
		whole = count(a, 'W', ret_folder, false);
	}
	return whole && !caution_is_wide(a->config.home, ret_folder);
}

/* A name that is made or removed needs more than a file that is written: two accesses. */
static void file_key(char ret[PATH_MAX + 4], const char *path, bool write, bool naming)
{
	snprintf(ret, PATH_MAX + 4, "%s:%s", naming ? "n" : write ? "w" : "r", path);
}

bool attempts_file(struct attempts *a, const struct consent_request *q, bool allowed,
		   const char *source, const char *allow, char ret_folder[PATH_MAX])
{
	bool whole;
	char key[PATH_MAX + 4];
	struct attempt what = {.kind = ATTEMPT_FILE,
			       .pid = q->pid,
			       .operation = q->operation,
			       .path = q->path,
			       .access = q->access,
			       .target = q->target,
			       .exists = q->exists,
			       .allowed = allowed,
			       .source = source,
			       .capability = needed_for_file(&a->places, q),
			       .allow = allow};

	file_key(key, q->path, q->access == CONSENT_WRITE, attempt_is_naming(&what));
	pthread_mutex_lock(&a->lock);
	whole = add(a, key, &what) && allowed && find_whole(a, &what, ret_folder);
	if (whole)
		note(a, "folded", ret_folder);
	pthread_mutex_unlock(&a->lock);
	return whole;
}

void attempts_host(struct attempts *a, const struct consent_host_request *q, const char *operation,
		   bool allowed, const char *source, const char *capability, const char *allow)
{
	char key[512];
	struct attempt what = {.kind = ATTEMPT_NETWORK,
			       .pid = q->pid,
			       .operation = operation,
			       .host = q->host,
			       .address = q->address,
			       .port = q->port,
			       .protocol = q->protocol,
			       .allowed = allowed,
			       .source = source,
			       .capability = capability,
			       .allow = allow};

	snprintf(key, sizeof(key), "h:%s %s %u", q->host, q->protocol, q->port);
	pthread_mutex_lock(&a->lock);
	(void)add(a, key, &what);
	pthread_mutex_unlock(&a->lock);
}

bool attempts_knows(struct attempts *a, const char *path, enum consent_access access)
{
	char keys[4][PATH_MAX + 4];
	char folder[PATH_MAX];
	bool known, read = access == CONSENT_READ;

	snprintf(folder, sizeof(folder), "%.*s", (int)path_parent_length(path, strlen(path)), path);
	file_key(keys[0], path, true, true);
	file_key(keys[1], path, true, false);
	file_key(keys[2], path, false, false);
	file_key(keys[3], folder, false, false);
	pthread_mutex_lock(&a->lock);
	known = find(a, keys[0]) || find(a, keys[1]) || (read && (find(a, keys[2]) || find(a, keys[3])));
	pthread_mutex_unlock(&a->lock);
	return known;
}

bool attempts_let_through(const struct attempts *a)
{
	return a->config.let_through;
}

/* What was given to `run`, in words for a shell; without the one that made this a profiled run. */
static char *join_words(char *const *words)
{
	char *text = NULL, *quoted;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (bool first = true; *words; words++) {
		if (strncmp(*words, "--profile=", strlen("--profile=")) == 0)
			continue;
		size = SHELL_QUOTED_SIZE(strlen(*words));
		quoted = malloc(size);
		if (quoted && shell_quote_shown(*words, quoted, size) == 0)
			fprintf(out, "%s%s", first ? "" : " ", quoted);
		free(quoted);
		first = false;
	}
	return fclose(out) == 0 ? text : NULL;
}

static int make_file(const struct attempts_config *c, struct appsilo_error *err)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/" ATTEMPTS_FOLDER "/%s", c->data_dir, c->family);
	int fd;

	if (n >= (int)sizeof(path) - 64)
		return error_say(err, -ENAMETOOLONG, "run: --profile: %s is too long", c->data_dir);
	path[strlen(c->data_dir) + strlen(ATTEMPTS_FOLDER) + 1] = '\0';
	(void)mkdir(path, 0700); /* exists, or the open below says why not */
	path[strlen(path)] = '/';
	(void)mkdir(path, 0700);
	runs_forget_old(path, ATTEMPTS_SUFFIX);
	snprintf(path + n, sizeof(path) - (size_t)n, "/%s" ATTEMPTS_SUFFIX, c->run);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? error_set(err, -errno, "run: --profile: cannot make %s", path) : fd;
}

static int write_start(struct attempts *a)
{
	const struct attempts_config *c = &a->config;
	cleanup_free char *words = join_words(c->words);
	struct attempt row = {.time_ms = clock_realtime_ms(),
			      .run = c->run,
			      .family = c->family,
			      .app = c->app,
			      .kind = ATTEMPT_RUN,
			      .operation = "start",
			      .path = c->cwd,
			      .source = c->let_through ? "allow" : "deny",
			      .allow = words};
	int n = attempt_write(&row, a->line, sizeof(a->line)), r;

	if (n < 0) {
		row.allow = NULL; /* longer than any line for people */
		n = attempt_write(&row, a->line, sizeof(a->line));
	}
	r = fd_append_all(a->fd, attempt_header, strlen(attempt_header));
	return r < 0 ? r : n < 0 ? n : fd_append_all(a->fd, a->line, (size_t)n);
}

int attempts_open(const struct attempts_config *config, struct attempts **ret,
		  struct appsilo_error *err)
{
	struct attempts *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return error_set(err, -ENOMEM, "run: --profile");
	a->config = *config;
	snprintf(a->data_home, sizeof(a->data_home), "%.*s",
		 (int)path_parent_length(config->data_dir, strlen(config->data_dir)), config->data_dir);
	a->places = (struct needed_places){config->home, a->data_home, strrchr(config->family, '_') + 1};
	pthread_mutex_init(&a->lock, NULL);
	r = a->fd = make_file(config, err);
	if (r >= 0 && (r = write_start(a)) < 0)
		error_set(err, r, "run: --profile: write the record");
	if (r < 0) {
		close_keep_errno(a->fd);
		free(a);
		return r;
	}
	*ret = a;
	return 0;
}
