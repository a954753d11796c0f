/* SPDX-License-Identifier: Apache-2.0 */
/* A sandbox like any other, for a run of the zygote's own, to see which pages runs touch: hot_pages.h. */
#ifndef APPSILO_SERVER_ZYGOTE_TRIAL_H
#define APPSILO_SERVER_ZYGOTE_TRIAL_H

#include "server/hot_pages.h"
#include "server/nest.h"
#include "server/zygote.h"

/** In the zygote, before any other sandbox. Returns what hot_trial_end() does; also NULL without a trial. */
const struct hot_pages *zygote_trial(const struct zygote_guest *guest, const struct nest *nest);

#endif
