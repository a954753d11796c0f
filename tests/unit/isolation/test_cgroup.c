/* SPDX-License-Identifier: Apache-2.0 */
/* The public side of control groups, where this user may make some; else skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fd.h"
#include "isolation/cgroup_tree.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct cgroup cg;
static struct appsilo_error err;

static void make(const struct cgroup_limits *limits)
{
	assert_int_equal(cgroup_create(limits, CGROUP_CPU_TIME, &cg, &err), 0);
	if (!(cg.what & CGROUP_MEMORY) || !(cg.what & CGROUP_PIDS)) {
		(void)!cgroup_remove(&cg, 0);
		cgroup_done(&cg);
		skip();
	}
}

/* A child that goes on until it is killed, or that runs @work. */
static pid_t child(void (*work)(void))
{
	int ends[2];
	pid_t pid;
	char go;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		close(ends[1]);
		if (read(ends[0], &go, 1) == 1 && work)
			work();
		for (;;)
			pause();
	}
	close(ends[0]);
	assert_int_equal(cgroup_add(&cg, pid), 0);
	assert_int_equal(write(ends[1], "g", 1), 1);
	close(ends[1]);
	return pid;
}

static int end_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void killed_group_is_empty_and_goes(void **state)
{
	pid_t pids[20];

	(void)state;
	make(&(struct cgroup_limits){.memory_bytes = 100 << 20, .pids = 50});
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		pids[i] = child(NULL);
	assert_int_equal(cgroup_remove(&cg, 0), -EBUSY);
	assert_int_equal(cgroup_kill(&cg), 0);
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
		assert_int_equal(WTERMSIG(end_of(pids[i])), SIGKILL);
	assert_int_equal(cgroup_remove(&cg, 5000), 0);
	assert_int_equal(cgroup_remove(&cg, 0), 0); /* again: it has gone already */
	cgroup_done(&cg);
	assert_int_equal(cgroup_remove(&cg, 0), 0);
}

static void hog(void)
{
	volatile char *all = malloc(400 << 20);

	for (size_t i = 0; all && i < 400 << 20; i += 4096)
		all[i] = 1;
	_exit(0);
}

static void want_of_memory_is_counted(void **state)
{
	struct cgroup_meter meter;
	struct cgroup_usage usage;

	(void)state;
	make(&(struct cgroup_limits){.memory_bytes = 32 << 20, .pids = 50});
	cgroup_meter_open(&cg, &meter);
	assert_int_equal(WTERMSIG(end_of(child(hog))), SIGKILL);
	cgroup_meter_read(&meter, &usage);
	assert_true(usage.oom_kills >= 1);
	assert_true(usage.peak_bytes > 16 << 20 && usage.peak_bytes <= 32 << 20);
	assert_true(usage.cpu_us > 0 && usage.cpu_us < 60000000);
	assert_int_equal(usage.forks_refused, 0);
	cgroup_meter_done(&meter);
	cgroup_meter_read(&meter, &usage);
	assert_true(usage.cpu_us == -1 && usage.peak_bytes == -1 && usage.oom_kills == -1);
	assert_int_equal(cgroup_remove(&cg, 5000), 0);
	cgroup_done(&cg);
}

/* A process tells which group it is in; its peak is forgotten, and so only what comes later is seen. */
static void meter_of_a_process_is_found(void **state)
{
	struct cgroup_meter meter, of_group;
	struct cgroup_usage before, after, group;
	pid_t pid;

	(void)state;
	assert_false(cgroup_meter_find(getpid(), &meter));
	assert_int_equal(meter.fds[0], -EBADF);
	make(&(struct cgroup_limits){.memory_bytes = 32 << 20, .pids = 50});
	assert_int_equal(WTERMSIG(end_of(child(hog))), SIGKILL);
	pid = child(NULL);
	assert_true(cgroup_meter_find(pid, &meter));
	cgroup_meter_open(&cg, &of_group);
	cgroup_meter_read(&meter, &before);
	cgroup_meter_read(&of_group, &group);
	assert_true(before.peak_bytes > 16 << 20 && before.peak_bytes == group.peak_bytes);
	assert_true(before.cpu_us > 0 && before.cpu_us <= group.cpu_us);
	cgroup_meter_forget_peak(&meter);
	cgroup_meter_read(&meter, &after);
	assert_true(after.peak_bytes <= before.peak_bytes);
	if (cg.version == 1)
		assert_true(after.peak_bytes < 16 << 20);
	cgroup_meter_done(&meter);
	cgroup_meter_done(&of_group);
	assert_int_equal(cgroup_kill(&cg), 0);
	(void)end_of(pid);
	assert_int_equal(cgroup_remove(&cg, 5000), 0);
	cgroup_done(&cg);
}

