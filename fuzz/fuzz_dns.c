/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of the sandbox and of servers. The first byte says which, and the type asked for. */
#include "fuzz.h"

#include "transport/dns_message.h"
#include <string.h>

static void answer(const struct dns_query *q, enum dns_code code, const struct dns_answer *a)
{
	uint8_t made[DNS_ANSWER_MAX];
	size_t n = dns_answer_make(q, code, a, DNS_ANSWER_MAX, made);
	struct dns_answer back;

	ALWAYS(n >= 12 && n <= DNS_ANSWER_MAX);
	if (a && q->class == 1 && dns_answer_parse(made, n, q->id, q->name, q->type, &back) == 0 && !back.cut)
		ALWAYS(back.n_addresses == a->n_addresses);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_query q;
	struct dns_answer a;
	uint8_t made[DNS_QUERY_MAX];
	int r;

	if (size < 1)
		return 0;
	if (data[0] & 1) {
		r = dns_query_parse(data + 1, size - 1, &q);
		if (r < 0)
			return 0;
		ALWAYS(strlen(q.name) < NET_NAME_SIZE - 2 && strlen(q.asked) == strlen(q.name));
		answer(&q, r ? (enum dns_code)r : DNS_NO_NAME, NULL);
		if (r == 0 && q.name[0]) {
			size_t n = dns_query_make(q.id, q.name, q.type, made);
			struct dns_query again;

			ALWAYS(n > 0 && dns_query_parse(made, n, &again) == 0);
			ALWAYS(strcmp(again.name, q.name) == 0 && again.type == q.type);
		}
		return 0;
	}
	if (dns_answer_parse(data + 1, size - 1, 0x1234, "a.example.org", data[0] & 2 ? DNS_A : DNS_AAAA, &a) < 0)
		return 0;
	ALWAYS(a.n_addresses <= DNS_ADDRESSES_MAX && a.n_chain <= DNS_CHAIN_MAX);
	q = (struct dns_query){.id = 7, .type = data[0] & 2 ? DNS_A : DNS_AAAA, .class = 1};
	strcpy(q.asked, "A.Example.org");
	strcpy(q.name, "a.example.org");
	answer(&q, a.code, &a);
	return 0;
}
