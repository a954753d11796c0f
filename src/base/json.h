/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small JSON writer over caller storage, for code that links no JSON library (launcher,
 * audit lines). Reading JSON is jansson's work. Thread-safe per object.
 */
#ifndef APPSILO_BASE_JSON_H
#define APPSILO_BASE_JSON_H

#include "base/cleanup.h"
#include <stdbool.h>
#include <stdint.h>

struct json_writer {
	char *buffer;  /* borrowed */
	size_t size;
	size_t used;
	bool overflow; /* set when something did not fit; jsonw_finish() then fails */
	bool comma;
};

void jsonw_init(struct json_writer *w, char *buffer, size_t size);

/** Open '{' or '['; @key NULL inside arrays and at the top. */
void jsonw_open(struct json_writer *w, const char *key, char bracket);
void jsonw_close(struct json_writer *w, char bracket);

/**
 * Strings are bytes: bytes that are not valid UTF-8 are written as U+DC80+byte lone
 * surrogates (\udcNN), the way Python's surrogateescape reads and writes file names.
 * A NULL @value writes null.
 */
void jsonw_string(struct json_writer *w, const char *key, const char *value);
void jsonw_int(struct json_writer *w, const char *key, int64_t value);
void jsonw_bool(struct json_writer *w, const char *key, bool value);
void jsonw_null(struct json_writer *w, const char *key);

/** Append a newline and NUL. Returns the length with newline; -ENOBUFS if it did not fit. */
int jsonw_finish(struct json_writer *w) must_check;

#endif
