/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/view.h"

#include "base/dir.h"
#include "base/path.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

const char *const view_private_places[] = {"/tmp", "/var/tmp", "/run", "/dev/shm", NULL};
static const char *const virtual_places[] = {"/usr",   "/bin",	  "/sbin", "/lib",  "/lib32",
					     "/lib64", "/libx32", "/etc",  "/proc", "/sys",
					     "/dev",   NULL};

static bool under_any(const char *path, const char *const *places)
{
	for (; *places; places++)
		if (path_is_under(path, *places))
			return true;
	return false;
}

bool view_is_private(const char *path)
{
	return under_any(path, view_private_places);
}

bool view_is_virtual(const char *path)
{
	return under_any(path, virtual_places) || view_is_private(path);
}

bool view_needs_place(const char *path)
{
	for (size_t i = 0; view_private_places[i]; i++)
		if (strcmp(path, view_private_places[i]) == 0)
			return false;
	return strcmp(path, "/") != 0 && (!view_is_virtual(path) || view_is_private(path));
}

/* Make room for one more: capacity is 16, then doubles whenever it is used up. */
static int grow(void **array, size_t n, size_t size)
{
	bool full = n == 0 || (n >= 16 && (n & (n - 1)) == 0);
	void *bigger;

	if (!full)
		return 0;
	bigger = realloc(*array, (n ? 2 * n : 16) * size);
	if (!bigger)
		return -ENOMEM;
	*array = bigger;
	return 0;
}

int view_add(struct view *view, const char *path, enum view_kind kind)
{
	char *copy = strdup(path);

	if (!copy || grow((void **)&view->entries, view->n, sizeof(*view->entries)) < 0) {
		free(copy);
		return -ENOMEM;
	}
	view->entries[view->n++] = (struct view_entry){.path = copy, .kind = kind};
	return 0;
}

int plan_add_mount(struct plan *plan, const char *path, enum plan_mount_kind kind)
{
	char *copy = strdup(path);

	if (!copy || grow((void **)&plan->mounts, plan->n_mounts, sizeof(*plan->mounts)) < 0) {
		free(copy);
		return -ENOMEM;
	}
	plan->mounts[plan->n_mounts++] = (struct plan_mount){copy, kind, -EBADF};
	return 0;
}

int plan_add_placeholder(struct plan *plan, const char *path, mode_t mode, const char *target)
{
	struct plan_placeholder p = {strdup(path), target ? strdup(target) : NULL, mode};

	if (!p.path || (target && !p.target) ||
	    grow((void **)&plan->placeholders, plan->n_placeholders, sizeof(p)) < 0) {
		free(p.path);
		free(p.target);
		return -ENOMEM;
	}
	plan->placeholders[plan->n_placeholders++] = p;
	return 0;
}

int plan_add_made_cwd(struct plan *plan, const char *path)
{
	/* Of processes there are only the sandbox's own. */
	if (!view_is_virtual(path) || view_is_private(path) || path_is_under(path, "/proc"))
		return 0;
	return plan_add_placeholder(plan, path, S_IFDIR | 0111, NULL);
}

/* Parents before children; on one path deny, then write, then read. */
static int by_path(const void *a, const void *b)
{
	static const int rank[] = {[VIEW_DENY] = 0, [VIEW_DENY_ALONE] = 1, [VIEW_DENY_WRITE] = 2,
				   [VIEW_WRITE] = 3, [VIEW_READ] = 4, [VIEW_LIST] = 5,
				   [VIEW_CWD] = 6};
	const struct view_entry *x = a, *y = b;
	int r = strcmp(x->path, y->path);

	return r ? r : rank[x->kind] - rank[y->kind];
}

/* The entry that rules @path among those before @limit: the deepest at or above it. */
static const struct view_entry *ruling(const struct view *view, size_t limit, const char *path)
{
	const struct view_entry *best = NULL;

	for (size_t i = 0; i < limit; i++) {
		const struct view_entry *e = &view->entries[i];

		if ((e->kind == VIEW_DENY || e->kind == VIEW_WRITE || e->kind == VIEW_READ) &&
		    path_is_under(path, e->path) &&
		    (!best || strlen(e->path) > strlen(best->path)))
			best = e;
	}
	return best;
}

/* Is it there because of @e, to whatever end? */
static bool shows(const struct view_entry *e)
{
	return e->kind != VIEW_DENY && e->kind != VIEW_DENY_ALONE && e->kind != VIEW_DENY_WRITE &&
	       !e->refused;
}

static bool is_denied_alone(const struct view *view, const char *path)
{
	for (size_t i = 0; i < view->n; i++)
		if (view->entries[i].kind == VIEW_DENY_ALONE && strcmp(view->entries[i].path, path) == 0)
			return true;
	return false;
}

static bool holds_entry(const struct view *view, const char *folder, enum view_kind kind)
{
	for (size_t i = 0; i < view->n; i++) {
		const struct view_entry *e = &view->entries[i];

		if (e->kind == kind && !e->refused && strcmp(e->path, folder) != 0 &&
		    path_is_under(e->path, folder))
			return true;
	}
	return false;
}

