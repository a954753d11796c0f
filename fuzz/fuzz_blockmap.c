/* SPDX-License-Identifier: Apache-2.0 */
/* AppxBlockMap.xml; what is read is written and read again. */
#include "fuzz.h"

#include "package/blockmap.h"
#include "package/names.h"
#include <string.h>

static int put(void *data, const void *bytes, size_t size)
{
	return fwrite(bytes, 1, size, data) == size ? 0 : -EIO;
}

static void check_again(const struct blockmap *map)
{
	struct appsilo_error err = {0};
	struct blockmap again;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ALWAYS(out && blockmap_write(map, put, out) == 0 && fclose(out) == 0);
	ALWAYS(blockmap_parse(text, size, "again", &again, &err) == 0);
	ALWAYS(again.n == map->n && again.n_blocks == map->n_blocks);
	ALWAYS(memcmp(again.blocks ? (void *)again.blocks : "", map->blocks ? (void *)map->blocks : "",
		      map->n_blocks * sizeof(*map->blocks)) == 0);
	for (size_t i = 0; i < map->n; i++)
		ALWAYS(strcmp(again.files[i].name, map->files[i].name) == 0);
	blockmap_done(&again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct appsilo_error err = {0};
	struct blockmap map;

	if (blockmap_parse((const char *)data, size, "fuzz", &map, &err) < 0) {
		ALWAYS(err.line[0] && !strchr(err.line, '\n') && !strchr(err.line, '\033'));
		return 0;
	}
	for (size_t i = 0; i < map.n; i++)
		ALWAYS(!name_problem(map.files[i].name));
	check_again(&map);
	blockmap_done(&map);
	return 0;
}
