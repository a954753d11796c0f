/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of an operation: its needs are judged one by one; where there is no rule, it is
 * parked with a question and the FUSE thread goes on, so no number of open questions can
 * use up the threads. The answer runs it again from the need it stopped at, judging the
 * path anew: an answer is about the path that was shown, and if the descriptor's path has
 * changed meanwhile, that is another question.
 */
#include "broker/fs/internal.h"
#include "broker/fs/signals.h"

#include <string.h>


static void proceed(struct op *op);

struct op *op_new(fuse_req_t req, const char *word, fuse_ino_t ino, const char *name,
		  void (*run)(struct op *op))
{
	struct bfs *bfs = bfs_of(req);
	struct op *op = calloc(1, sizeof(*op));

	if (op && name) {
		op->name = strdup(name);
		if (!op->name) {
			free(op);
			op = NULL;
		}
	}
	if (!op) {
		fuse_reply_err(req, ENOMEM);
		return NULL;
	}
	pthread_mutex_init(&op->lock, NULL);
	op->bfs = bfs;
	op->req = req;
	op->word = word;
	op->run = run;
	op->node = bfs_node(bfs, ino);
	node_ref(&bfs->nodes, op->node);
	return op;
}

void op_need(struct op *op, struct node *node, const char *name, enum consent_access access)
{
	op->needs[op->n_needs++] = (struct op_need){.node = node, .name = name, .access = access};
}

void op_free(struct op *op)
{
	node_unref(&op->bfs->nodes, op->node);
	if (op->other)
		node_unref(&op->bfs->nodes, op->other);
	for (size_t i = 0; i < op->n_needs; i++)
		free(op->needs[i].asked_path);
	free(op->name);
	free(op->other_name);
	free(op->text);
	free(op->value);
	pthread_mutex_destroy(&op->lock);
	free(op);
}

void op_end(struct op *op, int code)
{
	fuse_reply_err(op->req, -code);
	op_free(op);
}

/* What exactly is asked for this need. */
static int describe(const struct op *op, const struct op_need *need, char path[PATH_MAX],
		    struct consent_request *ret)
{
	int r = bfs_path(op->bfs, need->node, need->name, path);

	if (r < 0)
		return r;
	*ret = (struct consent_request){
		.path = path,
		.access = need->access,
		.operation = op->word,
		.target = CONSENT_FILE,
		.exists = true,
		.pid = fuse_req_ctx(op->req)->pid,
	};
	if (!need->name) {
		if (S_ISDIR(need->node->type))
			ret->target = CONSENT_FOLDER;
	} else {
		struct stat st;
		int fd = node_pin(&op->bfs->nodes, need->node);

		if (fd < 0)
			return fd;
		ret->exists = fstatat(fd, need->name, &st, AT_SYMLINK_NOFOLLOW) == 0;
		if (ret->exists && S_ISDIR(st.st_mode))
			ret->target = CONSENT_FOLDER;
		node_unpin(&op->bfs->nodes, need->node);
	}
	return 0;
}

static void interrupted(fuse_req_t req, void *data)
{
	struct op *op = data;
	bool cancelled;

	if (!signals_end_wait(fuse_req_ctx(req)->pid))
		return;
	pthread_mutex_lock(&op->lock);
	cancelled = op->queued && gate_cancel(op->bfs->gate, &op->ticket);
	op->interrupted = true;
	op->queued = op->queued && !cancelled;
	pthread_mutex_unlock(&op->lock);
	if (cancelled)
		op_end(op, -EINTR);
}

static void answered(struct gate_ticket *ticket, enum consent_verdict verdict)
{
	struct op *op = (struct op *)ticket; /* its first member */
	struct op_need *need = op->needs;

	pthread_mutex_lock(&op->lock);
	op->queued = false;
	pthread_mutex_unlock(&op->lock);
	/* Waits for interrupted() when that is under way, and keeps it from coming later. */
	fuse_req_interrupt_func(op->req, NULL, NULL);
	if (verdict != CONSENT_ALLOW) {
		op_end(op, -EACCES);
		return;
	}
	while (need->granted)
		need++;
	need->granted = true;
	proceed(op);
}

static void park(struct op *op, struct op_need *need, const struct consent_request *request)
{
	bool gone;
	int r = 0;

	free(need->asked_path);
	need->asked_path = strdup(request->path);
	if (!need->asked_path) {
		op_end(op, -ENOMEM);
		return;
	}
	op->ticket.answer = answered;
	fuse_req_interrupt_func(op->req, interrupted, op);
	pthread_mutex_lock(&op->lock);
	gone = op->interrupted;
	if (!gone) {
		r = gate_ask(op->bfs->gate, request, &op->ticket);
		op->queued = r == 0;
	}
	pthread_mutex_unlock(&op->lock);
	if (gone || r < 0) {
		fuse_req_interrupt_func(op->req, NULL, NULL);
		if (!gone)
			gate_record_denial(op->bfs->gate, request, op->word, -EACCES);
		op_end(op, gone ? -EINTR : -EACCES);
	}
}

/* A removed file has no path that a rule could be about, and nobody reaches it but who holds
 * it already: they may do with it what they were allowed while it had a name. A removed folder
 * is empty and stays so. */
static bool is_allowed_removed(struct op *op, const struct op_need *need)
{
	struct node *node = need->node;
	struct stat st;
	bool removed;
	int fd;

	if (need->name)
		return false;
	fd = node_pin(&op->bfs->nodes, node);
	if (fd < 0)
		return false;
	removed = fstat(fd, &st) == 0 &&
		  (S_ISDIR(st.st_mode) ? need->access == CONSENT_READ : st.st_nlink == 0);
	node_unpin(&op->bfs->nodes, node);
	return removed && (S_ISDIR(node->type) || node_was_granted(node, need->access));
}

/* Returns true when the operation was parked or ended. */
static bool judge(struct op *op, struct op_need *need)
{
	char path[PATH_MAX];
	struct consent_request request;
	int r = describe(op, need, path, &request);
	bool answered_yes = need->granted && r == 0 && strcmp(need->asked_path, path) == 0;
	enum consent_verdict verdict;

	if (r == -ESTALE && is_allowed_removed(op, need))
		return false;
	if (r < 0) {
		op_end(op, r);
		return true;
	}
	if (!need->name && answered_yes)
		node_grant(need->node, need->access);
	if (answered_yes)
		return false;
	need->granted = false;
	verdict = gate_decide(op->bfs->gate, &request);
	switch (verdict) {
	case CONSENT_ALLOW:
		if (!need->name)
			node_grant(need->node, need->access);
		need->granted = true;
		free(need->asked_path);
		need->asked_path = strdup(path);
		if (need->asked_path)
			return false;
		op_end(op, -ENOMEM);
		return true;
	case CONSENT_ASK:
		park(op, need, &request);
		return true;
	case CONSENT_ABSENT:
	case CONSENT_DENY:
		break;
	}
	gate_record_denial(op->bfs->gate, &request, op->word, -EACCES);
	op_end(op, -EACCES);
	return true;
}

static void proceed(struct op *op)
{
	for (size_t i = 0; i < op->n_needs; i++)
		if (judge(op, &op->needs[i]))
			return;
	op->run(op);
}

void op_start(struct op *op)
{
	proceed(op);
}
