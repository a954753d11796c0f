/* SPDX-License-Identifier: Apache-2.0 */
#include "package/wheel.h"

#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"
#include <minizip/unzip.h>
#include <string.h>
#include <sys/stat.h>

#define NAME_SIZE 1024

/* Is one of the "."-separated tags of @field one that @fits? */
static bool any_tag(const char *field, size_t length, const struct python_facts *facts,
		    bool (*fits)(const char *tag, const struct python_facts *facts))
{
	const char *end = field + length;

	while (field < end) {
		size_t n = strcspn(field, ".-");
		char tag[64];

		if (snprintf(tag, sizeof(tag), "%.*s", (int)n, field) < (int)sizeof(tag) &&
		    fits(tag, facts))
			return true;
		field += n + 1;
	}
	return false;
}

/* py3, py311, cp311; cp38 too, which counts for the stable ABI and for pure modules. */
static bool python_fits(const char *tag, const struct python_facts *facts)
{
	unsigned int minor;
	char rest;

	if (strcmp(tag, "py3") == 0)
		return true;
	return (sscanf(tag, "py3%u%c", &minor, &rest) == 1 ||
		sscanf(tag, "cp3%u%c", &minor, &rest) == 1) &&
	       minor <= facts->minor;
}

static bool abi_fits(const char *tag, const struct python_facts *facts)
{
	char own[16];

	snprintf(own, sizeof(own), "cp3%u", facts->minor);
	return strcmp(tag, "none") == 0 || strcmp(tag, "abi3") == 0 || strcmp(tag, own) == 0;
}

static bool platform_fits(const char *tag, const struct python_facts *facts)
{
	size_t n = strlen(tag);

	(void)facts;
	if (strcmp(tag, "any") == 0)
		return true;
#if defined(__x86_64__)
	return strstr(tag, "linux") && n > 7 && strcmp(tag + n - 7, "_x86_64") == 0;
#elif defined(__aarch64__)
	return strstr(tag, "linux") && n > 8 && strcmp(tag + n - 8, "_aarch64") == 0;
#else
	return n > 0 && strstr(tag, "linux");
#endif
}

const char *wheel_problem(const char *name, const struct python_facts *facts)
{
	size_t n = strlen(name);
	const char *end = name + n - 4, *fields[3];

	if (n < 5 || strcmp(end, ".whl") != 0)
		return "its name does not end with .whl";
	for (int i = 2; i >= 0; i--) {
		const char *stop = i == 2 ? end : fields[i + 1] - 1;

		while (stop > name && stop[-1] != '-')
			stop--;
		fields[i] = stop;
		if (stop == name)
			return "its name is not NAME-VERSION-PYTHON-ABI-PLATFORM.whl";
	}
	if (!any_tag(fields[0], (size_t)(fields[1] - 1 - fields[0]), facts, python_fits) ||
	    !any_tag(fields[1], (size_t)(fields[2] - 1 - fields[1]), facts, abi_fits))
		return "it is for another version of Python";
	return any_tag(fields[2], (size_t)(end - fields[2]), facts, platform_fits)
		       ? NULL
		       : "it is for another kind of machine";
}

struct wheel {
	unzFile zip;
	struct stage *stage;
	const char *path, *site;
	uint64_t bytes;
	struct appsilo_error *err;
};

static void wheel_close(struct wheel *w)
{
	if (w->zip)
		unzClose(w->zip);
}

static int refuse(const struct wheel *w, const char *name, const char *why)
{
	char shown[512], entry[256];

	return error_say(w->err, -EBADMSG, "%s: %s: %s", text_show(w->path, shown, sizeof(shown)),
			 text_show(name, entry, sizeof(entry)), why);
}

/* Nothing that could be read as a way out, here or on another system. */
static bool name_is_safe(const char *name)
{
	for (const char *p = name;; p++) {
		size_t n = strcspn(p, "/");

		if (n == 0 || (n == 1 && *p == '.') || (n == 2 && strncmp(p, "..", 2) == 0) ||
		    n > NAME_MAX)
			return false;
		p += n;
		if (!*p)
			return !strpbrk(name, "\\:");
		if (!p[1])
			return !strpbrk(name, "\\:"); /* a folder */
	}
}

/* Where an entry goes below the site folder; NULL when it is left out. NAME.data/ holds what an
 * installer would spread over the system. */
