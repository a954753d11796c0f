/* SPDX-License-Identifier: Apache-2.0 */
#include "server/verdict.h"

#include <string.h>

const char *verdict_of_result(const struct sandbox_result *r)
{
	switch (r->reason) {
	case SANDBOX_EXITED:
		return r->exit_code ? "runtime-error" : NULL;
	case SANDBOX_SIGNALED:
	case SANDBOX_PIDS:
	case SANDBOX_DENIED:
		return "runtime-error";
	case SANDBOX_TIMEOUT:
		return "time-limit";
	case SANDBOX_OOM:
		return "memory-limit";
	case SANDBOX_OUTPUT_LIMIT:
		return "output-limit";
	case SANDBOX_CANCELLED:
		return "cancelled";
	case SANDBOX_FAILED:
		break;
	}
	return "failed";
}

static size_t trimmed(const char *text, size_t size, const char *spaces)
{
	while (size && memchr(spaces, text[size - 1], strlen(spaces)))
		size--;
	return size;
}

static size_t line_length(const char *text, size_t size)
{
	const char *end = memchr(text, '\n', size);

	return end ? (size_t)(end - text) : size;
}

bool verdict_same(const char *a, size_t a_size, const char *b, size_t b_size)
{
	a_size = trimmed(a, a_size, " \t\r\n");
	b_size = trimmed(b, b_size, " \t\r\n");
	while (a_size && b_size) {
		size_t a_line = line_length(a, a_size), b_line = line_length(b, b_size);
		size_t n = trimmed(a, a_line, " \t\r");

		if (n != trimmed(b, b_line, " \t\r") || memcmp(a, b, n) != 0)
			return false;
		a_line += a_line < a_size;
		b_line += b_line < b_size;
		a += a_line;
		a_size -= a_line;
		b += b_line;
		b_size -= b_line;
	}
	return !a_size && !b_size;
}
