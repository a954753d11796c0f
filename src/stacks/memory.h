/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of a program that may lie: every pointer, length and table in it is a claim. Whoever
 * follows one bounds how far, and takes a failed read for the end. Not thread-safe.
 */
#ifndef APPSILO_STACKS_MEMORY_H
#define APPSILO_STACKS_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memory {
	/* All @size bytes, or false. */
	bool (*read)(void *data, uint64_t address, void *ret, size_t size);
	void *data;
};

static inline bool memory_read(const struct memory *m, uint64_t address, void *ret, size_t size)
{
	return m->read(m->data, address, ret, size);
}

static inline bool memory_word(const struct memory *m, uint64_t address, uint64_t *ret)
{
	return memory_read(m, address, ret, sizeof(*ret));
}

#endif
