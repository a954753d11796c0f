/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the bottom up: each record becomes a need of its own path (or, for a name that is made or
 * removed, of the folder); needs side by side become one of their folder; what a need includes
 * goes. Again, until nothing changes: a tree that was read ends as its topmost folder.
 */
#include "profile/needs.h"

#include "base/path.h"
#include "consent/caution.h"
#include "manifest/names.h"
#include <string.h>

const char *need_word(enum need_kind kind)
{
	static const char *const words[] = {"list", "read", "write"};

	return words[kind];
}

static bool is_need(const struct attempt *a)
{
	return strcmp(a->source, "no-rule") == 0;
}

/* @of  the record that it stands for; NULL: other needs, which it will include */
static int add(struct needs *n, const char *path, size_t length, enum need_kind kind, bool folder,
	       const struct attempt *of)
{
	struct need need = {.path = strndup(path, length),
			    .kind = kind,
			    .folder = folder,
			    .accesses = of != NULL,
			    .stack = of ? of->stack : ""};

	if (!need.path)
		return -ENOMEM;
	n->list[n->n++] = need;
	return 0;
}

static bool is_wide(const char *path, size_t length, const struct never_places *places)
{
	char folder[4096];

	snprintf(folder, sizeof(folder), "%.*s", (int)length, path);
	return caution_is_wide(places->home, folder);
}

/* A compiled module is there today and made anew tomorrow: what is needed is the folder of its
 * source. Returns the length of that in @path; 0: no compiled module, or in a folder too wide. */
static size_t module_folder(const char *path, size_t length, const struct never_places *places)
{
	static const char cache[] = "/__pycache__";
	const size_t tail = sizeof(cache) - 1;
	size_t n = path_parent_length(path, length);

	if (n <= tail + 1 || strncmp(path + n - tail, cache, tail) != 0)
		return 0;
	return is_wide(path, n - tail, places) ? 0 : n - tail;
}

static int add_file(struct needs *n, const struct attempt *a, const struct never_places *places)
{
	size_t length = strlen(a->path), module = module_folder(a->path, length, places);
	bool folder = a->target == CONSENT_FOLDER;

	if (a->access == CONSENT_READ && module)
		return add(n, a->path, module, NEED_READ, true, a);
	if (attempt_is_naming(a))
		return add(n, a->path, path_parent_length(a->path, length), NEED_WRITE, true, a);
	if (a->access == CONSENT_WRITE)
		return add(n, a->path, length, NEED_WRITE, folder, a);
	return add(n, a->path, length, folder ? NEED_LIST : NEED_READ, false, a);
}

static int by_path(const void *x, const void *y)
{
	const struct need *a = x, *b = y;
	int r = strcmp(a->path, b->path);

	return r ? r : a->kind != b->kind ? (int)b->kind - (int)a->kind : (int)b->folder - (int)a->folder;
}

static void sort(struct needs *n)
{
	if (n->n > 0)
		qsort(n->list, n->n, sizeof(*n->list), by_path);
}

