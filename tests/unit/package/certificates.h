/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, keys, trust and time stamps made for one test. */
#ifndef APPSILO_TEST_CERTIFICATES_H
#define APPSILO_TEST_CERTIFICATES_H

#include "package/key.h"
#include "package/openssl.h"
#include "package/trust.h"

#define TEST_DAY 86400
#define TEST_DIGESTS_SIZE (4 + 4 * 36)

struct test_spec {
	const char *subject; /* "CN=..." */
	const char *usage;   /* extended key usage; NULL: the extension is left out */
	const char *constraints; /* basic constraints; NULL: left out */
	const char *key_usage;	 /* NULL: left out */
	const char *curve;	 /* NULL: P-256, unless rsa_bits */
	int rsa_bits;
	const EVP_MD *md;	 /* NULL: SHA-256 */
	long from_days, to_days; /* from now; both 0: -1 to 100 */
};

/** A key with certificate, issued by @issuer (NULL: self-signed), whose certificate and chain
 * become its chain. */
struct signing_key *test_key(const struct test_spec *spec, const struct signing_key *issuer);

extern const struct test_spec test_signer, test_root, test_middle, test_stamper;

/** Trust @key's certificate. */
void test_trust(struct trust *trust, const struct signing_key *key, enum trust_kind kind);
void test_trust_done(struct trust *trust);

/** Digests of a package that does not exist; @seed makes them differ. */
void test_digests(unsigned char ret[TEST_DIGESTS_SIZE], unsigned char seed);

/** An RFC 3161 token by @stamper over @n bytes, which says it was made at @time. */
PKCS7 *test_token(const struct signing_key *stamper, const unsigned char *bytes, size_t n,
		  int64_t time, const EVP_MD *md);

/** Add an unsigned attribute to the only signer of @p7. */
void test_add_unsigned(PKCS7 *p7, const char *number, const unsigned char *der, int n);

/** Put a time stamp on @p7. */
void test_stamp(PKCS7 *p7, const struct signing_key *stamper, int64_t time);

#endif
