/* SPDX-License-Identifier: Apache-2.0 */
#include "server/listen.h"

#include "base/text.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define FIRST_PASSED_FD 3
#define BACKLOG 1024

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int parse(const char *text, union address *ret, socklen_t *ret_size)
{
	const char *colon = strrchr(text, ':');
	char host[64], *end;
	unsigned long port;

	if (!colon || colon == text || colon - text >= (ptrdiff_t)sizeof(host) || colon[1] < '0' ||
	    colon[1] > '9')
		return -EINVAL;
	port = strtoul(colon + 1, &end, 10);
	if (*end || port > 65535)
		return -EINVAL;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	*ret = (union address){0};
	if (host[0] == '[' && host[strlen(host) - 1] == ']') {
		host[strlen(host) - 1] = '\0';
		ret->v6.sin6_family = AF_INET6;
		ret->v6.sin6_port = htons((uint16_t)port);
		*ret_size = sizeof(ret->v6);
		return inet_pton(AF_INET6, host + 1, &ret->v6.sin6_addr) == 1 ? 0 : -EINVAL;
	}
	ret->v4.sin_family = AF_INET;
	ret->v4.sin_port = htons((uint16_t)port);
	*ret_size = sizeof(ret->v4);
	return inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1 ? 0 : -EINVAL;
}

static bool is_loopback(const union address *a)
{
	if (a->any.sa_family == AF_INET)
		return ntohl(a->v4.sin_addr.s_addr) >> 24 == 127;
	return a->any.sa_family == AF_UNIX ||
	       (a->any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr));
}

static int show(int fd, union address *a, char ret[LISTEN_SHOWN_MAX])
{
	socklen_t size = sizeof(*a);
	char host[INET6_ADDRSTRLEN] = "";

	if (getsockname(fd, &a->any, &size) < 0)
		return -errno;
	if (a->any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a->v4.sin_addr, host, sizeof(host));
		snprintf(ret, LISTEN_SHOWN_MAX, "http://%s:%u", host, ntohs(a->v4.sin_port));
	} else if (a->any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &a->v6.sin6_addr, host, sizeof(host));
		snprintf(ret, LISTEN_SHOWN_MAX, "http://[%s]:%u", host, ntohs(a->v6.sin6_port));
	} else {
		snprintf(ret, LISTEN_SHOWN_MAX, "a socket of the service manager");
	}
	return 0;
}

/* Returns the descriptor systemd gave; -ENOENT: none. */
static int passed_fd(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	int value = 0;
	socklen_t size = sizeof(value);

	if (!pid || !count || strtol(pid, NULL, 10) != getpid() || strtol(count, NULL, 10) < 1)
		return -ENOENT;
	if (getsockopt(FIRST_PASSED_FD, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) < 0 || !value)
		return -ENOTSOCK;
	if (fcntl(FIRST_PASSED_FD, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	return FIRST_PASSED_FD;
}

static int open_own(const char *option, const char *text, const union address *a, socklen_t size, struct appsilo_error *err)
{
	cleanup_close int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int on = 1;
	char shown[128];

	text_show(text, shown, sizeof(shown));
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, &a->any, size) < 0 || listen(fd, BACKLOG) < 0)
		return error_set(err, -errno, "%s %s: cannot listen there; choose another", option, shown);
	return TAKE_FD(fd);
}

int listen_check(const char *option, const char *address, bool open, struct appsilo_error *err)
{
	union address a;
	socklen_t size;
	char shown[128];

	text_show(address, shown, sizeof(shown));
	if (passed_fd() != -ENOENT)
		return 0;
	if (parse(address, &a, &size) < 0)
		return error_say(err, -EINVAL,
				 "%s %s: not ADDRESS:PORT with a numeric address", option, shown);
	if (open && !is_loopback(&a))
		return error_say(err, -EINVAL, "%s %s: others could run programs here; "
				 "give a --token-file", option, shown);
	return 0;
}

int listen_open(const char *option, const char *address, bool open, char ret_shown[LISTEN_SHOWN_MAX],
		struct appsilo_error *err)
{
	cleanup_close int fd = passed_fd();
	union address a;
	socklen_t size;
	int r = listen_check(option, address, open, err);

	if (r < 0)
		return r;
	if (fd == -ENOTSOCK)
		return error_say(err, fd, "LISTEN_FDS: descriptor 3 is no listening socket");
	if (fd < 0 && parse(address, &a, &size) < 0)
		return -EINVAL;
	if (fd < 0) {
		fd = open_own(option, address, &a, size, err);
		if (fd < 0)
			return fd;
	}
	r = show(fd, &a, ret_shown);
	if (r < 0)
		return error_set(err, r, "the listening socket");
	if (open && !is_loopback(&a))
		return error_say(err, -EPERM, "the socket of the service manager is not on a "
				 "loopback address: others could run programs here; give a --token-file");
	return TAKE_FD(fd);
}

void listen_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	cleanup_close int fd = -EBADF;
	size_t n = path ? strlen(path) : 0;

	if (n == 0 || n >= sizeof(a.sun_path) || (*path != '/' && *path != '@'))
		return;
	memcpy(a.sun_path, path, n);
	if (*path == '@')
		a.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* Nobody listens: nobody wants to know. */
	if (fd >= 0)
		(void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&a,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
}
