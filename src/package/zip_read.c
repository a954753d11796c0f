/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two readers that see different files in one zip are how signed packages were forged (Android
 * bug 8219321 and its kin). So nothing here is searched for: the end record is the last 22
 * bytes, everything before it has to tile the file without a gap, and what is said twice has
 * to be said alike.
 */
#include "package/zip.h"

#include "base/text.h"
#include "package/msix.h"
#include "package/names.h"
#include <limits.h>
#include <sys/stat.h>

#define FLAGS_TAKEN (ZIP_FLAG_DESCRIPTOR | 0x0006 | 0x0800) /* deflate hints, UTF-8 names */
#define LOCAL_NAME_MAX (3 * MSIX_NAME_MAX)

struct zip_reader {
	int fd;
	const char *path; /* escaped */
	struct zip_directory *dir;
	struct appsilo_error *err;
};

static int say(const struct zip_reader *z, const char *what)
{
	return error_say(z->err, -EBADMSG, "%s: damaged: %s", z->path, what);
}

static int say_entry(const struct zip_reader *z, const struct zip_entry *entry, const char *what)
{
	char shown[1024];

	if (entry->name)
		return error_say(z->err, -EBADMSG, "%s: %s: %s", z->path,
				 text_show(entry->name, shown, sizeof(shown)), what);
	return error_say(z->err, -EBADMSG, "%s: file number %zu: %s", z->path,
			 (size_t)(entry - z->dir->entries) + 1, what);
}

