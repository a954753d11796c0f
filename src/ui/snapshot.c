/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/snapshot.h"

#include <stdatomic.h>
#include <string.h>

/* Strings lie in blocks that never move. */
#define BLOCK_BYTES (256 * 1024)

struct block {
	struct block *next;
	size_t used;
	char bytes[BLOCK_BYTES];
};

struct snapshot {
	atomic_int refs;
	struct snapshot_row *rows; /* owned */
	size_t n, room;
	struct block *blocks; /* owned */
	const char *family;   /* of the last row: most have the one before's */
	struct used_reader *used; /* borrowed, while it is loaded */
};

static const char *keep(struct snapshot *s, const char *text)
{
	size_t n = strlen(text) + 1;
	struct block *b = s->blocks;

	if (!b || b->used + n > BLOCK_BYTES) {
		b = malloc(sizeof(*b));
		if (!b)
			return NULL;
		b->next = s->blocks;
		b->used = 0;
		s->blocks = b;
	}
	b->used += n;
	return memcpy(b->bytes + b->used - n, text, n);
}

static void note_last_used(struct snapshot *s, struct snapshot_row *row)
{
	const struct used_rule used = {.family = row->family,
				       .network = row->network,
				       .target = row->target,
				       .access = row->access,
				       .what = row->what};

	if (!used_day(s->used, &used, row->time_ms, row->last_used))
		*row->last_used = '\0';
}

static int append(struct snapshot *s, const struct snapshot_row *row)
{
	struct snapshot_row *rows = s->rows, *new;

	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 256;
		rows = reallocarray(s->rows, s->room, sizeof(*rows));
		if (!rows)
			return -ENOMEM;
		s->rows = rows;
	}
	new = &s->rows[s->n];
	*new = *row;
	if (!s->family || strcmp(s->family, row->family) != 0)
		s->family = keep(s, row->family);
	new->family = s->family;
	new->what = keep(s, row->what);
	if (!new->family || !new->what)
		return -ENOMEM;
	note_last_used(s, new);
	s->n++;
	return 0;
}

static int take_rule(void *data, const struct consent_rule *rule)
{
	const struct snapshot_row row = {.id = rule->id,
					 .time_ms = rule->time_ms,
					 .family = rule->family,
					 .what = rule->path,
					 .target = (uint8_t)rule->target,
					 .access = (uint8_t)rule->access,
					 .verdict = (uint8_t)rule->verdict,
					 .source = (uint8_t)rule->source};

	return append(data, &row);
}

static int take_host(void *data, const struct consent_host_rule *rule)
{
	const struct snapshot_row row = {.id = rule->id,
					 .time_ms = rule->time_ms,
					 .family = rule->family,
					 .what = rule->host,
					 .network = true,
					 .verdict = (uint8_t)rule->verdict,
					 .source = (uint8_t)rule->source};

	return append(data, &row);
}

int snapshot_load(struct consent_store *store, const char *data_dir, struct snapshot **ret, struct appsilo_error *err)
{
	cleanup(snapshot_unrefp) struct snapshot *s = calloc(1, sizeof(*s));
	cleanup(used_reader_freep) struct used_reader *used = used_reader_new(data_dir);
	int r;

	if (!s)
		return error_set(err, -ENOMEM, "settings");
	s->refs = 1;
	s->used = used;
	r = consent_store_each(store, NULL, take_rule, s, err);
	if (r == 0)
		r = consent_store_each_host(store, NULL, take_host, s, err);
	s->used = NULL;
	if (r == 0)
		*ret = TAKE_PTR(s);
	return r;
}

struct snapshot *snapshot_ref(struct snapshot *s)
{
	if (s)
		atomic_fetch_add(&s->refs, 1);
	return s;
}

void snapshot_unref(struct snapshot *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) > 1)
		return;
	while (s->blocks) {
		struct block *next = s->blocks->next;

		free(s->blocks);
		s->blocks = next;
	}
	free(s->rows);
	free(s);
}

size_t snapshot_size(const struct snapshot *s)
{
	return s ? s->n : 0;
}

const struct snapshot_row *snapshot_row(const struct snapshot *s, size_t index)
{
	return &s->rows[index];
}

bool snapshot_row_equal(const struct snapshot_row *a, const struct snapshot_row *b)
{
	return a->network == b->network && a->id == b->id && a->time_ms == b->time_ms &&
	       a->access == b->access && a->target == b->target && a->verdict == b->verdict &&
	       a->source == b->source && strcmp(a->last_used, b->last_used) == 0 && strcmp(a->family, b->family) == 0 && strcmp(a->what, b->what) == 0;
}

struct consent_rule snapshot_rule(const struct snapshot_row *row)
{
	return (struct consent_rule){.id = row->id,
				     .family = row->family,
				     .path = row->what,
				     .target = row->target,
				     .access = row->access,
				     .verdict = row->verdict,
				     .scope = CONSENT_ALWAYS,
				     .source = row->source,
				     .time_ms = row->time_ms};
}

struct consent_host_rule snapshot_host_rule(const struct snapshot_row *row)
{
	return (struct consent_host_rule){.id = row->id,
					  .family = row->family,
					  .host = row->what,
					  .verdict = row->verdict,
					  .source = row->source,
					  .time_ms = row->time_ms};
}
