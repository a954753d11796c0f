/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/names.h"

#include "transport/question.h"
#include <string.h>

struct entry {
	struct net_address address;
	int64_t ends_ms;
	uint64_t number; /* the higher, the newer */
	bool once;
	char name[NET_NAME_SIZE];
};

struct names {
	size_t n; /* of all: what was never used is not looked at */
	uint64_t last_number;
	struct entry all[NAMES_MAX];
};

struct names *names_new(void)
{
	return calloc(1, sizeof(struct names));
}

void names_free(struct names *n)
{
	free(n);
}

static struct entry *place_for(struct names *n, const struct net_address *address, const char *name)
{
	struct entry *first = &n->all[0];

	for (size_t i = 0; i < n->n; i++) {
		struct entry *e = &n->all[i];

		if (net_address_equal(&e->address, address) && strcmp(e->name, name) == 0)
			return e;
		if (e->ends_ms < first->ends_ms)
			first = e;
	}
	return n->n < NAMES_MAX ? &n->all[n->n++] : first;
}

void names_add(struct names *n, const struct net_address *address, const char *name,
	       uint32_t seconds, bool once, int64_t now_ms)
{
	struct entry *e = place_for(n, address, name);

	if (seconds < NAMES_SECONDS_MIN)
		seconds = NAMES_SECONDS_MIN;
	if (seconds > NAMES_SECONDS_MAX)
		seconds = NAMES_SECONDS_MAX;
	*e = (struct entry){.address = *address,
			    .ends_ms = now_ms + (int64_t)seconds * 1000,
			    .number = ++n->last_number,
			    .once = once};
	snprintf(e->name, sizeof(e->name), "%s", name);
}

void names_tell(const struct names *n, int64_t now_ms, const struct net_address *address,
		struct net_question *question)
{
	uint64_t before = UINT64_MAX;

	question->n_names = 0;
	while (question->n_names < NET_NAMES_MAX) {
		const struct entry *newest = NULL;

		for (size_t i = 0; i < n->n; i++) {
			const struct entry *e = &n->all[i];

			if (e->ends_ms > now_ms && e->number < before &&
			    (!newest || e->number > newest->number) && net_address_equal(&e->address, address))
				newest = e;
		}
		if (!newest)
			return;
		before = newest->number;
		memcpy(question->names[question->n_names++], newest->name, NET_NAME_SIZE);
	}
}

void names_told(struct names *n, struct net_question *told, int64_t now_ms)
{
	struct net_address address = net_question_address(told);

	told->names[0][NET_NAME_SIZE - 1] = '\0';
	names_add(n, &address, told->names[0], told->seconds, told->consented, now_ms);
}

static const struct entry *find_once(const struct names *n, int64_t now_ms, const struct net_address *address)
{
	for (size_t i = 0; i < n->n; i++) {
		const struct entry *e = &n->all[i];

		if (e->once && e->ends_ms > now_ms && net_address_equal(&e->address, address))
			return e;
	}
	return NULL;
}

bool names_has_once(const struct names *n, int64_t now_ms, const struct net_address *address)
{
	return find_once(n, now_ms, address) != NULL;
}

bool names_use_once(struct names *n, int64_t now_ms, const struct net_address *address)
{
	const struct entry *e = find_once(n, now_ms, address);

	if (e)
		n->all[e - n->all].once = false;
	return e != NULL;
}
