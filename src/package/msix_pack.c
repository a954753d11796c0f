/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packing with several threads: batches are taken in order, packed side by side, and written
 * in order by whichever thread finds the next one ready. What is written depends on the folder
 * alone, never on how many threads there are or which is faster.
 */
#include "package/batch.h"
#include "package/content_types.h"
#include "package/names.h"
#include "package/new_file.h"
#include "package/workers.h"
#include "package/zip_write.h"

#include "base/path.h"
#include "base/text.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define BATCHES_PER_THREAD 3

struct pack {
	struct workers workers; /* its lock guards the ring and what is to be taken next */
	int dir_fd;
	const char *label; /* the folder, escaped */
	struct tree tree;
	struct batch *ring; /* owned */
	size_t n_ring;
	size_t n_taken, n_written; /* batches */
	bool writing;
	size_t next_item;
	uint64_t next_from;
	uint16_t next_method; /* of a larger file under way */
	/* What only the thread that writes touches. */
	struct zip_writer zip;
	struct blockmap map;
	struct zip_new large; /* the larger file under way */
};

static bool is_large(const struct tree_item *item)
{
	return item->size > CHUNK_SIZE;
}

static bool is_content(const struct tree_item *item)
{
	return item->kind == TREE_FILE || item->kind == TREE_TEXT;
}

/* The next part of a larger file. Its beginning decides how all of it is packed. */
static int take_large(struct pack *p, const struct tree_item *item, struct batch *batch,
		      struct packer *packer, struct appsilo_error *err)
{
	uint64_t left = item->size - p->next_from;
	int r;

	if (p->next_from == 0) {
		r = item_read(p->dir_fd, p->label, item, 0, batch->in, MSIX_BLOCK_SIZE, err);
		if (r < 0)
			return r;
		p->next_method = packer_method(packer, batch->in, MSIX_BLOCK_SIZE);
	}
	batch->pieces[0] = (struct piece){.item = item, .from = p->next_from,
					  .size = left < CHUNK_SIZE ? (size_t)left : CHUNK_SIZE,
					  .first = p->next_from == 0, .last = left <= CHUNK_SIZE,
					  .method = p->next_method};
	batch->n = 1;
	batch->content = batch->pieces[0].size;
	p->next_from += batch->content;
	if (batch->pieces[0].last) {
		p->next_from = 0;
		p->next_item++;
	}
	return 0;
}

/* Under the lock. Returns 1 with a batch, 0 when all is taken, -errno. */
static int take_batch(struct pack *p, struct batch *batch, struct packer *packer,
		      struct appsilo_error *err)
{
	batch_reset(batch);
	while (p->next_item < p->tree.n && batch->n < BATCH_FILES_MAX) {
		const struct tree_item *item = &p->tree.items[p->next_item];

		if (is_content(item) && is_large(item)) {
			int r = batch->n ? 1 : take_large(p, item, batch, packer, err);

			return r < 0 ? r : 1;
		}
		if (is_content(item) && item->size > CHUNK_SIZE - batch->content)
			break;
		p->next_item++;
		if (!is_content(item))
			continue;
		batch->pieces[batch->n++] =
			(struct piece){.item = item, .size = (size_t)item->size, .first = true, .last = true};
		batch->content += (size_t)item->size;
	}
	return batch->n > 0;
}

static int add_to_map(struct pack *p, const struct batch *batch, const struct piece *piece)
{
	int r = 0;

	if (piece->first)
		r = blockmap_add_file(&p->map, piece->item->path, piece->item->size,
				      (uint32_t)zip_header_size(piece->encoded));
	for (size_t i = 0; r == 0 && i < piece->n_blocks; i++)
		r = blockmap_add_block(&p->map, &batch->blocks[piece->block + i]);
	return r;
}

