/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ownership of locals: release on scope exit, hand over by TAKE_PTR and TAKE_FD.
 * The one cleanup convention of the tree (CONTRIBUTING.md). Thread-safe: no state.
 */
#ifndef APPSILO_BASE_CLEANUP_H
#define APPSILO_BASE_CLEANUP_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define cleanup(fn) __attribute__((cleanup(fn)))
#define must_check __attribute__((warn_unused_result))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))

/* Declare `name_p(T **)`, the cleanup form of `void destroy(T *)`. */
#define DEFINE_CLEANUP(T, destroy)                                                                 \
	static inline void destroy##p(T *p)                                                        \
	{                                                                                          \
		destroy(*p);                                                                       \
	}

#define TAKE(x, empty)                                                                             \
	({                                                                                         \
		__typeof__(x) taken_ = (x);                                                        \
		(x) = (empty);                                                                     \
		taken_;                                                                            \
	})
#define TAKE_PTR(p) TAKE(p, NULL)
#define TAKE_FD(fd) TAKE(fd, -EBADF)

static inline void close_keep_errno(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
}

static inline void cleanup_close_fn(int *fd)
{
	close_keep_errno(*fd);
}

static inline void cleanup_free_fn(void *p)
{
	int saved = errno;

	free(*(void **)p);
	errno = saved;
}

static inline void cleanup_fclose_fn(FILE **f)
{
	int saved = errno;

	if (*f)
		fclose(*f);
	errno = saved;
}

#define cleanup_close cleanup(cleanup_close_fn)
#define cleanup_free cleanup(cleanup_free_fn)
#define cleanup_fclose cleanup(cleanup_fclose_fn)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
