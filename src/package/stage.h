/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A package's tree in the making: files are copied under VFS, where a start lays them over
 * the system, and the libraries that programs and modules need are gathered.
 *
 * Libraries, the C library and the loader among them, go to a folder of their own, which only
 * packaged programs look into (elf_set_loader). At their usual places they would replace the
 * system's for every program in the sandbox, whose versions they need not fit; left out, the
 * package would run only where the system's fit. docs/ARCHITECTURE.md, Packages.
 * One object is used by one thread.
 */
#ifndef APPSILO_PACKAGE_STAGE_H
#define APPSILO_PACKAGE_STAGE_H

#include "base/error.h"
#include "manifest/manifest.h"
#include "package/needs.h"
#include <limits.h>

#define STAGE_LIBRARIES "/usr/lib/appsilo-package" /* as seen inside */
#define STAGE_LOGO "Assets/logo.png"
#define STAGE_COMPILING "compiling" /* told as progress */
#define STAGE_DEPTH_MAX 64 /* folders in folders of a copied tree */

/* What becomes of a program or module whose library is missing. */
enum stage_policy {
	STAGE_NEEDED,  /* nothing can be packed then */
	STAGE_OR_DROP, /* it is left out, with a warning */
	STAGE_OR_KEEP, /* it stays, with a warning */
};

struct stage_program {
	char *target; /* relative to the package; owned */
	char *source; /* owned */
	enum stage_policy policy;
};

struct stage {
	char path[PATH_MAX]; /* absolute */
	int fd;
	struct needs needs;
	struct stage_program *programs; /* owned; ELF files staged so far */
	size_t n_programs;
	uint64_t files, bytes;
	/* Told now and then what is being done; not 0: stop. May be NULL. */
	int (*progress)(void *data, const struct stage *stage, const char *what);
	/* One line for what was left out; may be NULL. */
	void (*warn)(void *data, const char *line);
	void *data;
};

/**
 * Make the folder @path, which must be missing or empty.
 * Returns 0; -ENOTEMPTY; -errno with the line. Release with stage_done() in any case.
 */
int stage_open(const char *path, struct stage *ret, struct appsilo_error *err) must_check;
void stage_done(struct stage *stage);

/** Tell the stage's owner what is being done. Returns 0; -ECANCELED: it wants no more. */
int stage_tell(const struct stage *stage, const char *what) must_check;

/** Remove the folder and all in it, as far as that goes; for a stage that stage_open() made. */
void stage_discard(const struct stage *stage);

/** What is asked of each entry of a copied tree; a folder that is left out is not entered. */
typedef bool (*stage_wanted_fn)(void *data, const char *name, bool folder);

/**
 * Copy the regular file @source to @target (as seen inside, absolute). Links are followed.
 * Returns 0; -EEXIST when two files go to one place; -errno with the line.
 */
int stage_add_file(struct stage *stage, const char *source, const char *target,
		   enum stage_policy policy, struct appsilo_error *err) must_check;

/**
 * Copy the tree @source. Links to files are followed; links to folders, dangling links and
 * what is no file are left out.
 * @wanted  may be NULL: all of it
 */
int stage_add_tree(struct stage *stage, const char *source, const char *target,
		   enum stage_policy policy, stage_wanted_fn wanted, void *data,
		   struct appsilo_error *err) must_check;

/** Write a new file. */
int stage_add_text(struct stage *stage, const char *target, const void *text, size_t size,
		   bool executable, struct appsilo_error *err) must_check;

/** A link @target with the relative text @to. */
int stage_add_link(struct stage *stage, const char *target, const char *to,
		   struct appsilo_error *err) must_check;

/** True when @target (as seen inside) was staged. */
bool stage_has(const struct stage *stage, const char *target);

/**
 * Open a new file at @target for writing, with its folders; stage_settle() follows.
 * Returns a descriptor; -errno with the line.
 */
int stage_create(struct stage *stage, const char *target, bool executable,
		 struct appsilo_error *err) must_check;

/** What was written to @fd, the file at @target, is complete. @source names it in errors. */
int stage_settle(struct stage *stage, int fd, const char *target, const char *source,
		 enum stage_policy policy, struct appsilo_error *err) must_check;

/**
 * After all programs and modules: gather the libraries they need and the loader, and make
 * the programs find them. @companions: libraries that are loaded by name at run time, taken
 * along where this system has them; ends with NULL.
 */
int stage_add_libraries(struct stage *stage, const char *const *companions,
			struct appsilo_error *err) must_check;

/** The last step: logo and manifest. */
int stage_add_manifest(struct stage *stage, struct manifest *manifest,
		       struct appsilo_error *err) must_check;

/** The name of the packed programs' kind of machine in manifests; "neutral" without any. */
const char *stage_architecture(const struct stage *stage);

#endif