static int write_large(struct pack *p, struct batch *batch)
{
	const struct piece *piece = &batch->pieces[0];
	struct zip_new *large = &p->large;
	unsigned char header[ZIP_LOCAL_SIZE + 3 * MSIX_NAME_MAX];
	unsigned char descriptor[ZIP_DESCRIPTOR64_SIZE];
	size_t n;
	int r;

	if (piece->first) {
		*large = (struct zip_new){.method = piece->method, .size = piece->item->size,
					  .offset = p->zip.offset};
		memset(batch->out, 0, piece->data);
	}
	large->encoded = piece->encoded; /* of this batch: the same in each */
	large->crc = (uint32_t)crc32_combine(large->crc, piece->crc, (z_off_t)piece->size);
	large->packed += piece->packed;
	r = zip_append(&p->zip, batch->out, batch->out_used);
	if (r < 0 || !piece->last)
		return r;
	zip_put_header(large, header);
	r = zip_pwrite(p->zip.fd, header, zip_header_size(large->encoded), large->offset);
	n = zip_put_descriptor(large, descriptor);
	if (r == 0)
		r = zip_append(&p->zip, descriptor, n);
	return r < 0 ? r : zip_add_central(&p->zip, large);
}

static int write_small(struct pack *p, struct batch *batch)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < batch->n; i++) {
		const struct piece *piece = &batch->pieces[i];
		struct zip_new file = {.encoded = piece->encoded, .method = piece->method,
				       .crc = piece->crc, .size = piece->size, .packed = piece->packed,
				       .offset = p->zip.offset + piece->header};

		zip_put_header(&file, batch->out + piece->header);
		r = zip_add_central(&p->zip, &file);
	}
	return r < 0 ? r : zip_append(&p->zip, batch->out, batch->out_used);
}

static int write_batch(struct pack *p, struct batch *batch)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < batch->n; i++)
		r = add_to_map(p, batch, &batch->pieces[i]);
	if (r < 0)
		return r;
	return is_large(batch->pieces[0].item) ? write_large(p, batch) : write_small(p, batch);
}

static void fail(struct pack *p, int result, const struct appsilo_error *err)
{
	if (p->workers.result < 0)
		return;
	p->workers.result = result;
	p->workers.error = *err;
}

/* Under the lock. True when there was something to write. */
static bool write_next(struct pack *p)
{
	struct batch *batch = &p->ring[p->n_written % p->n_ring];
	struct appsilo_error err = {0};
	int r;

	if (p->writing || p->n_written == p->n_taken || !batch->ready)
		return false;
	p->writing = true;
	pthread_mutex_unlock(&p->workers.lock);
	r = write_batch(p, batch);
	if (r < 0)
		error_set(&err, r, "pack %s: write the package", p->label);
	pthread_mutex_lock(&p->workers.lock);
	p->workers.done += batch->content;
	batch->ready = batch->busy = false;
	p->writing = false;
	p->n_written++;
	if (r < 0)
		fail(p, r, &err);
	pthread_cond_broadcast(&p->workers.changed);
	return true;
}

/* Under the lock. True when there was something to pack. */
static bool pack_next(struct pack *p, struct packer *packer)
{
	struct batch *batch = &p->ring[p->n_taken % p->n_ring];
	struct appsilo_error err = {0};
	int r;

	if (p->n_taken - p->n_written == p->n_ring || batch->busy)
		return false;
	r = take_batch(p, batch, packer, &err);
	if (r == 0)
		return false;
	if (r > 0) {
		batch->busy = true;
		p->n_taken++;
		pthread_mutex_unlock(&p->workers.lock);
		r = batch_pack(batch, packer, p->dir_fd, p->label, &err);
		pthread_mutex_lock(&p->workers.lock);
		batch->ready = r == 0;
	}
	if (r < 0)
		fail(p, r, &err);
	pthread_cond_broadcast(&p->workers.changed);
	return true;
}

static void work(void *data)
{
	struct pack *p = data;
	struct appsilo_error err = {0};
	struct packer *packer = calloc(1, sizeof(*packer));
	int r = packer ? packer_init(packer) : -ENOMEM;

	pthread_mutex_lock(&p->workers.lock);
	if (r < 0) {
		error_set(&err, r, "pack %s", p->label);
		fail(p, r, &err);
	}
	while (p->workers.result == 0) {
		if (write_next(p) || pack_next(p, packer))
			continue;
		if (p->next_item == p->tree.n && p->n_written == p->n_taken)
			break;
		pthread_cond_wait(&p->workers.changed, &p->workers.lock);
	}
	pthread_cond_broadcast(&p->workers.changed);
	pthread_mutex_unlock(&p->workers.lock);
	if (packer)
		packer_done(packer);
	free(packer);
}

