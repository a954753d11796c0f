/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/server_record.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/log.h"
#include "consent/runs.h"
#include <string.h>

/* Places listed at most; how many there were is said. */
#define PLACES_MAX 200
#define RECORD_BYTES (PLACES_MAX * 1024 + 64 * 1024)

static const char *access_word(enum view_kind kind)
{
	switch (kind) {
	case VIEW_READ:
		return "read";
	case VIEW_WRITE:
		return "write";
	case VIEW_LIST:
		return "list";
	case VIEW_DENY:
	case VIEW_DENY_WRITE:
		return "denied";
	case VIEW_CWD:
		break;
	}
	return NULL;
}

static void write_places(struct json_writer *w, const struct view *view)
{
	size_t n = 0;

	jsonw_open(w, "reachable", '[');
	for (size_t i = 0; i < view->n; i++) {
		const char *word = access_word(view->entries[i].kind);

		if (!word || n++ >= PLACES_MAX)
			continue;
		jsonw_open(w, NULL, '{');
		jsonw_string(w, "path", view->entries[i].path);
		jsonw_string(w, "access", word);
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
	jsonw_int(w, "places", (int64_t)n);
}

/* What was said on the command line and by the package; what is stored, consents lists. */
static void write_network(struct json_writer *w, const struct run_options *o)
{
	jsonw_string(w, "net", o->net ? o->net : "none");
	jsonw_open(w, "hosts", '[');
	for (size_t i = 0; i < o->n_hosts && i < PLACES_MAX; i++) {
		jsonw_open(w, NULL, '{');
		jsonw_string(w, "host", o->hosts[i].host);
		jsonw_string(w, "access", o->hosts[i].deny ? "denied" : "allowed");
		jsonw_close(w, '}');
	}
	jsonw_close(w, ']');
}

void server_record(const struct prepared *p, const struct monitor_outcome *o, char *id)
{
	cleanup_free char *line = NULL;
	cleanup_close int fd = -EBADF;
	char allow[256];
	struct json_writer w;
	int n, r;

	*id = '\0';
	if (o->exit_code == 0 || o->reason == MONITOR_NOT_RUN)
		return;
	line = malloc(RECORD_BYTES);
	if (!line)
		return;
	runs_new_id(id);
	snprintf(allow, sizeof(allow), "appsilo grant -p %s --read PATH", p->identity.family);
	jsonw_init(&w, line, RECORD_BYTES);
	jsonw_open(&w, NULL, '{');
	jsonw_int(&w, "time_ms", clock_realtime_ms());
	jsonw_string(&w, "run", id);
	jsonw_string(&w, "package", p->identity.family);
	jsonw_string(&w, "app", p->identity.app);
	jsonw_string(&w, "kind", "server-mode");
	jsonw_int(&w, "exit_code", o->exit_code);
	jsonw_string(&w, "cwd", p->cwd);
	jsonw_string(&w, "profile", p->home);
	write_places(&w, &p->view);
	write_network(&w, &p->options);
	jsonw_string(&w, "allow", allow);
	jsonw_close(&w, '}');
	n = jsonw_finish(&w);
	fd = n < 0 ? n : runs_create(p->places.data_dir, id);
	/* A record that cannot be kept does not make the run fail. */
	r = fd < 0 ? fd : fd_append_all(fd, line, (size_t)n);
	if (r == 0)
		return;
	if (fd >= 0)
		runs_remove(p->places.data_dir, id);
	if (!p->options.quiet)
		log_warning("cannot write %s/runs/%s.jsonl: %s; appsilo why will not know this run",
			    p->places.data_dir, id, strerror(-r));
	*id = '\0';
}
