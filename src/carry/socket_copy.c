/* SPDX-License-Identifier: Apache-2.0 */
#include "carry/socket_copy.h"

#include "base/cleanup.h"
#include "isolation/rare_options.h"
#include <string.h>

/* Of any option here. */
#define VALUE_MAX 16

static const struct socket_option common[] = {{SOL_SOCKET, SO_KEEPALIVE}, {IPPROTO_TCP, TCP_NODELAY}};

static bool get(int fd, const struct socket_option *o, char ret[VALUE_MAX], socklen_t *ret_size)
{
	*ret_size = VALUE_MAX;
	return getsockopt(fd, (int)o->level, (int)o->name, ret, ret_size) == 0;
}

/* What the kernel makes of what it is given. */
static void set(int fd, const struct socket_option *o, const char value[VALUE_MAX], socklen_t size)
{
	int half;

	if (o->level == SOL_SOCKET && (o->name == SO_SNDBUF || o->name == SO_RCVBUF)) {
		memcpy(&half, value, sizeof(half));
		half /= 2; /* it doubles them */
		value = (const char *)&half;
	}
	(void)setsockopt(fd, (int)o->level, (int)o->name, value, size);
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
			set(to, o, now, size);
	}
}

void socket_copy_options(int from, int to, bool rare)
{
	copy(from, to, common, ARRAY_SIZE(common));
	if (rare)
		copy(from, to, rare_options, ARRAY_SIZE(rare_options));
}
