/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program file put together again from where it is mapped: no file is opened. Its section table
 * is not in memory, so that its symbols are those of the dynamic linker. Not thread-safe.
 */
#ifndef APPSILO_STACKS_IMAGE_H
#define APPSILO_STACKS_IMAGE_H

#include "stacks/memory.h"

#define IMAGE_MAX (64 * 1024 * 1024)

/**
 * The file whose first byte is mapped at @start, all of it below @end.
 * @ret_size  its bytes
 * Returns them, owned by the caller; NULL where it is no ELF file that could run here.
 */
char *image_read(const struct memory *memory, uint64_t start, uint64_t end, size_t *ret_size);

#endif
