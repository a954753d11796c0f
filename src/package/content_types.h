/* SPDX-License-Identifier: Apache-2.0 */
/* [Content_Types].xml: a media type for every part of a package. ECMA-376 part 2, 7.2.3. */
#ifndef APPSILO_PACKAGE_CONTENT_TYPES_H
#define APPSILO_PACKAGE_CONTENT_TYPES_H

#include "base/error.h"
#include <stddef.h>

/* The very words that other signers look for before they add it once more. */
#define CONTENT_TYPES_SIGNATURE                                                                    \
	"<Override PartName=\"/AppxSignature.p7x\" "                                               \
	"ContentType=\"application/vnd.ms-appx.signature\"/>"

/**
 * Make it for the payload @names (plain, with "/"), with the footprint files and signature.
 * @ret  owned by the caller
 * Returns 0; -ENOMEM.
 */
int content_types_make(const char *const *names, size_t n, char **ret, size_t *ret_size) must_check;

/**
 * Does @text name the signature?
 * @label  names it in errors
 * Returns 1; 0; -EBADMSG when it is not what it should be; with the line.
 */
int content_types_name_signature(const char *text, size_t size, const char *label,
				 struct appsilo_error *err) must_check;

/** A copy of @text, which does not, that names it. Returns 0; -EBADMSG; -ENOMEM with the line. */
int content_types_add_signature(const char *text, size_t size, const char *label, char **ret,
				size_t *ret_size, struct appsilo_error *err) must_check;

#endif
