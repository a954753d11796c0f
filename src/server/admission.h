/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request must be before its body is taken: a path and method there are, from a page
 * that may ask, with a token that is known, of a type and size that is taken.
 */
#ifndef APPSILO_SERVER_ADMISSION_H
#define APPSILO_SERVER_ADMISSION_H

#include "server/exchange.h"

struct MHD_Response;

/** Sets @x's route and tenant, or its error. Returns the size of the body that is announced. */
size_t admission_check(struct exchange *x);

/** Headers for pages of another origin, where one is allowed. */
void admission_headers(const struct exchange *x, struct MHD_Response *response);

#endif
