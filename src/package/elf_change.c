/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program finds its packaged libraries by a DT_RPATH of its own: unlike DT_RUNPATH it holds for
 * all that is loaded later, too (modules), and unlike LD_LIBRARY_PATH the programs of the
 * system that it starts do not inherit it. The text needs a place in the string table. The
 * table is copied to a new segment behind everything else, where it can grow.
 */
#include "package/elf_image.h"

#include <string.h>
#include <sys/stat.h>

#define SEGMENT_ALIGN 0x10000u /* the largest page size in use */

static int write_at(int fd, const void *data, size_t size, uint64_t at)
{
	const char *from = data;

	while (size > 0) {
		ssize_t n = pwrite(fd, from, size, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		from += n;
		at += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}

static Elf64_Dyn *find_entry(const struct elf_image *image, int64_t tag)
{
	for (size_t i = 0; i < image->n_dynamic; i++) {
		if (image->dynamic[i].d_tag == tag)
			return &image->dynamic[i];
		if (image->dynamic[i].d_tag == DT_NULL)
			break;
	}
	return NULL;
}

/* An entry for the search path: its own, or one of the spare ones that linkers leave. */
static Elf64_Dyn *take_entry(const struct elf_image *image)
{
	Elf64_Dyn *own = find_entry(image, DT_RPATH), *end;

	if (!own)
		own = find_entry(image, DT_RUNPATH);
	if (own)
		return own;
	end = find_entry(image, DT_NULL);
	/* The last empty one ends the table. */
	return end && end + 1 < image->dynamic + image->n_dynamic ? end : NULL;
}

/* Notes say who built a file; PT_GNU_PROPERTY repeats one of them. Nothing needs either to run. */
static Elf64_Phdr *take_header(const struct elf_image *image)
{
	size_t last_load = 0;

	for (size_t i = 0; i < image->header.e_phnum; i++)
		if (image->programs[i].p_type == PT_LOAD)
			last_load = i;
	/* Segments stand in the order of their addresses, and the new one is the last. */
	for (size_t i = last_load + 1; i < image->header.e_phnum; i++)
		if (image->programs[i].p_type == PT_NOTE ||
		    image->programs[i].p_type == PT_GNU_PROPERTY)
			return &image->programs[i];
	return NULL;
}

struct growth {
	char *bytes; /* owned */
	size_t size;
	uint64_t address, at;		 /* of the segment */
	uint64_t interpreter, path;	 /* offsets in it */
};

static void growth_done(struct growth *g)
{
	free(g->bytes);
}

/* Folders relative to the program go with it into the package; absolute ones are of the machine
 * it was built on, and could be a user's in the sandbox. */
static void add_relative(char *path, const char *own)
{
	while (own && *own) {
		size_t n = strcspn(own, ":");

		if (strncmp(own, "$ORIGIN", 7) == 0 || strncmp(own, "${ORIGIN}", 9) == 0)
			sprintf(path + strlen(path), ":%.*s", (int)n, own);
		own += n;
		own += *own == ':';
	}
}

/* The old strings, then the loader, then the search path. */
static int compose(const struct elf_image *image, const char *interpreter, const char *folder,
		   struct growth *g)
{
	cleanup(elf_facts_done) struct elf_facts facts = {0};
	int r = elf_read(image->fd, &facts);
	const char *own = facts.runpath ? facts.runpath : facts.rpath;
	size_t old = (size_t)image->strings_size;

	if (r < 0)
		return r;
	g->interpreter = old;
	g->path = old + strlen(interpreter) + 1;
	g->size = (size_t)g->path + strlen(folder) + (own ? strlen(own) + 1 : 0) + 1;
	g->bytes = calloc(1, g->size);
	if (!g->bytes)
		return -ENOMEM;
	r = elf_image_bytes(image->fd, g->bytes, old, image->strings_at);
	strcpy(g->bytes + g->interpreter, interpreter);
	strcpy(g->bytes + g->path, folder);
	add_relative(g->bytes + g->path, own);
	return r;
}

static int find_place(const struct elf_image *image, struct growth *g)
{
	uint64_t end = 0;
	struct stat st;

	if (fstat(image->fd, &st) < 0)
		return -errno;
	for (size_t i = 0; i < image->header.e_phnum; i++) {
		const Elf64_Phdr *p = &image->programs[i];

		if (p->p_type != PT_LOAD)
			continue;
		if (p->p_vaddr > INT64_MAX / 2 || p->p_memsz > INT64_MAX / 2)
			return -EBADMSG;
		if (p->p_vaddr + p->p_memsz > end)
			end = p->p_vaddr + p->p_memsz;
	}
	/* Offset and address agree in the page's lower bits, as mapping needs. */
	g->at = ((uint64_t)st.st_size + SEGMENT_ALIGN - 1) & ~(uint64_t)(SEGMENT_ALIGN - 1);
	g->address = (end + SEGMENT_ALIGN - 1) & ~(uint64_t)(SEGMENT_ALIGN - 1);
	return 0;
}

static void change_headers(struct elf_image *image, const struct growth *g, Elf64_Phdr *spare)
{
	Elf64_Phdr *interp = elf_image_program(image, PT_INTERP, 0);

	*spare = (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R, .p_align = SEGMENT_ALIGN,
			      .p_offset = g->at, .p_vaddr = g->address, .p_paddr = g->address,
			      .p_filesz = g->size, .p_memsz = g->size};
	interp->p_offset = g->at + g->interpreter;
	interp->p_vaddr = interp->p_paddr = g->address + g->interpreter;
	interp->p_filesz = interp->p_memsz = g->path - g->interpreter;
}

static void change_dynamic(const struct elf_image *image, const struct growth *g, Elf64_Dyn *entry)
{
	entry->d_tag = DT_RPATH;
	entry->d_un.d_val = g->path;
	find_entry(image, DT_STRTAB)->d_un.d_ptr = g->address;
	find_entry(image, DT_STRSZ)->d_un.d_val = g->size;
}

int elf_set_loader(int fd, const char *interpreter, const char *folder)
{
	cleanup(elf_image_done) struct elf_image image;
	cleanup(growth_done) struct growth g = {0};
	int r = elf_image_read(fd, &image);
	Elf64_Phdr *spare;
	Elf64_Dyn *entry;

	if (r < 0)
		return r;
	if (!image.dynamic || !elf_image_program(&image, PT_INTERP, 0))
		return -EINVAL;
	if (!find_entry(&image, DT_STRTAB) || !find_entry(&image, DT_STRSZ))
		return -EBADMSG;
	spare = take_header(&image);
	entry = take_entry(&image);
	if (!spare || !entry)
		return -ENOSPC;
	r = compose(&image, interpreter, folder, &g);
	if (r == 0)
		r = find_place(&image, &g);
	if (r < 0)
		return r;
	change_headers(&image, &g, spare);
	change_dynamic(&image, &g, entry);
	r = write_at(fd, g.bytes, g.size, g.at);
	if (r == 0)
		r = write_at(fd, image.dynamic, image.n_dynamic * sizeof(*image.dynamic),
			     image.dynamic_at);
	if (r == 0)
		r = write_at(fd, image.programs, image.header.e_phnum * sizeof(*image.programs),
			     image.header.e_phoff);
	return r;
}

int elf_follow_program(int fd)
{
	cleanup(elf_image_done) struct elf_image image;
	int r = elf_image_read(fd, &image);
	Elf64_Dyn *runpath = r == 0 ? find_entry(&image, DT_RUNPATH) : NULL;

	if (!runpath)
		return r;
	runpath->d_tag = DT_RPATH;
	return write_at(fd, runpath, sizeof(*runpath),
			image.dynamic_at +
				(uint64_t)(runpath - image.dynamic) * sizeof(*runpath));
}
