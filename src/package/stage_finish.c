/* SPDX-License-Identifier: Apache-2.0 */
/* The last steps of a stage: libraries, logo, manifest. */
#include "package/stage.h"

#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"
#include "package/elf_file.h"
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define VFS "VFS"

/* 44 x 44 transparent pixels: the published schema wants a picture. */
static const unsigned char logo[] = {
	0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d,
	0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x00, 0x2c, 0x00, 0x00, 0x00, 0x2c,
	0x08, 0x03, 0x00, 0x00, 0x00, 0x29, 0x5a, 0xaa, 0x33, 0x00, 0x00, 0x00,
	0x03, 0x50, 0x4c, 0x54, 0x45, 0x30, 0x69, 0x98, 0xc9, 0xfa, 0x13, 0xd2,
	0x00, 0x00, 0x00, 0x01, 0x74, 0x52, 0x4e, 0x53, 0x00, 0x40, 0xe6, 0xd8,
	0x66, 0x00, 0x00, 0x00, 0x17, 0x49, 0x44, 0x41, 0x54, 0x78, 0xda, 0x63,
	0x60, 0x18, 0x05, 0xa3, 0x60, 0x14, 0x8c, 0x82, 0x51, 0x30, 0x0a, 0x46,
	0xc1, 0x50, 0x02, 0x00, 0x07, 0xbc, 0x00, 0x01, 0x32, 0xc6, 0x13, 0xdf,
	0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
};

/* Parts of the C library that programs load by name, or that modules built for other systems
 * ask for: all of one version, or they do not fit each other. */
static const char *const c_library[] = {
	"libgcc_s.so.1", "libm.so.6",	     "libdl.so.2",	   "libpthread.so.0",
	"librt.so.1",	 "libutil.so.1",     "libresolv.so.2",	   "libnss_files.so.2",
	"libnss_dns.so.2", "libanl.so.1",    NULL,
};

static int add_companions(struct needs *needs, const char *const *names, struct appsilo_error *err)
{
	int r = 0;

	for (; r == 0 && *names; names++)
		r = needs_add_library(needs, *names, err);
	return r;
}

static void warn(const struct stage *stage, const char *line, const char *what)
{
	char text[ERROR_LINE_MAX + 64];

	if (!stage->warn)
		return;
	snprintf(text, sizeof(text), "%s; %s", line, what);
	stage->warn(stage->data, text);
}

static int staged_path(const struct stage *stage, const char *target, char ret[PATH_MAX])
{
	return snprintf(ret, PATH_MAX, "%s/" VFS "%s", stage->path, target) < PATH_MAX
		       ? 0
		       : -ENAMETOOLONG;
}

/* Returns 1 when @program is to be left as it is. */
static int follow(struct stage *stage, const struct stage_program *program, const char *path,
		  struct appsilo_error *err)
{
	int r = needs_follow(&stage->needs, path, program->source, err);

	if (r >= 0 || r == -ENOMEM || program->policy == STAGE_NEEDED)
		return r;
	if (program->policy == STAGE_OR_KEEP) {
		warn(stage, err->line, "it will not load");
		return 1;
	}
	warn(stage, err->line, "it is left out");
	stage->files--;
	return unlink(path) < 0 ? error_set(err, -errno, "%s", path) : 1;
}

/* A program asks for the packaged loader; a module must not keep it from its folder. */
static int change(const struct stage_program *program, const char *path, struct appsilo_error *err)
{
	cleanup(elf_facts_done) struct elf_facts facts = {0};
	cleanup_close int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	char loader[PATH_MAX];
	int r = fd < 0 ? -errno : elf_read(fd, &facts);

	if (r == 0 && facts.interpreter) {
		r = path_join(STAGE_LIBRARIES, path_base(facts.interpreter), loader, sizeof(loader));
		if (r == 0)
			r = elf_set_loader(fd, loader, STAGE_LIBRARIES);
	} else if (r == 0) {
		r = elf_follow_program(fd);
	}
	if (r == -ENOSPC)
		return error_say(err, r, "%s: its headers have no room for the folder of the packaged "
					 "libraries", program->source);
	return r < 0 ? error_set(err, r, "%s", program->source) : 0;
}

