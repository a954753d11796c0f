/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of the sandbox's seccomp filters, for filter_gen.c only. */
#ifndef APPSILO_ISOLATION_FILTER_TABLES_H
#define APPSILO_ISOLATION_FILTER_TABLES_H

static const char *const allowed_calls[] = {
	"accept", "accept4", "access", "alarm", "arch_prctl", "brk", "capget", "capset",
	"chdir", "clock_getres", "clock_gettime", "clock_nanosleep", "close", "close_range",
	"copy_file_range", "dup", "dup2", "dup3", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "execve",
	"execveat", "exit", "exit_group", "faccessat", "faccessat2", "fadvise64", "fallocate",
	"fchdir", "fcntl", "fdatasync", "fgetxattr", "flistxattr", "flock", "fork", "fstat",
	"fstatfs", "fsync", "ftruncate", "futex", "futex_waitv", "get_mempolicy",
	"get_robust_list", "get_thread_area", "getcpu", "getcwd", "getdents", "getdents64",
	"getegid", "geteuid", "getgid", "getgroups", "getitimer", "getpeername", "getpgid",
	"getpgrp", "getpid", "getppid", "getpriority", "getrandom", "getresgid", "getresuid",
	"getrlimit", "getrusage", "getsid", "getsockname", "getsockopt", "gettid", "gettimeofday",
	"getuid", "getxattr", "inotify_add_watch", "inotify_init", "inotify_init1",
	"inotify_rm_watch", "io_cancel", "io_destroy", "io_getevents", "io_pgetevents", "io_setup",
	"io_submit", "ioprio_get", "ioprio_set", "kill", "landlock_add_rule",
	"landlock_create_ruleset", "landlock_restrict_self", "lgetxattr", "listxattr",
	"llistxattr", "lseek", "lstat", "madvise", "mbind", "membarrier", "memfd_create",
	"mincore", "mlock", "mlock2", "mlockall", "mmap", "mprotect", "mq_getsetattr",
	"mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink", "mremap",
	"msgctl", "msgget", "msgrcv", "msgsnd", "msync", "munlock", "munlockall", "munmap",
	"nanosleep", "newfstatat", "pause", "pidfd_open", "pidfd_send_signal", "pipe", "pipe2",
	"pkey_alloc", "pkey_free", "pkey_mprotect", "poll", "ppoll", "prctl", "pread64",
	"preadv", "preadv2", "prlimit64", "process_mrelease", "pselect6", "pwrite64", "pwritev",
	"pwritev2", "read", "readahead", "readlink", "readlinkat", "readv", "recvfrom",
	"recvmmsg", "recvmsg", "remap_file_pages", "restart_syscall", "rseq", "rt_sigaction",
	"rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend",
	"rt_sigtimedwait", "rt_tgsigqueueinfo", "sched_get_priority_max",
	"sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam",
	"sched_getscheduler", "sched_rr_get_interval", "sched_setaffinity", "sched_setattr",
	"sched_setparam", "sched_setscheduler", "sched_yield", "seccomp", "select", "semctl",
	"semget", "semop", "semtimedop", "sendfile", "sendmmsg", "sendmsg", "sendto",
	"set_mempolicy", "set_robust_list", "set_thread_area", "set_tid_address", "setfsgid",
	"setfsuid", "setgid", "setgroups", "setitimer", "setpgid", "setpriority", "setregid",
	"setresgid", "setresuid", "setreuid", "setrlimit", "setsid", "setsockopt", "setuid",
	"shmat", "shmctl", "shmdt", "shmget", "shutdown", "sigaltstack", "signalfd", "signalfd4",
	"splice", "stat", "statfs", "statx", "sync", "sync_file_range", "syncfs", "sysinfo",
	"tee", "tgkill", "time", "timer_create", "timer_delete", "timer_getoverrun",
	"timer_gettime", "timer_settime", "timerfd_create", "timerfd_gettime", "timerfd_settime",
	"times", "tkill", "umask", "uname", "vfork", "vhangup", "vmsplice", "wait4", "waitid",
	"write", "writev", NULL};

/* With a network, carried out for the app: carry/carry.h. */
static const char *const socket_calls[] = {"bind", "connect", "epoll_create", "epoll_create1", "listen", NULL};

