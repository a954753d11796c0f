/* SPDX-License-Identifier: Apache-2.0 */
/* Text in the XML that packages are written with. Thread-safe. */
#ifndef APPSILO_PACKAGE_XML_TEXT_H
#define APPSILO_PACKAGE_XML_TEXT_H

#include <stddef.h>
#include <string.h>

/* Write @text, a valid name, as an attribute's value; "/" becomes @slash. @size must be 6 times
 * the text and 1. Returns @ret. */
static inline char *xml_text(const char *text, char slash, char *ret, size_t size)
{
	char *p = ret;

	for (; *text && (size_t)(p - ret) + 6 < size; text++) {
		if (*text == '&')
			p = stpcpy(p, "&amp;");
		else
			*p++ = *text == '/' ? slash : *text;
	}
	*p = '\0';
	return ret;
}

#endif
