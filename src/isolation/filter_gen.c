/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Build-time program: writes the seccomp filters of the sandbox, or with the word "broker", "net",
 * "stacks" or "window" that of the broker, appsilo-net, appsilo-stacks or the prompt window, as C arrays, so that starting a run neither
 * links libseccomp nor pays for compiling a filter.
 *
 * Deny by default: a call that is not listed gets ENOSYS, which programs take as "old
 * kernel" and work around. Calls that a program may legitimately try and must be refused
 * get EPERM. Foreign architectures and x32 are killed.
 */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>

#include "isolation/rare_options.h"
#include "isolation/filter_tables.h"

#if defined(__x86_64__)
#define NATIVE_ARCH SCMP_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH SCMP_ARCH_AARCH64
#else
#error "no seccomp filters for this architecture yet"
#endif

#define NAMESPACE_FLAGS                                                                            \
	(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | \
	 0x02000000u /* CLONE_NEWCGROUP */ | 0x80u /* CLONE_NEWTIME */)
/* What an open can change something by, and what it makes a file by, with a mode. */
#define WRITE_FLAGS ((uint32_t)(O_WRONLY | O_RDWR | O_TRUNC))
#define MAKE_FLAGS ((uint32_t)(O_CREAT | 020000000 /* of O_TMPFILE, without O_DIRECTORY */))

static void check(int r, const char *what)
{
	if (r == 0)
		return;
	fprintf(stderr, "filter_gen: %s: %s\n", what, strerror(-r));
	exit(1);
}

/* @action is for what no rule names. */
static scmp_filter_ctx begin(uint32_t action)
{
	scmp_filter_ctx ctx = seccomp_init(action);

	if (!ctx)
		exit(1);
	check(seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), "badarch");
	check(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2), "optimize");
	return ctx;
}

static void rule(scmp_filter_ctx ctx, uint32_t action, const char *name, unsigned int n,
		 const struct scmp_arg_cmp *args)
{
	int number = seccomp_syscall_resolve_name(name);

	/* A name this libseccomp or architecture does not know: the default, ENOSYS, holds. */
	if (number == __NR_SCMP_ERROR || number < 0)
		return;
	check(seccomp_rule_add_array(ctx, action, number, n, args), name);
}

static void each(scmp_filter_ctx ctx, uint32_t action, const char *const *names)
{
	for (; *names; names++)
		rule(ctx, action, *names, 0, NULL);
}

/* Masked compares only: the kernel looks at the low 32 bits of an int (CVE-2019-10063). */
static struct scmp_arg_cmp low32(unsigned int arg, uint32_t mask, uint32_t value)
{
	return SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, mask, value);
}

static void refuse_namespaces(scmp_filter_ctx ctx)
{
	for (uint32_t bit = 1; bit; bit <<= 1) {
		struct scmp_arg_cmp namespace = low32(0, bit, bit);

		if (bit & NAMESPACE_FLAGS)
			rule(ctx, SCMP_ACT_ERRNO(EPERM), "clone", 1, &namespace);
	}
}

static void add_clone(scmp_filter_ctx ctx)
{
	struct scmp_arg_cmp plain = low32(0, NAMESPACE_FLAGS, 0);

	rule(ctx, SCMP_ACT_ALLOW, "clone", 1, &plain);
	refuse_namespaces(ctx);
}

