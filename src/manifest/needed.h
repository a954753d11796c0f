/* SPDX-License-Identifier: Apache-2.0 */
/* The other way round: which capability would open a place. Plain C without libraries: the
 * broker uses it too. Thread-safe: no state. */
#ifndef APPSILO_MANIFEST_NEEDED_H
#define APPSILO_MANIFEST_NEEDED_H

#include "consent/types.h"
#include "network/address.h"

struct needed_places {
	const char *home;      /* the user's */
	const char *data_home; /* $XDG_DATA_HOME */
	const char *publisher_id;
};

/** The capability that would allow this access to a file or folder; NULL: none does, it takes a
 * grant or a prompt. */
const char *needed_for_file(const struct needed_places *places, const struct consent_request *request);

/** The capability that opens addresses of @place; NULL: none does. */
const char *needed_for_host(enum net_place place);

#endif
