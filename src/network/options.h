/* SPDX-License-Identifier: Apache-2.0 */
/* The words of --net, --publish and --proxy. Thread-safe: no state. Compiled for the front too. */
#ifndef APPSILO_NETWORK_OPTIONS_H
#define APPSILO_NETWORK_OPTIONS_H

#include "base/error.h"
#include "network/host.h"

/* --publish: who connects to @address and @host_port reaches the app on its @app_port. */
struct net_publish {
	struct net_address address; /* 127.0.0.1 where none is given */
	uint16_t host_port, app_port;
};

#define NET_PROXY_URL_MAX 1024

/** MODE[,MODE...]: none, client, client-server, private. @ret is of enum net_capability.
 * Returns 0; -EINVAL with the line. */
int net_parse_modes(const char *text, unsigned int *ret, struct appsilo_error *err) must_check;

/** [ADDRESS:]PORT:PORT; an IPv6 address in brackets. Returns 0; -EINVAL with the line. */
int net_parse_publish(const char *text, struct net_publish *ret, struct appsilo_error *err) must_check;

/**
 * SCHEME://[USER[:PASSWORD]@]HOST[:PORT][/] with http, https, socks5 or socks5h.
 * @ret  the one host and port
 * Returns 0; -EINVAL with the line, which holds nothing of USER and PASSWORD.
 */
int net_parse_proxy(const char *url, struct host_pattern *ret, struct appsilo_error *err) must_check;

#endif
