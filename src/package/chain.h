/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates judged: may this one sign packages (or time stamps), and does it lead to one
 * that is trusted? Nothing is asked over the network, so revocation is not known: a signer
 * that is no longer trusted is taken out with `appsilo trust remove`. Thread-safe per object.
 * Source: RFC 5280, section 6; RFC 3161, section 2.3.
 */
#ifndef APPSILO_PACKAGE_CHAIN_H
#define APPSILO_PACKAGE_CHAIN_H

#include "package/openssl.h"
#include "package/trust.h"

#define CHAIN_RSA_BITS_MIN 2048
#define CHAIN_RSA_BITS_MAX 8192 /* more only costs time */
#define CHAIN_DEPTH_MAX 8	/* authorities between signer and trusted certificate */
#define CHAIN_REASON_MAX 256

struct chain_verdict {
	enum signature_verdict verdict;
	char reason[CHAIN_REASON_MAX]; /* for a verdict other than trusted */
};

/** What is wrong with @key (kind or size), in a few words; NULL when it will do. */
const char *chain_key_problem(const EVP_PKEY *key);

/** May @certificate itself sign what @kind says, chain and dates aside? The verdict is trusted
 * when it may. */
void chain_judge_signer(X509 *certificate, enum trust_kind kind, struct chain_verdict *ret);

/**
 * Judge @signer by the certificates that came with it and by who is trusted for @kind.
 * @bag  borrowed, untrusted
 * @at   seconds since 1970: the moment all certificates must be valid at
 * Returns 0 with the verdict; -ENOMEM.
 */
int chain_judge(X509 *signer, STACK_OF(X509) *bag, const struct trust *trust,
		enum trust_kind kind, int64_t at, struct chain_verdict *ret) must_check;

/**
 * Has every certificate of @bag a part in the chain of @signer, by signature? One that has
 * none is a place to hide bytes in.
 * Returns NULL when it has; else what is wrong, in a few words.
 */
const char *chain_bag_problem(X509 *signer, STACK_OF(X509) *bag, const struct trust *trust);

/** SHA-256 of @certificate as hexadecimal. Returns 0; -EIO. */
int chain_thumbprint(const X509 *certificate, char ret[THUMBPRINT_SIZE]) must_check;

/** Seconds since 1970. Returns 0; -EBADMSG. */
int chain_time(const ASN1_TIME *time, int64_t *ret) must_check;

#endif
