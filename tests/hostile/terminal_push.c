/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CVE-2017-5226, CVE-2019-10063, CVE-2023-28100: types into the caller's terminal by TIOCSTI
 * and pastes by TIOCLINUX, on every descriptor and on /dev/tty, with every bit above the low
 * 32 of the request set in turn. Prints "refused N" (all with EPERM) or the first that was not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

static int try_all(int fd, const char *name, long *count)
{
	static const unsigned long requests[] = {TIOCSTI, 0x541c};

	for (size_t r = 0; r < 2; r++) {
		for (int bit = 31; bit < 64; bit++) {
			unsigned long number = requests[r] | (bit > 31 ? 1ul << bit : 0);
			char paste[2] = {3, 0};
			const char *argument = r ? paste : "x";

			if (syscall(SYS_ioctl, fd, number, argument) == 0 || errno != EPERM) {
				printf("%s %#lx: %s\n", name, number, strerror(errno));
				return 1;
			}
			++*count;
		}
	}
	return 0;
}

int main(void)
{
	int tty_fd = open("/dev/tty", O_RDWR | O_NOCTTY);
	long count = 0;
	struct termios settings;

	for (int fd = 0; fd < 3; fd++)
		if (try_all(fd, "descriptor", &count))
			return 1;
	if (tty_fd >= 0 && try_all(tty_fd, "/dev/tty", &count))
		return 1;
	/* The neighbour: an ordinary request on the same terminal. */
	printf("refused %ld, settings %s\n", count,
	       !isatty(0) ? "none" : tcgetattr(0, &settings) == 0 ? "read" : strerror(errno));
	return 0;
}
