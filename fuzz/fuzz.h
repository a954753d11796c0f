/* SPDX-License-Identifier: Apache-2.0 */
/* What every fuzz target shares. docs/HACKING.md, Fuzzing. */
#ifndef APPSILO_FUZZ_H
#define APPSILO_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Holds for every input, or the run ends with a report. */
#define ALWAYS(condition)                                                                          \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#endif
