/* SPDX-License-Identifier: Apache-2.0 */
/* Server mode: the stored rules and the never list, as a view. */
#ifndef APPSILO_CLI_STORED_H
#define APPSILO_CLI_STORED_H

#include "cli/prepare.h"
#include "consent/never.h"

/* What view_protected_fn needs; keep it as long as the view. */
struct protection {
	struct never_places places;
	const struct view *view;
};

/**
 * Add the stored rules of the app and of all apps to p->view, and protect the never list.
 * No store costs nothing; a store is read by appsilo-tool. A damaged one: -errno with the
 * line, and the run must not start.
 */
int stored_rules(struct prepared *p, struct protection *protection, struct appsilo_error *err) must_check;

#endif
