/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every byte of a package checked by several threads. Work is cut into chunks of up to 1 MiB of
 * one file; a thread holds one of them at a time, so that memory does not grow with the
 * package. Chunks inside a file are begun without what precedes them, as MSIX tools write blocks
 * that can be read by themselves; where that fails the file is read once more from its
 * beginning, and only that may condemn it. Either way what counts is the block's digest.
 */
#include "package/msix_internal.h"

#include "package/workers.h"
#include <string.h>

/* A file of several chunks. */
struct big {
	struct big *next;
	size_t left;	/* chunks not done */
	bool again;	/* one could not be read by itself */
	uint32_t crcs[]; /* of each chunk */
};

struct task {
	const struct msix_file *file;
	struct big *big; /* NULL: the file is one chunk */
	size_t first, n; /* blocks */
	uint64_t offset; /* of the packed bytes */
};

struct check {
	struct msix *msix;
	msix_sink sink;
	void *data;
	struct workers workers; /* its lock guards everything below */
	struct task next;	/* the chunk to hand out */
	size_t next_file;
	struct big *bigs;     /* owned */
	size_t failed_file, failed_block;
};

static void fail(struct check *c, const struct task *task, int result,
		 const struct appsilo_error *error)
{
	size_t file = (size_t)(task->file - c->msix->files);

	/* The first in the file, whichever thread saw it first. */
	if (c->workers.result == 0 || file < c->failed_file ||
	    (file == c->failed_file && task->first < c->failed_block)) {
		c->workers.result = result;
		c->failed_file = file;
		c->failed_block = task->first;
		c->workers.error = *error;
	}
}

static int start_file(struct check *c, const struct msix_file *file)
{
	size_t blocks = file->map ? file->map->n : 0;
	size_t chunks = (blocks + CHUNK_BLOCKS - 1) / CHUNK_BLOCKS;
	struct big *big = NULL;

	if (chunks > 1) {
		big = calloc(1, sizeof(*big) + chunks * sizeof(big->crcs[0]));
		if (!big)
			return -ENOMEM;
		big->left = chunks;
		big->next = c->bigs;
		c->bigs = big;
	}
	c->next = (struct task){.file = file, .big = big, .offset = file->entry->data};
	return 0;
}

/* Under the lock. */
static bool take_task(struct check *c, struct task *ret)
{
	struct task *next = &c->next;
	size_t left;

	if (c->workers.result < 0)
		return false;
	if (!next->file) {
		if (c->next_file == c->msix->zip.n)
			return false;
		if (start_file(c, &c->msix->files[c->next_file++]) < 0) {
			c->workers.result =
				error_set(&c->workers.error, -ENOMEM, "%s", c->msix->path);
			return false;
		}
	}
	left = next->file->map ? next->file->map->n - next->first : 0;
	*ret = *next;
	ret->n = left < CHUNK_BLOCKS ? left : CHUNK_BLOCKS;
	next->first += ret->n;
	next->offset += block_packed_size(c->msix, next->file, ret->first, ret->n);
	if (ret->n == left)
		next->file = NULL;
	return true;
}

static int hand_over(struct check *c, const struct task *task, const struct block_reader *reader,
		     struct appsilo_error *err)
{
	if (!c->sink)
		return 0;
	return c->sink(c->data, task->file, (uint64_t)task->first * MSIX_BLOCK_SIZE, reader->content,
		       reader->content_size, err);
}

static int check_crc(const struct check *c, const struct task *task, uint32_t crc,
		     struct appsilo_error *err)
{
	return crc == task->file->entry->crc
		       ? 0
		       : msix_say(c->msix, task->file->entry->name, err, "its CRC is wrong");
}

static uint32_t chunk_crc(const struct block_reader *reader, uint32_t before)
{
	return (uint32_t)crc32(before, reader->content, (uInt)reader->content_size);
}

/* From its beginning to its end, each block after the one before. */
static int read_in_order(struct check *c, const struct task *any, struct block_reader *reader,
			 struct appsilo_error *err)
{
	struct task task = {.file = any->file, .offset = any->file->entry->data};
	uint32_t crc = 0;
	int r = 0;

