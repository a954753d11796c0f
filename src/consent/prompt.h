/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prompters: who puts a question to a person. Each runs in the gate's one prompt thread,
 * is started at its first question, and fails closed: what goes wrong is a denial that is
 * not remembered. docs/man/appsilo-prompt.7.scd has the wire.
 */
#ifndef APPSILO_CONSENT_PROMPT_H
#define APPSILO_CONSENT_PROMPT_H

#include "base/error.h"
#include "consent/types.h"

/* One line of the protocol, question or answer. */
#define PROMPT_LINE_MAX 65536
/* A program that does not answer for so long has not answered. */
#define PROMPT_TIMEOUT_MS 120000
/* A person may have left the room: only a window that hangs is meant. */
#define PROMPT_WINDOW_TIMEOUT_MS (60 * 60 * 1000)

struct prompt_question {
	int64_t id;
	const char *package; /* family name */
	const char *app;     /* base name of the verified executable */
	const char *real;    /* its path */
	const char *signer;  /* of its package, verified; NULL: it is in none */
	const struct consent_host_request *host; /* NULL: about a file */
	struct consent_request request;		 /* about a file */
	unsigned int siblings; /* earlier questions about files of the same folder */
	bool offer_deny_all;   /* many denials in a short time */
	bool offer_folder;     /* a yes may be widened to the file's folder */
	bool folder_has_git;   /* that folder is a repository, and writing was asked */
	const char *caution;   /* consent/caution.h; NULL: none */
	unsigned int waiting;  /* questions behind this one */
	int waiting_fd;	       /* eventfd: there are more of them now; -EBADF: nobody tells */
	unsigned int (*count_waiting)(void *data);
	void *data;
};

struct prompt_answer {
	enum consent_verdict verdict; /* CONSENT_DENY or CONSENT_ALLOW */
	enum consent_scope scope;     /* CONSENT_ONCE: no rule is written */
	enum consent_target target;
	enum consent_access access;
	bool any_port; /* about a host: every port of it, not only the one asked about */
	bool deny_all; /* everything else of this run */
	bool failed;   /* nobody answered; @problem says why in one line, empty: nobody waits */
	char problem[256];
};

struct prompter {
	/* Fill @ret always. @cancel_fd becomes readable when nobody waits any more. */
	void (*ask)(struct prompter *prompter, const struct prompt_question *question,
		    int cancel_fd, struct prompt_answer *ret);
	void (*free)(struct prompter *prompter);
};

/* Starts `sh -c command` outside the sandbox with these descriptors. Returns pid; -errno. */
typedef int (*prompt_spawn_fn)(void *data, const char *command, const int fds[3]);

struct terminal_hooks {
	void (*take)(void *data);    /* the app's relay rests, terminal settings are normal */
	void (*release)(void *data);
	/* The person typed Ctrl-C (3) or Ctrl-\ (28): it is meant for the program. */
	void (*interrupt)(void *data, char key);
	void *data;
};

/** `exec:COMMAND`. Strings and hooks are borrowed for the prompter's life. NULL: no memory. */
struct prompter *prompter_exec_new(const char *command, prompt_spawn_fn spawn, void *data,
				   int timeout_ms);
/** `gui`: the prompt window, which is what @spawn starts. As prompter_exec_new(), but it is also told
 * how many questions wait. */
struct prompter *prompter_window_new(prompt_spawn_fn spawn, void *data, int timeout_ms);
/** `agent:SOCKET`. */
struct prompter *prompter_agent_new(const char *socket_path, int timeout_ms);
/** `tty`. @tty_fd is the controlling terminal, opened non-blocking, taken over. */
struct prompter *prompter_tty_new(int tty_fd, const struct terminal_hooks *hooks);

/** Put an empty, denying answer about @question with a problem into @ret. */
void prompt_fail(struct prompt_answer *ret, const char *format, ...) printf_like(2, 3);

/** The question as a JSON line. Returns its length; -ENOBUFS. */
int prompt_json_write(const struct prompt_question *question, char *buffer, size_t size) must_check;

/** Read an answer line to @question. Returns 0; -EBADMSG with the reason in ret->problem. */
int prompt_json_read(const char *line, size_t length, const struct prompt_question *question,
		     struct prompt_answer *ret) must_check;

#endif
