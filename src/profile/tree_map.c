/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/tree_map.h"

#include "base/path.h"
#include <string.h>

#define HEADER 16.0   /* for a folder's name */
#define MARGIN 2.0
#define LEAST_SIDE 4.0 /* smaller is not drawn */
#define DEPTH_MAX 64

struct node {
	const char *path; /* borrowed from a record: its first @length bytes */
	size_t length;
	size_t accesses;
	bool written, refused;
	struct node *first, *next, *last;
};

struct tree {
	struct node *nodes; /* owned */
	size_t n, allocated;
	struct tree_map *map;
};

struct area {
	double x, y, width, height;
};

/* The slash before every other byte, so that all below one folder stands together. */
static int by_path(const void *x, const void *y)
{
	const struct attempt *const *first = x, *const *second = y;
	const unsigned char *a = (const unsigned char *)(*first)->path;
	const unsigned char *b = (const unsigned char *)(*second)->path;

	for (; *a && *a == *b; a++, b++)
		;
	return (*a == '/' ? 1 : *a ? *a + 1 : 0) - (*b == '/' ? 1 : *b ? *b + 1 : 0);
}

static struct node *add_child(struct tree *t, struct node *parent, const char *path, size_t length)
{
	struct node *fresh = &t->nodes[t->n++];

	*fresh = (struct node){.path = path, .length = length};
	if (parent->last)
		parent->last->next = fresh;
	else
		parent->first = fresh;
	parent->last = fresh;
	return fresh;
}

/* The child of @parent on the way to @path: paths come sorted, so it is the last or a new one. */
static struct node *find_child(struct tree *t, struct node *parent, const char *path, size_t length)
{
	struct node *child = parent->last;

	return child && child->length == length && strncmp(child->path, path, length) == 0
		       ? child
		       : add_child(t, parent, path, length);
}

static void add_path(struct tree *t, const struct attempt *a)
{
	size_t length = strlen(a->path), at = 0;
	struct node *node = &t->nodes[0];
	int depth = 0;

	do {
		node->accesses++;
		node->written = node->written || a->access == CONSENT_WRITE;
		node->refused = node->refused || strcmp(a->source, "no-rule") != 0;
		if (at >= length || depth++ >= DEPTH_MAX || t->n >= t->allocated)
			return;
		at++; /* the slash */
		at += strcspn(a->path + at, "/");
		node = find_child(t, node, a->path, at);
	} while (true);
}

static int build(struct tree *t, const struct records *records)
{
	cleanup_free const struct attempt **list = calloc(records->n + 1, sizeof(*list));
	size_t n = 0;

	/* More than can be drawn need not be found out about. */
	t->allocated = 20 * TREE_MAP_RECTS_MAX;
	t->nodes = calloc(t->allocated + 1, sizeof(*t->nodes));
	if (!list || !t->nodes)
		return -ENOMEM;
	t->n = 1;
	t->nodes[0] = (struct node){.path = "/", .length = 1};
	for (size_t i = 0; i < records->n; i++)
		if (records->list[i].kind == ATTEMPT_FILE)
			list[n++] = &records->list[i];
	if (n > 0)
		qsort(list, n, sizeof(*list), by_path);
	for (size_t i = 0; i < n; i++)
		add_path(t, list[i]);
	return 0;
}

static int by_accesses(const void *x, const void *y)
{
	const struct node *const *a = x, *const *b = y;

	return (*a)->accesses != (*b)->accesses ? ((*a)->accesses < (*b)->accesses ? 1 : -1) : 0;
}

static int lay_out(struct tree *t, struct node *node, size_t label, struct area area, int depth);

/* How far from square the worst of a row is, whose @sum of areas lies along @side. */
static double worst(double least, double most, double sum, double side)
{
	double s2 = sum * sum, side2 = side * side;
	double a = side2 * most / s2, b = s2 / (side2 * least);

	return a > b ? a : b;
}

/* Cut a row of @n children off @rest. */
static int place_row(struct tree *t, struct node **children, size_t n, double sum, double scale,
		     struct area *rest, size_t label, int depth)
{
	bool upright = rest->width >= rest->height;
	double thick = sum / (upright ? rest->height : rest->width), at = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		double along = (double)children[i]->accesses * scale / thick;
		struct area area = upright ? (struct area){rest->x, rest->y + at, thick, along}
					   : (struct area){rest->x + at, rest->y, along, thick};

