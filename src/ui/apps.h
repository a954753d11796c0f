/* SPDX-License-Identifier: Apache-2.0 */
/* Which apps there are: those that are installed, and those that something was decided about or
 * that have a profile. Not thread-safe per object. */
#ifndef APPSILO_UI_APPS_H
#define APPSILO_UI_APPS_H

#include "cli/packages.h"
#include "ui/snapshot.h"

struct app {
	const char *family, *name; /* @name is for people, bytes */
	bool installed;
};

struct apps;

/** @snapshot may be NULL. Never fails: what cannot be read is not listed. */
struct apps *apps_find(const struct package_places *places, const struct snapshot *snapshot);
void apps_free(struct apps *apps);

/** By name. */
void apps_each(struct apps *apps, void (*visit)(void *data, const struct app *app), void *data);

/** All of them in one text, which changes when they do. To g_free(). */
char *apps_joined(const struct apps *apps);

#endif
