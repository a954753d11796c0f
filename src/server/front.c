/* SPDX-License-Identifier: Apache-2.0 */
#include "server/front.h"

#include "base/fd.h"
#include "isolation/kernel.h"
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define RESULT_FD 3
#define RESULT_BYTES_MAX (1024 * 1024)

void front_words_done(struct front_words *w)
{
	for (size_t i = 0; i < w->n_owned; i++)
		free(w->owned[i]);
}

void front_add(struct front_words *w, const char *word)
{
	if (w->n == FRONT_WORDS_MAX)
		w->full = true;
	else
		w->all[w->n++] = word;
}

void front_add_option(struct front_words *w, const char *option, const char *value)
{
	char *word;

	if (w->n_owned == FRONT_WORDS_MAX || asprintf(&word, "%s=%s", option, value) < 0) {
		w->full = true;
		return;
	}
	w->owned[w->n_owned++] = word;
	front_add(w, word);
}

void front_add_number(struct front_words *w, const char *option, uint64_t value, const char *unit)
{
	char text[32];

	if (!value)
		return;
	snprintf(text, sizeof(text), "%" PRIu64 "%s", value, unit);
	front_add_option(w, option, text);
}

void front_add_limits(struct front_words *w, const struct sandbox_limits *l)
{
	front_add_number(w, "--wall-time", l->wall_ms, "ms");
	front_add_number(w, "--time", l->cpu_ms, "ms");
	front_add_number(w, "--memory", l->memory_bytes, "");
	front_add_number(w, "--pids", l->pids, "");
	front_add_number(w, "--disk", l->disk_bytes, "");
	front_add_number(w, "--file-size", l->file_bytes, "");
}

struct ends {
	int in[2], out[2], err[2];
};

static void close_pair(int pair[2])
{
	close_keep_errno(TAKE_FD(pair[0]));
	close_keep_errno(TAKE_FD(pair[1]));
}

static void ends_done(struct ends *e)
{
	close_pair(e->in);
	close_pair(e->out);
	close_pair(e->err);
}