	for (; r == 0 && task.first < task.file->map->n; task.first += task.n) {
		size_t left = task.file->map->n - task.first;

		task.n = left < CHUNK_BLOCKS ? left : CHUNK_BLOCKS;
		r = block_reader_read(reader, task.file, task.first, task.n, task.offset,
				      task.first == 0, err);
		task.offset += block_packed_size(c->msix, task.file, task.first, task.n);
		if (r < 0)
			return r;
		crc = chunk_crc(reader, crc);
		r = hand_over(c, &task, reader, err);
	}
	return r < 0 ? r : check_crc(c, any, crc, err);
}

/* The last chunk of a big file to be done closes it. */
static int finish_big(struct check *c, const struct task *task, struct block_reader *reader,
		      struct appsilo_error *err)
{
	const struct blockmap_file *map = task->file->map;
	uint32_t crc = 0;

	if (task->big->again)
		return read_in_order(c, task, reader, err);
	for (size_t i = 0; i * CHUNK_BLOCKS < map->n; i++) {
		uint64_t left = map->size - (uint64_t)i * CHUNK_SIZE;

		crc = (uint32_t)crc32_combine(crc, task->big->crcs[i],
					      left < CHUNK_SIZE ? (z_off_t)left : CHUNK_SIZE);
	}
	return check_crc(c, task, crc, err);
}

static int check_footprint(struct check *c, const struct task *task, struct appsilo_error *err)
{
	cleanup_free unsigned char *bytes = NULL;
	size_t size, max = strcmp(task->file->entry->name, MSIX_BLOCK_MAP) == 0 ? MSIX_BLOCK_MAP_MAX
										: MSIX_FOOTPRINT_MAX;

	return msix_read(c->msix, task->file->entry->name, max, &bytes, &size, err);
}

static int run_task(struct check *c, const struct task *task, struct block_reader *reader,
		    struct appsilo_error *err)
{
	uint32_t crc;
	bool last;
	int r;

	if (!task->file->map)
		return check_footprint(c, task, err);
	r = block_reader_read(reader, task->file, task->first, task->n, task->offset, true, err);
	if (r < 0 && !(r == -EAGAIN && task->big))
		return r;
	crc = chunk_crc(reader, 0);
	if (!task->big)
		return hand_over(c, task, reader, err) < 0 ? err->code : check_crc(c, task, crc, err);
	if (r == 0 && hand_over(c, task, reader, err) < 0)
		return err->code;
	pthread_mutex_lock(&c->workers.lock);
	task->big->again = task->big->again || r == -EAGAIN;
	task->big->crcs[task->first / CHUNK_BLOCKS] = crc;
	last = --task->big->left == 0;
	pthread_mutex_unlock(&c->workers.lock);
	return last ? finish_big(c, task, reader, err) : 0;
}

static void work(void *data)
{
	struct check *c = data;
	struct appsilo_error err = {0};
	struct block_reader reader;
	struct task task = {.file = c->msix->files};
	int r = block_reader_init(&reader, c->msix);

	pthread_mutex_lock(&c->workers.lock);
	if (r < 0) {
		error_set(&err, r, "%s", c->msix->path);
		fail(c, &task, r, &err);
	}
	while (r == 0 && take_task(c, &task)) {
		pthread_mutex_unlock(&c->workers.lock);
		r = run_task(c, &task, &reader, &err);
		pthread_mutex_lock(&c->workers.lock);
		c->workers.done += task.file->map ? reader.content_size : 0;
		if (r < 0)
			fail(c, &task, r, &err);
	}
	pthread_mutex_unlock(&c->workers.lock);
	block_reader_done(&reader);
}

int msix_check(struct msix *msix, msix_sink sink, void *data, struct appsilo_error *err)
{
	struct check c = {.msix = msix, .sink = sink, .data = data};
	struct msix_counts counts;
	int r;

	msix_count(msix, &counts);
	r = workers_run(&c.workers, &msix->options, work, &c, counts.bytes, msix->path, err);

	while (c.bigs) {
		struct big *next = c.bigs->next;

		free(c.bigs);
		c.bigs = next;
	}
	return r;
}

int msix_verify(struct msix *msix, struct msix_counts *ret, struct appsilo_error *err)
{
	int r = msix_check(msix, NULL, NULL, err);

	if (r == 0 && ret)
		msix_count(msix, ret);
	return r;
}
