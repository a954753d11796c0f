/* SPDX-License-Identifier: Apache-2.0 */
/* One program from start to end: everything that may happen is waited for in one place. */
#include "server/run.h"

#include "base/clock.h"
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#define BLOCK_BYTES 65536
/* A sandbox that does not end by its own wall clock is ended by ours. */
#define GRACE_MS 3000

enum { POLL_IN, POLL_OUT, POLL_ERR, POLL_END, POLL_CANCEL, POLL_CLIENT, POLL_WAKE, POLL_N };

struct pump {
	const struct run_place *place;
	const struct run_control *control;
	struct sandbox *sandbox;
	struct run_step *step;
	const char *input;
	size_t input_left;
	uint64_t output_left;
	int64_t end_ms;		    /* of our own clock; 0: none */
	enum sandbox_reason killed; /* why we ended it; SANDBOX_FAILED: we did not */
};

static void end_it(struct pump *p, enum sandbox_reason reason)
{
	if (p->killed == SANDBOX_FAILED)
		p->killed = reason;
	p->place->backend->kill(p->sandbox);
}

bool run_output_add(struct run_output *out, const char *bytes, size_t size)
{
	if (out->size + size > out->capacity) {
		size_t capacity = (out->size + size) * 2;
		char *bigger = realloc(out->data, capacity);

		if (!bigger)
			return false;
		out->data = bigger;
		out->capacity = capacity;
	}
	memcpy(out->data + out->size, bytes, size);
	out->size += size;
	return true;
}

static void take_output(struct pump *p, enum run_channel channel, const char *bytes, size_t size)
{
	size_t n = size < p->output_left ? size : (size_t)p->output_left;

	p->output_left -= n;
	p->step->output_bytes += n;
	if (n && p->control->output)
		(void)p->control->output(p->control->data, channel, bytes, n);
	else if (n && (!run_output_add(&p->step->out[channel], bytes, n) ||
		       (p->control->keep_both && !run_output_add(&p->step->both, bytes, n))))
		end_it(p, SANDBOX_OUTPUT_LIMIT);
	if (n < size)
		end_it(p, SANDBOX_OUTPUT_LIMIT);
}

/* Returns false when there is nothing more to read now. */
static bool read_output(struct pump *p, int *fd, enum run_channel channel)
{
	char block[BLOCK_BYTES];
	ssize_t n = read(*fd, block, sizeof(block));

	if (n > 0) {
		take_output(p, channel, block, (size_t)n);
		return true;
	}
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		close_keep_errno(TAKE_FD(*fd));
	return false;
}

static void write_input(struct pump *p)
{
	ssize_t n = p->input_left ? write(p->sandbox->stdin_fd, p->input, p->input_left) : 0;

	if (n > 0) {
		p->input += n;
		p->input_left -= (size_t)n;
	}
	/* All is written, or nobody reads any more. */
	if (p->input_left == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_keep_errno(TAKE_FD(p->sandbox->stdin_fd));
}

static int time_left(const struct pump *p)
{
	int64_t left = p->end_ms - clock_monotonic_ms();

	if (!p->end_ms)
		return -1;
	return left < 0 ? 0 : left > 3600000 ? 3600000 : (int)left;
}

static bool takes_output(const struct pump *p)
{
	return !p->control->ready || p->control->ready(p->control->data);
}

/* Returns false when the sandbox has ended. */
static bool turn(struct pump *p)
{
	struct sandbox *s = p->sandbox;
	bool reads = takes_output(p), dying = p->killed != SANDBOX_FAILED;
	struct pollfd fds[POLL_N] = {
		[POLL_IN] = {.fd = s->stdin_fd, .events = POLLOUT},
		[POLL_OUT] = {.fd = reads ? s->stdout_fd : -1, .events = POLLIN},
		[POLL_ERR] = {.fd = reads ? s->stderr_fd : -1, .events = POLLIN},
		[POLL_END] = {.fd = s->end_fd, .events = POLLIN},
		[POLL_CANCEL] = {.fd = dying ? -1 : p->control->cancel_fd, .events = POLLIN},
		[POLL_CLIENT] = {.fd = dying ? -1 : p->control->client_fd, .events = POLLRDHUP},
		[POLL_WAKE] = {.fd = reads ? -1 : p->control->wake_fd, .events = POLLIN},
	};
	eventfd_t count;

	if (poll(fds, POLL_N, time_left(p)) < 0 && errno != EINTR) {
		end_it(p, SANDBOX_CANCELLED);
		return true;
	}
	if (fds[POLL_WAKE].revents)
		(void)!eventfd_read(p->control->wake_fd, &count);
	if (fds[POLL_CANCEL].revents || fds[POLL_CLIENT].revents)
		end_it(p, SANDBOX_CANCELLED);
	if (p->end_ms && clock_monotonic_ms() > p->end_ms) {
		end_it(p, SANDBOX_TIMEOUT);
		p->end_ms = 0;
	}
	if (fds[POLL_IN].revents)
		write_input(p);
	if (fds[POLL_OUT].revents)
		(void)read_output(p, &s->stdout_fd, RUN_STDOUT);
	if (fds[POLL_ERR].revents)
		(void)read_output(p, &s->stderr_fd, RUN_STDERR);
	return !fds[POLL_END].revents;
}

/* Nothing of the run lives any more: what it left in the pipes is all there will be. */
static void drain(struct pump *p)
{
	while (read_output(p, &p->sandbox->stdout_fd, RUN_STDOUT))
		;
	while (read_output(p, &p->sandbox->stderr_fd, RUN_STDERR))
		;
}

/* We ended it: what the sandbox could say about that is not the reason. */
static void explain(const struct pump *p, int64_t start_ms)
{
	struct sandbox_result *r = &p->step->result;

	if (p->killed == SANDBOX_FAILED || r->reason == SANDBOX_TIMEOUT)
		return;
	*r = (struct sandbox_result){.reason = p->killed,
				     .exit_code = p->killed == SANDBOX_TIMEOUT ? 124 : 137,
				     .signal = 9,
				     .cpu_ms = r->cpu_ms,
				     .memory_bytes = r->memory_bytes,
				     .wall_ms = clock_monotonic_ms() - start_ms};
}

int run_step(const struct run_place *place, const struct sandbox_spec *spec, const char *input,
	     size_t input_size, const struct run_control *control, struct run_step *ret,
	     struct appsilo_error *err)
{
	int64_t start_ms = clock_monotonic_ms();
	const struct sandbox_limits *l = &spec->limits;
	struct pump p = {.place = place, .control = control, .step = ret, .input = input,
			 .input_left = input_size,
			 .output_left = l->output_bytes ? l->output_bytes : UINT64_MAX,
			 .end_ms = l->wall_ms ? start_ms + (int64_t)l->wall_ms + GRACE_MS : 0};
	int r;

	*ret = (struct run_step){0};
	r = place->backend->start(place->backend->data, spec, &p.sandbox, err);
	if (r < 0)
		return r;
	while (turn(&p))
		;
	drain(&p);
	place->backend->end(p.sandbox, &ret->result);
	explain(&p, start_ms);
	return 0;
}

void run_step_done(struct run_step *s)
{
	free(s->out[RUN_STDOUT].data);
	free(s->out[RUN_STDERR].data);
	free(s->both.data);
	*s = (struct run_step){0};
}
