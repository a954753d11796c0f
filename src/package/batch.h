/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one thread packs at a time: many small files, or up to 1 MiB of a larger one. It comes
 * out as bytes for the zip with room for the local headers, which need the place in the file.
 */
#ifndef APPSILO_PACKAGE_BATCH_H
#define APPSILO_PACKAGE_BATCH_H

#include "package/blockmap.h"
#include "package/msix_internal.h"
#include "package/tree.h"

#define BATCH_FILES_MAX 128

struct piece {
	const struct tree_item *item; /* borrowed */
	uint64_t from; /* first byte of the item */
	size_t size;   /* bytes of content */
	bool first, last;
	uint16_t method; /* given for pieces of larger files, else decided here */
	/* Results. */
	char *encoded; /* name in the zip; owned */
	size_t header; /* of the local header in batch->out; meaningful for the first piece */
	size_t data, packed; /* place and bytes in batch->out */
	uint32_t crc;
	size_t block, n_blocks; /* in batch->blocks */
};

struct batch {
	struct piece pieces[BATCH_FILES_MAX];
	size_t n;
	size_t content; /* bytes in all */
	unsigned char *in;  /* CHUNK_SIZE; owned */
	unsigned char *out; /* BATCH_OUT_MAX; owned */
	size_t out_used;
	struct blockmap_block blocks[CHUNK_BLOCKS + BATCH_FILES_MAX];
	size_t n_blocks;
	bool ready; /* packed, to be written */
	bool busy;  /* being filled or packed */
};

#define BATCH_OUT_MAX (CHUNK_PACKED_MAX + BATCH_FILES_MAX * (1024 + ZIP_LOCAL_SIZE + 3 * MSIX_NAME_MAX))

/* One for each thread. */
struct packer {
	z_stream deflater;
	bool ready;
	EVP_MD *sha256; /* owned */
	EVP_MD_CTX *digest; /* owned */
	unsigned char trial[MSIX_BLOCK_SIZE + 1024];
};

int packer_init(struct packer *packer) must_check;
void packer_done(struct packer *packer);

/** Get buffers. Returns 0; -ENOMEM. */
int batch_init(struct batch *batch) must_check;
void batch_done(struct batch *batch);
/** Empty it for the next content. */
void batch_reset(struct batch *batch);

/** ZIP_STORED or ZIP_DEFLATED: does the beginning of the content get smaller? */
uint16_t packer_method(struct packer *packer, const unsigned char *block, size_t size);

/**
 * Read @size bytes of @item from @from on.
 * @dir_fd, @label  the folder that is packed
 * Returns 0; -ESTALE when it is not what was listed; -errno; with the line.
 */
int item_read(int dir_fd, const char *label, const struct tree_item *item, uint64_t from,
	      unsigned char *ret, size_t size, struct appsilo_error *err) must_check;

/** Pack all pieces. Returns 0; -errno with the line. */
int batch_pack(struct batch *batch, struct packer *packer, int dir_fd, const char *label,
	       struct appsilo_error *err) must_check;

#endif
