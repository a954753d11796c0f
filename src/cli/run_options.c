/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_options.h"

#include "base/text.h"
#include "network/options.h"
#include <string.h>

const struct option_row run_option_table[] = {
	{RUN_PROMPT, "--prompt", "P", "who asks: tty, gui, exec:COMMAND, agent:SOCKET or never"},
	{RUN_ALLOW_READ, "--allow-read", "PATH", "let the program read PATH and all below it"},
	{RUN_ALLOW_WRITE, "--allow-write", "PATH", "let it read and change PATH and all below"},
	{RUN_ALLOW_LIST, "--allow-list", "PATH", "let it list the folder PATH, and nothing else"},
	{RUN_DENY, "--deny", "PATH", "refuse PATH and all below it, without asking"},
	{RUN_NET, "--net", "MODE", "network: none, or client, client-server, private joined by commas"},
	{RUN_ALLOW_HOST, "--allow-host", "HOST", "let it reach HOST[:PORT]"},
	{RUN_DENY_HOST, "--deny-host", "HOST", "refuse HOST[:PORT], without asking"},
	{RUN_PUBLISH, "--publish", "PORTS", "[ADDRESS:]PORT:PORT: let others in, needs --net client-server"},
	{RUN_PROXY, "--proxy", "URL", "let it reach this proxy, and no other host"},
	{RUN_CWD, "--cwd", "DIR", "start in DIR"},
	{RUN_ENV, "--env", "K=V", "set an environment variable"},
	{RUN_PASS_ENV, "--pass-env", "K", "pass a variable of the caller"},
	{RUN_MEMORY, "--memory", "SIZE", "limit memory, swap included"},
	{RUN_CPUS, "--cpus", "N", "limit processors (0.5: half of one)"},
	{RUN_PIDS, "--pids", "N", "limit processes and threads"},
	{RUN_TIME, "--time", "TIME", "limit processor time (exit code 124)"},
	{RUN_WALL_TIME, "--wall-time", "TIME", "limit elapsed time (exit code 124)"},
	{RUN_FILE_SIZE, "--file-size", "SIZE", "limit the size of a written file"},
	{RUN_DISK, "--disk", "SIZE", "limit the private temporary places"},
	{RUN_OUTPUT, "--output", "SIZE", "limit what is printed (exit code 137)"},
	{RUN_METADATA, "--metadata", "MODE", "names without consent: masked (default) or hidden"},
	{RUN_RESULT, "--result", "FILE", "write how it ended as JSON"},
	{RUN_AUDIT, "--audit", "FILE", "append each decision as a JSON line"},
	{RUN_PROFILE, "--profile", "MODE", "record what it lacks, and deny or allow it: see appsilo-profile"},
	{RUN_QUIET, "--quiet", NULL, "no notes of our own on stderr"},
	{RUN_PACKAGE, "-p", "FAMILY", "run under this package's identity"},
	{RUN_APP, "--app", "ID", "start this application of the package; the words are its arguments"},
	{RUN_HELP, "--help", NULL, "show the help"},
	{0, NULL, NULL, NULL},
};

static int parse_number(const char *text, uint64_t *ret, const char **ret_end)
{
	uint64_t value = 0;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	for (; *text >= '0' && *text <= '9'; text++)
		if (__builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return -ERANGE;
	*ret = value;
	*ret_end = text;
	return 0;
}

int run_parse_size(const char *text, uint64_t *ret_bytes)
{
	static const char units[] = "KMGT";
	const char *end, *unit;
	uint64_t value;
	int r = parse_number(text, &value, &end);

	if (r < 0)
		return r;
	if (*end) {
		unit = strchr(units, *end >= 'a' ? *end - 'a' + 'A' : *end);
		end++;
		if (!unit || (*end && strcmp(end, "B") != 0 && strcmp(end, "iB") != 0))
			return -EINVAL;
		if (__builtin_mul_overflow(value, (uint64_t)1 << 10 * (unit - units + 1), &value))
			return -ERANGE;
	}
	if (value == 0)
		return -EINVAL;
	*ret_bytes = value;
	return 0;
}

/* N or N.FFF in thousandths. */
static int parse_milli(const char *text, uint64_t *ret, const char **ret_end)
{
	uint64_t value, scale = 100;
	int r = parse_number(text, &value, &text);

	if (r < 0)
		return r;
	if (__builtin_mul_overflow(value, 1000u, &value))
		return -ERANGE;
	if (*text == '.') {
		text++;
		if (*text < '0' || *text > '9')
			return -EINVAL;
		for (; *text >= '0' && *text <= '9'; text++, scale /= 10)
			value += scale * (uint64_t)(*text - '0');
	}
	*ret = value;
	*ret_end = text;
	return 0;
}

int run_parse_time(const char *text, uint64_t *ret_ms)
{
	static const struct {
		const char *unit;
		uint64_t thousandth_ms; /* how many ms a thousandth of the unit is, times 1000 */
	} units[] = {{"ms", 1}, {"", 1000}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
	const char *end;
	uint64_t milli;
	int r = parse_milli(text, &milli, &end);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(end, units[i].unit) != 0)
			continue;
		if (__builtin_mul_overflow(milli, units[i].thousandth_ms, &milli))
			return -ERANGE;
		*ret_ms = milli / 1000;
		return *ret_ms ? 0 : -EINVAL;
	}
	return -EINVAL;
}

