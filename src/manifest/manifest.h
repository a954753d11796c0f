/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AppxManifest.xml: what a package declares. One parser, so that what is shown is what is
 * enforced (CVE-2021-43860). DESIGN section 4; Microsoft "Package manifest schema reference";
 * data/appsilo-manifest.xsd. A manifest belongs to its caller; thread-safe per object.
 */
#ifndef APPSILO_MANIFEST_MANIFEST_H
#define APPSILO_MANIFEST_MANIFEST_H

#include "base/error.h"
#include "manifest/identity.h"
#include "manifest/names.h"
#include <stddef.h>

#define MANIFEST_FILE "AppxManifest.xml"
#define MANIFEST_SIZE_MAX (1024 * 1024) /* bytes */
#define MANIFEST_LIST_MAX 256		/* entries of any list */
#define MANIFEST_APPLICATIONS_MAX 100	/* as in the published schema */
#define MANIFEST_ATTRIBUTES_MAX 16384	/* of the whole document */
#define MANIFEST_TEXT_MAX 1024		/* bytes of any value */
/* What only appsilo reads; other tools skip it through IgnorableNamespaces. */
#define MANIFEST_NAMESPACE "https://appsilo.org/manifest/1"

/* Texts are owned by the list. */
struct manifest_list {
	char **texts;
	size_t n;
};

struct manifest_application {
	char *id;		     /* owned */
	char *executable;	     /* relative to the package, with "/"; owned */
	char *display_name;	     /* owned; may be NULL */
	struct manifest_list aliases;    /* names without a folder */
	struct manifest_list file_types; /* ".py" */
};

struct manifest {
	struct package_identity identity;
	char *display_name;	      /* owned */
	char *publisher_display_name; /* owned */
	char *logo;		      /* owned */
	struct manifest_application *applications; /* owned */
	size_t n_applications;
	struct manifest_list capabilities; /* every one is in the table */
	/* The appsilo namespace. */
	struct manifest_list hosts;	   /* HOST[:PORT] */
	struct manifest_list environment;  /* NAME=VALUE */
	struct manifest_list limits;	   /* NAME=VALUE, names of `run` options without dashes */
	struct manifest_list system_paths; /* absolute, clean */
};

/**
 * Read and check a manifest.
 * @text   @size bytes of XML; borrowed
 * @label  names the file in errors
 * @ret    release with manifest_done(); empty after a failure
 * Returns 0; -EINVAL with file, line and element; -EFBIG; -ENOMEM.
 */
int manifest_parse(const char *text, size_t size, const char *label, struct manifest *ret,
		   struct appsilo_error *err) must_check;

void manifest_done(struct manifest *manifest);

/**
 * Write the canonical text of @manifest: the same manifest gives the same bytes, and
 * manifest_parse() reads back an equal one. identity.family and full_name are not used.
 * @ret       owned by the caller; @ret_size bytes and a NUL
 * Returns 0; -EINVAL with the line when manifest_parse() would refuse it; -ENOMEM.
 */
int manifest_write(const struct manifest *manifest, char **ret, size_t *ret_size,
		   struct appsilo_error *err) must_check;

/** Append a copy of @text. Returns 0; -E2BIG when full; -ENOMEM. */
int manifest_list_add(struct manifest_list *list, const char *text) must_check;

/** True when @name is declared. */
bool manifest_has_capability(const struct manifest *manifest, const char *name);

/** What the capability opens on Linux, for people; NULL when there is no such capability. */
const char *capability_meaning(const char *name);

/** True for capabilities of the restrictedcapabilities namespace; the others are the
 * foundation's. */
bool capability_is_restricted(const char *name);

#endif
