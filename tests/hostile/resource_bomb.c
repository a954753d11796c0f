/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resource attacks, one a word: fork (children that fork until refused), signals (a storm
 * from all at all), stop (children stopped for ever), deep DEPTH FOLDER, flood (output until
 * nobody reads). Each ends by itself and says what it reached; what it leaves behind, the
 * sandbox must take down.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int bomb(void)
{
	long born = 0;
	pid_t pid = 0;

	/* Each child makes children too; all wait for their end, which the sandbox brings. */
	while (born < 100000 && (pid = fork()) > 0)
		born++;
	if (pid == 0) {
		while (fork() > 0)
			;
		for (;;)
			pause();
	}
	printf("stopped at %ld: %s\n", born, strerror(errno));
	return 0;
}

/* The C library keeps these two for itself and lets nobody ignore them. */
static int is_the_libraries(int s)
{
	return s == 32 || s == 33;
}

static int storm(void)
{
	for (int s = 1; s < 65; s++)
		signal(s, SIG_IGN);
	for (int i = 0; i < 20; i++) {
		if (fork() != 0)
			continue;
		for (;;)
			for (int s = 1; s < 65; s++)
				if (s != SIGKILL && s != SIGSTOP && !is_the_libraries(s))
					kill(-1, s);
	}
	for (long i = 0; i < 5000; i++) {
		kill(1, i % 64 + 1);
		kill(-1, SIGUSR1);
	}
	printf("storm over\n");
	return 0;
}

static int freeze(void)
{
	for (int i = 0; i < 50; i++)
		if (fork() == 0) {
			kill(getpid(), SIGSTOP);
			_exit(0);
		}
	for (int i = 0; i < 50; i++)
		waitpid(-1, NULL, WUNTRACED);
	printf("all stopped\n");
	return 0;
}

static int deep(long depth, const char *folder)
{
	long at = 0;

	if (chdir(folder) < 0)
		return 1;
	while (at < depth && mkdir("d", 0700) == 0 && chdir("d") == 0)
		at++;
	printf("depth %ld\n", at);
	return at != depth;
}

static int flood(void)
{
	static char block[65536];
	long written = 0;

	signal(SIGPIPE, SIG_IGN);
	memset(block, 'x', sizeof(block));
	for (;;) {
		ssize_t n = write(STDOUT_FILENO, block, sizeof(block));

		if (n < 0)
			break;
		written += n;
	}
	fprintf(stderr, "flood ended: %s\n", strerror(errno));
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	setvbuf(stdout, NULL, _IONBF, 0);
	if (strcmp(what, "fork") == 0)
		return bomb();
	if (strcmp(what, "signals") == 0)
		return storm();
	if (strcmp(what, "stop") == 0)
		return freeze();
	if (strcmp(what, "deep") == 0 && argc == 4)
		return deep(atol(argv[2]), argv[3]);
	if (strcmp(what, "flood") == 0)
		return flood();
	return 2;
}
