/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Init leaves the stack that it was copied with to the guest, which goes on there as if it had
 * been copied itself, and lives on another one. Both have the thread pointer of the zygote's
 * thread: from the guest's start on init makes system calls that cannot fail, so that it never
 * writes errno.
 */
#include "server/zygote_child.h"

#include "base/fd.h"
#include "isolation/confine.h"
#include "isolation/kernel.h"
#include "server/collect.h"
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define CHILD_FD 3 /* the socket, in init and guest */
#define INIT_STACK_BYTES 65536
#define STEP_STACK_BYTES 16384
#define SMALL_PAYLOAD_BYTES 16384
#define OPEN_FILES 1024 /* what programs are used to */
#define FIRST_PID_MIN 100
#define FIRST_PID_SPAN 30000u
#define DYING_NICE 10 /* enough not to be in the way; not so much that the dead pile up under load */

/* struct clone_args of clone3(2), as far as it is used here. */
struct clone_request {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
};

struct child {
	const struct zygote_guest *guest;
	const struct nest *nest;
	struct hot_trial *trial; /* NULL: none */
	jmp_buf guest_start; /* on the stack that was copied */
	void *tid_place;     /* where the C library keeps the thread's id; NULL: not known */
};

static char init_stack[INIT_STACK_BYTES] __attribute__((aligned(4096)));
static char small_payload[SMALL_PAYLOAD_BYTES];
static char step_stack[STEP_STACK_BYTES] __attribute__((aligned(64)));

/* Go on in @run on another stack, for good. */
static void continue_on(char *top, void (*run)(struct child *), struct child *child)
	__attribute__((noreturn));

static void continue_on(char *top, void (*run)(struct child *), struct child *child)
{
#if defined(__x86_64__)
	__asm__ volatile("movq %0, %%rsp\n\txorl %%ebp, %%ebp\n\tcall *%1\n\thlt"
			 :
			 : "r"(top), "r"(run), "D"(child)
			 : "memory");
#elif defined(__aarch64__)
	register struct child *x0 __asm__("x0") = child;

	__asm__ volatile("mov sp, %0\n\tmov x29, xzr\n\tblr %1\n\tbrk #0"
			 :
			 : "r"(top), "r"(run), "r"(x0)
			 : "memory");
#else
#error "add how to change the stack pointer on this architecture"
#endif
	__builtin_unreachable();
}

static void say(const struct zygote_report *report)
{
	/* With the pool gone there is nobody left to tell. */
	(void)!send(CHILD_FD, report, sizeof(*report), MSG_NOSIGNAL);
}

static void fail(const char *text) __attribute__((noreturn));

static void fail(const char *text)
{
	struct zygote_report report = {.word = ZYGOTE_CHILD_FAILED};

	snprintf(report.text, sizeof(report.text), "%s", text);
	say(&report);
	_exit(125);
}

/* All but the socket goes: the zygote's own, the networks of other sandboxes, and what the zygote
 * writes to: a pipe can be opened again from /proc, so it would be a way from run to run. */
static int keep_only(int socket_fd)
{
	cleanup_close int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd < 3; fd++)
		if (null_fd < 0 || dup2(null_fd, fd) < 0)
			return -errno;
	if (socket_fd != CHILD_FD && dup3(socket_fd, CHILD_FD, O_CLOEXEC) < 0)
		return -errno;
	if (k_close_range(CHILD_FD + 1, ~0U, 0) < 0)
		return -errno;
	TAKE_FD(null_fd); /* closed with the rest */
	return 0;
}

/* All of the sandbox is in it: init has the program's rights, and its memory, so it is no place to
 * get out of a limit. */
static bool enter_group(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0 && write(fds[i], "0", 1) != 1)
			return false;
	return true;
}

/* Where the C library keeps the thread's id: the kernel writes the new one there. */
static void *thread_id_place(void)
{
	int *place = NULL;

	if (prctl(PR_GET_TID_ADDRESS, &place, 0, 0, 0) < 0 || !place ||
	    *place != (int)syscall(SYS_gettid))
		return NULL; /* musl keeps something else there */
	return place;
}

static int start_guest(void *data)
{
	struct child *child = data;

	longjmp(child->guest_start, 1);
}

