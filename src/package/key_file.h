/* SPDX-License-Identifier: Apache-2.0 */
/* Files with keys and certificates, as bytes and as PEM, DER and PKCS #12. Thread-safe. */
#ifndef APPSILO_PACKAGE_KEY_FILE_H
#define APPSILO_PACKAGE_KEY_FILE_H

#include "package/key.h"
#include <openssl/pkcs12.h>

struct key_file {
	const char *path;     /* borrowed */
	unsigned char *bytes; /* owned; wiped when done */
	size_t size;
};

/** Read @path, at most KEY_FILE_MAX bytes. Returns 0; -EFBIG; -errno with the line. */
int key_file_open(const char *path, struct key_file *ret, struct appsilo_error *err) must_check;

/** A BIO over its bytes, which it borrows; NULL without memory. */
BIO *key_file_bio(const struct key_file *file);

/** Its content as PKCS #12, or NULL. */
PKCS12 *key_file_pkcs12(const struct key_file *file);

/** Its key and certificates from PKCS #12. Returns 0; -ENOENT when it is no such file;
 * -EKEYREJECTED; -EBADMSG; with the line. */
int key_read_pkcs12(const struct key_file *file, const struct pass_source *pass,
		    struct signing_key *key, struct appsilo_error *err) must_check;

/** All certificates in @path. As cert_load(). */
int key_file_certificates(const char *path, const struct pass_source *pass, STACK_OF(X509) **ret,
			  struct appsilo_error *err) must_check;

void key_file_done(struct key_file *file);

#endif
