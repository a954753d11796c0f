/* SPDX-License-Identifier: Apache-2.0 */
/* Listing folders: asks at opendir; never-listed names are left out. */
#include "broker/fs/internal.h"

#include "base/path.h"
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

struct listing {
	pthread_mutex_t lock; /* guards the stream: parallel reads of one handle */
	DIR *stream;	      /* owned */
	struct dirent *entry; /* read ahead but not yet delivered */
	off_t offset;
};

static struct listing *listing_of(const struct fuse_file_info *fi)
{
	return (struct listing *)(uintptr_t)fi->fh;
}

static void listing_free(struct listing *l)
{
	if (!l)
		return;
	if (l->stream)
		closedir(l->stream);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static void run_opendir(struct op *op)
{
	struct listing *l = calloc(1, sizeof(*l));
	int held = node_pin(&op->bfs->nodes, op->node);
	int fd = held < 0 ? held : bfs_reopen(op->bfs, held, O_RDONLY | O_DIRECTORY);
	char path[PATH_MAX];

	if (held >= 0)
		node_unpin(&op->bfs->nodes, op->node);
	if (l)
		pthread_mutex_init(&l->lock, NULL);
	if (fd >= 0 && l)
		l->stream = fdopendir(fd);
	if (fd < 0 || !l || !l->stream) {
		close_keep_errno(fd);
		listing_free(l);
		op_end(op, fd < 0 ? fd : -ENOMEM);
		return;
	}
	if (bfs_path(op->bfs, op->node, NULL, path) == 0)
		gate_used(op->bfs->gate, path);
	op->fi.fh = (uint64_t)(uintptr_t)l;
	if (fuse_reply_open(op->req, &op->fi) < 0)
		listing_free(l);
	op_free(op);
}

void bfs_op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct op *op = op_new(req, "list", ino, NULL, run_opendir);

	if (!op)
		return;
	op->fi = *fi;
	op_need(op, op->node, NULL, CONSENT_READ);
	op_start(op);
}

/* Is the name one that must not exist for the app? */
static bool is_absent(struct bfs *bfs, const char *folder, const char *name)
{
	char path[PATH_MAX];

	return path_join(folder, name, path, sizeof(path)) < 0 ||
	       bfs_see(bfs, path, false) == CONSENT_ABSENT;
}

static size_t add_entry(fuse_req_t req, struct node *folder, const struct dirent *d, char *buffer,
			size_t left, bool plus)
{
	struct bfs *bfs = bfs_of(req);
	bool dots = strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0;
	struct fuse_entry_param entry = {
		.attr = {.st_ino = d->d_ino, .st_mode = DTTOIF(d->d_type)}};
	size_t n;

	if (!plus)
		return fuse_add_direntry(req, buffer, left, d->d_name, &entry.attr, d->d_off);
	if (!dots && bfs_lookup(bfs, folder, d->d_name, &entry) < 0) {
		/* Gone meanwhile, or not to be looked up: the name alone. */
		memset(&entry, 0, sizeof(entry));
		entry.attr.st_ino = d->d_ino;
		entry.attr.st_mode = DTTOIF(d->d_type);
	}
	n = fuse_add_direntry_plus(req, buffer, left, d->d_name, &entry, d->d_off);
	if (n > left && entry.ino)
		node_forget(&bfs->nodes, bfs_node(bfs, entry.ino), 1);
	return n;
}

static size_t fill(fuse_req_t req, struct node *node, struct listing *l, const char *folder,
		   char *buffer, size_t size, bool plus, int *ret_code)
{
	size_t used = 0;

	for (;;) {
		size_t n;

		if (!l->entry) {
			errno = 0;
			l->entry = readdir(l->stream);
			if (!l->entry) {
				*ret_code = -errno;
				return used;
			}
		}
		if (!is_absent(bfs_of(req), folder, l->entry->d_name)) {
			n = add_entry(req, node, l->entry, buffer + used, size - used, plus);
			if (n > size - used)
				return used;
			used += n;
		}
		l->offset = l->entry->d_off;
		l->entry = NULL;
	}
}

static void read_listing(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			 struct fuse_file_info *fi, bool plus)
{
	struct bfs *bfs = bfs_of(req);
	struct listing *l = listing_of(fi);
	char folder[PATH_MAX];
	char *buffer = malloc(size);
	int code = buffer ? bfs_path(bfs, bfs_node(bfs, ino), NULL, folder) : -ENOMEM;
	size_t used = 0;

	if (code == -ESTALE) { /* removed while open: an empty folder */
		fuse_reply_buf(req, NULL, 0);
		free(buffer);
		return;
	}
	if (code == 0) {
		pthread_mutex_lock(&l->lock);
		if (off != l->offset) {
			seekdir(l->stream, off);
			l->entry = NULL;
			l->offset = off;
		}
		used = fill(req, bfs_node(bfs, ino), l, folder, buffer, size, plus, &code);
		pthread_mutex_unlock(&l->lock);
	}
	if (code < 0 && used == 0)
		fuse_reply_err(req, -code);
	else
		fuse_reply_buf(req, buffer, used);
	free(buffer);
}

void bfs_op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	read_listing(req, ino, size, off, fi, false);
}

void bfs_op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			struct fuse_file_info *fi)
{
	read_listing(req, ino, size, off, fi, true);
}

void bfs_op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	listing_free(listing_of(fi));
	fuse_reply_err(req, 0);
}

void bfs_op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct listing *l = listing_of(fi);
	int r = datasync ? fdatasync(dirfd(l->stream)) : fsync(dirfd(l->stream));

	(void)ino;
	fuse_reply_err(req, r < 0 ? errno : 0);
}
