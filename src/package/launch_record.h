/* SPDX-License-Identifier: Apache-2.0 */
/* From a checked manifest to the record that a start reads. */
#ifndef APPSILO_PACKAGE_LAUNCH_RECORD_H
#define APPSILO_PACKAGE_LAUNCH_RECORD_H

#include "manifest/manifest.h"
#include "package/signature.h"

/**
 * Write the launch record of @manifest into RECORD_DIR below @dir_fd, which must not exist.
 * Returns 0; -E2BIG when the manifest says too much; -errno with the line.
 */
int launch_record_write(int dir_fd, const struct manifest *manifest,
			const struct signature_facts *signature, struct appsilo_error *err) must_check;

#endif
