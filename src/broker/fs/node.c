/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model. A node is one name: (parent, name), with an O_PATH descriptor of the file it
 * named when the kernel last looked it up. The descriptor is the decision's subject: the
 * path that is judged and shown is what the kernel says of that descriptor at that moment,
 * and the operation then acts on that same descriptor. So a file that is swapped, renamed
 * or linked elsewhere while a question is open cannot be reached by an answer about
 * another (CVE-2024-42472 and kin).
 *
 * Nodes are per name and not per inode, because consent is by path: two hard links may
 * have different answers. Their reported inode number is the real one.
 *
 * A node lives while the kernel holds lookups on it, a child points to it, or a parked
 * operation uses it. When the name is looked up again and names another file, the old node
 * leaves the table but lives on for whoever still holds it.
 *
 * Descriptors are a scarcer thing than names. Idle ones beyond NODE_OPEN_MAX are closed,
 * oldest first, and reopened by name below the parent's descriptor; if that is not the
 * same file any more (device and inode), the answer is ESTALE and the kernel looks again.
 *
 * Attributes of open files. The kernel ends reads, mappings and seeks at the size it was told
 * last, asks for it before each read, and then ignores the reply if anything newer about
 * the file arrived since it asked: another reply, or our notice to forget the attributes.
 * So neither a masked size nor a notice may come while a file is open. The first open
 * waits for the notices under way and sends one itself, before its reply: all masked replies
 * that still travel were asked for before it, and are ignored.
 */
#include "broker/fs/node.h"

#include "base/hash.h"
#include <fcntl.h>
#include <string.h>

static size_t bucket_of(const struct node_table *t, const struct node *parent, const char *name)
{
	uint64_t h = hash_text((uint64_t)(uintptr_t)parent * 0x9e3779b97f4a7c15u, name);

	return (h >> 20) & (t->n_buckets - 1);
}

static struct node **find(struct node_table *t, struct node *parent, const char *name)
{
	struct node **at = &t->buckets[bucket_of(t, parent, name)];

	while (*at && !((*at)->parent == parent && strcmp((*at)->name, name) == 0))
		at = &(*at)->chain;
	return at;
}

static void list_add(struct node_table *t, struct node *node)
{
	node->older = t->newest;
	node->newer = NULL;
	if (t->newest)
		t->newest->newer = node;
	else
		t->oldest = node;
	t->newest = node;
}

static void list_remove(struct node_table *t, struct node *node)
{
	if (node->older)
		node->older->newer = node->newer;
	else if (t->oldest == node)
		t->oldest = node->newer;
	if (node->newer)
		node->newer->older = node->older;
	else if (t->newest == node)
		t->newest = node->older;
	node->older = node->newer = NULL;
}

static void close_fd(struct node_table *t, struct node *node)
{
	if (node->fd < 0)
		return;
	close(TAKE_FD(node->fd));
	t->n_open--;
}

static void trim(struct node_table *t)
{
	while (t->n_open > NODE_OPEN_MAX && t->oldest) {
		struct node *node = t->oldest;

		list_remove(t, node);
		close_fd(t, node);
	}
}

/* Take the name out of the table; the node lives while it is referenced. */
static void unlink_name(struct node_table *t, struct node *node)
{
	struct node **at;

	if (!node->name || !node->parent)
		return;
	at = &t->buckets[bucket_of(t, node->parent, node->name)];
	while (*at && *at != node)
		at = &(*at)->chain;
	if (*at)
		*at = node->chain;
	free(TAKE_PTR(node->name));
}

static void drop(struct node_table *t, struct node *node, uint64_t refs)
{
	while (node && node != &t->root) {
		struct node *parent = node->parent;

		node->refs -= refs;
		if (node->refs > 0)
			return;
		unlink_name(t, node);
		if (node->fd >= 0 && node->pins == 0)
			list_remove(t, node);
		close_fd(t, node);
		free(node);
		t->n_nodes--;
		node = parent;
		refs = 1;
	}
}

static int grow(struct node_table *t)
{
	size_t n = t->n_buckets * 2;
	struct node **old = t->buckets, **bigger = calloc(n, sizeof(*bigger));
	size_t n_old = t->n_buckets;

	if (!bigger)
		return -ENOMEM;
	t->buckets = bigger;
	t->n_buckets = n;
	for (size_t i = 0; i < n_old; i++) {
		struct node *node = old[i];

		while (node) {
			struct node *next = node->chain;
			size_t b = bucket_of(t, node->parent, node->name);

			node->chain = bigger[b];
			bigger[b] = node;
			node = next;
		}
	}
	free(old);
	return 0;
}

