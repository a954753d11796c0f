/* SPDX-License-Identifier: Apache-2.0 */
/* Outcomes and errors as JSON. Bytes that are no UTF-8 go as base64, with a flag beside them. */
#ifndef APPSILO_SERVER_REPLY_H
#define APPSILO_SERVER_REPLY_H

#include "server/run.h"

/** Set @object[@key] to the bytes, as text or with KEY_base64: true. Returns 0; -ENOMEM. */
int reply_bytes(json_t *object, const char *key, const char *data, size_t size) must_check;

/** exit_code, signal, reason, wall_ms, cpu_ms, memory_bytes. Returns 0; -ENOMEM. */
int reply_result(json_t *object, const struct sandbox_result *result) must_check;

/** Files as an array; with @names_only name and size. NULL: no memory. */
json_t *reply_files(const struct work_files *files, bool names_only);

/** The answer of /v1/run; without output where it was streamed. NULL: no memory. */
json_t *reply_run(const struct run_request *r, const struct run_outcome *o, bool with_output);

/** Text for the wire; takes @object. NULL: no memory. Owned by the caller. */
char *reply_text(json_t *object);

/** {"error":{"code","message"}}. NULL: no memory. */
char *reply_error(const struct api_error *e);
/** The same as Piston has it: {"message"}. */
char *reply_message(const struct api_error *e);

#endif
