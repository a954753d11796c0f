/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Package identity: names, versions and the publisher ID. DESIGN section 4; MSIX "Package
 * identity overview". Plain C without libraries: the front uses it too. Thread-safe.
 */
#ifndef APPSILO_MANIFEST_IDENTITY_H
#define APPSILO_MANIFEST_IDENTITY_H

#include "base/cleanup.h"
#include <stdbool.h>
#include <stdint.h>

#define PACKAGE_NAME_MAX 50	 /* bytes, as in the published schema */
#define PACKAGE_RESOURCE_MAX 30	 /* bytes */
#define PACKAGE_FAMILY_SIZE 65	 /* Name_PublisherId and a NUL */
#define PACKAGE_FULL_NAME_SIZE 160
#define PUBLISHER_ID_SIZE 14	 /* 13 digits and a NUL */
#define PUBLISHER_MAX 2048	 /* bytes */
/* Of packages and certificates that are made without naming one: the two must agree. */
#define PUBLISHER_DEFAULT "CN=appsilo"

struct package_version {
	uint16_t part[4]; /* major, minor, build, revision */
};

struct package_identity {
	char name[PACKAGE_NAME_MAX + 1];
	char publisher[PUBLISHER_MAX];
	char publisher_id[PUBLISHER_ID_SIZE];
	struct package_version version;
	char architecture[8]; /* x86, x64, arm, arm64, neutral */
	char resource_id[PACKAGE_RESOURCE_MAX + 1]; /* may be empty */
	char family[PACKAGE_FAMILY_SIZE];
	char full_name[PACKAGE_FULL_NAME_SIZE];
};

/**
 * The publisher ID: first 8 bytes of SHA-256 over @publisher in UTF-16LE, in 13 Crockford
 * base-32 digits.
 * @publisher  UTF-8, as in the manifest
 * Returns 0; -EILSEQ when @publisher is not valid UTF-8; -ENAMETOOLONG.
 */
int publisher_id(const char *publisher, char ret[PUBLISHER_ID_SIZE]) must_check;

/** "1.2.3.4", each part 0 to 65535 without leading zeros. Returns 0; -EINVAL. */
int package_version_parse(const char *text, struct package_version *ret) must_check;

/** Less than, equal to or greater than 0, as strcmp(). */
int package_version_compare(const struct package_version *a, const struct package_version *b);

/** A Name of the published schema: 3 to 50 of letters, digits, "." and "-". */
bool package_name_is_valid(const char *name);
/** A ResourceId: up to 30 of the same characters. */
bool package_resource_is_valid(const char *id);
/** One of the architectures above. */
bool package_architecture_is_valid(const char *architecture);
/** True when code for @architecture runs on this machine. */
bool package_architecture_runs_here(const char *architecture);
/** 13 digits, as publisher_id() makes them. */
bool publisher_id_is_valid(const char *text);
/** Looks like Name_PublisherId, so that it may become part of a path. */
bool package_family_is_valid(const char *family);

/** Fill publisher_id, family and full_name from the other fields. Returns 0; -EILSEQ. */
int package_identity_complete(struct package_identity *identity) must_check;

/**
 * Take a full name (Name_Version_Architecture_ResourceId_PublisherId) apart.
 * @ret  publisher stays empty: the ID does not tell it
 * Returns 0; -EINVAL.
 */
int package_full_name_parse(const char *full_name, struct package_identity *ret) must_check;

#endif
