/* SPDX-License-Identifier: Apache-2.0 */
/* What SQLite says, in the tree's words. Thread-safe: no state. */
#ifndef APPSILO_CONSENT_STORE_ERROR_H
#define APPSILO_CONSENT_STORE_ERROR_H

#include "base/error.h"
#include <sqlite3.h>

/** 0 for what is no failure; -EUCLEAN for whatever means that the file is not what we wrote; -errno. */
int store_code(int sqlite_code);

/** The system's reason for @code, the last failure on @db (may be NULL), where there is a plainer one. */
int store_cause(sqlite3 *db, int code);

/** Fill @err: @what could not be done with @file, and what to do. Returns @code. */
int store_explain(const char *file, int code, const char *what, struct appsilo_error *err);

#endif
