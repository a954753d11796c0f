/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was touched, as nested rectangles whose area is the number of accesses ("squarified tree
 * maps", Bruls, Huizing, van Wijk). The tree is built of sorted paths; a folder with nothing but
 * one folder in it is one rectangle with it. An object belongs to one thread.
 */
#ifndef APPSILO_PROFILE_TREE_MAP_H
#define APPSILO_PROFILE_TREE_MAP_H

#include "profile/records.h"
#include <stdbool.h>

/* Rectangles drawn at most; what is too small to be seen is not drawn either. */
#define TREE_MAP_RECTS_MAX 2000

struct tree_rect {
	char *path;   /* owned */
	size_t label; /* of @path: where its name begins */
	size_t accesses;
	bool folder, written, refused;
	int depth;
	double x, y, width, height;
};

struct tree_map {
	struct tree_rect *list; /* owned; parents before children */
	size_t n;
};

/** Lay out the files of @records in @width by @height. Returns 0; -ENOMEM. */
int tree_map_make(const struct records *records, double width, double height, struct tree_map *ret) must_check;
void tree_map_done(struct tree_map *map);

#endif
