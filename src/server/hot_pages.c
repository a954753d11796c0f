/* SPDX-License-Identifier: Apache-2.0 */
/* Source: Documentation/admin-guide/mm/pagemap.rst, madvise(2) (MADV_POPULATE_*, Linux 5.14). */
#include "server/hot_pages.h"

#include "base/cleanup.h"
#include "server/own_maps.h"
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_BYTES 4096
#define PRESENT (1ULL << 63)
#define OF_FILE (1ULL << 61)
#define EXCLUSIVE (1ULL << 56)
/* What lies between two used pieces of a program is mapped with them: cheaper than another call. */
#define READ_GAP 2
#define RANGES_MAX 4096

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

struct hot_trial {
	size_t n;
	struct hot_range ranges[RANGES_MAX];
};

static void add(struct hot_trial *hot, uintptr_t at, bool write)
{
	struct hot_range *last = hot->n ? &hot->ranges[hot->n - 1] : NULL;
	uintptr_t end = last ? last->start + (uintptr_t)last->pages * PAGE_BYTES : 0;

	if (last && last->write == write && at >= end &&
	    at - end <= (write ? 0 : READ_GAP * PAGE_BYTES))
		last->pages = (uint32_t)((at - last->start) / PAGE_BYTES + 1);
	else if (hot->n < RANGES_MAX)
		hot->ranges[hot->n++] = (struct hot_range){at, 1, write};
}

static void look_at(struct hot_trial *hot, int pagemap_fd, uintptr_t from, uintptr_t to)
{
	uint64_t entries[512];

	while (from < to) {
		size_t n = (to - from) / PAGE_BYTES < 512 ? (to - from) / PAGE_BYTES : 512;
		ssize_t got = pread(pagemap_fd, entries, n * sizeof(*entries),
				    (off_t)(from / PAGE_BYTES * sizeof(*entries)));

		if (got <= 0)
			return;
		n = (size_t)got / sizeof(*entries);
		for (size_t i = 0; i < n; i++)
			if ((entries[i] & PRESENT) && (entries[i] & OF_FILE))
				add(hot, from + i * PAGE_BYTES, false);
			else if ((entries[i] & PRESENT) && (entries[i] & EXCLUSIVE))
				add(hot, from + i * PAGE_BYTES, true);
		from += n * PAGE_BYTES;
	}
}

struct look {
	struct hot_trial *trial;
	int pagemap_fd;
};

static void look_at_map(void *data, const struct own_map *map)
{
	const struct look *look = data;

	if (map->rights[0] == 'r' && map->rights[3] == 'p' && map->from < UINTPTR_MAX / 2)
		look_at(look->trial, look->pagemap_fd, map->from, map->to);
}

void hot_trial_look(struct hot_trial *trial)
{
	cleanup_close int pagemap_fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	struct look look = {trial, pagemap_fd};

	if (pagemap_fd >= 0)
		own_maps_each(look_at_map, &look);
}

struct hot_trial *hot_trial_new(void)
{
	struct hot_trial *trial = mmap(NULL, sizeof(*trial), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return trial == MAP_FAILED ? NULL : trial;
}

const struct hot_pages *hot_trial_end(struct hot_trial *trial)
{
	size_t n = trial->n < RANGES_MAX ? trial->n : 0;
	struct hot_pages *hot = n ? mmap(NULL, sizeof(*hot) + n * sizeof(hot->ranges[0]),
					 PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
				  : MAP_FAILED;

	if (hot != MAP_FAILED) {
		hot->n = n;
		memcpy(hot->ranges, trial->ranges, n * sizeof(hot->ranges[0]));
	}
	munmap(trial, sizeof(*trial));
	return hot == MAP_FAILED ? NULL : hot;
}

void hot_pages_touch(const struct hot_pages *hot)
{
	for (size_t i = 0; hot && i < hot->n; i++) {
		const struct hot_range *r = &hot->ranges[i];

		(void)!madvise((void *)r->start,
			       (size_t)r->pages * PAGE_BYTES, /* or it faults later */
			       r->write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
	}
}
