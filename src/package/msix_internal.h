/* SPDX-License-Identifier: Apache-2.0 */
/* The pieces of an open package. Internal to src/package/msix_*.c. */
#ifndef APPSILO_PACKAGE_MSIX_INTERNAL_H
#define APPSILO_PACKAGE_MSIX_INTERNAL_H

#include "package/blockmap.h"
#include "package/msix.h"
#include "package/unix_facts.h"
#include "package/zip.h"
#include <limits.h>
#include <openssl/evp.h>
#include <zlib.h>

#define THREADS_MAX 16
#define CHUNK_BLOCKS 16 /* unit of work: 1 MiB of content */
#define CHUNK_SIZE (CHUNK_BLOCKS * MSIX_BLOCK_SIZE)
#define CHUNK_PACKED_MAX (CHUNK_BLOCKS * (MSIX_BLOCK_SIZE + 1024))
/* After the last block: an empty deflate block, no more. */
#define TERMINATOR_MAX 16

struct msix_file {
	const struct zip_entry *entry;
	const struct blockmap_file *map; /* NULL: a footprint file, which has CRC only */
	bool executable;
};

struct msix {
	int fd;
	bool own_fd;
	char path[PATH_MAX]; /* escaped, for errors */
	struct msix_options options;
	struct zip_directory zip;
	struct blockmap map;
	unsigned char map_digest[SHA256_SIZE];
	struct unix_facts facts;
	struct msix_file *files; /* of the zip, in its order; owned */
	size_t *by_name;	 /* indices into files, sorted by name; owned */
};

/** The file @name, or NULL. */
struct msix_file *msix_find(const struct msix *msix, const char *name);

/** "path: file: what". Returns -EBADMSG. */
int msix_say(const struct msix *msix, const char *name, struct appsilo_error *err,
	     const char *format, ...) printf_like(4, 5);

/** How many threads to work with. */
unsigned int msix_threads(const struct msix_options *options);

/* Unpacks blocks of one file after another; one for each thread. */
struct block_reader {
	const struct msix *msix;
	z_stream inflater;
	bool ready; /* the inflater is */
	EVP_MD *sha256; /* owned */
	EVP_MD_CTX *digest; /* owned */
	unsigned char *packed, *content; /* CHUNK_PACKED_MAX and CHUNK_SIZE + 1 bytes; owned */
	size_t content_size;
};

int block_reader_init(struct block_reader *reader, const struct msix *msix) must_check;
void block_reader_done(struct block_reader *reader);

/**
 * Read and check @n blocks of @file from block @first on into reader->content.
 * @offset  of the first one's packed bytes in the package
 * @fresh   begin a new deflate stream: right at the first block, and at later ones of packages
 *          whose blocks can be read by themselves
 * Returns 0; -EBADMSG with the line; -EAGAIN when not @first is fresh and the stream cannot
 * be read from there; -errno.
 */
int block_reader_read(struct block_reader *reader, const struct msix_file *file, size_t first,
		      size_t n, uint64_t offset, bool fresh, struct appsilo_error *err) must_check;

/** Packed bytes of @n blocks from @first on. */
uint64_t block_packed_size(const struct msix *msix, const struct msix_file *file, size_t first,
			   size_t n);

/**
 * What to do with the content of a file as it comes, in pieces, from several threads.
 * @offset  in the file
 */
typedef int (*msix_sink)(void *data, const struct msix_file *file, uint64_t offset,
			 const void *bytes, size_t size, struct appsilo_error *err);

/** Check every byte of the package, handing the content of mapped files to @sink unless NULL. */
int msix_check(struct msix *msix, msix_sink sink, void *data, struct appsilo_error *err) must_check;

/** SHA-256 of @size bytes. Returns 0; -ENOMEM. */
int msix_sha256(const void *data, size_t size, unsigned char ret[SHA256_SIZE]) must_check;

#endif
