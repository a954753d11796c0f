/* SPDX-License-Identifier: Apache-2.0 */
/* A prompter's answer line: whatever it is, only a well-formed yes is a yes. */
#include "fuzz.h"

#include "consent/prompt.h"
#include <string.h>

static void check(const uint8_t *data, size_t size, const struct prompt_question *q)
{
	struct prompt_answer answer;
	int r = prompt_json_read((const char *)data, size, q, &answer);

	if (r < 0) {
		ALWAYS(r == -EBADMSG);
		ALWAYS(answer.failed && answer.problem[0] && !strchr(answer.problem, '\n'));
		ALWAYS(answer.verdict == CONSENT_DENY && answer.scope == CONSENT_ONCE);
		ALWAYS(!answer.deny_all && !answer.any_port);
		return;
	}
	ALWAYS(r == 0 && !answer.failed);
	ALWAYS(answer.verdict == CONSENT_DENY || answer.verdict == CONSENT_ALLOW);
	ALWAYS(answer.scope <= CONSENT_ALWAYS && answer.target <= CONSENT_FOLDER &&
	       answer.access <= CONSENT_WRITE);
	ALWAYS(q->host || !answer.any_port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct consent_host_request host = {"a.example", "1.1.1.1", 80, "tcp", 1};
	struct prompt_question q = {
		.id = 7,
		.package = "a_b",
		.app = "a",
		.request = {.path = "/x", .operation = "open", .access = CONSENT_READ},
	};

	check(data, size, &q);
	q.host = &host;
	check(data, size, &q);
	return 0;
}