/* Which argument their flags are. */
static const struct {
	uint32_t number;
	unsigned int flags;
} fastopen_calls[] = {{SYS_sendto, 3}, {SYS_sendmsg, 2}, {SYS_sendmmsg, 3}};

/* They choose the way that packets take. */
static const struct socket_option refused_options[] = {
	{IPPROTO_IP, IP_OPTIONS},	{IPPROTO_IPV6, IPV6_RTHDR},	   {IPPROTO_IPV6, IPV6_HOPOPTS},
	{IPPROTO_IPV6, IPV6_DSTOPTS},	{IPPROTO_IPV6, IPV6_RTHDRDSTOPTS}, {IPPROTO_IPV6, IPV6_2292PKTOPTIONS},
};

/* Newer than the libseccomp of Debian 12 knows by name: cachestat, futex_wake, futex_wait,
 * futex_requeue, mseal, getxattrat, listxattrat. */
static const int allowed_numbers[] = {451, 454, 455, 456, 462, 464, 465};

/* EPERM: a program that tries these expects "not allowed" and carries on. */
static const char *const refused_calls[] = {
	"acct", "add_key", "adjtimex", "bpf", "chroot", "clock_adjtime", "clock_settime",
	"delete_module", "fanotify_init", "fanotify_mark", "finit_module", "fsconfig", "fsmount",
	"fsopen", "fspick", "init_module", "ioperm", "iopl", "kcmp", "kexec_file_load",
	"kexec_load", "keyctl", "lookup_dcookie", "mount", "mount_setattr", "move_mount",
	"move_pages", "migrate_pages", "name_to_handle_at", "open_by_handle_at", "open_tree",
	"perf_event_open", "pidfd_getfd", "pivot_root", "process_madvise", "process_vm_readv",
	"process_vm_writev", "ptrace", "quotactl", "quotactl_fd", "reboot", "request_key",
	"setdomainname", "sethostname", "setns", "settimeofday", "swapoff", "swapon", "syslog",
	"umount2", "unshare", "userfaultfd", NULL};

/* A zygote makes namespaces and mounts for its children, who then give all of this up. */
static const char *const nesting_calls[] = {
	"clone", "clone3", "fsconfig", "fsmount", "fsopen", "mount_setattr", "move_mount", "open_tree",
	"setns", "unshare", NULL};

/* Calls that change files by name or metadata by descriptor; opens, and those that set a
 * mode, are handled apart. */
static const char *const writing_calls[] = {
	"chown", "fchown", "fchownat", "fremovexattr", "fsetxattr", "futimesat", "lchown", "link",
	"linkat", "lremovexattr", "lsetxattr", "mkdir", "mkdirat", "removexattr", "rename",
	"renameat", "renameat2", "rmdir", "setxattr", "symlink", "symlinkat", "truncate", "unlink",
	"unlinkat", "utime", "utimensat", "utimes", NULL};

/* setxattrat, removexattrat. */
static const int writing_numbers[] = {463, 466};

/* Calls that set a mode, and which argument it is. */
static const struct {
	const char *name;
	int number; /* without a name in the libseccomp of Debian 12 */
	unsigned int arg;
} mode_calls[] = {
	{"chmod", 0, 1}, {"fchmod", 0, 1}, {"fchmodat", 0, 2}, {NULL, 452 /* fchmodat2 */, 2},
	{"creat", 0, 1}, {"mknod", 0, 1},  {"mknodat", 0, 2},
};

