/* SPDX-License-Identifier: Apache-2.0 */
#include "package/batch.h"

#include "base/text.h"
#include "package/names.h"
#include "package/zip_write.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define LEVEL 6
/* Content that shrinks by less than this is stored: packed already. */
#define WORTH_PERCENT 95
/* An empty last block ends a deflate stream. */
static const unsigned char terminator[] = {3, 0};

int packer_init(struct packer *packer)
{
	packer->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	packer->digest = EVP_MD_CTX_new();
	packer->ready = deflateInit2(&packer->deflater, LEVEL, Z_DEFLATED, -MAX_WBITS, 8,
				     Z_DEFAULT_STRATEGY) == Z_OK;
	return packer->sha256 && packer->digest && packer->ready ? 0 : -ENOMEM;
}

void packer_done(struct packer *packer)
{
	EVP_MD_free(packer->sha256);
	EVP_MD_CTX_free(packer->digest);
	if (packer->ready)
		deflateEnd(&packer->deflater);
	*packer = (struct packer){0};
}

int batch_init(struct batch *batch)
{
	batch->in = malloc(CHUNK_SIZE);
	batch->out = malloc(BATCH_OUT_MAX);
	return batch->in && batch->out ? 0 : -ENOMEM;
}

void batch_reset(struct batch *batch)
{
	for (size_t i = 0; i < batch->n; i++)
		free(batch->pieces[i].encoded);
	batch->n = batch->content = batch->out_used = batch->n_blocks = 0;
}

void batch_done(struct batch *batch)
{
	batch_reset(batch);
	free(batch->in);
	free(batch->out);
}

/* Each block from a new start, so that it can be read by itself. Returns bytes, 0 on failure. */
static size_t deflate_block(struct packer *packer, const unsigned char *in, size_t size,
			    unsigned char *out, size_t room)
{
	z_stream *z = &packer->deflater;

	if (deflateReset(z) != Z_OK)
		return 0;
	z->next_in = (unsigned char *)in;
	z->avail_in = (uInt)size;
	z->next_out = out;
	z->avail_out = (uInt)room;
	return deflate(z, Z_FULL_FLUSH) == Z_OK && z->avail_in == 0 && z->avail_out > 0
		       ? room - z->avail_out
		       : 0;
}

uint16_t packer_method(struct packer *packer, const unsigned char *block, size_t size)
{
	size_t n = size ? deflate_block(packer, block, size, packer->trial, sizeof(packer->trial)) : 0;

	return n && n * 100 < size * WORTH_PERCENT ? ZIP_DEFLATED : ZIP_STORED;
}

static int open_item(int dir_fd, const struct tree_item *item)
{
	cleanup_close int fd =
		openat(dir_fd, item->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_dev != item->device || st.st_ino != item->inode ||
	    (uint64_t)st.st_size != item->size || st.st_mtim.tv_sec != item->changed.tv_sec ||
	    st.st_mtim.tv_nsec != item->changed.tv_nsec)
		return -ESTALE;
	return TAKE_FD(fd);
}

int item_read(int dir_fd, const char *label, const struct tree_item *item, uint64_t from,
	      unsigned char *ret, size_t size, struct appsilo_error *err)
{
	cleanup_close int fd = -EBADF;
	char shown[640];
	int r = 0;

	if (item->kind == TREE_TEXT) {
		memcpy(ret, item->text + from, size);
		return 0;
	}
	fd = open_item(dir_fd, item);
	r = fd < 0 ? fd : zip_pread(fd, ret, size, from);
	text_show(item->path, shown, sizeof(shown));
	if (r == -ESTALE || r == -EBADMSG || r == -ELOOP)
		return error_say(err, -ESTALE, "pack %s: %s was changed while it was packed", label, shown);
	return r < 0 ? error_set(err, r, "pack %s: %s", label, shown) : 0;
}

static int digest_block(struct packer *packer, const unsigned char *in, size_t size,
			unsigned char ret[SHA256_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	if (EVP_DigestInit_ex2(packer->digest, packer->sha256, NULL) != 1 ||
	    EVP_DigestUpdate(packer->digest, in, size) != 1 ||
	    EVP_DigestFinal_ex(packer->digest, digest, NULL) != 1)
		return -ENOMEM;
	memcpy(ret, digest, SHA256_SIZE);
	return 0;
}

static int pack_blocks(struct batch *batch, struct piece *piece, struct packer *packer,
		       const unsigned char *in)
{
	for (size_t at = 0; at < piece->size; at += MSIX_BLOCK_SIZE) {
		size_t left = piece->size - at;
		size_t size = left < MSIX_BLOCK_SIZE ? left : MSIX_BLOCK_SIZE, n = size;
		struct blockmap_block *block = &batch->blocks[batch->n_blocks++];
		unsigned char *out = batch->out + batch->out_used;
		int r = digest_block(packer, in + at, size, block->digest);

		if (r < 0)
			return r;
		if (piece->method == ZIP_STORED)
			memcpy(out, in + at, size);
		else
			n = deflate_block(packer, in + at, size, out, BATCH_OUT_MAX - batch->out_used);
		if (n == 0)
			return -ENOMEM;
		block->packed = piece->method == ZIP_STORED ? 0 : (uint32_t)n;
		batch->out_used += n;
		piece->n_blocks++;
	}
	return 0;
}

static int pack_piece(struct batch *batch, struct piece *piece, struct packer *packer,
		      const unsigned char *in)
{
	int r = name_encode(piece->item->path, &piece->encoded);

	if (r < 0)
		return r;
	if (piece->first && piece->last)
		piece->method = packer_method(packer, in,
					      piece->size < MSIX_BLOCK_SIZE ? piece->size : MSIX_BLOCK_SIZE);
	piece->header = batch->out_used;
	if (piece->first)
		batch->out_used += zip_header_size(piece->encoded);
	piece->data = batch->out_used;
	piece->block = batch->n_blocks;
	piece->n_blocks = 0;
	piece->crc = (uint32_t)crc32(0, in, (uInt)piece->size);
	r = pack_blocks(batch, piece, packer, in);
	if (r == 0 && piece->last && piece->method == ZIP_DEFLATED) {
		memcpy(batch->out + batch->out_used, terminator, sizeof(terminator));
		batch->out_used += sizeof(terminator);
	}
	piece->packed = batch->out_used - piece->data;
	return r;
}

int batch_pack(struct batch *batch, struct packer *packer, int dir_fd, const char *label,
	       struct appsilo_error *err)
{
	const unsigned char *in = batch->in;

	for (size_t i = 0; i < batch->n; i++) {
		struct piece *piece = &batch->pieces[i];
		int r = item_read(dir_fd, label, piece->item, piece->from, batch->in + (in - batch->in),
				  piece->size, err);

		if (r < 0)
			return r;
		r = pack_piece(batch, piece, packer, in);
		if (r < 0)
			return error_set(err, r, "pack %s", label);
		in += piece->size;
	}
	return 0;
}