/* The first need of exactly @path[0..length); the list is sorted. */
static size_t find(const struct needs *n, const char *path, size_t length)
{
	size_t low = 0, high = n->n;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int r = strncmp(n->list[middle].path, path, length);

		if (r < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct need *need, const char *path, size_t length)
{
	return strncmp(need->path, path, length) == 0 && !need->path[length];
}

/* What includes need @i: the same path with no less, or a folder above. What includes another
 * stands before it. */
static struct need *find_cover(struct needs *n, size_t i)
{
	const struct need *need = &n->list[i];
	size_t length = strlen(need->path);

	for (size_t at = find(n, need->path, length); at < i; at++)
		if (is_at(&n->list[at], need->path, length) && n->list[at].kind >= need->kind &&
		    n->list[at].folder >= need->folder)
			return &n->list[at];
	while (length > 1) {
		length = path_parent_length(need->path, length);
		for (size_t at = find(n, need->path, length);
		     at < i && is_at(&n->list[at], need->path, length); at++)
			if (n->list[at].folder && n->list[at].kind >= need->kind)
				return &n->list[at];
	}
	return NULL;
}

static void drop_covered(struct needs *n)
{
	size_t kept = 0;

	sort(n);
	for (size_t i = n->n; i-- > 0;) {
		struct need *cover = find_cover(n, i);

		if (cover)
			cover->accesses += n->list[i].accesses;
		if (cover && !*cover->stack)
			cover->stack = n->list[i].stack;
		n->list[i].dropped = cover;
	}
	for (size_t i = 0; i < n->n; i++) {
		if (n->list[i].dropped)
			free(n->list[i].path);
		else
			n->list[kept++] = n->list[i];
	}
	n->n = kept;
}

static int by_folder(const void *x, const void *y)
{
	const struct need *a = x, *b = y;
	size_t m = path_parent_length(a->path, strlen(a->path));
	size_t n = path_parent_length(b->path, strlen(b->path));
	int r = strncmp(a->path, b->path, m < n ? m : n);

	return r ? r : m != n ? (m < n ? -1 : 1) : 0;
}

static bool is_listed(const struct needs *n, const char *folder, size_t length)
{
	for (size_t at = find(n, folder, length); at < n->n && is_at(&n->list[at], folder, length); at++)
		if (n->list[at].kind == NEED_LIST)
			return true;
	return false;
}

/* One group: all needs in one folder. */
static int fold_group(struct needs *n, size_t from, size_t to, const struct never_places *places,
		      bool *ret_folded)
{
	const struct need *first = &n->list[from];
	size_t length = path_parent_length(first->path, strlen(first->path)), counts[3] = {0};
	size_t limit = length > 1 && is_wide(first->path, length, places) ? NEEDS_FOLD_WIDE : NEEDS_FOLD;
	bool write, read;

	for (size_t i = from; i < to; i++)
		counts[n->list[i].kind]++;
	write = counts[NEED_WRITE] >= limit;
	read = counts[NEED_READ] >= limit || counts[NEED_LIST] >= NEEDS_FOLD_WIDE ||
	       (first->in_listed && counts[NEED_LIST] + counts[NEED_READ] >= limit);
	if (length <= 1 || !(write || read))
		return 0;
	*ret_folded = true;
	return add(n, first->path, length, write ? NEED_WRITE : NEED_READ, true, NULL);
}

static int fold_once(struct needs *n, const struct never_places *places, bool *ret_folded)
{
	size_t n_before = n->n;
	int r = 0;

	*ret_folded = false;
	if (n->n == 0)
		return 0;
	for (size_t i = 0; i < n->n; i++) {
		struct need *need = &n->list[i];

		need->in_listed = is_listed(n, need->path, path_parent_length(need->path, strlen(need->path)));
	}
	qsort(n->list, n->n, sizeof(*n->list), by_folder);
	for (size_t from = 0, to; r == 0 && from < n_before; from = to) {
		for (to = from + 1; to < n_before && by_folder(&n->list[from], &n->list[to]) == 0; to++)
			;
		r = fold_group(n, from, to, places, ret_folded);
	}
	drop_covered(n);
	return r;
}

static void explain(struct need *need, const struct needs_places *places)
{
	struct consent_request request = {
		.path = need->path,
		.operation = need->kind == NEED_LIST ? "list" : "open",
		.access = need->kind == NEED_WRITE ? CONSENT_WRITE : CONSENT_READ,
		.target = need->folder ? CONSENT_FOLDER : CONSENT_FILE};

	need->caution = need->kind == NEED_LIST ? NULL : caution_about(&places->never, &request);
	need->capability = needed_for_file(&places->needed, &request);
	need->system_path = need->kind == NEED_READ && (strncmp(need->path, "/opt/", 5) == 0 ||
							strncmp(need->path, "/var/lib/", 9) == 0);
}

static int fold_files(struct needs *n, const struct records *records,
		      const struct needs_places *places)
{
	bool folded = true;
	int r = 0;

	/* A round adds a folder for each NEEDS_FOLD that it takes away. */
	n->list = calloc(2 * records->n + 1, sizeof(*n->list));
	if (!n->list)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < records->n; i++)
		if (records->list[i].kind == ATTEMPT_FILE && is_need(&records->list[i]))
			r = add_file(n, &records->list[i], &places->never);
	drop_covered(n);
	while (r == 0 && folded)
		r = fold_once(n, &places->never, &folded);
	for (size_t i = 0; i < n->n; i++)
		explain(&n->list[i], places);
	return r;
}

