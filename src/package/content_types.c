/* SPDX-License-Identifier: Apache-2.0 */
#include "package/content_types.h"

#include "manifest/xml.h"
#include "package/msix.h"
#include "package/names.h"
#include "package/xml_text.h"
#include <ctype.h>
#include <string.h>

#define NS_TYPES "http://schemas.openxmlformats.org/package/2006/content-types"
#define DEFAULTS_MAX 256 /* endings with an element of their own; more get one for each file */
#define ENDING_MAX 32
#define TYPE_SIGNATURE "application/vnd.ms-appx.signature"
#define TYPE_OTHER "application/octet-stream"

static const char *media_type(const char *ending)
{
	static const char *const types[][2] = {
		{"css", "text/css"},	     {"dll", "application/x-msdownload"},
		{"exe", "application/x-msdownload"}, {"gif", "image/gif"},
		{"htm", "text/html"},	     {"html", "text/html"},
		{"ico", "image/vnd.microsoft.icon"}, {"jpeg", "image/jpeg"},
		{"jpg", "image/jpeg"},	     {"js", "application/x-javascript"},
		{"json", "application/json"}, {"pdf", "application/pdf"},
		{"png", "image/png"},	     {"svg", "image/svg+xml"},
		{"txt", "text/plain"},	     {"xml", "text/xml"},
		{"zip", "application/x-zip-compressed"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(types[i][0], ending) == 0)
			return types[i][1];
	return TYPE_OTHER;
}

struct builder {
	FILE *out;
	char seen[DEFAULTS_MAX][ENDING_MAX];
	size_t n;
};

/* True when a Default element says the type of every file with this ending. */
static bool has_default(struct builder *b, const char *name)
{
	const char *base = strrchr(name, '/'), *dot;
	char ending[ENDING_MAX];
	size_t i = 0;

	dot = strrchr(base ? base : name, '.');
	if (!dot || !dot[1] || strlen(dot + 1) >= ENDING_MAX)
		return false;
	for (; dot[i + 1]; i++) {
		/* Others have to be encoded, and readers disagree on how to compare them then. */
		if (!isalnum((unsigned char)dot[i + 1]) && !strchr("-_", dot[i + 1]))
			return false;
		ending[i] = (char)tolower((unsigned char)dot[i + 1]);
	}
	ending[i] = '\0';
	for (i = 0; i < b->n; i++)
		if (strcmp(b->seen[i], ending) == 0)
			return true;
	if (b->n == DEFAULTS_MAX)
		return false;
	strcpy(b->seen[b->n++], ending);
	fprintf(b->out, "<Default Extension=\"%s\" ContentType=\"%s\"/>", ending, media_type(ending));
	return true;
}

static int add_part(struct builder *b, const char *name)
{
	cleanup_free char *encoded = NULL;
	int r = has_default(b, name) ? 1 : name_encode(name, &encoded);

	if (r == 0)
		fprintf(b->out, "<Override PartName=\"/%s\" ContentType=\"" TYPE_OTHER "\"/>", encoded);
	return r < 0 ? r : 0;
}

int content_types_make(const char *const *names, size_t n, char **ret, size_t *ret_size)
{
	cleanup_free struct builder *b = calloc(1, sizeof(*b));
	char *text = NULL;
	size_t size;
	int r = 0;

	if (b)
		b->out = open_memstream(&text, &size);
	if (!b || !b->out)
		return -ENOMEM;
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\r\n"
	      "<Types xmlns=\"" NS_TYPES "\">", b->out);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_part(b, names[i]);
	fputs("<Override PartName=\"/" MSIX_MANIFEST "\" "
	      "ContentType=\"application/vnd.ms-appx.manifest+xml\"/>"
	      "<Override PartName=\"/" MSIX_BLOCK_MAP "\" "
	      "ContentType=\"application/vnd.ms-appx.blockmap+xml\"/>" CONTENT_TYPES_SIGNATURE
	      "</Types>", b->out);
	if (ferror(b->out) && r == 0)
		r = -ENOMEM;
	if (fclose(b->out) != 0 && r == 0)
		r = -ENOMEM;
	if (r < 0) {
		free(text);
		return r;
	}
	*ret = text;
	*ret_size = size;
	return 0;
}

static int part_is_signature(const xmlNode *node, bool *ret, struct appsilo_error *err)
{
	cleanup_free char *part = NULL, *type = NULL;
	int r = xml_attribute(node, NULL, "PartName", MSIX_NAME_MAX * 3, &part, err);

	if (r == 0)
		r = xml_attribute(node, NULL, "ContentType", 256, &type, err);
	*ret = part && type && strcasecmp(part, "/" MSIX_SIGNATURE) == 0 &&
	       strcasecmp(type, TYPE_SIGNATURE) == 0;
	return r;
}

int content_types_name_signature(const char *text, size_t size, const char *label,
				 struct appsilo_error *err)
{
	cleanup(xml_freep) xmlDoc *doc = NULL;
	const xmlNode *root;
	bool found = false;
	int r = xml_load(text, size, label, &doc, err);

	if (r < 0)
		return r == -ENOMEM ? r : -EBADMSG;
	root = xmlDocGetRootElement(doc);
	if (!root || !xml_is(root, NS_TYPES, "Types"))
		return error_say(err, -EBADMSG, "%s: its root is not Types", label);
	xml_each(node, root) {
		if (!found && xml_is(node, NS_TYPES, "Override"))
			r = part_is_signature(node, &found, err);
		if (r < 0)
			return -EBADMSG;
	}
	return found;
}

int content_types_add_signature(const char *text, size_t size, const char *label, char **ret,
				size_t *ret_size, struct appsilo_error *err)
{
	static const char end[] = "</Types>";
	const char *at = memmem(text, size, end, strlen(end));
	cleanup_free char *out = malloc(size + sizeof(CONTENT_TYPES_SIGNATURE));
	size_t before, n = size + strlen(CONTENT_TYPES_SIGNATURE);

	if (!out)
		return error_set(err, -ENOMEM, "%s", label);
	if (!at)
		return error_say(err, -EBADMSG, "%s: it does not end with </Types>", label);
	before = (size_t)(at - text);
	memcpy(out, text, before);
	memcpy(out + before, CONTENT_TYPES_SIGNATURE, strlen(CONTENT_TYPES_SIGNATURE));
	memcpy(out + n - (size - before), at, size - before);
	/* A comment may hold the same words: what counts is how the result reads. */
	if (content_types_name_signature(out, n, label, err) != 1)
		return error_say(err, -EBADMSG, "%s: the signature cannot be added to it", label);
	*ret = TAKE_PTR(out);
	*ret_size = n;
	return 0;
}
