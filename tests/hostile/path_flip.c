/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's side of CVE-2026-34078 and sandlock#111: two names change places with
 * RENAME_EXCHANGE, as fast as the kernel goes, until standard input ends, at least LEAST
 * times. Prints how often. An even number, so that all is as it was.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXCHANGE 2u

int main(int argc, char **argv)
{
	struct pollfd end = {.fd = STDIN_FILENO, .events = POLLIN};
	long least, rounds = 0;

	if (argc != 4)
		return 2;
	least = atol(argv[3]);
	do {
		for (int i = 0; i < 100; i++)
			if (syscall(SYS_renameat2, AT_FDCWD, argv[1], AT_FDCWD, argv[2], EXCHANGE) == 0)
				rounds++;
	} while (rounds < least || poll(&end, 1, 0) == 0);
	if (rounds % 2 && syscall(SYS_renameat2, AT_FDCWD, argv[1], AT_FDCWD, argv[2], EXCHANGE) == 0)
		rounds++;
	printf("%ld\n", rounds);
	return 0;
}
