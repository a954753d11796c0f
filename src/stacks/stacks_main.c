/* SPDX-License-Identifier: Apache-2.0 */
/*
 * appsilo-stacks: reads the call stacks of a profiled program for the broker (wire.h), from memory that
 * the program may have filled with whatever it likes. So it has no right at all: the broker sends
 * what has to be read, opened. A worker reads; one that crashes, or takes too long, costs its one answer,
 * and the next one takes its place. Not for people; docs/ARCHITECTURE.md, Profiler.
 */
#include "base/fd.h"
#include "base/log.h"
#include "isolation/seal.h"
#include "stacks/native.h"
#include "stacks/wire.h"
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "stacks_filter.h"

#define SOCKET_FD 3
/* For one stack; what is beyond ends the worker. */
#define STACK_TIME_MS 1000
#define WORKER_MEMORY ((rlim_t)1 << 30)
#define WORKER_FDS 32

struct worker {
	int mem_fd; /* of the request under way */
	struct memory memory;
	struct modules modules, fresh;
	struct native *native; /* of a program with @modules; kept while these stay the same */
	struct python_symbols python;
};

static bool read_mem(void *data, uint64_t address, void *ret, size_t size)
{
	const struct worker *w = data;
	char *at = ret;

	while (size > 0) {
		ssize_t n = address > INT64_MAX ? -1 : pread(w->mem_fd, at, size, (off_t)address);

		if (n <= 0)
			return false;
		at += n;
		address += (uint64_t)n;
		size -= (size_t)n;
	}
	return true;
}

static int learn_modules(struct worker *w, int maps_fd)
{
	int r = modules_read(maps_fd, &w->fresh);

	if (r < 0 || (w->native && modules_are_equal(&w->fresh, &w->modules)))
		return r;
	native_free(TAKE_PTR(w->native));
	w->modules = w->fresh;
	w->native = native_new(&w->memory, &w->modules);
	if (!w->native)
		return -ENOMEM;
	native_find_python(w->native, &w->python);
	return 0;
}

static void answer(struct worker *w, const struct stacks_request *q, const int fds[FD_PASS_MAX])
{
	static struct stack_writer out;
	const struct python_thread thread = {q->thread_id, q->is_main};
	const struct native_registers registers = {q->stack_pointer, q->instruction};

	out = (struct stack_writer){0};
	w->mem_fd = fds[STACKS_MEM];
	if (learn_modules(w, fds[STACKS_MAPS]) < 0)
		return;
	python_stack(&w->memory, &w->python, &thread, &out);
	native_stack(w->native, &registers, &out);
	if (out.n > 0)
		(void)!fd_send(fds[STACKS_REPLY], out.text, out.n, NULL, 0); /* it waits no more */
}

static void set_alarm(long ms)
{
	const struct itimerval when = {.it_value = {ms / 1000, ms % 1000 * 1000}};

	(void)setitimer(ITIMER_REAL, &when, NULL); /* ended by the signal */
}

static int seal(void)
{
	const struct sock_fprog program = {ARRAY_SIZE(filter_stacks), (struct sock_filter *)filter_stacks};
	const struct rlimit memory = {WORKER_MEMORY, WORKER_MEMORY}, fds = {WORKER_FDS, WORKER_FDS};
	struct appsilo_error err = {0};

	if (setrlimit(RLIMIT_AS, &memory) < 0 || setrlimit(RLIMIT_NOFILE, &fds) < 0)
		return -errno;
	if (seal_process(&program, "stacks", &err) < 0)
		log_error("%s", err.line);
	return err.code;
}

static int work(void)
{
	static struct worker w; /* large */
	struct stacks_request q;
	int fds[FD_PASS_MAX];

	w.memory = (struct memory){read_mem, &w};
	if (seal() < 0)
		return 1;
	while (fd_receive(SOCKET_FD, &q, sizeof(q), 0, fds) == sizeof(q)) {
		set_alarm(STACK_TIME_MS);
		if (fds[STACKS_REPLY] >= 0)
			answer(&w, &q, fds);
		set_alarm(0);
		for (size_t i = 0; i < FD_PASS_MAX; i++)
			close_keep_errno(fds[i]);
	}
	return 0;
}

int main(void)
{
	int status = 0;

	prctl(PR_SET_NAME, "appsilo-stacks", 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	do {
		pid_t own = getpid(), pid = fork();

		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
			_exit(getppid() == own ? work() : 1);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			return 1;
	} while (WIFSIGNALED(status));
	return WEXITSTATUS(status);
}