static void fork_until_refused(void)
{
	int n = 0;

	while (n < 100) {
		pid_t pid = fork();

		if (pid < 0)
			_exit(n);
		if (pid == 0)
			for (;;)
				pause();
		n++;
	}
	_exit(n);
}

static void refused_forks_are_counted(void **state)
{
	struct cgroup_meter meter;
	struct cgroup_usage usage;

	(void)state;
	make(&(struct cgroup_limits){.pids = 5});
	cgroup_meter_open(&cg, &meter);
	assert_int_equal(WEXITSTATUS(end_of(child(fork_until_refused))), 4);
	cgroup_meter_read(&meter, &usage);
	assert_int_equal(usage.forks_refused, 1);
	cgroup_meter_done(&meter);
	assert_int_equal(cgroup_kill(&cg), 0);
	assert_int_equal(cgroup_remove(&cg, 5000), 0);
	cgroup_done(&cg);
}

static bool is_there(const struct cgroup *group)
{
	size_t n = 0;

	for (size_t i = 0; i < group->n; i++)
		n += faccessat(group->parts[i].parent_fd, group->parts[i].name, F_OK, 0) == 0;
	assert_true(n == 0 || n == group->n);
	return n > 0;
}

static void group_without_an_owner_is_swept(void **state)
{
	struct cgroup left;

	(void)state;
	make(&(struct cgroup_limits){.pids = 5});
	left = cg;
	make(&(struct cgroup_limits){.pids = 5}); /* cg is another one now */
	assert_true(is_there(&left));
	assert_int_equal(cgroup_remove(&cg, 0), 0);
	cgroup_done(&cg);
	for (size_t i = 0; i < left.n; i++)
		close(TAKE_FD(left.parts[i].dir_fd)); /* with the lock */
	make(&(struct cgroup_limits){.pids = 5});
	assert_false(is_there(&left));
	assert_int_equal(cgroup_remove(&cg, 0), 0);
	cgroup_done(&cg);
	cgroup_done(&left);
}

static void keeper_removes_when_let_go(void **state)
{
	struct cgroup_keeper keeper = CGROUP_KEEPER_NONE;
	pid_t pid;

	(void)state;
	make(&(struct cgroup_limits){.pids = 5});
	pid = child(NULL);
	assert_int_equal(cgroup_keeper_start(&cg, &keeper), 0);
	cgroup_keeper_end(&keeper); /* kills what is in it, too */
	assert_int_equal(WTERMSIG(end_of(pid)), SIGKILL);
	assert_false(is_there(&cg));
	cgroup_keeper_end(&keeper);
	cgroup_done(&cg);
}

static void meter_without_a_group_knows_nothing(void **state)
{
	struct cgroup none = {0};
	struct cgroup_meter meter;
	struct cgroup_usage usage;

	(void)state;
	cgroup_meter_open(&none, &meter);
	cgroup_meter_read(&meter, &usage);
	assert_true(usage.cpu_us == -1 && usage.peak_bytes == -1 && usage.oom_kills == -1 &&
		    usage.forks_refused == -1);
	cgroup_meter_done(&meter);
	assert_int_equal(cgroup_kill(&none), 0);
	cgroup_done(&none);
}

static struct cgroup_tree tree;

static bool has_leaf(unsigned int leaf)
{
	char path[32];

	snprintf(path, sizeof(path), "%u", leaf);
	return faccessat(tree.group.parts[0].dir_fd, path, F_OK, 0) == 0;
}

