/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/names.h"

#include <string.h>

struct entry {
	struct net_address address;
	int64_t ends_ms; /* 0: free */
	uint64_t number; /* the higher, the newer */
	bool once;
	char name[NET_NAME_SIZE];
};

struct names {
	struct entry all[NAMES_MAX];
	uint64_t last_number;
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

	for (size_t i = 0; i < NAMES_MAX; i++) {
		struct entry *e = &n->all[i];

		if (e->ends_ms && net_address_equal(&e->address, address) && strcmp(e->name, name) == 0)
			return e;
		if (e->ends_ms < first->ends_ms)
			first = e;
	}
	return first;
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

		for (size_t i = 0; i < NAMES_MAX; i++) {
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

bool names_use_once(struct names *n, int64_t now_ms, const struct net_address *address)
{
	for (size_t i = 0; i < NAMES_MAX; i++) {
		struct entry *e = &n->all[i];

		if (e->once && e->ends_ms > now_ms && net_address_equal(&e->address, address)) {
			e->once = false;
			return true;
		}
	}
	return false;
}
