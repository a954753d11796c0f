/* SPDX-License-Identifier: Apache-2.0 */
/* /v1/sessions: open, list, run in, reset, delete; files up and down. */
#include "server/routes.h"
#include "server/stream.h"
#include "server/websocket.h"
#include <string.h>

/* The session that the path names; NULL: answered already. */
static struct session *find(struct exchange *x)
{
	struct session *s = sessions_find(&x->server->sessions, x->tenant, x->segment[0]);

	if (!s)
		exchange_fail(x, 404, "not-found", "there is no such session");
	return s;
}

static int decode_open(const struct exchange *x, struct run_request *r, bool *state, struct api_error *e)
{
	static const char *const names[] = {"package", "language", "env", "limits", "network", "state", NULL};
	int err;

	r->root = request_parse_optional(x->body, x->body_size, e);
	err = r->root ? request_only(r->root, names, "", e) : -EINVAL;
	if (err == 0)
		err = request_settings(r->root, &x->server->policy, r, e);
	if (err == 0)
		err = request_bool(r->root, "state", state, e);
	if (err == 0 && *state && !r->runtime->python)
		err = api_error_set(e, 422, "no-state", "only Python keeps state; leave state out");
	return err;
}

void route_session_open(struct exchange *x)
{
	struct run_request *defaults = calloc(1, sizeof(*defaults));
	struct session *s;
	struct api_error e;
	bool state = false;

	if (!defaults) {
		exchange_fail(x, 503, "no-memory", "the server is out of memory");
		return;
	}
	if (decode_open(x, defaults, &state, &e) < 0 ||
	    sessions_open(&x->server->sessions, x->tenant, defaults, state, &s, &e) < 0) {
		exchange_error(x, &e);
	} else {
		exchange_json(x, 201, json_pack("{s:s,s:s,s:b}", "id", s->id, "language",
						s->defaults.runtime->language, "state", state));
		sessions_release(&x->server->sessions, s);
	}
	exchange_free_request(defaults);
}

void route_session_list(struct exchange *x)
{
	exchange_json(x, 200, sessions_list(&x->server->sessions, x->tenant));
}

void route_session_delete(struct exchange *x)
{
	struct session *s = find(x);

	if (!s)
		return;
	sessions_close(&x->server->sessions, s);
	exchange_json(x, 200, json_pack("{s:s}", "id", s->id));
	sessions_release(&x->server->sessions, s);
}

/* What a job in a session works on. */
struct session_job {
	struct server *server;
	struct session *session;
	struct run_request request; /* empty for a reset */
};

static void free_session_job(void *data)
{
	struct session_job *j = data;

	request_done(&j->request);
	sessions_release(&j->server->sessions, j->session);
	free(j);
}

static bool is_new(void *data, const char *name)
{
	const struct run_request *r = data;

	if (strncmp(name, WORK_OWN_FOLDER "/", strlen(WORK_OWN_FOLDER "/")) == 0)
		return false;
	for (size_t i = 0; i < r->n_files; i++)
		if (strcmp(r->files[i].name, name) == 0)
			return false;
	return true;
}

static int run_in(struct session_job *j, struct session *s, const struct run_control *control,
		  struct run_outcome *ret, bool *ret_lost, const char *tenant, struct api_error *e)
{
	struct run_place place = {&j->server->backend, &s->dir, tenant};
	struct appsilo_error err = {0};
	int code;

	/* The code of the last run makes room: in a full folder nothing could be run any more, and so nothing removed. */
	if (!j->request.of_files)
		(void)!work_dir_remove(&s->dir, j->request.entry);
	code = run_fill(&j->request, &s->dir, e);
	if (code < 0)
		return code;
	if (s->keeps_state)
		code = interpreter_run(&s->interpreter, &place, &j->request, &s->defaults.limits, control, &ret->run,
				       ret_lost, &err);
	else
		code = run_compile(&place, &j->request, control, ret, &err);
	if (!s->keeps_state && code > 0)
		code = run_program(&place, &j->request, j->request.argv, j->request.n_argv,
				   j->request.stdin_data, j->request.stdin_size, control, &ret->run, &err);
	if (code == 0 && j->request.return_files)
		code = work_dir_collect(&s->dir, RUN_RETURN_BYTES_MAX, false, is_new, &j->request, &ret->files);
	if (code < 0)
		return api_error_set(e, 503, "no-resources", "%s",
				     err.line[0] ? err.line : "the server is out of resources");
	metrics_run(&j->server->metrics, &run_last_step(ret)->result, false);
	return 0;
}

