/* SPDX-License-Identifier: Apache-2.0 */
/* A client's bytes on a websocket: however they are cut, they mean the same, within the bound. */
#include "fuzz.h"

#include "server/frames.h"
#include <string.h>

#define MAX 300

/* A fingerprint of all that came out. */
struct seen {
	uint64_t sum, n;
};

static void add(struct seen *s, const void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		s->sum = s->sum * 31 + ((const unsigned char *)bytes)[i] + 1;
	s->n++;
}

static bool take(struct frames *f, enum frames_event event, struct seen *s)
{
	ALWAYS(f->size <= MAX && f->capacity <= MAX && f->control_size <= FRAMES_CONTROL_MAX);
	if (event == FRAMES_MESSAGE)
		add(s, f->data, f->size);
	if (event == FRAMES_PINGED)
		add(s, f->control, f->control_size);
	if (event == FRAMES_CLOSED || event == FRAMES_BROKEN) {
		ALWAYS(f->code >= 1000 && f->code < 5000);
		add(s, &f->code, sizeof(f->code));
		return false;
	}
	if (event == FRAMES_MESSAGE)
		frames_forget(f);
	return true;
}

static struct seen feed(const uint8_t *data, size_t size, size_t step)
{
	struct frames f = {.max = MAX};
	struct seen seen = {0};
	bool goes_on = true;

	while (goes_on && size > 0) {
		size_t used, n = step < size ? step : size;
		enum frames_event event = frames_feed(&f, data, n, &used);

		ALWAYS(used > 0 && used <= n && (event != FRAMES_MORE || used == n));
		goes_on = take(&f, event, &seen);
		data += used;
		size -= used;
	}
	frames_forget(&f);
	return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole = feed(data, size, size), cut = feed(data, size, 1);

	ALWAYS(whole.sum == cut.sum && whole.n == cut.n);
	return 0;
}
