/* SPDX-License-Identifier: Apache-2.0 */
/* Locks between descriptors and between processes. */
#include "check.h"

#include <sys/file.h>

/* A second process that does what it is told, one word at a time, and says the result. */
struct other {
	int to, from;
	pid_t pid;
};

struct order {
	int (*run)(int fd, short type, off_t start, off_t length);
	short type;
	off_t start, length;
};

static void obey(int from, int to)
{
	struct order order;
	int fd = open("f", O_RDWR);

	while (read(from, &order, sizeof(order)) == sizeof(order)) {
		int r = order.run(fd, order.type, order.start, order.length);

		if (write(to, &r, sizeof(r)) != sizeof(r))
			break;
	}
	_exit(0);
}

static struct other start_other(void)
{
	struct other o;
	int down[2], up[2];

	must(pipe(down), "pipe");
	must(pipe(up), "pipe");
	o.pid = must(fork(), "fork");
	if (o.pid == 0) {
		close(down[1]);
		obey(down[0], up[1]);
	}
	close(down[0]);
	close(up[1]);
	o.to = down[1];
	o.from = up[0];
	return o;
}

static void send(const struct other *o, struct order order)
{
	must((int)write(o->to, &order, sizeof(order)), "write");
}

static int receive(const struct other *o)
{
	int r = -EIO;

	must((int)read(o->from, &r, sizeof(r)), "read");
	return r;
}

static void ask(const struct other *o, const char *name, struct order order)
{
	int r;

	send(o, order);
	r = receive(o);
	say(name, "%s", r < 0 ? strerrorname_np(-r) : r == 0 ? "ok" : "held");
}

static void end_other(struct other *o)
{
	close(o->to);
	close(o->from);
	waitpid(o->pid, NULL, 0);
}

static int do_flock(int fd, short type, off_t start, off_t length)
{
	(void)start;
	(void)length;
	return flock(fd, type) < 0 ? -errno : 0;
}

static int lock_call(int fd, int call, short type, off_t start, off_t length)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};

	return fcntl(fd, call, &l) < 0 ? -errno : 0;
}

static int do_set(int fd, short type, off_t start, off_t length)
{
	return lock_call(fd, F_SETLK, type, start, length);
}

static int do_wait(int fd, short type, off_t start, off_t length)
{
	return lock_call(fd, F_SETLKW, type, start, length);
}

/* Whichever of two waits closes the circle is refused; giving up then lets the other go on. */
static int do_wait_or_give_up(int fd, short type, off_t start, off_t length)
{
	int r = do_wait(fd, type, start, length);

	if (r == -EDEADLK)
		(void)lock_call(fd, F_SETLK, F_UNLCK, 0, 0);
	return r;
}

static int do_ofd(int fd, short type, off_t start, off_t length)
{
	return lock_call(fd, F_OFD_SETLK, type, start, length);
}

/* 0: free; 1: held by the parent. */
static int do_get(int fd, short type, off_t start, off_t length)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};

	if (fcntl(fd, F_GETLK, &l) < 0)
		return -errno;
	return l.l_type == F_UNLCK ? 0 : l.l_pid == getppid() ? 1 : -ESRCH;
}

void check_flock(void)
{
	struct other o;
	int fd, fd2, dup_fd;

	put("f", "x");
	o = start_other();
	fd = must(open("f", O_RDWR), "open");
	fd2 = must(open("f", O_RDONLY), "open");
	code("exclusive", flock(fd, LOCK_EX | LOCK_NB));
	code("second_open", flock(fd2, LOCK_EX | LOCK_NB));
	ask(&o, "other", (struct order){do_flock, LOCK_EX | LOCK_NB, 0, 0});
	ask(&o, "other_shared", (struct order){do_flock, LOCK_SH | LOCK_NB, 0, 0});
	code("to_shared", flock(fd, LOCK_SH | LOCK_NB));
	ask(&o, "shared_twice", (struct order){do_flock, LOCK_SH | LOCK_NB, 0, 0});
	code("upgrade", flock(fd, LOCK_EX | LOCK_NB));
	ask(&o, "other_unlock", (struct order){do_flock, LOCK_UN, 0, 0});
	code("upgrade_again", flock(fd, LOCK_EX | LOCK_NB));
	dup_fd = dup(fd);
	close(fd);
	ask(&o, "dup_keeps", (struct order){do_flock, LOCK_EX | LOCK_NB, 0, 0});
	close(dup_fd);
	ask(&o, "close_frees", (struct order){do_flock, LOCK_EX | LOCK_NB, 0, 0});
	/* Waits until the other lets go. */
	send(&o, (struct order){do_flock, LOCK_UN, 0, 0});
	code("wait", flock(fd2, LOCK_EX));
	receive(&o);
	code("bad", flock(fd2, 99));
	code("closed", flock(999, LOCK_EX));
	close(fd2);
	fd = must(open(".", O_RDONLY), "open");
	code("folder", flock(fd, LOCK_EX | LOCK_NB));
	close(fd);
	end_other(&o);
}

