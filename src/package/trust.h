/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trusted certificates: `trust/` below the user's data directory (0700, never visible in a
 * sandbox: all of that directory is on the never list) and /etc/appsilo/trust for all users.
 * One PEM file a certificate, named by its thumbprint; those trusted for time stamps only
 * lie in `timestamp/` below. A certificate of an authority makes everything trusted that it
 * issued; any other makes just itself trusted. The system's CA bundle plays no part: being a
 * web site is no reason to be trusted with programs. Not thread-safe per object.
 */
#ifndef APPSILO_PACKAGE_TRUST_H
#define APPSILO_PACKAGE_TRUST_H

#include "base/error.h"
#include "package/signature.h"
#include <openssl/types.h>
#include <stdbool.h>

#define TRUST_MACHINE_DIR "/etc/appsilo/trust"
#define TRUST_CERTIFICATES_MAX 1024 /* in one folder */
#define TRUST_FILE_MAX (64 * 1024)  /* bytes */

enum trust_kind {
	TRUST_SIGNER,
	TRUST_TIMESTAMP,
};

struct trusted {
	enum trust_kind kind;
	bool machine;
	char thumbprint[THUMBPRINT_SIZE];
	X509 *certificate; /* owned by the trust */
};

struct trust {
	struct trusted *list; /* owned */
	size_t n;
};

/**
 * Read everything that is trusted.
 * @data_dir  the user's data directory; NULL: only what the whole machine trusts
 * Returns 0; -EPERM when somebody else could have written there; -EBADMSG for a file that is
 * not the certificate its name says; -errno; the line names the path.
 */
int trust_load(const char *data_dir, struct trust **ret, struct appsilo_error *err) must_check;

/** Add the certificates in @folder (`.../trust`); a missing folder holds none. As trust_load(). */
int trust_load_folder(struct trust *trust, const char *folder, bool machine,
		      struct appsilo_error *err) must_check;

/**
 * Store @certificate in @folder, which is made when missing (0700; 0755 for the machine's).
 * Returns 0; -EEXIST when it is there; -EKEYREJECTED when it could never make anything
 * trusted (usage, weak key, expired); -errno.
 */
int trust_add(const char *folder, bool machine, X509 *certificate, enum trust_kind kind,
	      struct appsilo_error *err) must_check;

/** Remove the certificate of @thumbprint, of either kind. Returns 0; -ENOENT; -errno. */
int trust_remove(const char *folder, const char *thumbprint, struct appsilo_error *err) must_check;

void trust_free(struct trust *trust);
DEFINE_CLEANUP(struct trust *, trust_free)

#endif
