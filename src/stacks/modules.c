/* SPDX-License-Identifier: Apache-2.0 */
#include "stacks/modules.h"

#include <inttypes.h>
#include <string.h>

/* A line: "start-end perms offset major:minor inode   name"; a newline in the name is "\012" there. */
struct line {
	struct module module;
	uint64_t offset;
};

static bool read_line(const char *text, struct line *ret)
{
	unsigned int major, minor;
	int used = 0;
	size_t n;

	*ret = (struct line){0};
	if (sscanf(text, "%" SCNx64 "-%" SCNx64 " %*4s %" SCNx64 " %x:%x %" SCNu64 " %n", &ret->module.start,
		   &ret->module.end, &ret->offset, &major, &minor, &ret->module.inode, &used) != 6 ||
	    used == 0 || ret->module.inode == 0 || ret->module.start >= ret->module.end)
		return false;
	ret->module.device = (uint64_t)major << 32 | minor;
	n = strcspn(text + used, "\n");
	if (n < sizeof(ret->module.file))
		memcpy(ret->module.file, text + used, n);
	return true;
}

/* A file's first mapping begins a module; what follows of the same file belongs to it. */
static void add(struct modules *m, const struct line *line)
{
	struct module *last = m->n ? &m->list[m->n - 1] : NULL;

	if (last && line->offset > 0 && last->inode == line->module.inode && last->device == line->module.device &&
	    line->module.start >= last->end)
		last->end = line->module.end;
	else if (line->offset == 0 && m->n < MODULES_MAX)
		m->list[m->n++] = line->module;
}

int modules_read(int maps_fd, struct modules *ret)
{
	cleanup_fclose FILE *in = fdopen(dup(maps_fd), "r");
	cleanup_free char *text = NULL;
	size_t size = 0;
	struct line line;

	memset(ret, 0, sizeof(*ret));
	if (!in)
		return -errno;
	while (getline(&text, &size, in) > 0)
		if (read_line(text, &line))
			add(ret, &line);
	return ferror(in) ? -EIO : 0;
}

bool modules_are_equal(const struct modules *a, const struct modules *b)
{
	return a->n == b->n && memcmp(a->list, b->list, a->n * sizeof(*a->list)) == 0;
}

const struct module *modules_find(const struct modules *m, uint64_t address)
{
	for (size_t i = 0; i < m->n; i++)
		if (address >= m->list[i].start && address < m->list[i].end)
			return &m->list[i];
	return NULL;
}