/* With or without its port. */
static void host_text(const struct attempt *a, bool port, char ret[HOST_TEXT_MAX])
{
	struct host_pattern pattern;

	if (host_pattern_parse(a->host, strlen(a->host), &pattern, NULL) < 0) {
		snprintf(ret, HOST_TEXT_MAX, "%s", a->host); /* of a file that was changed */
		return;
	}
	pattern.port = port ? a->port : 0;
	host_pattern_text(&pattern, ret);
}

static int by_host(const void *x, const void *y)
{
	const struct attempt *const *a = x, *const *b = y;
	int r = strcmp((*a)->host, (*b)->host);

	return r ? r : (int)(*a)->port - (int)(*b)->port;
}

/* All of one host: its ports, or the host where they are many, or where it was looked up only. */
static void add_host(struct needs *n, const struct attempt **list, size_t count)
{
	size_t ports = 0;
	const char *capability = list[count - 1]->capability;

	for (size_t i = 0; i < count; i++)
		ports += list[i]->port && (i == 0 || list[i]->port != list[i - 1]->port);
	for (size_t i = 0; i < count; i++) {
		struct need_host *host = &n->hosts[n->n_hosts];
		bool one = ports > 0 && ports <= NEEDS_PORTS;

		if (one && !list[i]->port && strcmp(list[i]->protocol, "dns") == 0)
			continue;
		host_text(list[i], one, host->text);
		host->accesses = 1;
		host->stack = list[i]->stack;
		host->capability = *capability ? capability : NULL;
		if (n->n_hosts > 0 && strcmp(host[-1].text, host->text) == 0)
			host[-1].accesses++;
		else
			n->n_hosts++;
		if (!*n->hosts[n->n_hosts - 1].stack)
			n->hosts[n->n_hosts - 1].stack = host->stack;
	}
}

/* Hosts that are too many become the capability of their kind. */
static size_t fold_hosts(struct needs *n, const char *capability)
{
	size_t count = 0, kept = 0;

	for (size_t i = 0; i < n->n_hosts; i++)
		count += n->hosts[i].capability && strcmp(n->hosts[i].capability, capability) == 0;
	if (count <= NEEDS_HOSTS)
		return 0;
	for (size_t i = 0; i < n->n_hosts; i++)
		if (!n->hosts[i].capability || strcmp(n->hosts[i].capability, capability) != 0)
			n->hosts[kept++] = n->hosts[i];
	n->n_hosts = kept;
	return count;
}

static int find_hosts(struct needs *n, const struct records *records)
{
	cleanup_free const struct attempt **list = calloc(records->n + 1, sizeof(*list));
	size_t count = 0;

	n->hosts = calloc(records->n + 1, sizeof(*n->hosts));
	if (!list || !n->hosts)
		return -ENOMEM;
	for (size_t i = 0; i < records->n; i++)
		if (records->list[i].kind == ATTEMPT_NETWORK && is_need(&records->list[i]))
			list[count++] = &records->list[i];
	if (count > 0)
		qsort(list, count, sizeof(*list), by_host);
	for (size_t from = 0, to; from < count; from = to) {
		for (to = from + 1; to < count && strcmp(list[from]->host, list[to]->host) == 0; to++)
			;
		add_host(n, list + from, to - from);
	}
	n->client = fold_hosts(n, CAPABILITY_CLIENT);
	n->private = fold_hosts(n, CAPABILITY_PRIVATE);
	return 0;
}

/* Once each: what was refused for a reason that no grant of ours should take away. */
static int find_refused(struct needs *n, const struct records *records)
{
	n->refused = calloc(records->n + 1, sizeof(*n->refused));
	if (!n->refused)
		return -ENOMEM;
	for (size_t i = 0; i < records->n; i++) {
		const struct attempt *a = &records->list[i];

		if (a->kind != ATTEMPT_RUN && !is_need(a))
			n->refused[n->n_refused++] = a;
	}
	return 0;
}

int profile_needs_find(const struct records *records, const struct needs_places *places, struct needs *ret)
{
	int r;

	*ret = (struct needs){0};
	r = fold_files(ret, records, places);
	if (r == 0)
		r = find_hosts(ret, records);
	if (r == 0)
		r = find_refused(ret, records);
	if (r < 0)
		profile_needs_done(ret);
	return r;
}

void profile_needs_done(struct needs *n)
{
	for (size_t i = 0; i < n->n; i++)
		free(n->list[i].path);
	free(n->list);
	free(n->hosts);
	free(n->refused);
	*n = (struct needs){0};
}
