/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load for bench/serve.py: one process, no thread, so that it takes next to nothing of what it measures.
 *
 * usage: serve_load latency PORT ROUNDS COMMAND [ARG...]
 *            one run over a kept connection, then one start of COMMAND, in turn; prints for each
 *            the median and the 99th percentile, in microseconds
 *        serve_load runs PORT CLIENTS SECONDS      answers a second, each checked, and their median
 *        serve_load starts PROCESSES SECONDS COMMAND [ARG...]     ended processes a second
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX 1024
#define ANSWERS_MAX 1000000
#define TEXT_MAX 4096

struct client {
	int fd;
	unsigned int number; /* what the run is to print: no two are the same */
	double start_us;
	char text[TEXT_MAX];
	size_t size;
};

static double series[2][ANSWERS_MAX];

static void check(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "serve_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double part(double *all, size_t n, size_t percent)
{
	qsort(all, n, sizeof(*all), by_size);
	return n ? all[n * percent / 100] : 0;
}

static int open_connection(int port)
{
	struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(fd >= 0 && connect(fd, (struct sockaddr *)&where, sizeof(where)) == 0, "connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void ask(struct client *c)
{
	static unsigned int numbers;
	char body[128], head[512];
	int n_body, n;

	c->number = ++numbers;
	c->size = 0;
	n_body = snprintf(body, sizeof(body), "{\"code\":\"print(%u + sum(range(100)))\"}", c->number);
	n = snprintf(head, sizeof(head),
		     "POST /v1/run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
		     "Content-Length: %d\r\n\r\n%s", n_body, body);
	c->start_us = now_us();
	check(send(c->fd, head, (size_t)n, MSG_NOSIGNAL) == n, "send");
}

/* Returns whether the answer is complete; a wrong one ends all. */
static int take(struct client *c)
{
	ssize_t n = recv(c->fd, c->text + c->size, sizeof(c->text) - 1 - c->size, 0);
	char expected[32], *body, *length;

	check(n > 0, "recv");
	c->size += (size_t)n;
	c->text[c->size] = '\0';
	body = strstr(c->text, "\r\n\r\n");
	length = strcasestr(c->text, "Content-Length:");
	if (!body || !length || c->size < (size_t)(body + 4 - c->text) + strtoul(length + 15, NULL, 10))
		return 0;
	snprintf(expected, sizeof(expected), "\"%u\\n\"", c->number + 4950);
	if (strstr(body, expected))
		return 1;
	fprintf(stderr, "serve_load: not the answer to this question: %s\n", body + 4);
	exit(1);
}

static pid_t start(char *const *argv)
{
	posix_spawn_file_actions_t actions;
	char *const env[] = {(char *)"PATH=/usr/local/bin:/usr/bin:/bin", (char *)"LANG=C.UTF-8", NULL};
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	errno = posix_spawnp(&pid, argv[0], &actions, NULL, argv, env);
	check(errno == 0, argv[0]);
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

static void wait_for(pid_t pid)
{
	int status;

	check(waitpid(pid, &status, 0) > 0 && status == 0, "the command fails");
}

static void latency(int port, size_t rounds, char *const *argv)
{
	struct client c = {.fd = open_connection(port)};

	for (size_t i = 0; i < rounds && i < ANSWERS_MAX; i++) {
		double before_us;

		ask(&c);
		while (!take(&c))
			;
		series[0][i] = now_us() - c.start_us;
		before_us = now_us();
		wait_for(start(argv));
		series[1][i] = now_us() - before_us;
	}
	for (int s = 0; s < 2; s++) {
		double median_us = part(series[s], rounds, 50);

		printf("%.0f %.0f ", median_us, part(series[s], rounds, 99));
	}
	printf("\n");
}

static void runs(int port, int n, double seconds)
{
	static struct client clients[CLIENTS_MAX];
	static struct pollfd fds[CLIENTS_MAX];
	double start_us = now_us(), end_us = start_us + seconds * 1e6;
	size_t answers = 0;

	check(n > 0 && n <= CLIENTS_MAX, "CLIENTS");
	for (int i = 0; i < n; i++) {
		clients[i].fd = open_connection(port);
		fds[i] = (struct pollfd){.fd = clients[i].fd, .events = POLLIN};
		ask(&clients[i]);
	}
	while (now_us() < end_us) {
		check(poll(fds, (nfds_t)n, -1) > 0, "poll");
		for (int i = 0; i < n; i++) {
			if (!fds[i].revents || !take(&clients[i]))
				continue;
			if (answers < ANSWERS_MAX)
				series[0][answers] = now_us() - clients[i].start_us;
			answers++;
			ask(&clients[i]);
		}
	}
	printf("%.1f %.0f\n", (double)answers / (now_us() - start_us) * 1e6,
	       part(series[0], answers < ANSWERS_MAX ? answers : ANSWERS_MAX, 50));
}

static void starts(int n, double seconds, char *const *argv)
{
	double start_us = now_us(), end_us = start_us + seconds * 1e6;
	size_t ended = 0;

	for (int i = 0; i < n; i++)
		(void)start(argv);
	while (now_us() < end_us) {
		wait_for(-1);
		ended++;
		(void)start(argv);
	}
	printf("%.1f\n", (double)ended / (now_us() - start_us) * 1e6);
	for (int i = 0; i < n; i++)
		wait_for(-1);
}

int main(int argc, char **argv)
{
	if (argc > 4 && strcmp(argv[1], "latency") == 0)
		latency(atoi(argv[2]), (size_t)atol(argv[3]), argv + 4);
	else if (argc == 5 && strcmp(argv[1], "runs") == 0)
		runs(atoi(argv[2]), atoi(argv[3]), atof(argv[4]));
	else if (argc > 4 && strcmp(argv[1], "starts") == 0)
		starts(atoi(argv[2]), atof(argv[3]), argv + 4);
	else
		return 2;
	return 0;
}