static int pack_content(struct pack *p, const struct msix_options *options, struct appsilo_error *err)
{
	int r = 0;

	p->n_ring = BATCHES_PER_THREAD * msix_threads(options);
	p->ring = calloc(p->n_ring, sizeof(*p->ring));
	if (!p->ring)
		return error_set(err, -ENOMEM, "pack %s", p->label);
	for (size_t i = 0; r == 0 && i < p->n_ring; i++)
		r = batch_init(&p->ring[i]);
	if (r == 0)
		r = workers_run(&p->workers, options, work, p, p->tree.bytes, p->label, err);
	else
		error_set(err, r, "pack %s", p->label);
	for (size_t i = 0; i < p->n_ring; i++)
		batch_done(&p->ring[i]);
	free(p->ring);
	return r;
}

/* A footprint file, deflated as a whole while it is made. */
struct footprint {
	struct pack *p;
	struct zip_new file;
	z_stream deflater;
};

static int put_deflated(struct footprint *f, const void *bytes, size_t size, int flush)
{
	unsigned char out[65536];
	z_stream *z = &f->deflater;
	int r;

	z->next_in = (unsigned char *)bytes;
	z->avail_in = (uInt)size;
	do {
		z->next_out = out;
		z->avail_out = sizeof(out);
		if (deflate(z, flush) == Z_STREAM_ERROR)
			return -EIO;
		r = zip_append(&f->p->zip, out, sizeof(out) - z->avail_out);
		f->file.packed += sizeof(out) - z->avail_out;
	} while (r == 0 && z->avail_out == 0);
	return r;
}

static int put_footprint(void *data, const void *bytes, size_t size)
{
	struct footprint *f = data;

	f->file.crc = (uint32_t)crc32(f->file.crc, bytes, (uInt)size);
	f->file.size += size;
	return put_deflated(f, bytes, size, Z_NO_FLUSH);
}

static int add_footprint(struct pack *p, const char *name,
			 int (*make)(struct pack *p, struct footprint *f))
{
	struct footprint f = {.p = p, .file = {.encoded = name, .method = ZIP_DEFLATED,
					       .offset = p->zip.offset}};
	unsigned char header[ZIP_LOCAL_SIZE + 64] = {0};
	size_t n = zip_header_size(name);
	int r = deflateInit2(&f.deflater, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK
			? zip_append(&p->zip, header, n)
			: -ENOMEM;

	if (r == 0)
		r = make(p, &f);
	if (r == 0)
		r = put_deflated(&f, NULL, 0, Z_FINISH);
	deflateEnd(&f.deflater);
	if (r < 0)
		return r;
	zip_put_header(&f.file, header);
	r = zip_pwrite(p->zip.fd, header, n, f.file.offset);
	return r < 0 ? r : zip_add_central(&p->zip, &f.file);
}

static int make_map(struct pack *p, struct footprint *f)
{
	return blockmap_write(&p->map, put_footprint, f);
}

static int make_types(struct pack *p, struct footprint *f)
{
	cleanup_free const char **names = calloc(p->map.n + 1, sizeof(*names));
	cleanup_free char *text = NULL;
	size_t size, n = 0;
	int r;

	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < p->map.n; i++)
		if (strcmp(p->map.files[i].name, MSIX_MANIFEST) != 0)
			names[n++] = p->map.files[i].name;
	r = content_types_make(names, n, &text, &size);
	return r < 0 ? r : put_footprint(f, text, size);
}

static int make_facts(const struct tree *tree, char **ret, size_t *ret_size)
{
	char *text = NULL;
	bool any = false;
	FILE *out = open_memstream(&text, ret_size);

	if (!out)
		return -ENOMEM;
	fputs(UNIX_FACTS_HEADER, out);
	for (size_t i = 0; i < tree->n; i++) {
		const struct tree_item *item = &tree->items[i];

		any = any || item->executable || !is_content(item);
		if (item->kind == TREE_LINK)
			fprintf(out, "l\t%s\t%s\n", item->path, item->text);
		else if (item->kind == TREE_EMPTY_FOLDER)
			fprintf(out, "d\t%s\n", item->path);
		else if (item->executable)
			fprintf(out, "x\t%s\n", item->path);
	}
	if (fclose(out) != 0) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return any;
}

