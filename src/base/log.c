/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>

/* The one process-wide state: set by main before threads start, read only after. */
static struct {
	enum log_level level;
	int fd;
} sink = {LOG_LEVEL_WARNING, STDERR_FILENO};

void log_setup(enum log_level level, int fd)
{
	sink.level = level;
	sink.fd = fd;
}

void log_line(enum log_level level, const char *format, ...)
{
	static const char *const words[] = {"", "warning: ", "", "debug: "};
	char line[1400];
	va_list args;
	int length, more;

	if (level > sink.level)
		return;
	length = snprintf(line, sizeof(line), "appsilo: %s", words[level]);
	va_start(args, format);
	more = vsnprintf(line + length, sizeof(line) - (size_t)length - 1, format, args);
	va_end(args);
	if (more < 0)
		return;
	length += more;
	if ((size_t)length > sizeof(line) - 2)
		length = (int)sizeof(line) - 2;
	line[length++] = '\n';
	/* A log that cannot be written has nowhere to complain to. */
	(void)!write(sink.fd, line, (size_t)length);
}