static void work(struct job *job, struct worker *worker)
{
	struct session_job *j = job->data;
	struct session *s = j->session;
	struct run_control control = job_control(job);
	cleanup(run_outcome_done) struct run_outcome outcome = {0};
	json_t *object = NULL;
	struct api_error e;
	bool lost = false;
	int r;

	(void)worker;
	if (pthread_mutex_trylock(&s->use) != 0) {
		(void)api_error_set(&e, 409, "busy", "another run is under way in this session");
		job_answer(job, NULL, &e);
		return;
	}
	sessions_set_current(&j->server->sessions, s, job);
	r = j->request.runtime ? run_in(j, s, &control, &outcome, &lost, job->tenant->name, &e)
			       : session_reset(&j->server->sessions, s, &e);
	sessions_set_current(&j->server->sessions, s, NULL);
	pthread_mutex_unlock(&s->use);
	if (r == 0 && j->request.runtime) {
		job->reason = sandbox_reason_word(run_last_step(&outcome)->result.reason);
		object = reply_run(&j->request, &outcome, !job->stream);
		if (object && s->keeps_state)
			(void)!json_object_set_new(object, "state_lost", json_boolean(lost));
	} else if (r == 0) {
		object = json_pack("{s:s}", "id", s->id);
	}
	job_answer(job, object, r < 0 ? &e : NULL);
}

static struct session_job *make_job(struct exchange *x)
{
	struct session *s = find(x);
	struct session_job *j = s ? calloc(1, sizeof(*j)) : NULL;

	if (j) {
		j->server = x->server;
		j->session = s;
		return j;
	}
	if (s) {
		sessions_release(&x->server->sessions, s);
		exchange_fail(x, 503, "no-memory", "the server is out of memory");
	}
	return NULL;
}

/* What holds for the kept interpreter cannot be another limit for one run: refused rather than ignored. */
static int refuse_fixed(const struct sandbox_limits *asked, const struct sandbox_limits *fixed, struct api_error *e)
{
	const char *which = asked->memory_bytes != fixed->memory_bytes ? "memory_bytes"
			    : asked->pids != fixed->pids	       ? "pids"
			    : asked->disk_bytes != fixed->disk_bytes   ? "disk_bytes"
			    : asked->file_bytes != fixed->file_bytes   ? "file_bytes"
								       : NULL;

	return which ? api_error_set(e, 400, "bad-request",
				     "limits.%s: holds for the kept interpreter; give it when the session is opened",
				     which)
		     : 0;
}

static int decode_in(const struct exchange *x, struct session_job *j, struct api_error *e)
{
	const struct session *s = j->session;
	int r = request_decode_in(x->body, x->body_size, &s->defaults, &j->request, e);

	return r == 0 && s->keeps_state ? refuse_fixed(&j->request.limits, &s->defaults.limits, e) : r;
}

void route_session_run(struct exchange *x)
{
	struct session_job *j = make_job(x);
	struct api_error e;
	bool stream;

	if (!j)
		return;
	if (decode_in(x, j, &e) < 0) {
		free_session_job(j);
		exchange_error(x, &e);
		return;
	}
	stream = j->request.stream || x->wants_events;
	exchange_job(x, work, j, free_session_job);
	if (x->job && stream)
		exchange_stream(x);
}

static void work_socket(struct job *job, struct worker *worker)
{
	stream_event(job->stream, "start", json_pack("{s:s}", "id", job->id));
	work(job, worker);
}

/* The session is found again: it may have been closed since the handshake. */
static int decode_socket(struct exchange *x, const char *body, size_t size, struct api_error *e)
{
	struct session *s = sessions_find(&x->server->sessions, x->tenant, x->segment[0]);
	struct session_job *j = s ? calloc(1, sizeof(*j)) : NULL;
	int r;

	if (!j) {
		if (s)
			sessions_release(&x->server->sessions, s);
		return s ? api_error_set(e, 503, "no-memory", "the server is out of memory")
			 : api_error_set(e, 404, "not-found", "there is no such session");
	}
	j->server = x->server;
	j->session = s;
	x->job->data = j;
	x->job->free_data = free_session_job;
	r = request_decode_in(body, size, &s->defaults, &j->request, e);
	if (r == 0 && s->keeps_state)
		return api_error_set(e, 422, "no-input", "the kept interpreter of a session with state has no input; use POST");
	return r == 0 ? request_without_input(&j->request, e) : r;
}

