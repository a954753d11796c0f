/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/call.h"

#include "mcp/attendant.h"
#include "mcp/outcome.h"
#include "mcp/schema.h"
#include "server/front.h"
#include "server/run.h"
#include <string.h>

#include "driver_py.h"

#define READ_LENGTH 262144
#define PROBE_MS 60000
#define LISTING_MAX (4u << 20)

extern char **environ;

/* One start of the front: what a backend of run_step() is here. */
struct start {
	const struct front_words *argv;
	struct attendant *attendant; /* NULL: nobody is asked and nothing told */
};

static int start_front(void *data, const struct sandbox_spec *spec, struct sandbox **ret, struct appsilo_error *err)
{
	struct start *start = data;
	cleanup(front_words_done) struct front_words env = {0};
	struct front_run *run;
	int r;

	(void)spec;
	for (char **variable = environ; *variable; variable++)
		front_add(&env, *variable);
	r = front_start(start->argv, &env, 0, &run);
	if (r == 0 && start->attendant && attendant_start(start->attendant, run->base.pid) < 0)
		front_kill(&run->base); /* a run whose questions nobody takes would wait in vain */
	if (r < 0)
		return error_set(err, r, "start a run");
	*ret = &run->base;
	return 0;
}

/* The words of a run, up to the program. */
static void add_options(struct front_words *w, const struct mcp *mcp, const char *prompt, uint64_t wall_ms)
{
	const struct mcp_options *o = &mcp->options;

	front_add(w, mcp->front);
	front_add(w, "run");
	front_add(w, "--quiet");
	front_add_option(w, "--result", FRONT_RESULT_PATH);
	for (size_t i = 0; i < o->n_passed; i++)
		if (strcmp(o->passed[i].name, "--wall-time") != 0)
			front_add_option(w, o->passed[i].name, o->passed[i].value);
	front_add_option(w, "--prompt", prompt);
	if (!o->run.cwd)
		front_add_option(w, "--cwd", "/"); /* which needs no consent; driver.py goes home */
	front_add_number(w, "--wall-time", wall_ms, "ms");
	if (!o->run.memory_bytes)
		front_add_option(w, "--memory", "2G");
	if (!o->run.pids)
		front_add_option(w, "--pids", "512");
}

static void add_python(struct front_words *w, const char *code)
{
	front_add(w, "--");
	front_add(w, "python3");
	front_add(w, "-I");
	front_add(w, "-c");
	front_add(w, code);
}

static uint64_t wall_ms(const struct mcp_call *call)
{
	uint64_t most = call->session->mcp->options.run.wall_time_ms ?: 300000;
	const json_t *asked = json_object_get(call->arguments, "timeout_ms");
	uint64_t ms = asked ? (uint64_t)json_integer_value(asked) : most;

	return ms < most ? ms : most;
}

/* What driver.py is told. Owned by the caller; NULL: no memory. */
static char *request_text(const struct mcp_call *call)
{
	const struct mcp_options *o = &call->session->mcp->options;
	cleanup_json json_t *request = json_copy(call->arguments);
	int r = request ? json_object_set(request, "tool", json_object_get(call->tool, "name")) : -1;

	if (r == 0 && !json_object_get(request, "cwd") && !o->run.cwd)
		r = json_object_set_new(request, "cwd", json_string("~"));
	if (r == 0 && !json_object_get(request, "offset"))
		r = json_object_set_new(request, "offset", json_integer(0));
	if (r == 0 && !json_object_get(request, "length"))
		r = json_object_set_new(request, "length", json_integer(READ_LENGTH));
	return r < 0 ? NULL : json_dumps(request, JSON_COMPACT);
}

static int run_driver(struct mcp_call *call, struct attendant *attendant, struct run_step *ret,
		      struct appsilo_error *err)
{
	const struct mcp *mcp = call->session->mcp;
	cleanup(front_words_done) struct front_words argv = {0};
	cleanup_free char *request = request_text(call);
	struct start start = {&argv, attendant};
	char agent[sizeof(attendant->path) + 8];
	struct sandbox_backend backend = {start_front, front_kill, front_end, &start};
	struct run_place place = {&backend, NULL, "mcp"};
	struct run_control control = {.cancel_fd = call->cancel_fd, .client_fd = -EBADF, .wake_fd = -EBADF};
	/* `run` counts the time, in which it may also end something; run_step() a little longer. */
	struct sandbox_spec spec = {.limits = {.wall_ms = wall_ms(call),
					       .output_bytes = mcp->options.run.output_bytes ?: OUTCOME_OUTPUT_BYTES}};