/* Only unix and internet families exist for the app, and no raw sockets. */
static void add_sockets(scmp_filter_ctx ctx)
{
	static const int families[] = {AF_UNIX, AF_INET, AF_INET6};
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
	static const int refused[] = {SOCK_RAW, SOCK_RDM, SOCK_PACKET};
	struct scmp_arg_cmp above = SCMP_CMP(0, SCMP_CMP_GT, AF_INET6);

	for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++) {
		for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
			struct scmp_arg_cmp args[] = {
				low32(0, 0xffffffff, (uint32_t)families[f]),
				low32(1, 0x7ff, (uint32_t)types[t]),
			};
			rule(ctx, SCMP_ACT_ALLOW, "socket", 2, args);
			if (families[f] == AF_UNIX)
				rule(ctx, SCMP_ACT_ALLOW, "socketpair", 2, args);
		}
		for (size_t t = 0; t < sizeof(refused) / sizeof(refused[0]); t++) {
			struct scmp_arg_cmp args[] = {
				low32(0, 0xffffffff, (uint32_t)families[f]),
				low32(1, 0x7ff, (uint32_t)refused[t]),
			};
			rule(ctx, SCMP_ACT_ERRNO(EPERM), "socket", 2, args);
		}
	}
	for (uint32_t family = 0; family < AF_INET6; family++) {
		struct scmp_arg_cmp other = low32(0, 0xffffffff, family);

		if (family != AF_UNIX && family != AF_INET)
			rule(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT), "socket", 1, &other);
	}
	rule(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT), "socket", 1, &above);
}

static void add_ioctl(scmp_filter_ctx ctx, bool refused_by_default)
{
	/* TIOCSTI types into a terminal (CVE-2017-5226), TIOCLINUX pastes on a console
	 * (CVE-2023-28100). Libseccomp needs the complement spelt out to allow the rest. */
	struct scmp_arg_cmp refused[] = {
		low32(1, 0xffffffff, TIOCSTI),
		low32(1, 0xffffffff, 0x541c /* TIOCLINUX */),
	};

	for (size_t i = 0; !refused_by_default && i < sizeof(refused) / sizeof(refused[0]); i++)
		rule(ctx, SCMP_ACT_ERRNO(EPERM), "ioctl", 1, &refused[i]);
	for (uint32_t bit = 1; bit; bit <<= 1) {
		/* Allow where any bit differs from both: one rule for each differing bit of
		 * TIOCSTI 0x5412, excluding TIOCLINUX 0x541c below it. */
		struct scmp_arg_cmp differs = low32(1, bit, ~(uint32_t)TIOCSTI & bit);

		if ((TIOCSTI ^ 0x541c) & bit)
			continue;
		rule(ctx, SCMP_ACT_ALLOW, "ioctl", 1, &differs);
	}
	for (uint32_t low = 0; low < 16; low++) {
		struct scmp_arg_cmp rest = low32(1, 0xffffffff, 0x5410 | low);

		if (low != (TIOCSTI & 15) && low != 0xc)
			rule(ctx, SCMP_ACT_ALLOW, "ioctl", 1, &rest);
	}
}

static void add_personality(scmp_filter_ctx ctx)
{
	static const uint32_t harmless[] = {0, 0xffffffff};

	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
		struct scmp_arg_cmp value = low32(0, 0xffffffff, harmless[i]);

		rule(ctx, SCMP_ACT_ALLOW, "personality", 1, &value);
	}
}

/* A set-id file made in a granted folder would give whoever runs it on the host its owner's
 * rights; in a root run that is root. So no call sets these bits. Three cases that exclude
 * each other, because libseccomp keeps no order between rules. */
static void add_by_mode(scmp_filter_ctx ctx, uint32_t action, int number, unsigned int arg,
			const struct scmp_arg_cmp *more)
{
	const struct {
		uint32_t action, mask, value;
	} cases[] = {
		{action, S_ISUID | S_ISGID, 0},
		{SCMP_ACT_ERRNO(EPERM), S_ISUID, S_ISUID},
		{SCMP_ACT_ERRNO(EPERM), S_ISUID | S_ISGID, S_ISGID},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scmp_arg_cmp args[2] = {low32(arg, cases[i].mask, cases[i].value)};

		if (more)
			args[1] = *more;
		check(seccomp_rule_add_array(ctx, cases[i].action, number, more ? 2 : 1, args),
		      "mode");
	}
}

