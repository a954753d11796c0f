/* SPDX-License-Identifier: Apache-2.0 */
/* PKCS #7 signed data, of a package or of a time stamp, checked part by part. Internal to
 * signatures. */
#ifndef APPSILO_PACKAGE_SIGNATURE_FRAME_H
#define APPSILO_PACKAGE_SIGNATURE_FRAME_H

#include "package/key.h"
#include "package/openssl.h"
#include <stdbool.h>

#define SIGNATURE_MAGIC "PKCX"
#define SIGNATURE_MAGIC_SIZE 4

bool frame_is_type(const ASN1_OBJECT *type, const char *number);

/**
 * The only signer of @p7, which must be signed data with what a signature has and no more.
 * @version  the version it must have: 1 for a package, 3 for a time stamp (RFC 5652, 5.1)
 * @ret, @ret_signer  borrowed from @p7
 * Returns NULL; else what is wrong, in a few words.
 */
const char *frame_open(const PKCS7 *p7, long version, PKCS7_SIGNER_INFO **ret, X509 **ret_signer);

/** What is signed, of @content_type: DER of a sequence, or bytes. NULL when it is of another type
 * or missing. Borrowed from @p7. */
const ASN1_STRING *frame_content(const PKCS7 *p7, const char *content_type);

/** Digest of what is signed, without its tag and length. Returns its size; 0 on failure. */
unsigned int frame_digest(const PKCS7 *p7, const char *content_type, const EVP_MD *md,
			  unsigned char ret[EVP_MAX_MD_SIZE]);

/**
 * Do algorithms and key fit together, are the signed attributes what they must be, and is the
 * signature over them right? Returns NULL; else what is wrong, in a few words.
 */
const char *frame_signature_problem(const PKCS7 *p7, const PKCS7_SIGNER_INFO *si, X509 *signer,
				    const char *content_type);

/** The one value of the one signed attribute @nid; NULL if there are more or none. */
const ASN1_TYPE *frame_signed(const PKCS7_SIGNER_INFO *si, int nid);

/** The time stamp token among the unsigned attributes, if any (borrowed); what else is there
 * is a problem. */
const char *frame_unsigned(const PKCS7_SIGNER_INFO *si, const ASN1_STRING **ret_token);

/** A signature by @key, whatever its certificate is; NULL on failure. */
PKCS7 *frame_make(const struct signing_key *key, const unsigned char *digests, size_t n);

/** "PKCX" and the DER of @p7; the caller frees it. Returns 0; -ENOMEM. */
int frame_write(const PKCS7 *p7, unsigned char **ret, size_t *ret_size) must_check;

#endif
