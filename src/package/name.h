/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of certificates as the Publisher of a manifest writes them: the parts in the order
 * opposite to the certificate's, joined by ", ", keys as Windows' CertNameToStr has them
 * (S for the state, E for the mail address, OID.1.2.3 for what has no key), values quoted
 * where they are empty, begin or end with a space, or hold one of ,+="<>#; and with quotes
 * doubled inside. Thread-safe. Source: the Identity element of the published schema.
 */
#ifndef APPSILO_PACKAGE_NAME_H
#define APPSILO_PACKAGE_NAME_H

#include "base/error.h"
#include "manifest/identity.h"
#include <openssl/types.h>

/**
 * Write @name as a Publisher. Several values in one part are joined by " + ", which no
 * Publisher may hold, so such a name never equals one.
 * Returns 0; -EBADMSG for a value that is not text (a NUL or control character in it, a
 * type that is no string); -ENAMETOOLONG.
 */
int name_write(const X509_NAME *name, char ret[PUBLISHER_MAX]) must_check;

/** The same Publisher in the one spelling name_write() has. Returns 0; -EINVAL with a line
 * that says what is wrong with @publisher; -ENAMETOOLONG. */
int name_canonical(const char *publisher, char ret[PUBLISHER_MAX],
		   struct appsilo_error *err) must_check;

/** Make the name that name_write() turns into @publisher; free it with X509_NAME_free().
 * As name_canonical(), and -EINVAL for a value that X.509 does not allow. */
int name_read(const char *publisher, X509_NAME **ret, struct appsilo_error *err) must_check;

#endif
