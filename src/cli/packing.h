/* SPDX-License-Identifier: Apache-2.0 */
/* What pack-python and pack-command share: options, progress, the way from stage to package. */
#ifndef APPSILO_CLI_PACKING_H
#define APPSILO_CLI_PACKING_H

#include "cli/command.h"
#include "package/pack_python.h"

enum packing_option {
	PACKING_NAME,
	PACKING_PUBLISHER,
	PACKING_VERSION,
	PACKING_CAPABILITY,
	PACKING_NO_PROMPT,
	PACKING_OUTPUT,
	PACKING_STAGE,
	PACKING_OPTIONS, /* a command's own ones start here */
};

#define PACKING_ROWS                                                                               \
	{PACKING_NAME, "--name", "NAME", "the package's name"},                                    \
	{PACKING_PUBLISHER, "--publisher", "CN=...", "the subject of the signing certificate"},    \
	{PACKING_VERSION, "--version", "A.B.C.D", "the package's version"},                        \
	{PACKING_CAPABILITY, "--capability", "NAME", "declare one (appsilo capabilities)"},        \
	{PACKING_NO_PROMPT, "--no-prompt", NULL, "do not declare isolatedWin32-promptForAccess"},  \
	{PACKING_OUTPUT, "-o", "FILE", "write the package to FILE"},                               \
	{PACKING_STAGE, "--stage", "DIR", "leave the unpacked files in the new folder DIR"}

struct packing_wishes {
	struct pack_options options;
	const char *output, *stage; /* one of them, or both */
};

/** Take one of PACKING_ROWS. Returns 0; -EINVAL. */
int packing_take(struct packing_wishes *wishes, const struct option_row *row,
		 const char *value) must_check;
int packing_list(struct pack_list *list, const char *text) must_check;

/** Before anything is done. Returns 0; -EINVAL with the line. */
int packing_check(const struct packing_wishes *wishes, const char *command,
		  struct appsilo_error *err) must_check;

/** Absolute path of program @given, a path or a name in @path. Returns 0; -errno with the line. */
int packing_find(const char *given, const char *path, char ret[PATH_MAX],
		 struct appsilo_error *err) must_check;

typedef int (*packing_fill_fn)(struct stage *stage, const void *options, struct manifest *ret,
			       struct appsilo_error *err);

/** Stage with @fill, pack, say what was made. Returns an exit code. */
int packing_run(const struct packing_wishes *wishes, packing_fill_fn fill, const void *options,
		struct appsilo_error *err) must_check;

#endif
