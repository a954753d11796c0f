/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conformance program: what file calls do in one folder, one line a check, `name result`.
 * It expects nothing: tests/e2e/test_posix.py runs it outside and inside and compares.
 * So a result must not depend on time, ids, or what else the machine does.
 */
#ifndef APPSILO_POSIX_CHECK_H
#define APPSILO_POSIX_CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* One line: "group.name text". The group is the one that is running. */
void say(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "ok" for 0 or more, else the name of errno. Returns @r. */
long code(const char *name, long r);
/* The number itself, else the name of errno. */
void number(const char *name, long long r);
/* As code(), and close what was opened. */
void opens(const char *name, int fd);
/* The bytes of a file from its start, as text; errno's name if it cannot be read. */
void content(const char *name, const char *path);
/* Permission bits, octal. */
void mode_of(const char *name, const char *path);
/* Run @f in a child and print what it returned, or the signal that ended it. */
void in_child(const char *name, int (*f)(const void *data), const void *data);

/* Set the scene; a failure here ends the program, since later lines would mean nothing. */
void put(const char *path, const char *text);
void folder(const char *path);
int must(int r, const char *what);
struct stat stat_of(const char *path);
/* Wait until the clock that stamps files has moved on. */
void tick(void);
bool later(struct timespec a, struct timespec b);

void check_open(void);
void check_open_special(void);
void check_permissions(void);
void check_folders(void);
void check_rename(void);
void check_link(void);
void check_symlink(void);
void check_unlinked(void);
void check_long_names(void);
void check_mode(void);
void check_times(void);
void check_changes(void);
void check_stat(void);
void check_xattr(void);
void check_offsets(void);
void check_holes(void);
void check_big(void);
void check_copies(void);
void check_map(void);
void check_map_signals(void);
void check_append(void);
void check_sync(void);
void check_listing(void);
void check_many(void);
void check_flock(void);
void check_posix_locks(void);
void check_ofd_locks(void);
void check_fifo(void);
void check_socket(void);
void check_inotify(void);
void check_execute(void);
void check_ioctl(void);
void check_threads(void);

#endif
