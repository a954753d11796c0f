/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/interrupt.h"

#include "base/cleanup.h"
#include <signal.h>

/* A handler has nowhere else to write to. */
static volatile sig_atomic_t caught;

static void note(int number)
{
	caught = number;
}

void interrupt_catch(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction was, action = {.sa_handler = note, .sa_flags = (int)SA_RESETHAND};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (sigaction(numbers[i], NULL, &was) == 0 && was.sa_handler != SIG_IGN)
			(void)sigaction(numbers[i], &action, NULL); /* cannot fail: they are catchable */
}

int interrupt_signal(void)
{
	return caught;
}
