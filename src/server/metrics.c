/* SPDX-License-Identifier: Apache-2.0 */
#include "server/metrics.h"

#include <stdio.h>

static const unsigned int bounds_ms[METRICS_BUCKETS] = {10, 25, 50, 100, 250, 500, 1000, 2500, 10000, 60000};

void metrics_request(struct metrics *m, unsigned int status)
{
	unsigned int class = status / 100;

	atomic_fetch_add(&m->requests[class < ARRAY_SIZE(m->requests) ? class : 0], 1);
	if (status == 429)
		atomic_fetch_add(&m->refused, 1);
}

void metrics_run(struct metrics *m, const struct sandbox_result *r, bool warm)
{
	atomic_fetch_add(&m->runs[r->reason], 1);
	atomic_fetch_add(&m->warm, warm);
	atomic_fetch_add(&m->run_ms, (unsigned long long)r->wall_ms);
	atomic_fetch_add(&m->cpu_ms, (unsigned long long)r->cpu_ms);
	for (size_t i = 0; i < METRICS_BUCKETS; i++) {
		if (r->wall_ms > bounds_ms[i])
			continue;
		atomic_fetch_add(&m->buckets[i], 1);
		return;
	}
}

static void head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP appsilo_%s %s\n# TYPE appsilo_%s %s\n", name, help, name, type);
}

static void gauge(FILE *out, const char *name, const char *help, unsigned long long value)
{
	head(out, name, "gauge", help);
	fprintf(out, "appsilo_%s %llu\n", name, value);
}

static void write_runs(FILE *out, struct metrics *m)
{
	unsigned long long all = 0, below = 0;

	head(out, "runs_total", "counter", "Runs that ended, by reason.");
	for (size_t i = 0; i < METRICS_REASONS; i++) {
		all += m->runs[i];
		fprintf(out, "appsilo_runs_total{reason=\"%s\"} %llu\n",
			sandbox_reason_word((enum sandbox_reason)i), (unsigned long long)m->runs[i]);
	}
	head(out, "run_seconds", "histogram", "Elapsed time of runs.");
	for (size_t i = 0; i < METRICS_BUCKETS; i++) {
		below += m->buckets[i];
		fprintf(out, "appsilo_run_seconds_bucket{le=\"%g\"} %llu\n", bounds_ms[i] / 1000.0, below);
	}
	fprintf(out, "appsilo_run_seconds_bucket{le=\"+Inf\"} %llu\n", all);
	fprintf(out, "appsilo_run_seconds_sum %g\n", (double)m->run_ms / 1000.0);
	fprintf(out, "appsilo_run_seconds_count %llu\n", all);
	head(out, "runs_warm_total", "counter", "Runs in a sandbox that had waited for one.");
	fprintf(out, "appsilo_runs_warm_total %llu\n", (unsigned long long)m->warm);
	head(out, "run_cpu_seconds_total", "counter", "Processor time of runs.");
	fprintf(out, "appsilo_run_cpu_seconds_total %g\n", (double)m->cpu_ms / 1000.0);
}

char *metrics_text(struct metrics *m, const struct metrics_now *now)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	head(out, "requests_total", "counter", "HTTP requests answered, by status.");
	for (size_t i = 1; i < ARRAY_SIZE(m->requests); i++)
		fprintf(out, "appsilo_requests_total{status=\"%zuxx\"} %llu\n", i,
			(unsigned long long)m->requests[i]);
	head(out, "refused_total", "counter", "Requests refused because of load or a quota.");
	fprintf(out, "appsilo_refused_total %llu\n", (unsigned long long)m->refused);
	write_runs(out, m);
	gauge(out, "runs_waiting", "Runs that wait for a worker.", now->waiting);
	gauge(out, "runs_running", "Runs under way.", now->running);
	gauge(out, "sandboxes_waiting", "Warm sandboxes that wait for a run.", now->warm_waiting);
	gauge(out, "workers", "Runs that can be under way at once.", now->workers);
	gauge(out, "sessions", "Sessions that are open.", now->sessions);
	gauge(out, "connections", "Open connections.", now->connections);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}
