/* SPDX-License-Identifier: Apache-2.0 */
/* A warm sandbox has two filters in place of one: what they say together is what the one says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>

#include "filters.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#else
#define ARCH AUDIT_ARCH_AARCH64
#endif
#define FOREIGN_ARCH AUDIT_ARCH_I386
#define CALLS_MAX 600
#define X32_BIT 0x40000000u

static uint32_t operand(const struct sock_filter *i, uint32_t x)
{
	return BPF_SRC(i->code) == BPF_X ? x : i->k;
}

static bool holds(const struct sock_filter *i, uint32_t a, uint32_t value)
{
	switch (BPF_OP(i->code)) {
	case BPF_JEQ:
		return a == value;
	case BPF_JGT:
		return a > value;
	case BPF_JGE:
		return a >= value;
	case BPF_JSET:
		return a & value;
	default:
		fail_msg("comparison %#x", i->code);
		return false;
	}
}

/* The part of BPF that libseccomp writes. */
static uint32_t evaluate(const struct sock_filter *filter, size_t n, const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (size_t at = 0; at < n; at++) {
		const struct sock_filter *i = &filter[at];

		switch (BPF_CLASS(i->code)) {
		case BPF_LD:
			memcpy(&a, (const char *)data + i->k, sizeof(a));
			break;
		case BPF_ALU:
			assert_int_equal(BPF_OP(i->code), BPF_AND);
			a &= operand(i, 0);
			break;
		case BPF_JMP:
			if (BPF_OP(i->code) == BPF_JA)
				at += i->k;
			else
				at += holds(i, a, operand(i, 0)) ? i->jt : i->jf;
			break;
		case BPF_RET:
			return i->k;
		default:
			fail_msg("instruction %#x", i->code);
		}
	}
	fail_msg("no end");
	return 0;
}

/* As the kernel does: the stricter one counts, which has the lower number. */
static uint32_t together(const struct seccomp_data *data)
{
	uint32_t nest = evaluate(filter_nest, ARRAY_SIZE(filter_nest), data);
	uint32_t nested = evaluate(filter_nested, ARRAY_SIZE(filter_nested), data);

	return (int32_t)(nested & SECCOMP_RET_ACTION_FULL) < (int32_t)(nest & SECCOMP_RET_ACTION_FULL) ? nested : nest;
}

static void compare(const struct seccomp_data *data)
{
	uint32_t plain = evaluate(filter_plain, ARRAY_SIZE(filter_plain), data), both = together(data);

	if (plain != both)
		fail_msg("call %#x, arguments %#llx %#llx %#llx %#llx: %#x alone, %#x together", data->nr,
			 (unsigned long long)data->args[0], (unsigned long long)data->args[1],
			 (unsigned long long)data->args[2], (unsigned long long)data->args[3], plain, both);
}

/* Each bit of each argument, alone, with all others, and in pairs of two arguments. */
static void compare_call(uint32_t arch, uint32_t number)
{
	struct seccomp_data data = {.nr = (int)number, .arch = arch};

	compare(&data);
	for (unsigned int one = 0; one < 4 * 64; one++) {
		uint64_t bit = 1ULL << one % 64;

		data.args[one / 64] = ~bit;
		compare(&data);
		data.args[one / 64] = bit;
		compare(&data);
		for (unsigned int other = 0; other < 4 * 32; other++) {
			data.args[other / 32] |= 1ULL << other % 32;
			compare(&data);
			memset(data.args, 0, sizeof(data.args));
			data.args[one / 64] = bit;
		}
		memset(data.args, 0, sizeof(data.args));
	}
}

static void two_filters_say_what_one_says(void **state)
{
	(void)state;
	for (uint32_t number = 0; number < CALLS_MAX; number++)
		compare_call(ARCH, number);
}

static void foreign_calls_are_the_same(void **state)
{
	static const uint32_t calls[] = {SYS_unshare, SYS_clone, SYS_clone3, SYS_read, SYS_mount};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		compare_call(FOREIGN_ARCH, calls[i]);
		compare_call(ARCH, calls[i] | X32_BIT);
	}
}

static void the_second_refuses_what_the_first_lets_through(void **state)
{
	struct seccomp_data data = {.nr = SYS_unshare, .arch = ARCH};

	(void)state;
	assert_int_equal(evaluate(filter_nest, ARRAY_SIZE(filter_nest), &data), SECCOMP_RET_ALLOW);
	assert_int_equal(together(&data), SECCOMP_RET_ERRNO | EPERM);
	data.nr = SYS_clone3;
	assert_int_equal(together(&data), SECCOMP_RET_ERRNO | ENOSYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_filters_say_what_one_says),
		cmocka_unit_test(foreign_calls_are_the_same),
		cmocka_unit_test(the_second_refuses_what_the_first_lets_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
