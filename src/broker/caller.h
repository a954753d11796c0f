/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a call that the seccomp listener holds is about: its arguments in the caller's memory, the
 * file they name, and the mount the caller would reach it by. The caller may change all of it
 * meanwhile; what is read here is read once.
 */
#ifndef APPSILO_BROKER_CALLER_H
#define APPSILO_BROKER_CALLER_H

#include "base/error.h"
#include <limits.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* No argument: of a descriptor, the current directory; of a path, the descriptor itself. */
#define CALLER_NONE (-1)

/** Read exactly @size bytes of the caller's memory. Returns 0; -errno. */
int caller_read(pid_t pid, uint64_t address, void *ret, size_t size) must_check;

/** Read a string of the caller's memory. Returns 0; -ENAMETOOLONG; -errno. */
int caller_read_string(pid_t pid, uint64_t address, char ret[PATH_MAX]) must_check;

/* A file that a call names. */
struct caller_place {
	int fd;	     /* of the caller, from which @given starts; AT_FDCWD */
	char *given; /* owned: as the caller wrote it; "": the descriptor's own file */
	char *path;  /* owned: absolute, as the sandbox sees it; no link. The last name may not exist */
	bool slash;  /* did the caller write one behind the last name? */
	bool followed; /* was the last name a link, and @path is where it leads? */
};

enum caller_how {
	CALLER_OR_ITSELF = 1, /* an empty path is the descriptor's own file (AT_EMPTY_PATH) */
	CALLER_FOLLOW = 2,    /* a link at the end is followed */
	CALLER_ALSO_DOT = 4,  /* the last name may be "." or "..": a folder itself */
};

/**
 * What a (descriptor, path) pair of arguments names, if it is the user's: on the brokered view, or in a
 * mount that shows the user's folder of the same path. Else nothing could be done about it by its path
 * outside: what the sandbox has for itself (/tmp), or a folder that has been moved or taken off.
 * @fd_arg, @path_arg  numbers of arguments, or CALLER_NONE
 * @how       of enum caller_how, or-ed
 * @view_dev  the device number of the brokered view
 * @ret       to be released with caller_place_done(), also after a failure
 * Returns 0; -EXDEV when it is not the user's; -errno.
 */
int caller_locate(pid_t pid, const struct seccomp_data *d, int fd_arg, int path_arg, unsigned int how,
		  dev_t view_dev, struct caller_place *ret) must_check;

void caller_place_done(struct caller_place *place);

/**
 * Does the caller reach the folder of @place by a read-only mount? Its current directory may lie in one
 * that has been covered or taken off since, so the path does not tell.
 */
bool caller_is_refused(pid_t pid, const struct caller_place *place, dev_t view_dev);

/** The caller's mask of new files' mode bits. When it cannot be told: all of group's and others'. */
mode_t caller_umask(pid_t pid);

/** The largest file the caller may make, in bytes. When it cannot be told: 0. */
uint64_t caller_file_size_max(pid_t pid);

#endif
