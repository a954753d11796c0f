/* SPDX-License-Identifier: Apache-2.0 */
/* Cleanup attributes for OpenSSL's objects, and its last error in words. Thread-safe. */
#ifndef APPSILO_PACKAGE_OPENSSL_H
#define APPSILO_PACKAGE_OPENSSL_H

#include "base/cleanup.h"
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <openssl/ts.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

DEFINE_CLEANUP(X509 *, X509_free)
DEFINE_CLEANUP(X509_NAME *, X509_NAME_free)
DEFINE_CLEANUP(X509_STORE *, X509_STORE_free)
DEFINE_CLEANUP(X509_STORE_CTX *, X509_STORE_CTX_free)
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)
DEFINE_CLEANUP(BIO *, BIO_free_all)
DEFINE_CLEANUP(PKCS7 *, PKCS7_free)
DEFINE_CLEANUP(PKCS12 *, PKCS12_free)
DEFINE_CLEANUP(TS_TST_INFO *, TS_TST_INFO_free)
DEFINE_CLEANUP(ASN1_OBJECT *, ASN1_OBJECT_free)

static inline void openssl_freep(unsigned char **p)
{
	OPENSSL_free(*p);
}

/* A stack that owns its certificates. */
static inline void x509_stack_freep(STACK_OF(X509) **p)
{
	sk_X509_pop_free(*p, X509_free);
}

/* A stack that borrows them. */
static inline void x509_borrowed_freep(STACK_OF(X509) **p)
{
	sk_X509_free(*p);
}

/* Why the last call failed; empties the thread's error queue. */
static inline const char *openssl_reason(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return reason ? reason : "no reason given";
}

#endif
