/* SPDX-License-Identifier: Apache-2.0 */
/* A folder to be packed, listed and judged before anything is written. */
#ifndef APPSILO_PACKAGE_TREE_H
#define APPSILO_PACKAGE_TREE_H

#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

enum tree_kind {
	TREE_FILE,
	TREE_LINK,
	TREE_EMPTY_FOLDER,
	TREE_TEXT, /* not on disk: what the packer adds */
};

struct tree_item {
	char *path;   /* relative, with "/"; owned */
	char *text;   /* target of a link, or the text; owned; else NULL */
	enum tree_kind kind;
	bool executable;
	uint64_t size; /* bytes */
	dev_t device;
	ino_t inode;
	struct timespec changed;
};

struct tree {
	struct tree_item *items; /* owned */
	size_t n, room;
	uint64_t bytes;
};

/**
 * List everything below @dir_fd, sorted by name, and refuse what a package cannot hold. The
 * top folder's footprint files other than the manifest, and AppsiloFiles.txt, are passed over:
 * they are made anew.
 * @label  names the folder in errors
 * Returns 0 and a tree for tree_done(); -EINVAL; -errno with the line.
 */
int tree_list(int dir_fd, const char *label, struct tree *ret, struct appsilo_error *err) must_check;

/** Add @text, handed over, as file @path, last. Returns 0; -ENOMEM. */
int tree_add_text(struct tree *tree, const char *path, char *text, size_t size) must_check;

void tree_done(struct tree *tree);

#endif
