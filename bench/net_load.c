/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load for bench/net.py: a server that answers by the first byte of a connection, and a client that
 * measures.
 *
 * usage: net_load serve PORT | net_load ADDRESS PORT CONNECTIONS [PROXY-PORT CREDENTIALS]
 * With a port of an HTTP proxy on the loopback, every connection goes through it (CONNECT, basic
 * authorization), and there is no UDP.
 * The client prints: MB/s down, MB/s up, round trip, socket and connect together (median), UDP round trip
 * (all in microseconds), and how many connections a second it opened until CONNECTIONS were open at once.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MEGABYTE (1u << 20)
#define MEGABYTES 256
#define TRIPS 2000
#define FDS_MAX 65536

static char block[MEGABYTE];
static struct sockaddr_in where; /* connections lead to */
static char through[512];	 /* what a proxy is asked; empty: there is none */

static void check(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void raise_limit(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

struct peer {
	char kind;
	size_t bytes;
};

/* One connection's turn: 'd' sends all it has and ends, 'u' reads as much and says so, 'r' echoes. */
static int take(int fd, struct peer *p)
{
	int begins = !p->kind;
	ssize_t n = begins ? recv(fd, &p->kind, 1, MSG_DONTWAIT) : recv(fd, block, sizeof(block), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return 1;
	if (n <= 0)
		return 0;
	p->bytes += begins ? 0 : (size_t)n;
	/* Not all ways know half a close. */
	if (p->kind == 'u' && p->bytes == (size_t)MEGABYTES * MEGABYTE)
		return write(fd, "k", 1) == 1;
	if (p->kind == 'd') {
		for (int i = 0; i < MEGABYTES; i++)
			for (size_t at = 0; at < sizeof(block);) {
				n = write(fd, block + at, sizeof(block) - at);
				if (n <= 0)
					return 0;
				at += (size_t)n;
			}
		return 0;
	}
	return p->kind != 'r' || begins || write(fd, block, (size_t)n) == n;
}

static void serve(void)
{
	static struct peer peers[FDS_MAX];
	int tcp = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
	int set = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN};

	setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	check(bind(tcp, (struct sockaddr *)&where, sizeof(where)) == 0, "bind");
	check(bind(udp, (struct sockaddr *)&where, sizeof(where)) == 0, "bind");
	check(listen(tcp, 4096) == 0, "listen");
	event.data.fd = tcp;
	epoll_ctl(set, EPOLL_CTL_ADD, tcp, &event);
	event.data.fd = udp;
	epoll_ctl(set, EPOLL_CTL_ADD, udp, &event);
	printf("ready\n");
	fflush(stdout);
	while (epoll_wait(set, &event, 1, -1) >= 0 || errno == EINTR) {
		int fd = event.data.fd;

		if (fd == tcp) {
			fd = accept(tcp, NULL, NULL);
			if (fd < 0 || fd >= FDS_MAX)
				continue;
			peers[fd] = (struct peer){0};
			event = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
			epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
		} else if (fd == udp) {
			struct sockaddr_in from;
			socklen_t size = sizeof(from);
			ssize_t n = recvfrom(udp, block, sizeof(block), 0, (struct sockaddr *)&from, &size);

			(void)!sendto(udp, block, n < 0 ? 0 : (size_t)n, 0, (struct sockaddr *)&from, size);
		} else if (!take(fd, &peers[fd])) {
			close(fd);
		}
	}
}

/* The proxy's answer ends with an empty line, and nothing follows before we have spoken. */
static void pass_proxy(int fd)
{
	char answer[1024] = "";
	size_t n = 0;

	check(write(fd, through, strlen(through)) > 0, "write to the proxy");
	while (!strstr(answer, "\r\n\r\n")) {
		ssize_t more = read(fd, answer + n, sizeof(answer) - 1 - n);

		check(more > 0, "read from the proxy");
		n += (size_t)more;
	}
	check(strncmp(answer, "HTTP/1.1 200", 12) == 0, answer);
}

static int opened(char kind)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	check(connect(fd, (struct sockaddr *)&where, sizeof(where)) == 0, "connect");
	if (*through)
		pass_proxy(fd);
	if (kind)
		check(write(fd, &kind, 1) == 1, "write");
	return fd;
}

static double down(void)
{
	double start = now_us(), bytes = 0;
	int fd = opened('d');
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0)
		bytes += (double)n;
	close(fd);
	return bytes / (now_us() - start);
}

static double up(void)
{
	double start = now_us();
	int fd = opened('u');

	for (int i = 0; i < MEGABYTES; i++)
		for (size_t at = 0; at < sizeof(block);) {
			ssize_t n = write(fd, block + at, sizeof(block) - at);

			check(n > 0, "write");
			at += (size_t)n;
		}
	check(read(fd, block, 1) == 1, "read");
	close(fd);
	return (double)MEGABYTES * MEGABYTE / (now_us() - start);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double times[TRIPS])
{
	qsort(times, TRIPS, sizeof(*times), compare);
	return times[TRIPS / 2];
}

static double trip(int type)
{
	static double times[TRIPS];
	int fd = type == SOCK_STREAM ? opened('r') : socket(AF_INET, type, 0);

	if (type == SOCK_DGRAM)
		check(connect(fd, (struct sockaddr *)&where, sizeof(where)) == 0, "connect");
	for (int i = 0; i < TRIPS; i++) {
		double start = now_us();

		check(send(fd, "x", 1, 0) == 1 && recv(fd, block, 1, 0) == 1, "trip");
		times[i] = now_us() - start;
	}
	close(fd);
	return median(times);
}

static double first(void)
{
	static double times[TRIPS];

	for (int i = 0; i < TRIPS; i++) {
		double start = now_us();
		int fd = opened(0);

		times[i] = now_us() - start;
		close(fd);
	}
	return median(times);
}

static double many(int connections)
{
	double start = now_us();

	for (int i = 0; i < connections; i++)
		opened(0);
	return connections / (now_us() - start) * 1e6;
}

static void use_proxy(const char *address, const char *port, const char *proxy_port, const char *credentials)
{
	int n = snprintf(through, sizeof(through),
			 "CONNECT %s:%s HTTP/1.1\r\nHost: %s:%s\r\nProxy-Authorization: Basic %s\r\n\r\n", address,
			 port, address, port, credentials);

	check(n < (int)sizeof(through), "credentials");
	where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	where.sin_port = htons((uint16_t)atoi(proxy_port));
}

int main(int argc, char **argv)
{
	int serves = argc == 3 && strcmp(argv[1], "serve") == 0;

	if (argc != 4 && argc != 6 && !serves)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	raise_limit();
	where = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
	if (serves) {
		serve();
		return 1;
	}
	check(inet_pton(AF_INET, argv[1], &where.sin_addr) == 1, argv[1]);
	if (argc == 6)
		use_proxy(argv[1], argv[2], argv[4], argv[5]);
	printf("%f %f %f %f %f", down(), up(), trip(SOCK_STREAM), first(), *through ? NAN : trip(SOCK_DGRAM));
	fflush(stdout);
	printf(" %f\n", many(atoi(argv[3])));
	return 0;
}
