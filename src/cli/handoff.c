/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/handoff.h"

#include "base/fd.h"
#include <stdint.h>
#include <string.h>

/* One header with the descriptors, then @text_size bytes of NUL-ended strings: the facts,
 * then the words. A failure is a header alone. */
/* More than the kernel takes as arguments of a program. */
#define TEXT_MAX (16 * 1024 * 1024)

struct header {
	int32_t exit_code; /* of a failure, else 0 */
	int32_t init_pid, start_cpu;
	uint32_t app_uid, fd_mask, n_words;
	uint64_t text_size, view_dev;
	char line[ERROR_LINE_MAX];
};

static char *append(char *at, const char *text)
{
	size_t n = strlen(text) + 1;

	memcpy(at, text, n);
	return at + n;
}

int handoff_send(int socket_fd, const struct handoff *h)
{
	struct header header = {.init_pid = h->init_pid,
				.start_cpu = h->start_cpu,
				.app_uid = h->app_uid,
				.view_dev = h->view_dev};
	cleanup_free char *text = NULL;
	int fds[HANDOFF_FDS];
	size_t n_fds = 0;
	char *at;
	int r;

	for (size_t i = 0; i < HANDOFF_FDS; i++) {
		if (h->fds[i] < 0)
			continue;
		header.fd_mask |= 1u << i;
		fds[n_fds++] = h->fds[i];
	}
	for (size_t i = 0; i < HANDOFF_FACTS; i++)
		header.text_size += strlen(h->facts[i]) + 1;
	for (; h->words[header.n_words]; header.n_words++)
		header.text_size += strlen(h->words[header.n_words]) + 1;
	at = text = malloc(header.text_size);
	if (!text)
		return -ENOMEM;
	for (size_t i = 0; i < HANDOFF_FACTS; i++)
		at = append(at, h->facts[i]);
	for (size_t i = 0; i < header.n_words; i++)
		at = append(at, h->words[i]);
	r = fd_send(socket_fd, &header, sizeof(header), fds, n_fds);
	return r < 0 ? r : fd_send_long(socket_fd, text, header.text_size);
}

void handoff_send_failure(int socket_fd, int exit_code, const struct appsilo_error *why)
{
	struct header header = {.exit_code = exit_code};

	memcpy(header.line, why->line, sizeof(header.line));
	(void)!fd_send(socket_fd, &header, sizeof(header), NULL, 0);
}

/* Point facts and words into the text. Both ends are ours, but a cut text must not be read
 * beyond its end. */
static int take_apart(struct handoff *h, const struct header *header)
{
	const char *at = h->text, *end = h->text + header->text_size;
	char **words = calloc(header->n_words + 1, sizeof(*words));

	h->words = words;
	if (!words)
		return -ENOMEM;
	for (size_t i = 0; i < HANDOFF_FACTS + header->n_words; i++) {
		if (at >= end)
			return -EBADMSG;
		if (i < HANDOFF_FACTS)
			h->facts[i] = at;
		else
			words[i - HANDOFF_FACTS] = (char *)at;
		at += strnlen(at, (size_t)(end - at)) + 1;
	}
	return at == end && !end[-1] ? 0 : -EBADMSG;
}

int handoff_receive(int socket_fd, struct handoff *ret, int *ret_exit_code,
		    struct appsilo_error *err)
{
	struct header header;
	int fds[FD_PASS_MAX];
	size_t n_fds = 0;
	ssize_t n = fd_receive(socket_fd, &header, sizeof(header), 0, fds);
	int r = n < 0 ? (int)n : n == sizeof(header) ? 0 : -EPIPE;

	*ret_exit_code = 125;
	*ret = (struct handoff){.start_cpu = -1};
	for (size_t i = 0; i < HANDOFF_FDS; i++)
		ret->fds[i] = r == 0 && header.fd_mask & 1u << i ? fds[n_fds++] : -EBADF;
	if (r == 0 && header.exit_code) {
		header.line[sizeof(header.line) - 1] = '\0';
		*ret_exit_code = header.exit_code;
		return error_say(err, -ECANCELED, "%s",
				 header.line[0] ? header.line : "run: the sandbox was not built");
	}
	if (r == 0 && (header.text_size > TEXT_MAX || header.n_words > header.text_size))
		r = -EBADMSG;
	if (r == 0)
		ret->text = malloc(header.text_size + 1);
	if (r == 0)
		r = ret->text ? fd_receive_long(socket_fd, ret->text, header.text_size) : -ENOMEM;
	if (r == 0)
		r = take_apart(ret, &header);
	if (r < 0)
		return error_set(err, r, "run: the process that builds the sandbox died");
	ret->init_pid = header.init_pid;
	ret->app_uid = header.app_uid;
	ret->start_cpu = header.start_cpu;
	ret->view_dev = header.view_dev;
	return 0;
}

void handoff_done(struct handoff *h)
{
	for (size_t i = 0; i < HANDOFF_FDS; i++)
		close_keep_errno(TAKE_FD(h->fds[i]));
	free((void *)h->words);
	free(h->text);
	*h = (struct handoff){0};
}
