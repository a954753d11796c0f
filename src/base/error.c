/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <string.h>

int error_set(struct appsilo_error *err, int code, const char *format, ...)
{
	va_list args;
	int length;

	if (!err)
		return code < 0 ? code : -EINVAL;
	va_start(args, format);
	length = vsnprintf(err->line, sizeof(err->line), format, args);
	va_end(args);
	if (code < 0 && length >= 0 && (size_t)length < sizeof(err->line))
		snprintf(err->line + length, sizeof(err->line) - (size_t)length, ": %s",
			 strerror(-code));
	err->code = code < 0 ? code : -EINVAL;
	return err->code;
}

int error_say(struct appsilo_error *err, int code, const char *format, ...)
{
	va_list args;

	if (!err)
		return code;
	va_start(args, format);
	vsnprintf(err->line, sizeof(err->line), format, args);
	va_end(args);
	err->code = code;
	return code;
}

int error_prefix(struct appsilo_error *err, const char *format, ...)
{
	char old[ERROR_LINE_MAX];
	va_list args;
	int length;

	if (!err)
		return -EINVAL;
	memcpy(old, err->line, sizeof(old));
	va_start(args, format);
	length = vsnprintf(err->line, sizeof(err->line), format, args);
	va_end(args);
	if (length >= 0 && (size_t)length < sizeof(err->line))
		snprintf(err->line + length, sizeof(err->line) - (size_t)length, ": %s", old);
	return err->code;
}

void error_advise_doctor(struct appsilo_error *err)
{
	size_t used;

	if (!err || !err->line[0] || (err->code != -ENOSYS && err->code != -EPERM) ||
	    strstr(err->line, "appsilo doctor"))
		return;
	used = strlen(err->line);
	snprintf(err->line + used, sizeof(err->line) - used, "; run appsilo doctor");
}
