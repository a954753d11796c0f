/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Untrusted bytes made safe to show. Rule: escape, never strip (CVE-2024-27936: stripping
 * showed one path and granted another). Thread-safe.
 */
#ifndef APPSILO_BASE_TEXT_H
#define APPSILO_BASE_TEXT_H

#include "base/cleanup.h"
#include <stdbool.h>
#include <stdint.h>

/**
 * Length of the well-formed UTF-8 sequence (RFC 3629, surrogates let through) at @p, of
 * which @left bytes may be read; 0 if there is none. @ret is its code point.
 */
size_t text_decode(const unsigned char *p, size_t left, uint32_t *ret);

/** @c, at most 0x10ffff, as UTF-8, surrogates too. Returns how many bytes. */
size_t text_encode(uint32_t c, char ret[4]);

/**
 * Escape @length bytes for a terminal, window or log line.
 *
 * Printable UTF-8 stays. C0, DEL, C1, bidi controls, zero-width and other invisible
 * characters, line and paragraph separators, non-characters and invalid UTF-8 become \xNN
 * per byte; backslash becomes \\. The mapping is one to one: two different inputs never
 * look the same.
 * @ret   buffer of @size bytes, always NUL-terminated when @size > 0
 * Returns 0; -ENAMETOOLONG when it did not fit (callers refuse, they never cut).
 */
int text_escape(const char *bytes, size_t length, char *ret, size_t size) must_check;

/** Whether all @length bytes are UTF-8 as text_decode() has it, without a NUL. */
bool text_is_utf8(const char *bytes, size_t length);

/** Is @word among @words, which end with NULL? */
bool text_is_one_of(const char *word, const char *const *words);

/** Edit distance of two words, for "did you mean"; large for words of 64 bytes and more. */
size_t text_distance(const char *a, const char *b);

/**
 * The string that text_escape() shows as @shown, and nothing else.
 * @ret   buffer of @size bytes
 * Returns 0; -EINVAL when nothing is shown like that; -ENAMETOOLONG.
 */
int text_unescape(const char *shown, char *ret, size_t size) must_check;

/** Room for text_time(). */
#define TEXT_TIME_SIZE 80

/** A realtime in milliseconds as 2026-11-26T08:29:43, UTC; "?" when it is none that has four digits of a year. */
const char *text_time(int64_t time_ms, char ret[TEXT_TIME_SIZE]);

/** As text_escape() for a string; on overflow the result is "(name too long to show)". */
const char *text_show(const char *string, char *buffer, size_t size);

#endif
