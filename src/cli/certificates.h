/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands about certificates share: reading and printing them. */
#ifndef APPSILO_CLI_CERTIFICATES_H
#define APPSILO_CLI_CERTIFICATES_H

#include "base/json.h"
#include "package/cert.h"

/** The certificates in @path, a file as cert_load() takes. */
int certificates_load(const char *path, const struct pass_source *pass, STACK_OF(X509) **ret,
		      struct appsilo_error *err) must_check;

/** "2026-11-25" of seconds since 1970, UTC. */
const char *certificates_date(int64_t time, char ret[32]);
/** "2026-11-25T22:00:00Z". */
const char *certificates_time(int64_t time, char ret[32]);

void certificates_print(const struct cert_facts *facts);

/** The fields of an open object: subject, issuer, thumbprint, serial, key_type, not_before,
 * not_after, authority, self_signed, code_signing, time_stamping. */
void certificates_json(struct json_writer *out, const struct cert_facts *facts);

/** One object; @more adds fields to it, may be NULL. Returns 0; -ENOBUFS with the line. */
int certificates_print_json(const struct cert_facts *facts,
			    void (*more)(struct json_writer *out, const void *data),
			    const void *data, struct appsilo_error *err) must_check;

/** All of them in PEM on standard output. Returns 0; -EIO with the line. */
int certificates_write_pem(STACK_OF(X509) *all, struct appsilo_error *err) must_check;

#endif