/* A refusal of writing holds below it until a more specific allowance of writing. */
static bool is_write_denied(const struct view *view, const char *path)
{
	size_t denied = 0, allowed = 0;

	for (size_t i = 0; i < view->n; i++) {
		const struct view_entry *e = &view->entries[i];
		size_t n = strlen(e->path);

		if (!path_is_under(path, e->path))
			continue;
		if (e->kind == VIEW_DENY_WRITE && n > denied)
			denied = n;
		if (e->kind == VIEW_WRITE && n > allowed)
			allowed = n;
	}
	return denied > 0 && denied >= allowed;
}

static bool is_forbidden(const struct view *view, const char *path, bool write)
{
	const struct view_entry *e = ruling(view, view->n, path);

	if (e && e->kind == VIEW_DENY)
		return true;
	if (write && is_write_denied(view, path))
		return true;
	return view->is_protected && view->is_protected(view->data, path, write, false);
}

/* Below @path, or, of its own names alone, in it. */
static bool has_forbidden_below(const struct view *view, const char *path, bool write)
{
	return holds_entry(view, path, VIEW_DENY) ||
	       holds_entry(view, path, VIEW_DENY_ALONE) || is_denied_alone(view, path) ||
	       (write && holds_entry(view, path, VIEW_DENY_WRITE)) ||
	       (view->is_protected && view->is_protected(view->data, path, write, true));
}

bool view_needs_broker(const struct view *view)
{
	for (size_t i = 0; i < view->n; i++)
		if (view->entries[i].kind == VIEW_WRITE && !is_forbidden(view, view->entries[i].path, true) &&
		    has_forbidden_below(view, view->entries[i].path, true))
			return true;
	return false;
}

static int add_name(struct plan *plan, const char *folder, int dir_fd, const char *name,
		    unsigned char type)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t n;

	if (path_join(folder, name, path, sizeof(path)) < 0)
		return 0;
	if (type != DT_LNK)
		return plan_add_placeholder(plan, path, type == DT_DIR ? S_IFDIR : S_IFREG, NULL);
	n = readlinkat(dir_fd, name, target, sizeof(target) - 1);
	if (n < 0)
		return 0;
	target[n] = '\0';
	return plan_add_placeholder(plan, path, 0, target);
}

typedef int (*name_fn)(void *data, const char *folder, int dir_fd, const char *name,
		       unsigned char type);

struct listing {
	const char *folder;
	name_fn visit;
	void *data;
	int seen;
};

static int list_name(void *data, int dir_fd, const char *name, unsigned char type)
{
	struct listing *l = data;

	if (l->seen++ >= VIEW_SIBLINGS_MAX)
		return 0;
	return l->visit(l->data, l->folder, dir_fd, name, type);
}

/* Call @visit for each name of a host folder; a folder we may not list has no names. */
static int each_name(const char *folder, name_fn visit, void *data)
{
	struct listing l = {.folder = folder, .visit = visit, .data = data};
	int r = dir_each(folder, list_name, &l);

	return l.seen ? r : 0;
}

struct expansion {
	struct view *view;
	struct plan *plan;
	bool write;
};

static int expand(struct view *view, struct plan *plan, const char *path, bool write);

static int expand_name(void *data, const char *folder, int dir_fd, const char *name,
		       unsigned char type)
{
	struct expansion *x = data;
	char path[PATH_MAX];
	bool forbidden;

	if (path_join(folder, name, path, sizeof(path)) < 0 || view_is_virtual(path))
		return 0;
	if (x->view->is_protected && x->view->is_protected(x->view->data, path, false, false))
		return 0; /* never-listed names do not exist */
	forbidden = is_forbidden(x->view, path, false);
	if (forbidden && x->view->hidden)
		return 0;
	if (forbidden || type == DT_LNK)
		return add_name(x->plan, folder, dir_fd, name, type);
	/* Forbidden for writing only: show it read-only. */
	return expand(x->view, x->plan, path, x->write && !is_forbidden(x->view, path, true));
}

/* Mount @path; where something below it is forbidden, its children one by one instead, so
 * that nothing can be made or renamed into the forbidden name (pmg#446, CVE-2026-25725). */
static int expand(struct view *view, struct plan *plan, const char *path, bool write)
{
	struct expansion x = {view, plan, write};
	mode_t mode;
	int r;

	if (strcmp(path, "/") != 0 && !has_forbidden_below(view, path, write))
		return plan_add_mount(plan, path, write ? PLAN_WRITE : PLAN_READ);
	mode = is_denied_alone(view, path) ? 0111 : 0755;
	r = strcmp(path, "/") == 0 ? 0 : plan_add_placeholder(plan, path, S_IFDIR | mode, NULL);
	return r < 0 ? r : each_name(path, expand_name, &x);
}

