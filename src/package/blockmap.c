/* SPDX-License-Identifier: Apache-2.0 */
#include "package/blockmap.h"

#include "base/text.h"
#include "package/msix.h"
#include "package/names.h"
#include "package/xml_text.h"
#include <libxml/xmlreader.h>
#include <openssl/evp.h>
#include <string.h>

#define NS_MAP "http://schemas.microsoft.com/appx/2010/blockmap"
#define NS_MAP_2021 "http://schemas.microsoft.com/appx/2021/blockmap" /* FileHash: ignored */
#define METHOD "http://www.w3.org/2001/04/xmlenc#sha256"
#define DIGEST_TEXT 44 /* base 64 of a SHA-256 */
/* What deflate adds at most to a block that does not shrink, and some room. */
#define PACKED_MAX (MSIX_BLOCK_SIZE + 1024)

struct reader {
	xmlTextReader *xml;
	const char *label;
	struct blockmap *map;
	struct appsilo_error *err;
	int depth; /* 0: before the root; 1: in BlockMap; 2: in File */
};

static void *grown(void *items, size_t n, size_t *room, size_t size)
{
	void *bigger;

	if (n < *room)
		return items;
	*room = *room ? *room * 2 : 64;
	bigger = reallocarray(items, *room, size);
	return bigger;
}

int blockmap_add_file(struct blockmap *map, const char *name, uint64_t size, uint32_t header_size)
{
	struct blockmap_file *files = grown(map->files, map->n, &map->files_room, sizeof(*files));

	if (!files)
		return -ENOMEM;
	map->files = files;
	files[map->n] = (struct blockmap_file){strdup(name), size, header_size, map->n_blocks, 0};
	return files[map->n++].name ? 0 : -ENOMEM;
}

int blockmap_add_block(struct blockmap *map, const struct blockmap_block *block)
{
	struct blockmap_block *blocks =
		grown(map->blocks, map->n_blocks, &map->blocks_room, sizeof(*blocks));

	if (!blocks)
		return -ENOMEM;
	map->blocks = blocks;
	blocks[map->n_blocks++] = *block;
	map->files[map->n - 1].n++;
	return 0;
}

void blockmap_done(struct blockmap *map)
{
	for (size_t i = 0; i < map->n; i++)
		free(map->files[i].name);
	free(map->files);
	free(map->blocks);
	*map = (struct blockmap){0};
}

static int say(const struct reader *r, const char *what)
{
	return error_say(r->err, -EBADMSG, "%s:%d: %s", r->label,
			 xmlTextReaderGetParserLineNumber(r->xml), what);
}

static int say_file(const struct reader *r, const char *name, const char *what)
{
	char shown[768];

	return error_say(r->err, -EBADMSG, "%s:%d: %s: %s", r->label,
			 xmlTextReaderGetParserLineNumber(r->xml),
			 text_show(name, shown, sizeof(shown)), what);
}

/* Only digits: no sign, no spaces. */
static bool take_number(const char *text, uint64_t *ret)
{
	*ret = 0;
	if (!text || !*text || strlen(text) > 19)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		*ret = *ret * 10 + (uint64_t)(*text - '0');
	}
	return true;
}

static bool take_digest(const char *text, unsigned char ret[SHA256_SIZE])
{
	unsigned char raw[SHA256_SIZE + 2], again[DIGEST_TEXT + 1];

	if (!text || strlen(text) != DIGEST_TEXT || text[DIGEST_TEXT - 1] != '=' ||
	    EVP_DecodeBlock(raw, (const unsigned char *)text, DIGEST_TEXT) != SHA256_SIZE + 1)
		return false;
	/* One digest, one spelling. */
	EVP_EncodeBlock(again, raw, SHA256_SIZE);
	memcpy(ret, raw, SHA256_SIZE);
	return memcmp(again, text, DIGEST_TEXT) == 0;
}

/* The attributes of the element that are known; any other without a namespace is refused. */
static int take_attributes(const struct reader *r, const char *const *names, char **ret)
{
	while (xmlTextReaderMoveToNextAttribute(r->xml) == 1) {
		const char *name = (const char *)xmlTextReaderConstLocalName(r->xml);
		size_t i = 0;

		if (xmlTextReaderIsNamespaceDecl(r->xml) == 1)
			continue;
		while (names[i] && strcmp(names[i], name) != 0)
			i++;
		if (!names[i] || xmlTextReaderConstNamespaceUri(r->xml))
			return say(r, "an attribute that block maps do not have");
		ret[i] = (char *)xmlTextReaderValue(r->xml);
		if (!ret[i])
			return error_set(r->err, -ENOMEM, "%s", r->label);
	}
	xmlTextReaderMoveToElement(r->xml);
	return 0;
}

