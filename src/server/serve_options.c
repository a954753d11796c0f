/* SPDX-License-Identifier: Apache-2.0 */
#include "server/serve_options.h"

#include "base/text.h"
#include "cli/command.h"
#include "network/options.h"
#include <sched.h>
#include <string.h>

#define MIB ((uint64_t)1 << 20)
/* What many programs import, and loads quickly. */
#define MODULES "collections,datetime,functools,itertools,json,math,random,re,string"

enum {
	OPT_LISTEN,
	OPT_TOKEN_FILE,
	OPT_WORKERS,
	OPT_QUEUE,
	OPT_POOL,
	OPT_PRELOAD,
	OPT_CONNECTIONS,
	OPT_SESSIONS,
	OPT_SESSION_IDLE,
	OPT_MAX_BODY,
	OPT_DRAIN_TIME,
	OPT_CORS_ORIGIN,
	OPT_NET,
	OPT_MEMORY,
	OPT_PIDS,
	OPT_TIME,
	OPT_WALL_TIME,
	OPT_FILE_SIZE,
	OPT_DISK,
	OPT_OUTPUT,
	OPT_QUIET,
	OPT_HELP,
};

const struct option_row serve_option_table[] = {
	{OPT_LISTEN, "--listen", "ADDRESS:PORT", "where to listen; port 0: any, which is printed"},
	{OPT_TOKEN_FILE, "--token-file", "FILE", "who may use it: a name, a token and quotas a line"},
	{OPT_WORKERS, "--workers", "N", "runs at the same time"},
	{OPT_QUEUE, "--queue", "N", "runs that may wait; more are refused"},
	{OPT_POOL, "--pool", "[MIN-]N", "warm sandboxes that wait for runs, at most; 0: none"},
	{OPT_PRELOAD, "--preload", "MODULES", "modules that they have loaded, with commas"},
	{OPT_CONNECTIONS, "--connections", "N", "connections at the same time"},
	{OPT_SESSIONS, "--sessions", "N", "sessions at the same time"},
	{OPT_SESSION_IDLE, "--session-idle", "TIME", "a session that nobody uses ends after this"},
	{OPT_MAX_BODY, "--max-body", "SIZE", "the largest request"},
	{OPT_DRAIN_TIME, "--drain-time", "TIME", "how long runs may go on after SIGTERM"},
	{OPT_CORS_ORIGIN, "--cors-origin", "ORIGIN", "let pages of this origin use it"},
	{OPT_NET, "--net", "MODE", "the most network that a run may ask for (default none)"},
	{OPT_MEMORY, "--memory", "SIZE", "memory of a run; a request may ask for less"},
	{OPT_PIDS, "--pids", "N", "processes and threads of a run"},
	{OPT_TIME, "--time", "TIME", "processor time of a run"},
	{OPT_WALL_TIME, "--wall-time", "TIME", "elapsed time of a run"},
	{OPT_FILE_SIZE, "--file-size", "SIZE", "size of a file that a run writes"},
	{OPT_DISK, "--disk", "SIZE", "size of a run's folder"},
	{OPT_OUTPUT, "--output", "SIZE", "what a run may print"},
	{OPT_QUIET, "--quiet", NULL, "do not log requests"},
	{OPT_HELP, "--help", NULL, "show the help"},
	{0, NULL, NULL, NULL},
};

struct taking {
	struct serve_options *options;
	struct appsilo_error *err;
	int r;
};

static int take_number(const char *value, uint64_t max, uint64_t *ret)
{
	return command_number(value, max, ret);
}

static int take_net(struct serve_options *o, const char *value)
{
	struct appsilo_error why;

	o->net = value;
	return net_parse_modes(value, &o->net_capabilities, &why);
}

/* "N" or "MIN-N"; 0 is a number, too. */
static int take_pool(struct serve_options *o, const char *value)
{
	const char *dash = strchr(value, '-');
	char least[24];

	o->pool = o->pool_least = 0;
	if (strcmp(value, "0") == 0)
		return 0;
	if (!dash)
		return take_number(value, SERVE_POOL_MAX, &o->pool);
	snprintf(least, sizeof(least), "%.*s", (int)(dash - value), value);
	if (take_number(least, SERVE_POOL_MAX, &o->pool_least) < 0 ||
	    take_number(dash + 1, SERVE_POOL_MAX, &o->pool) < 0)
		return -EINVAL;
	return o->pool_least <= o->pool ? 0 : -EINVAL;
}

static bool is_module(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");

	return n > 0 && !name[n];
}

