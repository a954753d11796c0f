/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of content out of the package: each has to unpack from exactly the bytes and to exactly
 * the bytes that the block map gives it, and no byte of the zip's data is left over.
 */
#include "package/msix_internal.h"

#include <string.h>

int block_reader_init(struct block_reader *reader, const struct msix *msix)
{
	*reader = (struct block_reader){.msix = msix};
	reader->packed = malloc(CHUNK_PACKED_MAX);
	reader->content = malloc(CHUNK_SIZE + 1);
	reader->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	reader->digest = EVP_MD_CTX_new();
	reader->ready = inflateInit2(&reader->inflater, -MAX_WBITS) == Z_OK;
	if (reader->packed && reader->content && reader->sha256 && reader->digest && reader->ready)
		return 0;
	block_reader_done(reader);
	return -ENOMEM;
}

void block_reader_done(struct block_reader *reader)
{
	free(reader->packed);
	free(reader->content);
	EVP_MD_free(reader->sha256);
	EVP_MD_CTX_free(reader->digest);
	if (reader->ready)
		inflateEnd(&reader->inflater);
	*reader = (struct block_reader){0};
}

static size_t block_size(const struct msix_file *file, size_t i)
{
	uint64_t left = file->map->size - (uint64_t)i * MSIX_BLOCK_SIZE;

	return left < MSIX_BLOCK_SIZE ? (size_t)left : MSIX_BLOCK_SIZE;
}

uint64_t block_packed_size(const struct msix *msix, const struct msix_file *file, size_t first,
			   size_t n)
{
	uint64_t size = 0;

	for (size_t i = first; i < first + n; i++)
		size += file->entry->method == ZIP_STORED ? block_size(file, i)
							  : msix->map.blocks[file->map->first + i].packed;
	return size;
}

static int check_digest(struct block_reader *reader, const struct msix_file *file, size_t i,
			const unsigned char *content, size_t size, struct appsilo_error *err)
{
	const struct blockmap_block *block = &reader->msix->map.blocks[file->map->first + i];
	unsigned char digest[EVP_MAX_MD_SIZE];

	if (EVP_DigestInit_ex2(reader->digest, reader->sha256, NULL) != 1 ||
	    EVP_DigestUpdate(reader->digest, content, size) != 1 ||
	    EVP_DigestFinal_ex(reader->digest, digest, NULL) != 1)
		return error_set(err, -ENOMEM, "%s", reader->msix->path);
	if (memcmp(digest, block->digest, SHA256_SIZE) != 0)
		return msix_say(reader->msix, file->entry->name, err,
				"block %zu (byte %llu on) is not what the block map says", i,
				(unsigned long long)i * MSIX_BLOCK_SIZE);
	return 0;
}

/* One byte more room than the block may have, so that a longer one is seen. */
static int inflate_block(struct block_reader *reader, const struct msix_file *file, size_t i,
			 unsigned char *content, size_t size, struct appsilo_error *err)
{
	z_stream *z = &reader->inflater;
	bool last = i + 1 == file->map->n;
	int r;

	z->next_out = content;
	z->avail_out = (uInt)size + 1;
	r = inflate(z, Z_SYNC_FLUSH);
	if (r == Z_MEM_ERROR)
		return error_set(err, -ENOMEM, "%s", reader->msix->path);
	/* It has to end where a deflate block ends, on a byte: 128 and no bits left over. */
	if (((r == Z_OK && z->data_type == 128) || (r == Z_STREAM_END && last)) && z->avail_in == 0 &&
	    z->avail_out == 1)
		return r == Z_STREAM_END;
	return msix_say(reader->msix, file->entry->name, err,
			"block %zu (byte %llu on) does not unpack to the size it should have", i,
			(unsigned long long)i * MSIX_BLOCK_SIZE);
}

/* What follows the last block ends the stream and says nothing. */
static int check_end(struct block_reader *reader, const struct msix_file *file, uint64_t offset,
		     bool ended, struct appsilo_error *err)
{
	const struct zip_entry *entry = file->entry;
	uint64_t left = entry->data + entry->packed - offset;
	unsigned char bytes[TERMINATOR_MAX], nothing;
	z_stream *z = &reader->inflater;
	int r = left <= sizeof(bytes) ? zip_pread(reader->msix->fd, bytes, left, offset) : -EBADMSG;

	z->next_in = bytes;
	z->avail_in = (uInt)left;
	z->next_out = &nothing;
	z->avail_out = 1;
	if (r == 0 && ended)
		r = left == 0 ? 0 : -EBADMSG;
	else if (r == 0)
		r = inflate(z, Z_FINISH) == Z_STREAM_END && z->avail_in == 0 && z->avail_out == 1
			    ? 0
			    : -EBADMSG;
	if (r == -EBADMSG)
		return msix_say(reader->msix, entry->name, err, "its data does not end where it should");
	return r < 0 ? error_set(err, r, "%s", reader->msix->path) : 0;
}

static int unpack_blocks(struct block_reader *reader, const struct msix_file *file, size_t first,
			 size_t n, uint64_t end, bool fresh, struct appsilo_error *err)
{
	const struct blockmap_block *blocks = &reader->msix->map.blocks[file->map->first];
	int r = 0;

	if (fresh)
		inflateReset(&reader->inflater);
	reader->inflater.next_in = reader->packed;
	for (size_t i = first; i < first + n; i++) {
		unsigned char *content = reader->content + reader->content_size;
		size_t size = block_size(file, i);

		reader->inflater.avail_in = blocks[i].packed;
		r = inflate_block(reader, file, i, content, size, err);
		if (r < 0)
			return fresh && first > 0 ? -EAGAIN : r;
		reader->content_size += size;
		if (check_digest(reader, file, i, content, size, err) < 0)
			return fresh && first > 0 ? -EAGAIN : -EBADMSG;
	}
	return first + n == file->map->n ? check_end(reader, file, end, r == 1, err) : 0;
}

int block_reader_read(struct block_reader *reader, const struct msix_file *file, size_t first,
		      size_t n, uint64_t offset, bool fresh, struct appsilo_error *err)
{
	bool stored = file->entry->method == ZIP_STORED;
	uint64_t packed = block_packed_size(reader->msix, file, first, n);
	int r = zip_pread(reader->msix->fd, stored ? reader->content : reader->packed,
			  (size_t)packed, offset);

	reader->content_size = 0;
	if (r < 0)
		return error_set(err, r, "%s", reader->msix->path);
	if (!stored)
		return unpack_blocks(reader, file, first, n, offset + packed, fresh, err);
	for (size_t i = first; r == 0 && i < first + n; i++) {
		size_t size = block_size(file, i);

		r = check_digest(reader, file, i, reader->content + reader->content_size, size, err);
		reader->content_size += size;
	}
	return r;
}
