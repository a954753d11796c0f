/* SPDX-License-Identifier: Apache-2.0 */
/* Single files of a package in memory. */
#include "package/msix_internal.h"

#include <string.h>

/* All of a file's data at once, unpacked. Footprint files are in no block map. */
static int inflate_all(struct msix *msix, const struct zip_entry *entry, unsigned char *out)
{
	unsigned char packed[65536];
	uint64_t at = entry->data, left = entry->packed;
	z_stream z = {0};
	int r = Z_OK, failed = 0;

	if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
		return -ENOMEM;
	z.next_out = out;
	z.avail_out = (uInt)entry->size + 1;
	while (failed == 0 && r == Z_OK && left > 0) {
		size_t n = left < sizeof(packed) ? (size_t)left : sizeof(packed);

		failed = zip_pread(msix->fd, packed, n, at);
		at += n;
		left -= n;
		z.next_in = packed;
		z.avail_in = (uInt)n;
		while (failed == 0 && r == Z_OK && z.avail_in > 0 && z.avail_out > 0)
			r = inflate(&z, Z_NO_FLUSH);
		if (z.avail_out == 0)
			break;
	}
	if (failed == 0)
		failed = r == Z_STREAM_END && left == 0 && z.avail_in == 0 && z.avail_out == 1 ? 0
											: -EBADMSG;
	inflateEnd(&z);
	return failed;
}

static int read_footprint(struct msix *msix, const struct zip_entry *entry, unsigned char *out,
			  struct appsilo_error *err)
{
	int r = entry->method == ZIP_STORED
			? zip_pread(msix->fd, out, (size_t)entry->size, entry->data)
			: inflate_all(msix, entry, out);

	if (r == -EBADMSG)
		return msix_say(msix, entry->name, err, "it does not unpack to the size it should have");
	return r < 0 ? error_set(err, r, "%s", msix->path) : 0;
}

static int read_mapped(struct msix *msix, const struct msix_file *file, unsigned char *out,
		       struct appsilo_error *err)
{
	struct block_reader reader;
	uint64_t offset = file->entry->data;
	int r = block_reader_init(&reader, msix);

	if (r < 0)
		return error_set(err, r, "%s", msix->path);
	for (size_t i = 0; r == 0 && (i < file->map->n || i == 0); i += CHUNK_BLOCKS) {
		size_t left = file->map->n - i, n = left < CHUNK_BLOCKS ? left : CHUNK_BLOCKS;

		r = block_reader_read(&reader, file, i, n, offset, i == 0, err);
		offset += block_packed_size(msix, file, i, n);
		if (r == 0)
			out = mempcpy(out, reader.content, reader.content_size);
	}
	block_reader_done(&reader);
	return r;
}

int msix_read(struct msix *msix, const char *name, size_t max, unsigned char **ret,
	      size_t *ret_size, struct appsilo_error *err)
{
	cleanup_free unsigned char *out = NULL;
	const struct msix_file *file = msix_find(msix, name);
	size_t size;
	int r;

	if (!file)
		return error_say(err, -ENOENT, "%s: %s is not in the package", msix->path, name);
	if (file->entry->size > max || file->entry->size >= UINT32_MAX)
		return error_say(err, -EFBIG, "%s: %s: %llu bytes are more than the %zu it may have",
				 msix->path, name, (unsigned long long)file->entry->size, max);
	size = (size_t)file->entry->size;
	out = malloc(size + 1);
	if (!out)
		return error_set(err, -ENOMEM, "%s", msix->path);
	r = file->map ? read_mapped(msix, file, out, err)
		      : read_footprint(msix, file->entry, out, err);
	if (r < 0)
		return r;
	if (crc32(0, out, (uInt)size) != file->entry->crc)
		return msix_say(msix, name, err, "its CRC is wrong");
	out[size] = '\0';
	*ret = TAKE_PTR(out);
	*ret_size = size;
	return 0;
}

int msix_read_signature(struct msix *msix, unsigned char **ret, size_t *ret_size,
			struct appsilo_error *err)
{
	if (!msix_find(msix, MSIX_SIGNATURE))
		return error_say(err, -ENOENT, "%s: is not signed", msix->path);
	return msix_read(msix, MSIX_SIGNATURE, MSIX_SIGNATURE_MAX, ret, ret_size, err);
}
