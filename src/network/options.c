/* SPDX-License-Identifier: Apache-2.0 */
#include "network/options.h"

#include "network/policy.h"
#include <string.h>

static const struct {
	const char *word;
	unsigned int capabilities;
} modes[] = {
	{"none", 0},
	{"client", NET_CAP_CLIENT},
	{"client-server", NET_CAP_CLIENT | NET_CAP_SERVER},
	{"private", NET_CAP_PRIVATE},
};

static int find_mode(const char *word, size_t length)
{
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (strlen(modes[i].word) == length && memcmp(modes[i].word, word, length) == 0)
			return (int)i;
	return -EINVAL;
}

int net_parse_modes(const char *text, unsigned int *ret, struct appsilo_error *err)
{
	bool none = false;
	size_t words = 0;

	*ret = 0;
	for (;; text++) {
		size_t n = strcspn(text, ",");
		int mode = find_mode(text, n);

		if (mode < 0)
			return error_say(err, -EINVAL, "use none, or some of client, client-server "
						       "and private, with commas");
		none = none || modes[mode].capabilities == 0;
		*ret |= modes[mode].capabilities;
		words++;
		text += n;
		if (!*text)
			break;
	}
	if (none && words > 1)
		return error_say(err, -EINVAL, "none does not go with another word");
	return 0;
}

static int parse_port(const char *text, size_t length, uint16_t *ret)
{
	unsigned int value = 0;

	if (length == 0 || length > 5 || text[0] == '0')
		return -EINVAL;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		value = 10 * value + (unsigned int)(text[i] - '0');
	}
	*ret = (uint16_t)value;
	return value <= 65535 ? 0 : -EINVAL;
}

/* "ADDRESS:PORT" or "PORT", the host's end of it. */
static int parse_listener(const char *text, size_t length, struct net_publish *ret)
{
	struct host_pattern p;

	if (memchr(text, ':', length)) {
		if (host_pattern_parse(text, length, &p, NULL) < 0 || p.kind != HOST_NETWORK ||
		    !host_pattern_is_exact(&p) || !p.port)
			return -EINVAL;
		ret->address = p.network;
		ret->host_port = p.port;
		return 0;
	}
	ret->address = (struct net_address){.family = AF_INET};
	ret->address.v4.s_addr = htonl(INADDR_LOOPBACK);
	return parse_port(text, length, &ret->host_port);
}

int net_parse_publish(const char *text, struct net_publish *ret, struct appsilo_error *err)
{
	const char *last = strrchr(text, ':');

	if (!last || parse_port(last + 1, strlen(last + 1), &ret->app_port) < 0 ||
	    parse_listener(text, (size_t)(last - text), ret) < 0)
		return error_say(err, -EINVAL, "use [ADDRESS:]PORT:PORT, this machine's port first");
	return 0;
}

static const struct {
	const char *start;
	uint16_t port;
} schemes[] = {{"http://", 80}, {"https://", 443}, {"socks5://", 1080}, {"socks5h://", 1080}};

/* Of printable ASCII: it goes into variables that many programs read. */
static bool is_plain(const char *url)
{
	for (; *url; url++)
		if (*url <= ' ' || *url >= 0x7f)
			return false;
	return true;
}

int net_parse_proxy(const char *url, struct host_pattern *ret, struct appsilo_error *err)
{
	const char *host = NULL, *at, *end;
	uint16_t port = 0;

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		if (strncmp(url, schemes[i].start, strlen(schemes[i].start)) != 0)
			continue;
		host = url + strlen(schemes[i].start);
		port = schemes[i].port;
	}
	if (!host || strlen(url) > NET_PROXY_URL_MAX || !is_plain(url))
		return error_say(err, -EINVAL, "use http://HOST:PORT, https://, socks5:// or socks5h://");
	end = host + strcspn(host, "/?#\\");
	if (*end && strcmp(end, "/") != 0)
		return error_say(err, -EINVAL, "a proxy is a host and a port, without a path");
	/* What stands before the first "@" is for the proxy; a second one would be read differently. */
	at = memchr(host, '@', (size_t)(end - host));
	if (at && memchr(at + 1, '@', (size_t)(end - at - 1)))
		return error_say(err, -EINVAL, "write an \"@\" in a user or password as %%40");
	if (at)
		host = at + 1;
	if (host_pattern_parse(host, (size_t)(end - host), ret, err) < 0)
		return -EINVAL;
	if (!host_pattern_is_exact(ret))
		return error_say(err, -EINVAL, "a proxy is one host");
	if (ret->port == 0)
		ret->port = port;
	return 0;
}
