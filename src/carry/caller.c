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
#define GAPS_MAX 4
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

void caller_done(struct caller *last)
{
	close_keep_errno(TAKE_FD(last->pidfd));
	close_keep_errno(TAKE_FD(last->info_fd));
}

/* Another caller, or one that has gone and left its number to this one. */
static int change_to(struct caller *last, pid_t tid)
{
	caller_done(last);
	last->tid = tid;
	last->pidfd = open_caller(tid);
	return last->pidfd < 0 ? last->pidfd : 0;
}

int caller_take_fd(struct caller *last, pid_t tid, int fd)
{
	long r = last->tid == tid && last->pidfd >= 0 ? syscall(K_PIDFD_GETFD, last->pidfd, fd, 0) : -1;

	if (r < 0) {
		int r_change = change_to(last, tid);

		if (r_change < 0)
			return r_change;
		r = syscall(K_PIDFD_GETFD, last->pidfd, fd, 0);
	}
	return r < 0 ? -errno : (int)r;
}

/* Opening the file costs as much as all else there is to know about a call; a program that connects
 * again and again does it with the same number. It tells about what has the number when it is read. */
static ssize_t read_info(struct caller *last, pid_t tid, int fd, char *ret, size_t size)
{
	ssize_t n = last->tid == tid && last->info_of == fd && last->info_fd >= 0
			    ? pread(last->info_fd, ret, size, 0)
			    : -1;
	char path[64];

	if (n > 0)
		return n;
	if (last->tid != tid)
		caller_done(last);
	close_keep_errno(TAKE_FD(last->info_fd));
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)tid, fd);
	last->tid = tid;
	last->info_of = fd;
	last->info_fd = k_openat2(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	n = last->info_fd < 0 ? -1 : pread(last->info_fd, ret, size, 0);
	return n < 0 ? -errno : n;
}

int caller_fd_flags(struct caller *last, pid_t tid, int fd, struct caller_fd_flags *ret)
{
	char text[256];
	ssize_t n = read_info(last, tid, fd, text, sizeof(text) - 1);
	const char *line;
	unsigned int flags;

	if (n < 0)
		return (int)n;
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

static bool are_twins(pid_t tid, int fd, int other, bool *ret_open)
{
	long r = syscall(SYS_kcmp, tid, tid, K_KCMP_FILE, fd, other);

	*ret_open = r >= 0 || errno != EBADF;
	return r == 0 && other != fd;
}

static int visit_twin(void *data, int dir_fd, const char *name, unsigned char type)
{
	struct search *s = data;
	bool open;

	(void)dir_fd;
	(void)type;
	return are_twins(s->tid, s->fd, atoi(name), &open);
}

bool caller_has_twin(pid_t tid, int fd)
{
	struct search s = {.tid = tid, .fd = fd};
	int seen = 0;
	char path[32];
	struct stat st;
	bool open;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)tid);
	/* The size is how many there are (Linux 6.2). */
	if (stat(path, &st) < 0 || st.st_size > TWINS_MAX)
		return false;
	/* Numbers are given out from below: without large gaps there is no need to list them. */
	for (int other = 0; seen < st.st_size && other < st.st_size + GAPS_MAX; other++) {
		open = other == fd;
		if (!open && are_twins(tid, fd, other, &open))
			return true;
		seen += open;
	}
	return seen < st.st_size && each_descriptor(tid, visit_twin, &s) == 1;
}