int node_table_init(struct node_table *t, int root_fd)
{
	struct stat st;

	memset(t, 0, sizeof(*t));
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->unchanging, NULL);
	t->n_buckets = 1024;
	t->buckets = calloc(t->n_buckets, sizeof(*t->buckets));
	t->root.fd = root_fd;
	t->root.refs = t->root.lookups = t->root.pins = 1;
	if (!t->buckets)
		return -ENOMEM;
	if (fstat(root_fd, &st) < 0)
		return -errno;
	t->root.dev = st.st_dev;
	t->root.ino = st.st_ino;
	t->root.type = S_IFDIR;
	return 0;
}

void node_table_done(struct node_table *t)
{
	for (size_t i = 0; i < t->n_buckets; i++) {
		while (t->buckets[i]) {
			struct node *node = t->buckets[i];

			t->buckets[i] = node->chain;
			close_keep_errno(node->fd);
			free(node->name);
			free(node);
		}
	}
	free(t->buckets);
	close_keep_errno(t->root.fd);
	pthread_cond_destroy(&t->unchanging);
	pthread_mutex_destroy(&t->lock);
}

static struct node *make(struct node_table *t, struct node *parent, const char *name,
			 const struct stat *st)
{
	struct node *node = calloc(1, sizeof(*node));
	struct node **at;

	if (!node)
		return NULL;
	node->name = strdup(name);
	if (!node->name) {
		free(node);
		return NULL;
	}
	node->fd = -EBADF;
	node->parent = parent;
	node->dev = st->st_dev;
	node->ino = st->st_ino;
	node->type = st->st_mode & S_IFMT;
	parent->refs++;
	at = &t->buckets[bucket_of(t, parent, name)];
	node->chain = *at;
	*at = node;
	t->n_nodes++;
	return node;
}

static int enter(struct node_table *t, struct node *parent, const char *name, int fd,
		 const struct stat *st, struct node **ret)
{
	struct node *node = *find(t, parent, name);

	if (node && (node->dev != st->st_dev || node->ino != st->st_ino)) {
		unlink_name(t, node);
		node = NULL;
	}
	if (!node) {
		if (t->n_nodes >= NODE_MAX)
			return -ENFILE;
		if (t->n_nodes > 2 * t->n_buckets && grow(t) < 0)
			return -ENOMEM;
		node = make(t, parent, name, st);
		if (!node)
			return -ENOMEM;
	}
	if (node->fd < 0) {
		node->fd = fd;
		t->n_open++;
		if (node->pins == 0)
			list_add(t, node);
	} else {
		close(fd);
	}
	node->lookups++;
	node->refs++;
	trim(t);
	*ret = node;
	return 0;
}

int node_enter(struct node_table *t, struct node *parent, const char *name, int fd,
	       const struct stat *st, struct node **ret)
{
	int r;

	pthread_mutex_lock(&t->lock);
	r = enter(t, parent, name, fd, st, ret);
	pthread_mutex_unlock(&t->lock);
	if (r < 0)
		close(fd);
	return r;
}

void node_forget(struct node_table *t, struct node *node, uint64_t lookups)
{
	pthread_mutex_lock(&t->lock);
	if (lookups > node->lookups)
		lookups = node->lookups;
	node->lookups -= lookups;
	drop(t, node, lookups);
	pthread_mutex_unlock(&t->lock);
}

void node_ref(struct node_table *t, struct node *node)
{
	pthread_mutex_lock(&t->lock);
	node->refs++;
	pthread_mutex_unlock(&t->lock);
}

void node_unref(struct node_table *t, struct node *node)
{
	pthread_mutex_lock(&t->lock);
	drop(t, node, 1);
	pthread_mutex_unlock(&t->lock);
}

