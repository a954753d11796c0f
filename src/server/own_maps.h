/* SPDX-License-Identifier: Apache-2.0 */
/* What is mapped in this process: /proc/self/maps. Single-threaded. */
#ifndef APPSILO_SERVER_OWN_MAPS_H
#define APPSILO_SERVER_OWN_MAPS_H

#include <stdbool.h>
#include <stdint.h>

struct own_map {
	uintptr_t from, to;
	char rights[5]; /* as there: "r-xp" */
	bool of_file;
};

/** Call @visit for each mapping, lowest address first; of thousands for the first ones, and for none when the
 * kernel does not tell. */
void own_maps_each(void (*visit)(void *data, const struct own_map *map), void *data);

#endif
