/* SPDX-License-Identifier: Apache-2.0 */
/* Signing a package: where the container and signature.h meet. */
#ifndef APPSILO_PACKAGE_SIGNED_H
#define APPSILO_PACKAGE_SIGNED_H

#include "package/msix.h"
#include "package/signature.h"

struct signed_report {
	bool replaced; /* it was signed already */
	char thumbprint[THUMBPRINT_SIZE];
	char subject[PUBLISHER_MAX];
};

/**
 * Sign the package @path; a signature it has already is replaced. The package is checked byte by
 * byte first, and its Publisher must be the subject of @key's certificate.
 * @options  as for msix_open(); may be NULL
 * Returns 0; -EKEYREJECTED for another Publisher or a certificate that will not do; -EBADMSG;
 * -errno; with the line. The file is replaced in one step; after a failure it is as it was.
 */
int signed_sign(const char *path, const struct signing_key *key, const struct msix_options *options,
		struct signed_report *ret, struct appsilo_error *err) must_check;

#endif