static int start_map(struct reader *r)
{
	static const char *const names[] = {"HashMethod", "IgnorableNamespaces", NULL};
	char *values[2] = {NULL};
	int result = take_attributes(r, names, values);

	if (result == 0 && (!values[0] || strcmp(values[0], METHOD) != 0))
		result = say(r, "its digests are not SHA-256; appsilo reads no others");
	xmlFree(values[0]);
	xmlFree(values[1]);
	return result;
}

static int check_file(const struct reader *r, char *const *values, uint64_t *ret_size,
		      uint64_t *ret_header)
{
	const char *problem;

	if (!values[0])
		return say(r, "a File without a Name");
	if (strchr(values[0], '/'))
		return say_file(r, values[0], "its name has \"/\" in place of \"\\\"");
	for (char *p = values[0]; *p; p++)
		if (*p == '\\')
			*p = '/';
	problem = name_problem(values[0]);
	if (problem) {
		char line[96];

		snprintf(line, sizeof(line), "its name has %s", problem);
		return say_file(r, values[0], line);
	}
	if (!take_number(values[1], ret_size) || *ret_size > INT64_MAX / 2)
		return say_file(r, values[0], "its Size is not a number of bytes");
	if (!take_number(values[2], ret_header) || *ret_header < 30 || *ret_header > UINT16_MAX)
		return say_file(r, values[0], "its LfhSize is not a size of a local header");
	return 0;
}

static int start_file(struct reader *r)
{
	static const char *const names[] = {"Name", "Size", "LfhSize", NULL};
	char *values[3] = {NULL};
	uint64_t size = 0, header = 0;
	int result = take_attributes(r, names, values);

	if (result == 0 && r->map->n == MSIX_ENTRIES_MAX)
		result = error_say(r->err, -EFBIG, "%s: too many files", r->label);
	if (result == 0)
		result = check_file(r, values, &size, &header);
	if (result == 0 && blockmap_add_file(r->map, values[0], size, (uint32_t)header) < 0)
		result = error_set(r->err, -ENOMEM, "%s", r->label);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		xmlFree(values[i]);
	return result;
}

static int start_block(struct reader *r)
{
	static const char *const names[] = {"Hash", "Size", NULL};
	const char *file = r->map->files[r->map->n - 1].name;
	struct blockmap_block block = {.packed = 0};
	char *values[2] = {NULL};
	uint64_t packed = 0;
	int result = take_attributes(r, names, values);

	if (result == 0 && !take_digest(values[0], block.digest))
		result = say_file(r, file, "a Hash that is not a SHA-256 in base 64");
	if (result == 0 && values[1] &&
	    (!take_number(values[1], &packed) || packed == 0 || packed > PACKED_MAX))
		result = say_file(r, file, "a Size that no block can have");
	block.packed = (uint32_t)packed;
	if (result == 0 && blockmap_add_block(r->map, &block) < 0)
		result = error_set(r->err, -ENOMEM, "%s", r->label);
	xmlFree(values[0]);
	xmlFree(values[1]);
	return result;
}

static int end_file(const struct reader *r)
{
	const struct blockmap_file *file = &r->map->files[r->map->n - 1];
	uint64_t wanted = (file->size + MSIX_BLOCK_SIZE - 1) / MSIX_BLOCK_SIZE;

	return file->n == wanted ? 0
				 : say_file(r, file->name, "its Size does not fit its number of blocks");
}

static int start_element(struct reader *r)
{
	static const char *const wanted[] = {"BlockMap", "File", "Block"};
	const char *name = (const char *)xmlTextReaderConstLocalName(r->xml);
	const char *ns = (const char *)xmlTextReaderConstNamespaceUri(r->xml);
	bool empty = xmlTextReaderIsEmptyElement(r->xml) == 1;
	int result;

	if (r->depth == 2 && ns && strcmp(ns, NS_MAP_2021) == 0 && strcmp(name, "FileHash") == 0)
		return empty ? 0 : say(r, "a FileHash with content");
	if (r->depth > 2 || !ns || strcmp(ns, NS_MAP) != 0 || strcmp(name, wanted[r->depth]) != 0)
		return say(r, "an element that block maps do not have here");
	result = r->depth == 0 ? start_map(r) : r->depth == 1 ? start_file(r) : start_block(r);
	if (result < 0)
		return result;
	if (empty)
		return r->depth == 1 ? end_file(r) : 0;
	r->depth++;
	return 0;
}

