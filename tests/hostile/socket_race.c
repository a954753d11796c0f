/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the sandbox: while one thread calls connect, bind and listen, another changes what they are
 * about (N15): the address in memory, or what lies behind the descriptor, between a unix socket and one
 * of the host's network.
 *
 * usage: socket_race address|descriptor TRIES ALLOWED FORBIDDEN
 * Prints how many sockets reached FORBIDDEN, and how many listen with an address of the host's.
 * Then waits for the end of standard input, so that somebody may look from outside.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PORT 80

static struct sockaddr_in allowed, forbidden, moving;
static atomic_bool stop;
static int target_fd, hosts_fd, unix_fd;
static long reached, listening;

static void *flip_address(void *unused)
{
	(void)unused;
	while (!atomic_load(&stop)) {
		memcpy(&moving, &forbidden, sizeof(moving));
		memcpy(&moving, &allowed, sizeof(moving));
	}
	return NULL;
}

static void *flip_descriptor(void *unused)
{
	(void)unused;
	while (!atomic_load(&stop)) {
		dup2(hosts_fd, target_fd);
		dup2(unix_fd, target_fd);
	}
	return NULL;
}

static void look(int fd)
{
	struct sockaddr_in peer = {0};
	socklen_t size = sizeof(peer);
	int listens = 0;

	if (getpeername(fd, (struct sockaddr *)&peer, &size) == 0 && peer.sin_family == AF_INET &&
	    peer.sin_addr.s_addr == forbidden.sin_addr.s_addr)
		reached++;
	size = sizeof(listens);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens)
		listening++;
}

/* A socket of the host's, not connected: dissolved while it was being connected. */
static int loose_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr none = {.sa_family = AF_UNSPEC};

	if (connect(fd, (struct sockaddr *)&allowed, sizeof(allowed)) == 0)
		connect(fd, &none, sizeof(none));
	return fd;
}

static void race_address(long tries)
{
	struct linger at_once = {1, 0};

	for (long i = 0; i < tries; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (connect(fd, (struct sockaddr *)&moving, sizeof(moving)) == 0)
			look(fd);
		/* No port stays in use. */
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		close(fd);
	}
}

static void race_descriptor(long tries)
{
	struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "/tmp/none"};
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(4444)};
	struct sockaddr none = {.sa_family = AF_UNSPEC};

	for (long i = 0; i < tries; i++) {
		connect(target_fd, (struct sockaddr *)&forbidden, sizeof(forbidden));
		bind(target_fd, (struct sockaddr *)&any, sizeof(any));
		connect(target_fd, &none, sizeof(none));
		listen(target_fd, 5);
		connect(target_fd, (struct sockaddr *)&path, sizeof(path));
		look(hosts_fd);
	}
}

int main(int argc, char **argv)
{
	struct pollfd end = {.fd = STDIN_FILENO, .events = POLLIN};
	pthread_t thread;
	int by_address = argc == 5 && strcmp(argv[1], "address") == 0;

	if (argc != 5)
		return 2;
	allowed = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(PORT)};
	forbidden = allowed;
	if (inet_pton(AF_INET, argv[3], &allowed.sin_addr) != 1 ||
	    inet_pton(AF_INET, argv[4], &forbidden.sin_addr) != 1)
		return 2;
	moving = allowed;
	hosts_fd = loose_socket();
	unix_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	target_fd = dup(unix_fd);
	if (pthread_create(&thread, NULL, by_address ? flip_address : flip_descriptor, NULL) != 0)
		return 1;
	if (by_address)
		race_address(atol(argv[2]));
	else
		race_descriptor(atol(argv[2]));
	atomic_store(&stop, 1);
	pthread_join(thread, NULL);
	printf("%ld %ld\n", reached, listening);
	fflush(stdout);
	poll(&end, 1, -1);
	return 0;
}
