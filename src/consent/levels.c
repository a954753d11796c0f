/* SPDX-License-Identifier: Apache-2.0 */
#include "consent/levels.h"

#include "base/hash.h"
#include <string.h>

struct kept_rule {
	unsigned char target, access, verdict, source, all_families;
};

struct level_entry {
	size_t length;
	size_t n;
	struct kept_rule rules[LEVELS_RULES_MAX];
	char path[];
};

static size_t slot_of(const char *path, size_t length)
{
	return (hash_bytes(HASH_START, path, length) >> 24) % LEVELS_SLOTS;
}

bool levels_find(const struct levels *levels, const char *path, struct level_rules *ret)
{
	size_t length = strlen(path);
	const struct level_entry *entry = levels->slots[slot_of(path, length)];

	if (!entry || entry->length != length || memcmp(entry->path, path, length) != 0)
		return false;
	ret->n = entry->n;
	for (size_t i = 0; i < entry->n; i++) {
		const struct kept_rule *kept = &entry->rules[i];

		ret->all_families[i] = kept->all_families;
		ret->rules[i] = (struct consent_rule){.target = kept->target,
						      .access = kept->access,
						      .verdict = kept->verdict,
						      .source = kept->source,
						      .scope = CONSENT_ALWAYS};
	}
	return true;
}

void levels_put(struct levels *levels, const char *path, const struct level_rules *rules)
{
	size_t length = strlen(path);
	struct level_entry **slot = &levels->slots[slot_of(path, length)];
	struct level_entry *entry;

	if (length > LEVELS_PATH_MAX)
		return;
	entry = malloc(sizeof(*entry) + length);
	if (!entry)
		return;
	entry->length = length;
	entry->n = rules->n;
	memcpy(entry->path, path, length);
	for (size_t i = 0; i < rules->n; i++) {
		const struct consent_rule *rule = &rules->rules[i];

		entry->rules[i] = (struct kept_rule){(unsigned char)rule->target,
						     (unsigned char)rule->access,
						     (unsigned char)rule->verdict,
						     (unsigned char)rule->source,
						     rules->all_families[i]};
	}
	levels->n += !*slot;
	free(*slot);
	*slot = entry;
}

void levels_clear(struct levels *levels)
{
	for (size_t i = 0; levels->n && i < LEVELS_SLOTS; i++) {
		levels->n -= levels->slots[i] != NULL;
		free(TAKE_PTR(levels->slots[i]));
	}
}
