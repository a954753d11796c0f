/* SPDX-License-Identifier: Apache-2.0 */
/* What was denied lately, out of the run records: each thing once, the newest first. */
#ifndef APPSILO_UI_DENIALS_H
#define APPSILO_UI_DENIALS_H

#include "base/cleanup.h"
#include "consent/types.h"
#include "ui/store_file.h"
#include <stdbool.h>
#include <stddef.h>

#define DENIALS_MAX 200

struct denial {
	char *family, *what; /* owned; @what a path, or a host as a rule names it */
	bool network, by_never_list;
	enum consent_access access;
	int64_t time_ms;
};

struct denials {
	struct denial list[DENIALS_MAX];
	size_t n;
};

/** Read the records below @data_dir. What cannot be read is left out. */
void denials_load(const char *data_dir, struct denials *ret);
void denials_done(struct denials *denials);

/** What allows it from now on; strings are the denial's. */
struct rule_change denials_allow(const struct denial *denial);

#endif
