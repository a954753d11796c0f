/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places where a yes deserves a second look: files that other programs run later, outside
 * the boundary, and files that often hold secrets. Marked in the question, never folded
 * into a yes for the whole folder. What must never be opened is on the never list
 * (consent/never.h) and is not asked about. Thread-safe.
 */
#ifndef APPSILO_CONSENT_CAUTION_H
#define APPSILO_CONSENT_CAUTION_H

#include "consent/never.h"
#include "consent/types.h"

/** Is @folder much more than one program's business: the user's home or what holds it, or a folder of
 * the root? */
bool caution_is_wide(const char *home, const char *folder);

/** One sentence about @request, without a full stop; NULL when there is nothing special. */
const char *caution_about(const struct never_places *places,
			  const struct consent_request *request);

/**
 * May the question about the file of @request offer its whole folder? Not when the file
 * deserves a caution, nor when the folder is the home directory, above it, or a top-level one.
 */
bool caution_may_widen(const struct never_places *places, const struct consent_request *request);

#endif
