/* SPDX-License-Identifier: Apache-2.0 */
#include "isolation/landlock.h"

#include "isolation/kernel.h"
#include <sys/stat.h>

enum {
	FS_EXECUTE = 1 << 0,
	FS_WRITE_FILE = 1 << 1,
	FS_READ_FILE = 1 << 2,
	FS_READ_DIR = 1 << 3,
	FS_MAKE_CHAR = 1 << 6,
	FS_MAKE_BLOCK = 1 << 11,
	FS_REFER = 1 << 13,    /* ABI 2 */
	FS_TRUNCATE = 1 << 14, /* ABI 3 */
	FS_IOCTL_DEV = 1 << 15 /* ABI 5 */
};

enum { NET_BIND_TCP = 1 << 0, NET_CONNECT_TCP = 1 << 1 }; /* ABI 4 */

#define VERSION_FLAG 1u
#define RULE_PATH_BENEATH 1
#define SCOPE_ABSTRACT_UNIX 1u
#define SCOPE_SIGNAL 2u

struct ruleset_attr {
	uint64_t handled_fs, handled_net, scoped;
};

struct path_beneath {
	uint64_t allowed;
	int32_t parent_fd;
} __attribute__((packed));

static uint64_t known_rights(int abi)
{
	uint64_t rights = (1u << 13) - 1;

	if (abi >= 2)
		rights |= FS_REFER;
	if (abi >= 3)
		rights |= FS_TRUNCATE;
	if (abi >= 5)
		rights |= FS_IOCTL_DEV;
	return rights;
}

int landlock_abi(void)
{
	long r = syscall(K_LANDLOCK_CREATE_RULESET, NULL, 0, VERSION_FLAG);

	return r < 0 ? -errno : (int)r;
}

int landlock_new(int abi, bool no_tcp)
{
	struct ruleset_attr attr = {.handled_fs = known_rights(abi)};
	size_t size = sizeof(uint64_t);
	long fd;

	/* Without a network the empty network namespace is the fence, and a program may use its own
	 * loopback. */
	if (abi >= LANDLOCK_ABI_TCP)
		size = 2 * sizeof(uint64_t);
	if (no_tcp)
		attr.handled_net = NET_BIND_TCP | NET_CONNECT_TCP;
	if (abi >= 6) {
		size = sizeof(attr);
		attr.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
	}
	fd = syscall(K_LANDLOCK_CREATE_RULESET, &attr, size, 0);
	return fd < 0 ? -errno : (int)fd;
}

static uint64_t rights_of(enum landlock_grant grant, int abi, bool directory)
{
	uint64_t rights = 0;

	switch (grant) {
	case LANDLOCK_SEE:
		rights = FS_EXECUTE | FS_READ_FILE | FS_READ_DIR;
		break;
	case LANDLOCK_DEVICE:
		rights = FS_READ_FILE | FS_READ_DIR | FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV;
		break;
	case LANDLOCK_CHANGE:
		rights = ~(uint64_t)(FS_MAKE_CHAR | FS_MAKE_BLOCK);
		break;
	}
	if (!directory)
		rights &= FS_EXECUTE | FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE | FS_IOCTL_DEV;
	return rights & known_rights(abi);
}

int landlock_allow(int ruleset_fd, int abi, const char *path, enum landlock_grant grant)
{
	cleanup_close int fd = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	struct path_beneath rule;
	struct k_statx st;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	/* The type is known without asking the file system again (a broker's round trip). */
	if (k_statx(fd, "", K_AT_EMPTY_PATH | K_AT_STATX_DONT_SYNC, K_STATX_TYPE, &st) < 0)
		return -errno;
	rule.parent_fd = fd;
	rule.allowed = rights_of(grant, abi, S_ISDIR(st.mode));
	if (syscall(K_LANDLOCK_ADD_RULE, ruleset_fd, RULE_PATH_BENEATH, &rule, 0) < 0)
		return -errno;
	return 0;
}

int landlock_enforce(int ruleset_fd)
{
	return syscall(K_LANDLOCK_RESTRICT_SELF, ruleset_fd, 0) < 0 ? -errno : 0;
}
