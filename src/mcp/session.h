/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client's session: what was agreed on at its begin, and the calls that go on. A message is
 * taken by any thread; it is answered at once, or it is a call for its transport to carry out
 * (mcp_call_run(), in a thread of its own). Thread-safe.
 */
#ifndef APPSILO_MCP_SESSION_H
#define APPSILO_MCP_SESSION_H

#include "mcp/options.h"
#include "mcp/rpc.h"
#include "mcp/sockets.h"
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#define MCP_CALLS_MAX 16 /* of one session at the same time */
#define MCP_QUESTION_ID_MAX 32

/* What is the same for all sessions: set up by main, read only after. */
struct mcp {
	struct mcp_options options;
	char front[PATH_MAX];  /* the program `appsilo` */
	char home[PATH_MAX];   /* the user's, without links */
	char family[256];      /* whose runs these are */
	struct sockets sockets; /* for the runs' questions; no folder: nobody is asked through us */
	json_t *tools;	       /* to the process's end */
};

/* Where messages go that belong to a call: stdout, or the events of one request. */
struct mcp_sink {
	void (*send)(struct mcp_sink *sink, json_t *message); /* takes it; NULL is ignored */
};

enum mcp_level { MCP_DEBUG, MCP_INFO, MCP_NOTICE, MCP_WARNING, MCP_ERROR, MCP_CRITICAL, MCP_ALERT, MCP_EMERGENCY };

struct mcp_session {
	pthread_mutex_t lock; /* guards all below, and what the calls say is guarded */
	atomic_int refs;
	const struct mcp *mcp; /* borrowed */
	const char *version;   /* NULL: before initialize; static */
	bool elicits;	       /* the client can ask its user */
	enum mcp_level level;  /* of log messages */
	uint64_t questions;    /* that were asked */
	struct mcp_call *calls; /* that go on; borrowed */
	size_t n_calls;
};

struct mcp_call {
	struct mcp_session *session; /* a reference */
	const json_t *tool;	     /* of mcp->tools */
	json_t *id, *arguments, *progress_token; /* owned; token NULL: no progress is wanted */
	int cancel_fd;		     /* eventfd: readable when it should end; owned */
	int answer_fd;		     /* eventfd: an answer has come; owned */
	atomic_bool cancelled;	     /* by the client, who wants no answer any more */
	/* Under the session's lock. */
	char question[MCP_QUESTION_ID_MAX]; /* that is open; empty: none */
	json_t *answer;			    /* to it, a message; owned */
	struct mcp_call *next;
};

/** NULL: no memory. */
struct mcp_session *mcp_session_new(const struct mcp *mcp);
struct mcp_session *mcp_session_ref(struct mcp_session *s);
void mcp_session_unref(struct mcp_session *s);

/**
 * Take @message, borrowed.
 * @ret_reply  the answer, owned by the caller; NULL: none, or no memory
 * @ret_call   in place of an answer: a call, to be freed by mcp_call_free(); else NULL
 */
void mcp_session_take(struct mcp_session *s, json_t *message, json_t **ret_reply, struct mcp_call **ret_call);

/** End all calls. */
void mcp_session_cancel(struct mcp_session *s);

/** NULL allowed. */
void mcp_call_free(struct mcp_call *call);

/** Put a question to @call's client through @sink. Returns 0; -EOPNOTSUPP: it cannot ask. */
int mcp_call_ask(struct mcp_call *call, struct mcp_sink *sink, json_t *params) must_check;
/** After answer_fd: the result, owned by the caller; NULL: it failed. */
json_t *mcp_call_take_answer(struct mcp_call *call);
/** The question is of no interest any more. */
void mcp_call_withdraw(struct mcp_call *call, struct mcp_sink *sink);

/** A log message to @call's client. */
void mcp_call_log(struct mcp_call *call, struct mcp_sink *sink, enum mcp_level level, const char *text);

#endif
