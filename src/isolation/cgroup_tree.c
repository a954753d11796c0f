/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/cgroup_tree.h"

#include "base/fd.h"
#include <fcntl.h>
#include <sys/stat.h>

#define NEEDED (CGROUP_MEMORY | CGROUP_PIDS | CGROUP_CPU_TIME)

/* In version 2 a group shares its controllers out explicitly. */
static int share_out(const struct cgroup *group)
{
	static const char file[] = "cgroup.subtree_control";
	int dir_fd = group->parts[0].dir_fd;
	int r = 0;

	if (group->version != 2)
		return 0;
	if (group->what & CGROUP_MEMORY)
		r = fd_write_file(dir_fd, file, "+memory");
	return r == 0 && group->what & CGROUP_PIDS ? fd_write_file(dir_fd, file, "+pids") : r;
}

int cgroup_tree_make(struct cgroup_tree *ret, struct appsilo_error *err)
{
	const struct cgroup_limits none = {0};
	int r;

	*ret = (struct cgroup_tree){.keeper = CGROUP_KEEPER_NONE};
	r = cgroup_obtain(&none, NEEDED, &ret->group, err);
	if (r < 0 || ret->group.n == 0)
		return r;
	r = share_out(&ret->group);
	if (r == 0)
		r = cgroup_keeper_start(&ret->group, &ret->keeper);
	if (r == 0)
		return 0;
	(void)!cgroup_remove(&ret->group, 0); /* empty; if it stays, it is swept */
	cgroup_done(&ret->group);
	return error_set(err, r, "cgroup for runs");
}

void cgroup_tree_done(struct cgroup_tree *tree)
{
	if (tree->group.n == 0)
		return;
	cgroup_keeper_end(&tree->keeper);
	cgroup_done(&tree->group);
}

static void leaf_name(unsigned int leaf, char ret[16])
{
	snprintf(ret, 16, "%u", leaf);
}

/* The leaf as a group like any other, for a moment: its parts for @what. */
static int open_leaf(const struct cgroup_tree *tree, unsigned int leaf, unsigned int what, struct cgroup *ret)
{
	char name[16];

	leaf_name(leaf, name);
	*ret = (struct cgroup){.what = tree->group.what, .version = tree->group.version};
	for (size_t i = 0; i < tree->group.n; i++) {
		const struct cgroup_part *above = &tree->group.parts[i];
		struct cgroup_part *part = &ret->parts[ret->n];

		if (!(above->what & what))
			continue;
		*part = (struct cgroup_part){.what = above->what, .parent_fd = -EBADF};
		part->dir_fd = openat(above->dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (part->dir_fd < 0) {
			int r = -errno;

			cgroup_done(ret);
			return r;
		}
		ret->n++;
	}
	return 0;
}

static int remove_leaf(const struct cgroup_tree *tree, unsigned int leaf)
{
	char name[16];
	int r = 0;

	leaf_name(leaf, name);
	/* Who is still in one part is in all: the others are not tried. */
	for (size_t i = 0; r != -EBUSY && i < tree->group.n; i++)
		if (unlinkat(tree->group.parts[i].dir_fd, name, AT_REMOVEDIR) < 0 &&
		    errno != ENOENT)
			r = -errno;
	return r;
}

/* Returns 0: there is none. */
static unsigned int take_spare(struct cgroup_tree *tree)
{
	unsigned int leaf = 0;

	for (size_t i = 0; !leaf && i < CGROUP_SPARES_MAX; i++)
		leaf = atomic_exchange(&tree->spares[i], 0);
	return leaf;
}

static bool keep_spare(struct cgroup_tree *tree, unsigned int leaf)
{
	bool kept = false;

	for (size_t i = 0; !kept && i < CGROUP_SPARES_MAX; i++) {
		unsigned int none = 0;

		kept = atomic_compare_exchange_strong(&tree->spares[i], &none, leaf);
	}
	return kept;
}

static int make_leaf(struct cgroup_tree *tree, unsigned int *ret_leaf)
{
	char name[16];

	*ret_leaf = atomic_fetch_add(&tree->last, 1) + 1;
	leaf_name(*ret_leaf, name);
	for (size_t i = 0; i < tree->group.n; i++)
		if (mkdirat(tree->group.parts[i].dir_fd, name, 0755) < 0)
			return -errno;
	return 0;
}

int cgroup_leaf_make(struct cgroup_tree *tree, unsigned int *ret_leaf, int ret_fds[CGROUP_PARTS_MAX])
{
	cleanup(cgroup_donep) struct cgroup cg = {0};
	unsigned int leaf = take_spare(tree);
	int r = leaf ? 0 : make_leaf(tree, &leaf);

	if (r == 0)
		r = open_leaf(tree, leaf, tree->group.what, &cg);
	if (r == 0)
		r = cgroup_open_join(&cg, ret_fds);
	if (r < 0) {
		(void)!remove_leaf(tree, leaf); /* empty */
		return r;
	}
	*ret_leaf = leaf;
	return 0;
}

int cgroup_leaf_limit(const struct cgroup_tree *tree, unsigned int leaf,
		      const struct cgroup_limits *limits, struct appsilo_error *err)
{
	cleanup(cgroup_donep) struct cgroup cg = {0};
	int r = open_leaf(tree, leaf, CGROUP_MEMORY | CGROUP_PIDS | CGROUP_CPU, &cg);

	return r < 0 ? error_set(err, r, "cgroup of a run") : cgroup_limit(&cg, limits, err);
}

void cgroup_leaf_usage(const struct cgroup_tree *tree, unsigned int leaf, struct cgroup_usage *ret)
{
	cleanup(cgroup_donep) struct cgroup cg = {0};
	struct cgroup_meter meter = CGROUP_METER_NONE;

	if (open_leaf(tree, leaf, tree->group.what, &cg) == 0)
		cgroup_meter_open(&cg, &meter);
	cgroup_meter_read(&meter, ret);
	cgroup_meter_done(&meter);
}

int64_t cgroup_leaf_cpu_us(const struct cgroup_tree *tree, unsigned int leaf)
{
	cleanup(cgroup_donep) struct cgroup cg = {0};
	struct cgroup_meter meter = CGROUP_METER_NONE;
	int64_t used;

	if (open_leaf(tree, leaf, CGROUP_CPU_TIME, &cg) == 0)
		cgroup_meter_open(&cg, &meter);
	used = cgroup_meter_cpu_us(&meter);
	cgroup_meter_done(&meter);
	return used;
}

int cgroup_leaf_give_back(struct cgroup_tree *tree, unsigned int leaf, bool again)
{
	cleanup(cgroup_donep) struct cgroup cg = {0};
	int r = again ? open_leaf(tree, leaf, tree->group.what, &cg) : -ENOTSUP;

	if (r == 0)
		r = cgroup_clear(&cg);
	if (r == -EBUSY || (r == 0 && keep_spare(tree, leaf)))
		return r;
	return remove_leaf(tree, leaf);
}
