/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CVE-2021-41133 and kin: the calls that would make a sub-sandbox, reach another process or
 * grow the kernel's surface, one by one. Prints each with the errno it got; "ok" is a hole.
 */
#include <errno.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct clone_args_v0 {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
};

static struct clone_args_v0 new_user = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};

#define A(x) ((long)(intptr_t)(x))
#define FLAG(f) {"clone " #f, SYS_clone, {f | SIGCHLD}}, {"unshare " #f, SYS_unshare, {f}}

static const struct {
	const char *name;
	long number, args[6];
} calls[] = {
	FLAG(CLONE_NEWUSER), FLAG(CLONE_NEWNS), FLAG(CLONE_NEWPID), FLAG(CLONE_NEWNET),
	FLAG(CLONE_NEWIPC), FLAG(CLONE_NEWUTS), FLAG(0x02000000),
	{"unshare time", SYS_unshare, {0x80}},
	{"mount", SYS_mount, {A("none"), A("/tmp"), A("tmpfs"), 0, 0}},
	{"mount remount", SYS_mount, {0, A("/usr"), 0, 0x20 | 0x1000, 0}},
	{"umount2", SYS_umount2, {A("/proc"), 2}},
	{"pivot_root", SYS_pivot_root, {A("/tmp"), A("/tmp")}},
	{"chroot", SYS_chroot, {A("/tmp")}},
	{"setns", SYS_setns, {0, 0}},
	{"fsopen", 430, {A("tmpfs"), 0}},
	{"fsconfig", 431, {-1, 6, 0, 0, 0}},
	{"fsmount", 432, {-1, 0, 0}},
	{"fspick", 433, {-100, A("/tmp"), 0}},
	{"open_tree", 428, {-100, A("/"), 1}},
	{"move_mount", 429, {-1, A(""), -100, A("/tmp"), 4}},
	{"mount_setattr", 442, {-100, A("/"), 0, 0, 0}},
	{"ptrace", SYS_ptrace, {16, 1, 0, 0}},
	{"process_vm_readv", SYS_process_vm_readv, {1, 0, 0, 0, 0, 0}},
	{"process_vm_writev", SYS_process_vm_writev, {1, 0, 0, 0, 0, 0}},
	{"pidfd_getfd", 438, {0, 0, 0}},
	{"kcmp", SYS_kcmp, {1, 1, 0, 0, 0}},
	{"open_by_handle_at", SYS_open_by_handle_at, {-100, 0, 0}},
	{"name_to_handle_at", SYS_name_to_handle_at, {-100, A("/tmp"), 0, 0, 0}},
	{"bpf", SYS_bpf, {0, 0, 0}},
	{"perf_event_open", SYS_perf_event_open, {0, 0, -1, -1, 0}},
	{"userfaultfd", SYS_userfaultfd, {0}},
	{"keyctl", SYS_keyctl, {KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1}},
	{"add_key", SYS_add_key, {A("user"), A("x"), A("y"), 1, KEY_SPEC_USER_KEYRING}},
	{"request_key", SYS_request_key, {A("user"), A("x"), 0, 0}},
	{"init_module", SYS_init_module, {0, 0, 0}},
	{"finit_module", SYS_finit_module, {-1, 0, 0}},
	{"kexec_load", SYS_kexec_load, {0, 0, 0, 0}},
	{"reboot", SYS_reboot, {0, 0, 0, 0}},
	{"swapon", SYS_swapon, {A("/tmp/x"), 0}},
	{"settimeofday", SYS_settimeofday, {0, 0}},
	{"sethostname", SYS_sethostname, {A("x"), 1}},
	{"fanotify_init", SYS_fanotify_init, {0, 0}},
	{"quotactl", SYS_quotactl, {0, 0, 0, 0}},
	{"syslog", SYS_syslog, {3, 0, 0}},
	{"acct", SYS_acct, {0}},
	{"iopl", SYS_iopl, {3}},
	{"move_pages", SYS_move_pages, {1, 0, 0, 0, 0, 0}},
	{"socket raw", SYS_socket, {AF_INET, SOCK_RAW, 1}},
	{"socket packet type", SYS_socket, {AF_INET, SOCK_PACKET, 0}},
};

static const struct {
	const char *name;
	long number, args[6];
} absent[] = {
	{"clone3", 435, {A(&new_user), sizeof(new_user)}},
	{"io_uring_setup", 425, {8, 0}},
	{"personality", SYS_personality, {0x0040000}},
	{"sysfs", SYS_sysfs, {3}},
	{"ustat", SYS_ustat, {0, 0}},
	{"modify_ldt", SYS_modify_ldt, {0, 0, 0}},
	{"a call newer than the filter", 470, {0}},
};

static int expect(const char *name, long number, const long *a, int wanted)
{
	long r = syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);

	if (r == 0 && (number == SYS_clone || number == 435))
		_exit(0);
	if (r < 0 && errno == wanted)
		return 0;
	printf("%s: %s\n", name, r < 0 ? strerror(errno) : "ok");
	return 1;
}

int main(void)
{
	static const int families[] = {AF_NETLINK, AF_PACKET, 40 /* AF_VSOCK */, AF_BLUETOOTH,
				       AF_ALG, 44 /* AF_XDP */, AF_KEY, AF_CAN, AF_TIPC};
	int holes = 0, pair[2];
	pid_t pid;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		holes += expect(calls[i].name, calls[i].number, calls[i].args, EPERM);
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		holes += expect(absent[i].name, absent[i].number, absent[i].args, ENOSYS);
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		const long args[6] = {families[i], SOCK_DGRAM, 0};

		holes += expect("socket family", SYS_socket, args, EAFNOSUPPORT);
	}
	/* The neighbours: an ordinary child, an ordinary socket. */
	pid = fork();
	if (pid == 0)
		_exit(7);
	if (waitpid(pid, &pair[0], 0) != pid || WEXITSTATUS(pair[0]) != 7 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		holes += 1 + printf("fork or socketpair does not work\n");
	printf("holes: %d\n", holes);
	return holes != 0;
}