static int bad_value(const struct option_row *row, const char *value, const char *hint,
		     struct appsilo_error *err)
{
	char shown[256];

	return error_say(err, -EINVAL, "run: %s %s: %s", row->name,
			 text_show(value, shown, sizeof(shown)), hint);
}

static int apply_host(const struct option_row *row, const char *value, struct run_options *o,
		      struct appsilo_error *err)
{
	struct host_pattern pattern;
	bool deny = row->id == RUN_DENY_HOST;
	int r = deny ? host_pattern_parse(value, strlen(value), &pattern, err)
		     : host_pattern_parse_allow(value, strlen(value), &pattern, err);

	if (r < 0)
		return error_prefix(err, "run: %s", row->name);
	if (o->n_hosts == RUN_LIST_MAX)
		return bad_value(row, value, "given too often", err);
	o->hosts[o->n_hosts++] = (struct run_host_rule){deny, value};
	return 0;
}

static int append(const char **list, size_t *n, const struct option_row *row, const char *value,
		  struct appsilo_error *err)
{
	if (*n == RUN_LIST_MAX)
		return bad_value(row, value, "given too often", err);
	list[(*n)++] = value;
	return 0;
}

static int apply_publish(const struct option_row *row, const char *value, struct run_options *o,
			 struct appsilo_error *err)
{
	struct net_publish publish;
	struct appsilo_error why;

	if (net_parse_publish(value, &publish, &why) < 0)
		return bad_value(row, value, why.line, err);
	return append(o->publish, &o->n_publish, row, value, err);
}

static int apply_net(const struct option_row *row, const char *value, struct run_options *o,
		     struct appsilo_error *err)
{
	struct appsilo_error why;

	o->net = value;
	return net_parse_modes(value, &o->net_capabilities, &why) < 0
		       ? bad_value(row, value, why.line, err)
		       : 0;
}

/* A password may be part of the value: it is not shown. */
static int apply_proxy(const struct option_row *row, const char *value, struct run_options *o,
		       struct appsilo_error *err)
{
	struct host_pattern proxy;

	o->proxy = value;
	return net_parse_proxy(value, &proxy, err) < 0 ? error_prefix(err, "run: %s", row->name) : 0;
}

static int check_prompt(const struct option_row *row, const char *value, struct appsilo_error *err)
{
	static const char *const words[] = {"tty", "gui", "never", NULL};

	if (text_is_one_of(value, words) || (strncmp(value, "exec:", 5) == 0 && value[5]) ||
	    (strncmp(value, "agent:", 6) == 0 && value[6]))
		return 0;
	return bad_value(row, value, "use tty, gui, exec:COMMAND, agent:SOCKET or never", err);
}

static int apply_number(const struct option_row *row, const char *value, struct run_options *o,
			struct appsilo_error *err)
{
	const char *end = "";
	int r = -EINVAL;

	switch (row->id) {
	case RUN_MEMORY:
		r = run_parse_size(value, &o->memory_bytes);
		break;
	case RUN_FILE_SIZE:
		r = run_parse_size(value, &o->file_size_bytes);
		break;
	case RUN_DISK:
		r = run_parse_size(value, &o->disk_bytes);
		break;
	case RUN_OUTPUT:
		r = run_parse_size(value, &o->output_bytes);
		break;
	case RUN_TIME:
		r = run_parse_time(value, &o->cpu_time_ms);
		break;
	case RUN_WALL_TIME:
		r = run_parse_time(value, &o->wall_time_ms);
		break;
	case RUN_CPUS:
		r = parse_milli(value, &o->cpu_milli, &end);
		r = r == 0 && (*end || o->cpu_milli == 0) ? -EINVAL : r;
		break;
	case RUN_PIDS:
		r = parse_number(value, &o->pids, &end);
		r = r == 0 && (*end || o->pids == 0) ? -EINVAL : r;
		break;
	default:
		break;
	}
	if (r == -ERANGE)
		return bad_value(row, value, "too large", err);
	return r < 0 ? bad_value(row, value, "not a positive number with a known unit", err) : 0;
}

