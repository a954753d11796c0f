/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Figures that a Python program has drawn with matplotlib and left open: a few lines of
 * Python around the program save them when it ends. They run inside the sandbox, as the
 * program's own would: nothing is trusted for it.
 */
#ifndef APPSILO_SERVER_PICTURES_H
#define APPSILO_SERVER_PICTURES_H

#include "server/work_dir.h"

/* As struct runtime has commands. */
extern const char *const pictures_command[];

/** Put the lines into the folder. Returns 0; -errno. */
int pictures_prepare(const struct work_dir *dir) must_check;

/** Is it one of theirs? For work_dir_collect(). */
bool pictures_is_figure(void *data, const char *name);

#endif
