/* SPDX-License-Identifier: Apache-2.0 */
#include "package/msix_internal.h"

#include "base/text.h"
#include "package/names.h"
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>

int msix_say(const struct msix *msix, const char *name, struct appsilo_error *err,
	     const char *format, ...)
{
	char what[256], shown[640];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return error_say(err, -EBADMSG, "%s: %s: %s", msix->path,
			 text_show(name, shown, sizeof(shown)), what);
}

unsigned int msix_threads(const struct msix_options *options)
{
	cpu_set_t set;
	int n = 1;

	if (options->threads)
		return options->threads < THREADS_MAX ? options->threads : THREADS_MAX;
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	return n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : (unsigned int)n;
}

int msix_sha256(const void *data, size_t size, unsigned char ret[SHA256_SIZE])
{
	return EVP_Q_digest(NULL, "SHA256", NULL, data, size, ret, NULL) == 1 ? 0 : -ENOMEM;
}

static int by_name(const void *a, const void *b, void *data)
{
	const struct msix *msix = data;

	return strcmp(msix->files[*(const size_t *)a].entry->name,
		      msix->files[*(const size_t *)b].entry->name);
}

struct msix_file *msix_find(const struct msix *msix, const char *name)
{
	size_t low = 0, high = msix->zip.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct msix_file *file = &msix->files[msix->by_name[middle]];
		int order = strcmp(name, file->entry->name);

		if (order == 0)
			return file;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static bool is_footprint(const char *name)
{
	static const char *const names[] = {MSIX_BLOCK_MAP, MSIX_CONTENT_TYPES, MSIX_SIGNATURE,
					    MSIX_CODE_INTEGRITY};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static int index_files(struct msix *msix)
{
	size_t n = msix->zip.n;

	msix->files = calloc(n, sizeof(*msix->files));
	msix->by_name = calloc(n, sizeof(*msix->by_name));
	if (!msix->files || !msix->by_name)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		msix->files[i].entry = &msix->zip.entries[i];
		msix->by_name[i] = i;
	}
	qsort_r(msix->by_name, n, sizeof(*msix->by_name), by_name, msix);
	return 0;
}

/* What must be there, what must be last, and how much there may be in all. */
static int check_files(const struct msix *msix, struct appsilo_error *err)
{
	static const char *const needed[] = {MSIX_MANIFEST, MSIX_BLOCK_MAP, MSIX_CONTENT_TYPES};
	const struct zip_directory *zip = &msix->zip;
	uint64_t max = msix->options.max_bytes ? msix->options.max_bytes : MSIX_SIZE_MAX;
	uint64_t left = max;

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (!msix_find(msix, needed[i]))
			return error_say(err, -EBADMSG, "%s: is no package: %s is missing", msix->path,
					 needed[i]);
	for (size_t i = 0; i < zip->n; i++) {
		if (strcmp(zip->entries[i].name, MSIX_SIGNATURE) == 0 && i + 1 < zip->n)
			return msix_say(msix, MSIX_SIGNATURE, err, "it is not the last file");
		if (zip->entries[i].size > left)
			return error_say(err, -EFBIG,
					 "%s: unpacks to more than %llu bytes; raise --max-size if "
					 "that is right", msix->path, (unsigned long long)max);
		left -= zip->entries[i].size;
	}
	if (!msix->options.max_bytes && max - left > MSIX_RATIO_FREE &&
	    (max - left) / MSIX_RATIO_MAX > zip->file_size)
		return error_say(err, -EFBIG,
				 "%s: unpacks to %llu bytes, more than %d times its size; give "
				 "--max-size if that is right", msix->path,
				 (unsigned long long)(max - left), MSIX_RATIO_MAX);
	return 0;
}

static int match_blocks(const struct msix *msix, const struct msix_file *file,
			struct appsilo_error *err)
{
	const struct zip_entry *entry = file->entry;
	uint64_t packed = 0;

