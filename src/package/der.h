/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this DER, the one spelling of ASN.1? Checked before a library sees untrusted bytes, which
 * would take BER too: indefinite lengths, padded lengths and bytes after the end are
 * places to hide things that no digest covers. Thread-safe. Source: X.690, section 10.
 */
#ifndef APPSILO_PACKAGE_DER_H
#define APPSILO_PACKAGE_DER_H

#include <stddef.h>

#define DER_DEPTH_MAX 32

/**
 * Check that @data is exactly one constructed element with all below it in DER.
 * @ret_offset  where the problem is, bytes from @data
 * Returns NULL when it is; else what is wrong, in a few words.
 */
const char *der_problem(const unsigned char *data, size_t size, size_t *ret_offset);

#endif