		r = lay_out(t, children[i], label, area, depth);
		at += along;
	}
	if (upright) {
		rest->x += thick;
		rest->width -= thick;
	} else {
		rest->y += thick;
		rest->height -= thick;
	}
	return r;
}

static int place_children(struct tree *t, struct node **children, size_t n, size_t total,
			  struct area rest, size_t label, int depth)
{
	double scale = rest.width * rest.height / (double)total;
	int r = 0;

	for (size_t from = 0, to; r == 0 && from < n; from = to) {
		double side = rest.width < rest.height ? rest.width : rest.height;
		double most = (double)children[from]->accesses * scale, sum = most, best;

		if (side < LEAST_SIDE)
			break;
		best = worst(most, most, sum, side);
		for (to = from + 1; to < n; to++) {
			double next = (double)children[to]->accesses * scale;
			double then = worst(next, most, sum + next, side);

			if (then > best)
				break;
			best = then;
			sum += next;
		}
		r = place_row(t, children + from, to - from, sum, scale, &rest, label, depth);
	}
	return r;
}

/* Down to the first place where anything branches or ends. */
static struct node *skip_single(struct node *node)
{
	while (node->first && !node->first->next && node->first->accesses == node->accesses &&
	       node->first->first)
		node = node->first;
	return node;
}

static int add_rect(struct tree *t, const struct node *node, size_t label, const struct area *area, int depth)
{
	struct tree_rect *rect = &t->map->list[t->map->n];

	*rect = (struct tree_rect){.path = strndup(node->path, node->length),
				   .label = label,
				   .accesses = node->accesses,
				   .folder = node->first,
				   .written = node->written,
				   .refused = node->refused,
				   .depth = depth,
				   .x = area->x,
				   .y = area->y,
				   .width = area->width,
				   .height = area->height};
	if (!rect->path)
		return -ENOMEM;
	t->map->n++;
	return 0;
}

/* @label  where the name begins in the path: behind the folder that is drawn around it */
static int lay_out(struct tree *t, struct node *node, size_t label, struct area area, int depth)
{
	cleanup_free struct node **children = NULL;
	size_t n = 0, total = 0;
	int r;

	if (area.width < LEAST_SIDE || area.height < LEAST_SIDE || t->map->n == TREE_MAP_RECTS_MAX)
		return 0;
	node = skip_single(node);
	r = add_rect(t, node, label, &area, depth);
	for (struct node *child = node->first; child; child = child->next)
		n++;
	if (r < 0 || n == 0 || area.height < HEADER + LEAST_SIDE + MARGIN)
		return r;
	children = calloc(n, sizeof(struct node *));
	if (!children)
		return -ENOMEM;
	n = 0;
	for (struct node *child = node->first; child; child = child->next) {
		children[n++] = child;
		total += child->accesses;
	}
	qsort(children, n, sizeof(struct node *), by_accesses);
	area = (struct area){area.x + MARGIN, area.y + HEADER, area.width - 2 * MARGIN,
			     area.height - HEADER - MARGIN};
	return area.width < LEAST_SIDE
		       ? 0
		       : place_children(t, children, n, total, area, node->length + (node->length > 1), depth + 1);
}

int tree_map_make(const struct records *records, double width, double height, struct tree_map *ret)
{
	struct tree t = {.map = ret};
	int r;

	*ret = (struct tree_map){.list = calloc(TREE_MAP_RECTS_MAX, sizeof(*ret->list))};
	r = ret->list ? build(&t, records) : -ENOMEM;
	if (r == 0 && t.nodes[0].accesses > 0)
		r = lay_out(&t, &t.nodes[0], 0, (struct area){0, 0, width, height}, 0);
	free(t.nodes);
	if (r < 0)
		tree_map_done(ret);
	return r;
}

void tree_map_done(struct tree_map *map)
{
	for (size_t i = 0; i < map->n; i++)
		free(map->list[i].path);
	free(map->list);
	*map = (struct tree_map){0};
}
