/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run in a sandbox that has waited for it: only what comes out as it would in one that is made
 * for it. The rest, and all runs that find none, are for sandbox_cold.c.
 */
#include "server/pools.h"
#include "server/request.h"
#include <signal.h>
#include <string.h>

/* How long a run waits for one that is being made. */
#define WAIT_MS 250
/* What a run brings along is read and written by its interpreter. */
#define FILES_BYTES_MAX (4u << 20)
#define PAGE_BYTES 4096

struct warm_run {
	struct sandbox base; /* its end_fd is the pool's */
	struct pool_run *run;
	struct pools *pools;
	struct warm_pool *home;
};

/* The loader, the C library and the interpreter read these before any run is known. */
static bool is_for_the_start(const char *variable)
{
	static const char *const begins[] = {"PYTHON", "LD_",	      "LC_", "LANG", "MALLOC_",
					     "GLIBC_", "LOCPATH", "TZ",  NULL};

	for (size_t i = 0; begins[i]; i++)
		if (strncmp(variable, begins[i], strlen(begins[i])) == 0)
			return true;
	return false;
}

static bool files_fit(const struct sandbox_spec *spec)
{
	uint64_t used = 0;

	for (size_t i = 0; i < spec->n_files; i++) {
		if (spec->limits.file_bytes && spec->files[i].size > spec->limits.file_bytes)
			return false;
		used += spec->files[i].size + PAGE_BYTES;
	}
	return used <= FILES_BYTES_MAX && (!spec->limits.disk_bytes || used <= spec->limits.disk_bytes / 2);
}

static bool fits(const struct pools *p, const struct sandbox_spec *spec)
{
	for (size_t i = 0; spec->env && spec->env[i]; i++)
		if (is_for_the_start(spec->env[i]))
			return false;
	return strcmp(spec->net, "none") == 0 && (!spec->hosts || !spec->hosts[0]) &&
	       spec->limits.disk_bytes == p->config.disk_bytes && files_fit(spec);
}

static int take(struct pools *p, struct warm_pool *home, struct pool_spec *spec,
		struct pool_run **ret, struct appsilo_error *err)
{
	int r = pool_take(home->pool, spec, ret, err);
	struct pool_state state;

	if (r != -EAGAIN || pools_fails(p, home))
		return r;
	/* Without any there is a zygote that starts: that takes longer than a cold run. */
	pool_state(home->pool, &state);
	if (!state.making && !state.running)
		return r;
	spec->wait_ms = WAIT_MS;
	return pool_take(home->pool, spec, ret, err);
}

/* argv is python3 -I SCRIPT [ARG...], or -s in place of -I. */
static int hand_over(struct pools *p, struct warm_pool *home, const struct sandbox_spec *spec,
		     struct pool_run **ret, struct appsilo_error *err)
{
	struct pool_file files[REQUEST_FILES_MAX];
	struct pool_spec warm = {
		.entry = spec->argv[2],
		.isolated = strcmp(spec->argv[1], "-I") == 0,
		.files = files,
		.n_files = spec->n_files,
		.argv = spec->argv + 3,
		.env = spec->env,
		.limits = {.wall_ms = spec->limits.wall_ms, .cpu_ms = spec->limits.cpu_ms,
			   .memory_bytes = spec->limits.memory_bytes, .pids = spec->limits.pids,
			   .file_bytes = spec->limits.file_bytes},
	};

	for (size_t i = 0; i < spec->n_files; i++)
		files[i] = (struct pool_file){spec->files[i].name, spec->files[i].data, spec->files[i].size};
	return take(p, home, &warm, ret, err);
}

static int warm_start(void *data, const struct sandbox_spec *spec, struct sandbox **ret,
		      struct appsilo_error *err)
{
	struct pools *p = data;
	struct warm_pool *home = fits(p, spec) ? pools_get(p, spec->tenant, spec->package) : NULL;
	struct warm_run *warm = home ? calloc(1, sizeof(*warm)) : NULL;

	if (!warm || hand_over(p, home, spec, &warm->run, err) < 0) {
		pools_let_go(p, home);
		free(warm);
		return -EAGAIN;
	}
	warm->base = (struct sandbox){TAKE_FD(warm->run->stdin_fd), TAKE_FD(warm->run->stdout_fd),
				      TAKE_FD(warm->run->stderr_fd), warm->run->end_fd, 0};
	warm->pools = p;
	warm->home = home;
	*ret = &warm->base;
	return 0;
}

static void warm_kill(struct sandbox *s)
{
	pool_run_kill(((struct warm_run *)s)->run);
}

static enum sandbox_reason reason_of(enum pool_reason reason)
{
	switch (reason) {
	case POOL_EXITED:
		return SANDBOX_EXITED;
	case POOL_SIGNALED:
		return SANDBOX_SIGNALED;
	case POOL_TIMEOUT:
		return SANDBOX_TIMEOUT;
	case POOL_OOM:
		return SANDBOX_OOM;
	case POOL_PIDS:
		return SANDBOX_PIDS;
	case POOL_KILLED:
		return SANDBOX_CANCELLED;
	case POOL_FAILED:
		break;
	}
	return SANDBOX_FAILED;
}

static void warm_end(struct sandbox *s, struct sandbox_result *ret)
{
	struct warm_run *warm = (struct warm_run *)s;
	struct pool_result result;

	if (!warm)
		return;
	close_keep_errno(warm->base.stdin_fd);
	close_keep_errno(warm->base.stdout_fd);
	close_keep_errno(warm->base.stderr_fd);
	pool_run_end(warm->run, &result);
	*ret = (struct sandbox_result){.reason = reason_of(result.reason),
				       .exit_code = result.exit_code,
				       .signal = result.signal,
				       .wall_ms = result.wall_ms,
				       .cpu_ms = result.cpu_ms,
				       .memory_bytes = result.memory_bytes};
	/* What ended it at its time limit is not its own end. */
	if (ret->reason == SANDBOX_TIMEOUT && ret->signal == SIGKILL)
		ret->signal = 0;
	snprintf(ret->text, sizeof(ret->text), "%s", result.text);
	pool_result_done(&result);
	pools_let_go(warm->pools, warm->home);
	free(warm);
}

struct sandbox_backend pools_backend(struct pools *p)
{
	return (struct sandbox_backend){warm_start, warm_kill, warm_end, p};
}
