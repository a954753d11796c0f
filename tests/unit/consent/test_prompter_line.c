/* SPDX-License-Identifier: Apache-2.0 */
/* Prompters that are late, mute, deaf or gone: what tests/e2e cannot wait two minutes for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consent/prompt.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

/* Long enough for a shell to answer on a busy machine, where it is meant to. */
#define PATIENT_MS 60000
#define HASTY_MS 300

#define ANSWER(id) "echo '{\"v\":1,\"id\":" id ",\"decision\":\"allow\",\"scope\":\"always\"}'; "

struct person {
	struct prompter *prompter;
	char dir[64];
	int cancel_fd;
	int64_t id;
	pid_t pid; /* the last one started */
	int starts;
	bool small_pipe;
	char path[4096];
	struct prompt_answer answer;
};

static int set_up(void **state)
{
	struct person *p = calloc(1, sizeof(*p));

	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	strcpy(p->dir, "/tmp/appsilo-unit-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	assert_int_equal(chdir(p->dir), 0);
	strcpy(p->path, "/home/u/file");
	p->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct person *p = *state;
	char command[96];

	if (p->prompter)
		p->prompter->free(p->prompter);
	close(p->cancel_fd);
	while (waitpid(-1, NULL, 0) > 0)
		;
	snprintf(command, sizeof(command), "rm -rf %s", p->dir);
	free(p);
	return system(command);
}

static int spawn(void *data, const char *command, const int fds[3])
{
	struct person *p = data;
	pid_t pid;

	if (p->small_pipe)
		assert_true(fcntl(fds[0], F_SETPIPE_SZ, 4096) == 4096);
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		for (int i = 0; i < 3; i++)
			dup2(fds[i], i);
		signal(SIGPIPE, SIG_DFL);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	(void)setpgid(pid, pid);
	p->pid = pid;
	p->starts++;
	return pid;
}

static void hire(struct person *p, const char *command, int timeout_ms)
{
	p->prompter = prompter_exec_new(command, spawn, p, timeout_ms);
	assert_non_null(p->prompter);
}

static void ask(struct person *p)
{
	struct prompt_question q = {
		.id = ++p->id, .package = "A_b", .app = "a", .real = "/usr/bin/a",
		.request = {.path = p->path, .operation = "open", .access = CONSENT_READ,
			    .target = CONSENT_FILE, .exists = true}};

	memset(&p->answer, 0xff, sizeof(p->answer));
	p->prompter->ask(p->prompter, &q, p->cancel_fd, &p->answer);
}

static void is_denied(struct person *p, const char *why)
{
	ask(p);
	assert_true(p->answer.failed);
	assert_int_equal(p->answer.verdict, CONSENT_DENY);
	assert_int_equal(p->answer.scope, CONSENT_ONCE);
	assert_null(strchr(p->answer.problem, '\n'));
	if (!strstr(p->answer.problem, why))
		assert_string_equal(p->answer.problem, why);
}

static void is_allowed(struct person *p)
{
	ask(p);
	assert_string_equal(p->answer.failed ? p->answer.problem : "", "");
	assert_int_equal(p->answer.verdict, CONSENT_ALLOW);
}

static void was_killed(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* A process number that a prompter wrote into a file of ours. */
static pid_t pid_in(const char *name)
{
	FILE *file = fopen(name, "r");
	int pid = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &pid), 1);
	fclose(file);
	return pid;
}

static void a_late_one_is_ended_and_the_next_question_starts_it_again(void **state)
{
	struct person *p = *state;

	hire(p, "read q; test -e late && { " ANSWER("2") "read q; }; : > late; sleep 1000", HASTY_MS * 10);
	is_denied(p, "did not answer in time");
	was_killed(p->pid);
	is_allowed(p);
	assert_int_equal(p->starts, 2);
}

static void half_a_line_is_no_answer(void **state)
{
	struct person *p = *state;

	hire(p, "read q; printf '{\"v\":1,\"id\":1,\"decision\":\"allow\"}'; sleep 1000", HASTY_MS);
	is_denied(p, "did not answer in time");
	was_killed(p->pid);
}

static void one_that_never_reads_does_not_hold_us(void **state)
{
	struct person *p = *state;

	memset(p->path + 1, 'x', 4090);
	p->small_pipe = true;
	hire(p, "sleep 1000", HASTY_MS);
	is_denied(p, "did not answer in time");
	was_killed(p->pid);
}

static void one_that_reads_slowly_gets_the_whole_question(void **state)
{
	struct person *p = *state;

	memset(p->path + 1, 'x', 4090);
	p->small_pipe = true;
	hire(p, "sleep 0.2; read q; case $q in *x\\\",*exists*}) " ANSWER("1") ";; esac; read q", PATIENT_MS);
	is_allowed(p);
}

static void nobody_waits_for_one_that_never_reads(void **state)
{
	struct person *p = *state;

	memset(p->path + 1, 'x', 4090);
	p->small_pipe = true;
	hire(p, "sleep 1000", PATIENT_MS);
	eventfd_write(p->cancel_fd, 1);
	is_denied(p, "");
	assert_string_equal(p->answer.problem, "");
	was_killed(p->pid);
}

