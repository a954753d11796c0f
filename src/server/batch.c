/* SPDX-License-Identifier: Apache-2.0 */
#include "server/batch.h"

#include "base/clock.h"
#include "server/exchange.h"
#include "server/verdict.h"
#include <string.h>

#define COMPILED ".compiled"
#define COMPILED_BYTES_MAX (64u << 20)

static int take_case(struct batch *b, const json_t *one, struct batch_case *ret, struct api_error *e)
{
	static const char *const names[] = {"stdin", "stdin_base64", "argv", "expected",
					    "expected_base64", NULL};
	struct run_request *r = &b->program;
	int err;

	if (!json_is_object(one))
		return api_error_set(e, 400, "bad-request", "cases must be an array of objects");
	err = request_only(one, names, "cases.", e);
	if (err == 0)
		err = request_bytes(r, one, "stdin", &ret->input, &ret->input_size, e);
	if (err == 0)
		err = request_bytes(r, one, "expected", &ret->expected, &ret->expected_size, e);
	return err < 0 ? err
		       : request_words(one, "argv", ARRAY_SIZE(ret->argv), ret->argv, &ret->n_argv, e);
}

static int take_cases(struct batch *b, const json_t *root, struct api_error *e)
{
	const json_t *list = json_object_get(root, "cases"), *one;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) == 0 ||
	    json_array_size(list) > BATCH_CASES_MAX)
		return api_error_set(e, 400, "bad-request", "cases must be an array of 1 to %d objects",
				     BATCH_CASES_MAX);
	b->cases = calloc(json_array_size(list), sizeof(*b->cases));
	if (!b->cases)
		return api_error_set(e, 503, "no-memory", "the server is out of memory");
	json_array_foreach(list, i, one)
	{
		int err = take_case(b, one, &b->cases[i], e);

		if (err < 0)
			return err;
	}
	b->n_cases = i;
	return 0;
}

static int take_checker(struct batch *b, const json_t *root, const struct request_policy *policy,
			struct api_error *e)
{
	static const char *const names[] = {"package", "language", "code", "files", "entry", "env",
					    "limits", NULL};
	const json_t *checker = json_object_get(root, "checker");
	int err;

	if (!checker)
		return 0;
	if (!json_is_object(checker))
		return api_error_set(e, 400, "bad-request", "checker must be an object");
	err = request_only(checker, names, "checker.", e);
	return err < 0 ? err : request_program(checker, policy, &b->checker, e);
}

int batch_decode(const char *text, size_t size, const struct request_policy *policy,
		 struct batch *ret, struct api_error *e)
{
	static const char *const names[] = {"package", "language", "code", "files", "entry", "env",
					    "limits", "network", "cases", "checker",
					    "stop_on_failure", NULL};
	json_t *root = request_parse(text, size, e);
	int err = root ? request_only(root, names, "", e) : -EINVAL;

	ret->program.root = root;
	if (err == 0)
		err = request_program(root, policy, &ret->program, e);
	if (err == 0)
		err = take_cases(ret, root, e);
	if (err == 0)
		err = request_bool(root, "stop_on_failure", &ret->stop_on_failure, e);
	return err < 0 ? err : take_checker(ret, root, policy, e);
}

void batch_free(void *batch)
{
	struct batch *b = batch;

	if (!b)
		return;
	request_done(&b->checker);
	request_done(&b->program);
	free(b->cases);
	free(b);
}

/* A program that is ready to run again and again. */
struct ready {
	const struct run_request *request;
	struct run_step compile;
	struct work_file compiled; /* what the compiler made, if there was one */
	bool failed;		   /* it did not compile */
};

static void ready_done(struct ready *p)
{
	run_step_done(&p->compile);
	work_file_done(&p->compiled);
}

struct judging {
	struct job *job;
	struct worker *worker;
	const struct batch *batch;
	struct run_control control;
	struct ready program, checker;
	int64_t end_ms;
	struct api_error error;
};

static int open_dir(struct judging *j, const struct run_request *r, struct work_dir *ret)
{
	struct appsilo_error err;

	if (server_open_dir(j->worker, r->limits.disk_bytes, ret, &err) == 0)
		return 0;
	return api_error_set(&j->error, 503, "no-resources", "%s", err.line);
}

static struct run_place place_in(const struct judging *j, const struct work_dir *dir)
{
	return (struct run_place){&j->worker->server->backend, dir, j->job->tenant->name};
}

static int fail(struct judging *j, const struct appsilo_error *err)
{
	return api_error_set(&j->error, 503, "no-resources", "%s", err->line);
}

