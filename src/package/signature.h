/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signature of a package: AppxSignature.p7x is "PKCX" and PKCS #7 SignedData over an
 * SpcIndirectDataContent that holds the digests of the zip's parts. Here it is made and
 * verified; reading it out of a package and putting it in is the container's work.
 * Thread-safe: no state. docs/ARCHITECTURE.md, Signatures; "Windows Authenticode Portable
 * Executable Signature Format"; RFC 2315, RFC 3161, RFC 5280.
 */
#ifndef APPSILO_PACKAGE_SIGNATURE_H
#define APPSILO_PACKAGE_SIGNATURE_H

#include "base/error.h"
#include "manifest/identity.h"
#include <stdbool.h>
#include <stdint.h>

struct signing_key; /* package/key.h */
struct trust;	    /* package/trust.h */

#define SIGNATURE_FILE "AppxSignature.p7x"
#define SIGNATURE_SIZE_MAX (1024 * 1024) /* bytes of the whole file */
#define SIGNATURE_CERTIFICATES_MAX 16	 /* in one signature */
#define SIGNATURE_DIGESTS_MAX (4 + 5 * (4 + 32)) /* "APPX", then AXPC AXCD AXCT AXBM [AXCI] */
#define THUMBPRINT_SIZE 65 /* SHA-256 of a certificate in lower case hexadecimal, and a NUL */

/* What is thought of the signer. Zero means no. */
enum signature_verdict {
	SIGNATURE_UNTRUSTED,	 /* no chain to a trusted certificate */
	SIGNATURE_TRUSTED,
	SIGNATURE_EXPIRED,	 /* a certificate was not valid any more when it was signed */
	SIGNATURE_NOT_YET_VALID,
	SIGNATURE_WRONG_USAGE,	 /* not for code signing, or an authority's own certificate */
	SIGNATURE_WEAK,		 /* a key or digest in the chain is too weak */
	SIGNATURE_BAD_CHAIN,	 /* a certificate of the chain may not issue the next, or is broken */
};

struct signature_facts {
	enum signature_verdict verdict;
	char reason[256];	      /* a few words for a verdict other than trusted */
	char subject[PUBLISHER_MAX];  /* of the signer, as a Publisher (package/name.h) */
	char issuer[PUBLISHER_MAX];
	char thumbprint[THUMBPRINT_SIZE];
	int64_t not_before, not_after; /* of the signer's certificate, seconds since 1970 */
	int64_t timestamp;	      /* when a time stamp says it was signed; 0 without one */
	bool timestamp_trusted;	      /* false: the stamp is sound, but its maker is not trusted */
	char timestamper[PUBLISHER_MAX];
};

/**
 * Make the whole content of AppxSignature.p7x.
 * @digests  "APPX" and the named SHA-256 digests, @n bytes, at most SIGNATURE_DIGESTS_MAX
 * @ret      @ret_size bytes; the caller frees them
 * Returns 0; -EINVAL for digests of another shape; -EKEYREJECTED when the key or its
 * certificate would not be accepted by signature_verify(); -ENOMEM; -EIO.
 */
int signature_make(const struct signing_key *key, const unsigned char *digests, size_t n,
		   unsigned char **ret, size_t *ret_size, struct appsilo_error *err) must_check;

/**
 * Verify AppxSignature.p7x against the digests of the package it was found in.
 * @p7x    the file, @size bytes, untrusted
 * @trust  who is trusted; borrowed
 * @now    seconds since 1970; what a certificate without trusted time stamp is judged by
 * @ret    set on success only. Success means that the signer named there signed just these
 *         digests, not that the signer is trusted: ask signature_accept() next.
 * Returns 0; -EBADMSG when the file is damaged, holds anything unexpected, or was made for
 * other digests, with a line that names what; -ENOMEM.
 */
int signature_verify(const unsigned char *p7x, size_t size, const unsigned char *digests, size_t n,
		     const struct trust *trust, int64_t now, struct signature_facts *ret,
		     struct appsilo_error *err) must_check;

/**
 * May a package of @publisher, signed as @facts say, be used?
 * @publisher  of its manifest; compared with the signer's subject name part by part
 * Returns 0; -EACCES untrusted (the line names the signer and `appsilo trust add`);
 * -EKEYEXPIRED expired or not yet valid; -EKEYREJECTED for every other reason.
 */
int signature_accept(const struct signature_facts *facts, const char *publisher,
		     struct appsilo_error *err) must_check;

/** One word for listings and JSON: "trusted", "untrusted", "expired", ... */
const char *signature_verdict_word(enum signature_verdict verdict);

#endif