static int take_node(struct reader *r)
{
	switch (xmlTextReaderNodeType(r->xml)) {
	case XML_READER_TYPE_ELEMENT:
		return start_element(r);
	case XML_READER_TYPE_END_ELEMENT:
		r->depth--;
		return r->depth == 1 ? end_file(r) : 0;
	case XML_READER_TYPE_WHITESPACE:
	case XML_READER_TYPE_SIGNIFICANT_WHITESPACE:
	case XML_READER_TYPE_COMMENT:
		return 0;
	default:
		return say(r, "text, a DTD or an entity, which block maps do not have");
	}
}

int blockmap_parse(const char *text, size_t size, const char *label, struct blockmap *ret,
		   struct appsilo_error *err)
{
	struct blockmap map = {0};
	struct reader r = {.label = label, .map = &map, .err = err};
	int more = 0, result = 0;

	if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark says nothing */
		text += 3;
		size -= 3;
	}
	if (size > MSIX_BLOCK_MAP_MAX)
		return error_say(err, -EFBIG, "%s: too large", label);
	/* libxml2 would guess another encoding, and complain of it on stderr. */
	if (!text_is_utf8(text, size))
		return error_say(err, -EBADMSG, "%s: is not UTF-8", label);
	r.xml = xmlReaderForMemory(text, (int)size, NULL, "UTF-8",
				   XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
					   XML_PARSE_IGNORE_ENC);
	if (!r.xml)
		return error_set(err, -ENOMEM, "%s", label);
	while (result == 0 && (more = xmlTextReaderRead(r.xml)) == 1)
		result = take_node(&r);
	if (result == 0 && more < 0)
		result = say(&r, "not well-formed XML");
	if (result == 0 && map.n == 0)
		result = say(&r, "no files");
	xmlFreeTextReader(r.xml);
	if (result < 0)
		blockmap_done(&map);
	else
		*ret = map;
	return result;
}

struct output {
	int (*put)(void *data, const void *bytes, size_t size);
	void *data;
	char text[16384];
	size_t used;
};

static int flush(struct output *out)
{
	size_t n = TAKE(out->used, 0);

	return n ? out->put(out->data, out->text, n) : 0;
}

static int write_file(struct output *out, const struct blockmap *map, const struct blockmap_file *file)
{
	size_t room = sizeof(out->text);
	char name[6 * MSIX_NAME_MAX + 1];
	int r = 0;

	xml_text(file->name, '\\', name, sizeof(name));
	if (room - out->used < sizeof(name) + 256)
		r = flush(out);
	if (r < 0)
		return r;
	out->used += (size_t)snprintf(out->text + out->used, room - out->used,
				      "<File Name=\"%s\" Size=\"%llu\" LfhSize=\"%u\">", name,
				      (unsigned long long)file->size, file->header_size);
	for (size_t i = file->first; r == 0 && i < file->first + file->n; i++) {
		const struct blockmap_block *block = &map->blocks[i];
		unsigned char digest[DIGEST_TEXT + 1];
		char size[32] = "";

		EVP_EncodeBlock(digest, block->digest, SHA256_SIZE);
		if (block->packed)
			snprintf(size, sizeof(size), " Size=\"%u\"", block->packed);
		out->used += (size_t)snprintf(out->text + out->used, room - out->used,
					      "<Block Hash=\"%s\"%s/>", (char *)digest, size);
		if (room - out->used < 256)
			r = flush(out);
	}
	out->used += (size_t)snprintf(out->text + out->used, room - out->used, "</File>");
	return r;
}

int blockmap_write(const struct blockmap *map,
		   int (*put)(void *data, const void *bytes, size_t size), void *data)
{
	struct output out = {.put = put, .data = data};
	int r = 0;

	out.used = (size_t)snprintf(out.text, sizeof(out.text),
				    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\r\n"
				    "<BlockMap xmlns=\"" NS_MAP "\" HashMethod=\"" METHOD "\">");
	for (size_t i = 0; r == 0 && i < map->n; i++)
		r = write_file(&out, map, &map->files[i]);
	if (r < 0)
		return r;
	out.used += (size_t)snprintf(out.text + out.used, sizeof(out.text) - out.used, "</BlockMap>");
	return flush(&out);
}
