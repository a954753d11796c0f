/* SPDX-License-Identifier: Apache-2.0 */
#include "server/run.h"

#include "server/pictures.h"
#include <string.h>

/* A compiler needs more than what is left to the program. */
static const struct sandbox_limits compile_limits = {
	.wall_ms = 30000, .cpu_ms = 30000, .memory_bytes = (uint64_t)1 << 30, .pids = 64,
	.file_bytes = 64 << 20, .output_bytes = 256 << 10,
};

int run_fill(const struct run_request *r, const struct work_dir *dir, struct api_error *e)
{
	for (size_t i = 0; i < r->n_files; i++) {
		const struct request_file *f = &r->files[i];
		int err = work_dir_write(dir, f->name, f->data, f->size, false);

		if (err == -ENOSPC)
			return api_error_set(e, 413, "disk-full", "the files do not fit into the run's folder");
		if (err == -ENOMEM || err == -EMFILE || err == -ENFILE)
			return api_error_set(e, 503, "no-resources", "the server is out of resources");
		if (err < 0)
			return api_error_set(e, 400, "bad-file-name",
					     "two files of which one would have to be the other's folder");
	}
	return 0;
}

static size_t make_argv(const char *const *template, const char *entry, const char **ret)
{
	size_t n = 0;

	for (; *template; template++)
		ret[n++] = strcmp(*template, RUNTIME_FILE) == 0 ? entry : *template;
	ret[n] = NULL;
	return n;
}

static struct sandbox_spec make_spec(const struct run_place *place, const struct run_request *r)
{
	return (struct sandbox_spec){
		.tenant = place->tenant,
		.package = r->package,
		.env = r->env,
		.data_dir = place->dir ? place->dir->data_path : NULL,
		.work_dir = place->dir ? place->dir->work_path : NULL,
		.net = r->net,
		.hosts = r->hosts,
		.limits = r->limits,
	};
}

int run_compile(const struct run_place *place, const struct run_request *r,
		const struct run_control *control, struct run_outcome *ret,
		struct appsilo_error *err)
{
	struct run_control quiet = {.cancel_fd = control->cancel_fd, .client_fd = control->client_fd,
				    .wake_fd = -EBADF, .keep_both = control->keep_both};
	const char *argv[RUNTIME_WORDS_MAX + 1];
	struct sandbox_spec spec = make_spec(place, r);
	int err_code;

	if (!r->runtime->compile[0])
		return 1;
	make_argv(r->runtime->compile, r->entry, argv);
	spec.argv = argv;
	spec.net = "none";
	spec.hosts = NULL;
	spec.limits = compile_limits;
	ret->compiled = true;
	err_code = run_step(place, &spec, NULL, 0, &quiet, &ret->compile, err);
	if (err_code < 0)
		return err_code;
	return ret->compile.result.reason == SANDBOX_EXITED && ret->compile.result.exit_code == 0;
}

struct command {
	const char *words[RUNTIME_WORDS_MAX + REQUEST_WORDS_MAX + 4];
};

static void make_command(const struct run_request *r, const char *const *argv, size_t n_argv,
			 struct command *ret)
{
	size_t n = 0;

	if (!r->bare && r->return_pictures && r->runtime->python)
		n = make_argv(pictures_command, r->entry, ret->words);
	else if (!r->bare)
		n = make_argv(r->of_files ? r->runtime->run_files : r->runtime->run, r->entry, ret->words);
	memcpy(ret->words + n, argv, n_argv * sizeof(*argv));
	ret->words[n + n_argv] = NULL;
}

int run_program(const struct run_place *place, const struct run_request *r, const char *const *argv,
		size_t n_argv, const char *input, size_t input_size,
		const struct run_control *control, struct run_step *ret, struct appsilo_error *err)
{
	struct sandbox_spec spec = make_spec(place, r);
	struct command command;

	make_command(r, argv, n_argv, &command);
	spec.argv = command.words;
	return run_step(place, &spec, input, input_size, control, ret, err);
}

