/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/xml.h"

#include "base/text.h"
#include <libxml/parser.h>
#include <stdarg.h>
#include <string.h>

static int parse_failed(xmlParserCtxt *context, const char *label, struct appsilo_error *err)
{
	const xmlError *e = xmlCtxtGetLastError(context);
	char shown[512];
	size_t n;

	if (e && e->code == XML_ERR_NO_MEMORY)
		return error_set(err, -ENOMEM, "%s", label);
	if (!e || !e->message)
		return error_say(err, -EINVAL, "%s: not well-formed XML", label);
	n = strcspn(e->message, "\r\n");
	if (text_escape(e->message, n, shown, sizeof(shown)) < 0)
		shown[0] = '\0';
	return error_say(err, -EINVAL, "%s:%d: not well-formed XML: %s", label, e->line, shown);
}

/* libxml2 reports through the context; nothing may reach stderr. */
static void be_silent(void *data, const char *message, ...)
{
	(void)data;
	(void)message;
}

static int check_bytes(const char *text, size_t size, const char *label, struct appsilo_error *err)
{
	static const struct {
		const char *bytes;
		size_t n;
	} marks[] = {{"\xef\xbb\xbf", 3}, {"\xff\xfe", 2}, {"\xfe\xff", 2}};

	if (size == 0)
		return error_say(err, -EINVAL, "%s: empty", label);
	if (memchr(text, '\0', size))
		return error_say(err, -EINVAL, "%s: holds a NUL byte", label);
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		if (size >= marks[i].n && memcmp(text, marks[i].bytes, marks[i].n) == 0)
			return error_say(err, -EINVAL,
					 "%s: starts with a byte order mark; save it as plain UTF-8",
					 label);
	/* libxml2 would guess another encoding, and complain of it on stderr. */
	if (!text_is_utf8(text, size))
		return error_say(err, -EINVAL, "%s: is not UTF-8; save it as plain UTF-8", label);
	return 0;
}

int xml_load(const char *text, size_t size, const char *label, xmlDoc **ret,
	     struct appsilo_error *err)
{
	cleanup(xml_freep) xmlDoc *doc = NULL;
	xmlParserCtxt *context;
	int r = check_bytes(text, size, label, err);

	if (r < 0)
		return r;
	context = xmlNewParserCtxt();
	if (!context)
		return error_set(err, -ENOMEM, "%s", label);
	if (context->sax)
		context->sax->warning = context->sax->error = be_silent;
	/* The encoding is fixed: a declared one would be a second way to read the same bytes. */
	doc = xmlCtxtReadMemory(context, text, (int)size, NULL, "UTF-8",
				XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
					XML_PARSE_IGNORE_ENC | XML_PARSE_BIG_LINES);
	if (!doc || !context->nsWellFormed)
		r = parse_failed(context, label, err);
	xmlFreeParserCtxt(context);
	if (r == 0 && (doc->intSubset || doc->extSubset))
		r = error_say(err, -EINVAL, "%s: has a DTD; remove the DOCTYPE", label);
	/* For xml_say(). The parser would make an address of it, with %20 for each space. */
	if (r == 0 && !(doc->URL = xmlStrdup((const xmlChar *)label)))
		r = error_set(err, -ENOMEM, "%s", label);
	if (r == 0)
		*ret = TAKE_PTR(doc);
	return r;
}

const xmlNode *xml_element(const xmlNode *node)
{
	while (node && node->type != XML_ELEMENT_NODE)
		node = node->next;
	return node;
}

bool xml_is(const xmlNode *node, const char *ns, const char *name)
{
	const char *own = node->ns ? (const char *)node->ns->href : "";

	return strcmp((const char *)node->name, name) == 0 && (!ns || strcmp(own, ns) == 0);
}

int xml_say(const xmlNode *node, struct appsilo_error *err, const char *format, ...)
{
	char message[ERROR_LINE_MAX], element[128];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	return error_say(err, -EINVAL, "%s:%ld: <%s>: %s", (const char *)node->doc->URL,
			 xmlGetLineNo((xmlNode *)node),
			 text_show((const char *)node->name, element, sizeof(element)), message);
}

static int check_value(const xmlNode *node, const char *what, const char *value, size_t max,
		       struct appsilo_error *err)
{
	char escaped[32];

	if (strlen(value) > max)
		return xml_say(node, err, "%s is longer than %zu bytes", what, max);
	/* Whatever would have to be escaped to be shown has no place in a name (CVE-2023-28101);
	 * a backslash is plain text here. */
	for (const char *p = value; *p; p++) {
		uint32_t c;
		size_t n = text_decode((const unsigned char *)p, strlen(p), &c);

		if (n == 0 || (*p != '\\' &&
			       (text_escape(p, n, escaped, sizeof(escaped)) < 0 || *escaped == '\\')))
			return xml_say(node, err, "%s holds a control or invisible character", what);
		p += n - 1;
	}
	return 0;
}

static int copy_checked(const xmlNode *node, const char *what, const char *value, size_t max,
			char **ret, struct appsilo_error *err)
{
	int r = check_value(node, what, value, max, err);

	if (r < 0)
		return r;
	*ret = strdup(value);
	return *ret ? 0 : error_set(err, -ENOMEM, "%s", (const char *)node->doc->URL);
}

int xml_attribute(const xmlNode *node, const char *ns, const char *name, size_t max, char **ret,
		  struct appsilo_error *err)
{
	xmlChar *value = ns ? xmlGetNsProp(node, (const xmlChar *)name, (const xmlChar *)ns)
			    : xmlGetNoNsProp(node, (const xmlChar *)name);
	int r;

	*ret = NULL;
	if (!value)
		return 0;
	r = copy_checked(node, name, (const char *)value, max, ret, err);
	xmlFree(value);
	return r;
}

int xml_need_attribute(const xmlNode *node, const char *name, size_t max, char **ret,
		       struct appsilo_error *err)
{
	int r = xml_attribute(node, NULL, name, max, ret, err);

	if (r < 0)
		return r;
	return *ret && **ret ? 0 : xml_say(node, err, "attribute %s is missing or empty", name);
}

int xml_content(const xmlNode *node, size_t max, char **ret, struct appsilo_error *err)
{
	static const char space[] = " \t\r\n";
	xmlChar *text;
	char *start, *end;
	int r;

	if (xml_element(node->children))
		return xml_say(node, err, "holds an element where text is expected");
	text = xmlNodeGetContent(node);
	if (!text)
		return error_set(err, -ENOMEM, "%s", (const char *)node->doc->URL);
	start = (char *)text + strspn((char *)text, space);
	end = start + strlen(start);
	while (end > start && strchr(space, end[-1]))
		*--end = '\0';
	r = copy_checked(node, "the text", start, max, ret, err);
	xmlFree(text);
	return r;
}
