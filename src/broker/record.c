/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/record.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "consent/runs.h"
#include "consent/words.h"
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

/* A path stands in it up to three times, each byte of it as \udcNN. */
#define LINE_MAX_BYTES (20 * PATH_MAX)

struct recorder {
	pthread_mutex_t lock; /* guards the descriptors and last */
	char id[RUNS_ID_MAX];
	const char *data_dir, *family, *app; /* borrowed */
	const char *audit_path;	  /* borrowed; may be NULL */
	int audit_fd, run_fd;	  /* owned */
	bool audit_failed, run_failed; /* that was said */
	char last[LINE_MAX_BYTES]; /* the line before: an equal one is not repeated */
};

int recorder_open(const char *data_dir, const char *audit_path, const char *family,
		  const char *app, struct recorder **ret, struct appsilo_error *err)
{
	cleanup(recorder_closep) struct recorder *r = calloc(1, sizeof(*r));
	char shown[512];

	if (!r)
		return error_set(err, -ENOMEM, "run record");
	r->audit_fd = r->run_fd = -EBADF;
	pthread_mutex_init(&r->lock, NULL);
	r->family = family;
	r->app = app;
	r->data_dir = data_dir;
	r->audit_path = audit_path;
	runs_new_id(r->id);
	if (audit_path) {
		r->audit_fd = fd_open_report(audit_path, O_APPEND, 0600);
		if (r->audit_fd < 0)
			return error_set(err, r->audit_fd, "run: --audit %s",
					 text_show(audit_path, shown, sizeof(shown)));
	}
	*ret = TAKE_PTR(r);
	return 0;
}

void recorder_close(struct recorder *r)
{
	if (!r)
		return;
	close_keep_errno(r->audit_fd);
	close_keep_errno(r->run_fd);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

const char *recorder_run_id(const struct recorder *r)
{
	return r->id;
}

static void say_no_record(struct recorder *r, int code)
{
	if (!r->run_failed)
		log_warning("cannot write %s/runs/%s.jsonl: %s; appsilo why will not know all of this run",
			    r->data_dir, r->id, strerror(-code));
	r->run_failed = true;
}

/* The record is made at the first denial: a run without one leaves nothing. */
static int run_file(struct recorder *r)
{
	if (r->run_fd >= 0 || r->run_failed)
		return r->run_fd;
	r->run_fd = runs_create(r->data_dir, r->id);
	if (r->run_fd < 0)
		say_no_record(r, r->run_fd);
	return r->run_fd;
}

static void begin(const struct recorder *r, const struct consent_request *q, struct json_writer *w,
		  char *line)
{
	jsonw_init(w, line, LINE_MAX_BYTES);
	jsonw_open(w, NULL, '{');
	jsonw_int(w, "time_ms", clock_realtime_ms());
	jsonw_string(w, "run", r->id);
	jsonw_string(w, "package", r->family);
	jsonw_string(w, "app", r->app);
	jsonw_int(w, "pid", q->pid);
	jsonw_string(w, "kind", "file");
	jsonw_string(w, "path", q->path);
	jsonw_string(w, "access", words_access(q->access));
	jsonw_string(w, "operation", q->operation);
}

static void add_reason(struct json_writer *w, const char *source, const struct decision *d)
{
	jsonw_string(w, "source", source);
	if (d && d->by_rule) {
		jsonw_string(w, "rule", d->rule_path);
		jsonw_string(w, "rule_source", words_source(d->source));
		jsonw_string(w, "scope", words_scope(d->scope));
	} else {
		jsonw_null(w, "rule");
	}
}

/* The time differs in equal lines: compare what follows it. */
static bool is_repeat(struct recorder *r, const char *line)
{
	const char *what = strstr(line, "\"run\"");

	if (what && strcmp(r->last, what) == 0)
		return true;
	snprintf(r->last, sizeof(r->last), "%s", what ? what : "");
	return false;
}

static void put_audit(struct recorder *r, const char *line, int n)
{
	char shown[512];
	int code = r->audit_fd < 0 || n <= 0 ? 0 : fd_append_all(r->audit_fd, line, (size_t)n);

	if (code < 0 && !r->audit_failed)
		log_warning("--audit %s: %s; decisions of this run are missing in it",
			    text_show(r->audit_path, shown, sizeof(shown)), strerror(-code));
	r->audit_failed = r->audit_failed || code < 0;
}

static void put_record(struct recorder *r, const char *line, int n)
{
	int fd = n <= 0 || is_repeat(r, line) ? -EBADF : run_file(r);
	int code = fd < 0 ? 0 : fd_append_all(fd, line, (size_t)n);

	if (code == 0)
		return;
	say_no_record(r, code);
	/* One without a line would be the newest, and say nothing. */
	if (lseek(fd, 0, SEEK_END) == 0) {
		close(TAKE_FD(r->run_fd));
		runs_remove(r->data_dir, r->id);
	}
}

void recorder_audit(struct recorder *r, const struct consent_request *q, bool allowed,
		    const char *source, const struct decision *decision)
{
	char *line;
	struct json_writer w;

	if (r->audit_fd < 0)
		return;
	line = malloc(LINE_MAX_BYTES);
	if (!line)
		return;
	begin(r, q, &w, line);
	jsonw_string(&w, "decision", allowed ? "allow" : "deny");
	add_reason(&w, source, decision);
	jsonw_close(&w, '}');
	pthread_mutex_lock(&r->lock);
	put_audit(r, line, jsonw_finish(&w));
	pthread_mutex_unlock(&r->lock);
	free(line);
}

/* Paths in a command line for a shell: single quotes, each ' as '\''. */
static void quote(const char *path, char *ret, size_t size)
{
	size_t used = 0;

	if (used + 1 < size)
		ret[used++] = '\'';
	for (; *path && used + 6 < size; path++) {
		if (*path == '\'') {
			memcpy(ret + used, "'\\''", 4);
			used += 4;
		} else {
			ret[used++] = *path;
		}
	}
	ret[used++] = '\'';
	ret[used] = '\0';
}

void recorder_denial(struct recorder *r, const struct consent_request *q, const char *call,
		     int code, const char *source, const struct decision *decision)
{
	char quoted[4 * PATH_MAX], allow[4 * PATH_MAX + 256];
	char *line = malloc(LINE_MAX_BYTES);
	struct json_writer w;
	int n;

	if (!line)
		return;
	quote(q->path, quoted, sizeof(quoted));
	snprintf(allow, sizeof(allow), "appsilo grant -p %s %s%s %s", r->family,
		 strcmp(source, "never-list") == 0 ? "--override-never " : "",
		 q->access == CONSENT_WRITE ? "--write" : "--read", quoted);
	begin(r, q, &w, line);
	jsonw_string(&w, "decision", "deny");
	jsonw_string(&w, "call", call);
	jsonw_int(&w, "errno", -code);
	jsonw_string(&w, "error", code == -EACCES ? "EACCES" : strerror(-code));
	add_reason(&w, source, decision);
	jsonw_string(&w, "allow", allow);
	jsonw_close(&w, '}');
	n = jsonw_finish(&w);
	pthread_mutex_lock(&r->lock);
	put_audit(r, line, n);
	put_record(r, line, n);
	pthread_mutex_unlock(&r->lock);
	free(line);
}