static void add_mode_calls(scmp_filter_ctx ctx, uint32_t on_write)
{
	for (size_t i = 0; i < sizeof(mode_calls) / sizeof(mode_calls[0]); i++) {
		int number = mode_calls[i].name ? seccomp_syscall_resolve_name(mode_calls[i].name)
						: mode_calls[i].number;

		if (number >= 0)
			add_by_mode(ctx, on_write, number, mode_calls[i].arg, NULL);
	}
}

/* openat2, whose flags and mode are in memory, is not there: ENOSYS, and programs fall back. */
static void add_open(scmp_filter_ctx ctx, uint32_t on_write, const char *name, unsigned int arg)
{
	int number = seccomp_syscall_resolve_name(name);
	struct scmp_arg_cmp reads = low32(arg, WRITE_FLAGS | MAKE_FLAGS, 0);

	if (number < 0)
		return;
	check(seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, number, 1, &reads), name);
	for (uint32_t bit = 1; bit; bit <<= 1) {
		struct scmp_arg_cmp writes = low32(arg, bit | MAKE_FLAGS, bit);
		struct scmp_arg_cmp makes = low32(arg, bit, bit);

		if (bit & WRITE_FLAGS)
			check(seccomp_rule_add_array(ctx, on_write, number, 1, &writes), name);
		if (bit & MAKE_FLAGS)
			add_by_mode(ctx, on_write, number, arg + 1, &makes);
	}
}

static void add_opens(scmp_filter_ctx ctx, uint32_t on_write)
{
	add_open(ctx, on_write, "open", 1);
	add_open(ctx, on_write, "openat", 2);
}

static unsigned int emit_instructions(const struct sock_filter *filter, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("\t{0x%04x, %u, %u, 0x%08x},\n", filter[i].code, filter[i].jt, filter[i].jf,
		       filter[i].k);
	return (unsigned int)n;
}

/* Write the finished filter after @n instructions of @before, and release it. */
static void emit_after(const struct sock_filter *before, size_t n, scmp_filter_ctx ctx, const char *name)
{
	FILE *program = tmpfile();
	struct sock_filter entry;
	unsigned int count;

	if (!program)
		exit(1);
	check(seccomp_export_bpf(ctx, fileno(program)), "export");
	rewind(program);
	printf("static const struct sock_filter %s[] = {\n", name);
	count = emit_instructions(before, n);
	while (fread(&entry, sizeof(entry), 1, program) == 1)
		count += emit_instructions(&entry, 1);
	printf("};\n");
	fprintf(stderr, "%s: %u instructions\n", name, count);
	fclose(program);
	seccomp_release(ctx);
}

static void emit(scmp_filter_ctx ctx, const char *name)
{
	emit_after(NULL, 0, ctx, name);
}

/* Threads yes, processes no. clone3 keeps its flags in memory: unknown here, and libc
 * falls back to clone. */
static void add_broker_clone(scmp_filter_ctx ctx)
{
	const uint32_t thread = CLONE_VM | CLONE_THREAD;
	struct scmp_arg_cmp flags = low32(0, thread | NAMESPACE_FLAGS, thread);

	rule(ctx, SCMP_ACT_ALLOW, "clone", 1, &flags);
	rule(ctx, SCMP_ACT_ERRNO(ENOSYS), "clone3", 0, NULL);
}

/* No code but what was loaded at the start. */
static void add_broker_memory(scmp_filter_ctx ctx)
{
	static const char *const names[] = {"mmap", "mprotect"};
	struct scmp_arg_cmp data = low32(2, PROT_EXEC, 0);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		rule(ctx, SCMP_ACT_ALLOW, names[i], 1, &data);
}

