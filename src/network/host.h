/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hosts that rules name: HOST[:PORT] with a DNS name, "*." and a name, an address or a
 * network. Strict, so that what is judged is what is resolved: a spelling that somebody could
 * read differently ("0x7f.1", "2130706433", a NUL, a zone) is no host. Thread-safe: no state.
 * Compiled for the front too.
 */
#ifndef APPSILO_NETWORK_HOST_H
#define APPSILO_NETWORK_HOST_H

#include "base/error.h"
#include "network/address.h"

#define HOST_NAME_MAX_BYTES 253	   /* RFC 1035, without the last dot */
#define HOST_TEXT_MAX 272	   /* of a pattern as text, with NUL */

enum host_kind {
	HOST_NAME,    /* exactly this name */
	HOST_SUFFIX,  /* every name below it, itself not */
	HOST_NETWORK, /* addresses that share @bits with @network; one address if all */
};

struct host_pattern {
	enum host_kind kind;
	char name[HOST_NAME_MAX_BYTES + 1]; /* lower case, no dot at the end */
	struct net_address network;
	uint8_t bits;
	uint16_t port; /* 0: any */
};

/**
 * Read a pattern. The line in @err says what is wrong with it and stands alone after the
 * name of whatever option or file it came from.
 * @text  @length bytes, need not be terminated
 * Returns 0; -EINVAL.
 */
int host_pattern_parse(const char *text, size_t length, struct host_pattern *ret,
		       struct appsilo_error *err) must_check;

/** As above, and refuse what no allowing rule can open: the host's loopback, metadata services,
 * addresses that nobody has. */
int host_pattern_parse_allow(const char *text, size_t length, struct host_pattern *ret,
			     struct appsilo_error *err) must_check;

/** The one spelling of @pattern: the key in stores, and what is shown. Returns @ret. */
const char *host_pattern_text(const struct host_pattern *pattern, char ret[HOST_TEXT_MAX]);

/** One spelling of a name: lower case, no dot at the end. Returns 0; -EINVAL with the line. */
int host_name_parse(const char *text, size_t length, char ret[HOST_NAME_MAX_BYTES + 1],
		    struct appsilo_error *err) must_check;

/** Is @name (NULL: none) or @address what @pattern names? The port is not looked at.
 * @address  as net_address_real() gives it; NULL: only the name counts */
bool host_pattern_matches(const struct host_pattern *pattern, const char *name,
			  const struct net_address *address);

/** One name or one address, not many. */
bool host_pattern_is_exact(const struct host_pattern *pattern);

/** "localhost" and all below it (RFC 6761): never looked up outside. */
bool host_name_is_local(const char *name);

#endif