void route_session_socket(struct exchange *x)
{
	static const struct websocket_kind kind = {decode_socket, work_socket};
	struct session *s = find(x);

	if (!s)
		return;
	sessions_release(&x->server->sessions, s);
	websocket_begin(x, &kind);
}

/* A body has nothing to say. */
static int decode_reset(const struct exchange *x, struct api_error *e)
{
	json_t *root = request_parse_optional(x->body, x->body_size, e);
	int r = root ? request_only(root, (const char *const[]){NULL}, "", e) : -EINVAL;

	json_decref(root);
	return r;
}

void route_session_reset(struct exchange *x)
{
	struct session_job *j = make_job(x);
	struct api_error e;

	if (!j)
		return;
	if (decode_reset(x, &e) < 0) {
		free_session_job(j);
		exchange_error(x, &e);
		return;
	}
	exchange_job(x, work, j, free_session_job);
}

/* In the folder, unless a run is under way there. False: answered already. */
static bool enter(struct exchange *x, struct session *s)
{
	if (x->segment[1][0] && !work_dir_is_name(x->segment[1], strlen(x->segment[1]))) {
		exchange_fail(x, 400, "bad-file-name", "not a relative file name in UTF-8");
		return false;
	}
	if (pthread_mutex_trylock(&s->use) == 0)
		return true;
	exchange_fail(x, 409, "busy", "a run is under way in this session");
	return false;
}

static bool is_visible(void *data, const char *name)
{
	(void)data;
	return strncmp(name, WORK_OWN_FOLDER "/", strlen(WORK_OWN_FOLDER "/")) != 0;
}

static void list_files(struct exchange *x, struct session *s)
{
	struct work_files files;

	if (work_dir_collect(&s->dir, SIZE_MAX, true, is_visible, NULL, &files) == 0)
		exchange_json(x, 200, json_pack("{s:o,s:b}", "files", reply_files(&files, true), "cut", files.cut));
	else
		exchange_fail(x, 503, "no-memory", "the server is out of memory");
	work_files_done(&files);
}

static void get_file(struct exchange *x, struct session *s)
{
	struct work_file file = {0};
	int r = work_dir_read(&s->dir, x->segment[1], RUN_RETURN_BYTES_MAX, &file);

	if (r == -EFBIG) {
		exchange_fail(x, 413, "too-large", "the file is too large for an answer");
	} else if (r < 0) {
		exchange_fail(x, 404, "not-found", "there is no such regular file");
	} else {
		x->status = 200;
		x->type = "application/octet-stream";
		x->reply = TAKE_PTR(file.data);
		x->reply_size = file.size;
	}
	work_file_done(&file);
}

static void put_file(struct exchange *x, struct session *s)
{
	int r = work_dir_write(&s->dir, x->segment[1], x->body, x->body_size, false);

	if (r == -ENOSPC)
		exchange_fail(x, 413, "disk-full", "the session's folder is full");
	else if (r < 0)
		exchange_fail(x, 400, "bad-file-name", "something else is there");
	else
		exchange_json(x, 200, json_pack("{s:s,s:I}", "name", x->segment[1], "size",
						(json_int_t)x->body_size));
}

static void delete_file(struct exchange *x, struct session *s)
{
	if (work_dir_remove(&s->dir, x->segment[1]) == 0)
		exchange_json(x, 200, json_pack("{s:s}", "name", x->segment[1]));
	else
		exchange_fail(x, 404, "not-found", "there is no such file");
}

static void with_folder(struct exchange *x, void (*act)(struct exchange *, struct session *))
{
	struct session *s = find(x);

	if (!s)
		return;
	if (enter(x, s)) {
		act(x, s);
		pthread_mutex_unlock(&s->use);
	}
	sessions_release(&x->server->sessions, s);
}

void route_session_files(struct exchange *x)
{
	with_folder(x, list_files);
}

void route_session_get(struct exchange *x)
{
	with_folder(x, get_file);
}

void route_session_put(struct exchange *x)
{
	with_folder(x, put_file);
}

void route_session_remove(struct exchange *x)
{
	with_folder(x, delete_file);
}
