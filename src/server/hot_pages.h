/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pages of a zygote's memory every run touches. After a copy each costs a fault, and those
 * are most of what a short run costs; asked for beforehand, in one call a range, they cost a
 * fraction of that. docs/ARCHITECTURE.md, Warm sandboxes. Single-threaded.
 */
#ifndef APPSILO_SERVER_HOT_PAGES_H
#define APPSILO_SERVER_HOT_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOT_PAGES_RANGES_MAX 4096

struct hot_range {
	uintptr_t start;
	uint32_t pages;
	bool write; /* copied for the run; else only mapped */
};

struct hot_pages {
	size_t n;
	struct hot_range ranges[HOT_PAGES_RANGES_MAX];
};

/**
 * Find out by a trial: @run, of trusted code only, in a copy of this process that ends with it.
 * Returns memory of the caller's, for ever; NULL when the kernel does not tell: nothing is lost
 * then but time.
 */
const struct hot_pages *hot_pages_find(void (*run)(void *data), void *data);

/** In a copy: have them all. @hot NULL: no effect. */
void hot_pages_touch(const struct hot_pages *hot);

#endif
