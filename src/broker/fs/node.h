/* SPDX-License-Identifier: Apache-2.0 */
/* Names the kernel knows, each with the O_PATH descriptor of its file. See node.c. */
#ifndef APPSILO_BROKER_FS_NODE_H
#define APPSILO_BROKER_FS_NODE_H

#include "base/cleanup.h"
#include "consent/types.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* Descriptors kept open for names; beyond it the oldest idle one is closed and reopened
 * when needed. The names themselves are bounded by the kernel's memory for them. */
#define NODE_OPEN_MAX 8192
/* Names an app can make us keep. Beyond it: ENFILE. */
#define NODE_MAX 4000000

struct node {
	struct node *parent; /* referenced; NULL for the root */
	char *name;	     /* owned; NULL once the name is gone */
	dev_t dev;
	ino_t ino;
	mode_t type; /* S_IFMT bits */
	uint64_t lookups; /* the kernel's references */
	uint64_t refs;	  /* lookups, children, users */
	uint32_t pins;	  /* users of fd */
	uint32_t opens;	  /* files the app holds open through this name */
	uint32_t changing; /* notices to the kernel about it that are under way */
	bool masked;	  /* the kernel was given masked attributes since the first open */
	int fd;		  /* O_PATH, -EBADF while closed */
	atomic_uint granted; /* accesses allowed so far, 1 << enum consent_access */
	struct node *chain; /* hash bucket */
	struct node *older, *newer; /* open and unpinned, by age */
};

struct node_table {
	pthread_mutex_t lock; /* guards everything here and every node */
	pthread_cond_t unchanging; /* a node's count of notices came to 0 */
	struct node **buckets;
	size_t n_buckets, n_nodes, n_open;
	struct node *oldest, *newest;
	struct node root;
};

/** @root_fd is taken over. Returns 0; -ENOMEM; -errno. */
int node_table_init(struct node_table *table, int root_fd) must_check;
void node_table_done(struct node_table *table);

/**
 * The node of @name in @parent for the file that @fd (O_PATH, taken over) and @st describe,
 * with one more kernel reference. Returns 0; -ENOMEM; -ENFILE.
 */
int node_enter(struct node_table *table, struct node *parent, const char *name, int fd,
	       const struct stat *st, struct node **ret) must_check;

void node_forget(struct node_table *table, struct node *node, uint64_t lookups);

/** Use a node beyond its request (parked operations). */
void node_ref(struct node_table *table, struct node *node);
void node_unref(struct node_table *table, struct node *node);

/**
 * Borrow the descriptor until node_unpin(). Reopened by name when it had been closed, and
 * then checked to be the same file. Returns an fd; -ESTALE; -errno.
 */
int node_pin(struct node_table *table, struct node *node) must_check;
void node_unpin(struct node_table *table, struct node *node);

/**
 * The app opens the file: until node_close() its attributes are not masked, and no notice
 * goes out about it. Waits for those under way. Returns true when masked attributes may be on
 * their way to the kernel: call node_change_end() after telling it to forget them.
 */
bool node_open(struct node_table *table, struct node *node) must_check;
void node_close(struct node_table *table, struct node *node);

/** May the kernel be told to forget the attributes? If so, node_change_end() follows. */
bool node_change(struct node_table *table, struct node *node) must_check;
void node_change_end(struct node_table *table, struct node *node);

/** Attributes nobody consented to are about to be replied: mask them? Not of an open file. */
bool node_mask(struct node_table *table, struct node *node) must_check;

/** Its file is called @base now: was it moved by somebody else, and its name is free? */
bool node_has_moved(struct node_table *table, struct node *node, const char *base);

/** Remember that @access was allowed; it holds on when the file loses its name. */
static inline void node_grant(struct node *node, enum consent_access access)
{
	atomic_fetch_or(&node->granted, 1u << access);
}

/** Was @access, or more, allowed while the file had a name? */
static inline bool node_was_granted(struct node *node, enum consent_access access)
{
	return atomic_load(&node->granted) >= 1u << access;
}

/** The name now belongs to another place (@new_parent NULL: it is gone). */
void node_renamed(struct node_table *table, struct node *parent, const char *name,
		  struct node *new_parent, const char *new_name);
/** Both names changed places. */
void node_exchanged(struct node_table *table, struct node *parent, const char *name,
		    struct node *other_parent, const char *other_name);

/** Call @visit for each node with the lock dropped; nodes are referenced meanwhile. */
void node_each(struct node_table *table, void (*visit)(void *data, struct node *node), void *data);

#endif
