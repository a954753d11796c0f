/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/options.h"

#include "base/text.h"
#include "cli/command.h"
#include <string.h>

/* Beside those of `run`. */
enum {
	OPT_HTTP = RUN_HELP + 1,
	OPT_TOKEN_FILE,
};

const struct option_row mcp_option_table[] = {
	{OPT_HTTP, "--http", "[ADDRESS:]PORT", "serve HTTP in place of stdin and stdout; port 0: any"},
	{OPT_TOKEN_FILE, "--token-file", "FILE", "who may use it over HTTP: a name and a token a line"},
	{RUN_PROMPT, "--prompt", "P", "who asks: client (default), exec:COMMAND, agent:SOCKET or never"},
	{RUN_ALLOW_READ, "--allow-read", "PATH", "let runs read PATH and all below it"},
	{RUN_ALLOW_WRITE, "--allow-write", "PATH", "let them read and change PATH and all below"},
	{RUN_ALLOW_LIST, "--allow-list", "PATH", "let them list the folder PATH, and nothing else"},
	{RUN_DENY, "--deny", "PATH", "refuse PATH and all below it, without asking"},
	{RUN_NET, "--net", "MODE", "network: none, or client, client-server, private joined by commas"},
	{RUN_ALLOW_HOST, "--allow-host", "HOST", "let them reach HOST[:PORT]"},
	{RUN_DENY_HOST, "--deny-host", "HOST", "refuse HOST[:PORT], without asking"},
	{RUN_CWD, "--cwd", "DIR", "start in DIR, in place of their home"},
	{RUN_ENV, "--env", "K=V", "set an environment variable"},
	{RUN_PASS_ENV, "--pass-env", "K", "pass a variable of the caller"},
	{RUN_MEMORY, "--memory", "SIZE", "memory of a run (2G)"},
	{RUN_CPUS, "--cpus", "N", "processors of a run (0.5: half of one)"},
	{RUN_PIDS, "--pids", "N", "processes and threads of a run (512)"},
	{RUN_TIME, "--time", "TIME", "processor time of a run"},
	{RUN_WALL_TIME, "--wall-time", "TIME", "elapsed time of a run (5m); a call may ask for less"},
	{RUN_FILE_SIZE, "--file-size", "SIZE", "size of a file that a run writes"},
	{RUN_DISK, "--disk", "SIZE", "private temporary places of a run"},
	{RUN_OUTPUT, "--output", "SIZE", "what a run may print (1M)"},
	{RUN_PACKAGE, "-p", "FAMILY", "run under this package's identity"},
	{RUN_QUIET, "--quiet", NULL, "do not log requests"},
	{RUN_HELP, "--help", NULL, "show the help"},
	{0, NULL, NULL, NULL},
};

static int take(void *data, const struct option_row *row, const char *value)
{
	struct mcp_options *o = data;

	switch (row->id) {
	case OPT_HTTP:
		o->http = value;
		return 0;
	case OPT_TOKEN_FILE:
		o->token_file = value;
		return 0;
	case RUN_PROMPT:
		o->prompt = value;
		return 0;
	case RUN_QUIET:
		o->quiet = true;
		return 0;
	case RUN_HELP:
		o->help = true;
		return 0;
	default:
		break;
	}
	if (o->n_passed == RUN_LIST_MAX)
		return -EINVAL;
	o->passed[o->n_passed].name = row->name;
	o->passed[o->n_passed++].value = value;
	return 0;
}

/* What `run` will read in every run is read once now, so that a wrong word is told at once. */
static int check(struct mcp_options *o, struct appsilo_error *err)
{
	char *words[2 * RUN_LIST_MAX + 5];
	size_t n = 0;
	int r;

	for (size_t i = 0; i < o->n_passed; i++) {
		words[n++] = (char *)o->passed[i].name;
		words[n++] = (char *)o->passed[i].value;
	}
	if (strcmp(o->prompt, "client") != 0) {
		words[n++] = (char *)"--prompt";
		words[n++] = (char *)o->prompt;
	}
	words[n++] = (char *)"--";
	words[n++] = (char *)"python3";
	words[n] = NULL;
	r = run_options_parse(words, false, &o->run, err);
	return r < 0 ? error_prefix(err, "mcp") : 0;
}

/* Those that are told of by --help: of those of `run`, a terminal and a window are nobody's here. */
static int check_prompt(const char *word, struct appsilo_error *err)
{
	char shown[256];

	if (strcmp(word, "client") == 0 || strcmp(word, "never") == 0 || strncmp(word, "exec:", 5) == 0 ||
	    strncmp(word, "agent:", 6) == 0)
		return 0;
	return error_say(err, -EINVAL, "mcp: --prompt %s: %suse client, exec:COMMAND, agent:SOCKET or never",
			 text_show(word, shown, sizeof(shown)),
			 strcmp(word, "tty") == 0 ? "its runs have no terminal; " : "");
}

int mcp_options_parse(int argc, char **argv, struct mcp_options *ret, struct appsilo_error *err)
{
	int words;

	*ret = (struct mcp_options){.prompt = "client"};
	words = command_options(argc, argv, mcp_option_table, take, ret, err);
	if (words > 0)
		return error_say(err, -EINVAL, "mcp: takes no words; see appsilo mcp --help");
	if (words < 0)
		return words;
	if (check_prompt(ret->prompt, err) < 0)
		return -EINVAL;
	if (ret->token_file && !ret->http)
		return error_say(err, -EINVAL, "mcp: --token-file is for --http");
	return check(ret, err);
}
