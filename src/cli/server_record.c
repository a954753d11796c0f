/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/server_record.h"

#include "base/clock.h"
#include "base/json.h"
#include "consent/runs.h"

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
	case VIEW_DENY_ALONE:
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

static void write_record(const struct prepared *p, const struct monitor_outcome *o,
			 struct recorder *recorder)
{
	cleanup_free char *line = malloc(RECORD_BYTES);
	char allow[256];
	struct json_writer w;

	if (!line)
		return;
	snprintf(allow, sizeof(allow), "appsilo grant -p %s --read PATH", p->identity.family);
	jsonw_init(&w, line, RECORD_BYTES);
	jsonw_open(&w, NULL, '{');
	jsonw_int(&w, "time_ms", clock_realtime_ms());
	jsonw_string(&w, "run", recorder_run_id(recorder));
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
	recorder_line(recorder, line, jsonw_finish(&w));
}

void server_record(const struct prepared *p, const struct monitor_outcome *o,
		   struct recorder **recorder, char *id)
{
	bool failed = !p->once && o->exit_code != 0 && o->reason != MONITOR_NOT_RUN;

	if (failed && !*recorder)
		(void)!recorder_open(p->places.data_dir, NULL, p->identity.family, p->identity.app,
				     recorder, NULL); /* out of memory */
	if (failed && *recorder)
		write_record(p, o, *recorder);
	snprintf(id, RUNS_ID_MAX, "%s",
		 *recorder && recorder_has_record(*recorder) ? recorder_run_id(*recorder) : "");
}
