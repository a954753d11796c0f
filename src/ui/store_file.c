/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/store_file.h"

#include "consent/store_edit.h"
#include <limits.h>

/* The file as it is now; zeroed where there is none. */
static struct stat look_at_file(const struct store_file *f)
{
	char path[PATH_MAX + 16];
	struct stat now;

	snprintf(path, sizeof(path), "%s/consent.db", f->data_dir);
	return lstat(path, &now) < 0 ? (struct stat){0} : now;
}

/* Is it still the one that is open? */
static bool is_same_file(const struct store_file *f)
{
	struct stat now = look_at_file(f);

	return now.st_ino == f->file.st_ino && now.st_dev == f->file.st_dev && now.st_uid == f->file.st_uid &&
	       now.st_mode == f->file.st_mode;
}

static int ensure_open(struct store_file *f, struct appsilo_error *err)
{
	if (f->store && is_same_file(f))
		return 0;
	consent_store_close(TAKE_PTR(f->store));
	f->version = -1;
	f->file = look_at_file(f);
	return consent_store_open(f->data_dir, STORE_READ, &f->store, err);
}

static int replace_file(struct consent_store *store, const struct rule_change *c, struct appsilo_error *err)
{
	const struct consent_rule old = snapshot_rule(&c->old), new = snapshot_rule(&c->new);

	return c->has_old || c->kind == RULE_RESTORE
		       ? consent_store_replace(store, c->has_old ? &old : NULL, c->has_new ? &new : NULL, err)
		       : consent_store_put(store, &new, err);
}

static int replace_host(struct consent_store *store, const struct rule_change *c, struct appsilo_error *err)
{
	const struct consent_host_rule old = snapshot_host_rule(&c->old), new = snapshot_host_rule(&c->new);

	return c->has_old || c->kind == RULE_RESTORE
		       ? consent_store_replace_host(store, c->has_old ? &old : NULL, c->has_new ? &new : NULL, err)
		       : consent_store_put_host(store, &new, err);
}

int store_file_change(struct store_file *f, const struct rule_change *c, struct appsilo_error *err)
{
	int count, r = ensure_open(f, err);

	/* The first decision makes the store. */
	if (r == 0 && c->kind == RULE_REPLACE && !c->has_old && f->file.st_ino == 0) {
		consent_store_close(TAKE_PTR(f->store));
		r = consent_store_open(f->data_dir, STORE_CREATE, &f->store, err);
		f->file = look_at_file(f);
	}
	if (r < 0)
		return r;
	f->version = -1; /* our own change does not change it */
	switch (c->kind) {
	case RULE_REPLACE:
	case RULE_RESTORE:
		return (c->has_old ? c->old.network : c->new.network) ? replace_host(f->store, c, err)
								      : replace_file(f->store, c, err);
	case RULE_RESET:
		return consent_store_remove(f->store, c->family, NULL, true, &count, err);
	}
	return -EINVAL;
}

void store_file_init(struct store_file *f, const char *data_dir)
{
	*f = (struct store_file){.data_dir = data_dir, .version = -1};
}

void store_file_done(struct store_file *f)
{
	consent_store_close(TAKE_PTR(f->store));
}

int store_file_load(struct store_file *f, struct snapshot **ret, struct appsilo_error *err)
{
	int r = ensure_open(f, err);
	int64_t version = r == 0 ? consent_store_version(f->store) : 0;

	*ret = NULL;
	if (r == 0 && (version < 0 || version != f->version))
		r = snapshot_load(f->store, f->data_dir, ret, err);
	/* Read again in any case after a failure: it may be over. */
	f->version = r < 0 || version < 0 ? -1 : version;
	if (r < 0)
		consent_store_close(TAKE_PTR(f->store));
	return r;
}
