/* SPDX-License-Identifier: Apache-2.0 */
#include "package/der.h"

#define CONSTRUCTED 0x20
#define TAG_BITS 0x1f

struct element {
	unsigned char tag;
	size_t head; /* bytes of tag and length */
	size_t size; /* bytes of content */
};

static const char *read_length(const unsigned char *p, size_t left, struct element *ret)
{
	size_t n = p[1] & 0x7f;

	ret->head = 2;
	ret->size = p[1];
	if (p[1] < 0x80)
		return NULL;
	if (n == 0)
		return "an indefinite length";
	if (n > 4)
		return "a length of more than four bytes";
	if (left < 2 + n)
		return "cut off";
	ret->head += n;
	ret->size = 0;
	for (size_t i = 0; i < n; i++)
		ret->size = ret->size << 8 | p[2 + i];
	return ret->size < 0x80 || ret->size >> (8 * (n - 1)) == 0 ? "a padded length" : NULL;
}

static const char *read_element(const unsigned char *p, size_t left, struct element *ret)
{
	const char *problem;
	unsigned char tag;

	if (left < 2)
		return "cut off";
	ret->tag = p[0];
	tag = p[0] & TAG_BITS;
	if (tag == TAG_BITS)
		return "a tag of several bytes";
	problem = read_length(p, left, ret);
	if (problem)
		return problem;
	if (ret->size > left - ret->head)
		return "cut off";
	if (p[0] >> 6 == 0) { /* universal: only a sequence and a set have parts */
		if (tag == 0)
			return "an end mark without an indefinite length";
		if ((p[0] & CONSTRUCTED) ? tag != 0x10 && tag != 0x11
					 : tag == 0x10 || tag == 0x11)
			return p[0] & CONSTRUCTED ? "a value in pieces" : "a sequence without parts";
	}
	return NULL;
}

/* Iterative, as the depth is the attacker's choice: ends[] is where each open element ends. */
const char *der_problem(const unsigned char *data, size_t size, size_t *ret_offset)
{
	size_t ends[DER_DEPTH_MAX];
	size_t depth = 0, at = 0;

	*ret_offset = 0;
	if (size == 0 || !(data[0] & CONSTRUCTED))
		return "not a sequence";
	do {
		struct element e;
		size_t end = depth ? ends[depth - 1] : size;
		const char *problem = read_element(data + at, end - at, &e);

		*ret_offset = at;
		if (problem)
			return problem;
		at += e.head;
		if (!(e.tag & CONSTRUCTED)) {
			at += e.size;
		} else if (depth == DER_DEPTH_MAX) {
			return "nested too deep";
		} else {
			ends[depth++] = at + e.size;
		}
		while (depth && at == ends[depth - 1])
			depth--;
	} while (depth);
	*ret_offset = at;
	return at == size ? NULL : "bytes after the end";
}
