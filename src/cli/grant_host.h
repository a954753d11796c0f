/* SPDX-License-Identifier: Apache-2.0 */
/* The hosts of grant and revoke. */
#ifndef APPSILO_CLI_GRANT_HOST_H
#define APPSILO_CLI_GRANT_HOST_H

#include "base/error.h"
#include "base/json.h"
#include "consent/store_hosts.h"

#define GRANT_HOSTS_MAX 256

/* As given on the command line; all strings are borrowed. */
struct grant_hosts {
	const char *family; /* CONSENT_ALL_FAMILIES for every app */
	const char *list[GRANT_HOSTS_MAX];
	size_t n;
	bool deny, dry_run, json;
};

/** The members "host" and "port" of @host, as stored; the port null where it is any. */
void grant_host_members(struct json_writer *w, const char *host);

/** Check all hosts, then remember the decision about each. Prints. 0; -errno with the line. */
int grant_hosts_put(struct consent_store *store, const struct grant_hosts *hosts,
		    struct appsilo_error *err) must_check;

/** Forget the decisions about exactly these. Prints. @ret_count how many there were. */
int grant_hosts_remove(struct consent_store *store, const struct grant_hosts *hosts,
		       int *ret_count, struct appsilo_error *err) must_check;

#endif
