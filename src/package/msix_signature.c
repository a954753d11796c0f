/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a signature is over, and putting one in. A signer leaves everything before its own
 * file as it is; the central directory and the end records are hashed as if that file were not
 * there.
 */
#include "package/content_types.h"
#include "package/msix_internal.h"
#include "package/new_file.h"
#include "package/zip_write.h"

#include <string.h>

#define COPY_SIZE 65536

/* Without the signature: how many entries, where they end. */
static size_t unsigned_part(const struct msix *msix, uint64_t *ret_end, size_t *ret_central)
{
	const struct zip_directory *zip = &msix->zip;
	const struct zip_entry *last = &zip->entries[zip->n - 1];

	*ret_end = zip->central_offset;
	*ret_central = zip->central_size;
	if (strcmp(last->name, MSIX_SIGNATURE) != 0)
		return zip->n;
	*ret_end = last->offset;
	*ret_central = last->central;
	return zip->n - 1;
}

static int digest_file(const struct msix *msix, uint64_t end, unsigned char *ret)
{
	cleanup_free unsigned char *buffer = malloc(CHUNK_SIZE);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int r = buffer && context && EVP_DigestInit(context, EVP_sha256()) == 1 ? 0 : -ENOMEM;

	for (uint64_t at = 0; r == 0 && at < end;) {
		size_t n = end - at < CHUNK_SIZE ? (size_t)(end - at) : CHUNK_SIZE;

		r = zip_pread(msix->fd, buffer, n, at);
		if (r == 0 && EVP_DigestUpdate(context, buffer, n) != 1)
			r = -ENOMEM;
		at += n;
	}
	if (r == 0 && EVP_DigestFinal_ex(context, ret, NULL) != 1)
		r = -ENOMEM;
	EVP_MD_CTX_free(context);
	return r;
}

static int digest_directory(const struct msix *msix, size_t n, size_t size, uint64_t offset,
			    unsigned char *ret)
{
	unsigned char end[ZIP_END64_SIZE + ZIP_LOCATOR_SIZE + ZIP_END_SIZE];
	size_t n_end = zip_end_records(&msix->zip, n, size, offset, end);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int r = context && EVP_DigestInit(context, EVP_sha256()) == 1 &&
				EVP_DigestUpdate(context, msix->zip.central, size) == 1 &&
				EVP_DigestUpdate(context, end, n_end) == 1 &&
				EVP_DigestFinal_ex(context, ret, NULL) == 1
			? 0
			: -ENOMEM;

	EVP_MD_CTX_free(context);
	return r;
}

static int digest_entry(struct msix *msix, const char *name, unsigned char *ret,
			struct appsilo_error *err)
{
	cleanup_free unsigned char *text = NULL;
	size_t size;
	int r = msix_read(msix, name, MSIX_FOOTPRINT_MAX, &text, &size, err);

	return r < 0 ? r : msix_sha256(text, size, ret);
}

int msix_digests(struct msix *msix, unsigned char ret[MSIX_DIGESTS_MAX], size_t *ret_size,
		 struct appsilo_error *err)
{
	static const char names[][5] = {"AXPC", "AXCD", "AXCT", "AXBM", "AXCI"};
	bool has_integrity = msix_find(msix, MSIX_CODE_INTEGRITY);
	unsigned char *digests[5];
	uint64_t end;
	size_t central, n = unsigned_part(msix, &end, &central);
	int r;

	memcpy(ret, "APPX", 4);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		memcpy(ret + 4 + i * (4 + SHA256_SIZE), names[i], 4);
		digests[i] = ret + 8 + i * (4 + SHA256_SIZE);
	}
	*ret_size = 4 + (has_integrity ? 5 : 4) * (4 + SHA256_SIZE);
	memcpy(digests[3], msix->map_digest, SHA256_SIZE);
	r = digest_file(msix, end, digests[0]);
	if (r == 0)
		r = digest_directory(msix, n, central, end, digests[1]);
	if (r < 0)
		return error_set(err, r, "%s", msix->path);
	r = digest_entry(msix, MSIX_CONTENT_TYPES, digests[2], err);
	if (r == 0 && has_integrity)
		r = digest_entry(msix, MSIX_CODE_INTEGRITY, digests[4], err);
	return r == -ENOMEM ? error_set(err, r, "%s", msix->path) : r;
}

static int copy_range(const struct msix *msix, uint64_t from, uint64_t to, struct zip_writer *zip)
{
	cleanup_free unsigned char *buffer = malloc(COPY_SIZE);
	int r = buffer ? 0 : -ENOMEM;

	while (r == 0 && from < to) {
		size_t n = to - from < COPY_SIZE ? (size_t)(to - from) : COPY_SIZE;

		r = zip_pread(msix->fd, buffer, n, from);
		if (r == 0)
			r = zip_append(zip, buffer, n);
		from += n;
	}
	return r;
}

/* A central record whose local header has moved by @shift. */
static int add_moved(const struct msix *msix, const struct zip_entry *entry, int64_t shift,
		     struct zip_writer *zip)
{
	const unsigned char *old = msix->zip.central + entry->central;
	cleanup_free unsigned char *record = malloc(entry->central_size);
	uint64_t offset = entry->offset + (uint64_t)shift;

