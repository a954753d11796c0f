/* SPDX-License-Identifier: Apache-2.0 */
#include "server/interpreter.h"

#include "base/clock.h"
#include "server/job_id.h"
#include "session_driver_py.h"
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#define DRIVER WORK_OWN_FOLDER "/driver.py"
#define INPUT WORK_OWN_FOLDER "/stdin"
#define BLOCK_BYTES 65536
#define ANSWER_MS 1000 /* for the second mark after the first */
/* An interpreter may take so many times one run's processor time: what it does between runs is no run's. */
#define CPU_FACTOR 20
/* How closely a run's processor time is watched at most. */
#define LOOK_MS 10

static int start(struct interpreter *i, const struct run_place *place, const struct run_request *r,
		 const struct sandbox_limits *limits, struct appsilo_error *err)
{
	static const char *const argv[] = {"python3", "-I", DRIVER, NULL};
	struct sandbox_spec spec = {.tenant = place->tenant, .package = r->package, .argv = argv,
				    .env = r->env, .data_dir = place->dir->data_path,
				    .work_dir = place->dir->work_path, .net = r->net, .hosts = r->hosts,
				    .limits = *limits};
	int code;

	(void)!work_dir_remove(place->dir, DRIVER);
	code = work_dir_write(place->dir, DRIVER, session_driver_py, session_driver_py_size, false);
	if (code < 0)
		return error_set(err, code, "session: put the driver into its folder");
	spec.limits.wall_ms = 0;
	spec.limits.cpu_ms *= CPU_FACTOR;
	code = place->backend->start(place->backend->data, &spec, &i->sandbox, err);
	if (code == 0)
		usage_begin(&i->usage, i->sandbox->pid);
	return code;
}

void interpreter_stop(struct interpreter *i, const struct sandbox_backend *backend)
{
	struct pollfd end;
	struct sandbox_result ignored;

	if (!i->sandbox)
		return;
	backend->kill(i->sandbox);
	end = (struct pollfd){.fd = i->sandbox->end_fd, .events = POLLIN};
	while (poll(&end, 1, -1) < 0)
		;
	backend->end(TAKE_PTR(i->sandbox), &ignored);
	usage_done(&i->usage);
}

/* It has ended since its last run: by what it still did, or for want of memory. */
static bool is_gone(const struct interpreter *i)
{
	struct pollfd end = {.fd = i->sandbox->end_fd, .events = POLLIN};

	return poll(&end, 1, 0) > 0;
}

/* One channel: what is before the mark is output, what could be its begin is held back. */
struct channel {
	char held[INTERPRETER_MARK_MAX + 16];
	size_t n_held;
	bool marked;
	int exit_code;
};

struct talk {
	struct interpreter *i;
	const struct run_control *control;
	struct run_step *step;
	struct channel channels[2];
	char mark[INTERPRETER_MARK_MAX];
	size_t mark_size;
	char *request; /* owned */
	size_t request_size, sent;
	uint64_t output_left;
	int64_t end_ms, look_ms; /* when its processor time is looked at next */
	int64_t cpu_limit_us, cpu_base_us; /* 0: no limit; what runs before it have used */
	enum sandbox_reason why; /* SANDBOX_FAILED: not ended by us */
};

static int make_request(struct talk *t, const struct run_request *r, const struct work_dir *dir,
			struct appsilo_error *err)
{
	json_t *words = json_array(), *object;
	const struct request_file *code = &r->files[0];
	char random[33];
	int n;

	for (size_t i = 0; i < r->n_files; i++)
		if (strcmp(r->files[i].name, r->entry) == 0)
			code = &r->files[i];
	for (size_t i = 0; i < r->n_argv; i++)
		(void)!json_array_append_new(words, json_string(r->argv[i]));
	(void)!work_dir_remove(dir, INPUT); /* makes room */
	n = work_dir_write(dir, INPUT, r->stdin_data, r->stdin_size, false);
	if (n == 0)
		n = job_id_make(random);
	if (n < 0) {
		json_decref(words);
		return error_set(err, n, "session: put the input into its folder");
	}
	t->mark_size = (size_t)snprintf(t->mark, sizeof(t->mark), "%c%s", '\0', random);
	object = json_pack("{s:s,s:s,s:o,s:s,s:s%}", "mark", random, "name", r->entry, "argv", words,
			   "stdin", INPUT, "code", code->data, code->size);
	t->request = object ? json_dumps(object, JSON_COMPACT) : NULL;
	json_decref(object);
	if (!t->request)
		return error_say(err, -EINVAL, "session: the code is not text");
	t->request_size = strlen(t->request);
	t->request[t->request_size++] = '\n'; /* in place of the NUL */
	return 0;
}