static void add_broker_rest(scmp_filter_ctx ctx, bool agent, bool carries)
{
	static const uint32_t options[] = {PR_SET_NAME, PR_GET_NAME, 0x53564d41 /* PR_SET_VMA */};
	/* Everything mknod makes but devices. */
	static const uint32_t kinds[] = {0, S_IFREG, S_IFIFO, S_IFSOCK};
	struct scmp_arg_cmp unix_family = low32(0, 0xffffffff, AF_UNIX);
	struct scmp_arg_cmp own = low32(0, 0xffffffff, 0);

	/* Pairs lead nowhere: replies of the helper come over one. */
	rule(ctx, SCMP_ACT_ALLOW, "socketpair", 1, &unix_family);
	if (agent)
		rule(ctx, SCMP_ACT_ALLOW, "socket", 1, &unix_family);
	if (agent || carries)
		rule(ctx, SCMP_ACT_ALLOW, "connect", 0, NULL);
	rule(ctx, SCMP_ACT_ALLOW, "prlimit64", 1, &own);
	rule(ctx, SCMP_ACT_ALLOW, "sched_setaffinity", 1, &own);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct scmp_arg_cmp second = low32(1, S_IFMT, kinds[i]);
		struct scmp_arg_cmp third = low32(2, S_IFMT, kinds[i]);

		rule(ctx, SCMP_ACT_ALLOW, "mknod", 1, &second);
		rule(ctx, SCMP_ACT_ALLOW, "mknodat", 1, &third);
	}
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		struct scmp_arg_cmp option = low32(0, 0xffffffff, options[i]);

		rule(ctx, SCMP_ACT_ALLOW, "prctl", 1, &option);
	}
}

/* The fast path of TCP (carry/carry.h): sockets that replace the app's. */
static void add_broker_carry(scmp_filter_ctx ctx)
{
	static const uint32_t families[] = {AF_INET, AF_INET6};

	each(ctx, SCMP_ACT_ALLOW, carry_calls);
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		struct scmp_arg_cmp args[] = {low32(0, 0xffffffff, families[i]),
					      low32(1, 0x7ff, SOCK_STREAM)};

		rule(ctx, SCMP_ACT_ALLOW, "socket", 2, args);
	}
}

static void make_broker(const char *name, bool agent, bool carries)
{
	scmp_filter_ctx ctx = begin(SCMP_ACT_ERRNO(EPERM));

	each(ctx, SCMP_ACT_ALLOW, broker_calls);
	for (size_t i = 0; i < sizeof(broker_numbers) / sizeof(broker_numbers[0]); i++)
		check(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, broker_numbers[i], 0), "number");
	each(ctx, SCMP_ACT_KILL_PROCESS, broker_deadly_calls);
	if (carries)
		add_broker_carry(ctx);
	else
		each(ctx, SCMP_ACT_KILL_PROCESS, carry_deadly_calls);
	add_broker_clone(ctx);
	add_broker_memory(ctx);
	add_broker_rest(ctx, agent, carries);
	add_ioctl(ctx, true);
	emit(ctx, name);
}

/* Sockets of the internet, and what is asked of them. */
static void add_net_sockets(scmp_filter_ctx ctx)
{
	static const uint32_t families[] = {AF_INET, AF_INET6};
	static const uint32_t types[] = {SOCK_STREAM, SOCK_DGRAM};
	static const uint32_t requests[] = {FIONBIO, FIONREAD, SIOCATMARK};

	for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++) {
		for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
			struct scmp_arg_cmp args[] = {low32(0, 0xffffffff, families[f]),
						      low32(1, 0x7ff, types[t])};

			rule(ctx, SCMP_ACT_ALLOW, "socket", 2, args);
		}
	}
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct scmp_arg_cmp request = low32(1, 0xffffffff, requests[i]);

		rule(ctx, SCMP_ACT_ALLOW, "ioctl", 1, &request);
	}
}

static void make_net(void)
{
	scmp_filter_ctx ctx = begin(SCMP_ACT_ERRNO(EPERM));

	each(ctx, SCMP_ACT_ALLOW, net_calls);
	each(ctx, SCMP_ACT_KILL_PROCESS, broker_deadly_calls);
	add_broker_memory(ctx);
	add_net_sockets(ctx);
	emit(ctx, "filter_net");
}