static void deadlock(struct other *o, int fd)
{
	int mine, theirs;

	code("dead_mine", do_set(fd, F_WRLCK, 0, 1));
	ask(o, "dead_theirs", (struct order){do_set, F_WRLCK, 1, 1});
	send(o, (struct order){do_wait_or_give_up, F_WRLCK, 0, 1});
	mine = do_wait_or_give_up(fd, F_WRLCK, 1, 1);
	do_set(fd, F_UNLCK, 0, 0);
	theirs = receive(o);
	number("dead_found", (mine == -EDEADLK) + (theirs == -EDEADLK));
	ask(o, "dead_clean", (struct order){do_set, F_UNLCK, 0, 0});
}

void check_posix_locks(void)
{
	struct other o;
	int fd, fd2;

	put("f", "0123456789");
	o = start_other();
	fd = must(open("f", O_RDWR), "open");
	code("write_lock", do_set(fd, F_WRLCK, 0, 5));
	code("mine_again", do_set(fd, F_WRLCK, 2, 5));
	ask(&o, "conflict", (struct order){do_set, F_WRLCK, 3, 1});
	ask(&o, "conflict_read", (struct order){do_set, F_RDLCK, 3, 1});
	ask(&o, "beside", (struct order){do_set, F_WRLCK, 7, 3});
	ask(&o, "holder", (struct order){do_get, F_WRLCK, 0, 1});
	ask(&o, "no_holder", (struct order){do_get, F_WRLCK, 20, 1});
	code("split", do_set(fd, F_UNLCK, 2, 2));
	ask(&o, "in_gap", (struct order){do_set, F_WRLCK, 2, 2});
	ask(&o, "beside_gap", (struct order){do_set, F_WRLCK, 4, 1});
	ask(&o, "unlock", (struct order){do_set, F_UNLCK, 0, 0});
	fd2 = must(open("f", O_RDONLY), "open");
	code("write_on_read_only", do_set(fd2, F_WRLCK, 50, 1));
	code("read_on_read_only", do_set(fd2, F_RDLCK, 50, 1));
	close(fd2);
	/* Closing any descriptor of the file drops the process's locks on it. */
	ask(&o, "dropped_by_close", (struct order){do_set, F_WRLCK, 0, 0});
	send(&o, (struct order){do_set, F_UNLCK, 0, 0});
	code("wait", do_wait(fd, F_WRLCK, 0, 0));
	receive(&o);
	ask(&o, "whole_file", (struct order){do_set, F_RDLCK, 1000000, 1});
	code("bad_type", do_set(fd, 99, 0, 1));
	code("negative", do_set(fd, F_WRLCK, -5, 1));
	code("lockf_test", lockf(fd, F_TEST, 1));
	do_set(fd, F_UNLCK, 0, 0);
	deadlock(&o, fd);
	close(fd);
	end_other(&o);
}

void check_ofd_locks(void)
{
	struct other o;
	int fd, fd2, dup_fd;

	put("f", "0123456789");
	o = start_other();
	fd = must(open("f", O_RDWR), "open");
	fd2 = must(open("f", O_RDWR), "open");
	code("set", do_ofd(fd, F_WRLCK, 0, 5));
	code("second_open", do_ofd(fd2, F_WRLCK, 0, 5));
	code("second_beside", do_ofd(fd2, F_WRLCK, 5, 5));
	code("against_posix", do_set(fd, F_WRLCK, 0, 5));
	ask(&o, "other_posix", (struct order){do_set, F_WRLCK, 0, 1});
	ask(&o, "other_ofd", (struct order){do_ofd, F_WRLCK, 0, 1});
	dup_fd = dup(fd);
	close(fd);
	ask(&o, "dup_keeps", (struct order){do_ofd, F_WRLCK, 0, 1});
	close(dup_fd);
	ask(&o, "close_frees", (struct order){do_ofd, F_WRLCK, 0, 1});
	close(fd2);
	end_other(&o);
	fd = must(open("f", O_RDONLY), "open");
	number("getlease", fcntl(fd, F_GETLEASE));
	close(fd);
}
