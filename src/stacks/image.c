/* SPDX-License-Identifier: Apache-2.0 */
#include "stacks/image.h"

#include "base/cleanup.h"
#include <elf.h>
#include <link.h>
#include <string.h>

#define HEADERS_MAX 64
#define PAGE 4096

struct image {
	const struct memory *memory;
	uint64_t start, bias, length; /* of the address space that it takes */
	ElfW(Ehdr) head;
	ElfW(Phdr) parts[HEADERS_MAX];
	char *bytes;
	size_t size;
};

static bool read_headers(struct image *image)
{
	ElfW(Ehdr) *head = &image->head;

	return memory_read(image->memory, image->start, head, sizeof(*head)) &&
	       memcmp(head->e_ident, ELFMAG, SELFMAG) == 0 && head->e_ident[EI_CLASS] == ELFCLASS64 &&
	       head->e_ident[EI_DATA] == ELFDATA2LSB && head->e_machine == EM_X86_64 &&
	       head->e_phentsize == sizeof(*image->parts) && head->e_phnum > 0 && head->e_phnum <= HEADERS_MAX &&
	       head->e_phoff <= image->length &&
	       memory_read(image->memory, image->start + head->e_phoff, image->parts,
			   head->e_phnum * sizeof(*image->parts));
}

/* Within bounds that make all sums below safe? The first one says where the rest was moved to. */
static bool measure(struct image *image)
{
	bool first = true;

	for (size_t i = 0; i < image->head.e_phnum; i++) {
		const ElfW(Phdr) *part = &image->parts[i];

		if (part->p_type != PT_LOAD)
			continue;
		if (part->p_offset > IMAGE_MAX || part->p_filesz > IMAGE_MAX || part->p_offset + part->p_filesz > IMAGE_MAX)
			return false;
		if (first)
			image->bias = image->start - (part->p_vaddr & ~(uint64_t)(PAGE - 1));
		first = false;
		if (part->p_offset + part->p_filesz > image->size)
			image->size = part->p_offset + part->p_filesz;
	}
	return image->size >= sizeof(image->head) + image->head.e_phnum * sizeof(*image->parts);
}

/* What of it cannot be read stays zero. */
static void read_parts(struct image *image)
{
	for (size_t i = 0; i < image->head.e_phnum; i++) {
		const ElfW(Phdr) *part = &image->parts[i];
		uint64_t at = image->bias + part->p_vaddr - image->start;

		if (part->p_type == PT_LOAD && at <= image->length && part->p_filesz <= image->length - at)
			(void)memory_read(image->memory, image->start + at, image->bytes + part->p_offset,
					  part->p_filesz);
	}
}

/* glibc's loader has made addresses of what were offsets from the file's beginning. */
static void restore_dynamic(struct image *image, const ElfW(Phdr) *part)
{
	static const ElfW(Sxword) tags[] = {DT_SYMTAB, DT_STRTAB, DT_HASH, DT_GNU_HASH, DT_VERSYM, DT_VERDEF, DT_VERNEED};
	ElfW(Dyn) entry;

	if (part->p_offset > image->size || part->p_filesz > image->size - part->p_offset)
		return;
	for (size_t at = part->p_offset; at + sizeof(entry) <= part->p_offset + part->p_filesz; at += sizeof(entry)) {
		memcpy(&entry, image->bytes + at, sizeof(entry));
		for (size_t i = 0; i < ARRAY_SIZE(tags); i++)
			if (entry.d_tag == tags[i] && entry.d_un.d_ptr >= image->start &&
			    entry.d_un.d_ptr - image->start < image->length)
				entry.d_un.d_ptr -= image->bias;
		memcpy(image->bytes + at, &entry, sizeof(entry));
	}
}

char *image_read(const struct memory *memory, uint64_t start, uint64_t end, size_t *ret_size)
{
	struct image image = {.memory = memory, .start = start, .length = end - start};

	if (end <= start || !read_headers(&image) || !measure(&image))
		return NULL;
	image.bytes = calloc(1, image.size);
	if (!image.bytes)
		return NULL;
	read_parts(&image);
	for (size_t i = 0; i < image.head.e_phnum; i++)
		if (image.parts[i].p_type == PT_DYNAMIC)
			restore_dynamic(&image, &image.parts[i]);
	/* The very headers that were measured, whatever the program has written since. */
	image.head.e_shoff = 0;
	image.head.e_shnum = image.head.e_shstrndx = 0;
	image.head.e_phoff = sizeof(image.head);
	memcpy(image.bytes, &image.head, sizeof(image.head));
	memcpy(image.bytes + sizeof(image.head), image.parts, image.head.e_phnum * sizeof(*image.parts));
	*ret_size = image.size;
	return image.bytes;
}
