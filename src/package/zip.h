/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The zip of a package: its directory read whole and checked against every local header, so
 * that each byte of the file belongs to exactly one thing. PKWARE APPNOTE 6.3, 4.3; only what
 * MSIX tools write is taken. Thread-safe once read.
 */
#ifndef APPSILO_PACKAGE_ZIP_H
#define APPSILO_PACKAGE_ZIP_H

#include "base/error.h"
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ZIP_STORED 0
#define ZIP_DEFLATED 8

#define ZIP_LOCAL_MAGIC 0x04034b50u
#define ZIP_CENTRAL_MAGIC 0x02014b50u
#define ZIP_DESCRIPTOR_MAGIC 0x08074b50u
#define ZIP_END_MAGIC 0x06054b50u
#define ZIP_END64_MAGIC 0x06064b50u
#define ZIP_LOCATOR_MAGIC 0x07064b50u
#define ZIP_LOCAL_SIZE 30
#define ZIP_CENTRAL_SIZE 46
#define ZIP_END_SIZE 22
#define ZIP_END64_SIZE 56
#define ZIP_LOCATOR_SIZE 20
#define ZIP_DESCRIPTOR64_SIZE 24
#define ZIP_EXTRA64 1	       /* ID of the extra field with 64-bit sizes */
#define ZIP_FLAG_DESCRIPTOR 8  /* CRC and sizes follow the data */
#define ZIP_VERSION 20	       /* needed for folders and deflate */
#define ZIP_VERSION64 45

struct zip_entry {
	char *name;	      /* decoded, valid; owned */
	uint64_t offset;      /* of the local header */
	uint64_t data;	      /* of the first byte of data */
	uint64_t packed;      /* bytes in the file */
	uint64_t size;	      /* bytes unpacked */
	uint32_t crc;
	uint32_t header_size; /* bytes of the local header with name and extra field */
	uint16_t method;
	size_t central;	      /* offset of its record in zip_directory.central */
	size_t central_size;
};

struct zip_directory {
	struct zip_entry *entries; /* in the order of the file; owned */
	size_t n;
	unsigned char *central;	   /* the central directory as it is; owned */
	uint64_t central_offset, central_size;
	uint64_t file_size;
	bool zip64;
	unsigned char end64[ZIP_END64_SIZE], locator[ZIP_LOCATOR_SIZE], end[ZIP_END_SIZE];
};

/**
 * Read the directory of @fd, a regular file, and check it.
 * @path  names it in errors
 * Returns 0 and a directory for zip_done(); -EBADMSG; -EFBIG; -errno with the line.
 */
int zip_read(int fd, const char *path, struct zip_directory *ret, struct appsilo_error *err) must_check;
void zip_done(struct zip_directory *directory);

/** Read exactly @size bytes at @offset. Returns 0; -EBADMSG at the end of the file; -errno. */
int zip_pread(int fd, void *data, size_t size, uint64_t offset) must_check;

/**
 * The end records for a directory of @n records and @size bytes at @offset, in the shape of
 * @like (zip64 or not; version numbers).
 * @ret  room for ZIP_END64_SIZE + ZIP_LOCATOR_SIZE + ZIP_END_SIZE
 * Returns bytes written.
 */
size_t zip_end_records(const struct zip_directory *like, uint64_t n, uint64_t size,
		       uint64_t offset, unsigned char *ret);

static inline uint16_t zip_u16(const unsigned char *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static inline uint32_t zip_u32(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static inline uint64_t zip_u64(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static inline void zip_put16(unsigned char *p, uint64_t value)
{
	uint16_t v = htole16((uint16_t)value);

	memcpy(p, &v, sizeof(v));
}

static inline void zip_put32(unsigned char *p, uint64_t value)
{
	uint32_t v = htole32((uint32_t)value);

	memcpy(p, &v, sizeof(v));
}

static inline void zip_put64(unsigned char *p, uint64_t value)
{
	uint64_t v = htole64(value);

	memcpy(p, &v, sizeof(v));
}

#endif