/* Ours do not block; the program's do, as it expects. */
static int make_ends(struct ends *e)
{
	if (pipe2(e->in, O_CLOEXEC) < 0 || pipe2(e->out, O_CLOEXEC) < 0 ||
	    pipe2(e->err, O_CLOEXEC) < 0)
		return -errno;
	if (fcntl(e->in[1], F_SETFL, O_NONBLOCK) < 0 || fcntl(e->out[0], F_SETFL, O_NONBLOCK) < 0 ||
	    fcntl(e->err[0], F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

static void put_child(int from, int to)
{
	if (from == to)
		(void)fcntl(to, F_SETFD, 0);
	else
		(void)dup2(from, to);
}

/* In the child of a vfork: it shares our memory, and only makes system calls. */
static _Noreturn void become_front_child(const struct ends *e, int result_fd, pid_t parent,
					 const struct front_words *argv, const struct front_words *env,
					 unsigned int files)
{
	static const struct rlimit no_core = {0, 0};
	const struct rlimit open_files = {files, files};
	sigset_t none;
	int fds[4];

	sigemptyset(&none);
	setsid();
	/* Above what they become, so that none is overwritten before it is used. */
	fds[0] = fcntl(e->in[0], F_DUPFD_CLOEXEC, 8);
	fds[1] = fcntl(e->out[1], F_DUPFD_CLOEXEC, 8);
	fds[2] = fcntl(e->err[1], F_DUPFD_CLOEXEC, 8);
	fds[RESULT_FD] = fcntl(result_fd, F_DUPFD_CLOEXEC, 8);
	for (int i = 0; i < 4; i++)
		put_child(fds[i], i);
	k_close_range(RESULT_FD + 1, ~0u, 0);
	if (files)
		setrlimit(RLIMIT_NOFILE, &open_files);
	setrlimit(RLIMIT_CORE, &no_core);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(125);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(argv->all[0], (char *const *)argv->all, (char *const *)env->all);
	_exit(125);
}

static pid_t spawn(const struct ends *e, int result_fd, const struct front_words *argv,
		   const struct front_words *env, unsigned int files)
{
	pid_t parent = getpid(), pid;
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = vfork();
	if (pid == 0)
		become_front_child(e, result_fd, parent, argv, env, files);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return pid < 0 ? -errno : pid;
}

static void front_free(struct front_run *run)
{
	if (!run)
		return;
	close_keep_errno(run->base.stdin_fd);
	close_keep_errno(run->base.stdout_fd);
	close_keep_errno(run->base.stderr_fd);
	close_keep_errno(run->base.end_fd);
	close_keep_errno(run->result_fd);
	free(run);
}

DEFINE_CLEANUP(struct front_run *, front_free)

static int start_process(struct front_run *run, const struct front_words *argv,
			 const struct front_words *env, unsigned int files, struct ends *ends)
{
	run->base.pid = spawn(ends, run->result_fd, argv, env, files);
	if (run->base.pid < 0)
		return run->base.pid;
	run->base.end_fd = (int)syscall(K_PIDFD_OPEN, run->base.pid, 0);
	if (run->base.end_fd < 0) {
		int r = -errno;

		(void)kill(run->base.pid, SIGKILL);
		(void)waitpid(run->base.pid, NULL, 0);
		return r;
	}
	return 0;
}

int front_start(const struct front_words *argv, const struct front_words *env, unsigned int files,
		struct front_run **ret)
{
	cleanup(ends_done) struct ends ends = {{-EBADF, -EBADF}, {-EBADF, -EBADF}, {-EBADF, -EBADF}};
	cleanup(front_freep) struct front_run *run = calloc(1, sizeof(*run));
	int r;

	if (argv->full || env->full)
		return -E2BIG;
	if (!run)
		return -ENOMEM;
	run->base = (struct sandbox){-EBADF, -EBADF, -EBADF, -EBADF, 0};
	run->result_fd = memfd_create("result", MFD_CLOEXEC);
	r = run->result_fd < 0 ? -errno : make_ends(&ends);
	if (r == 0)
		r = start_process(run, argv, env, files, &ends);
	if (r < 0)
		return r;
	run->base.stdin_fd = TAKE_FD(ends.in[1]);
	run->base.stdout_fd = TAKE_FD(ends.out[0]);
	run->base.stderr_fd = TAKE_FD(ends.err[0]);
	*ret = TAKE_PTR(run);
	return 0;
}

void front_kill(struct sandbox *s)
{
	(void)syscall(SYS_pidfd_send_signal, s->end_fd, SIGKILL, NULL, 0);
}

static int64_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void take_result(const json_t *object, struct sandbox_result *ret)
{
	const char *reason = json_string_value(json_object_get(object, "reason"));
	const char *text = json_string_value(json_object_get(object, "error"));
	const char *family = json_string_value(json_object_get(object, "package"));

	ret->reason = reason ? sandbox_reason_parse(reason) : SANDBOX_FAILED;
	ret->exit_code = (int)number(object, "exit_code");
	ret->signal = (int)number(object, "signal");
	ret->wall_ms = number(object, "wall_ms");
	ret->cpu_ms = number(object, "cpu_ms");
	ret->memory_bytes = number(object, "memory_bytes");
	snprintf(ret->text, sizeof(ret->text), "%s", text ? text : "");
	snprintf(ret->family, sizeof(ret->family), "%s", family ? family : "");
}

/* What appsilo run has written, if it came to that. */
static json_t *read_result(int fd)
{
	struct stat st;
	json_t *object = NULL;
	void *text;

	if (fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size > RESULT_BYTES_MAX)
		return NULL;
	text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (text == MAP_FAILED)
		return NULL;
	object = json_loadb(text, (size_t)st.st_size, 0, NULL);
	munmap(text, (size_t)st.st_size);
	return object;
}

void front_end(struct sandbox *s, struct sandbox_result *ret)
{
	cleanup(front_freep) struct front_run *run = (struct front_run *)s;
	int status = 0;
	json_t *object;

	if (!run)
		return;
	*ret = (struct sandbox_result){.reason = SANDBOX_FAILED, .exit_code = 125};
	(void)waitpid(run->base.pid, &status, 0);
	object = read_result(run->result_fd);
	if (object)
		take_result(object, ret);
	else if (WIFEXITED(status))
		ret->exit_code = WEXITSTATUS(status);
	json_decref(object);
}