static void after_the_asker_has_gone_the_next_question_works(void **state)
{
	struct person *p = *state;
	eventfd_t n;

	hire(p, "read q; case $q in *'\"id\":5,'*) " ANSWER("5") ";; esac; sleep 1000", PATIENT_MS);
	for (int i = 0; i < 4; i++) { /* as often as a failing one would have been given up */
		eventfd_write(p->cancel_fd, 1);
		is_denied(p, "");
		assert_string_equal(p->answer.problem, "");
		was_killed(p->pid);
		assert_int_equal(eventfd_read(p->cancel_fd, &n), 0);
	}
	is_allowed(p);
}

static void children_that_hold_the_pipe_are_ended_too(void **state)
{
	struct person *p = *state;

	hire(p, "read q; sleep 1000 & echo $! > child; exit 0", HASTY_MS * 10);
	is_denied(p, "did not answer in time");
	was_killed(pid_in("child"));
}

static void talk_without_end_between_questions_is_a_failure(void **state)
{
	struct person *p = *state;

	/* It talks once its answer has been taken: together with it, it would be one. */
	hire(p, "read q; " ANSWER("1") "while [ ! -e taken ]; do sleep 0.01; done; exec yes", PATIENT_MS);
	is_allowed(p);
	close(open("taken", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	is_denied(p, "more than one line");
	waitpid(p->pid, NULL, 0); /* ended by SIGKILL, or by SIGPIPE just before */
}

static void a_line_without_end_is_a_failure(void **state)
{
	struct person *p = *state;

	hire(p, "read q; tr '\\0' x < /dev/zero", PATIENT_MS);
	is_denied(p, "a line without end");
}

static void one_that_answers_once_and_ends_is_started_again(void **state)
{
	struct person *p = *state;

	hire(p, "read q; n=$(cat n 2>/dev/null); n=$((n+1)); echo $n > n; " ANSWER("'$n'"), PATIENT_MS);
	for (int i = 1; i <= 5; i++) {
		is_allowed(p);
		waitpid(p->pid, NULL, 0); /* it has ended before the next question */
		assert_int_equal(p->starts, i);
	}
}

static void one_that_keeps_dying_is_given_up(void **state)
{
	struct person *p = *state;

	hire(p, "exit 0", PATIENT_MS);
	for (int i = 0; i < 3; i++)
		is_denied(p, "went away without an answer");
	for (int i = 0; i < 3; i++)
		is_denied(p, "three times");
	assert_int_equal(p->starts, 3);
}

static void a_command_of_two_lines_fails_in_one(void **state)
{
	struct person *p = *state;

	hire(p, "exit 0\nexit 1", PATIENT_MS);
	for (int i = 0; i < 4; i++)
		is_denied(p, i < 3 ? "went away" : "exit 0\\x0aexit 1");
}

static int listen_at(const char *path, int backlog)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

static void an_agent_that_never_answers_is_late(void **state)
{
	struct person *p = *state;
	int fd = listen_at("agent", 8), peer_fd;
	char line[4096];

	p->prompter = prompter_agent_new("agent", HASTY_MS);
	is_denied(p, "did not answer in time");
	/* What it says now nobody hears. */
	peer_fd = accept(fd, NULL, NULL);
	while (read(peer_fd, line, sizeof(line)) > 0)
		;
	assert_int_equal(send(peer_fd, "x", 1, MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EPIPE);
	close(peer_fd);
	close(fd);
}

static void an_agent_that_takes_nobody_does_not_hold_us(void **state)
{
	struct person *p = *state;
	int fd = listen_at("agent", 0), others[8];
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "agent"};
	size_t n = 0;

	do
		others[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	while (connect(others[n++], (struct sockaddr *)&address, sizeof(address)) == 0 && n < 8);
	assert_int_equal(errno, EAGAIN);
	p->prompter = prompter_agent_new("agent", PATIENT_MS);
	is_denied(p, "cannot start the prompter agent");
	while (n > 0)
		close(others[--n]);
	close(fd);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_late_one_is_ended_and_the_next_question_starts_it_again),
		CASE(half_a_line_is_no_answer),
		CASE(one_that_never_reads_does_not_hold_us),
		CASE(one_that_reads_slowly_gets_the_whole_question),
		CASE(nobody_waits_for_one_that_never_reads),
		CASE(after_the_asker_has_gone_the_next_question_works),
		CASE(children_that_hold_the_pipe_are_ended_too),
		CASE(talk_without_end_between_questions_is_a_failure),
		CASE(a_line_without_end_is_a_failure),
		CASE(one_that_answers_once_and_ends_is_started_again),
		CASE(one_that_keeps_dying_is_given_up),
		CASE(a_command_of_two_lines_fails_in_one),
		CASE(an_agent_that_never_answers_is_late),
		CASE(an_agent_that_takes_nobody_does_not_hold_us),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
