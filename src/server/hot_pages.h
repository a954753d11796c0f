/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pages of a zygote's memory every run touches. After a copy each costs a fault, and those
 * are most of what a short run costs; asked for beforehand, in one call a range, they cost a
 * fraction of that. A trial tells which they are. docs/ARCHITECTURE.md, Warm sandboxes. Single-threaded.
 */
#ifndef APPSILO_SERVER_HOT_PAGES_H
#define APPSILO_SERVER_HOT_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hot_range {
	uintptr_t start;
	uint32_t pages;
	bool write; /* copied for the run; else only mapped */
};

struct hot_pages {
	size_t n;
	struct hot_range ranges[];
};

/* What a trial finds, in memory that it shares with who started it. */
struct hot_trial;

/** NULL: out of memory. */
struct hot_trial *hot_trial_new(void);

/** In the trial, at its end: note which pages it has touched since it was copied. */
void hot_trial_look(struct hot_trial *trial);

/**
 * Free @trial, so that nobody shares memory any more.
 * Returns what it found, in memory of the caller's, for ever; NULL when the kernel did not tell:
 * nothing is lost then but time.
 */
const struct hot_pages *hot_trial_end(struct hot_trial *trial);

/** In a copy: have them all. @hot NULL: no effect. */
void hot_pages_touch(const struct hot_pages *hot);

#endif