/* The prompt window: GTK makes too many calls to list them, so what it may not is. */
static void make_window(void)
{
	scmp_filter_ctx ctx = begin(SCMP_ACT_ALLOW);
	struct scmp_arg_cmp other = SCMP_A0_32(SCMP_CMP_NE, AF_UNIX);

	each(ctx, SCMP_ACT_ERRNO(EPERM), broker_deadly_calls);
	rule(ctx, SCMP_ACT_ERRNO(EPERM), "socket", 1, &other);
	rule(ctx, SCMP_ACT_ERRNO(EPERM), "process_vm_readv", 0, NULL);
	emit(ctx, "filter_window");
}

static void make_stacks(void)
{
	scmp_filter_ctx ctx = begin(SCMP_ACT_ERRNO(EPERM));

	each(ctx, SCMP_ACT_ALLOW, stacks_calls);
	each(ctx, SCMP_ACT_KILL_PROCESS, broker_deadly_calls);
	add_broker_memory(ctx);
	emit(ctx, "filter_stacks");
}

/*
 * What comes before a filter, by hand, because libseccomp cannot say "all values but these".
 * Blocks that return or fall through to the next, at last to the filter. @size instructions are left out
 * where a comparison fails.
 */
struct prefix {
	struct sock_filter all[256];
	unsigned int n;
};

static void put(struct prefix *p, struct sock_filter instruction)
{
	if (p->n == sizeof(p->all) / sizeof(p->all[0]))
		exit(1);
	p->all[p->n++] = instruction;
}

static void put_load(struct prefix *p, size_t offset)
{
	put(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void put_unless(struct prefix *p, unsigned int comparison, uint32_t value, unsigned int size)
{
	put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | comparison | BPF_K, value, 0, (uint8_t)size));
}

static void put_return(struct prefix *p, uint32_t action)
{
	put(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* Only the low halves: the kernel takes an int. */
#define LOW(arg) offsetof(struct seccomp_data, args[arg])

/* A comparison whose jump is as long as what is put before put_end(). */
static unsigned int put_begin(struct prefix *p, size_t offset, uint32_t value)
{
	put_load(p, offset);
	put_unless(p, BPF_JEQ, value, 0);
	return p->n - 1;
}

static void put_end(struct prefix *p, unsigned int begin)
{
	p->all[begin].jf = (uint8_t)(p->n - begin - 1);
}

static void put_option(struct prefix *p, const struct socket_option *option, uint32_t action)
{
	unsigned int level = put_begin(p, LOW(1), option->level);
	unsigned int name = put_begin(p, LOW(2), option->name);

	put_return(p, action);
	put_end(p, name);
	put_end(p, level);
}

/* Where the app may hold sockets of the host's network: what connects without connect, chooses the
 * way of packets, or asks about the host's interfaces. And options that few programs set are
 * reported: a socket that takes another's place is asked about them only if any was set. */
static void make_hosts_sockets(struct prefix *p)
{
	unsigned int arch = put_begin(p, offsetof(struct seccomp_data, arch), NATIVE_ARCH), call;

	for (size_t i = 0; i < sizeof(fastopen_calls) / sizeof(fastopen_calls[0]); i++) {
		call = put_begin(p, offsetof(struct seccomp_data, nr), fastopen_calls[i].number);
		put_load(p, LOW(fastopen_calls[i].flags));
		put_unless(p, BPF_JSET, MSG_FASTOPEN, 1);
		put_return(p, SECCOMP_RET_ERRNO | EOPNOTSUPP);
		put_end(p, call);
	}
	call = put_begin(p, offsetof(struct seccomp_data, nr), SYS_setsockopt);
	for (size_t i = 0; i < sizeof(refused_options) / sizeof(refused_options[0]); i++)
		put_option(p, &refused_options[i], SECCOMP_RET_ERRNO | EPERM);
	for (size_t i = 0; i < sizeof(rare_options) / sizeof(rare_options[0]); i++)
		put_option(p, &rare_options[i], SECCOMP_RET_USER_NOTIF);
	put_end(p, call);
	/* SIOCGIFCONF (0x8912) and its kin; below lie what a socket is asked about itself. */
	call = put_begin(p, offsetof(struct seccomp_data, nr), SYS_ioctl);
	put_load(p, LOW(1));
	put_unless(p, BPF_JGE, 0x8910, 2);
	put(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x8a00, 1, 0));
	put_return(p, SECCOMP_RET_ERRNO | EPERM);
	put_end(p, call);
	put_end(p, arch);
}

static bool is_among(const char *name, const char *const *names)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names;
}

