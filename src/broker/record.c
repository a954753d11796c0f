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
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

/* A path stands in it up to three times, each byte of it as \udcNN. */
#define LINE_MAX_BYTES (20 * PATH_MAX)
#define HOST_LINE_MAX_BYTES 4096
/* A hostile app can have itself refused as often as it likes. */
#define RECORD_LINES_MAX 10000

struct recorder {
	pthread_mutex_t lock; /* guards the descriptors and last */
	char id[RUNS_ID_MAX];
	const char *data_dir, *family, *app; /* borrowed */
	const char *audit_path;	  /* borrowed; may be NULL */
	int audit_fd, run_fd;	  /* owned */
	bool audit_failed, run_failed; /* that was said, or nothing is kept */
	size_t n_lines; /* of the run record */
	char last[LINE_MAX_BYTES]; /* the line before: an equal one is not repeated */
};

int recorder_open(const char *data_dir, const char *audit_path, const char *family,
		  const char *app, struct recorder **ret, struct appsilo_error *err)
{
	cleanup(recorder_closep) struct recorder *r = malloc(sizeof(*r));
	char shown[512];

	if (!r)
		return error_set(err, -ENOMEM, "run record");
	memset(r, 0, offsetof(struct recorder, last) + 1); /* not the large rest */
	r->audit_fd = r->run_fd = -EBADF;
	pthread_mutex_init(&r->lock, NULL);
	r->family = family;
	r->app = app;
	r->data_dir = data_dir;
	r->audit_path = audit_path;
	r->run_failed = !data_dir;
	runs_make_id(clock_realtime_ms(), getpid(), r->id);
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

static void begin(const struct recorder *r, const char *kind, pid_t pid, struct json_writer *w,
		  char *line, size_t size)
{
	jsonw_init(w, line, size);
	jsonw_open(w, NULL, '{');
	jsonw_int(w, "time_ms", clock_realtime_ms());
	jsonw_string(w, "run", r->id);
	jsonw_string(w, "package", r->family);
	jsonw_string(w, "app", r->app);
	jsonw_int(w, "pid", pid);
	jsonw_string(w, "kind", kind);
}

static void begin_file(const struct recorder *r, const struct consent_request *q,
		       struct json_writer *w, char *line)
{
	begin(r, "file", q->pid, w, line, LINE_MAX_BYTES);
	jsonw_string(w, "path", q->path);
	jsonw_string(w, "access", words_access(q->access));
	jsonw_string(w, "operation", q->operation);
}

static void begin_host(const struct recorder *r, const struct consent_host_request *q,
		       struct json_writer *w, char *line)
{
	begin(r, "network", q->pid, w, line, HOST_LINE_MAX_BYTES);
	jsonw_string(w, "host", q->host);
	jsonw_string(w, "address", q->address);
	jsonw_int(w, "port", q->port);
	jsonw_string(w, "protocol", q->protocol);
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

const char *recorder_host_source(const struct net_decision *d, const char *unasked)
{
	static const char *const words[] = {
		[NET_BY_NOTHING] = "no-rule",	[NET_BY_RULE] = "rule",
		[NET_BY_CAPABILITY] = "capability", [NET_BY_LOOPBACK] = "loopback",
		[NET_BY_METADATA] = "metadata", [NET_BY_PLACE] = "unusable",
		[NET_BY_REBINDING] = "rebinding", [NET_BY_PROXY] = "proxy",
		[NET_BY_NAME] = "no-name",
	};

	return d->verdict == CONSENT_ASK ? unasked : words[d->reason];
}

static void add_host_reason(struct json_writer *w, const char *source, const struct net_decision *d)
{
	char text[HOST_TEXT_MAX];

	jsonw_string(w, "source", source);
	if (d && d->reason == NET_BY_RULE) {
		jsonw_string(w, "rule", host_pattern_text(&d->rule.pattern, text));
		jsonw_string(w, "rule_source", words_source(d->rule.source));
		jsonw_string(w, "scope", words_scope(d->rule.scope));
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
	bool wanted = n > 0 && r->n_lines < RECORD_LINES_MAX && !is_repeat(r, line);
	int fd = wanted ? run_file(r) : -EBADF;
	int code = fd < 0 ? 0 : fd_append_all(fd, line, (size_t)n);

	r->n_lines += wanted;
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
	begin_file(r, q, &w, line);
	jsonw_string(&w, "decision", allowed ? "allow" : "deny");
	add_reason(&w, source, decision);
	jsonw_close(&w, '}');
	pthread_mutex_lock(&r->lock);
	put_audit(r, line, jsonw_finish(&w));
	pthread_mutex_unlock(&r->lock);
	free(line);
}

static void add_call(struct json_writer *w, const char *call, int code)
{
	static const struct {
		int code;
		const char *name;
	} names[] = {{-EACCES, "EACCES"}, {-ENETUNREACH, "ENETUNREACH"},
		     {-EHOSTUNREACH, "EHOSTUNREACH"}, {-ECONNREFUSED, "ECONNREFUSED"}};
	const char *name = strerror(-code);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].code == code)
			name = names[i].name;
	jsonw_string(w, "decision", "deny");
	jsonw_string(w, "call", call);
	jsonw_int(w, "errno", -code);
	jsonw_string(w, "error", name);
}

static void put_denial(struct recorder *r, struct json_writer *w, const char *line)
{
	int n;

	jsonw_close(w, '}');
	n = jsonw_finish(w);
	pthread_mutex_lock(&r->lock);
	put_audit(r, line, n);
	put_record(r, line, n);
	pthread_mutex_unlock(&r->lock);
}

void recorder_remedy(const struct recorder *r, const struct consent_request *q, bool never_listed,
		     int (*quote)(const char *word, char *ret, size_t size), char ret[RECORDER_REMEDY_MAX])
{
	char quoted[SHELL_QUOTED_SIZE(PATH_MAX)];

	if (quote(q->path, quoted, sizeof(quoted)) < 0)
		quoted[0] = '\0';
	snprintf(ret, RECORDER_REMEDY_MAX, "appsilo grant -p %s %s%s %s", r->family,
		 never_listed ? "--override-never " : "",
		 q->access == CONSENT_WRITE ? "--write" : "--read", quoted);
}

void recorder_denial(struct recorder *r, const struct consent_request *q, const char *call,
		     int code, const char *source, const struct decision *decision)
{
	char allow[RECORDER_REMEDY_MAX];
	char *line = malloc(LINE_MAX_BYTES);
	struct json_writer w;

	if (!line)
		return;
	recorder_remedy(r, q, strcmp(source, "never-list") == 0, shell_quote, allow);
	begin_file(r, q, &w, line);
	add_call(&w, call, code);
	add_reason(&w, source, decision);
	jsonw_string(&w, "allow", allow);
	put_denial(r, &w, line);
	free(line);
}

void recorder_audit_host(struct recorder *r, const struct consent_host_request *q,
			 const struct net_decision *decision)
{
	char line[HOST_LINE_MAX_BYTES];
	struct json_writer w;

	if (r->audit_fd < 0)
		return;
	begin_host(r, q, &w, line);
	jsonw_string(&w, "decision", "allow");
	add_host_reason(&w, decision ? recorder_host_source(decision, "profile") : "prompt", decision);
	jsonw_close(&w, '}');
	pthread_mutex_lock(&r->lock);
	put_audit(r, line, jsonw_finish(&w));
	pthread_mutex_unlock(&r->lock);
}

/* The command that would allow it; nothing allows what is never reached. */
bool recorder_host_remedy(const struct recorder *r, const struct consent_host_request *q,
			  const struct net_decision *d, char *ret, size_t size)
{
	bool six = false;
	char port[8] = "";
	const char *host = q->host;

	switch (d->reason) {
	case NET_BY_METADATA:
	case NET_BY_PLACE:
	case NET_BY_PROXY:
	case NET_BY_NAME:
		return false;
	case NET_BY_LOOPBACK:
		snprintf(ret, size, "appsilo loopback add %s %u", r->family, q->port);
		return q->port != 0;
	case NET_BY_REBINDING: /* an address that is written down leads there */
		if (d->place == NET_LOOPBACK)
			return false;
		host = q->address;
		break;
	case NET_BY_NOTHING:
	case NET_BY_RULE:
	case NET_BY_CAPABILITY:
		break;
	}
	if (q->port)
		snprintf(port, sizeof(port), ":%u", q->port);
	six = q->port && strchr(host, ':');
	snprintf(ret, size, "appsilo grant -p %s --host %s%s%s%s", r->family, six ? "'[" : "", host,
		 six ? "]" : "", port);
	if (six)
		strcat(ret, "'");
	return true;
}

void recorder_denial_host(struct recorder *r, const struct consent_host_request *q, const char *call,
			  int code, const char *unasked, const struct net_decision *decision)
{
	char line[HOST_LINE_MAX_BYTES], allow[RECORDER_HOST_REMEDY_MAX];
	struct json_writer w;

	begin_host(r, q, &w, line);
	add_call(&w, call, code);
	add_host_reason(&w, recorder_host_source(decision, unasked), decision);
	jsonw_string(&w, "allow",
		     recorder_host_remedy(r, q, decision, allow, sizeof(allow)) ? allow : NULL);
	put_denial(r, &w, line);
}

static void put_total(struct recorder *r, const struct net_account *account, uint32_t number)
{
	char line[HOST_LINE_MAX_BYTES];
	struct json_writer w;

	begin(r, "network-total", 0, &w, line, sizeof(line));
	net_account_write(account, number, &w);
	jsonw_close(&w, '}');
	put_audit(r, line, jsonw_finish(&w));
}

void recorder_totals(struct recorder *r, const struct net_account *account)
{
	pthread_mutex_lock(&r->lock);
	for (uint32_t i = 1; i <= account->n && r->audit_fd >= 0; i++)
		put_total(r, account, i);
	if (r->audit_fd >= 0 && net_account_has_others(account))
		put_total(r, account, 0);
	pthread_mutex_unlock(&r->lock);
}

void recorder_line(struct recorder *r, const char *line, int n)
{
	pthread_mutex_lock(&r->lock);
	put_record(r, line, n);
	pthread_mutex_unlock(&r->lock);
}

bool recorder_has_record(const struct recorder *r)
{
	return r->run_fd >= 0;
}
