/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A prompting run. The front splits in two: it becomes the broker by exec at once, and its
 * child, the builder, makes the namespaces, the FUSE mount and the sandbox's init, hands
 * them over and stays as the attach helper. So the broker loads while the rest is built.
 * docs/ARCHITECTURE.md, Processes.
 */
#ifndef APPSILO_CLI_BROKER_START_H
#define APPSILO_CLI_BROKER_START_H

#include "cli/prepare.h"
#include <sched.h>
#include <stdatomic.h>

struct builder {
	/* The builder's life; returns its exit code. */
	int (*run)(struct builder *builder);
	void *data;
	int socket_fd; /* the builder's end of the handoff socket */
	int broker_fd; /* the broker's */
	/* Filled by broker_split(). */
	pid_t front;
	cpu_set_t processors; /* the front's */
	atomic_bool placed;   /* the front has chosen the builder's first processor */
};

/**
 * Start @builder->run() in a child and become the broker. @argv is the front's own.
 * Returns only when it fails: -errno with the line.
 */
int broker_split(const struct prepared *p, char *const *argv, struct builder *builder,
		 struct appsilo_error *err) must_check;

/** In the builder. Returns only when it fails: -errno with the line, which the broker waits for. */
int broker_build(struct prepared *p, char *const *argv, int socket_fd,
		 struct appsilo_error *err) must_check;

#endif