static void make_tree(unsigned int *ret_leaf, int ret_fds[CGROUP_PARTS_MAX])
{
	assert_int_equal(cgroup_tree_make(&tree, &err), 0);
	if (!(tree.group.what & CGROUP_MEMORY) || !(tree.group.what & CGROUP_PIDS)) {
		cgroup_tree_done(&tree);
		skip();
	}
	assert_int_equal(cgroup_leaf_make(&tree, ret_leaf, ret_fds), 0);
}

/* In the leaf that @fds enter. */
static pid_t fork_into(const int fds[CGROUP_PARTS_MAX], void (*work)(void))
{
	int ends[2];
	pid_t pid;
	char go;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		close(tree.keeper.fd); /* held by the owner alone */
		if (cgroup_join_child(fds) < 0 || write(ends[1], "g", 1) != 1)
			_exit(1);
		work();
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &go, 1), 1);
	close(ends[0]);
	for (size_t i = 0; i < CGROUP_PARTS_MAX; i++)
		close_keep_errno(fds[i]);
	return pid;
}

static void leaf_has_limits_and_an_account_of_its_own(void **state)
{
	const struct cgroup_limits limits = {.memory_bytes = 64 << 20, .pids = 5};
	int fds[CGROUP_PARTS_MAX], other_fds[CGROUP_PARTS_MAX];
	struct cgroup_usage usage;
	unsigned int leaf, other;

	(void)state;
	make_tree(&leaf, fds);
	assert_int_equal(cgroup_leaf_make(&tree, &other, other_fds), 0);
	assert_int_equal(cgroup_leaf_limit(&tree, leaf, &limits, &err), 0);
	assert_int_equal(WEXITSTATUS(end_of(fork_into(fds, fork_until_refused))), 4);
	cgroup_leaf_usage(&tree, leaf, &usage);
	assert_int_equal(usage.forks_refused, 1);
	assert_true(usage.peak_bytes > 0 && usage.peak_bytes < 64 << 20);
	assert_true(usage.cpu_us > 0 && cgroup_leaf_cpu_us(&tree, leaf) >= usage.cpu_us);
	cgroup_leaf_usage(&tree, other, &usage);
	assert_int_equal(usage.forks_refused, 0);
	assert_int_equal(cgroup_leaf_give_back(&tree, other, true), 0);
	assert_int_equal(has_leaf(other), tree.group.version == 1);
	/* Four of them go on. */
	assert_int_equal(cgroup_leaf_give_back(&tree, leaf, true), -EBUSY);
	assert_true(has_leaf(leaf));
	for (size_t i = 0; i < CGROUP_PARTS_MAX; i++)
		close_keep_errno(other_fds[i]);
	cgroup_tree_done(&tree); /* kills what is in the leaves, too */
}

static bool limited(unsigned int leaf)
{
	char path[64], text[32];

	for (size_t i = 0; i < tree.group.n; i++) {
		snprintf(path, sizeof(path), "%u/pids.max", leaf);
		if (fd_read_file(tree.group.parts[i].dir_fd, path, text, sizeof(text)) > 0 && strcmp(text, "max\n") != 0)
			return true;
		snprintf(path, sizeof(path), "%u/memory.limit_in_bytes", leaf);
		if (fd_read_file(tree.group.parts[i].dir_fd, path, text, sizeof(text)) > 0 && strtoll(text, NULL, 10) < INT64_MAX / 2)
			return true;
	}
	return false;
}

static void use_memory(void)
{
	_exit(mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) == MAP_FAILED);
}

static void stay(void)
{
	for (;;)
		pause();
}

static void leaf_with_a_process_is_nobody_elses(void **state)
{
	int fds[CGROUP_PARTS_MAX];
	unsigned int leaf;
	pid_t pid;

	(void)state;
	make_tree(&leaf, fds);
	pid = fork_into(fds, stay);
	assert_int_equal(cgroup_leaf_give_back(&tree, leaf, true), -EBUSY);
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
	/* Dead, and not yet reaped: what it counts for is still counted. */
	assert_int_equal(cgroup_leaf_give_back(&tree, leaf, true), tree.group.version == 1 ? -EBUSY : 0);
	assert_int_equal(WTERMSIG(end_of(pid)), SIGKILL);
	assert_int_equal(cgroup_leaf_give_back(&tree, leaf, true), 0);
	assert_int_equal(has_leaf(leaf), tree.group.version == 1);
	cgroup_tree_done(&tree);
}

