/* SPDX-License-Identifier: Apache-2.0 */
#include "package/launch_record.h"

#include "base/fd.h"
#include "package/record.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* The buffer and the first failure, so that the lines below stay a list. */
struct writer {
	char *text;
	int result;
};

static void put(struct writer *w, const char *key, const char *value, const char *more)
{
	if (w->result == 0 && value)
		w->result = record_append(w->text, RECORD_SIZE_MAX, key, value, more);
}

static void put_list(struct writer *w, const char *key, const struct manifest_list *list,
		     const char *more)
{
	for (size_t i = 0; i < list->n; i++)
		put(w, key, list->texts[i], more);
}

static void put_limits(struct writer *w, const struct manifest_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		char name[64];
		const char *mark = strchr(list->texts[i], '=');

		snprintf(name, sizeof(name), "%.*s", (int)(mark - list->texts[i]), list->texts[i]);
		put(w, "limit", name, mark + 1);
	}
}

static void put_applications(struct writer *w, const struct manifest *m)
{
	for (size_t i = 0; i < m->n_applications; i++) {
		const struct manifest_application *app = &m->applications[i];

		put(w, "app", app->id, app->executable);
		put_list(w, "alias", &app->aliases, app->id);
		put_list(w, "file-type", &app->file_types, app->id);
	}
}

static void put_all(struct writer *w, const struct manifest *m, const struct signature_facts *s)
{
	put(w, "full-name", m->identity.full_name, NULL);
	put(w, "family", m->identity.family, NULL);
	put(w, "publisher", m->identity.publisher, NULL);
	put(w, "display-name", m->display_name, NULL);
	put(w, "signer", s->subject, NULL);
	put(w, "fingerprint", s->thumbprint, NULL);
	put_applications(w, m);
	put_list(w, "capability", &m->capabilities, NULL);
	put_list(w, "env", &m->environment, NULL);
	put_limits(w, &m->limits);
	put_list(w, "host", &m->hosts, NULL);
	put_list(w, "system-path", &m->system_paths, NULL);
}

int launch_record_write(int dir_fd, const struct manifest *manifest,
			const struct signature_facts *signature, struct appsilo_error *err)
{
	cleanup_free char *text = calloc(1, RECORD_SIZE_MAX);
	struct writer w = {text, text ? 0 : -ENOMEM};
	cleanup_close int fd = -EBADF;

	put_all(&w, manifest, signature);
	if (w.result == -ENOBUFS)
		return error_say(err, -E2BIG, "%s: the manifest says too much",
				 manifest->identity.full_name);
	if (w.result == 0 && mkdirat(dir_fd, RECORD_DIR, 0755) < 0)
		w.result = -errno;
	if (w.result == 0)
		fd = openat(dir_fd, RECORD_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (w.result == 0)
		w.result = fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
	return w.result < 0 ? error_set(err, w.result, "launch record of %s",
					manifest->identity.full_name)
			    : 0;
}
