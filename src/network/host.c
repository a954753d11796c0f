/* SPDX-License-Identifier: Apache-2.0 */
#include "network/host.h"

#include <arpa/inet.h>
#include <string.h>

#define LABEL_MAX 63

static const char digits[] = "0123456789";

/* Only ASCII is shown as it is: of a letter that passes for another, the bytes. */
static void escape(const char *text, size_t length, char ret[4 * HOST_TEXT_MAX])
{
	*ret = '\0';
	for (size_t i = 0; i < length && i < HOST_TEXT_MAX - 1; i++) {
		unsigned char c = (unsigned char)text[i];
		bool plain = c > ' ' && c < 0x7f && c != '\\';

		ret += sprintf(ret, plain ? "%c" : "\\x%02x", c);
	}
}

static int bad(struct appsilo_error *err, const char *text, size_t length, const char *what)
{
	char shown[4 * HOST_TEXT_MAX];

	escape(text, length, shown);
	return error_say(err, -EINVAL, "%s%s: %s", shown, length < HOST_TEXT_MAX ? "" : "...", what);
}

/* 1 to @max, no leading zero, digits alone. */
static int parse_number(const char *text, unsigned int max, unsigned int *ret)
{
	unsigned int value = 0;
	size_t n = strlen(text);

	if (n == 0 || n > 5 || strspn(text, digits) != n || (text[0] == '0' && n > 1))
		return -EINVAL;
	for (; *text; text++)
		value = 10 * value + (unsigned int)(*text - '0');
	*ret = value;
	return value <= max ? 0 : -EINVAL;
}

/* What inet_aton() and its like would take for an address: the last label is a number. */
static bool ends_in_number(const char *name)
{
	const char *dot = strrchr(name, '.');
	const char *last = dot ? dot + 1 : name;

	if (last[0] == '0' && last[1] == 'x')
		return strspn(last + 2, "0123456789abcdef") == strlen(last + 2);
	return *last && strspn(last, digits) == strlen(last);
}

/* Labels of @name, which is lower case already. */
static const char *problem_of_name(const char *name)
{
	if (strlen(name) > HOST_NAME_MAX_BYTES)
		return "a name has 253 characters at most";
	if (ends_in_number(name))
		return "write an IPv4 address as four decimal numbers without leading zeros";
	for (;;) {
		size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_");

		if (n == 0 && (*name == '.' || !*name))
			return "an empty part between dots";
		if (name[n] && name[n] != '.')
			return "a name has only letters, digits, \"-\" and dots";
		if (n > LABEL_MAX)
			return "a part of a name has 63 characters at most";
		if (name[0] == '-' || name[n - 1] == '-')
			return "no part of a name begins or ends with \"-\"";
		if (!name[n])
			return NULL;
		name += n + 1;
	}
}

/* Copy in lower case. NULL and the problem of a byte that belongs in no host. */
static const char *copy_host(const char *text, size_t length, char ret[HOST_TEXT_MAX])
{
	if (length == 0)
		return "an empty host";
	if (length >= HOST_TEXT_MAX)
		return "too long";
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= 0x80)
			return "write it as punycode (xn--...), so that no letter passes for another";
		if (c == '%')
			return "no zone or %-escape is part of a host";
		if (c <= ' ' || c == 0x7f)
			return "no blank or control character is part of a host";
		ret[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
	}
	ret[length] = '\0';
	return NULL;
}

static const char *parse_name(char *host, struct host_pattern *ret)
{
	char *name = host;
	const char *problem;
	size_t n;

	ret->kind = HOST_NAME;
	if (host[0] == '*' && host[1] == '.') {
		ret->kind = HOST_SUFFIX;
		name += 2;
	} else if (strchr(host, '*')) {
		return host[1] ? "\"*\" stands only at the front, before a dot: *.example.org"
			       : "every host is no rule; use --net client";
	}
	n = strlen(name);
	if (n > 1 && name[n - 1] == '.')
		name[n - 1] = '\0';
	problem = problem_of_name(name);
	if (!problem)
		memcpy(ret->name, name, strlen(name) + 1);
	return problem;
}

/* Nothing may be set behind the network's bits: 10.1.2.3/8 may be meant one way or the other. */
static bool is_network(const struct net_address *a, unsigned int bits)
{
	const uint8_t *bytes = a->family == AF_INET ? (const uint8_t *)&a->v4 : a->v6.s6_addr;

	for (unsigned int i = bits; i < net_address_bits(a); i++)
		if (bytes[i / 8] & 0x80 >> i % 8)
			return false;
	return true;
}

/* ADDRESS or ADDRESS/BITS; @host is changed. */
static const char *parse_network(char *host, int family, struct host_pattern *ret)
{
	struct net_address given = {.family = family};
	char *slash = strchr(host, '/');
	unsigned int bits = net_address_bits(&given);

	ret->kind = HOST_NETWORK;
	if (slash) {
		*slash++ = '\0';
		if (parse_number(slash, bits, &bits) < 0)
			return "the number behind \"/\" is not one of this kind of address";
	}
	if (inet_pton(family, host, family == AF_INET ? (void *)&given.v4 : (void *)&given.v6) != 1)
		return family == AF_INET ? "write an IPv4 address as four decimal numbers without "
					   "leading zeros"
					 : "not an IPv6 address";
	if (!is_network(&given, bits))
		return "bits are set behind the network's part; set them to zero, or leave \"/\" away";
	ret->network = net_address_real(&given);
	if (ret->network.family != family && bits != 128)
		return "this range stands for IPv4 addresses; write those instead";
	ret->bits = (uint8_t)(ret->network.family == family ? bits : 32);
	return NULL;
}

