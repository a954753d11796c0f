/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is signed: SpcIndirectDataContent, which holds the digests of the package, and the
 * attributes beside it. Thread-safe. Source: "Windows Authenticode Portable Executable
 * Signature Format"; the identifiers of MSIX are those every MSIX tool writes.
 */
#ifndef APPSILO_PACKAGE_SPC_H
#define APPSILO_PACKAGE_SPC_H

#include "base/error.h"
#include <stddef.h>

#define SPC_INDIRECT_DATA "1.3.6.1.4.1.311.2.1.4"
#define SPC_STATEMENT_TYPE "1.3.6.1.4.1.311.2.1.11"
#define SPC_OPUS_INFO "1.3.6.1.4.1.311.2.1.12"
#define SPC_TSTINFO "1.2.840.113549.1.9.16.1.4" /* the content of an RFC 3161 token */
#define SPC_TIMESTAMP "1.3.6.1.4.1.311.3.3.1" /* unsigned attribute: an RFC 3161 token */

/**
 * The DER of SpcIndirectDataContent over @digests.
 * @ret  @ret_size bytes; freed with OPENSSL_free()
 * Returns 0; -ENOMEM.
 */
int spc_content_make(const unsigned char *digests, size_t n, unsigned char **ret,
		     size_t *ret_size) must_check;

/** Is @der the content of an MSIX signature over @digests? Returns 0; -EBADMSG with what
 * differs. */
int spc_content_check(const unsigned char *der, size_t size, const unsigned char *digests,
		      size_t n, struct appsilo_error *err) must_check;

/** What is wrong with the shape of @digests ("APPX" and the four or five names), or NULL. */
const char *spc_digests_problem(const unsigned char *digests, size_t n);

#endif
