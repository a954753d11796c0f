/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing a package's zip: local headers with their sizes, but for files that may need 64 bits,
 * which have a data descriptor, as MSIX tools write them; always zip64 end records; times fixed
 * at 1980-01-01. One thread at a time.
 */
#ifndef APPSILO_PACKAGE_ZIP_WRITE_H
#define APPSILO_PACKAGE_ZIP_WRITE_H

#include "package/zip.h"

/* Contents from here on get 64-bit sizes: below it, no way of packing makes 4 GiB of them. */
#define ZIP_BIG 0xff000000u

struct zip_writer {
	int fd; /* borrowed */
	uint64_t offset; /* of what is written next */
	unsigned char *central; /* owned */
	size_t central_size, central_room;
	uint64_t n;
};

struct zip_new {
	const char *encoded; /* name; borrowed */
	uint16_t method;
	uint32_t crc;
	uint64_t size, packed, offset; /* bytes; offset of the local header */
};

/** Bytes of the local header of @encoded. */
size_t zip_header_size(const char *encoded);
/** Write the local header into @ret, of zip_header_size() bytes. */
void zip_put_header(const struct zip_new *file, unsigned char *ret);
/** Bytes of data descriptor that follow the data: 0 or ZIP_DESCRIPTOR64_SIZE. */
size_t zip_put_descriptor(const struct zip_new *file, unsigned char ret[ZIP_DESCRIPTOR64_SIZE]);

/** Append @size bytes at writer->offset. Returns 0; -errno. */
int zip_append(struct zip_writer *writer, const void *data, size_t size) must_check;
/** Write over what was appended. Returns 0; -errno. */
int zip_pwrite(int fd, const void *data, size_t size, uint64_t offset) must_check;
/** Remember @file for the central directory. Returns 0; -ENOMEM. */
int zip_add_central(struct zip_writer *writer, const struct zip_new *file) must_check;
/** Remember a record as it is. Returns 0; -ENOMEM. */
int zip_add_raw(struct zip_writer *writer, const void *record, size_t size) must_check;
/** Write the central directory and the end records in the shape of @like, NULL: new.
 * Returns 0; -errno. */
int zip_finish(struct zip_writer *writer, const struct zip_directory *like) must_check;
void zip_writer_done(struct zip_writer *writer);

#endif
