/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key that signs packages, with its certificate: PEM or PKCS #12. Not thread-safe per object.
 */
#ifndef APPSILO_PACKAGE_KEY_H
#define APPSILO_PACKAGE_KEY_H

#include "base/error.h"
#include <openssl/types.h>
#include <openssl/x509.h>

#define KEY_FILE_MAX (1024 * 1024) /* bytes */
#define PASS_PHRASE_MAX 1024	   /* bytes with the NUL */

struct signing_key {
	EVP_PKEY *key;		/* owned */
	X509 *certificate;	/* owned */
	STACK_OF(X509) *chain;	/* owned; authorities above, without roots; may be empty */
};

/* Where a pass phrase comes from. Called only when the file needs one. */
struct pass_source {
	/**
	 * @path  the file it is for
	 * @ret   PASS_PHRASE_MAX bytes; wiped by the caller
	 * Returns 0; -errno with the line.
	 */
	int (*ask)(void *data, const char *path, char ret[PASS_PHRASE_MAX],
		   struct appsilo_error *err);
	void *data;
};

/**
 * Read the key @path (PEM or PKCS #12, told by content).
 * @certificate_path  PEM or DER with its certificate and, in PEM, authorities above; NULL: it
 *                    is in @path too
 * Returns 0; -EKEYREJECTED for a wrong pass phrase or a certificate of another key; -EBADMSG;
 * -ENOENT when there is no certificate; -errno; with the line.
 */
int key_load(const char *path, const char *certificate_path, const struct pass_source *pass,
	     struct signing_key **ret, struct appsilo_error *err) must_check;

void key_free(struct signing_key *key);
DEFINE_CLEANUP(struct signing_key *, key_free)

#endif