static int prepare(struct judging *j, const struct run_request *r, struct ready *ret)
{
	cleanup(work_dir_close) struct work_dir dir = {.work_fd = -EBADF};
	struct run_outcome outcome = {0};
	struct run_place place = place_in(j, &dir);
	struct appsilo_error err;
	int code;

	ret->request = r;
	if (!r->runtime || !r->runtime->compile[0])
		return 0;
	code = open_dir(j, r, &dir);
	if (code == 0)
		code = run_fill(r, &dir, &j->error);
	if (code < 0)
		return code;
	code = run_compile(&place, r, &j->control, &outcome, &err);
	ret->compile = outcome.compile;
	if (code < 0)
		return fail(j, &err);
	ret->failed = code == 0;
	if (ret->failed)
		return 0;
	code = work_dir_read(&dir, COMPILED, COMPILED_BYTES_MAX, &ret->compiled);
	return code < 0 ? api_error_set(&j->error, 503, "no-resources", "the compiled program is too large")
			: 0;
}

/* Its files, and what the compiler made of them, in a folder that is new. */
static int unpack(struct judging *j, const struct ready *p, const struct work_dir *dir)
{
	int code = run_fill(p->request, dir, &j->error);

	if (code == 0 && p->compiled.data &&
	    work_dir_write(dir, COMPILED, p->compiled.data, p->compiled.size, true) < 0)
		code = api_error_set(&j->error, 413, "disk-full", "the program does not fit into its folder");
	return code;
}

static int run_case(struct judging *j, const struct batch_case *c, struct run_step *ret)
{
	cleanup(work_dir_close) struct work_dir dir = {.work_fd = -EBADF};
	struct run_place place = place_in(j, &dir);
	const struct run_request *r = j->program.request;
	struct server *s = j->worker->server;
	struct appsilo_error err;
	bool warm = run_warm(&s->warm, j->job->tenant->name, r, c->argv, c->n_argv, c->input, c->input_size,
			     &j->control, ret);
	int code = warm ? 0 : open_dir(j, r, &dir);

	if (code == 0 && !warm)
		code = unpack(j, &j->program, &dir);
	if (code < 0)
		return code;
	if (!warm)
		code = run_program(&place, r, c->argv, c->n_argv, c->input, c->input_size, &j->control,
				   ret, &err);
	if (code < 0)
		return fail(j, &err);
	metrics_run(&s->metrics, &ret->result, warm);
	return 0;
}

static int put_checked(struct judging *j, const struct work_dir *dir, const struct batch_case *c,
		       const struct run_output *output)
{
	int r = work_dir_write(dir, ".case/input", c->input, c->input_size, false);

	if (r == 0)
		r = work_dir_write(dir, ".case/output", output->data, output->size, false);
	if (r == 0)
		r = work_dir_write(dir, ".case/expected", c->expected, c->expected_size, false);
	return r < 0 ? api_error_set(&j->error, 413, "disk-full", "a case does not fit into the checker's folder")
		     : 0;
}

/* As testlib's checkers: input, output and expected output by name; 0 accepts, 1 does not. */
static int check(struct judging *j, const struct batch_case *c, const struct run_output *output,
		 struct run_step *ret)
{
	static const char *const argv[] = {".case/input", ".case/output", ".case/expected"};
	cleanup(work_dir_close) struct work_dir dir = {.work_fd = -EBADF};
	struct run_place place = place_in(j, &dir);
	struct appsilo_error err;
	int code = open_dir(j, j->checker.request, &dir);

	if (code == 0)
		code = unpack(j, &j->checker, &dir);
	if (code == 0)
		code = put_checked(j, &dir, c, output);
	if (code < 0)
		return code;
	code = run_program(&place, j->checker.request, argv, ARRAY_SIZE(argv), NULL, 0, &j->control, ret,
			   &err);
	return code < 0 ? fail(j, &err) : 0;
}

static const char *judge(struct judging *j, const struct batch_case *c, const struct run_step *step,
			 struct run_step *checked)
{
	const struct run_output *out = &step->out[RUN_STDOUT];
	const char *verdict = verdict_of_result(&step->result);

	if (verdict)
		return verdict;
	if (j->checker.request->runtime) {
		if (check(j, c, out, checked) < 0)
			return NULL;
		if (checked->result.reason != SANDBOX_EXITED || checked->result.exit_code > 1)
			return "checker-failed";
		return checked->result.exit_code ? "wrong-answer" : "accepted";
	}
	if (c->expected && !verdict_same(out->data, out->size, c->expected, c->expected_size))
		return "wrong-answer";
	return "accepted";
}

