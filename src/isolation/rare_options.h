/* SPDX-License-Identifier: Apache-2.0 */
/* Socket options that few programs set: the filter reports when one is (isolation/filter_gen.c), and
 * only from then on a socket that takes another's place is given them too (carry/socket_copy.c). */
#ifndef APPSILO_ISOLATION_RARE_OPTIONS_H
#define APPSILO_ISOLATION_RARE_OPTIONS_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <sys/socket.h>

struct socket_option {
	uint32_t level, name;
};

/* Not TCP_NODELAY and SO_KEEPALIVE, which many set. In the order in which they are set: the type of
 * service changes the priority. */
static const struct socket_option rare_options[] = {
	{SOL_SOCKET, SO_SNDBUF},       {SOL_SOCKET, SO_RCVBUF},		{SOL_SOCKET, SO_SNDTIMEO},
	{SOL_SOCKET, SO_RCVTIMEO},     {SOL_SOCKET, SO_REUSEADDR},	{SOL_SOCKET, SO_REUSEPORT},
	{SOL_SOCKET, SO_LINGER},       {SOL_SOCKET, SO_OOBINLINE},	{SOL_SOCKET, SO_RCVLOWAT},
	{SOL_SOCKET, SO_TIMESTAMP},    {IPPROTO_TCP, TCP_MAXSEG},	{IPPROTO_TCP, TCP_CORK},
	{IPPROTO_TCP, TCP_KEEPIDLE},   {IPPROTO_TCP, TCP_KEEPINTVL},	{IPPROTO_TCP, TCP_KEEPCNT},
	{IPPROTO_TCP, TCP_SYNCNT},     {IPPROTO_TCP, TCP_LINGER2},	{IPPROTO_TCP, TCP_CONGESTION},
	{IPPROTO_TCP, TCP_USER_TIMEOUT}, {IPPROTO_TCP, TCP_NOTSENT_LOWAT}, {IPPROTO_IP, IP_TOS},
	{IPPROTO_IP, IP_TTL},	       {IPPROTO_IPV6, IPV6_TCLASS},	{IPPROTO_IPV6, IPV6_UNICAST_HOPS},
	{IPPROTO_IPV6, IPV6_V6ONLY},   {SOL_SOCKET, SO_PRIORITY},
};

#endif
