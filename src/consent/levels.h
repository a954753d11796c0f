/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store says about single paths, kept so that the folders above a path, which
 * nearly all decisions share, are not looked up again and again. Exact: the key is the
 * whole path, and the owner empties it whenever the store has changed. Bounded: a slot holds
 * one path, long paths are not kept. Belongs to one store, under its lock.
 */
#ifndef APPSILO_CONSENT_LEVELS_H
#define APPSILO_CONSENT_LEVELS_H

#include "base/cleanup.h"
#include "consent/types.h"

#define LEVELS_SLOTS 1024
#define LEVELS_PATH_MAX 512 /* bytes */
/* (this app, all apps) x target x access: the store keeps no more on one path. */
#define LEVELS_RULES_MAX 8

struct level_rules {
	struct consent_rule rules[LEVELS_RULES_MAX]; /* family and path are not set */
	bool all_families[LEVELS_RULES_MAX];
	size_t n;
};

struct levels {
	struct level_entry *slots[LEVELS_SLOTS]; /* owned */
	size_t n;
};

/** Copy what is known about @path to @ret. False: nothing is known. */
bool levels_find(const struct levels *levels, const char *path, struct level_rules *ret);

/** Remember; without memory or for a long path nothing happens. */
void levels_put(struct levels *levels, const char *path, const struct level_rules *rules);

/** Forget everything. */
void levels_clear(struct levels *levels);

#endif