/* @on_socket: connect, bind and listen, and new epoll sets, in which a socket may be that is to
 * be replaced (carry/carry.h). @nest: a zygote's, which makes namespaces and mounts for its children. */
static void make(const char *name, uint32_t on_write, uint32_t on_socket, bool nest)
{
	struct prefix prefix = {0};
	scmp_filter_ctx ctx = begin(SCMP_ACT_ERRNO(ENOSYS));

	each(ctx, SCMP_ACT_ALLOW, allowed_calls);
	for (size_t i = 0; i < sizeof(allowed_numbers) / sizeof(allowed_numbers[0]); i++)
		check(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed_numbers[i], 0), "number");
	for (const char *const *call = refused_calls; *call; call++)
		if (!nest || !is_among(*call, nesting_calls))
			rule(ctx, SCMP_ACT_ERRNO(EPERM), *call, 0, NULL);
	if (nest)
		each(ctx, SCMP_ACT_ALLOW, nesting_calls);
	else
		add_clone(ctx);
	each(ctx, on_write, writing_calls);
	each(ctx, on_socket, socket_calls);
	for (size_t i = 0; i < sizeof(writing_numbers) / sizeof(writing_numbers[0]); i++)
		check(seccomp_rule_add(ctx, on_write, writing_numbers[i], 0), "number");
	add_mode_calls(ctx, on_write);
	add_opens(ctx, on_write);
	add_sockets(ctx);
	add_ioctl(ctx, false);
	add_personality(ctx);
	if (on_socket == SCMP_ACT_NOTIFY)
		make_hosts_sockets(&prefix);
	emit_after(prefix.all, prefix.n, ctx, name);
}

/* What is left to take from a zygote's child, which inherits filter_nest: the two together are filter_plain
 * (tests/unit/isolation/test_filters.c). A long filter is the dearest fence of a warm sandbox. */
static void make_nested(void)
{
	scmp_filter_ctx ctx = begin(SCMP_ACT_ALLOW);

	for (const char *const *call = nesting_calls; *call; call++)
		if (strcmp(*call, "clone") != 0)
			rule(ctx, SCMP_ACT_ERRNO(is_among(*call, refused_calls) ? EPERM : ENOSYS), *call, 0, NULL);
	refuse_namespaces(ctx);
	emit(ctx, "filter_nested");
}

int main(int argc, char **argv)
{
	printf("/* Generated by filter_gen. */\n");
	if (argc > 1 && strcmp(argv[1], "broker") == 0) {
		make_broker("filter_broker", false, false);
		make_broker("filter_broker_agent", true, false);
		make_broker("filter_broker_net", false, true);
		make_broker("filter_broker_net_agent", true, true);
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "window") == 0) {
		make_window();
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "stacks") == 0) {
		make_stacks();
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "net") == 0) {
		make_net();
		return 0;
	}
	make("filter_plain", SCMP_ACT_ALLOW, SCMP_ACT_ALLOW, false);
	make("filter_writes", SCMP_ACT_NOTIFY, SCMP_ACT_ALLOW, false);
	make("filter_sockets", SCMP_ACT_ALLOW, SCMP_ACT_NOTIFY, false);
	make("filter_writes_sockets", SCMP_ACT_NOTIFY, SCMP_ACT_NOTIFY, false);
	make("filter_nest", SCMP_ACT_ALLOW, SCMP_ACT_ALLOW, true);
	make_nested();
	return 0;
}
