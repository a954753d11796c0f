/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/handoff.h"

void handoff_write(const struct handoff *h, const char *program, char numbers[HANDOFF_NUMBERS][16],
		   char *ret[HANDOFF_WORDS + 1])
{
	const int values[HANDOFF_NUMBERS] = {h->fuse_fd,  h->control_fd,	  h->helper_fd,
					     h->watch_fd, (int)h->init_pid, (int)h->app_uid};
	const char *const facts[] = {h->family, h->app, h->real, h->cwd, h->home};
	size_t n = 0;

	ret[n++] = (char *)program;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		snprintf(numbers[i], sizeof(numbers[i]), "%d", values[i]);
		ret[n++] = numbers[i];
	}
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
		ret[n++] = (char *)facts[i];
	ret[n] = NULL;
}

int handoff_read(int argc, char *const *argv, struct handoff *ret)
{
	char *const *facts = argv + 1 + HANDOFF_NUMBERS;
	int values[HANDOFF_NUMBERS];

	if (argc < HANDOFF_WORDS + 2)
		return -EINVAL;
	for (int i = 0; i < HANDOFF_NUMBERS; i++) {
		char *end;
		long value = strtol(argv[1 + i], &end, 10);

		if (*end || value < 0)
			return -EINVAL;
		values[i] = (int)value;
	}
	*ret = (struct handoff){
		.fuse_fd = values[0],
		.control_fd = values[1],
		.helper_fd = values[2],
		.watch_fd = values[3],
		.init_pid = values[4],
		.app_uid = (uid_t)values[5],
		.family = facts[0],
		.app = facts[1],
		.real = facts[2],
		.cwd = facts[3],
		.home = facts[4],
		.words = argv + HANDOFF_WORDS,
	};
	return 0;
}