/* The facts are added, and the manifest goes to the end, as MSIX tools have it. */
static int arrange(struct pack *p, struct appsilo_error *err)
{
	struct tree *tree = &p->tree;
	struct tree_item manifest;
	size_t at = 0, size;
	char *text;
	int r;

	while (at < tree->n && strcmp(tree->items[at].path, MSIX_MANIFEST) != 0)
		at++;
	if (at == tree->n || tree->items[at].kind != TREE_FILE)
		return error_say(err, -EINVAL, "pack %s: there is no " MSIX_MANIFEST " in it", p->label);
	manifest = tree->items[at];
	memmove(tree->items + at, tree->items + at + 1, (tree->n - at - 1) * sizeof(manifest));
	tree->items[tree->n - 1] = manifest;
	r = make_facts(tree, &text, &size);
	if (r == 0)
		free(text);
	else if (r > 0)
		r = tree_add_text(tree, MSIX_UNIX_FACTS, text, size);
	if (r < 0)
		return error_set(err, r, "pack %s", p->label);
	if (tree->items[tree->n - 1].kind == TREE_TEXT) {
		manifest = tree->items[tree->n - 1];
		tree->items[tree->n - 1] = tree->items[tree->n - 2];
		tree->items[tree->n - 2] = manifest;
	}
	return 0;
}

/* The package would be packed into itself the next time. */
static int check_place(const char *dir, const char *out_path, const char *label,
		       struct appsilo_error *err)
{
	char inner[PATH_MAX], outer[PATH_MAX], folder[PATH_MAX];
	const char *slash = strrchr(out_path, '/');

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - out_path) + 1 : 1,
		 slash ? out_path : ".");
	if (!realpath(dir, outer) || !realpath(folder, inner))
		return error_set(err, -errno, "pack %s to %s", label, out_path);
	if (path_is_under(inner, outer))
		return error_say(err, -EINVAL, "pack %s: the package must not be written into the folder "
					       "that is packed", label);
	return 0;
}

static void pack_done(struct pack *p)
{
	tree_done(&p->tree);
	blockmap_done(&p->map);
	zip_writer_done(&p->zip);
	close_keep_errno(p->dir_fd);
}

static int write_package(struct pack *p, const struct msix_options *options, struct appsilo_error *err)
{
	int r = pack_content(p, options, err);

	if (r < 0)
		return r;
	r = add_footprint(p, MSIX_BLOCK_MAP, make_map);
	if (r == 0)
		r = add_footprint(p, MSIX_CONTENT_TYPES, make_types);
	if (r == 0)
		r = zip_finish(&p->zip, NULL);
	return r < 0 ? error_set(err, r, "pack %s: write the package", p->label) : 0;
}

int msix_pack(const char *dir, const char *out_path, const struct msix_pack_options *options,
	      struct msix_counts *ret, struct appsilo_error *err)
{
	static const struct msix_pack_options defaults;
	cleanup(pack_done) struct pack p = {.dir_fd = -EBADF, .zip = {.fd = -EBADF}};
	cleanup(new_file_done) struct new_file out = {.fd = -EBADF};
	char shown[512];
	int r = 0;

	p.label = text_show(dir, shown, sizeof(shown));
	p.dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p.dir_fd < 0)
		return error_set(err, -errno, "pack %s", p.label);
	r = check_place(dir, out_path, p.label, err);
	if (r == 0)
		r = tree_list(p.dir_fd, p.label, &p.tree, err);
	if (r == 0)
		r = arrange(&p, err);
	if (r == 0)
		r = new_file_open(out_path, &out, err);
	p.zip.fd = out.fd;
	if (r == 0)
		r = write_package(&p, options ? &options->common : &defaults.common, err);
	if (r == 0)
		r = new_file_commit(&out, false, err); /* it can be packed again */
	if (r < 0 || !ret)
		return r;
	*ret = (struct msix_counts){.files = p.map.n, .blocks = p.map.n_blocks, .bytes = p.tree.bytes,
				    .packed_bytes = p.zip.offset};
	for (size_t i = 0; i < p.tree.n; i++)
		ret->links += p.tree.items[i].kind == TREE_LINK;
	return 0;
}
