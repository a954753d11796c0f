/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command as on a poorer host: system calls fail as on a kernel that does not have
 * them or a container that forbids them, or /dev/fuse is not there.
 *
 * usage: host-without PART[=ERRNO]... -- COMMAND [ARG...]
 * PART: a system call; "seccomp-notify"; "namespaces" (by clone3, clone and unshare alike);
 * "/dev/fuse". ERRNO: ENOSYS (default), EPERM, EOPNOTSUPP, EINVAL.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_NEW_LISTENER
#define SECCOMP_FILTER_FLAG_NEW_LISTENER (1UL << 3)
#endif

static void die(const char *what)
{
	perror(what);
	exit(99);
}

static int errno_of(const char *word)
{
	static const struct {
		const char *word;
		int code;
	} codes[] = {{"ENOSYS", ENOSYS}, {"EPERM", EPERM}, {"EOPNOTSUPP", EOPNOTSUPP}, {"EINVAL", EINVAL}};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(word, codes[i].word) == 0)
			return codes[i].code;
	fprintf(stderr, "host-without: unknown error %s\n", word);
	exit(99);
}

static void deny(scmp_filter_ctx ctx, int code, const char *call, unsigned int n,
		 const struct scmp_arg_cmp *args)
{
	int number = seccomp_syscall_resolve_name(call);

	if (number == __NR_SCMP_ERROR ||
	    seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO((uint32_t)code), number, n, args) < 0) {
		fprintf(stderr, "host-without: cannot take away %s\n", call);
		exit(99);
	}
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

/* A /dev of our own with everything that matters but fuse. */
static void hide_fuse(void)
{
	static const char *const kept[] = {"null", "zero", "full", "random", "urandom", "tty", "ptmx"};
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char map[64], from[64], to[64];

	if (unshare((uid ? CLONE_NEWUSER : 0) | CLONE_NEWNS) < 0)
		die("unshare");
	if (uid) {
		write_file("/proc/self/setgroups", "deny");
		snprintf(map, sizeof(map), "%u %u 1\n", uid, uid);
		write_file("/proc/self/uid_map", map);
		snprintf(map, sizeof(map), "%u %u 1\n", gid, gid);
		write_file("/proc/self/gid_map", map);
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("/dev", "/mnt", NULL, MS_BIND | MS_REC, NULL) < 0 ||
	    mount("dev", "/dev", "tmpfs", 0, "mode=755") < 0)
		die("mount");
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		snprintf(from, sizeof(from), "/mnt/%s", kept[i]);
		snprintf(to, sizeof(to), "/dev/%s", kept[i]);
		close(open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
		if (access(from, F_OK) == 0 && mount(from, to, NULL, MS_BIND, NULL) < 0)
			die(to);
	}
	mkdir("/dev/shm", 01777);
	if (symlink("/proc/self/fd", "/dev/fd") < 0 || umount2("/mnt", MNT_DETACH) < 0)
		die("/dev");
}

static void take_away(scmp_filter_ctx ctx, char *part)
{
	static const unsigned int kinds[] = {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID};
	char *mark = strchr(part, '=');
	int code = mark ? errno_of(mark + 1) : ENOSYS;

	if (mark)
		*mark = '\0';
	if (strcmp(part, "/dev/fuse") == 0) {
		hide_fuse();
	} else if (strcmp(part, "seccomp-notify") == 0) {
		const struct scmp_arg_cmp args[] = {
			SCMP_A0(SCMP_CMP_EQ, 1),
			SCMP_A1(SCMP_CMP_MASKED_EQ, SECCOMP_FILTER_FLAG_NEW_LISTENER,
				SECCOMP_FILTER_FLAG_NEW_LISTENER)};

		deny(ctx, code, "seccomp", 2, args);
	} else if (strcmp(part, "namespaces") == 0) {
		deny(ctx, code == EPERM ? EPERM : ENOSYS, "clone3", 0, NULL);
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			const struct scmp_arg_cmp flag = SCMP_A0(SCMP_CMP_MASKED_EQ, kinds[i], kinds[i]);

			deny(ctx, code, "clone", 1, &flag);
			deny(ctx, code, "unshare", 1, &flag);
		}
	} else {
		deny(ctx, code, part, 0, NULL);
	}
}

int main(int argc, char **argv)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int i = 1;

	if (!ctx)
		die("seccomp_init");
	for (; i < argc && strcmp(argv[i], "--") != 0; i++)
		take_away(ctx, argv[i]);
	if (i + 1 >= argc) {
		fprintf(stderr, "usage: host-without PART[=ERRNO]... -- COMMAND [ARG...]\n");
		return 99;
	}
	if (seccomp_load(ctx) < 0)
		die("seccomp_load");
	seccomp_release(ctx);
	execvp(argv[i + 1], argv + i + 1);
	die(argv[i + 1]);
}
