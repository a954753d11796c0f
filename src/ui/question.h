/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A question as the prompt window reads it, and its answer: the other end of
 * consent/prompt.h. Not thread-safe per object. docs/man/appsilo-prompt.7.scd has the wire.
 */
#ifndef APPSILO_UI_QUESTION_H
#define APPSILO_UI_QUESTION_H

#include "base/cleanup.h"
#include "consent/types.h"

struct question {
	int64_t id;
	char *package, *app, *program; /* owned, bytes */
	char *signer;		       /* owned; NULL: not a package */
	char *caution;		       /* owned; NULL: none */
	bool network;
	struct consent_request file;	  /* strings owned */
	struct consent_host_request host; /* strings owned */
	bool may_widen, folder_has_git;
	unsigned int waiting;
};

struct answer {
	bool allow, all; /* @all: no to everything of this run */
	enum consent_scope scope;
	bool wide; /* about a file: its folder; about a host: any port */
	enum consent_access access;
};

/**
 * Read one line: a question, or how many more wait behind the one that is shown.
 * @ret_waiting_id  the question that a number of waiting ones, in @ret->waiting, is about; 0:
 *                  @ret is a question, to be released with question_done()
 * Returns 0; -EBADMSG; -ENOMEM; then nothing is to be released.
 */
int question_read(const char *line, size_t length, struct question *ret, int64_t *ret_waiting_id) must_check;

/** The answer to @q as a line. Returns its length; -ENOBUFS. */
int question_answer(const struct question *q, const struct answer *answer, char *buffer,
		    size_t size) must_check;

void question_done(struct question *q);

#endif
