/* SPDX-License-Identifier: Apache-2.0 */
#include "package/elf_image.h"

#include <string.h>

int elf_image_bytes(int fd, void *ret, size_t size, uint64_t at)
{
	char *to = ret;

	if (at > INT64_MAX - size)
		return -EBADMSG;
	while (size > 0) {
		ssize_t n = pread(fd, to, size, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		to += n;
		at += (uint64_t)n;
		size -= (size_t)n;
	}
	return 0;
}

Elf64_Phdr *elf_image_program(const struct elf_image *image, uint32_t type, size_t from)
{
	for (size_t i = from; i < image->header.e_phnum; i++)
		if (image->programs[i].p_type == type)
			return &image->programs[i];
	return NULL;
}

static int read_header(struct elf_image *image)
{
	Elf64_Ehdr *h = &image->header;
	int r = elf_image_bytes(image->fd, h, sizeof(*h), 0);

	if (r == -EBADMSG)
		return -ENOEXEC; /* shorter than a header */
	if (r < 0)
		return r;
	if (memcmp(h->e_ident, ELFMAG, SELFMAG) != 0)
		return -ENOEXEC;
	if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB)
		return -ENOTSUP;
	if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
		return -ENOEXEC; /* object files and core dumps load nothing */
	return h->e_phnum > ELF_HEADERS_MAX ||
			       (h->e_phnum && h->e_phentsize != sizeof(Elf64_Phdr))
		       ? -EBADMSG
		       : 0;
}

static int read_programs(struct elf_image *image)
{
	size_t size = image->header.e_phnum * sizeof(*image->programs);

	image->programs = malloc(size ? size : 1);
	return image->programs ? elf_image_bytes(image->fd, image->programs, size,
						 image->header.e_phoff)
			       : -ENOMEM;
}

static int read_dynamic(struct elf_image *image)
{
	const Elf64_Phdr *p = elf_image_program(image, PT_DYNAMIC, 0);
	size_t size;

	if (!p)
		return 0;
	image->n_dynamic = p->p_filesz / sizeof(*image->dynamic);
	image->dynamic_at = p->p_offset;
	if (image->n_dynamic == 0 || image->n_dynamic > ELF_DYNAMIC_MAX)
		return -EBADMSG;
	size = image->n_dynamic * sizeof(*image->dynamic);
	image->dynamic = malloc(size);
	return image->dynamic ? elf_image_bytes(image->fd, image->dynamic, size, p->p_offset)
			      : -ENOMEM;
}

/* The string table is named by address: find where in the file its segment is. */
static int find_strings(struct elf_image *image)
{
	for (size_t i = 0; i < image->n_dynamic && image->dynamic[i].d_tag != DT_NULL; i++) {
		if (image->dynamic[i].d_tag == DT_STRTAB)
			image->strings = image->dynamic[i].d_un.d_ptr;
		if (image->dynamic[i].d_tag == DT_STRSZ)
			image->strings_size = image->dynamic[i].d_un.d_val;
	}
	if (!image->dynamic)
		return 0;
	if (image->strings_size == 0 || image->strings_size > ELF_STRINGS_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < image->header.e_phnum; i++) {
		const Elf64_Phdr *p = &image->programs[i];

		if (p->p_type != PT_LOAD || image->strings < p->p_vaddr ||
		    image->strings - p->p_vaddr >= p->p_filesz ||
		    image->strings_size > p->p_filesz - (image->strings - p->p_vaddr))
			continue;
		image->strings_at = p->p_offset + (image->strings - p->p_vaddr);
		return 0;
	}
	return -EBADMSG;
}

int elf_image_read(int fd, struct elf_image *ret)
{
	int r;

	*ret = (struct elf_image){.fd = fd};
	r = read_header(ret);
	if (r == 0)
		r = read_programs(ret);
	if (r == 0)
		r = read_dynamic(ret);
	return r < 0 ? r : find_strings(ret);
}

void elf_image_done(struct elf_image *image)
{
	free(image->programs);
	free(image->dynamic);
}

/* A text of at most PATH_MAX bytes within @left bytes at @at. */
static int read_text(int fd, uint64_t at, uint64_t left, char **ret)
{
	char text[PATH_MAX];
	size_t n = left < sizeof(text) ? (size_t)left : sizeof(text);
	int r = elf_image_bytes(fd, text, n, at);

	if (r < 0)
		return r;
	if (!memchr(text, '\0', n) || !*text)
		return -EBADMSG;
	free(*ret);
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

static int read_string(const struct elf_image *image, uint64_t offset, char **ret)
{
	if (offset >= image->strings_size)
		return -EBADMSG;
	return read_text(image->fd, image->strings_at + offset, image->strings_size - offset, ret);
}

static int add_needed(const struct elf_image *image, uint64_t offset, struct elf_facts *ret)
{
	int r;

	if (ret->n_needed == ELF_NEEDED_MAX)
		return -EBADMSG;
	if (!ret->needed)
		ret->needed = calloc(ELF_NEEDED_MAX, sizeof(*ret->needed));
	if (!ret->needed)
		return -ENOMEM;
	r = read_string(image, offset, &ret->needed[ret->n_needed]);
	if (r == 0)
		ret->n_needed++;
	return r;
}

static int collect(const struct elf_image *image, struct elf_facts *ret)
{
	const Elf64_Phdr *p = elf_image_program(image, PT_INTERP, 0);
	int r = p ? read_text(image->fd, p->p_offset, p->p_filesz, &ret->interpreter) : 0;

	ret->machine = image->header.e_machine;
	for (size_t i = 0; r == 0 && i < image->n_dynamic; i++) {
		const Elf64_Dyn *d = &image->dynamic[i];

		if (d->d_tag == DT_NULL)
			break;
		if (d->d_tag == DT_NEEDED)
			r = add_needed(image, d->d_un.d_val, ret);
		else if (d->d_tag == DT_RPATH)
			r = read_string(image, d->d_un.d_val, &ret->rpath);
		else if (d->d_tag == DT_RUNPATH)
			r = read_string(image, d->d_un.d_val, &ret->runpath);
	}
	return r;
}

int elf_read(int fd, struct elf_facts *ret)
{
	cleanup(elf_image_done) struct elf_image image;
	int r = elf_image_read(fd, &image);

	*ret = (struct elf_facts){0};
	if (r == 0)
		r = collect(&image, ret);
	if (r < 0)
		elf_facts_done(ret);
	return r;
}

void elf_facts_done(struct elf_facts *facts)
{
	for (size_t i = 0; i < facts->n_needed; i++)
		free(facts->needed[i]);
	free(facts->needed);
	free(facts->interpreter);
	free(facts->rpath);
	free(facts->runpath);
	*facts = (struct elf_facts){0};
}
