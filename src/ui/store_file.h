/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store as settings read and change it, in a window (desk.h) or on a terminal (tui.h): whole, as
 * a snapshot, and again once it has changed, or once another file lies in its place. Calls may
 * take seconds. Not thread-safe.
 */
#ifndef APPSILO_UI_STORE_FILE_H
#define APPSILO_UI_STORE_FILE_H

#include "ui/snapshot.h"
#include <sys/stat.h>

struct store_file {
	const char *data_dir;	     /* borrowed */
	struct consent_store *store; /* owned; NULL: not open */
	struct stat file;	     /* that it has open; st_ino 0: none was there */
	int64_t version;	     /* of the store when it was read last; -1: read it */
};

/** @data_dir is borrowed. */
void store_file_init(struct store_file *file, const char *data_dir);
void store_file_done(struct store_file *file);

/**
 * Read it, if it may have changed since it was read last.
 * @ret  NULL: it has not
 * Returns 0; -errno with the line.
 */
int store_file_load(struct store_file *file, struct snapshot **ret, struct appsilo_error *err) must_check;

struct rule_change {
	enum {
		RULE_REPLACE, /* @old by @new, or forget it; without @old: put @new, whatever was decided about it */
		RULE_RESTORE, /* put @new where nothing was decided meanwhile */
		RULE_RESET,   /* forget what @family, NULL: everybody, was told */
	} kind;
	bool has_old, has_new;
	struct snapshot_row old, new;
	const char *family;
};

/** Returns 0; -ESTALE when the store is not any more as it was shown; -errno; with the line. */
int store_file_change(struct store_file *file, const struct rule_change *change, struct appsilo_error *err) must_check;

#endif