static int apply(const struct option_row *row, const char *value, struct run_options *o,
		 struct appsilo_error *err)
{
	static const char *const metadata[] = {"masked", "hidden", NULL};
	static const char *const profile[] = {"deny", "allow", "deny,stacks", "allow,stacks", NULL};

	switch ((enum run_option_id)row->id) {
	case RUN_PROMPT:
		o->prompt = value;
		return check_prompt(row, value, err);
	case RUN_ALLOW_READ:
	case RUN_ALLOW_WRITE:
	case RUN_ALLOW_LIST:
	case RUN_DENY:
		if (o->n_rules == RUN_LIST_MAX)
			return bad_value(row, value, "given too often", err);
		o->rules[o->n_rules++] = (struct run_path_rule){(enum run_option_id)row->id, value};
		return 0;
	case RUN_NET:
		return apply_net(row, value, o, err);
	case RUN_ALLOW_HOST:
	case RUN_DENY_HOST:
		return apply_host(row, value, o, err);
	case RUN_PUBLISH:
		return apply_publish(row, value, o, err);
	case RUN_PROXY:
		return apply_proxy(row, value, o, err);
	case RUN_CWD:
		o->cwd = value;
		return 0;
	case RUN_ENV:
		if (*value == '=' || !strchr(value, '='))
			return bad_value(row, value, "use NAME=VALUE", err);
		return append(o->env, &o->n_env, row, value, err);
	case RUN_PASS_ENV:
		if (strchr(value, '='))
			return bad_value(row, value, "a name without =", err);
		return append(o->pass_env, &o->n_pass_env, row, value, err);
	case RUN_METADATA:
		o->metadata_hidden = strcmp(value, "hidden") == 0;
		return text_is_one_of(value, metadata) ? 0
						  : bad_value(row, value, "use masked or hidden",
							      err);
	case RUN_RESULT:
		o->result = value;
		return 0;
	case RUN_AUDIT:
		o->audit = value;
		return 0;
	case RUN_PROFILE:
		o->profile = value;
		o->profile_allow = strncmp(value, "allow", strlen("allow")) == 0;
		o->profile_stacks = strchr(value, ',') != NULL;
		return text_is_one_of(value, profile) ? 0 : bad_value(row, value, "use deny or allow, and ,stacks behind it for call stacks",
							       err);
	case RUN_PACKAGE:
		o->package = value;
		return 0;
	case RUN_APP:
		o->app = value;
		return 0;
	case RUN_QUIET:
		o->quiet = true;
		return 0;
	case RUN_HELP:
		o->help = true;
		return 0;
	case RUN_MEMORY:
	case RUN_CPUS:
	case RUN_PIDS:
	case RUN_TIME:
	case RUN_WALL_TIME:
	case RUN_FILE_SIZE:
	case RUN_DISK:
	case RUN_OUTPUT:
		return apply_number(row, value, o, err);
	}
	return -EINVAL;
}

bool run_asks(const struct run_options *o)
{
	return !o->prompt || strcmp(o->prompt, "never") != 0;
}

bool run_needs_broker(const struct run_options *o)
{
	return o->profile || run_asks(o);
}

int run_options_parse(char *const *words, bool lenient, struct run_options *ret,
		      struct appsilo_error *err)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	for (; *words && **words == '-'; words++) {
		const char *value = NULL;
		const struct option_row *row;

		if (strcmp(*words, "--") == 0) {
			words++;
			break;
		}
		row = option_find(run_option_table, *words, &value);
		if (!row && lenient)
			break;
		if (!row)
			return option_unknown("run", run_option_table, *words, err);
		if (row->argument && !value)
			value = *++words;
		if (row->argument && !value)
			return error_say(err, -EINVAL, "run: %s needs %s", row->name,
					 row->argument);
		if (row->argument ? !*value : value != NULL)
			return error_say(err, -EINVAL, "run: %s: %s", row->name,
					 row->argument ? "an empty value" : "takes no value");
		r = apply(row, value, ret, err);
		if (r < 0)
			return r;
	}
	ret->command = words;
	if (ret->app && !ret->package)
		return error_say(err, -EINVAL, "run: --app needs -p FAMILY");
	if (!*words && !lenient && !ret->help && !ret->package)
		return error_say(err, -EINVAL,
				 "run: no command; use appsilo run [OPTIONS] -- COMMAND [ARG...]");
	return 0;
}
