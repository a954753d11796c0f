/* SPDX-License-Identifier: Apache-2.0 */
#include "server/api_error.h"

#include <stdarg.h>

int api_error_set(struct api_error *e, int status, const char *code, const char *format, ...)
{
	va_list args;

	*e = (struct api_error){.status = status, .code = code};
	va_start(args, format);
	vsnprintf(e->message, sizeof(e->message), format, args);
	va_end(args);
	return -EINVAL;
}
