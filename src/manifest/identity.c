/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/identity.h"

#include "base/sha256.h"
#include "base/text.h"
#include <string.h>

static const char id_digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

static void add_unit(struct sha256 *hash, uint32_t unit)
{
	const unsigned char bytes[2] = {(unsigned char)unit, (unsigned char)(unit >> 8)};

	sha256_add(hash, bytes, sizeof(bytes));
}

int publisher_id(const char *publisher, char ret[PUBLISHER_ID_SIZE])
{
	const unsigned char *s = (const unsigned char *)publisher;
	unsigned char digest[SHA256_SIZE];
	size_t left = strlen(publisher);
	struct sha256 hash;

	if (left >= PUBLISHER_MAX)
		return -ENAMETOOLONG;
	sha256_init(&hash);
	while (left) {
		uint32_t c;
		size_t n = text_decode(s, left, &c);

		if (n == 0 || (c >= 0xd800 && c < 0xe000))
			return -EILSEQ;
		if (c >= 0x10000) {
			add_unit(&hash, 0xd800 + ((c - 0x10000) >> 10));
			add_unit(&hash, 0xdc00 + ((c - 0x10000) & 0x3ff));
		} else {
			add_unit(&hash, c);
		}
		s += n;
		left -= n;
	}
	sha256_finish(&hash, digest);
	sha256_crockford13(digest, ret);
	return 0;
}

int package_version_parse(const char *text, struct package_version *ret)
{
	for (int i = 0; i < 4; i++) {
		unsigned int value = 0;
		const char *start = text;

		for (; *text >= '0' && *text <= '9' && text - start < 5; text++)
			value = value * 10 + (unsigned int)(*text - '0');
		if (text == start || value > UINT16_MAX || (*start == '0' && text - start > 1))
			return -EINVAL;
		if (*text++ != (i < 3 ? '.' : '\0'))
			return -EINVAL;
		ret->part[i] = (uint16_t)value;
	}
	return 0;
}

int package_version_compare(const struct package_version *a, const struct package_version *b)
{
	for (int i = 0; i < 4; i++)
		if (a->part[i] != b->part[i])
			return a->part[i] < b->part[i] ? -1 : 1;
	return 0;
}

static bool is_plain(const char *text)
{
	return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-") ==
	       strlen(text);
}

bool package_name_is_valid(const char *name)
{
	size_t n = strlen(name);

	return n >= 3 && n <= PACKAGE_NAME_MAX && is_plain(name) && *name != '.' && *name != '-' &&
	       name[n - 1] != '.' && !strstr(name, "..");
}

bool package_resource_is_valid(const char *id)
{
	return strlen(id) <= PACKAGE_RESOURCE_MAX && is_plain(id);
}

bool package_architecture_is_valid(const char *architecture)
{
	static const char *const known[] = {"x86", "x64", "arm", "arm64", "neutral"};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(architecture, known[i]) == 0)
			return true;
	return false;
}

bool package_architecture_runs_here(const char *architecture)
{
#if defined(__x86_64__)
	const char *here = "x64";
#elif defined(__aarch64__)
	const char *here = "arm64";
#else
	const char *here = "neutral";
#endif
	return strcmp(architecture, "neutral") == 0 || strcmp(architecture, here) == 0;
}

bool publisher_id_is_valid(const char *text)
{
	return strlen(text) == PUBLISHER_ID_SIZE - 1 &&
	       strspn(text, id_digits) == PUBLISHER_ID_SIZE - 1;
}

bool package_family_is_valid(const char *family)
{
	char name[PACKAGE_FAMILY_SIZE];
	const char *mark = strrchr(family, '_');

	if (!mark || strlen(family) >= sizeof(name) || !publisher_id_is_valid(mark + 1))
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)(mark - family), family);
	return package_name_is_valid(name);
}

int package_identity_complete(struct package_identity *id)
{
	const uint16_t *v = id->version.part;
	int r = publisher_id(id->publisher, id->publisher_id);

	snprintf(id->family, sizeof(id->family), "%s_%s", id->name, id->publisher_id);
	snprintf(id->full_name, sizeof(id->full_name), "%s_%u.%u.%u.%u_%s_%s_%s", id->name, v[0],
		 v[1], v[2], v[3], id->architecture, id->resource_id, id->publisher_id);
	return r;
}

/* The next field, up to "_" or the end. Returns what follows it, or NULL. */
static const char *take_field(const char *text, char *ret, size_t size)
{
	size_t n = text ? strcspn(text, "_") : 0;

	if (!text || n >= size)
		return NULL;
	snprintf(ret, size, "%.*s", (int)n, text);
	return text[n] ? text + n + 1 : text + n;
}

int package_full_name_parse(const char *full_name, struct package_identity *ret)
{
	struct package_identity id = {0};
	char version[24];
	const char *rest = take_field(full_name, id.name, sizeof(id.name));

	rest = take_field(rest, version, sizeof(version));
	rest = take_field(rest, id.architecture, sizeof(id.architecture));
	rest = take_field(rest, id.resource_id, sizeof(id.resource_id));
	rest = take_field(rest, id.publisher_id, sizeof(id.publisher_id));
	/* Nothing behind the last field, not even an empty one. */
	if (!rest || *rest || rest[-1] == '_' || !package_name_is_valid(id.name) ||
	    package_version_parse(version, &id.version) < 0 ||
	    !package_architecture_is_valid(id.architecture) ||
	    !package_resource_is_valid(id.resource_id) || !publisher_id_is_valid(id.publisher_id))
		return -EINVAL;
	snprintf(id.family, sizeof(id.family), "%s_%s", id.name, id.publisher_id);
	snprintf(id.full_name, sizeof(id.full_name), "%s", full_name);
	*ret = id;
	return 0;
}
