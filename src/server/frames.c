/* SPDX-License-Identifier: Apache-2.0 */
#include "server/frames.h"

#include "base/text.h"
#include <string.h>

#define FIN 0x80
#define RESERVED 0x70
#define MASKED 0x80

static enum frames_event broken(struct frames *f, enum frames_code code)
{
	f->code = code;
	return FRAMES_BROKEN;
}

static enum frames_opcode opcode_of(const struct frames *f)
{
	return (enum frames_opcode)(f->header[0] & 0x0f);
}

static bool is_control(const struct frames *f)
{
	return f->header[0] & 0x08;
}

/* Length and mask come after the first two bytes. */
static size_t header_needs(const struct frames *f)
{
	unsigned int length = f->header[1] & 0x7f;

	if (f->header_size < 2)
		return 2;
	return 6 + (length == 126 ? 2 : length == 127 ? 8 : 0);
}

static uint64_t length_of(const struct frames *f)
{
	unsigned int length = f->header[1] & 0x7f, n = length == 126 ? 2 : length == 127 ? 8 : 0;
	uint64_t result = 0;

	if (!n)
		return length;
	for (unsigned int i = 0; i < n; i++)
		result = result << 8 | f->header[2 + i];
	return result;
}

/* What the first two bytes say. 0: it is allowed. */
static unsigned int wrong_begin(const struct frames *f)
{
	enum frames_opcode opcode = opcode_of(f);
	bool whole = f->header[0] & FIN;

	/* A client's frames are masked, lest a proxy between takes them for something of its own. */
	if (f->header[0] & RESERVED || !(f->header[1] & MASKED))
		return FRAMES_PROTOCOL_ERROR;
	if (is_control(f))
		return opcode > FRAMES_PONG || !whole || (f->header[1] & 0x7f) > FRAMES_CONTROL_MAX
			       ? FRAMES_PROTOCOL_ERROR : 0;
	if (opcode > FRAMES_BINARY || (opcode == FRAMES_CONTINUATION) != f->in_message)
		return FRAMES_PROTOCOL_ERROR;
	return opcode == FRAMES_BINARY ? FRAMES_NOT_TEXT : 0;
}

/* The whole header is there. 0: its length is allowed. */
static unsigned int wrong_length(const struct frames *f)
{
	unsigned int coded = f->header[1] & 0x7f;

	if ((coded == 126 && f->left < 126) || (coded == 127 && (f->left < 65536 || f->left >> 63)))
		return FRAMES_PROTOCOL_ERROR; /* one length, one form */
	return !is_control(f) && f->left > f->max - f->size ? FRAMES_TOO_LARGE : 0;
}

/* Takes one byte of a header. */
static enum frames_event take_header(struct frames *f, unsigned char byte)
{
	unsigned int wrong = 0;

	f->header[f->header_size++] = byte;
	if (f->header_size == 2)
		wrong = wrong_begin(f);
	if (wrong)
		return broken(f, wrong);
	if (f->header_size < header_needs(f))
		return FRAMES_MORE;
	f->left = length_of(f);
	wrong = wrong_length(f);
	if (wrong)
		return broken(f, wrong);
	f->position = 0;
	f->in_payload = true;
	if (is_control(f))
		f->control_size = 0;
	else
		f->in_message = true;
	return FRAMES_MORE;
}

static bool make_room(struct frames *f, size_t size)
{
	size_t capacity;
	char *bigger;

	if (f->size + size <= f->capacity)
		return true;
	capacity = (f->size + size) * 2 < f->max ? (f->size + size) * 2 : f->max;
	bigger = realloc(f->data, capacity);
	if (!bigger)
		return false;
	f->data = bigger;
	f->capacity = capacity;
	return true;
}

/* Room is made for bytes that came, not for those that were announced. */
static bool take_payload(struct frames *f, const unsigned char *bytes, size_t size)
{
	const unsigned char *mask = f->header + f->header_size - 4;
	unsigned char *to;

	if (!is_control(f) && !make_room(f, size))
		return false;
	to = is_control(f) ? f->control + f->control_size : (unsigned char *)f->data + f->size;
	for (size_t i = 0; i < size; i++)
		to[i] = bytes[i] ^ mask[(f->position + i) & 3];
	*(is_control(f) ? &f->control_size : &f->size) += size;
	f->position += size;
	f->left -= size;
	return true;
}

/* RFC 3629: without surrogates. */
static bool is_utf8(const unsigned char *bytes, size_t size)
{
	uint32_t c;

	for (size_t n; size > 0; bytes += n, size -= n) {
		n = text_decode(bytes, size, &c);
		if (n == 0 || (c >= 0xd800 && c <= 0xdfff))
			return false;
	}
	return true;
}

static bool is_code(unsigned int code)
{
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
	       (code >= 3000 && code <= 4999);
}

static enum frames_event end_close(struct frames *f)
{
	unsigned int code = (unsigned int)f->control[0] << 8 | f->control[1];

	if (f->control_size == 0) {
		f->code = FRAMES_NO_CODE;
		return FRAMES_CLOSED;
	}
	if (f->control_size == 1 || !is_code(code))
		return broken(f, FRAMES_PROTOCOL_ERROR);
	if (!is_utf8(f->control + 2, f->control_size - 2))
		return broken(f, FRAMES_NOT_UTF8);
	f->code = code;
	return FRAMES_CLOSED;
}

static enum frames_event end_frame(struct frames *f)
{
	f->header_size = 0;
	f->in_payload = false;
	if (is_control(f) && opcode_of(f) == FRAMES_CLOSE)
		return end_close(f);
	if (is_control(f))
		return opcode_of(f) == FRAMES_PING ? FRAMES_PINGED : FRAMES_MORE;
	if (!(f->header[0] & FIN))
		return FRAMES_MORE;
	f->in_message = false;
	return is_utf8((unsigned char *)f->data, f->size) ? FRAMES_MESSAGE : broken(f, FRAMES_NOT_UTF8);
}

enum frames_event frames_feed(struct frames *f, const unsigned char *bytes, size_t size, size_t *ret_used)
{
	enum frames_event event = FRAMES_MORE;
	size_t used = 0;

	while (event == FRAMES_MORE && used < size) {
		size_t n = 1;

		if (!f->in_payload) {
			event = take_header(f, bytes[used]);
		} else {
			n = f->left < size - used ? (size_t)f->left : size - used;
			if (!take_payload(f, bytes + used, n))
				event = broken(f, FRAMES_INTERNAL);
		}
		used += n;
		if (event == FRAMES_MORE && f->in_payload && f->left == 0)
			event = end_frame(f);
	}
	*ret_used = used;
	return event;
}

void frames_forget(struct frames *f)
{
	free(f->data);
	f->data = NULL;
	f->size = f->capacity = 0;
}

size_t frames_header(enum frames_opcode opcode, uint64_t size, unsigned char ret[FRAMES_HEADER_MAX])
{
	unsigned int n = size < 126 ? 0 : size < 65536 ? 2 : 8;

	ret[0] = FIN | (unsigned char)opcode;
	ret[1] = (unsigned char)(n == 0 ? size : n == 2 ? 126 : 127);
	for (unsigned int i = 0; i < n; i++)
		ret[2 + i] = (unsigned char)(size >> 8 * (n - 1 - i));
	return 2 + n;
}
