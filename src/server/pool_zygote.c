/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "server/pool_internal.h"
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* The guest is found by its descriptor: no path of the host's is told to the sandbox. */
#define LOADER                                                                                     \
	"import _imp;_imp.create_dynamic(type('S',(),{'name':'appsilo_zygote',"                    \
	"'origin':'/proc/self/fd/4'}))"
#define HIGH_FD 64 /* above all that the child is to have */

static int raise_fd(int *fd)
{
	int high = fcntl(*fd, F_DUPFD_CLOEXEC, HIGH_FD);

	if (high < 0)
		return -errno;
	close(*fd);
	*fd = high;
	return 0;
}

static int spawn(struct pool *pool, int socket_fd, int log_fd, int null_fd, pid_t *ret_pid)
{
	const char *argv[16], *env[5] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"};
	char home[1024], data[1024];
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	size_t n = 0, n_env = 2;
	int r;

	argv[n++] = pool->config.front;
	argv[n++] = "zygote";
	argv[n++] = "--prompt";
	argv[n++] = "never";
	if (pool->config.package) {
		argv[n++] = "-p";
		argv[n++] = pool->config.package;
	}
	argv[n++] = "--";
	argv[n++] = pool->config.interpreter ? pool->config.interpreter : ZYGOTE_PROGRAM;
	if (pool->config.interpreter) {
		argv[n++] = "-I";
		argv[n++] = "-c";
		argv[n++] = LOADER;
	}
	argv[n] = NULL;
	/* Where packages are. */
	if (getenv("HOME") &&
	    snprintf(home, sizeof(home), "HOME=%s", getenv("HOME")) < (int)sizeof(home))
		env[n_env++] = home;
	if (getenv("XDG_DATA_HOME") && snprintf(data, sizeof(data), "XDG_DATA_HOME=%s",
						getenv("XDG_DATA_HOME")) < (int)sizeof(data))
		env[n_env++] = data;
	r = -posix_spawn_file_actions_init(&actions);
	if (r < 0)
		return r;
	posix_spawn_file_actions_adddup2(&actions, null_fd, 0);
	posix_spawn_file_actions_adddup2(&actions, log_fd, 1);
	posix_spawn_file_actions_adddup2(&actions, log_fd, 2);
	posix_spawn_file_actions_adddup2(&actions, socket_fd, ZYGOTE_FD);
	posix_spawn_file_actions_adddup2(&actions, pool->guest_fd, ZYGOTE_PROGRAM_FD);
	posix_spawn_file_actions_addchdir_np(&actions, "/");
	posix_spawnattr_init(&attr);
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	r = -posix_spawn(ret_pid, pool->config.front, &actions, &attr, (char **)argv, (char **)env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

static int configure(const struct pool *pool, int socket_fd)
{
	struct zygote_message m = {.kind = ZYGOTE_CONFIGURE,
				   .disk_bytes = pool->config.disk_bytes,
				   .files_bytes = pool->config.files_bytes};

	snprintf(m.text, sizeof(m.text), "%s", pool->names);
	return fd_send(socket_fd, &m, sizeof(m), NULL, 0);
}

static int watch(struct pool *pool, int fd, void *source)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};

	return epoll_ctl(pool->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* Its standard descriptors are pipes, as a run's will be: the interpreter looks once. */
static int start(struct pool *pool, struct pool_zygote *z)
{
	cleanup_close int own_fd = -EBADF, log_fd = -EBADF, in_fd = -EBADF, in_write_fd = -EBADF;
	int pair[2], log[2], in[2];
	int r = 0;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	z->socket_fd = pair[0];
	own_fd = pair[1];
	if (pipe2(log, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	z->log_fd = log[0];
	log_fd = log[1];
	if (pipe2(in, O_CLOEXEC) < 0)
		return -errno;
	in_fd = in[0];
	in_write_fd = in[1];
	if (r == 0)
		r = raise_fd(&own_fd);
	if (r == 0)
		r = raise_fd(&log_fd);
	if (r == 0)
		r = raise_fd(&in_fd);
	if (r == 0) {
		/* The lock is not held meanwhile: only the pool's thread changes the list of zygotes. */
		pthread_mutex_unlock(&pool->lock);
		r = spawn(pool, own_fd, log_fd, in_fd, &z->pid);
		pthread_mutex_lock(&pool->lock);
	}
	if (r == 0)
		r = configure(pool, z->socket_fd);
	if (r == 0)
		r = watch(pool, z->socket_fd, &z->source);
	return r == 0 ? watch(pool, z->log_fd, &z->log_source) : r;
}

int pool_zygote_start(struct pool *pool, struct appsilo_error *err)
{
	struct pool_zygote *z = calloc(1, sizeof(*z));
	int r;

	if (!z)
		return error_set(err, -ENOMEM, "pool: start a zygote");
	*z = (struct pool_zygote){.source = POOL_SOURCE_ZYGOTE,
				  .log_source = POOL_SOURCE_LOG,
				  .socket_fd = -EBADF,
				  .log_fd = -EBADF,
				  .started_ms = clock_monotonic_ms(),
				  .next = pool->zygotes};
	pool->zygotes = z;
	pool->started++;
	r = start(pool, z);
	if (r < 0) {
		pool_zygote_end(pool, z);
		return error_set(err, r, "pool: start %s", pool->config.front);
	}
	return 0;
}

void pool_zygote_end(struct pool *pool, struct pool_zygote *zygote)
{
	struct pool_zygote **at = &pool->zygotes;

	while (*at != zygote)
		at = &(*at)->next;
	*at = zygote->next;
	close_keep_errno(zygote->socket_fd);
	close_keep_errno(zygote->log_fd);
	if (zygote->pid > 0) {
		/* Its init goes with it, and everything below; that takes a while, without the lock. */
		kill(zygote->pid, SIGKILL);
		pthread_mutex_unlock(&pool->lock);
		while (waitpid(zygote->pid, NULL, 0) < 0 && errno == EINTR)
			;
		pthread_mutex_lock(&pool->lock);
	}
	free(zygote);
}

bool pool_zygote_read_log(struct pool_zygote *zygote)
{
	char text[ERROR_LINE_MAX / 2];
	ssize_t n = read(zygote->log_fd, text, sizeof(text));
	size_t used = strlen(zygote->log);

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	if (used + (size_t)n >= sizeof(zygote->log)) { /* the end is what tells */
		memmove(zygote->log, zygote->log + used / 2, used - used / 2);
		used -= used / 2;
	}
	memcpy(zygote->log + used, text, (size_t)n);
	zygote->log[used + (size_t)n] = '\0';
	return true;
}

/* The lock is not held meanwhile: making a group takes the kernel a while now and then. */
static int make_group(struct pool *pool, struct pool_sandbox *s, int ret_fds[CGROUP_PARTS_MAX])
{
	int r;

	if (!pool->config.groups)
		return 0;
	pthread_mutex_unlock(&pool->lock);
	r = cgroup_leaf_make(pool->config.groups, &s->leaf, ret_fds);
	pthread_mutex_lock(&pool->lock);
	s->grouped = r == 0;
	return r;
}

static size_t n_parts(const struct pool *pool)
{
	return pool->config.groups ? pool->config.groups->group.n : 0;
}

static void close_all(int (*fds)[1 + CGROUP_PARTS_MAX])
{
	for (size_t i = 0; i < ARRAY_SIZE(*fds); i++)
		close_keep_errno((*fds)[i]);
}

int pool_zygote_make(struct pool *pool, struct pool_zygote *zygote)
{
	static const int on = 1;
	struct zygote_message m = {.kind = ZYGOTE_MAKE};
	struct pool_sandbox *s = calloc(1, sizeof(*s));
	/* Their end of the pair, then what enters the group. */
	cleanup(close_all) int theirs[1 + CGROUP_PARTS_MAX] = {-EBADF, -EBADF, -EBADF, -EBADF, -EBADF};
	int pair[2];
	int r = 0;

	if (!s || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		r = s ? -errno : -ENOMEM;
		free(s);
		return r;
	}
	*s = (struct pool_sandbox){.source = POOL_SOURCE_SANDBOX,
				   .run = {-EBADF, -EBADF, -EBADF, pair[0]},
				   .pool = pool,
				   .zygote = zygote,
				   .init_pidfd = -EBADF,
				   .guest_pidfd = -EBADF,
				   .started_ns = clock_ns(CLOCK_MONOTONIC),
				   .kill_at_ms = INT64_MAX,
				   .look_at_ms = INT64_MAX};
	theirs[0] = pair[1];
	zygote->sandboxes++;
	pool_sandbox_move(s, SANDBOX_MAKING);
	r = make_group(pool, s, theirs + 1);
	if (r == 0 && setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		r = -errno;
	if (r == 0)
		r = watch(pool, pair[0], &s->source);
	if (r == 0)
		r = fd_send(zygote->socket_fd, &m, sizeof(m), theirs, 1 + n_parts(pool));
	if (r < 0) {
		pool_sandbox_drop(s);
		return r;
	}
	zygote->made++;
	pool->made++;
	return 0;
}