	if (file->map->size != entry->size)
		return msix_say(msix, entry->name, err, "block map and zip give it different sizes");
	if (file->map->header_size != entry->header_size)
		return msix_say(msix, entry->name, err,
				"the block map gives its local header %u bytes, it has %u",
				file->map->header_size, entry->header_size);
	for (size_t i = file->map->first; i < file->map->first + file->map->n; i++) {
		uint32_t size = msix->map.blocks[i].packed;

		if ((entry->method == ZIP_DEFLATED) != (size != 0))
			return msix_say(msix, entry->name, err,
					"block %zu: the block map gives it %s size", i - file->map->first,
					size ? "a packed" : "no packed");
		packed += size;
	}
	if (entry->method == ZIP_DEFLATED &&
	    (packed > entry->packed || entry->packed - packed > TERMINATOR_MAX))
		return msix_say(msix, entry->name, err,
				"its blocks take %llu bytes by the block map and %llu by the zip",
				(unsigned long long)packed, (unsigned long long)entry->packed);
	return 0;
}

/* Each file of the zip in the map and each of the map in the zip, once. */
static int match_map(struct msix *msix, struct appsilo_error *err)
{
	for (size_t i = 0; i < msix->map.n; i++) {
		const struct blockmap_file *map = &msix->map.files[i];
		struct msix_file *file = msix_find(msix, map->name);
		int r;

		if (!file)
			return msix_say(msix, map->name, err, "it is in the block map, but not in the zip");
		if (file->map)
			return msix_say(msix, map->name, err, "it is in the block map twice");
		if (is_footprint(map->name))
			return msix_say(msix, map->name, err, "it must not be in the block map");
		file->map = map;
		r = match_blocks(msix, file, err);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < msix->zip.n; i++)
		if (!msix->files[i].map && !is_footprint(msix->files[i].entry->name))
			return msix_say(msix, msix->files[i].entry->name, err,
					"it is in the zip, but not in the block map");
	return 0;
}

static int load_map(struct msix *msix, struct appsilo_error *err)
{
	cleanup_free unsigned char *text = NULL;
	char label[PATH_MAX + 32];
	size_t size;
	int r = msix_read(msix, MSIX_BLOCK_MAP, MSIX_BLOCK_MAP_MAX, &text, &size, err);

	if (r == 0 && msix_sha256(text, size, msix->map_digest) < 0)
		r = error_set(err, -ENOMEM, "%s", msix->path);
	snprintf(label, sizeof(label), "%s: " MSIX_BLOCK_MAP, msix->path);
	if (r == 0)
		r = blockmap_parse((const char *)text, size, label, &msix->map, err);
	return r < 0 ? r : match_map(msix, err);
}

static int check_facts(struct msix *msix, struct appsilo_error *err)
{
	size_t n = 0;
	cleanup_free const char **names =
		calloc(msix->zip.n + msix->facts.n + 1, sizeof(*names));
	struct name_clash clash;
	int r;

	if (!names)
		return error_set(err, -ENOMEM, "%s", msix->path);
	for (size_t i = 0; i < msix->zip.n; i++)
		names[n++] = msix->zip.entries[i].name;
	for (size_t i = 0; i < msix->facts.n; i++) {
		const struct unix_fact *fact = &msix->facts.facts[i];
		struct msix_file *file = msix_find(msix, fact->path);

		if (fact->kind != 'x') {
			names[n++] = fact->path;
			continue;
		}
		if (!file || !file->map)
			return msix_say(msix, fact->path, err,
					MSIX_UNIX_FACTS " names it, but it is not in the package");
		file->executable = true;
	}
	r = name_find_clash(names, n, &clash);
	if (r > 0)
		return msix_say(msix, names[clash.second], err,
				"it clashes with another file, link or folder of " MSIX_UNIX_FACTS);
	return r < 0 ? error_set(err, r, "%s", msix->path) : 0;
}

static int load_facts(struct msix *msix, struct appsilo_error *err)
{
	unsigned char *text;
	char label[PATH_MAX + 32];
	size_t size;
	int r;

	if (!msix_find(msix, MSIX_UNIX_FACTS))
		return 0;
	r = msix_read(msix, MSIX_UNIX_FACTS, UNIX_FACTS_MAX, &text, &size, err);
	if (r < 0)
		return r;
	snprintf(label, sizeof(label), "%s: " MSIX_UNIX_FACTS, msix->path);
	r = unix_facts_parse((char *)text, size, label, &msix->facts, err);
	return r < 0 ? r : check_facts(msix, err);
}

int msix_open_fd(int fd, const char *path, const struct msix_options *options, struct msix **ret,
		 struct appsilo_error *err)
{
	cleanup(msix_closep) struct msix *msix = calloc(1, sizeof(*msix));
	int r;

	if (!msix)
		return error_set(err, -ENOMEM, "%s", path);
	msix->fd = fd;
	if (options)
		msix->options = *options;
	text_show(path, msix->path, sizeof(msix->path));
	r = zip_read(fd, path, &msix->zip, err);
	if (r == 0 && index_files(msix) < 0)
		r = error_set(err, -ENOMEM, "%s", msix->path);
	if (r == 0)
		r = check_files(msix, err);
	if (r == 0)
		r = load_map(msix, err);
	if (r == 0)
		r = load_facts(msix, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(msix);
	return 0;
}

int msix_open(const char *path, const struct msix_options *options, struct msix **ret,
	      struct appsilo_error *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char shown[PATH_MAX];
	int r;

	if (fd < 0)
		return error_set(err, -errno, "%s", text_show(path, shown, sizeof(shown)));
	r = msix_open_fd(fd, path, options, ret, err);
	if (r < 0)
		return r;
	(*ret)->own_fd = true;
	(void)TAKE_FD(fd);
	return 0;
}

void msix_close(struct msix *msix)
{
	if (!msix)
		return;
	zip_done(&msix->zip);
	blockmap_done(&msix->map);
	unix_facts_done(&msix->facts);
	free(msix->files);
	free(msix->by_name);
	if (msix->own_fd)
		close_keep_errno(msix->fd);
	free(msix);
}

void msix_count(const struct msix *msix, struct msix_counts *ret)
{
	*ret = (struct msix_counts){
		.files = msix->map.n, .blocks = msix->map.n_blocks, .packed_bytes = msix->zip.file_size};
	for (size_t i = 0; i < msix->map.n; i++)
		ret->bytes += msix->map.files[i].size;
	for (size_t i = 0; i < msix->facts.n; i++)
		ret->links += msix->facts.facts[i].kind == 'l';
}

const char *msix_name(const struct msix *msix, size_t i)
{
	return i < msix->map.n ? msix->map.files[i].name : NULL;
}