static int take_modules(struct serve_options *o, const char *value)
{
	size_t n = 0;
	char *rest;

	if ((size_t)snprintf(o->modules, sizeof(o->modules), "%s", value) >= sizeof(o->modules))
		return -E2BIG;
	for (char *name = strtok_r(o->modules, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
		if (n == SERVE_MODULES_MAX || !is_module(name))
			return -EINVAL;
		o->preload[n++] = name;
	}
	o->preload[n] = NULL;
	return 0;
}

static int take_memory(struct serve_options *o, const char *value)
{
	int r = run_parse_size(value, &o->limits.memory_bytes);

	return r == 0 && o->limits.memory_bytes < SANDBOX_MEMORY_MIN ? -EINVAL : r;
}

/* scheme://host[:port] as browsers send it, which is compared as a whole: nothing else could ever fit. */
static int take_origin(struct serve_options *o, const char *value)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz-", digits[] = "0123456789";
	const char *host = strstr(value, "://"), *end;

	o->cors_origin = value;
	if (!host || strspn(value, letters) != (size_t)(host - value) || host == value)
		return -EINVAL;
	host += strlen("://");
	end = *host == '[' ? strchr(host, ']') : host + strcspn(host, ":");
	if (!end || end == host || strcspn(host, "/?#@%* ABCDEFGHIJKLMNOPQRSTUVWXYZ") < (size_t)(end - host))
		return -EINVAL;
	end += *end == ']';
	return !*end || (*end == ':' && end[1] && strspn(end + 1, digits) == strlen(end + 1)) ? 0 : -EINVAL;
}

static int take_value(struct serve_options *o, int id, const char *value)
{
	switch (id) {
	case OPT_WORKERS:
		return take_number(value, SERVE_WORKERS_MAX, &o->workers);
	case OPT_QUEUE:
		return take_number(value, 100000, &o->queue);
	case OPT_POOL:
		return take_pool(o, value);
	case OPT_PRELOAD:
		return take_modules(o, value);
	case OPT_CONNECTIONS:
		return take_number(value, 100000, &o->connections);
	case OPT_SESSIONS:
		return take_number(value, 10000, &o->sessions);
	case OPT_SESSION_IDLE:
		return run_parse_time(value, &o->session_idle_ms);
	case OPT_MAX_BODY:
		return run_parse_size(value, &o->body_bytes);
	case OPT_CORS_ORIGIN:
		return take_origin(o, value);
	case OPT_DRAIN_TIME:
		return run_parse_time(value, &o->drain_ms);
	case OPT_NET:
		return take_net(o, value);
	case OPT_MEMORY:
		return take_memory(o, value);
	case OPT_PIDS:
		return take_number(value, 100000, &o->limits.pids);
	case OPT_TIME:
		return run_parse_time(value, &o->limits.cpu_ms);
	case OPT_WALL_TIME:
		return run_parse_time(value, &o->limits.wall_ms);
	case OPT_FILE_SIZE:
		return run_parse_size(value, &o->limits.file_bytes);
	case OPT_DISK:
		return run_parse_size(value, &o->limits.disk_bytes);
	case OPT_OUTPUT:
		return run_parse_size(value, &o->limits.output_bytes);
	default:
		return -EINVAL;
	}
}

static int take(void *data, const struct option_row *row, const char *value)
{
	struct taking *t = data;
	struct serve_options *o = t->options;
	char shown[256];

	switch (row->id) {
	case OPT_LISTEN:
		o->listen = value;
		return 0;
	case OPT_TOKEN_FILE:
		o->token_file = value;
		return 0;
	case OPT_QUIET:
		o->quiet = true;
		return 0;
	case OPT_HELP:
		o->help = true;
		return 0;
	default:
		break;
	}
	if (t->r == 0 && take_value(o, row->id, value) < 0)
		t->r = error_say(t->err, -EINVAL, "serve: %s %s: not a value it takes; see appsilo "
				 "serve --help", row->name, text_show(value, shown, sizeof(shown)));
	return 0;
}

static uint64_t processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) < 0 ? 1 : (uint64_t)CPU_COUNT(&set);
}

int serve_options_parse(int argc, char **argv, struct serve_options *ret,
			struct appsilo_error *err)
{
	struct taking t = {ret, err, 0};
	int words;

	*ret = (struct serve_options){
		.listen = "127.0.0.1:8480",
		.net = "none",
		.workers = processors(),
		.queue = 64,
		.pool = 64,
		.connections = 512,
		.sessions = 16,
		.body_bytes = 8 * MIB,
		.drain_ms = 30000,
		.session_idle_ms = 600000,
		.limits = {.wall_ms = 10000, .cpu_ms = 10000, .memory_bytes = 512 * MIB, .pids = 64,
			   .disk_bytes = 64 * MIB, .file_bytes = 64 * MIB, .output_bytes = MIB},
	};
	if (take_modules(ret, MODULES) < 0)
		return error_say(err, -EINVAL, "serve: the default of --preload");
	words = command_options(argc, argv, serve_option_table, take, &t, err);
	if (words > 0)
		return error_say(err, -EINVAL, "serve: takes no words; see appsilo serve --help");
	return words < 0 ? words : t.r;
}