	if (!record)
		return -ENOMEM;
	memcpy(record, old, entry->central_size);
	if (zip_u32(old + 42) == UINT32_MAX)
		zip_put64(record + entry->central_size - 8, offset); /* the last field of the extra */
	else if (offset < UINT32_MAX)
		zip_put32(record + 42, offset);
	else
		return -EFBIG;
	return zip_add_raw(zip, record, entry->central_size);
}

static int add_stored(struct zip_writer *zip, const char *name, const void *data, size_t size)
{
	struct zip_new file = {.encoded = name, .crc = (uint32_t)crc32(0, data, (uInt)size),
			       .size = size, .packed = size, .offset = zip->offset};
	unsigned char header[ZIP_LOCAL_SIZE + 64];
	int r;

	zip_put_header(&file, header);
	r = zip_append(zip, header, zip_header_size(name));
	if (r == 0)
		r = zip_append(zip, data, size);
	return r < 0 ? r : zip_add_central(zip, &file);
}

/* All files but the signature; [Content_Types].xml from @types unless NULL. */
static int copy_files(const struct msix *msix, size_t n, const char *types, size_t types_size,
		      struct zip_writer *zip)
{
	int64_t shift = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct zip_entry *entry = &msix->zip.entries[i];
		uint64_t end = i + 1 < msix->zip.n ? entry[1].offset : msix->zip.central_offset;

		if (types && strcmp(entry->name, MSIX_CONTENT_TYPES) == 0) {
			r = add_stored(zip, MSIX_CONTENT_TYPES, types, types_size);
		} else {
			r = add_moved(msix, entry, shift, zip);
			if (r == 0)
				r = copy_range(msix, entry->offset, end, zip);
		}
		shift = (int64_t)(zip->offset - end);
	}
	return r;
}

static void done(struct zip_writer *zip)
{
	zip_writer_done(zip);
}

/* The whole package anew, with or without a signature. */
static int rewrite(const struct msix *msix, const char *out_path, const char *types,
		   size_t types_size, const unsigned char *p7x, size_t size, struct appsilo_error *err)
{
	cleanup(new_file_done) struct new_file out = {.fd = -EBADF};
	cleanup(done) struct zip_writer zip = {.fd = -EBADF};
	uint64_t end;
	size_t central, n = unsigned_part(msix, &end, &central);
	int r = new_file_open(out_path, &out, err);

	if (r < 0)
		return r;
	zip.fd = out.fd;
	r = copy_files(msix, n, types, types_size, &zip);
	if (r == 0 && p7x)
		r = add_stored(&zip, MSIX_SIGNATURE, p7x, size);
	if (r == 0)
		r = zip_finish(&zip, &msix->zip);
	if (r < 0)
		return error_set(err, r, "%s: write the package", msix->path);
	return new_file_commit(&out, true, err);
}

/* [Content_Types].xml as it is. Returns 1 when it names the signature, 0 when not. */
static int read_types(struct msix *msix, unsigned char **ret, size_t *ret_size,
		      char label[PATH_MAX + 32], struct appsilo_error *err)
{
	int r = msix_read(msix, MSIX_CONTENT_TYPES, MSIX_FOOTPRINT_MAX, ret, ret_size, err);

	snprintf(label, PATH_MAX + 32, "%s: " MSIX_CONTENT_TYPES, msix->path);
	return r < 0 ? r : content_types_name_signature((char *)*ret, *ret_size, label, err);
}

int msix_prepare_signature(const char *path, const char *out_path, struct appsilo_error *err)
{
	cleanup(msix_closep) struct msix *msix = NULL;
	cleanup_free unsigned char *types = NULL;
	cleanup_free char *more = NULL;
	char label[PATH_MAX + 32];
	size_t size, more_size = 0;
	int r = msix_open(path, NULL, &msix, err);

	if (r == 0)
		r = read_types(msix, &types, &size, label, err);
	if (r == 0)
		r = content_types_add_signature((char *)types, size, label, &more, &more_size, err);
	return r < 0 ? r : rewrite(msix, out_path, more, more_size, NULL, 0, err);
}

int msix_add_signature(const char *path, const unsigned char *p7x, size_t size,
		       struct appsilo_error *err)
{
	cleanup(msix_closep) struct msix *msix = NULL;
	cleanup_free unsigned char *types = NULL;
	char label[PATH_MAX + 32];
	size_t types_size;
	int r;

	if (size <= 4 || size > MSIX_SIGNATURE_MAX || memcmp(p7x, "PKCX", 4) != 0)
		return error_say(err, -EINVAL, "%s: that is no signature of a package", path);
	r = msix_open(path, NULL, &msix, err);
	if (r == 0)
		r = read_types(msix, &types, &types_size, label, err);
	if (r == 0)
		return error_say(err, -EINVAL, "%s does not name the signature; prepare it first", label);
	return r < 0 ? r : rewrite(msix, path, NULL, 0, p7x, size, err);
}