static const char *place_of(const char *name)
{
	const char *slash = strchr(name, '/');
	const char *in_data = slash ? slash + 1 : "";

	if (!slash || slash - name < 5 || strncmp(slash - 5, ".data", 5) != 0)
		return name;
	if (strncmp(in_data, "purelib/", 8) == 0 || strncmp(in_data, "platlib/", 8) == 0)
		return in_data + 8;
	return NULL;
}

static int copy_entry(struct wheel *w, int fd, const char *name)
{
	char buffer[65536];
	int n, r = 0;

	while (r == 0 && (n = unzReadCurrentFile(w->zip, buffer, sizeof(buffer))) > 0) {
		/* Counted as it comes: a declared size may lie (zip bombs). */
		w->bytes += (uint64_t)n;
		if (w->bytes > WHEEL_BYTES_MAX)
			return refuse(w, name, "the wheel unpacks to more than 4 GiB");
		r = fd_write_all(fd, buffer, (size_t)n);
	}
	if (r < 0)
		return error_set(w->err, r, "pack: %s", w->stage->path);
	return n < 0 ? refuse(w, name, "damaged") : 0;
}

static int unpack_entry(struct wheel *w, const char *name, const char *place, bool executable)
{
	char target[PATH_MAX], source[PATH_MAX + NAME_SIZE + 2];
	cleanup_close int fd = -EBADF;
	int r;

	if (path_join(w->site, place, target, sizeof(target)) < 0)
		return refuse(w, name, "the name is too long");
	if (unzOpenCurrentFile(w->zip) != UNZ_OK)
		return refuse(w, name, "damaged, encrypted or packed in an unknown way");
	fd = stage_create(w->stage, target, executable, w->err);
	if (fd < 0)
		return fd;
	r = copy_entry(w, fd, name);
	/* Closing is what compares the checksum. */
	if (unzCloseCurrentFile(w->zip) != UNZ_OK && r == 0)
		r = refuse(w, name, "damaged: its checksum differs");
	snprintf(source, sizeof(source), "%s/%s", w->path, name);
	return r < 0 ? r : stage_settle(w->stage, fd, target, source, STAGE_OR_KEEP, w->err);
}

static int take_entry(struct wheel *w)
{
	char name[NAME_SIZE];
	const char *place;
	unz_file_info64 info;
	mode_t mode;

	if (unzGetCurrentFileInfo64(w->zip, &info, name, sizeof(name), NULL, 0, NULL, 0) != UNZ_OK)
		return refuse(w, "directory", "damaged");
	if (info.size_filename >= sizeof(name) || strlen(name) != info.size_filename)
		return refuse(w, name, "the name is too long or holds a NUL byte");
	mode = (mode_t)(info.external_fa >> 16);
	if (!name_is_safe(name))
		return refuse(w, name, "the name leads out of the wheel");
	if (S_ISLNK(mode))
		return refuse(w, name, "wheels hold no links");
	place = place_of(name);
	if (!place || name[info.size_filename - 1] == '/')
		return 0;
	return unpack_entry(w, name, place, mode & S_IXUSR);
}

int wheel_add(struct stage *stage, const char *path, const struct python_facts *facts,
	      const char *site, struct appsilo_error *err)
{
	cleanup(wheel_close) struct wheel w = {.stage = stage, .path = path, .site = site, .err = err};
	const char *slash = strrchr(path, '/');
	const char *problem = wheel_problem(slash ? slash + 1 : path, facts);
	char shown[512];
	int next, n = 0, r = 0;

	text_show(path, shown, sizeof(shown));
	if (problem)
		return error_say(err, -EINVAL, "--wheel %s: %s", shown, problem);
	if (access(path, R_OK) < 0)
		return error_set(err, -errno, "--wheel %s", shown);
	w.zip = unzOpen64(path);
	if (!w.zip)
		return error_say(err, -EBADMSG, "--wheel %s: not a zip file, or damaged", shown);
	next = unzGoToFirstFile(w.zip);
	for (; r == 0 && next == UNZ_OK; next = unzGoToNextFile(w.zip)) {
		if (++n > WHEEL_ENTRIES_MAX)
			return refuse(&w, "directory", "too many entries");
		r = take_entry(&w);
	}
	if (r == 0 && next != UNZ_END_OF_LIST_OF_FILE)
		return refuse(&w, "directory", "damaged");
	return r;
}