static void leaf_that_comes_back_is_as_new(void **state)
{
	const struct cgroup_limits limits = {.memory_bytes = 64 << 20, .pids = 5};
	int fds[CGROUP_PARTS_MAX];
	struct cgroup_usage usage;
	unsigned int leaf, again;

	(void)state;
	make_tree(&leaf, fds);
	assert_int_equal(cgroup_leaf_limit(&tree, leaf, &limits, &err), 0);
	assert_true(limited(leaf));
	assert_int_equal(WEXITSTATUS(end_of(fork_into(fds, use_memory))), 0);
	cgroup_leaf_usage(&tree, leaf, &usage);
	assert_true(usage.peak_bytes >= 8 << 20);
	assert_int_equal(cgroup_leaf_give_back(&tree, leaf, true), 0);
	assert_int_equal(cgroup_leaf_make(&tree, &again, fds), 0);
	assert_int_equal(again == leaf, tree.group.version == 1);
	assert_false(limited(again));
	cgroup_leaf_usage(&tree, again, &usage);
	assert_true(usage.peak_bytes < 2 << 20 && usage.oom_kills == 0 && usage.forks_refused == 0);
	/* What it refused cannot be forgotten: it is not given to another. */
	assert_int_equal(cgroup_leaf_limit(&tree, again, &limits, &err), 0);
	assert_int_equal(WEXITSTATUS(end_of(fork_into(fds, fork_until_refused))), 4);
	assert_int_equal(cgroup_kill(&tree.group), 0);
	while (cgroup_leaf_give_back(&tree, again, true) == -EBUSY)
		sched_yield();
	assert_false(has_leaf(again));
	assert_int_equal(cgroup_leaf_make(&tree, &leaf, fds), 0);
	for (size_t i = 0; i < CGROUP_PARTS_MAX; i++)
		close_keep_errno(fds[i]);
	assert_int_equal(cgroup_leaf_give_back(&tree, leaf, false), 0);
	assert_false(has_leaf(leaf));
	cgroup_tree_done(&tree);
}

static void tree_without_an_owner_is_swept_with_its_leaves(void **state)
{
	int fds[CGROUP_PARTS_MAX];
	struct cgroup left;
	unsigned int leaf;

	(void)state;
	make_tree(&leaf, fds);
	for (size_t i = 0; i < CGROUP_PARTS_MAX; i++)
		close_keep_errno(fds[i]);
	kill(tree.keeper.pid, SIGKILL);
	cgroup_keeper_end(&tree.keeper);
	left = tree.group;
	assert_true(is_there(&left));
	for (size_t i = 0; i < left.n; i++)
		close(TAKE_FD(left.parts[i].dir_fd)); /* with the lock */
	make(&(struct cgroup_limits){.memory_bytes = 100 << 20, .pids = 5});
	assert_false(is_there(&left));
	assert_int_equal(cgroup_remove(&cg, 0), 0);
	cgroup_done(&cg);
	cgroup_done(&left);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_group_is_empty_and_goes),
		cmocka_unit_test(want_of_memory_is_counted),
		cmocka_unit_test(meter_of_a_process_is_found),
		cmocka_unit_test(refused_forks_are_counted),
		cmocka_unit_test(group_without_an_owner_is_swept),
		cmocka_unit_test(keeper_removes_when_let_go),
		cmocka_unit_test(meter_without_a_group_knows_nothing),
		cmocka_unit_test(leaf_has_limits_and_an_account_of_its_own),
		cmocka_unit_test(leaf_with_a_process_is_nobody_elses),
		cmocka_unit_test(leaf_that_comes_back_is_as_new),
		cmocka_unit_test(tree_without_an_owner_is_swept_with_its_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
