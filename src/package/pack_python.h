/* SPDX-License-Identifier: Apache-2.0 */
/* A package of a whole Python. docs/ARCHITECTURE.md, Packages. */
#ifndef APPSILO_PACKAGE_PACK_PYTHON_H
#define APPSILO_PACKAGE_PACK_PYTHON_H

#include "package/python.h"
#include "package/stage.h"

#define PACK_LIST_MAX 256

struct pack_list {
	const char *texts[PACK_LIST_MAX]; /* borrowed */
	size_t n;
};

/* What the packing commands share. */
struct pack_options {
	const char *name, *publisher, *version; /* NULL: the defaults */
	struct pack_list capabilities;
	bool prompt; /* declare promptForAccess */
};

struct pack_python_options {
	struct pack_options common;
	const char *prefix;
	struct pack_list modules; /* folders and single files */
	struct pack_list wheels;
	bool site_packages; /* the prefix's own third-party modules */
};

#define PACK_PUBLISHER PUBLISHER_DEFAULT

/**
 * Fill the empty @stage with a Python.
 * @ret    release with manifest_done() in any case
 * Returns 0; -errno with the line.
 */
int pack_python(struct stage *stage, const struct pack_python_options *options,
		struct manifest *ret, struct appsilo_error *err) must_check;

/**
 * Fill identity, names and capabilities of @ret from @options.
 * @name, @version  the defaults
 * Returns 0; -EINVAL; -ENOMEM with the line.
 */
int pack_describe(const struct stage *stage, const struct pack_options *options, const char *name,
		  const char *version, const char *display_name, struct manifest *ret,
		  struct appsilo_error *err) must_check;

/** Append an application. @executable  as seen inside. Returns it, or NULL. */
struct manifest_application *pack_add_application(struct manifest *manifest, const char *id,
						  const char *executable, const char *display_name);

/**
 * Data that libraries look for at fixed places: certificates (@ca_file or NULL), terminal
 * descriptions, OpenSSL's modules. After stage_add_libraries().
 */
int pack_add_data(struct stage *stage, const char *ca_file, struct manifest *manifest,
		  struct appsilo_error *err) must_check;

#endif