static void report_end(const struct child *child, int status)
{
	struct zygote_report report = {.word = ZYGOTE_CHILD_ENDED, .status = status};
	struct rusage usage;

	kill(-1, SIGKILL); /* fails, harmlessly by now, when there is nobody */
	while (wait4(-1, NULL, 0, NULL) > 0)
		;
	getrusage(RUSAGE_CHILDREN, &usage);
	report.cpu_us = (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
			usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
	report.max_rss_bytes = (int64_t)usage.ru_maxrss * 1024;
	say(&report);
	if (child->nest->files_bytes)
		collect_send(CHILD_FD, child->nest->files_bytes);
	if (child->trial)
		hot_trial_look(child->trial);
	/* What is left is to take all of it down, and nobody waits for that. */
	(void)setpriority(PRIO_PROCESS, 0, DYING_NICE);
	_exit(0);
}

static void live_as_init(struct child *child)
{
	const int keep_tid = CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
	struct zygote_report made = {.word = ZYGOTE_CHILD_MADE};
	struct appsilo_error err = {0};
	unsigned int random;
	pid_t guest, pid;
	int status;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		fail("sandbox: no random numbers");
	if (nest_enter(child->nest, FIRST_PID_MIN + random % FIRST_PID_SPAN, &err) < 0)
		fail(err.line);
	say(&made);
	guest = clone(start_guest, step_stack + sizeof(step_stack),
		      CLONE_VM | SIGCHLD | (child->tid_place ? keep_tid : 0), child, NULL, NULL,
		      child->tid_place);
	if (guest < 0)
		fail("sandbox: cannot start its process");
	while ((pid = wait4(-1, &status, 0, NULL)) != guest)
		if (pid < 0)
			_exit(125);
	report_end(child, status);
}

static int set_limits(const struct zygote_spec *spec)
{
	const struct plan_limits limits = {
		.memory_bytes = spec->memory_bytes,
		.pids = spec->pids,
		.cpu_time_ms = spec->cpu_time_ms,
		.file_size_bytes = spec->file_size_bytes,
	};
	const rlim_t n = spec->open_files ? spec->open_files : OPEN_FILES;
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	if (files.rlim_max > n)
		files.rlim_max = n;
	files.rlim_cur = files.rlim_max; /* a server that may have fewer itself gives what it has */
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	return confine_rlimits(&limits);
}

static bool is_small(const struct zygote_spec *spec)
{
	return spec->payload_bytes < SMALL_PAYLOAD_BYTES;
}

void zygote_payload_done(const struct zygote_spec *spec, char *payload)
{
	if (!is_small(spec))
		munmap(payload, (size_t)spec->payload_bytes + 1);
}

/* Returns the payload, NUL-ended. */
static char *receive_spec(struct zygote_spec *spec)
{
	int fds[FD_PASS_MAX];
	ssize_t n = fd_receive(CHILD_FD, spec, sizeof(*spec), 0, fds);
	char *payload;

	if (n == 0) /* not needed any more */
		_exit(0);
	if (n != sizeof(*spec) || spec->payload_bytes > ZYGOTE_PAYLOAD_MAX || fds[2] < 0)
		_exit(125);
	payload = is_small(spec) ? small_payload
				 : mmap(NULL, (size_t)spec->payload_bytes + 1, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (payload == MAP_FAILED || fd_receive_long(CHILD_FD, payload, spec->payload_bytes) < 0)
		_exit(125);
	for (int fd = 0; fd < 3; fd++)
		if (dup2(fds[fd], fd) < 0)
			_exit(125);
	if (k_close_range(CHILD_FD, ~0U, 0) < 0 || set_limits(spec) < 0)
		_exit(125);
	return payload;
}

static void live_as_guest(const struct zygote_guest *guest)
{
	struct zygote_report ready = {.word = ZYGOTE_CHILD_READY};
	struct zygote_spec spec;
	sigset_t none;
	char *payload;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (setsid() < 0)
		_exit(125);
	guest->warm();
	zygote_hurry(true);
	say(&ready);
	payload = receive_spec(&spec);
	_exit(guest->run(&spec, payload));
}

void zygote_hurry(bool on)
{
	static const struct sched_param none;

	/* Not the C library's: musl has none. */
	(void)syscall(SYS_sched_setscheduler, 0, on ? SCHED_OTHER : SCHED_BATCH, &none);
}

int zygote_child_make(const struct zygote_guest *guest, const struct nest *nest,
		      const struct hot_pages *hot, struct hot_trial *trial, const int fds[FD_PASS_MAX])
{
	struct clone_request request = {.flags = NEST_CLONE_FLAGS,
					.exit_signal = SIGCHLD};
	static struct child child;
	sigset_t all, old;
	bool in_group;
	long pid;

	child = (struct child){.guest = guest, .nest = nest, .trial = trial, .tid_place = thread_id_place()};
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid = syscall(SYS_clone3, &request, sizeof(request));
	if (pid != 0) {
		pid = pid < 0 ? -errno : pid;
		sigprocmask(SIG_SETMASK, &old, NULL);
		return (int)pid;
	}
	in_group = enter_group(fds + 1, FD_PASS_MAX - 1);
	if (keep_only(fds[0]) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		_exit(125);
	if (!in_group)
		fail("sandbox: cannot enter its control group");
	hot_pages_touch(hot);
	if (setjmp(child.guest_start) == 0)
		continue_on(init_stack + sizeof(init_stack), live_as_init, &child);
	live_as_guest(guest);
	return 0;
}
