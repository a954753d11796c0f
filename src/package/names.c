/* SPDX-License-Identifier: Apache-2.0 */
#include "package/names.h"

#include "base/text.h"
#include "package/msix.h"
#include <ctype.h>
#include <locale.h>
#include <string.h>
#include <wctype.h>

/* Characters of a name that the zip holds as %XX, besides everything above 0x7e. */
#define ENCODED " !#$%&'()+,;=@[]^`{}"
#define REFUSED "\\:*?\"<>|"

/* Names that Windows takes for devices, whatever ending follows them. */
static bool is_device(const char *part, size_t n)
{
	static const char *const devices[] = {"con", "prn", "aux", "nul"};
	size_t stem = 0;

	while (stem < n && part[stem] != '.')
		stem++;
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		if (stem == 3 && strncasecmp(part, devices[i], 3) == 0)
			return true;
	return stem == 4 && (strncasecmp(part, "com", 3) == 0 || strncasecmp(part, "lpt", 3) == 0) &&
	       part[3] >= '1' && part[3] <= '9';
}

static const char *part_problem(const char *part, size_t n)
{
	if (n == 0)
		return "an empty part (absolute, or \"//\")";
	if (n <= 2 && strncmp(part, "..", n) == 0)
		return n == 2 ? "a part \"..\"" : "a part \".\"";
	if (part[n - 1] == '.' || part[n - 1] == ' ')
		return "a part that ends with a dot or space";
	if (is_device(part, n))
		return "a part that is a device name on Windows";
	return n > 255 ? "a part longer than 255 bytes" : NULL;
}

const char *name_problem(const char *name)
{
	size_t n = strlen(name);
	const char *problem = NULL;

	if (n > MSIX_NAME_MAX)
		return "more than 1024 bytes";
	for (size_t i = 0, step; i < n; i += step) {
		uint32_t c = 0;

		step = text_decode((const unsigned char *)name + i, n - i, &c);
		if (step == 0 || (c >= 0xd800 && c <= 0xdfff) || (c & 0xfffe) == 0xfffe)
			return "bytes that are not UTF-8";
		if (c < 0x20 || c == 0x7f)
			return "a control character";
		if (c < 0x80 && strchr(REFUSED, (int)c))
			return "one of \\ : * ? \" < > |";
	}
	for (const char *part = name; !problem; part++) {
		size_t length = strcspn(part, "/");

		problem = part_problem(part, length);
		part += length;
		if (!*part)
			break;
	}
	return problem;
}

int name_encode(const char *name, char **ret)
{
	char *out = malloc(3 * strlen(name) + 1), *p = out;

	if (!out)
		return -ENOMEM;
	for (; *name; name++) {
		unsigned char c = (unsigned char)*name;

		if (c < 0x7f && c > 0x20 && !strchr(ENCODED, c))
			*p++ = (char)c;
		else
			p += sprintf(p, "%%%02X", c);
	}
	*p = '\0';
	*ret = out;
	return 0;
}

static int hex(char c)
{
	return isdigit((unsigned char)c)    ? c - '0'
	       : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
					    : -1;
}

int name_decode(const char *encoded, size_t size, char **ret)
{
	cleanup_free char *out = malloc(size + 1);
	size_t n = 0;

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < size; i++) {
		int c = (unsigned char)encoded[i];

		if (c == '%') {
			int high = i + 2 < size ? hex(encoded[i + 1]) : -1;
			int low = high < 0 ? -1 : hex(encoded[i + 2]);

			c = low < 0 ? -1 : high * 16 + low;
			if (c <= 0 || c == '/' || c == '\\')
				return -EILSEQ;
			i += 2;
		}
		if (c == 0)
			return -EILSEQ;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	*ret = TAKE_PTR(out);
	return 0;
}

static char *put_utf8(char *p, uint32_t c)
{
	if (c < 0x80) {
		*p++ = (char)c;
	} else if (c < 0x800) {
		*p++ = (char)(0xc0 | c >> 6);
		*p++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*p++ = (char)(0xe0 | c >> 12);
		*p++ = (char)(0x80 | (c >> 6 & 0x3f));
		*p++ = (char)(0x80 | (c & 0x3f));
	} else {
		*p++ = (char)(0xf0 | c >> 18);
		*p++ = (char)(0x80 | (c >> 12 & 0x3f));
		*p++ = (char)(0x80 | (c >> 6 & 0x3f));
		*p++ = (char)(0x80 | (c & 0x3f));
	}
	return p;
}

static int fold(const char *name, locale_t locale, char **ret)
{
	size_t n = strlen(name);
	/* A folded character may be longer, by no more than 3 bytes for 1. */
	cleanup_free char *out = malloc(4 * n + 1);
	char *p = out;

	if (!out)
		return -ENOMEM;
	for (size_t i = 0, step; i < n; i += step) {
		uint32_t c = 0;

		step = text_decode((const unsigned char *)name + i, n - i, &c);
		if (step == 0)
			return -EILSEQ;
		/* Both ways, so that letters with two lower-case forms are one. */
		c = c == '/' ? 1
			     : (uint32_t)towlower_l((wint_t)towupper_l((wint_t)c, locale), locale);
		p = put_utf8(p, c);
	}
	*p = '\0';
	*ret = TAKE_PTR(out);
	return 0;
}

/* The same everywhere, whatever the user's own locale. */
static locale_t folding_locale(void)
{
	return newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
}

int name_fold(const char *name, char **ret)
{
	locale_t locale = folding_locale();
	int r;

	if (!locale)
		return -ENOMEM;
	r = fold(name, locale, ret);
	freelocale(locale);
	return r;
}

struct folded {
	char *text; /* owned */
	size_t index;
};

struct folded_list {
	struct folded *items; /* owned */
	size_t n;
};

static void folded_done(struct folded_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->items[i].text);
	free(list->items);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(((const struct folded *)a)->text, ((const struct folded *)b)->text);
}

static int fold_all(const char *const *names, size_t n, struct folded_list *ret)
{
	locale_t locale = folding_locale();
	int r = locale ? 0 : -ENOMEM;

	ret->items = calloc(n ? n : 1, sizeof(*ret->items));
	if (!ret->items)
		r = -ENOMEM;
	for (; r == 0 && ret->n < n; ret->n++) {
		ret->items[ret->n].index = ret->n;
		r = fold(names[ret->n], locale, &ret->items[ret->n].text);
	}
	if (locale)
		freelocale(locale);
	return r;
}

int name_find_clash(const char *const *names, size_t n, struct name_clash *ret)
{
	cleanup(folded_done) struct folded_list list = {0};
	int r = fold_all(names, n, &list);

	if (r < 0)
		return r;
	qsort(list.items, n, sizeof(*list.items), by_text);
	/* "/" sorts first, so what lies in a folder follows the folder's own name at once. */
	for (size_t i = 1; i < n; i++) {
		const char *a = list.items[i - 1].text, *b = list.items[i].text;
		size_t length = strlen(a);

		if (strncmp(a, b, length) != 0 || (b[length] && b[length] != 1))
			continue;
		*ret = (struct name_clash){list.items[i - 1].index, list.items[i].index, b[length] != 0};
		return 1;
	}
	return 0;
}