static int add_output(json_t *object, const char *key, const struct run_output *o)
{
	bool cut = o->size > BATCH_SHOWN_BYTES;
	char flag[64];

	if (reply_bytes(object, key, o->data, cut ? BATCH_SHOWN_BYTES : o->size) < 0)
		return -ENOMEM;
	snprintf(flag, sizeof(flag), "%s_cut", key);
	return cut ? json_object_set_new(object, flag, json_true()) : 0;
}

static json_t *describe(const char *verdict, const struct run_step *step, const struct run_step *checked)
{
	json_t *object = json_pack("{s:s}", "verdict", verdict);

	if (object && (reply_result(object, &step->result) < 0 ||
		       add_output(object, "stdout", &step->out[RUN_STDOUT]) < 0 ||
		       add_output(object, "stderr", &step->out[RUN_STDERR]) < 0 ||
		       (checked->out[RUN_STDOUT].size &&
			add_output(object, "checker", &checked->out[RUN_STDOUT]) < 0))) {
		json_decref(object);
		return NULL;
	}
	return object;
}

/* Returns the verdict, which is in @list then; NULL with the error set. */
static const char *one_case(struct judging *j, const struct batch_case *c, json_t *list)
{
	cleanup(run_step_done) struct run_step step = {0};
	cleanup(run_step_done) struct run_step checked = {0};
	const char *verdict = NULL;

	if (run_case(j, c, &step) == 0)
		verdict = judge(j, c, &step, &checked);
	if (verdict && json_array_append_new(list, describe(verdict, &step, &checked)) < 0) {
		(void)api_error_set(&j->error, 503, "no-memory", "the server is out of memory");
		return NULL;
	}
	return verdict;
}

static int all_cases(struct judging *j, json_t *list, size_t *ret_accepted)
{
	bool stopped = false;

	for (size_t i = 0; i < j->batch->n_cases; i++) {
		const char *verdict;

		stopped = stopped || atomic_load(&j->job->cancelled) || clock_monotonic_ms() > j->end_ms;
		if (stopped) {
			(void)!json_array_append_new(list, json_pack("{s:s}", "verdict", "skipped"));
			continue;
		}
		verdict = one_case(j, &j->batch->cases[i], list);
		if (!verdict)
			return -EINVAL;
		*ret_accepted += strcmp(verdict, "accepted") == 0;
		stopped = strcmp(verdict, "cancelled") == 0 ||
			  (j->batch->stop_on_failure && strcmp(verdict, "accepted") != 0);
	}
	return 0;
}

static json_t *compile_error(const char *what, const struct run_step *step)
{
	json_t *compile = json_object();

	if (!compile || reply_result(compile, &step->result) < 0 ||
	    add_output(compile, "stdout", &step->out[RUN_STDOUT]) < 0 ||
	    add_output(compile, "stderr", &step->out[RUN_STDERR]) < 0)
		return NULL;
	return json_pack("{s:s,s:[],s:i,s:o}", "verdict", what, "cases", "accepted", 0, "compile", compile);
}

static json_t *judge_all(struct judging *j)
{
	json_t *list;
	size_t accepted = 0;

	if (prepare(j, &j->batch->program, &j->program) < 0 ||
	    prepare(j, &j->batch->checker, &j->checker) < 0)
		return NULL;
	if (j->program.failed)
		return compile_error("compile-error", &j->program.compile);
	if (j->checker.failed)
		return compile_error("checker-failed", &j->checker.compile);
	list = json_array();
	if (!list || all_cases(j, list, &accepted) < 0) {
		json_decref(list);
		return NULL;
	}
	return json_pack("{s:s,s:o,s:I}", "verdict",
			 accepted == j->batch->n_cases ? "accepted" : "rejected", "cases", list,
			 "accepted", (json_int_t)accepted);
}

void batch_work(struct job *job, struct worker *worker)
{
	const struct batch *batch = job->data;
	struct judging j = {.job = job, .worker = worker, .batch = batch, .control = job_control(job),
			    .end_ms = clock_monotonic_ms() +
				      BATCH_WALL_FACTOR * (int64_t)worker->server->options.limits.wall_ms};
	json_t *answer = judge_all(&j);

	if (answer || !j.error.status)
		job_json(job, 200, answer);
	else
		job_error(job, &j.error);
	ready_done(&j.program);
	ready_done(&j.checker);
}
