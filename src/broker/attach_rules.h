/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be attached: the topmost allowed folder above a used one in which nothing is,
 * or could come to be, protected. An attached mount obeys no rule below its root, so
 * whatever a rule or the never list could say there keeps it on FUSE:
 *   - a protected place below: the folder is a spine, its children are attached singly;
 *   - reading allowed only, but writing allowed somewhere below: not attached.
 * What is attached for reading stays so when writing comes to be allowed somewhere below: the app
 * may work in it. Folders that may be written are attached over it; what else may be written there,
 * the helper writes for the app (perform.h).
 */
#ifndef APPSILO_BROKER_ATTACH_RULES_H
#define APPSILO_BROKER_ATTACH_RULES_H

#include "consent/decide.h"
#include <limits.h>
#include <stdbool.h>

enum attach_state {
	ATTACH_NONE,
	ATTACH_READ,
	ATTACH_WRITE,
};

struct attach_rules {
	const struct decider *decider; /* borrowed */
	bool read_only; /* may read consents be attached? Only where calls that write are reported */
};

/** How the folder may be attached, which is attached as @now. */
enum attach_state attach_wanted(const struct attach_rules *rules, const char *path, enum attach_state now);

/** The topmost folder at or above @folder that may be attached, and how. */
enum attach_state attach_find_top(const struct attach_rules *rules, const char *folder, char top[PATH_MAX]);

/** Is the folder above @path allowed for writing? It stays on FUSE, or would be attached itself. */
bool attach_is_in_spine(const struct attach_rules *rules, const char *path);

#endif
