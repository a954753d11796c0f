/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs of a warm pool beside plain starts of the same interpreter and bubblewrap's, in one loop.
 *
 * usage: bench-pool BUILD_DIR [ROUNDS [WAITING]]
 */
#include "server/pool.h"
#include "base/clock.h"
#include "base/fd.h"
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CODE "print(sum(range(100)))"
#define WORKERS 2
#define INTERPRETER "/usr/bin/python3"

struct series {
	const char *name;
	double *us;
	size_t n;
};

static double now_us(void)
{
	return (double)clock_ns(CLOCK_MONOTONIC) / 1000;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void show(struct series *s)
{
	if (s->n == 0)
		return;
	qsort(s->us, s->n, sizeof(*s->us), by_size);
	printf("%-28s %9.0f us median  %9.0f us p99\n", s->name, s->us[s->n / 2],
	       s->us[s->n * 99 / 100]);
}

static void add(struct series *s, double us)
{
	s->us[s->n++] = us;
}

/* One run, read to its end; false when it did not say what it should. */
static bool run_warm(struct pool *pool, double *ret_first, double *ret_eof, double *ret_end)
{
	struct pool_spec spec = {.code = CODE, .code_size = strlen(CODE), .wait_ms = 60000};
	struct appsilo_error err = {0};
	struct pool_result result;
	struct pool_run *run;
	struct pollfd out;
	char text[64];
	double start = now_us();
	ssize_t n, size = 0;

	if (pool_take(pool, &spec, &run, &err) < 0) {
		fprintf(stderr, "%s\n", err.line);
		exit(1);
	}
	close(TAKE_FD(run->stdin_fd));
	out = (struct pollfd){.fd = run->stdout_fd, .events = POLLIN};
	*ret_first = 0;
	do {
		if (poll(&out, 1, -1) < 0)
			exit(1);
		n = read(out.fd, text + size, sizeof(text) - (size_t)size);
		size += n > 0 ? n : 0;
		if (*ret_first == 0)
			*ret_first = now_us() - start;
	} while (n > 0);
	*ret_eof = now_us() - start;
	pool_run_end(run, &result);
	*ret_end = now_us() - start;
	pool_result_done(&result);
	return result.reason == POOL_EXITED && result.exit_code == 0 && size == 5 &&
	       memcmp(text, "4950\n", 5) == 0;
}

static double run_plain(const char *const *argv)
{
	double start = now_us();
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int status;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	if (posix_spawn(&pid, argv[0], &actions, NULL, (char **)argv,
			(char *[]){(char *)"LANG=C.UTF-8", NULL}) != 0)
		return -1;
	posix_spawn_file_actions_destroy(&actions);
	waitpid(pid, &status, 0);
	return status == 0 ? now_us() - start : -1;
}

static void compare(struct pool *pool, size_t rounds)
{
	static const char *const plain[] = {INTERPRETER, "-I", "-c", "pass", NULL};
	static const char *const bwrap[] = {"/usr/bin/bwrap",
					    "--unshare-all",
					    "--die-with-parent",
					    "--ro-bind",
					    "/usr",
					    "/usr",
					    "--symlink",
					    "usr/lib",
					    "/lib",
					    "--symlink",
					    "usr/lib64",
					    "/lib64",
					    "--symlink",
					    "usr/bin",
					    "/bin",
					    "--proc",
					    "/proc",
					    "--dev",
					    "/dev",
					    "--tmpfs",
					    "/tmp",
					    INTERPRETER,
					    "-I",
					    "-c",
					    CODE,
					    NULL};
	struct series series[] = {{"warm: first byte"},
				  {"warm: end of output"},
				  {"warm: result"},
				  {"python3 -I -c pass"},
				  {"bwrap --unshare-all python3"}};
	double times[3];

	for (size_t i = 0; i < ARRAY_SIZE(series); i++)
		series[i].us = calloc(rounds, sizeof(double));
	for (size_t i = 0; i < rounds; i++) {
		double us;

		if (!run_warm(pool, &times[0], &times[1], &times[2])) {
			fprintf(stderr, "a run went wrong\n");
			exit(1);
		}
		for (int k = 0; k < 3; k++)
			add(&series[k], times[k]);
		us = run_plain(plain);
		if (us > 0)
			add(&series[3], us);
		us = access(bwrap[0], X_OK) == 0 ? run_plain(bwrap) : -1;
		if (us > 0)
			add(&series[4], us);
	}
	for (size_t i = 0; i < ARRAY_SIZE(series); i++)
		show(&series[i]);
}

struct worker {
	pthread_t thread;
	struct pool *pool;
	const char *const *argv; /* NULL: the pool */
	size_t rounds;
};

static void *work(void *data)
{
	struct worker *w = data;
	double ignored[3];

	for (size_t i = 0; i < w->rounds; i++)
		if (w->argv)
			(void)run_plain(w->argv);
		else if (!run_warm(w->pool, &ignored[0], &ignored[1], &ignored[2]))
			exit(1);
	return NULL;
}

static double throughput(struct pool *pool, const char *const *argv, size_t rounds)
{
	struct worker workers[WORKERS];
	double start = now_us();

	for (int i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){.pool = pool, .argv = argv, .rounds = rounds};
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	}
	for (int i = 0; i < WORKERS; i++)
		pthread_join(workers[i].thread, NULL);
	return (double)(rounds * WORKERS) / (now_us() - start) * 1e6;
}

int main(int argc, char **argv)
{
	static const char *const plain[] = {INTERPRETER, "-I", "-c", "pass", NULL};
	size_t rounds = argc > 2 ? (size_t)atol(argv[2]) : 200;
	struct pool_config config = {.interpreter = INTERPRETER,
				     .min_ready = argc > 3 ? (unsigned int)atoi(argv[3]) : 8};
	const char *const preload[] = {"json", "re", "math", "collections", NULL};
	struct appsilo_error err = {0};
	char front[PATH_MAX], guest[PATH_MAX];
	struct pool_state state;
	struct pool *pool;

	if (argc < 2)
		return 2;
	snprintf(front, sizeof(front), "%s/src/cli/appsilo", argv[1]);
	snprintf(guest, sizeof(guest), "%s/src/cli/appsilo-zygote-python.so", argv[1]);
	config.front = front;
	config.guest = guest;
	config.preload = preload;
	config.max_ready = config.min_ready > 64 ? config.min_ready : 64;
	fd_raise_limit();
	if (pool_new(&config, &pool, &err) < 0) {
		fprintf(stderr, "%s\n", err.line);
		return 1;
	}
	do {
		usleep(10000);
		pool_state(pool, &state);
		if (state.error[0])
			fprintf(stderr, "%s\n", state.error);
	} while (state.ready < config.min_ready && !state.error[0]);
	if (argc > 3) {
		printf("%u waiting; stop me with the end of input\n", state.ready);
		fflush(stdout);
		(void)getchar();
		pool_free(pool);
		return 0;
	}
	compare(pool, rounds);
	printf("%d workers: %.0f warm runs, %.0f plain starts a second\n", WORKERS,
	       throughput(pool, NULL, rounds), throughput(NULL, plain, rounds / 4 + 1));
	pool_state(pool, &state);
	printf("made %" PRIu64 ", taken %" PRIu64 ", zygotes %" PRIu64 "\n", state.made,
	       state.taken, state.zygotes);
	pool_free(pool);
	return 0;
}