int run_warm(const struct sandbox_backend *warm, const char *tenant, const struct run_request *r,
	     const char *const *argv, size_t n_argv, const char *input, size_t input_size,
	     const struct run_control *control, struct run_step *ret)
{
	const struct run_place place = {warm, NULL, tenant};
	struct sandbox_spec spec = make_spec(&place, r);
	struct appsilo_error err;
	struct command command;

	/* What it leaves would have to be collected in its sandbox. */
	if (!warm->start || !r->runtime->python || r->bare || r->return_files || r->return_pictures)
		return 0;
	make_command(r, argv, n_argv, &command);
	spec.argv = command.words;
	spec.files = r->files;
	spec.n_files = r->n_files;
	if (run_step(&place, &spec, input, input_size, control, ret, &err) < 0)
		return 0;
	/* Its zygote has died. What it did, it did to its own sandbox, which is gone, too. */
	return ret->result.reason != SANDBOX_FAILED || ret->output_bytes > 0;
}

struct sent {
	const struct run_request *request;
	const struct work_dir *dir;
};

static bool is_own(const char *name)
{
	return strcmp(name, ".compiled") == 0 || strncmp(name, WORK_OWN_FOLDER "/", strlen(WORK_OWN_FOLDER "/")) == 0;
}

/* What was sent and is unchanged need not go back. */
static bool is_new(void *data, const char *name)
{
	const struct sent *s = data;

	if (is_own(name))
		return false;
	for (size_t i = 0; i < s->request->n_files; i++) {
		const struct request_file *f = &s->request->files[i];
		struct work_file now;
		bool same;

		if (strcmp(f->name, name) != 0)
			continue;
		if (work_dir_read(s->dir, name, f->size, &now) < 0)
			return true;
		same = now.size == f->size && memcmp(now.data, f->data, f->size) == 0;
		work_file_done(&now);
		return !same;
	}
	return true;
}

static int collect(const struct run_place *place, const struct run_request *r,
		   struct run_outcome *ret)
{
	struct sent sent = {r, place->dir};
	int err = 0;

	if (r->return_files)
		err = work_dir_collect(place->dir, RUN_RETURN_BYTES_MAX, false, is_new, &sent,
				       &ret->files);
	if (err == 0 && r->return_pictures)
		err = work_dir_collect(place->dir, RUN_RETURN_BYTES_MAX, false, pictures_is_figure,
				       NULL, &ret->pictures);
	return err;
}

int run_request(const struct run_place *place, const struct run_request *r,
		const struct run_control *control, struct run_outcome *ret, struct api_error *e)
{
	struct appsilo_error err = {0};
	int code;

	*ret = (struct run_outcome){0};
	code = run_fill(r, place->dir, e);
	if (code < 0)
		return code;
	if (r->return_pictures && r->runtime->python)
		code = pictures_prepare(place->dir);
	if (code == 0)
		code = run_compile(place, r, control, ret, &err);
	if (code > 0)
		code = run_program(place, r, r->argv, r->n_argv, r->stdin_data, r->stdin_size,
				   control, &ret->run, &err);
	if (code == 0)
		code = collect(place, r, ret);
	if (code < 0)
		return api_error_set(e, 503, "no-resources", "%s",
				     err.line[0] ? err.line : "the server is out of resources");
	return 0;
}

const struct run_step *run_last_step(const struct run_outcome *o)
{
	bool failed = o->compiled && (o->compile.result.reason != SANDBOX_EXITED ||
				      o->compile.result.exit_code != 0);

	return failed ? &o->compile : &o->run;
}

void run_outcome_done(struct run_outcome *o)
{
	run_step_done(&o->compile);
	run_step_done(&o->run);
	work_files_done(&o->files);
	work_files_done(&o->pictures);
}
