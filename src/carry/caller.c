/* SPDX-License-Identifier: Apache-2.0 */
#include "carry/caller.h"

#include "base/dir.h"
#include "isolation/kernel.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

/* Looking through more would take longer than the fast path saves. */
#define DESCRIPTORS_MAX 1024
#define TWINS_MAX 64
#define EPOLL_LINK "anon_inode:[eventpoll]"

int caller_read(pid_t tid, uint64_t address, void *ret, size_t size)
{
	struct iovec local = {ret, size};
	struct iovec remote = {(void *)(uintptr_t)address, size};
	ssize_t n = process_vm_readv(tid, &local, 1, &remote, 1, 0);

	return n == (ssize_t)size ? 0 : n < 0 ? -errno : -EFAULT;
}

static int open_caller(pid_t tid)
{
	long r = syscall(K_PIDFD_OPEN, tid, 0);

	/* It is a thread of its process, not the first one. */
	if (r < 0)
		r = syscall(K_PIDFD_OPEN, tid, K_PIDFD_THREAD);
	return r < 0 ? -errno : (int)r;
}

int caller_take_fd(struct caller *last, pid_t tid, int fd)
{
	long r = last->tid == tid && last->pidfd >= 0 ? syscall(K_PIDFD_GETFD, last->pidfd, fd, 0) : -1;

	/* Another caller, or one that has gone and left its number to this one. */
	if (r < 0) {
		close_keep_errno(TAKE_FD(last->pidfd));
		last->tid = tid;
		last->pidfd = open_caller(tid);
		if (last->pidfd < 0)
			return last->pidfd;
		r = syscall(K_PIDFD_GETFD, last->pidfd, fd, 0);
	}
	return r < 0 ? -errno : (int)r;
}

int caller_fd_flags(pid_t tid, int fd, struct caller_fd_flags *ret)
{
	char path[64], text[256];
	const char *line;
	unsigned int flags;
	ssize_t n;
	cleanup_close int info_fd = -EBADF;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)tid, fd);
	info_fd = open(path, O_RDONLY | O_CLOEXEC);
	n = info_fd < 0 ? -1 : read(info_fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	line = strstr(text, "flags:");
	if (!line || sscanf(line, "flags: %o", &flags) != 1)
		return -EIO;
	*ret = (struct caller_fd_flags){.nonblocking = flags & O_NONBLOCK,
					.close_on_exec = flags & O_CLOEXEC};
	return 0;
}

struct search {
	pid_t tid;
	int fd; /* whose twin is looked for */
	size_t seen, n_epolls;
	int *epolls;
};

static int each_descriptor(pid_t tid, dir_visit_fn visit, struct search *s)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)tid);
	return dir_each(path, visit, s);
}

static int visit_epoll(void *data, int dir_fd, const char *name, unsigned char type)
{
	struct search *s = data;
	char target[sizeof(EPOLL_LINK)];

	(void)type;
	if (++s->seen > DESCRIPTORS_MAX)
		return -E2BIG;
	if (readlinkat(dir_fd, name, target, sizeof(target)) != sizeof(EPOLL_LINK) - 1 ||
	    memcmp(target, EPOLL_LINK, sizeof(EPOLL_LINK) - 1) != 0)
		return 0;
	if (s->n_epolls == CALLER_EPOLLS_MAX)
		return -E2BIG;
	s->epolls[s->n_epolls++] = atoi(name);
	return 0;
}

int caller_find_epolls(pid_t tid, int ret[CALLER_EPOLLS_MAX])
{
	struct search s = {.tid = tid, .epolls = ret};
	int r = each_descriptor(tid, visit_epoll, &s);

	return r < 0 ? r : (int)s.n_epolls;
}

int caller_is_watched(pid_t tid, int fd, int epoll_fd)
{
	struct k_epoll_slot slot = {.epoll_fd = (uint32_t)epoll_fd, .fd = (uint32_t)fd};

	long r = syscall(SYS_kcmp, tid, tid, K_KCMP_EPOLL_TFD, fd, &slot);

	if (r >= 0)
		return r == 0;
	return errno == ENOENT ? 0 : -errno; /* the set has nothing under this number */
}

static int visit_twin(void *data, int dir_fd, const char *name, unsigned char type)
{
	struct search *s = data;
	int other = atoi(name);

	(void)dir_fd;
	(void)type;
	return other != s->fd && syscall(SYS_kcmp, s->tid, s->tid, K_KCMP_FILE, s->fd, other) == 0;
}

bool caller_has_twin(pid_t tid, int fd)
{
	struct search s = {.tid = tid, .fd = fd};
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)tid);
	/* The size is how many there are (Linux 6.2). */
	if (stat(path, &st) < 0 || st.st_size > TWINS_MAX)
		return false;
	return each_descriptor(tid, visit_twin, &s) == 1;
}