/* The broker, once it serves: files of every kind, threads, its terminal, open sockets. */
static const char *const broker_calls[] = {
	"access", "brk", "chmod", "chown", "clock_getres", "clock_gettime", "clock_nanosleep",
	"close", "close_range", "copy_file_range", "dup", "dup2", "dup3", "eventfd2",
	"exit", "exit_group", "faccessat", "faccessat2", "fadvise64", "fallocate", "fchmod",
	"fchmodat", "fchown", "fchownat", "fcntl", "fdatasync", "fgetxattr", "flistxattr", "flock",
	"fremovexattr", "fsetxattr", "fstat", "fstatfs", "fsync", "ftruncate", "futex",
	"futex_waitv", "futimesat", "getcpu", "getcwd", "getdents", "getdents64", "getegid",
	"geteuid", "getgid", "getpeername", "getpgid", "getpgrp", "getpid", "getppid", "getrandom",
	"getresgid", "getresuid", "getrlimit", "getrusage", "getsid", "getsockname", "getsockopt",
	"gettid", "gettimeofday", "getuid", "getxattr", "inotify_add_watch", "inotify_rm_watch",
	"kill", "lchown", "lgetxattr", "link", "linkat", "listxattr", "llistxattr", "lremovexattr",
	"lseek", "lsetxattr", "lstat", "madvise", "membarrier", "mincore", "mkdir", "mkdirat",
	"mremap", "munmap", "nanosleep", "newfstatat", "open", "openat",
	"openat2", "pause", "pidfd_send_signal", "pipe", "pipe2", "poll", "ppoll", "pread64", "preadv", "preadv2",
	"process_vm_readv", "pselect6", "pwrite64", "pwritev", "pwritev2", "read", "readahead",
	"readlink", "readlinkat", "readv", "recvfrom", "recvmsg", "removexattr", "rename",
	"renameat", "renameat2", "restart_syscall", "rmdir", "rseq", "rt_sigaction",
	"rt_sigpending", "rt_sigprocmask", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait",
	"sched_getaffinity", "sched_yield", "select", "sendfile", "sendmsg", "sendto",
	"set_robust_list", "set_tid_address", "setxattr", "shutdown", "sigaltstack", "signalfd4",
	"splice", "stat", "statfs", "statx", "symlink", "symlinkat", "sync_file_range", "syncfs",
	"sysinfo", "tee", "tgkill", "time", "times", "truncate", "umask", "uname", "unlink",
	"unlinkat", "utime", "utimensat", "utimes", "vmsplice", "wait4", "waitid", "write",
	"writev", NULL};

/* fchmodat2, futex_wake, futex_wait, futex_requeue, setxattrat, getxattrat, listxattrat,
 * removexattrat. */
static const int broker_numbers[] = {452, 454, 455, 456, 463, 464, 465, 466};

/* No broker makes these: whoever does is not the broker any more. The process is killed,
 * and the sandbox with it. */
static const char *const broker_deadly_calls[] = {
	"add_key", "bpf", "chroot", "delete_module", "execve", "execveat", "finit_module",
	"fsconfig", "fsmount", "fsopen", "fspick", "init_module", "io_uring_enter",
	"io_uring_register", "io_uring_setup", "ioperm", "iopl", "kexec_file_load", "kexec_load",
	"keyctl", "mount", "mount_setattr", "move_mount", "open_by_handle_at", "open_tree",
	"perf_event_open", "pivot_root", "process_vm_writev", "ptrace", "reboot",
	"request_key", "setns", "swapoff", "swapon", "umount2", "unshare", "userfaultfd", NULL};

/* What only a broker that carries out calls about sockets makes, and what of it none else may. */
static const char *const carry_calls[] = {
	"bind", "epoll_ctl", "epoll_pwait", "epoll_wait", "kcmp", "listen", "pidfd_getfd", "pidfd_open",
	"setsockopt", "timerfd_settime", NULL};
static const char *const carry_deadly_calls[] = {"pidfd_getfd", NULL};

/* appsilo-net, once it serves: its sockets, memory, time. Nothing that opens a file. */
static const char *const net_calls[] = {
	"accept4", "accept", "bind", "brk", "clock_getres", "clock_gettime", "close", "connect",
	"exit", "exit_group", "fcntl", "fstat", "futex", "getpeername", "getpid", "getrandom",
	"getsockname", "getsockopt", "gettid", "gettimeofday", "listen", "madvise", "mremap",
	"munmap", "newfstatat", "poll", "ppoll", "read", "readv", "recvfrom", "recvmsg",
	"restart_syscall", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sendmsg", "sendto",
	"setsockopt", "shutdown", "time", "write", "writev", NULL};

/* appsilo-stacks, once it serves: the descriptors that it is sent, memory, and a clock that ends it. */
static const char *const stacks_calls[] = {
	"brk", "close", "dup", "exit", "exit_group", "fcntl", "fstat", "futex", "getrandom", "lseek",
	"madvise", "mremap", "munmap", "newfstatat", "pread64", "read", "recvmsg", "restart_syscall",
	"sendmsg", "setitimer", NULL};

#endif
