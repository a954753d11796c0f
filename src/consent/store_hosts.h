/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The remembered decisions about hosts, in the same store as those about files (store.h, whose
 * rules about threads, damage and errors hold here). A host is the text that
 * host_pattern_text() gives; allowing "localhost:PORT" is what `appsilo loopback add` does.
 * There are few, and who needs them reads them all.
 */
#ifndef APPSILO_CONSENT_STORE_HOSTS_H
#define APPSILO_CONSENT_STORE_HOSTS_H

#include "consent/store.h"

struct consent_host_rule {
	int64_t id;	    /* row id in the store, 0 when not stored */
	const char *family; /* CONSENT_ALL_FAMILIES for every app */
	const char *host;
	enum consent_verdict verdict; /* CONSENT_ALLOW or CONSENT_DENY */
	enum consent_source source;
	int64_t time_ms; /* realtime */
};

typedef int (*consent_host_fn)(void *data, const struct consent_host_rule *rule);

/** Remember @rule; it replaces the one of the same family about the same host. */
int consent_store_put_host(struct consent_store *store, const struct consent_host_rule *rule,
			   struct appsilo_error *err) must_check;

/** Every rule, of @family when not NULL, ordered by family and host. Stops when @visit returns
 * non-zero. Returns that; 0; -errno with the line. */
int consent_store_each_host(struct consent_store *store, const char *family, consent_host_fn visit,
			    void *data, struct appsilo_error *err) must_check;

/**
 * Forget rules. @family NULL: of every family; @host NULL: about every host.
 * @ret_count  how many were removed
 */
int consent_store_remove_host(struct consent_store *store, const char *family, const char *host,
			      int *ret_count, struct appsilo_error *err) must_check;

#endif