static void put_out(struct talk *t, enum run_channel channel, const char *bytes, size_t size)
{
	size_t n = size < t->output_left ? size : (size_t)t->output_left;

	t->output_left -= n;
	if (n && t->control->output)
		(void)t->control->output(t->control->data, channel, bytes, n);
	else if (n && !run_output_add(&t->step->out[channel], bytes, n))
		t->why = SANDBOX_OUTPUT_LIMIT;
	if (n < size)
		t->why = SANDBOX_OUTPUT_LIMIT;
}

/* How many bytes at the end of the block begin the mark. */
static size_t begun_mark(const struct talk *t, const char *bytes, size_t size)
{
	size_t n = size < t->mark_size - 1 ? size : t->mark_size - 1;

	while (n && memcmp(bytes + size - n, t->mark, n) != 0)
		n--;
	return n;
}

/* The rest of the line after a mark. Returns false when it is not whole yet. */
static bool read_mark(struct channel *c, const char *rest, size_t size)
{
	const char *end = memchr(rest, '\n', size);

	if (!end)
		return false;
	c->exit_code = *rest == ' ' ? atoi(rest + 1) & 255 : 0;
	c->marked = true;
	return true;
}

static void take(struct talk *t, enum run_channel channel, const char *bytes, size_t size)
{
	struct channel *c = &t->channels[channel];
	const char *mark = memmem(bytes, size, t->mark, t->mark_size);
	size_t output = mark ? (size_t)(mark - bytes) : size - begun_mark(t, bytes, size);

	put_out(t, channel, bytes, output);
	c->n_held = 0;
	if (mark && read_mark(c, mark + t->mark_size, size - output - t->mark_size))
		return;
	/* A mark, or its begin, whose end has not come. */
	if (size - output >= sizeof(c->held))
		return;
	c->n_held = size - output;
	memcpy(c->held, bytes + output, c->n_held);
}

/* Returns false at the end of the stream. */
static bool read_channel(struct talk *t, int fd, enum run_channel channel)
{
	struct channel *c = &t->channels[channel];
	char block[BLOCK_BYTES + sizeof(c->held)];
	ssize_t n;

	memcpy(block, c->held, c->n_held);
	n = read(fd, block + c->n_held, BLOCK_BYTES);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	take(t, channel, block, c->n_held + (size_t)n);
	return true;
}

static void send_request(struct talk *t, int fd)
{
	ssize_t n = write(fd, t->request + t->sent, t->request_size - t->sent);

	if (n > 0)
		t->sent += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		t->sent = t->request_size; /* it has ended, which is seen elsewhere */
}

static bool takes_output(const struct talk *t)
{
	return !t->control->ready || t->control->ready(t->control->data);
}

/* It cannot be used up sooner than every processor allows: then we look again. */
static bool cpu_is_over(struct talk *t, int64_t now_ms)
{
	int64_t left_us, wait_ms;

	if (!t->cpu_limit_us || now_ms < t->look_ms)
		return false;
	left_us = t->cpu_base_us + t->cpu_limit_us - usage_cpu_us(&t->i->usage);
	wait_ms = left_us / 1000 / sysconf(_SC_NPROCESSORS_ONLN);
	t->look_ms = now_ms + (wait_ms < LOOK_MS ? LOOK_MS : wait_ms);
	return left_us <= 0;
}

static int time_left(const struct talk *t, int64_t now_ms)
{
	int64_t next = t->cpu_limit_us && t->look_ms < t->end_ms ? t->look_ms : t->end_ms;

	return next < now_ms ? 0 : (int)(next - now_ms);
}

/* Returns false when the interpreter has ended. */
static bool turn(struct talk *t)
{
	struct sandbox *s = t->i->sandbox;
	bool reads = takes_output(t);
	int64_t now_ms;
	struct pollfd fds[] = {
		{.fd = t->sent < t->request_size ? s->stdin_fd : -1, .events = POLLOUT},
		{.fd = reads && !t->channels[0].marked ? s->stdout_fd : -1, .events = POLLIN},
		{.fd = reads && !t->channels[1].marked ? s->stderr_fd : -1, .events = POLLIN},
		{.fd = s->end_fd, .events = POLLIN},
		{.fd = t->control->cancel_fd, .events = POLLIN},
		{.fd = t->control->client_fd, .events = POLLRDHUP},
		{.fd = reads ? -1 : t->control->wake_fd, .events = POLLIN},
	};
	bool lives = true;
	eventfd_t count;

	if (poll(fds, ARRAY_SIZE(fds), time_left(t, clock_monotonic_ms())) < 0 && errno != EINTR)
		t->why = SANDBOX_CANCELLED;
	now_ms = clock_monotonic_ms();
	if (fds[6].revents)
		(void)!eventfd_read(t->control->wake_fd, &count);
	if (fds[4].revents || fds[5].revents)
		t->why = SANDBOX_CANCELLED;
	else if (now_ms >= t->end_ms || cpu_is_over(t, now_ms))
		t->why = SANDBOX_TIMEOUT;
	if (fds[0].revents)
		send_request(t, s->stdin_fd);
	if (fds[1].revents)
		lives &= read_channel(t, s->stdout_fd, RUN_STDOUT);
	if (fds[2].revents)
		lives &= read_channel(t, s->stderr_fd, RUN_STDERR);
	return lives && !(fds[3].revents && !fds[1].revents && !fds[2].revents);
}

