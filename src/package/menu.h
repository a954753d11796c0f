/* SPDX-License-Identifier: Apache-2.0 */
/* Menu entries (freedesktop.org Desktop Entry): open-with for the declared file types. */
#ifndef APPSILO_PACKAGE_MENU_H
#define APPSILO_PACKAGE_MENU_H

#include "package/record.h"

/**
 * Write one entry for each application of @record that declares file types.
 * @folder   made when missing
 * @program  absolute path of the front
 * Returns 0; -errno with the line.
 */
int menu_make(const char *folder, const struct record *record, const char *program,
	      struct appsilo_error *err) must_check;

/** Remove the entries of @family. Returns 0; -errno with the line. */
int menu_remove(const char *folder, const char *family, struct appsilo_error *err) must_check;

#endif
