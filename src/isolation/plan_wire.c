/* SPDX-License-Identifier: Apache-2.0 */
/* One header, then the strings, each ended by NUL. */
#include "isolation/plan_wire.h"

#include "base/fd.h"
#include <string.h>
#include <sys/stat.h>

struct header {
	uint64_t text_size;
	uint32_t n_env, n_mounts, n_placeholders;
	uint32_t n_loopback;
	uint16_t loopback[NET_LOOPBACK_MAX];
};

/* A mount is 'r' or 'w' and its path; a placeholder 'd' or 'f' with its permission bits and
 * path, or 'l', its path and, as the next string, its target. */
struct writer {
	char *text; /* NULL: only count */
	size_t size;
};

static void put(struct writer *w, char mark, const char *string)
{
	size_t n = strlen(string) + 1;

	if (w->text && mark)
		w->text[w->size] = mark;
	if (w->text)
		memcpy(w->text + w->size + (mark != 0), string, n);
	w->size += n + (mark != 0);
}

static void put_placeholder(struct writer *w, const struct plan_placeholder *p)
{
	char mode[8];

	if (p->target) {
		put(w, 'l', p->path);
		put(w, 0, p->target);
		return;
	}
	snprintf(mode, sizeof(mode), "%04o", (unsigned int)p->mode & 07777);
	put(w, S_ISDIR(p->mode) ? 'd' : 'f', mode);
	w->size--; /* the path stands right behind the mode's digits */
	put(w, 0, p->path);
}

static void put_all(struct writer *w, const struct plan *plan)
{
	put(w, 0, plan->exe);
	put(w, 0, plan->cwd);
	put(w, 0, plan->home);
	put(w, 0, plan->user_name);
	for (size_t i = 0; plan->envp[i]; i++)
		put(w, 0, plan->envp[i]);
	for (size_t i = 0; i < plan->n_mounts; i++)
		put(w, plan->mounts[i].kind == PLAN_WRITE ? 'w' : 'r', plan->mounts[i].path);
	for (size_t i = 0; i < plan->n_placeholders; i++)
		put_placeholder(w, &plan->placeholders[i]);
}

int plan_send_rest(int socket_fd, const struct plan *plan)
{
	struct header header = {.n_mounts = (uint32_t)plan->n_mounts,
				.n_placeholders = (uint32_t)plan->n_placeholders};
	struct writer w = {0};
	cleanup_free char *text = NULL;
	int r;

	while (plan->envp[header.n_env])
		header.n_env++;
	put_all(&w, plan);
	header.text_size = w.size;
	header.n_loopback = (uint32_t)plan->n_loopback;
	memcpy(header.loopback, plan->loopback, sizeof(header.loopback));
	text = malloc(w.size);
	if (!text)
		return -ENOMEM;
	w = (struct writer){.text = text};
	put_all(&w, plan);
	r = fd_send(socket_fd, &header, sizeof(header), &plan->net_fd, plan->net_fd >= 0);
	return r < 0 ? r : fd_send_long(socket_fd, text, w.size);
}

struct reader {
	char *at, *end;
	bool bad;
};

static char *take(struct reader *r)
{
	char *string = r->at;
	size_t n = strnlen(string, (size_t)(r->end - string));

	r->bad = r->bad || string + n >= r->end;
	if (r->bad)
		return r->end - 1; /* the last byte is checked to be NUL: an empty string */
	r->at += n + 1;
	return string;
}

static void take_placeholder(struct reader *r, struct plan_placeholder *p)
{
	char *string = take(r), *path;

	if (string[0] == 'l') {
		p->path = string + 1;
		p->target = take(r);
		return;
	}
	p->mode = (mode_t)strtoul(string + 1, &path, 8) | (string[0] == 'd' ? S_IFDIR : S_IFREG);
	/* A path starts with "/", where the digits end. */
	r->bad = r->bad || *path != '/';
	p->path = path;
}

static int take_all(struct reader *r, const struct header *h, struct plan *plan)
{
	char **env = calloc(h->n_env + 1, sizeof(*env));

	plan->mounts = calloc(h->n_mounts + 1, sizeof(*plan->mounts));
	plan->placeholders = calloc(h->n_placeholders + 1, sizeof(*plan->placeholders));
	if (!env || !plan->mounts || !plan->placeholders)
		return -ENOMEM;
	plan->exe = take(r);
	plan->cwd = take(r);
	plan->home = take(r);
	plan->user_name = take(r);
	for (size_t i = 0; i < h->n_env; i++)
		env[i] = take(r);
	plan->envp = env;
	for (; plan->n_mounts < h->n_mounts; plan->n_mounts++) {
		char *string = take(r);

		plan->mounts[plan->n_mounts] = (struct plan_mount){
			string + 1, string[0] == 'w' ? PLAN_WRITE : PLAN_READ, -EBADF};
		r->bad = r->bad || !string[0];
	}
	for (; plan->n_placeholders < h->n_placeholders; plan->n_placeholders++)
		take_placeholder(r, &plan->placeholders[plan->n_placeholders]);
	return r->bad || r->at != r->end ? -EBADMSG : 0;
}

int plan_receive_rest(int socket_fd, struct plan *plan)
{
	struct header header;
	int fds[FD_PASS_MAX];
	ssize_t n = fd_receive(socket_fd, &header, sizeof(header), 0, fds);
	char *text;
	int r;

	if (n != sizeof(header))
		return n < 0 ? (int)n : -EPIPE;
	if (fds[0] >= 0)
		plan->net_fd = fds[0];
	if (header.n_loopback > NET_LOOPBACK_MAX)
		return -EBADMSG;
	plan->n_loopback = header.n_loopback;
	memcpy(plan->loopback, header.loopback, sizeof(header.loopback));
	text = malloc(header.text_size + 1);
	if (!text)
		return -ENOMEM;
	r = fd_receive_long(socket_fd, text, header.text_size);
	if (r < 0)
		return r;
	if (header.text_size == 0 || text[header.text_size - 1])
		return -EBADMSG;
	return take_all(&(struct reader){text, text + header.text_size, false}, &header, plan);
}
