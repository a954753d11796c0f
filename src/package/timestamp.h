/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 3161 time stamps over a signature: who says that it existed when. Thread-safe.
 */
#ifndef APPSILO_PACKAGE_TIMESTAMP_H
#define APPSILO_PACKAGE_TIMESTAMP_H

#include "package/trust.h"

struct timestamp_facts {
	int64_t time;	 /* seconds since 1970 */
	bool trusted;	 /* leads to a certificate trusted for time stamps */
	char subject[PUBLISHER_MAX]; /* of its maker, as name_write() */
};

/**
 * Check the token @der, DER of @size bytes, over the signature value @stamped.
 * Returns 0, trusted or not; -EBADMSG when it is not a sound token over just these bytes, with
 * what is wrong; -ENOMEM.
 */
int timestamp_check(const unsigned char *der, size_t size, const unsigned char *stamped, size_t n,
		    const struct trust *trust, struct timestamp_facts *ret,
		    struct appsilo_error *err) must_check;

#endif
