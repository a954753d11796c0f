/* SPDX-License-Identifier: Apache-2.0 */
#include "package/tree.h"

#include "base/text.h"
#include "package/msix.h"
#include "package/names.h"
#include "package/unix_facts.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 128

struct walk {
	struct tree *tree;
	const char *label;
	char path[PATH_MAX];
	struct appsilo_error *err;
};

static int refuse(const struct walk *w, const char *path, const char *what)
{
	char shown[640];

	return error_say(w->err, -EINVAL, "pack %s: %s: %s", w->label,
			 text_show(path, shown, sizeof(shown)), what);
}

static struct tree_item *new_item(struct tree *tree, const char *path, enum tree_kind kind)
{
	if (tree->n == tree->room) {
		size_t room = tree->room ? 2 * tree->room : 256;
		struct tree_item *bigger = reallocarray(tree->items, room, sizeof(*bigger));

		if (!bigger)
			return NULL;
		tree->items = bigger;
		tree->room = room;
	}
	tree->items[tree->n] = (struct tree_item){.path = strdup(path), .kind = kind};
	return tree->items[tree->n].path ? &tree->items[tree->n++] : NULL;
}

int tree_add_text(struct tree *tree, const char *path, char *text, size_t size)
{
	struct tree_item *item = new_item(tree, path, TREE_TEXT);

	if (!item) {
		free(text);
		return -ENOMEM;
	}
	item->text = text;
	item->size = size;
	tree->bytes += size;
	return 0;
}

void tree_done(struct tree *tree)
{
	for (size_t i = 0; i < tree->n; i++) {
		free(tree->items[i].path);
		free(tree->items[i].text);
	}
	free(tree->items);
	*tree = (struct tree){0};
}

/* "./x//y/." says "x/y"; what the rest says is judged afterwards. */
static void tidy_target(char *target)
{
	char *out = target, *in = target;

	if (*target == '/')
		return;
	while (*in) {
		size_t n = strcspn(in, "/");

		if (n > 0 && !(n == 1 && *in == '.')) {
			if (out > target)
				*out++ = '/';
			memmove(out, in, n);
			out += n;
		}
		in += n;
		in += *in == '/';
	}
	*out = '\0';
}

static int add_link(struct walk *w, int dir_fd, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir_fd, name, target, sizeof(target) - 1);
	struct tree_item *item;
	const char *problem;
	char line[96];

	if (n < 0)
		return error_set(w->err, -errno, "pack %s: %s", w->label, w->path);
	target[n] = '\0';
	tidy_target(target);
	problem = unix_link_problem(w->path, target);
	if (problem) {
		snprintf(line, sizeof(line), "a link that cannot be packed: %s", problem);
		return refuse(w, w->path, line);
	}
	item = new_item(w->tree, w->path, TREE_LINK);
	if (!item || !(item->text = strdup(target)))
		return error_set(w->err, -ENOMEM, "pack");
	return 0;
}

static int add_file(struct walk *w, const struct stat *st)
{
	struct tree_item *item = new_item(w->tree, w->path, TREE_FILE);

	if (!item)
		return error_set(w->err, -ENOMEM, "pack");
	item->size = (uint64_t)st->st_size;
	item->executable = st->st_mode & 0111;
	item->device = st->st_dev;
	item->inode = st->st_ino;
	item->changed = st->st_mtim;
	w->tree->bytes += item->size;
	return 0;
}

static bool is_made_anew(const char *path)
{
	static const char *const names[] = {MSIX_BLOCK_MAP, MSIX_CONTENT_TYPES, MSIX_SIGNATURE,
					    MSIX_CODE_INTEGRITY, MSIX_UNIX_FACTS};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(path, names[i]) == 0)
			return true;
	return false;
}

static int walk(struct walk *w, int parent_fd, const char *name, int depth);

static int add(struct walk *w, int dir_fd, const char *name, int depth)
{
	const char *problem = name_problem(w->path);
	struct stat st;
	char line[96];

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set(w->err, -errno, "pack %s: %s", w->label, w->path);
	if (is_made_anew(w->path))
		return 0;
	if (problem) {
		snprintf(line, sizeof(line), "MSIX cannot hold a name with %s", problem);
		return refuse(w, w->path, line);
	}
	if (w->tree->n == MSIX_ENTRIES_MAX)
		return refuse(w, w->path, "there are more files than a package may have");
	if (S_ISDIR(st.st_mode))
		return walk(w, dir_fd, name, depth + 1);
	if (S_ISLNK(st.st_mode))
		return add_link(w, dir_fd, name);
	if (S_ISREG(st.st_mode))
		return add_file(w, &st);
	return refuse(w, w->path, "neither a file, a folder nor a link");
}

static int walk(struct walk *w, int parent_fd, const char *name, int depth)
{
	cleanup_close int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 || depth > DEPTH_MAX ? NULL : fdopendir(dup(fd));
	size_t length = strlen(w->path), before = w->tree->n;
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return depth > DEPTH_MAX ? refuse(w, w->path, "folders are nested too deeply")
					 : error_set(w->err, -errno, "pack %s: %s", w->label, w->path);
	while (r == 0 && (entry = readdir(dir))) {
		const char *child = entry->d_name;

		if (strcmp(child, ".") == 0 || strcmp(child, "..") == 0)
			continue;
		if (snprintf(w->path + length, sizeof(w->path) - length, "%s%s", length ? "/" : "",
			     child) >= (int)(sizeof(w->path) - length))
			r = error_set(w->err, -ENAMETOOLONG, "pack %s", w->label);
		else
			r = add(w, fd, child, depth);
		w->path[length] = '\0';
	}
	closedir(dir);
	if (r == 0 && depth > 0 && w->tree->n == before && !new_item(w->tree, w->path, TREE_EMPTY_FOLDER))
		r = error_set(w->err, -ENOMEM, "pack");
	return r;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct tree_item *)a)->path, ((const struct tree_item *)b)->path);
}

static int check_clashes(const struct walk *w)
{
	const struct tree *tree = w->tree;
	cleanup_free const char **names = calloc(tree->n + 1, sizeof(*names));
	struct name_clash clash;
	char line[768], shown[640];
	int r;

	if (!names)
		return error_set(w->err, -ENOMEM, "pack");
	for (size_t i = 0; i < tree->n; i++)
		names[i] = tree->items[i].path;
	r = name_find_clash(names, tree->n, &clash);
	if (r <= 0)
		return r < 0 ? error_set(w->err, r, "pack %s", w->label) : 0;
	snprintf(line, sizeof(line), "MSIX cannot tell it from %s, which differs only in case",
		 text_show(names[clash.first], shown, sizeof(shown)));
	return refuse(w, names[clash.second], line);
}

int tree_list(int dir_fd, const char *label, struct tree *ret, struct appsilo_error *err)
{
	struct tree tree = {0};
	struct walk w = {.tree = &tree, .label = label, .err = err};
	int r = walk(&w, dir_fd, ".", 0);

	if (r == 0) {
		qsort(tree.items, tree.n, sizeof(*tree.items), by_path);
		r = check_clashes(&w);
	}
	if (r < 0)
		tree_done(&tree);
	else
		*ret = tree;
	return r;
}
