/* SPDX-License-Identifier: Apache-2.0 */
/* The headers of an ELF file in memory. Internal to elf_*.c. */
#ifndef APPSILO_PACKAGE_ELF_IMAGE_H
#define APPSILO_PACKAGE_ELF_IMAGE_H

#include "package/elf_file.h"
#include <elf.h>

#define ELF_DYNAMIC_MAX 4096 /* entries */
#define ELF_STRINGS_MAX (64 * 1024 * 1024) /* bytes of a string table */

struct elf_image {
	int fd; /* borrowed */
	Elf64_Ehdr header;
	Elf64_Phdr *programs; /* owned; header.e_phnum of them */
	Elf64_Dyn *dynamic;   /* owned; NULL in static programs */
	size_t n_dynamic;     /* with the empty ones at the end */
	uint64_t dynamic_at;  /* offset in the file */
	uint64_t strings, strings_at, strings_size; /* address, offset, bytes */
};

/** Read the headers. Returns as elf_read(). Release with elf_image_done() in any case. */
int elf_image_read(int fd, struct elf_image *ret) must_check;
void elf_image_done(struct elf_image *image);

/** Program header of @type at or after @from; NULL when there is none. */
Elf64_Phdr *elf_image_program(const struct elf_image *image, uint32_t type, size_t from);

/** Read exactly @size bytes at @at. Returns 0; -EBADMSG when the file is shorter; -errno. */
int elf_image_bytes(int fd, void *ret, size_t size, uint64_t at) must_check;

#endif
