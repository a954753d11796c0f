/* SPDX-License-Identifier: Apache-2.0 */
#include "package/zip_write.h"

#include "package/msix.h"
#include <unistd.h>

#define DATE_1980 0x0021

size_t zip_header_size(const char *encoded)
{
	return ZIP_LOCAL_SIZE + strlen(encoded);
}

/* Version needed to CRC: the same 14 bytes in both headers. */
static void put_common(const struct zip_new *file, unsigned char *p, bool crc)
{
	bool big = file->size >= ZIP_BIG;

	zip_put16(p, big || file->offset >= UINT32_MAX ? ZIP_VERSION64 : ZIP_VERSION);
	zip_put16(p + 2, big ? ZIP_FLAG_DESCRIPTOR : 0);
	zip_put16(p + 4, file->method);
	zip_put16(p + 6, 0);
	zip_put16(p + 8, DATE_1980);
	zip_put32(p + 10, crc ? file->crc : 0);
}

void zip_put_header(const struct zip_new *file, unsigned char *ret)
{
	bool big = file->size >= ZIP_BIG;
	size_t n = strlen(file->encoded);

	zip_put32(ret, ZIP_LOCAL_MAGIC);
	put_common(file, ret + 4, !big);
	zip_put32(ret + 18, big ? 0 : file->packed);
	zip_put32(ret + 22, big ? 0 : file->size);
	zip_put16(ret + 26, n);
	zip_put16(ret + 28, 0);
	memcpy(ret + ZIP_LOCAL_SIZE, file->encoded, n);
}

size_t zip_put_descriptor(const struct zip_new *file, unsigned char ret[ZIP_DESCRIPTOR64_SIZE])
{
	if (file->size < ZIP_BIG)
		return 0;
	zip_put32(ret, ZIP_DESCRIPTOR_MAGIC);
	zip_put32(ret + 4, file->crc);
	zip_put64(ret + 8, file->packed);
	zip_put64(ret + 16, file->size);
	return ZIP_DESCRIPTOR64_SIZE;
}

int zip_pwrite(int fd, const void *data, size_t size, uint64_t offset)
{
	const char *p = data;

	while (size > 0) {
		ssize_t n = pwrite(fd, p, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

int zip_append(struct zip_writer *writer, const void *data, size_t size)
{
	int r = zip_pwrite(writer->fd, data, size, writer->offset);

	writer->offset += size;
	return r;
}

int zip_add_raw(struct zip_writer *writer, const void *record, size_t size)
{
	if (writer->central_room - writer->central_size < size) {
		size_t room = 2 * writer->central_room + size + 65536;
		unsigned char *bigger = realloc(writer->central, room);

		if (!bigger)
			return -ENOMEM;
		writer->central = bigger;
		writer->central_room = room;
	}
	memcpy(writer->central + writer->central_size, record, size);
	writer->central_size += size;
	writer->n++;
	return 0;
}

int zip_add_central(struct zip_writer *writer, const struct zip_new *file)
{
	unsigned char record[ZIP_CENTRAL_SIZE + 3 * MSIX_NAME_MAX + 32] = {0};
	bool big = file->size >= ZIP_BIG, far = file->offset >= UINT32_MAX;
	size_t n = strlen(file->encoded), used = ZIP_CENTRAL_SIZE + n;
	unsigned char *extra = record + used + 4;

	if (n > 3 * MSIX_NAME_MAX)
		return -ENAMETOOLONG;
	zip_put32(record, ZIP_CENTRAL_MAGIC);
	zip_put16(record + 4, ZIP_VERSION64);
	put_common(file, record + 6, true);
	zip_put32(record + 20, big ? UINT32_MAX : file->packed);
	zip_put32(record + 24, big ? UINT32_MAX : file->size);
	zip_put16(record + 28, n);
	zip_put32(record + 42, far ? UINT32_MAX : file->offset);
	memcpy(record + ZIP_CENTRAL_SIZE, file->encoded, n);
	if (big) {
		zip_put64(extra, file->size);
		zip_put64(extra + 8, file->packed);
		extra += 16;
	}
	if (far) {
		zip_put64(extra, file->offset);
		extra += 8;
	}
	if (big || far) {
		size_t size = (size_t)(extra - record) - used;

		zip_put16(record + 30, size);
		zip_put16(record + used, ZIP_EXTRA64);
		zip_put16(record + used + 2, size - 4);
		used += size;
	}
	return zip_add_raw(writer, record, used);
}

/* Zip64 end records of a new package; the plain one sends readers to them. */
static void new_shape(struct zip_directory *ret)
{
	*ret = (struct zip_directory){.zip64 = true};
	zip_put32(ret->end64, ZIP_END64_MAGIC);
	zip_put64(ret->end64 + 4, ZIP_END64_SIZE - 12);
	zip_put16(ret->end64 + 12, ZIP_VERSION64);
	zip_put16(ret->end64 + 14, ZIP_VERSION64);
	zip_put32(ret->locator, ZIP_LOCATOR_MAGIC);
	zip_put32(ret->locator + 16, 1);
	zip_put32(ret->end, ZIP_END_MAGIC);
	memset(ret->end + 8, 0xff, 12);
}

int zip_finish(struct zip_writer *writer, const struct zip_directory *like)
{
	unsigned char end[ZIP_END64_SIZE + ZIP_LOCATOR_SIZE + ZIP_END_SIZE];
	uint64_t offset = writer->offset;
	struct zip_directory fresh;
	size_t n;
	int r = zip_append(writer, writer->central, writer->central_size);

	if (!like)
		new_shape(&fresh);
	n = zip_end_records(like ? like : &fresh, writer->n, writer->central_size, offset, end);
	return r < 0 ? r : zip_append(writer, end, n);
}

void zip_writer_done(struct zip_writer *writer)
{
	free(writer->central);
	*writer = (struct zip_writer){.fd = -EBADF};
}
