/* SPDX-License-Identifier: Apache-2.0 */
/* Pass phrases of keys: from the terminal or a descriptor, never from the command line, where
 * every process of the machine could read it. */
#ifndef APPSILO_CLI_PASS_PHRASE_H
#define APPSILO_CLI_PASS_PHRASE_H

#include "package/key.h"
#include <stdbool.h>

struct pass_wish {
	int fd;	   /* its first line is the pass phrase; -EBADF: ask on the terminal */
	bool anew; /* for a new key: ask twice */
};

/** The value of --pass-fd as a descriptor. Returns it; -EINVAL with the line. */
int pass_phrase_fd(const char *value, struct appsilo_error *err) must_check;

/** As pass_source.ask; @data is a struct pass_wish. -ENXIO when there is no terminal. */
int pass_phrase_ask(void *data, const char *path, char ret[PASS_PHRASE_MAX],
		    struct appsilo_error *err) must_check;

#endif
