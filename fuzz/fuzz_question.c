/* SPDX-License-Identifier: Apache-2.0 */
/* What the prompt window reads: a question whose names could be names, that comes back the same when it
 * is written and read again, and can be answered. */
#include "fuzz.h"

#include "consent/prompt.h"
#include "ui/question.h"
#include <string.h>

static void same(const char *a, const char *b)
{
	ALWAYS(!a == !b && (!a || strcmp(a, b) == 0));
}

static void write_again(const struct question *q)
{
	static char line[1 << 20];
	struct prompt_question again = {.id = q->id,
					.package = q->package,
					.app = q->app,
					.real = q->program,
					.signer = q->signer,
					.caution = q->caution,
					.offer_folder = q->may_widen,
					.folder_has_git = q->folder_has_git,
					.waiting = q->waiting,
					.request = q->file,
					.host = q->network ? &q->host : NULL};
	int n = prompt_json_write(&again, line, sizeof(line));
	struct question back;
	int64_t waiting_id;

	if (n < 0)
		return; /* longer than any that is sent */
	ALWAYS(question_read(line, (size_t)n - 1, &back, &waiting_id) == 0 && waiting_id == 0);
	same(q->package, back.package);
	same(q->file.path, back.file.path);
	same(q->host.host, back.host.host);
	ALWAYS(q->id == back.id && q->network == back.network && q->file.access == back.file.access &&
	       q->host.port == back.host.port);
	question_done(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct answer answer = {.allow = true, .scope = CONSENT_ALWAYS, .wide = true};
	struct question q;
	int64_t waiting_id = 0;
	char text[4096];

	if (question_read((const char *)data, size, &q, &waiting_id) < 0)
		return 0;
	ALWAYS(waiting_id >= 0);
	if (waiting_id == 0) {
		ALWAYS(q.package && q.app && q.program && (q.network ? q.host.host && q.host.protocol : q.file.path[0] == '/'));
		ALWAYS(question_answer(&q, &answer, text, sizeof(text)) > 0);
		write_again(&q);
	}
	question_done(&q);
	return 0;
}
