/* SPDX-License-Identifier: Apache-2.0 */
#include "package/needs.h"

#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"
#include "package/elf_file.h"
#include <elf.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>

#define LOADER_CONFIG "/etc/ld.so.conf"
#define INCLUDE_DEPTH_MAX 4

static int add_folder(struct needs *needs, const char *folder)
{
	if (*folder != '/' || needs->n_folders == NEEDS_FOLDERS_MAX)
		return 0;
	needs->folders[needs->n_folders] = strdup(folder);
	return needs->folders[needs->n_folders++] ? 0 : -ENOMEM;
}

static int read_config(struct needs *needs, const char *path, int depth);

static int include_config(struct needs *needs, const char *pattern, int depth)
{
	char full[PATH_MAX];
	glob_t found;
	int r = 0;

	snprintf(full, sizeof(full), "%s%s", *pattern == '/' ? "" : "/etc/", pattern);
	if (glob(full, 0, NULL, &found) != 0)
		return 0;
	for (size_t i = 0; r == 0 && i < found.gl_pathc; i++)
		r = read_config(needs, found.gl_pathv[i], depth + 1);
	globfree(&found);
	return r;
}

/* A missing file has no folders. */
static int read_config(struct needs *needs, const char *path, int depth)
{
	char text[65536];
	char *rest = text, *line;
	int r = 0;

	if (depth > INCLUDE_DEPTH_MAX || fd_read_file(AT_FDCWD, path, text, sizeof(text)) < 0)
		return 0;
	while (r == 0 && (line = strsep(&rest, "\n"))) {
		line[strcspn(line, "#\r")] = '\0';
		line += strspn(line, " \t");
		if (strncmp(line, "include", 7) == 0 && (line[7] == ' ' || line[7] == '\t')) {
			line += 7 + strspn(line + 7, " \t");
			r = include_config(needs, line, depth);
		} else {
			line[strcspn(line, " \t=")] = '\0';
			r = add_folder(needs, line);
		}
	}
	return r;
}

int needs_init(struct needs *ret, struct appsilo_error *err)
{
	/* Folders of other machines do no harm: a library of another machine is passed over. */
	static const char *const built_in[] = {
		"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu",
		"/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
		"/lib/riscv64-linux-gnu", "/usr/lib/riscv64-linux-gnu",
		"/lib64", "/usr/lib64", "/lib", "/usr/lib"};
	int r;

	*ret = (struct needs){0};
	r = read_config(ret, LOADER_CONFIG, 0);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(built_in); i++)
		r = add_folder(ret, built_in[i]);
	return r < 0 ? error_set(err, r, "libraries") : 0;
}

static void drop_libraries(struct needs *needs, size_t n)
{
	while (needs->n_libraries > n) {
		struct needs_library *l = &needs->libraries[--needs->n_libraries];

		free(l->name);
		free(l->path);
	}
}

void needs_done(struct needs *needs)
{
	drop_libraries(needs, 0);
	free(needs->libraries);
	for (size_t i = 0; i < needs->n_folders; i++)
		free(needs->folders[i]);
	free(needs->program_rpath);
	free(needs->program_path);
	free(needs->interpreter);
	*needs = (struct needs){0};
}

static bool is_known(const struct needs *needs, const char *name)
{
	for (size_t i = 0; i < needs->n_libraries; i++)
		if (strcmp(needs->libraries[i].name, name) == 0)
			return true;
	return needs->interpreter && strcmp(path_base(needs->interpreter), name) == 0;
}

/* Is there a library of our machine at @path? As the loader does, others are passed over. */
static bool is_library(const struct needs *needs, const char *path, char ret[PATH_MAX])
{
	cleanup(elf_facts_done) struct elf_facts facts = {0};
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && elf_read(fd, &facts) == 0 &&
	       facts.machine == needs->machine && realpath(path, ret);
}

/* A file that asks for libraries. */
struct owner {
	const char *path, *source; /* source may be NULL */
	const struct elf_facts *facts;
};

/* $ORIGIN is the folder of the file that asks. Elements with other variables, empty and
 * relative ones are passed over (CVE-2020-27348). */
static bool expand(const char *element, size_t n, const char *owner, char ret[PATH_MAX])
{
	size_t mark = strncmp(element, "$ORIGIN", 7) == 0     ? 7
		      : strncmp(element, "${ORIGIN}", 9) == 0 ? 9
							       : 0;
	int length;

	if (mark > n || (mark && mark < n && element[mark] != '/'))
		return false;
	length = mark ? snprintf(ret, PATH_MAX, "%.*s%.*s",
				 (int)path_parent_length(owner, strlen(owner)), owner,
				 (int)(n - mark), element + mark)
		      : snprintf(ret, PATH_MAX, "%.*s", (int)n, element);
	return length > 0 && length < PATH_MAX && *ret == '/' && !strchr(ret, '$');
}

static bool search_list(const struct needs *needs, const char *list, const char *owner,
			const char *name, char ret[PATH_MAX])
{
	while (list && *list) {
		size_t n = strcspn(list, ":");
		char folder[PATH_MAX], path[PATH_MAX];

		if (expand(list, n, owner, folder) &&
		    path_join(folder, name, path, sizeof(path)) == 0 &&
		    is_library(needs, path, ret))
			return true;
		list += n;
		list += *list == ':';
	}
	return false;
}

static bool search_folders(const struct needs *needs, const char *name, char ret[PATH_MAX])
{
	char path[PATH_MAX];

	for (size_t i = 0; i < needs->n_folders; i++)
		if (path_join(needs->folders[i], name, path, sizeof(path)) == 0 &&
		    is_library(needs, path, ret))
			return true;
	return false;
}