/* Cut ":PORT" off. A host with two colons and no bracket is an IPv6 address without a port. */
static const char *parse_port(char *host, char **ret_host, bool *ret_v6, struct host_pattern *ret)
{
	char *mark = strchr(host, ':');
	unsigned int port = 0;

	*ret_host = host;
	*ret_v6 = host[0] == '[' || (mark && strchr(mark + 1, ':'));
	if (host[0] == '[') {
		char *end = strchr(host, ']');

		if (!end || (end[1] && end[1] != ':'))
			return "\"[\" and \"]\" stand around an IPv6 address";
		mark = end[1] ? end + 1 : NULL;
		*end = '\0';
		*ret_host = host + 1;
	} else if (*ret_v6) {
		mark = NULL;
	}
	if (!mark)
		return NULL;
	*mark++ = '\0';
	if (parse_number(mark, 65535, &port) < 0 || port == 0)
		return "a port is a number from 1 to 65535";
	ret->port = (uint16_t)port;
	return NULL;
}

int host_pattern_parse(const char *text, size_t length, struct host_pattern *ret,
		       struct appsilo_error *err)
{
	char copy[HOST_TEXT_MAX], *host = copy;
	const char *problem = copy_host(text, length, copy);
	bool v6 = false;

	memset(ret, 0, sizeof(*ret));
	if (!problem)
		problem = parse_port(copy, &host, &v6, ret);
	if (!problem && !*host)
		problem = "an empty host";
	if (!problem && (v6 || strchr(host, '/') || strspn(host, "0123456789.") == strlen(host)))
		problem = parse_network(host, v6 ? AF_INET6 : AF_INET, ret);
	else if (!problem)
		problem = parse_name(host, ret);
	return problem ? bad(err, text, length, problem) : 0;
}

int host_pattern_parse_allow(const char *text, size_t length, struct host_pattern *ret,
			     struct appsilo_error *err)
{
	int r = host_pattern_parse(text, length, ret, err);
	bool one = ret->kind == HOST_NETWORK && host_pattern_is_exact(ret);
	enum net_place place = one ? net_address_place(&ret->network) : NET_PUBLIC;

	if (r < 0)
		return r;
	if (place == NET_LOOPBACK || (ret->kind != HOST_NETWORK && host_name_is_local(ret->name)))
		return bad(err, text, length,
			   "this machine's own services are opened by appsilo loopback add only");
	if (place == NET_METADATA)
		return bad(err, text, length, "a metadata service of a cloud is never reached");
	if (place == NET_UNUSABLE)
		return bad(err, text, length, "no single machine has this address");
	return 0;
}

const char *host_pattern_text(const struct host_pattern *p, char ret[HOST_TEXT_MAX])
{
	char address[NET_ADDRESS_TEXT_MAX], bits[8] = "", port[8] = "";
	bool bracket = p->kind == HOST_NETWORK && p->network.family == AF_INET6 && p->port;

	if (p->port)
		snprintf(port, sizeof(port), ":%u", p->port);
	if (p->kind == HOST_NETWORK && !host_pattern_is_exact(p))
		snprintf(bits, sizeof(bits), "/%u", p->bits);
	snprintf(ret, HOST_TEXT_MAX, "%s%s%s%s%s",
		 p->kind == HOST_SUFFIX ? "*."
		 : bracket		? "["
					: "",
		 p->kind == HOST_NETWORK ? net_address_text(&p->network, address) : p->name, bits,
		 bracket ? "]" : "", port);
	return ret;
}

int host_name_parse(const char *text, size_t length, char ret[HOST_NAME_MAX_BYTES + 1],
		    struct appsilo_error *err)
{
	struct host_pattern pattern;
	int r;

	if (memchr(text, '*', length) || memchr(text, ':', length) || memchr(text, '[', length))
		return bad(err, text, length, "not a name");
	r = host_pattern_parse(text, length, &pattern, err);
	if (r == 0 && pattern.kind != HOST_NAME)
		r = bad(err, text, length, "an address, not a name");
	if (r == 0)
		memcpy(ret, pattern.name, sizeof(pattern.name));
	return r;
}

bool host_pattern_is_exact(const struct host_pattern *p)
{
	return p->kind == HOST_NAME ||
	       (p->kind == HOST_NETWORK && p->bits == net_address_bits(&p->network));
}

static bool is_below(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n > m + 1 && name[n - m - 1] == '.' && strcmp(name + n - m, suffix) == 0;
}

bool host_pattern_matches(const struct host_pattern *p, const char *name,
			  const struct net_address *address)
{
	switch (p->kind) {
	case HOST_NAME:
		return name && strcmp(name, p->name) == 0;
	case HOST_SUFFIX:
		return name && is_below(name, p->name);
	case HOST_NETWORK:
		return address && net_address_within(address, &p->network, p->bits);
	}
	return false;
}

bool host_name_is_local(const char *name)
{
	return strcmp(name, "localhost") == 0 || is_below(name, "localhost");
}
