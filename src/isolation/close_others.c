/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/close_others.h"

#include "isolation/kernel.h"
#include <stdlib.h>
#include <string.h>

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

void close_others(const int *keep, size_t n)
{
	unsigned int from = 3;
	int sorted[CLOSE_OTHERS_MAX];

	memcpy(sorted, keep, n * sizeof(*keep));
	qsort(sorted, n, sizeof(*sorted), by_number);
	for (size_t i = 0; i < n; i++) {
		if (sorted[i] < (int)from)
			continue;
		if (sorted[i] > (int)from)
			k_close_range(from, (unsigned int)sorted[i] - 1, 0);
		from = (unsigned int)sorted[i] + 1;
	}
	k_close_range(from, ~0U, 0);
}
