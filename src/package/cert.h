/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates: reading and describing them, and making one for development. Thread-safe.
 */
#ifndef APPSILO_PACKAGE_CERT_H
#define APPSILO_PACKAGE_CERT_H

#include "package/key.h"
#include "package/signature.h"

#define CERT_FILE "certificate.pem"
#define CERT_KEY_FILE "key.pem"
#define CERT_PKCS12_FILE "key.pfx"
#define CERT_DAYS_MAX 3650
#define CERT_FILE_CERTIFICATES_MAX 64

struct cert_request {
	const char *subject;	 /* as a Publisher: "CN=Name, O=Company" */
	int days;		 /* from now, 1 to CERT_DAYS_MAX */
	const char *pass_phrase; /* the key is encrypted with it; NULL: it is not */
	bool pkcs12;		 /* CERT_PKCS12_FILE in place of CERT_KEY_FILE */
};

struct cert_facts {
	char subject[PUBLISHER_MAX], issuer[PUBLISHER_MAX]; /* "(not text)" when they are not */
	char thumbprint[THUMBPRINT_SIZE];
	char serial[80];	       /* hexadecimal */
	char key[32];		       /* "RSA 3072", "EC prime256v1" */
	int64_t not_before, not_after; /* seconds since 1970 */
	bool authority, self_signed;
	bool code_signing, time_stamping; /* may be used for */
	char problem[256];	       /* why it cannot sign packages; empty when it can */
};

/**
 * Make a self-signed certificate for code signing, and its key.
 * @ret  for key_free()
 * Returns 0; -EINVAL for a subject that is no Publisher, with the line; -ENOMEM.
 */
int cert_make(const struct cert_request *request, struct signing_key **ret,
	      struct appsilo_error *err) must_check;

/**
 * Write @key's certificate and key (mode 0600) into the existing folder @dir.
 * Returns 0; -EEXIST: nothing that exists is overwritten; -errno with the line; neither file
 * is left then.
 */
int cert_write(const struct signing_key *key, const struct cert_request *request, const char *dir,
	       struct appsilo_error *err) must_check;

/**
 * The certificates in a file: PEM (any number), DER, or PKCS #12, then the one of the key first.
 * @ret  a stack that owns them, at least one
 * Returns 0; -EBADMSG; -EKEYREJECTED; -errno with the line.
 */
int cert_load(const char *path, const struct pass_source *pass, STACK_OF(X509) **ret,
	      struct appsilo_error *err) must_check;

/** Returns 0; -EIO. */
int cert_describe(X509 *certificate, struct cert_facts *ret) must_check;

#endif
