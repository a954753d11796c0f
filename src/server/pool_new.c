/* SPDX-License-Identifier: Apache-2.0 */
/* A pool's beginning and end. */
#include "base/clock.h"
#include "base/fd.h"
#include "server/pool_internal.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define MIN_READY 2
#define MAX_READY 64
#define RUNS_PER_ZYGOTE 10000

/* What is executed in the sandbox cannot be changed any more, and tells no path. */
static int copy_guest(const char *path, int *ret_fd, struct appsilo_error *err)
{
	cleanup_close int file_fd = open(path, O_RDONLY | O_CLOEXEC);
	cleanup_close int fd = -EBADF;
	struct stat st;
	off_t at = 0;

	if (file_fd < 0 || fstat(file_fd, &st) < 0)
		return error_set(err, -errno, "pool: %s; install appsilo again", path);
	fd = memfd_create("appsilo", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return error_set(err, -errno, "pool: memory file");
	while (at < st.st_size) {
		ssize_t n = sendfile(fd, file_fd, &at, (size_t)(st.st_size - at));

		if (n <= 0)
			return error_set(err, n < 0 ? -errno : -EIO, "pool: copy %s", path);
	}
	if (fchmod(fd, 0555) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return error_set(err, -errno, "pool: seal the copy of %s", path);
	*ret_fd = fcntl(fd, F_DUPFD_CLOEXEC, 64);
	return *ret_fd < 0 ? error_set(err, -errno, "pool: memory file") : 0;
}

static int join_names(const char *const *preload, char **ret, struct appsilo_error *err)
{
	char *names = calloc(1, ZYGOTE_TEXT_MAX);
	size_t used = 0;

	if (!names)
		return error_set(err, -ENOMEM, "pool");
	*ret = names;
	for (; preload && *preload; preload++) {
		if (used + strlen(*preload) + 2 > ZYGOTE_TEXT_MAX || strchr(*preload, '\n'))
			return error_say(err, -E2BIG, "pool: the preload list is too long");
		used += (size_t)sprintf(names + used, "%s\n", *preload);
	}
	return 0;
}

static int copy_config(struct pool *pool, const struct pool_config *config,
		       struct appsilo_error *err)
{
	struct pool_config *c = &pool->config;

	*c = *config;
	c->preload = NULL;
	c->min_ready = config->min_ready ? config->min_ready : MIN_READY;
	c->max_ready = config->max_ready ? config->max_ready : MAX_READY;
	if (c->max_ready < c->min_ready)
		c->max_ready = c->min_ready;
	c->runs_per_zygote = config->runs_per_zygote ? config->runs_per_zygote : RUNS_PER_ZYGOTE;
	c->front = strdup(config->front);
	c->guest = NULL;
	if (c->groups && c->groups->group.n == 0)
		c->groups = NULL;
	c->package = config->package ? strdup(config->package) : NULL;
	c->interpreter = config->interpreter ? strdup(config->interpreter) : NULL;
	if (!c->front || (config->package && !c->package) ||
	    (config->interpreter && !c->interpreter))
		return error_set(err, -ENOMEM, "pool");
	pool->target = c->min_ready;
	return 0;
}

static void destroy(struct pool *pool)
{
	close_keep_errno(pool->guest_fd);
	close_keep_errno(pool->epoll_fd);
	close_keep_errno(pool->wake_fd);
	close_keep_errno(pool->tick_fd);
	free((char *)pool->config.front);
	free((char *)pool->config.package);
	free((char *)pool->config.interpreter);
	free(pool->names);
	free(pool->graves);
	free(pool);
}

static void destroyp(struct pool **pool)
{
	if (*pool)
		destroy(*pool);
}

static int watch(struct pool *pool)
{
	struct epoll_event wake = {.events = EPOLLIN, .data.ptr = &pool->wake_fd};
	struct epoll_event tick_event = {.events = EPOLLIN, .data.ptr = &pool->tick_fd};

	pool->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	pool->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pool->tick_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (pool->epoll_fd < 0 || pool->wake_fd < 0 || pool->tick_fd < 0 ||
	    epoll_ctl(pool->epoll_fd, EPOLL_CTL_ADD, pool->wake_fd, &wake) < 0 ||
	    epoll_ctl(pool->epoll_fd, EPOLL_CTL_ADD, pool->tick_fd, &tick_event) < 0)
		return -errno;
	return 0;
}

static int init_lock(struct pool *pool)
{
	pthread_condattr_t attr;
	int r = -pthread_mutex_init(&pool->lock, NULL);

	if (r == 0)
		r = -pthread_condattr_init(&attr);
	if (r == 0)
		r = -pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	return r == 0 ? -pthread_cond_init(&pool->changed, &attr) : r;
}

int pool_new(const struct pool_config *config, struct pool **ret, struct appsilo_error *err)
{
	cleanup(destroyp) struct pool *pool = calloc(1, sizeof(*pool));
	sigset_t all, old;
	int r;

	if (!pool)
		return error_set(err, -ENOMEM, "pool");
	pool->guest_fd = pool->epoll_fd = pool->wake_fd = pool->tick_fd = -EBADF;
	pool->tick_at_ms = INT64_MAX;
	pool->calm_since_ms = clock_monotonic_ms();
	r = copy_config(pool, config, err);
	if (r == 0)
		r = join_names(config->preload, &pool->names, err);
	if (r == 0)
		r = copy_guest(config->guest, &pool->guest_fd, err);
	if (r < 0)
		return r;
	r = watch(pool);
	if (r == 0)
		r = init_lock(pool);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (r == 0)
		r = -pthread_create(&pool->thread, NULL, pool_live, pool);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r < 0)
		return error_set(err, r, "pool: start");
	*ret = TAKE_PTR(pool);
	return 0;
}

void pool_free(struct pool *pool)
{
	uint64_t one = 1;

	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->ending = true;
	pthread_mutex_unlock(&pool->lock);
	(void)!write(pool->wake_fd, &one, sizeof(one));
	pthread_join(pool->thread, NULL);
	pthread_cond_destroy(&pool->changed);
	pthread_mutex_destroy(&pool->lock);
	destroy(pool);
}

void pool_state(struct pool *pool, struct pool_state *ret)
{
	pthread_mutex_lock(&pool->lock);
	*ret = (struct pool_state){
		.ready = pool->counts[SANDBOX_READY],
		.making = pool->counts[SANDBOX_MAKING],
		.running = pool->counts[SANDBOX_RUNNING],
		.target = pool->target,
		.made = pool->made,
		.taken = pool->taken,
		.zygotes = pool->started,
	};
	memcpy(ret->error, pool->error, sizeof(ret->error));
	pthread_mutex_unlock(&pool->lock);
}