/* With the lock held: make sure the descriptor is open. Depth is bounded by PATH_MAX. */
static int open_fd(struct node_table *t, struct node *node)
{
	struct stat st;
	int parent_fd, fd;

	if (node->fd >= 0)
		return node->fd;
	if (!node->name)
		return -ESTALE;
	parent_fd = open_fd(t, node->parent);
	if (parent_fd < 0)
		return parent_fd;
	fd = openat(parent_fd, node->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESTALE : -errno;
	if (fstat(fd, &st) < 0 || st.st_dev != node->dev || st.st_ino != node->ino) {
		close(fd);
		return -ESTALE;
	}
	node->fd = fd;
	t->n_open++;
	if (node->pins == 0)
		list_add(t, node);
	return fd;
}

int node_pin(struct node_table *t, struct node *node)
{
	int fd;

	pthread_mutex_lock(&t->lock);
	fd = open_fd(t, node);
	if (fd >= 0) {
		if (node->pins++ == 0)
			list_remove(t, node);
		trim(t);
	}
	pthread_mutex_unlock(&t->lock);
	return fd;
}

void node_unpin(struct node_table *t, struct node *node)
{
	pthread_mutex_lock(&t->lock);
	if (--node->pins == 0)
		list_add(t, node);
	trim(t);
	pthread_mutex_unlock(&t->lock);
}

bool node_open(struct node_table *t, struct node *node)
{
	bool masked;

	pthread_mutex_lock(&t->lock);
	node->refs++; /* the release may come after the kernel forgot the name */
	node->opens++;
	while (node->changing > 0)
		pthread_cond_wait(&t->unchanging, &t->lock);
	masked = node->masked;
	node->masked = false;
	if (masked)
		node->changing++;
	pthread_mutex_unlock(&t->lock);
	return masked;
}

void node_close(struct node_table *t, struct node *node)
{
	pthread_mutex_lock(&t->lock);
	node->opens--;
	drop(t, node, 1);
	pthread_mutex_unlock(&t->lock);
}

bool node_change(struct node_table *t, struct node *node)
{
	bool may;

	pthread_mutex_lock(&t->lock);
	may = node->opens == 0;
	if (may)
		node->changing++;
	pthread_mutex_unlock(&t->lock);
	return may;
}

void node_change_end(struct node_table *t, struct node *node)
{
	pthread_mutex_lock(&t->lock);
	node->changing--;
	pthread_cond_broadcast(&t->unchanging);
	pthread_mutex_unlock(&t->lock);
}

bool node_mask(struct node_table *t, struct node *node)
{
	bool mask;

	pthread_mutex_lock(&t->lock);
	mask = node->opens == 0;
	node->masked |= mask;
	pthread_mutex_unlock(&t->lock);
	return mask;
}

bool node_has_moved(struct node_table *t, struct node *node, const char *base)
{
	bool moved = false;
	struct stat st;

	pthread_mutex_lock(&t->lock);
	if (node->name && node->parent && strcmp(node->name, base) != 0) {
		int parent_fd = open_fd(t, node->parent);

		moved = parent_fd >= 0 &&
			fstatat(parent_fd, node->name, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
			errno == ENOENT;
	}
	pthread_mutex_unlock(&t->lock);
	return moved;
}

static void set_name(struct node_table *t, struct node *node, struct node *parent, char *name)
{
	struct node *old_parent = node->parent;
	struct node **at;

	unlink_name(t, node);
	node->name = name;
	node->parent = parent;
	parent->refs++;
	drop(t, old_parent, 1);
	at = &t->buckets[bucket_of(t, parent, name)];
	node->chain = *at;
	*at = node;
}

void node_renamed(struct node_table *t, struct node *parent, const char *name,
		  struct node *new_parent, const char *new_name)
{
	struct node *node, *replaced;
	char *copy = new_parent ? strdup(new_name) : NULL;

	pthread_mutex_lock(&t->lock);
	node = *find(t, parent, name);
	replaced = new_parent ? *find(t, new_parent, new_name) : NULL;
	if (replaced && replaced != node)
		unlink_name(t, replaced);
	/* Without memory for the name it is simply looked up again. */
	if (node && copy && replaced != node)
		set_name(t, node, new_parent, TAKE_PTR(copy));
	else if (node && replaced != node)
		unlink_name(t, node);
	pthread_mutex_unlock(&t->lock);
	free(copy);
}

void node_exchanged(struct node_table *t, struct node *parent, const char *name,
		    struct node *other_parent, const char *other_name)
{
	struct node *a, *b;
	char *to_a = strdup(other_name), *to_b = strdup(name);

	pthread_mutex_lock(&t->lock);
	a = *find(t, parent, name);
	b = *find(t, other_parent, other_name);
	if (a)
		unlink_name(t, a);
	if (b && b != a)
		unlink_name(t, b);
	if (a && to_a)
		set_name(t, a, other_parent, TAKE_PTR(to_a));
	if (b && b != a && to_b)
		set_name(t, b, parent, TAKE_PTR(to_b));
	pthread_mutex_unlock(&t->lock);
	free(to_a);
	free(to_b);
}

void node_each(struct node_table *t, void (*visit)(void *data, struct node *node), void *data)
{
	struct node **all;
	size_t n = 0;

	pthread_mutex_lock(&t->lock);
	all = malloc((t->n_nodes + 1) * sizeof(struct node *));
	for (size_t i = 0; all && i < t->n_buckets; i++) {
		for (struct node *node = t->buckets[i]; node; node = node->chain) {
			node->refs++;
			all[n++] = node;
		}
	}
	pthread_mutex_unlock(&t->lock);
	for (size_t i = 0; i < n; i++) {
		visit(data, all[i]);
		node_unref(t, all[i]);
	}
	free(all);
}
