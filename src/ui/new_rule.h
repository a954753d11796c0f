/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person grants in settings, in a window or on a terminal, as `appsilo grant` does it: what is always
 * protected stays so. Thread-safe: no state.
 */
#ifndef APPSILO_UI_NEW_RULE_H
#define APPSILO_UI_NEW_RULE_H

#include "cli/places.h"
#include "network/host.h"
#include "ui/store_file.h"
#include <limits.h>

/**
 * About a file, or a folder with all in it.
 * @given   a whole path, or one from ~/
 * @buffer  the path that the change is about
 * @ret     family is the caller's to set
 * Returns 0; -errno with the line.
 */
int new_rule_path(const struct places *user, const char *given, enum consent_access access,
		  enum consent_verdict verdict, char buffer[PATH_MAX], struct rule_change *ret,
		  struct appsilo_error *err) must_check;

/** About a host, HOST[:PORT]. As new_rule_path(). */
int new_rule_host(const char *given, enum consent_verdict verdict, char buffer[HOST_TEXT_MAX], struct rule_change *ret,
		  struct appsilo_error *err) must_check;

#endif