static bool search_own(const struct needs *needs, const struct owner *owner, const char *list,
		       const char *name, char ret[PATH_MAX])
{
	return search_list(needs, list, owner->path, name, ret) ||
	       (owner->source && search_list(needs, list, owner->source, name, ret));
}

/* The order of ld.so(8). */
static bool find(const struct needs *needs, const struct owner *owner, const char *name,
		 char ret[PATH_MAX])
{
	const struct elf_facts *facts = owner->facts;
	char path[PATH_MAX];

	if (strchr(name, '/'))
		return (expand(name, strlen(name), owner->path, path) &&
			is_library(needs, path, ret)) ||
		       (owner->source && expand(name, strlen(name), owner->source, path) &&
			is_library(needs, path, ret));
	if (!facts->runpath &&
	    (search_own(needs, owner, facts->rpath, name, ret) ||
	     search_list(needs, needs->program_rpath, needs->program_path, name, ret)))
		return true;
	return search_own(needs, owner, facts->runpath, name, ret) ||
	       search_folders(needs, name, ret);
}

static int add_library(struct needs *needs, const char *name, const char *path)
{
	struct needs_library *bigger, l;

	if (needs->n_libraries == NEEDS_LIBRARIES_MAX)
		return -E2BIG;
	bigger = reallocarray(needs->libraries, needs->n_libraries + 1, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	needs->libraries = bigger;
	l = (struct needs_library){strdup(name), strdup(path)};
	needs->libraries[needs->n_libraries++] = l;
	return l.name && l.path ? 0 : -ENOMEM;
}

static int add_needed(struct needs *needs, const struct owner *owner, struct appsilo_error *err)
{
	const char *subject = owner->source ? owner->source : owner->path;
	char path[PATH_MAX], shown[256], shown_owner[512];
	int r = 0;

	text_show(subject, shown_owner, sizeof(shown_owner));
	for (size_t i = 0; r == 0 && i < owner->facts->n_needed; i++) {
		const char *name = owner->facts->needed[i];

		if (is_known(needs, name))
			continue;
		if (!find(needs, owner, name, path))
			return error_say(err, -ENOENT,
					 "%s: needs the library %s, which is not found; install it",
					 shown_owner, text_show(name, shown, sizeof(shown)));
		r = add_library(needs, name, path);
	}
	return r < 0 ? error_set(err, r, "%s: libraries", shown_owner) : 0;
}

static int keep_program(struct needs *needs, const struct elf_facts *facts, const char *path)
{
	free(needs->program_path);
	free(needs->program_rpath);
	needs->program_path = strdup(path);
	needs->program_rpath = facts->rpath && !facts->runpath ? strdup(facts->rpath) : NULL;
	if (!needs->interpreter)
		needs->interpreter = strdup(facts->interpreter);
	return needs->program_path && needs->interpreter ? 0 : -ENOMEM;
}

static int read_facts(struct needs *needs, const char *path, struct elf_facts *ret,
		      struct appsilo_error *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int r = fd < 0 ? -errno : elf_read(fd, ret);
	char shown[512];

	text_show(path, shown, sizeof(shown));
	if (r == -ENOEXEC)
		return 1;
	if (r == -EBADMSG)
		return error_say(err, r, "%s: a damaged ELF file", shown);
	if (r == -ENOTSUP)
		return error_say(err, r, "%s: only 64-bit little-endian programs are packed", shown);
	if (r < 0)
		return error_set(err, r, "%s", shown);
	if (!needs->machine)
		needs->machine = ret->machine;
	return ret->machine == needs->machine
		       ? 0
		       : error_say(err, -EXDEV, "%s: made for another kind of machine", shown);
}

/* One file; its libraries are appended, and become files of their own. */
static int follow_one(struct needs *needs, const char *path, const char *source,
		      struct appsilo_error *err)
{
	cleanup(elf_facts_done) struct elf_facts facts = {0};
	const struct owner owner = {path, source, &facts};
	int r = read_facts(needs, path, &facts, err);

	if (r == 0 && facts.interpreter && keep_program(needs, &facts, source ? source : path) < 0)
		r = error_set(err, -ENOMEM, "libraries");
	return r == 0 ? add_needed(needs, &owner, err) : r;
}

static int follow_from(struct needs *needs, size_t first, struct appsilo_error *err)
{
	int r = 0;

	for (size_t i = first; r >= 0 && i < needs->n_libraries; i++) {
		cleanup_free char *path = strdup(needs->libraries[i].path);

		r = path ? follow_one(needs, path, NULL, err) : error_set(err, -ENOMEM, "libraries");
	}
	return r < 0 ? r : 0;
}

int needs_follow(struct needs *needs, const char *path, const char *source,
		 struct appsilo_error *err)
{
	size_t before = needs->n_libraries;
	int r = follow_one(needs, path, source, err);

	if (r == 0)
		r = follow_from(needs, before, err);
	if (r < 0)
		drop_libraries(needs, before);
	return r;
}

int needs_add_library(struct needs *needs, const char *name, struct appsilo_error *err)
{
	static const struct elf_facts nothing = {0};
	const struct owner nobody = {"/", NULL, &nothing};
	size_t before = needs->n_libraries;
	char path[PATH_MAX];
	int r;

	if (is_known(needs, name) || !find(needs, &nobody, name, path))
		return 0;
	r = add_library(needs, name, path);
	if (r == 0)
		r = follow_from(needs, before, err);
	if (r < 0)
		drop_libraries(needs, before);
	return r == -ENOMEM ? error_set(err, r, "libraries") : 0;
}

bool needs_has(const struct needs *needs, const char *prefix)
{
	for (size_t i = 0; i < needs->n_libraries; i++)
		if (strncmp(needs->libraries[i].name, prefix, strlen(prefix)) == 0)
			return true;
	return false;
}
