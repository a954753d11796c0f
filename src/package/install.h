/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Installing and removing packages. One rename installs; everything else (older versions,
 * aliases, menu entries) follows from the folders that are there, so that a process killed
 * at any moment leaves either the old state or the new one, and the next command tidies up.
 * docs/ARCHITECTURE.md, Packages.
 */
#ifndef APPSILO_PACKAGE_INSTALL_H
#define APPSILO_PACKAGE_INSTALL_H

#include "base/error.h"
#include "package/installed.h"
#include "package/msix.h"
#include "package/record.h"
#include "package/signature.h"
#include <stdbool.h>

/* Made when aliases and menu entries are there; a person may remove those afterwards. */
#define INSTALL_DONE_FILE RECORD_DIR "/done"

struct install_places {
	const char *data_dir;	 /* the user's, or INSTALLED_MACHINE_DIR */
	const char *trust_dir;	 /* the user's data directory; NULL: the machine's signers only */
	const char *program;	 /* absolute path of the front */
	const char *desktop_dir; /* menu entries; NULL: none */
	bool machine;
};

struct install_options {
	bool allow_downgrade;
	struct msix_options msix;
};

enum install_outcome {
	INSTALL_NEW,
	INSTALL_UPGRADED,
	INSTALL_DOWNGRADED,
	INSTALL_PRESENT,  /* the very same package is there, undamaged; its aliases are renewed */
	INSTALL_REPAIRED, /* it was there, damaged */
};

struct install_report {
	enum install_outcome outcome;
	struct installed_package package;
	struct package_version before; /* of what was replaced */
	struct signature_facts signature;
};

/**
 * Verify @file and install it.
 * @warn  called with one line for each thing that could not be done but does not stop the
 *        install (an alias whose name is taken)
 * Returns 0; -errno with the line; nothing has changed then.
 */
int install_package(const char *file, const struct install_places *places,
		    const struct install_options *options, void (*warn)(const char *line),
		    struct install_report *ret, struct appsilo_error *err) must_check;

/** What install does under the lock @folder_fd before and after its change: leftovers and older
 * versions go, missing aliases and menu entries are made. Returns 0; -errno with the line. */
int install_finish(const struct install_places *places, int folder_fd,
		   void (*warn)(const char *line), struct appsilo_error *err) must_check;

/** Move the installed @full_name out of the way, in one step; install_finish() removes it, or puts
 * it back when no other version of its family is there. Returns 0; -errno. */
int install_set_aside(int folder_fd, const char *full_name) must_check;

/** Finish or undo what a killed install left. @wait as folder_lock(). Returns 0; -errno. */
int install_tidy(const struct install_places *places, bool wait, struct appsilo_error *err) must_check;

/** Remove an installed package with its aliases and menu entries. 0; -errno with the line. */
int install_remove(const struct install_places *places, const struct installed_package *package,
		   struct appsilo_error *err) must_check;

#endif
