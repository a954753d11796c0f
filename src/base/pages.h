/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that a start is sure to write to, asked for in one call: a fault for each page
 * costs several times as much, on a virtual machine above all. Where the kernel does not
 * know the call (before Linux 5.14) nothing is lost.
 */
#ifndef APPSILO_BASE_PAGES_H
#define APPSILO_BASE_PAGES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#define PAGES_BYTES 4096
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static inline void pages_populate(const void *from, size_t size)
{
	uintptr_t start = (uintptr_t)from & ~(uintptr_t)(PAGES_BYTES - 1);

	(void)!madvise((void *)start, (uintptr_t)from + size - start, MADV_POPULATE_WRITE);
}

/** The next @size bytes below the caller's frame. */
static inline void pages_populate_stack(size_t size)
{
	pages_populate((char *)__builtin_frame_address(0) - size, size);
}

#endif
