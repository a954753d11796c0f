/* SPDX-License-Identifier: Apache-2.0 */
/* The words of consent in the store, the prompt protocol and listings. Thread-safe. */
#ifndef APPSILO_CONSENT_WORDS_H
#define APPSILO_CONSENT_WORDS_H

#include "base/cleanup.h"
#include "consent/types.h"

const char *words_target(enum consent_target target);
const char *words_access(enum consent_access access);
const char *words_verdict(enum consent_verdict verdict);
const char *words_scope(enum consent_scope scope);
const char *words_source(enum consent_source source);

/* Return 0; -EINVAL for NULL or an unknown word, @ret untouched. */
int words_read_target(const char *word, enum consent_target *ret) must_check;
int words_read_access(const char *word, enum consent_access *ret) must_check;
int words_read_verdict(const char *word, enum consent_verdict *ret) must_check;
int words_read_scope(const char *word, enum consent_scope *ret) must_check;
int words_read_source(const char *word, enum consent_source *ret) must_check;

#endif
