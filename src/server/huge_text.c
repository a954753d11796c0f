/* SPDX-License-Identifier: Apache-2.0 */
/* Source: madvise(2) (MADV_COLLAPSE, Linux 6.1), Documentation/admin-guide/mm/transhuge.rst. */
#include "server/huge_text.h"

#include "base/cleanup.h"
#include "server/own_maps.h"
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_BYTES ((uintptr_t)2 << 20)
#define PAGES_MAX 16 /* of an interpreter and its largest libraries; the copies are memory */

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* Mapped files without a gap between them, none of which can be written. */
struct row {
	uintptr_t from, to;
	int rights;
	int memory_fd;
	int left; /* huge pages that may still be made */
};

static uintptr_t aligned(uintptr_t at)
{
	return (at + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
}

/* Not memcpy(): what lies behind the end of a file would be a signal. */
static bool copy_memory(int memory_fd, uintptr_t from, char *to)
{
	size_t used = 0;
	ssize_t n;

	while (used < HUGE_BYTES && (n = pread(memory_fd, to + used, HUGE_BYTES - used, (off_t)(from + used))) > 0)
		used += (size_t)n;
	return used == HUGE_BYTES;
}

/* The kernel has unmapped the place by then. */
static void die(void) __attribute__((noreturn));

static void die(void)
{
	static const char text[] = "zygote: no memory to put its code into huge pages\n";

	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(125);
}

/* Put a copy in the place of what is at @at. Returns whether it could be had in one page. */
static bool replace(const struct row *row, uintptr_t at)
{
	char *room = mmap(NULL, 2 * HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *copy = room == MAP_FAILED ? NULL : (char *)aligned((uintptr_t)room);
	bool done = copy && copy_memory(row->memory_fd, at, copy) &&
		    madvise(copy, HUGE_BYTES, MADV_COLLAPSE) == 0 && mprotect(copy, HUGE_BYTES, row->rights) == 0;

	if (done && mremap(copy, HUGE_BYTES, HUGE_BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, at) == MAP_FAILED)
		die();
	if (copy)
		munmap(room, 2 * HUGE_BYTES); /* what is left of it */
	return done;
}

static void end_row(struct row *row)
{
	bool has_code = row->rights & PROT_EXEC; /* not a catalogue of languages, which may be huge itself */

	for (uintptr_t at = aligned(row->from); has_code && row->left > 0 && at + HUGE_BYTES <= row->to; at += HUGE_BYTES)
		row->left = replace(row, at) ? row->left - 1 : 0;
	row->from = row->to = 0;
	row->rights = PROT_READ;
}

/* A row gets the rights of all that is in it: constants beside code can then be run, which is nothing that
 * a program could not arrange for itself. */
static void add(void *data, const struct own_map *map)
{
	struct row *row = data;
	bool fits = map->of_file && strncmp(map->rights, "r-", 2) == 0 && map->rights[3] == 'p';

	if (!fits || map->from != row->to)
		end_row(row);
	if (!fits)
		return;
	if (row->to == 0)
		row->from = map->from;
	row->to = map->to;
	if (map->rights[2] == 'x')
		row->rights |= PROT_EXEC;
}

void huge_text(void)
{
	cleanup_close int memory_fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	struct row row = {.rights = PROT_READ, .memory_fd = memory_fd, .left = PAGES_MAX};

	if (memory_fd < 0)
		return;
	own_maps_each(add, &row);
	end_row(&row);
}
