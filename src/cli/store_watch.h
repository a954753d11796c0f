/* SPDX-License-Identifier: Apache-2.0 */
/* Of the broker: what others do to the consent store while the app runs. */
#ifndef APPSILO_CLI_STORE_WATCH_H
#define APPSILO_CLI_STORE_WATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct store_watch {
	int inotify_fd;		/* borrowed */
	int seen_fd;		/* of seen_open() */
	int64_t taken;		/* seen_now() at the last event */
	_Atomic int64_t looked; /* and at the last that was looked at */
};

/** Without it, changes made elsewhere show at the next question; that is a warning. */
void store_watch_start(struct store_watch *w, int inotify_fd, const char *data_dir);

/**
 * Take the events that have come. Returns whether the store's own file is to be looked at.
 * @ret_written  was it written past SQLite? (Or by SQLite, from its log, which is rare.)
 */
bool store_watch_take(struct store_watch *w, bool *ret_written);

/** The store was looked at because of that. What follows from it may not be done yet. */
void store_watch_looked(struct store_watch *w);

/** Everything is as the store said when it was looked at last: see consent/seen.h. Thread-safe.
 * @watch  a struct store_watch */
void store_watch_settled(void *watch);

#endif
