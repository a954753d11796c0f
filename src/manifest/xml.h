/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading hostile XML with libxml2: no DTD, no entities, no network, bounded; errors name
 * file, line and element. Thread-safe per document.
 */
#ifndef APPSILO_MANIFEST_XML_H
#define APPSILO_MANIFEST_XML_H

#include "base/error.h"
#include <libxml/tree.h>
#include <stdbool.h>

/**
 * Parse @size bytes of UTF-8.
 * @label  names the document in errors
 * Returns 0 and a document for xmlFreeDoc(); -EINVAL; -ENOMEM.
 */
int xml_load(const char *text, size_t size, const char *label, xmlDoc **ret,
	     struct appsilo_error *err) must_check;

static inline void xml_freep(xmlDoc **doc)
{
	if (*doc)
		xmlFreeDoc(*doc);
}

/** True for an element @name; @ns NULL: of any namespace. */
bool xml_is(const xmlNode *node, const char *ns, const char *name);

/** First element at or after @node among its siblings; NULL at the end. */
const xmlNode *xml_element(const xmlNode *node);
#define xml_each(child, parent)                                                                    \
	for (const xmlNode *child = xml_element((parent)->children); child;                        \
	     child = xml_element((child)->next))

/**
 * The value of attribute @name (of namespace @ns, or none when NULL), copied.
 * @ret  owned by the caller; NULL when the attribute is absent
 * Returns 0; -EINVAL when the value is longer than @max or holds control characters.
 */
int xml_attribute(const xmlNode *node, const char *ns, const char *name, size_t max, char **ret,
		  struct appsilo_error *err) must_check;

/** As xml_attribute(), but absent or empty is an error. */
int xml_need_attribute(const xmlNode *node, const char *name, size_t max, char **ret,
		       struct appsilo_error *err) must_check;

/** The trimmed text content of @node, copied; an element inside is an error. */
int xml_content(const xmlNode *node, size_t max, char **ret, struct appsilo_error *err) must_check;

/** Fill @err with "label:line: <element>: " and the message. Returns -EINVAL. */
int xml_say(const xmlNode *node, struct appsilo_error *err, const char *format, ...)
	printf_like(3, 4);

#endif
