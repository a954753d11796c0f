/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A warm pool for the tests in Python: orders on stdin, answers on stdout.
 *
 *   start ID SIZE WALL_MS CPU_MS MEMORY PIDS FILE_BYTES FILES   and SIZE bytes of code
 *   end ID     what became of it: REASON EXIT SIGNAL WALL CPU MEMORY OUT_SIZE ERR_SIZE, and both
 *   wait ID    until it has written something      kill ID      state
 *
 * usage: pool_driver FRONT GUEST INTERPRETER MIN MAX RUNS_PER_ZYGOTE [MODULE...]
 * INTERPRETER "-": the code is a shell's. POOL_PACKAGE: the package that the interpreter is of.
 * POOL_GROUPS: each has a control group. POOL_FILES: so many bytes of files are given back.
 */
#include "base/fd.h"
#include "isolation/cgroup_tree.h"
#include "server/pool.h"
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define RUNS_MAX 1024
#define OUTPUT_MAX (4u << 20)

struct output {
	char *bytes;
	size_t size;
	int fd;
};

static const char *const reasons[] = {"failed", "exited", "signaled", "timeout",
				       "oom", "pids", "killed"};

static bool read_some(struct output *o)
{
	ssize_t n = read(o->fd, o->bytes + o->size, OUTPUT_MAX - o->size);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	o->size += (size_t)n;
	return n > 0;
}

static void end_run(struct pool_run *run)
{
	struct output out = {malloc(OUTPUT_MAX), 0, run->stdout_fd};
	struct output err = {malloc(OUTPUT_MAX), 0, run->stderr_fd};
	struct pool_result result;
	bool ended = false;

	while (!ended) {
		struct pollfd fds[3] = {
			{out.fd, POLLIN, 0}, {err.fd, POLLIN, 0}, {run->end_fd, POLLIN, 0}};

		if (poll(fds, 3, -1) < 0)
			continue;
		ended = fds[2].revents;
		if (fds[0].revents && !read_some(&out))
			out.fd = -1;
		if (fds[1].revents && !read_some(&err))
			err.fd = -1;
		if (out.size == OUTPUT_MAX || err.size == OUTPUT_MAX) {
			pool_run_kill(run);
			out.fd = err.fd = -1;
		}
	}
	while (out.fd >= 0 && poll(&(struct pollfd){out.fd, POLLIN, 0}, 1, 0) > 0 &&
	       read_some(&out))
		;
	while (err.fd >= 0 && poll(&(struct pollfd){err.fd, POLLIN, 0}, 1, 0) > 0 &&
	       read_some(&err))
		;
	pool_run_end(run, &result);
	printf("%s %d %d %" PRId64 " %" PRId64 " %" PRId64 " %zu %zu %zu %d\n",
	       reasons[result.reason], result.exit_code, result.signal, result.wall_ms,
	       result.cpu_ms, result.memory_bytes, out.size, err.size, result.n_files,
	       result.files_cut);
	fwrite(out.bytes, 1, out.size, stdout);
	fwrite(err.bytes, 1, err.size, stdout);
	for (size_t i = 0; i < result.n_files; i++) {
		printf("%zu %zu\n%s", strlen(result.files[i].name), result.files[i].size,
		       result.files[i].name);
		fwrite(result.files[i].content, 1, result.files[i].size, stdout);
	}
	pool_result_done(&result);
	free(out.bytes);
	free(err.bytes);
}

static struct pool_run *start_run(struct pool *pool, bool shell, const char *line)
{
	struct pool_spec spec = {.wait_ms = 60000};
	const char *words[] = {"sh", "-c", NULL, NULL};
	struct pool_limits *l = &spec.limits;
	struct appsilo_error err = {0};
	struct pool_run *run = NULL;
	char *code;

	if (sscanf(line,
		   "start %*d %zu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		   " %" SCNu64,
		   &spec.code_size, &l->wall_ms, &l->cpu_ms, &l->memory_bytes, &l->pids,
		   &l->file_bytes, &l->open_files) != 7)
		return NULL;
	code = malloc(spec.code_size + 1);
	if (!code || fread(code, 1, spec.code_size, stdin) != spec.code_size)
		exit(1);
	code[spec.code_size] = '\0';
	words[2] = code;
	if (shell)
		spec.argv = words;
	else
		spec.code = code;
	if (pool_take(pool, &spec, &run, &err) < 0) {
		printf("%s\n", err.line);
	} else {
		close_keep_errno(TAKE_FD(run->stdin_fd));
		printf("started\n");
	}
	free(code);
	return run;
}

int main(int argc, char **argv)
{
	static struct pool_run *runs[RUNS_MAX];
	static struct cgroup_tree groups = {.keeper = CGROUP_KEEPER_NONE};
	struct pool_config config = {0};
	struct appsilo_error err = {0};
	struct pool *pool;
	char line[256];
	int id;

	if (argc < 7)
		return 2;
	config.front = argv[1];
	config.guest = argv[2];
	config.interpreter = strcmp(argv[3], "-") == 0 ? NULL : argv[3];
	config.package = getenv("POOL_PACKAGE");
	if (getenv("POOL_GROUPS")) {
		if (cgroup_tree_make(&groups, &err) < 0 || !groups.group.n)
			fprintf(stderr, "no control groups: %s\n", err.line);
		config.groups = &groups;
	}
	config.files_bytes = getenv("POOL_FILES") ? strtoull(getenv("POOL_FILES"), NULL, 10) : 0;
	config.min_ready = (unsigned int)atoi(argv[4]);
	config.max_ready = (unsigned int)atoi(argv[5]);
	config.runs_per_zygote = (uint64_t)atoi(argv[6]);
	config.preload = (const char *const *)argv + 7;
	if (pool_new(&config, &pool, &err) < 0) {
		fprintf(stderr, "%s\n", err.line);
		return 1;
	}
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "start %d", &id) == 1 && id >= 0 && id < RUNS_MAX) {
			runs[id] = start_run(pool, !config.interpreter, line);
		} else if (sscanf(line, "end %d", &id) == 1 && runs[id]) {
			end_run(TAKE_PTR(runs[id]));
		} else if (sscanf(line, "wait %d", &id) == 1 && runs[id]) {
			struct pollfd out = {runs[id]->stdout_fd, POLLIN, 0};

			printf("%d\n", poll(&out, 1, 20000));
		} else if (sscanf(line, "kill %d", &id) == 1 && runs[id]) {
			pool_run_kill(runs[id]);
			printf("killed\n");
		} else if (strcmp(line, "state\n") == 0) {
			struct pool_state s;

			pool_state(pool, &s);
			printf("%u %u %u %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n", s.ready,
			       s.making, s.running, s.target, s.made, s.taken, s.zygotes, s.error);
		}
		fflush(stdout);
	}
	for (id = 0; id < RUNS_MAX; id++)
		if (runs[id])
			pool_run_kill(runs[id]);
	for (id = 0; id < RUNS_MAX; id++)
		pool_run_end(runs[id], &(struct pool_result){0});
	pool_free(pool);
	cgroup_tree_done(&groups);
	return 0;
}