static int plan_entries(struct view *view, struct plan *plan)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < view->n; i++) {
		const struct view_entry *e = &view->entries[i];
		const struct view_entry *above = ruling(view, i, e->path);

		if (!shows(e) || e->kind == VIEW_LIST)
			continue;
		if (e->kind == VIEW_CWD) {
			if (!above || above->kind == VIEW_DENY)
				r = plan_add_placeholder(plan, e->path, S_IFDIR | 0111, NULL);
			continue;
		}
		if (above && (above->kind == e->kind || above->kind == VIEW_WRITE))
			continue; /* already there with as much */
		r = expand(view, plan, e->path,
			   e->kind == VIEW_WRITE && !is_forbidden(view, e->path, true));
	}
	return r;
}

struct way {
	struct plan *plan;
	const struct view *view;
	const char *home;
};

/* Is @path on the way to something shown, or shown itself? */
static bool is_needed(const struct way *way, const char *path)
{
	const char *package = way->plan->package.path;

	if (path_is_under(way->home, path) || (package && path_is_under(package, path)))
		return true;
	for (size_t i = 0; i < way->view->n; i++)
		if (shows(&way->view->entries[i]) && path_is_under(way->view->entries[i].path, path))
			return true;
	return false;
}

static int hide_sibling(void *data, const char *folder, int dir_fd, const char *name,
			unsigned char type)
{
	struct way *way = data;
	char path[PATH_MAX];

	if (path_join(folder, name, path, sizeof(path)) < 0 || strcmp(path, "/var") == 0 ||
	    is_needed(way, path))
		return 0;
	/* Of a private place only what is named shows up, with what is in it. */
	if (view_is_virtual(path) && !view_is_private(folder))
		return 0;
	if (way->view->is_protected && way->view->is_protected(way->view->data, path, false, false))
		return 0;
	return add_name(way->plan, folder, dir_fd, name, type);
}

static bool is_granted(const struct view *view, const char *path)
{
	const struct view_entry *e = ruling(view, view->n, path);

	return e && e->kind != VIEW_DENY;
}

/* The current directory without a grant is there, with names that cannot be opened. */
static int hide_cwd(struct way *way, const struct view_entry *e)
{
	return e->kind == VIEW_CWD && !way->view->hidden && !is_granted(way->view, e->path)
		       ? each_name(e->path, hide_sibling, way)
		       : 0;
}

/* Existing neighbours on the way to @path become names that cannot be opened. */
static int hide_neighbours(struct way *way, const char *path, char done[PATH_MAX])
{
	char folder[PATH_MAX];
	size_t n = way->view->hidden ? 0 : strlen(path);
	int r = 0;

	while (r == 0 && (n = path_parent_length(path, n)) > 0) {
		snprintf(folder, sizeof(folder), "%.*s", (int)n, path);
		/* Entries are sorted: a folder on the way to the one before is done. */
		if (*done && path_is_under(done, folder) && strcmp(done, folder) != 0)
			break;
		if (!is_granted(way->view, folder) && !view_is_virtual(folder))
			r = each_name(folder, hide_sibling, way);
	}
	snprintf(done, PATH_MAX, "%s", path);
	return r;
}

static int show_names(struct way *way)
{
	const struct view *view = way->view;
	int r = 0;

	for (size_t i = 0; r == 0 && i < view->n; i++) {
		const char *path = view->entries[i].path;

		if (view->entries[i].kind != VIEW_LIST || view->entries[i].refused)
			continue;
		if (strcmp(path, "/") != 0)
			r = plan_add_placeholder(way->plan, path, S_IFDIR | 0555, NULL);
	}
	for (size_t i = 0; r == 0 && i < view->n; i++)
		if (view->entries[i].kind == VIEW_LIST && !view->entries[i].refused &&
		    !is_granted(view, view->entries[i].path))
			r = each_name(view->entries[i].path, hide_sibling, way);
	return r;
}

int view_plan(struct view *view, struct plan *plan, struct appsilo_error *err)
{
	struct way way = {plan, view, plan->home};
	char done[PATH_MAX] = "";
	int r;

	qsort(view->entries, view->n, sizeof(*view->entries), by_path);
	for (size_t i = 0; i < view->n; i++) {
		struct view_entry *e = &view->entries[i];

		e->refused = (e->kind == VIEW_READ || e->kind == VIEW_WRITE || e->kind == VIEW_LIST) &&
			     is_forbidden(view, e->path, false);
		e->refused = e->refused || (e->kind == VIEW_LIST && is_denied_alone(view, e->path));
	}
	r = show_names(&way);
	if (r == 0)
		r = hide_neighbours(&way, "/var/tmp", done);
	if (r == 0)
		r = hide_neighbours(&way, plan->home, done);
	for (size_t i = 0; r == 0 && i < view->n; i++)
		if (shows(&view->entries[i]) && (r = hide_cwd(&way, &view->entries[i])) == 0)
			r = hide_neighbours(&way, view->entries[i].path, done);
	if (r == 0)
		r = plan_entries(view, plan);
	/* The profile last: it is reachable whatever was granted around it. */
	if (r == 0)
		r = plan_add_mount(plan, plan->home, PLAN_WRITE);
	return r < 0 ? error_set(err, r, "run: plan the file view") : 0;
}