static bool is_answered(const struct talk *t)
{
	return t->channels[RUN_STDOUT].marked && t->channels[RUN_STDERR].marked;
}

/* While it lives: of this run alone. */
static void take_usage(struct talk *t, struct sandbox_result *ret)
{
	ret->cpu_ms = (usage_cpu_us(&t->i->usage) - t->cpu_base_us) / 1000;
	ret->memory_bytes = usage_peak_bytes(&t->i->usage);
}

/* It has ended itself, or is ended now: how. */
static void take_end(struct talk *t, const struct run_place *place, struct sandbox_result *ret)
{
	struct pollfd end = {.fd = t->i->sandbox->end_fd, .events = POLLIN};
	struct sandbox_result used = {0};

	if (t->why != SANDBOX_FAILED || poll(&end, 1, ANSWER_MS) <= 0) {
		take_usage(t, &used);
		place->backend->kill(t->i->sandbox);
	}
	while (poll(&end, 1, -1) < 0)
		;
	place->backend->end(TAKE_PTR(t->i->sandbox), ret);
	usage_done(&t->i->usage);
	if (t->why == SANDBOX_FAILED) {
		/* Its own account is of all runs. */
		ret->cpu_ms -= t->cpu_base_us / 1000;
		ret->cpu_ms = ret->cpu_ms < 0 ? 0 : ret->cpu_ms;
		return;
	}
	*ret = (struct sandbox_result){.reason = t->why,
				       .exit_code = t->why == SANDBOX_TIMEOUT ? 124 : 137,
				       .signal = t->why == SANDBOX_TIMEOUT ? 0 : 9,
				       .cpu_ms = used.cpu_ms,
				       .memory_bytes = used.memory_bytes};
}

static void talk_done(struct talk *t)
{
	free(t->request);
}

/* Returns 0 with one that lives and whose figures begin; -errno with the line. */
static int get_ready(struct talk *t, const struct run_place *place, const struct run_request *r,
		     const struct sandbox_limits *limits, bool *ret_lost, struct appsilo_error *err)
{
	struct interpreter *i = t->i;
	int code = 0;

	*ret_lost = i->sandbox && is_gone(i);
	if (*ret_lost)
		interpreter_stop(i, place->backend);
	if (!i->sandbox)
		code = start(i, place, r, limits, err);
	else
		usage_forget_peak(&i->usage);
	if (code == 0)
		t->cpu_base_us = usage_cpu_us(&i->usage);
	return code == 0 ? make_request(t, r, place->dir, err) : code;
}

int interpreter_run(struct interpreter *i, const struct run_place *place, const struct run_request *r,
		    const struct sandbox_limits *limits, const struct run_control *control,
		    struct run_step *ret, bool *ret_lost, struct appsilo_error *err)
{
	int64_t start_ms = clock_monotonic_ms();
	cleanup(talk_done) struct talk t = {.i = i, .control = control, .step = ret,
					    .output_left = r->limits.output_bytes,
					    .end_ms = start_ms + (int64_t)r->limits.wall_ms,
					    .cpu_limit_us = (int64_t)r->limits.cpu_ms * 1000};
	int code = get_ready(&t, place, r, limits, ret_lost, err);

	*ret = (struct run_step){0};
	if (code < 0)
		return code;
	t.look_ms = start_ms + t.cpu_limit_us / 1000 / sysconf(_SC_NPROCESSORS_ONLN);
	while (t.why == SANDBOX_FAILED && !is_answered(&t) && turn(&t))
		;
	if (t.why == SANDBOX_FAILED && is_answered(&t)) {
		ret->result = (struct sandbox_result){
			.reason = SANDBOX_EXITED, .exit_code = t.channels[RUN_STDOUT].exit_code};
		take_usage(&t, &ret->result);
	} else {
		take_end(&t, place, &ret->result);
		*ret_lost = true;
	}
	ret->result.wall_ms = clock_monotonic_ms() - start_ms;
	return 0;
}