static int settle_programs(struct stage *stage, struct appsilo_error *err)
{
	for (size_t i = 0; i < stage->n_programs; i++) {
		const struct stage_program *program = &stage->programs[i];
		char path[PATH_MAX];
		int r = staged_path(stage, program->target, path);

		if (r < 0)
			return error_set(err, r, "%s", program->target);
		r = follow(stage, program, path, err);
		if (r == 0)
			r = change(program, path, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_library(struct stage *stage, const char *name, const char *source,
		       struct appsilo_error *err)
{
	cleanup_close int fd = -EBADF;
	char target[PATH_MAX], path[PATH_MAX];
	int r;

	/* Bundled ones are found beside the file that brings them. */
	if (path_is_under(source, stage->path) || strchr(name, '/'))
		return 0;
	if (path_join(STAGE_LIBRARIES, name, target, sizeof(target)) < 0 ||
	    staged_path(stage, target, path) < 0)
		return error_set(err, -ENAMETOOLONG, "%s", source);
	r = stage_add_file(stage, source, target, STAGE_NEEDED, err);
	if (r < 0)
		return r;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	r = fd < 0 ? -errno : elf_follow_program(fd);
	return r < 0 ? error_set(err, r, "%s", source) : 0;
}

static int add_loader(struct stage *stage, struct appsilo_error *err)
{
	const char *name = stage->needs.interpreter;
	char source[PATH_MAX], target[PATH_MAX];

	if (!name)
		return 0;
	if (!realpath(name, source))
		return error_set(err, -errno, "the loader %s", name);
	if (path_join(STAGE_LIBRARIES, path_base(name), target, sizeof(target)) < 0)
		return error_set(err, -ENAMETOOLONG, "%s", name);
	/* A module of a program that comes later may have named it as a library. */
	return stage_has(stage, target) ? 0
					: stage_add_file(stage, source, target, STAGE_NEEDED, err);
}

int stage_add_libraries(struct stage *stage, const char *const *companions,
			struct appsilo_error *err)
{
	int r = settle_programs(stage, err);

	if (r == 0)
		r = add_companions(&stage->needs, companions, err);
	if (r == 0 && needs_has(&stage->needs, "libc.so.6"))
		r = add_companions(&stage->needs, c_library, err);
	for (size_t i = 0; r == 0 && i < stage->needs.n_libraries; i++)
		r = add_library(stage, stage->needs.libraries[i].name,
				stage->needs.libraries[i].path, err);
	return r < 0 ? r : add_loader(stage, err);
}

const char *stage_architecture(const struct stage *stage)
{
	switch (stage->needs.machine) {
	case EM_X86_64:
		return "x64";
	case EM_AARCH64:
		return "arm64";
	default:
		return "neutral";
	}
}

static int write_new(const struct stage *stage, const char *name, const void *data, size_t size,
		     struct appsilo_error *err)
{
	cleanup_close int fd =
		openat(stage->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int r = fd < 0 ? -errno : fd_write_all(fd, data, size);

	return r < 0 ? error_set(err, r, "pack: %s/%s", stage->path, name) : 0;
}

int stage_add_manifest(struct stage *stage, struct manifest *manifest, struct appsilo_error *err)
{
	cleanup_free char *text = NULL;
	size_t size;
	int r;

	free(manifest->logo);
	manifest->logo = strdup(STAGE_LOGO);
	r = manifest->logo ? manifest_write(manifest, &text, &size, err)
			   : error_set(err, -ENOMEM, "manifest");
	if (r == 0 && mkdirat(stage->fd, "Assets", 0755) < 0)
		r = error_set(err, -errno, "pack: %s/Assets", stage->path);
	if (r == 0)
		r = write_new(stage, STAGE_LOGO, logo, sizeof(logo), err);
	return r < 0 ? r : write_new(stage, MANIFEST_FILE, text, size, err);
}