int zip_pread(int fd, void *data, size_t size, uint64_t offset)
{
	char *p = data;

	while (size > 0) {
		ssize_t n = pread(fd, p, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EBADMSG;
		p += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static int get(const struct zip_reader *z, void *data, size_t size, uint64_t offset)
{
	int r = zip_pread(z->fd, data, size, offset);

	return r == -EBADMSG ? say(z, "it ends too early")
			     : r < 0 ? error_set(z->err, r, "%s", z->path) : 0;
}

/* A field of the end record is the real value or says "see the zip64 record". */
static bool fits(uint64_t field, uint64_t escape, uint64_t value)
{
	return field == escape || field == value;
}

static int read_end64(struct zip_reader *z, uint64_t locator_offset, uint64_t *ret_n)
{
	struct zip_directory *d = z->dir;
	const unsigned char *e = d->end64, *end = d->end;
	uint64_t offset = zip_u64(d->locator + 8);
	int r;

	if (zip_u32(d->locator + 4) != 0 || zip_u32(d->locator + 16) != 1 ||
	    locator_offset < ZIP_END64_SIZE || offset != locator_offset - ZIP_END64_SIZE)
		return say(z, "its zip64 locator is wrong");
	r = get(z, d->end64, ZIP_END64_SIZE, offset);
	if (r < 0)
		return r;
	if (zip_u32(e) != ZIP_END64_MAGIC || zip_u64(e + 4) != ZIP_END64_SIZE - 12 ||
	    zip_u16(e + 12) != ZIP_VERSION64 || zip_u16(e + 14) != ZIP_VERSION64 ||
	    zip_u32(e + 16) != 0 || zip_u32(e + 20) != 0 || zip_u64(e + 24) != zip_u64(e + 32))
		return say(z, "its zip64 end record is wrong");
	*ret_n = zip_u64(e + 32);
	d->central_size = zip_u64(e + 40);
	d->central_offset = zip_u64(e + 48);
	if (!fits(zip_u16(end + 8), UINT16_MAX, *ret_n) ||
	    !fits(zip_u16(end + 10), UINT16_MAX, *ret_n) ||
	    zip_u16(end + 8) != zip_u16(end + 10) ||
	    !fits(zip_u32(end + 12), UINT32_MAX, d->central_size) ||
	    !fits(zip_u32(end + 16), UINT32_MAX, d->central_offset))
		return say(z, "its end record and its zip64 end record differ");
	if (d->central_offset > offset || d->central_size != offset - d->central_offset)
		return say(z, "its central directory does not end where the end record begins");
	d->zip64 = true;
	return 0;
}

static int read_end(struct zip_reader *z, uint64_t *ret_n)
{
	struct zip_directory *d = z->dir;
	uint64_t offset = d->file_size - ZIP_END_SIZE;
	int r;

	if (d->file_size < ZIP_END_SIZE)
		return say(z, "it is too short for a package");
	r = get(z, d->end, ZIP_END_SIZE, offset);
	if (r < 0)
		return r;
	if (zip_u32(d->end) != ZIP_END_MAGIC || zip_u16(d->end + 20) != 0)
		return say(z, "it does not end with a zip's end record (cut off, or no package)");
	/* Some tools write 0xffff for "one disk". */
	if (zip_u16(d->end + 4) != zip_u16(d->end + 6) || !fits(zip_u16(d->end + 4), UINT16_MAX, 0))
		return say(z, "its end record names several disks");
	if (offset >= ZIP_LOCATOR_SIZE) {
		r = get(z, d->locator, ZIP_LOCATOR_SIZE, offset - ZIP_LOCATOR_SIZE);
		if (r < 0)
			return r;
		if (zip_u32(d->locator) == ZIP_LOCATOR_MAGIC)
			return read_end64(z, offset - ZIP_LOCATOR_SIZE, ret_n);
	}
	*ret_n = zip_u16(d->end + 8);
	d->central_size = zip_u32(d->end + 12);
	d->central_offset = zip_u32(d->end + 16);
	if (zip_u16(d->end + 10) != *ret_n || zip_u16(d->end + 4) != 0 ||
	    d->central_offset > offset || d->central_size != offset - d->central_offset)
		return say(z, "its end record does not fit its central directory");
	return 0;
}

/* Sizes and offset that do not fit 32 bits are in the only extra field that is taken. */
static int read_extra(const struct zip_reader *z, struct zip_entry *entry,
		      const unsigned char *extra, size_t size)
{
	uint64_t *const fields[] = {&entry->size, &entry->packed, &entry->offset};
	size_t used = 4;

	if (size == 0)
		return 0;
	if (size < 4 || zip_u16(extra) != ZIP_EXTRA64 || zip_u16(extra + 2) != size - 4)
		return say_entry(z, entry, "an extra field that is not zip64's");
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (*fields[i] != UINT32_MAX)
			continue;
		if (size - used < 8)
			return say_entry(z, entry, "a zip64 field that is too short");
		*fields[i] = zip_u64(extra + used);
		used += 8;
	}
	return used == size && used > 4 ? 0 : say_entry(z, entry, "a zip64 field that is too long");
}

static int take_name(const struct zip_reader *z, struct zip_entry *entry, const char *name, size_t n)
{
	const char *problem;
	char line[128];
	int r;

	if (n == 0 || n > LOCAL_NAME_MAX)
		return say_entry(z, entry, n ? "its name is too long" : "it has no name");
	r = name_decode(name, n, &entry->name);
	if (r == -ENOMEM)
		return error_set(z->err, r, "%s", z->path);
	if (r < 0)
		return say_entry(z, entry, "its name holds NUL, an escaped slash or a bad escape");
	problem = name_problem(entry->name);
	if (!problem)
		return 0;
	snprintf(line, sizeof(line), "its name has %s", problem);
	return say_entry(z, entry, line);
}

static int read_central(const struct zip_reader *z, struct zip_entry *entry, size_t *at)
{
	const struct zip_directory *d = z->dir;
	const unsigned char *c = d->central + *at;
	size_t left = d->central_size - *at, name, extra;
	int r;

	if (left < ZIP_CENTRAL_SIZE || zip_u32(c) != ZIP_CENTRAL_MAGIC)
		return say_entry(z, entry, "its record in the central directory is missing");
	name = zip_u16(c + 28);
	extra = zip_u16(c + 30);
	if (left - ZIP_CENTRAL_SIZE < name + extra)
		return say_entry(z, entry, "its record in the central directory is cut off");
	*entry = (struct zip_entry){
		.method = zip_u16(c + 10), .crc = zip_u32(c + 16), .packed = zip_u32(c + 20),
		.size = zip_u32(c + 24), .offset = zip_u32(c + 42), .central = *at,
		.central_size = ZIP_CENTRAL_SIZE + name + extra};
	r = take_name(z, entry, (const char *)c + ZIP_CENTRAL_SIZE, name);
	if (r == 0)
		r = read_extra(z, entry, c + ZIP_CENTRAL_SIZE + name, extra);
	if (r < 0)
		return r;
	/* Made by Unix: mode bits, and links among them, that only some readers follow. What MSIX
	 * tools write never varies; it is said once only, so any other value is damage. */
	if (zip_u16(c + 4) != ZIP_VERSION64)
		return say_entry(z, entry, "made by a tool or system that MSIX does not know");
	if (zip_u16(c + 8) & ~FLAGS_TAKEN || (entry->method != ZIP_STORED && entry->method != ZIP_DEFLATED))
		return say_entry(z, entry, "a way of packing that MSIX does not have");
	if (entry->method == ZIP_STORED && entry->packed != entry->size)
		return say_entry(z, entry, "it is stored, but its two sizes differ");
	if (zip_u16(c + 32) || zip_u16(c + 34) || zip_u16(c + 36) || zip_u32(c + 38))
		return say_entry(z, entry, "a comment, disk or attribute that MSIX does not have");
	*at += entry->central_size;
	return 0;
}

/* @gap: bytes between the data and what follows. */
static int check_descriptor(const struct zip_reader *z, const struct zip_entry *entry, uint64_t gap)
{
	unsigned char b[ZIP_DESCRIPTOR64_SIZE];
	bool wide = gap == ZIP_DESCRIPTOR64_SIZE;
	int r;

	if (!wide && gap != 16)
		return say_entry(z, entry, "bytes between its data and what follows");
	r = get(z, b, gap, entry->data + entry->packed);
	if (r < 0)
		return r;
	if (zip_u32(b) != ZIP_DESCRIPTOR_MAGIC || zip_u32(b + 4) != entry->crc ||
	    (wide ? zip_u64(b + 8) : zip_u32(b + 8)) != entry->packed ||
	    (wide ? zip_u64(b + 16) : zip_u32(b + 12)) != entry->size)
		return say_entry(z, entry, "its data descriptor and the central directory differ");
	return 0;
}

static int check_local_sizes(const struct zip_reader *z, const struct zip_entry *entry,
			     const unsigned char *local, const unsigned char *extra, size_t size)
{
	struct zip_entry copy = *entry; /* for messages; the offset is not in a local header */
	bool described = zip_u16(local + 6) & ZIP_FLAG_DESCRIPTOR;
	uint32_t crc = zip_u32(local + 14);
	int r;

	copy.packed = zip_u32(local + 18);
	copy.size = zip_u32(local + 22);
	copy.offset = 0;
	if (described && crc == 0 && copy.packed == 0 && copy.size == 0 && size == 0)
		return 0;
	r = read_extra(z, &copy, extra, size);
	if (r < 0)
		return r;
	return crc == entry->crc && copy.packed == entry->packed && copy.size == entry->size
		       ? 0
		       : say_entry(z, entry, "CRC or sizes in its local header and in the central "
					     "directory differ");
}

/* @end: where the next thing begins. */
static int check_local(const struct zip_reader *z, struct zip_entry *entry, uint64_t end)
{
	const unsigned char *c = z->dir->central + entry->central;
	unsigned char local[ZIP_LOCAL_SIZE + LOCAL_NAME_MAX + 64];
	size_t name = zip_u16(c + 28), extra;
	uint64_t room = end - entry->offset;
	int r;

	if (room < ZIP_LOCAL_SIZE + name)
		return say_entry(z, entry, "no room for its local header");
	r = get(z, local, ZIP_LOCAL_SIZE + name, entry->offset);
	if (r < 0)
		return r;
	/* Version, flags, method, time, date; then the length of the name and the name. */
	if (zip_u32(local) != ZIP_LOCAL_MAGIC || memcmp(local + 4, c + 6, 10) != 0 ||
	    zip_u16(local + 26) != name || memcmp(local + ZIP_LOCAL_SIZE, c + ZIP_CENTRAL_SIZE, name) != 0)
		return say_entry(z, entry, "its local header and the central directory differ");
	extra = zip_u16(local + 28);
	if (extra > 64)
		return say_entry(z, entry, "an extra field that is not zip64's");
	entry->header_size = (uint32_t)(ZIP_LOCAL_SIZE + name + extra);
	if (room < entry->header_size || room - entry->header_size < entry->packed)
		return say_entry(z, entry, "its data runs into what follows");
	entry->data = entry->offset + entry->header_size;
	r = get(z, local + ZIP_LOCAL_SIZE + name, extra, entry->offset + ZIP_LOCAL_SIZE + name);
	if (r == 0)
		r = check_local_sizes(z, entry, local, local + ZIP_LOCAL_SIZE + name, extra);
	if (r < 0)
		return r;
	room -= entry->header_size + entry->packed;
	if (zip_u16(local + 6) & ZIP_FLAG_DESCRIPTOR)
		return check_descriptor(z, entry, room);
	return room == 0 ? 0 : say_entry(z, entry, "bytes between its data and what follows");
}

static int check_names(const struct zip_reader *z)
{
	const struct zip_directory *d = z->dir;
	cleanup_free const char **names = calloc(d->n, sizeof(*names));
	struct name_clash clash;
	char a[512], b[512];
	int r;

	if (!names)
		return error_set(z->err, -ENOMEM, "%s", z->path);
	for (size_t i = 0; i < d->n; i++)
		names[i] = d->entries[i].name;
	r = name_find_clash(names, d->n, &clash);
	if (r <= 0)
		return r < 0 ? error_set(z->err, r, "%s", z->path) : 0;
	text_show(names[clash.first], a, sizeof(a));
	text_show(names[clash.second], b, sizeof(b));
	if (clash.folder)
		return error_say(z->err, -EBADMSG, "%s: %s is a file, but %s lies below it", z->path, a, b);
	return strcmp(a, b) == 0
		       ? error_say(z->err, -EBADMSG, "%s: %s is there twice", z->path, a)
		       : error_say(z->err, -EBADMSG, "%s: %s and %s differ only in case", z->path, a, b);
}

static int read_entries(struct zip_reader *z, uint64_t n)
{
	struct zip_directory *d = z->dir;
	size_t at = 0;
	int r;

	if (n == 0 || n > MSIX_ENTRIES_MAX || n > d->central_size / ZIP_CENTRAL_SIZE)
		return error_say(z->err, n > MSIX_ENTRIES_MAX ? -EFBIG : -EBADMSG,
				 "%s: %llu files in its directory cannot be", z->path,
				 (unsigned long long)n);
	d->central = malloc(d->central_size);
	d->entries = calloc(n, sizeof(*d->entries));
	if (!d->central || !d->entries)
		return error_set(z->err, -ENOMEM, "%s", z->path);
	r = get(z, d->central, d->central_size, d->central_offset);
	while (r == 0 && d->n < n)
		r = read_central(z, &d->entries[d->n++], &at);
	if (r == 0 && at != d->central_size)
		r = say(z, "bytes after the last record of its central directory");
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct zip_entry *entry = &d->entries[i];
		uint64_t end = i + 1 < n ? entry[1].offset : d->central_offset;

		if (i == 0 ? entry->offset != 0 : entry->offset < entry[-1].data)
			r = say_entry(z, entry, "its place is not behind the file before it");
		else if (end < entry->offset || end > d->central_offset)
			r = say_entry(z, entry, "what follows it begins before it, or past the end");
		else
			r = check_local(z, entry, end);
	}
	return r < 0 ? r : check_names(z);
}

int zip_read(int fd, const char *path, struct zip_directory *ret, struct appsilo_error *err)
{
	struct appsilo_error unused;
	struct zip_directory dir = {0};
	struct zip_reader z = {.fd = fd, .dir = &dir, .err = err ? err : &unused};
	char shown[PATH_MAX];
	struct stat st;
	uint64_t n = 0;
	int r;

	z.path = text_show(path, shown, sizeof(shown));
	if (fstat(fd, &st) < 0)
		return error_set(err, -errno, "%s", z.path);
	if (!S_ISREG(st.st_mode))
		return error_say(err, -EINVAL, "%s: is not a regular file", z.path);
	dir.file_size = (uint64_t)st.st_size;
	r = read_end(&z, &n);
	if (r == 0)
		r = read_entries(&z, n);
	if (r < 0) {
		zip_done(&dir);
		return r;
	}
	*ret = dir;
	return 0;
}

void zip_done(struct zip_directory *directory)
{
	for (size_t i = 0; directory->entries && i < directory->n; i++)
		free(directory->entries[i].name);
	free(directory->entries);
	free(directory->central);
	*directory = (struct zip_directory){0};
}

size_t zip_end_records(const struct zip_directory *like, uint64_t n, uint64_t size,
		       uint64_t offset, unsigned char *ret)
{
	unsigned char *p = ret;

	if (like->zip64) {
		memcpy(p, like->end64, ZIP_END64_SIZE);
		zip_put64(p + 24, n);
		zip_put64(p + 32, n);
		zip_put64(p + 40, size);
		zip_put64(p + 48, offset);
		memcpy(p + ZIP_END64_SIZE, like->locator, ZIP_LOCATOR_SIZE);
		zip_put64(p + ZIP_END64_SIZE + 8, offset + size);
		p += ZIP_END64_SIZE + ZIP_LOCATOR_SIZE;
	}
	memcpy(p, like->end, ZIP_END_SIZE);
	/* Signers hash "disk 0" even where the file says 0xffff. */
	zip_put32(p + 4, 0);
	if (!like->zip64 || zip_u16(like->end + 8) != UINT16_MAX) {
		zip_put16(p + 8, n);
		zip_put16(p + 10, n);
	}
	if (!like->zip64 || zip_u32(like->end + 12) != UINT32_MAX)
		zip_put32(p + 12, size);
	if (!like->zip64 || zip_u32(like->end + 16) != UINT32_MAX)
		zip_put32(p + 16, offset);
	return (size_t)(p - ret) + ZIP_END_SIZE;
}