	if (!request)
		return error_set(err, -ENOMEM, "mcp");
	snprintf(agent, sizeof(agent), "agent:%s", attendant->path);
	add_options(&argv, mcp, *attendant->path ? agent : mcp->options.prompt, spec.limits.wall_ms);
	add_python(&argv, driver_py);
	return run_step(&place, &spec, request, strlen(request), &control, ret, err);
}

static json_t *run_tool(struct mcp_call *call, struct mcp_sink *sink)
{
	cleanup(attendant_done) struct attendant attendant;
	cleanup(run_step_done) struct run_step step = {0};
	struct appsilo_error err;
	int r = attendant_open(&attendant, call, sink, &err);

	if (r == 0)
		r = run_driver(call, &attendant, &step, &err);
	attendant_stop(&attendant);
	return r < 0 ? outcome_failure(err.line) : outcome_of(call, &step, attendant.denied);
}

/* A program of ours, for ourselves: nothing of a client's is among its words. */
static int ask_front(const struct front_words *argv, struct run_step *ret, struct appsilo_error *err)
{
	struct start start = {argv, NULL};
	struct sandbox_backend backend = {start_front, front_kill, front_end, &start};
	struct run_place place = {&backend, NULL, "mcp"};
	struct run_control control = {.cancel_fd = -EBADF, .client_fd = -EBADF, .wake_fd = -EBADF};
	struct sandbox_spec spec = {.limits = {.wall_ms = PROBE_MS, .output_bytes = LISTING_MAX}};

	return run_step(&place, &spec, NULL, 0, &control, ret, err);
}

int mcp_probe(struct mcp *mcp, struct appsilo_error *err)
{
	cleanup(run_step_done) struct run_step step = {0};
	cleanup(front_words_done) struct front_words argv = {0};
	const struct run_output *text = &step.out[RUN_STDERR];
	int r;

	add_options(&argv, mcp, "never", PROBE_MS);
	add_python(&argv, "");
	r = ask_front(&argv, &step, err);
	if (r < 0)
		return r;
	if (step.result.reason != SANDBOX_EXITED || step.result.exit_code || !*step.result.family) {
		r = error_say(err, -ENOSYS, "mcp: a run does not work here: %.*s",
			      text->data ? (int)strcspn(text->data, "\n") : -1, text->data ?: step.result.text);
		error_advise_doctor(err);
		return r;
	}
	snprintf(mcp->family, sizeof(mcp->family), "%s", step.result.family);
	return 0;
}

static json_t *list_grants(const struct mcp *mcp)
{
	cleanup(run_step_done) struct run_step step = {0};
	cleanup(front_words_done) struct front_words argv = {0};
	cleanup_json json_t *all = NULL;
	struct appsilo_error err;

	front_add(&argv, mcp->front);
	front_add(&argv, "consents");
	front_add(&argv, "--json");
	if (ask_front(&argv, &step, &err) < 0)
		return outcome_failure(err.line);
	all = json_loadb(step.out[RUN_STDOUT].data ?: "", step.out[RUN_STDOUT].size, 0, NULL);
	return json_is_array(all) ? outcome_grants(mcp, all)
				  : outcome_failure("the store of decisions cannot be read; see appsilo consents");
}

static int check_arguments(const struct mcp_call *call, struct appsilo_error *err)
{
	const char *name = json_string_value(json_object_get(call->tool, "name"));
	const json_t *command = json_object_get(call->arguments, "command");
	const json_t *argv = json_object_get(call->arguments, "argv");
	int r = schema_check(json_object_get(call->tool, "inputSchema"), call->arguments, name, err);

	if (r == 0 && strcmp(name, "run_command") == 0 && !command == !json_array_size(argv))
		r = error_say(err, -EINVAL, "run_command: either command or argv is needed");
	return r;
}

void mcp_call_run(struct mcp_call *call, struct mcp_sink *sink)
{
	const char *name = json_string_value(json_object_get(call->tool, "name"));
	struct appsilo_error err;
	json_t *result;

	/* Cancelled before its transport gave it the descriptor to be ended by. */
	if (atomic_load(&call->cancelled))
		return;
	if (check_arguments(call, &err) < 0)
		result = outcome_failure(err.line);
	else if (strcmp(name, "list_grants") == 0)
		result = list_grants(call->session->mcp);
	else
		result = run_tool(call, sink);
	if (atomic_load(&call->cancelled))
		json_decref(result);
	else
		sink->send(sink, rpc_result(call->id, result));
}
