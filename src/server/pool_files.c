/* SPDX-License-Identifier: Apache-2.0 */
/* Files that a run left, as its sandbox sends them: a stranger's bytes, names above all. */
#include "base/clock.h"
#include "base/fd.h"
#include "server/pool_internal.h"
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

/* Nothing of the run lives any more; a sandbox that still takes its time is not waited for. */
#define PATIENCE_MS 10000

static int receive(int fd, void *data, size_t size, int64_t until_ms)
{
	char *at = data;

	while (size > 0) {
		int64_t left_ms = until_ms - clock_monotonic_ms();
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		ssize_t n;

		if (left_ms <= 0 || poll(&pfd, 1, (int)left_ms) == 0)
			return -ETIMEDOUT;
		n = recv(fd, at, size, MSG_DONTWAIT);
		if (n == 0)
			return -EPIPE;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n > 0) {
			at += n;
			size -= (size_t)n;
		}
	}
	return 0;
}

/* Below the folder that it will be put into, in one spelling. */
static bool is_name(const char *name, size_t size)
{
	if (size == 0 || size > ZYGOTE_NAME_MAX || memchr(name, '\0', size))
		return false;
	for (const char *at = name;; at++) {
		size_t n = strcspn(at, "/");

		if (n == 0 || (n == 1 && at[0] == '.') || (n == 2 && at[0] == '.' && at[1] == '.'))
			return false;
		at += n;
		if (!*at)
			return true;
	}
}

static int receive_file(int fd, const struct zygote_file *head, int64_t until_ms,
			struct pool_file *ret)
{
	cleanup_free char *name = calloc(1, (size_t)head->name_bytes + 1);
	cleanup_free char *content = malloc((size_t)head->size + 1);
	int r = name && content ? receive(fd, name, head->name_bytes, until_ms) : -ENOMEM;

	if (r == 0 && !is_name(name, head->name_bytes))
		r = -EPROTO;
	if (r == 0)
		r = receive(fd, content, (size_t)head->size, until_ms);
	if (r == 0)
		*ret = (struct pool_file){TAKE_PTR(name), TAKE_PTR(content), (size_t)head->size};
	return r;
}

void pool_files_receive(int fd, uint64_t bytes_max, struct pool_result *ret)
{
	int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;
	struct zygote_file head;

	ret->files_cut = true;
	ret->files = calloc(ZYGOTE_FILES_MAX, sizeof(*ret->files));
	while (ret->files && receive(fd, &head, sizeof(head), until_ms) == 0) {
		if (head.name_bytes == 0) {
			ret->files_cut = head.cut;
			return;
		}
		if (ret->n_files == ZYGOTE_FILES_MAX || head.name_bytes > ZYGOTE_NAME_MAX ||
		    head.size > bytes_max ||
		    receive_file(fd, &head, until_ms, &ret->files[ret->n_files]) < 0)
			return;
		bytes_max -= head.size;
		ret->n_files++;
	}
}

void pool_result_done(struct pool_result *result)
{
	for (size_t i = 0; i < result->n_files; i++) {
		free((char *)result->files[i].name);
		free((void *)result->files[i].content);
	}
	free(result->files);
	result->files = NULL;
	result->n_files = 0;
}
