/* SPDX-License-Identifier: Apache-2.0 */
/* Source: proc_pid_maps(5). */
#include "server/own_maps.h"

#include "base/cleanup.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define TEXT_BYTES 262144

/* Whole lines. */
static void read_lines(char *text)
{
	cleanup_close int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n;

	while (fd >= 0 && used < TEXT_BYTES - 1 && (n = read(fd, text + used, TEXT_BYTES - 1 - used)) > 0)
		used += (size_t)n;
	while (used > 0 && text[used - 1] != '\n')
		text[--used] = '\0';
}

static void visit_line(const char *line, void (*visit)(void *data, const struct own_map *map), void *data)
{
	unsigned long from, to;
	unsigned long long inode;
	struct own_map map;

	if (sscanf(line, "%lx-%lx %4s %*x %*s %llu", &from, &to, map.rights, &inode) != 4)
		return;
	map.from = from;
	map.to = to;
	map.of_file = inode != 0;
	visit(data, &map);
}

void own_maps_each(void (*visit)(void *data, const struct own_map *map), void *data)
{
	/* Shared, and gone again: what looks for a process's private memory does not find this. */
	char *text = mmap(NULL, TEXT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (text == MAP_FAILED)
		return;
	read_lines(text);
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		visit_line(line, visit, data);
	munmap(text, TEXT_BYTES);
}
