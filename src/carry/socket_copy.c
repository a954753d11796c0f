/* SPDX-License-Identifier: Apache-2.0 */
#include "carry/socket_copy.h"

#include "base/cleanup.h"
#include "carry/rare_options.h"
#include <linux/sock_diag.h>
#include <string.h>

/* Of any option here. */
#define VALUE_MAX 16

static const struct socket_option common[] = {
	{SOL_SOCKET, SO_KEEPALIVE},    {SOL_SOCKET, SO_SNDTIMEO},    {SOL_SOCKET, SO_RCVTIMEO},
	{IPPROTO_TCP, TCP_NODELAY},    {IPPROTO_TCP, TCP_KEEPIDLE},  {IPPROTO_TCP, TCP_KEEPINTVL},
	{IPPROTO_TCP, TCP_KEEPCNT},    {IPPROTO_TCP, TCP_USER_TIMEOUT},
};

static bool get(int fd, const struct socket_option *o, char ret[VALUE_MAX], socklen_t *ret_size)
{
	*ret_size = VALUE_MAX;
	return getsockopt(fd, (int)o->level, (int)o->name, ret, ret_size) == 0;
}

/* What is as it comes from the kernel need not be set. Most are zero then, which needs no look at
 * the other socket. */
static void copy(int from, int to, const struct socket_option *options, size_t n)
{
	static const char zero[VALUE_MAX];

	for (const struct socket_option *o = options; o < options + n; o++) {
		char now[VALUE_MAX], fresh[VALUE_MAX];
		socklen_t size, fresh_size;

		if (!get(from, o, now, &size) || memcmp(now, zero, size) == 0)
			continue;
		if (get(to, o, fresh, &fresh_size) && (size != fresh_size || memcmp(now, fresh, size) != 0))
			(void)setsockopt(to, (int)o->level, (int)o->name, now, size);
	}
}

/* Both sizes at once; the kernel doubles what is set. */
static void copy_buffers(int from, int to)
{
	static const struct {
		unsigned int at;
		int name;
	} sizes[] = {{SK_MEMINFO_RCVBUF, SO_RCVBUF}, {SK_MEMINFO_SNDBUF, SO_SNDBUF}};
	uint32_t now[SK_MEMINFO_VARS], fresh[SK_MEMINFO_VARS];
	socklen_t size = sizeof(now), fresh_size = sizeof(fresh);

	if (getsockopt(from, SOL_SOCKET, SO_MEMINFO, now, &size) < 0 ||
	    getsockopt(to, SOL_SOCKET, SO_MEMINFO, fresh, &fresh_size) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		int half = (int)(now[sizes[i].at] / 2);

		if (now[sizes[i].at] != fresh[sizes[i].at])
			(void)setsockopt(to, SOL_SOCKET, sizes[i].name, &half, sizeof(half));
	}
}

void socket_copy_options(int from, int to, bool rare)
{
	copy_buffers(from, to);
	copy(from, to, common, ARRAY_SIZE(common));
	if (rare)
		copy(from, to, rare_options, ARRAY_SIZE(rare_options));
}
