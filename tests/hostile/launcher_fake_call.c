/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NVIDIA/OpenShell#803: a fence whose system call returns success and does nothing. Usage:
 * NUMBER RESULT [ARG VALUE] COMMAND...: runs COMMAND under a filter in which call NUMBER,
 * where argument ARG is VALUE, does nothing and returns RESULT: 0 or a positive errno. A
 * kernel without Landlock, FUSE or user namespaces is played by the same means.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	unsigned int number = argc > 3 ? (unsigned int)atoi(argv[1]) : 0;
	unsigned int result = argc > 3 ? (unsigned int)atoi(argv[2]) : 0;
	char *end;
	unsigned long arg = argc > 5 ? strtoul(argv[3], &end, 10) : 0;
	int has_arg = argc > 5 && *end == '\0';
	unsigned int value = has_arg ? (unsigned int)strtoul(argv[4], NULL, 10) : 0;
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 (unsigned int)offsetof(struct seccomp_data, args) + 8 * (unsigned int)arg),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, has_arg ? 1 : 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | result),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

	if (argc < 4 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return 99;
	execv(argv[has_arg ? 5 : 3], argv + (has_arg ? 5 : 3));
	return 98;
}
