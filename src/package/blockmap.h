/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AppxBlockMap.xml: the SHA-256 of each 64 KiB of every file, and how many bytes of the zip each
 * of them takes. Held in 36 bytes a block. Microsoft "App package block map schema".
 * Thread-safe once read.
 */
#ifndef APPSILO_PACKAGE_BLOCKMAP_H
#define APPSILO_PACKAGE_BLOCKMAP_H

#include "base/error.h"
#include "base/sha256.h"
#include <stddef.h>
#include <stdint.h>

struct blockmap_block {
	unsigned char digest[SHA256_SIZE];
	uint32_t packed; /* bytes in the zip; 0: stored */
};

struct blockmap_file {
	char *name;	      /* valid, with "/"; owned */
	uint64_t size;	      /* bytes */
	uint32_t header_size; /* of its local header in the zip */
	size_t first, n;      /* its blocks */
};

struct blockmap {
	struct blockmap_file *files; /* owned */
	size_t n;
	struct blockmap_block *blocks; /* owned */
	size_t n_blocks;
	size_t files_room, blocks_room;
};

/**
 * Read a block map.
 * @label  names it in errors
 * Returns 0 and a map for blockmap_done(); -EBADMSG with label and line; -ENOMEM. Only what the
 * map says about itself is checked: sizes against numbers of blocks, names, digests.
 */
int blockmap_parse(const char *text, size_t size, const char *label, struct blockmap *ret,
		   struct appsilo_error *err) must_check;

/** Add a file, @name copied; its blocks follow. Returns 0; -ENOMEM. */
int blockmap_add_file(struct blockmap *map, const char *name, uint64_t size,
		      uint32_t header_size) must_check;
/** Add a block of the file added last. Returns 0; -ENOMEM. */
int blockmap_add_block(struct blockmap *map, const struct blockmap_block *block) must_check;

/** Write it as XML, in pieces, to @put, whose failure ends it. Returns 0; -errno. */
int blockmap_write(const struct blockmap *map,
		   int (*put)(void *data, const void *bytes, size_t size), void *data) must_check;

void blockmap_done(struct blockmap *map);

#endif
