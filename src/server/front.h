/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One `appsilo` as a child process: its words, its descriptors, how it ended. It dies with the
 * thread that started it. Thread-safe per object.
 */
#ifndef APPSILO_SERVER_FRONT_H
#define APPSILO_SERVER_FRONT_H

#include "server/sandbox.h"
#include <sys/types.h>

#define FRONT_WORDS_MAX 1024
/* What `run` is to write its result to (--result): a memory file of ours. */
#define FRONT_RESULT_PATH "/proc/self/fd/3"

/* Words for exec: what we make of them is owned, the rest borrowed. */
struct front_words {
	const char *all[FRONT_WORDS_MAX + 1];
	char *owned[FRONT_WORDS_MAX];
	size_t n, n_owned;
	bool full; /* one did not fit: front_start() refuses them */
};

void front_add(struct front_words *w, const char *word);
/** OPTION=VALUE: a value can then not be taken for an option (CVE-2024-32462). */
void front_add_option(struct front_words *w, const char *option, const char *value);
/** OPTION=VALUEUNIT, unless @value is 0. */
void front_add_number(struct front_words *w, const char *option, uint64_t value, const char *unit);
/** The options of a run's limits, output apart. */
void front_add_limits(struct front_words *w, const struct sandbox_limits *l);
void front_words_done(struct front_words *w);

struct front_run {
	struct sandbox base;
	int result_fd; /* a memory file; owned */
};

/**
 * Start @argv, whose first word is the program's path, with this environment.
 * @files  how many it may open; 0: as many as we
 * Returns 0; -errno.
 */
int front_start(const struct front_words *argv, const struct front_words *env, unsigned int files,
		struct front_run **ret) must_check;

/* As struct sandbox_backend has them. */
void front_kill(struct sandbox *s);
void front_end(struct sandbox *s, struct sandbox_result *ret);

#endif
