/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes, sockets, watches and programs in the folder. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

void check_fifo(void)
{
	char text[16] = "";
	int reader, writer, status;
	pid_t pid;

	code("mkfifo", mkfifo("p", 0640));
	mode_of("mode", "p");
	code("exists", mkfifo("p", 0600));
	code("mknod_file", mknod("f", S_IFREG | 0604, 0));
	mode_of("mknod_mode", "f");
	code("mknod_plain", mknod("plain", 0600, 0));
	code("mknod_char", mknod("c", S_IFCHR | 0600, makedev(1, 3)));
	code("mknod_block", mknod("b", S_IFBLK | 0600, makedev(7, 0)));
	code("mknod_folder", mknod("d", S_IFDIR | 0600, 0));
	code("mknod_socket", mknod("s", S_IFSOCK | 0600, 0));
	mode_of("mknod_socket_mode", "s");
	opens("open_socket", open("s", O_RDONLY));
	opens("no_reader", open("p", O_WRONLY | O_NONBLOCK));
	reader = open("p", O_RDONLY | O_NONBLOCK);
	code("reader", reader);
	number("nothing", read(reader, text, 4));
	writer = open("p", O_WRONLY | O_NONBLOCK);
	code("writer", writer);
	number("empty", read(reader, text, 4));
	number("write", write(writer, "pipe", 4));
	number("read", read(reader, text, 8));
	say("text", "%s", text);
	code("unlink_open", unlink("p"));
	number("write_after", write(writer, "more", 4));
	number("read_after", read(reader, text, 8));
	close(writer);
	number("end", read(reader, text, 8));
	close(reader);
	/* A blocking pair of processes. */
	code("mkfifo2", mkfifo("q", 0600));
	pid = must(fork(), "fork");
	if (pid == 0) {
		int fd = open("q", O_WRONLY);

		_exit(write(fd, "hello", 5) == 5 ? 0 : 1);
	}
	reader = open("q", O_RDONLY);
	number("between", read(reader, text, 8));
	must(waitpid(pid, &status, 0), "wait");
	number("between_status", status);
	close(reader);
}

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	return a;
}

static int with_address(int (*f)(int, const struct sockaddr *, socklen_t), int fd, const char *path)
{
	struct sockaddr_un a = address(path);

	return f(fd, (struct sockaddr *)&a, sizeof(a));
}

void check_socket(void)
{
	int server = must(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
	int client = must(socket(AF_UNIX, SOCK_STREAM, 0), "socket"), peer;
	char text[16] = "";

	code("bind", with_address(bind, server, "s"));
	mode_of("mode", "s");
	code("connect_early", with_address(connect, client, "s"));
	code("listen", listen(server, 5));
	code("connect", with_address(connect, client, "s"));
	peer = accept(server, NULL, NULL);
	code("accept", peer);
	number("send", send(client, "hello", 5, 0));
	number("receive", recv(peer, text, sizeof(text), 0));
	close(client);
	client = must(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
	code("bind_again", with_address(bind, client, "s"));
	code("rename", rename("s", "s2"));
	code("connect_renamed", with_address(connect, client, "s2"));
	close(client);
	client = must(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
	code("connect_old_name", with_address(connect, client, "s"));
	chmod("s2", 0400);
	code("connect_not_writable", with_address(connect, client, "s2"));
	chmod("s2", 0600);
	code("unlink", unlink("s2"));
	code("connect_gone", with_address(connect, client, "s2"));
	put("f", "x");
	code("connect_file", with_address(connect, client, "f"));
	code("bind_no_parent", with_address(bind, client, "no/s"));
	close(client);
	close(peer);
	close(server);
	server = must(socket(AF_UNIX, SOCK_DGRAM, 0), "socket");
	client = must(socket(AF_UNIX, SOCK_DGRAM, 0), "socket");
	code("datagram_bind", with_address(bind, server, "dg"));
	code("datagram_connect", with_address(connect, client, "dg"));
	number("datagram_send", send(client, "packet", 6, 0));
	number("datagram_receive", recv(server, text, sizeof(text), 0));
	close(client);
	close(server);
}

/* All events there are, as masks and names in their order. */
static void events(const char *name, int fd)
{
	char buffer[8192], text[1024] = "";
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	size_t used = 0;
	ssize_t n;

	if (poll(&pfd, 1, 0) > 0 && (n = read(fd, buffer, sizeof(buffer))) > 0) {
		for (char *p = buffer; p < buffer + n;) {
			struct inotify_event *e = (struct inotify_event *)p;

			used += (size_t)snprintf(text + used, sizeof(text) - used, " %x:%s", e->mask,
						 e->len ? e->name : "");
			p += sizeof(*e) + e->len;
		}
	}
	say(name, "%s", used ? text + 1 : "none");
}

void check_inotify(void)
{
	int fd = must(inotify_init1(IN_NONBLOCK), "inotify"), file;

	folder("w");
	code("watch", inotify_add_watch(fd, "w", IN_ALL_EVENTS));
	file = must(open("w/a", O_CREAT | O_RDWR, 0600), "open");
	events("create", fd);
	write(file, "x", 1);
	events("write", fd);
	pread(file, &(char[1]){0}, 1, 0);
	events("read", fd);
	close(file);
	events("close_write", fd);
	close(open("w/a", O_RDONLY));
	events("open_close", fd);
	chmod("w/a", 0644);
	events("chmod", fd);
	truncate("w/a", 0);
	events("truncate", fd);
	rename("w/a", "w/b");
	events("rename", fd);
	rename("w/b", "out");
	events("moved_out", fd);
	rename("out", "w/c");
	events("moved_in", fd);
	link("w/c", "w/d");
	events("link", fd);
	unlink("w/d");
	events("unlink", fd);
	mkdir("w/e", 0700);
	events("mkdir", fd);
	rmdir("w/e");
	events("rmdir", fd);
	unlink("w/c");
	events("unlink_last", fd);
	rename("w", "w2");
	events("move_self", fd);
	rmdir("w2");
	events("delete_self", fd);
	code("watch_missing", inotify_add_watch(fd, "no", IN_CREATE));
	code("watch_not_folder", inotify_add_watch(fd, "/etc/passwd", IN_CREATE | IN_ONLYDIR));
	code("remove_bad", inotify_rm_watch(fd, 99));
	close(fd);
}

static int run(const void *path)
{
	execl(path, path, (char *)NULL);
	return 100 + errno % 100;
}

static int run_fd(const void *path)
{
	char *argv[] = {(char *)path, NULL}, *envp[] = {NULL};
	int fd = open(path, O_RDONLY);

	fexecve(fd, argv, envp);
	return 100 + errno % 100;
}

static void copy(const char *from, const char *to)
{
	char buffer[65536];
	int in = must(open(from, O_RDONLY), from);
	int out = must(open(to, O_WRONLY | O_CREAT, 0755), to);
	ssize_t n;

	while ((n = read(in, buffer, sizeof(buffer))) > 0)
		must((int)write(out, buffer, (size_t)n), to);
	close(in);
	close(out);
}

void check_execute(void)
{
	int fd, hold[2], status;
	pid_t pid;

	put("s", "#!/bin/sh\nexit 7\n");
	in_child("not_executable", run, "s");
	chmod("s", 0755);
	in_child("script", run, "s");
	in_child("script_fd", run_fd, "s");
	chmod("s", 0111);
	in_child("script_unreadable", run, "s");
	put("junk", "junk\n");
	chmod("junk", 0755);
	in_child("junk", run, "junk");
	in_child("missing", run, "no");
	folder("d");
	in_child("folder", run, "d");
	put("bad", "#!/no/such/interpreter\n");
	chmod("bad", 0755);
	in_child("bad_interpreter", run, "bad");
	copy("/bin/true", "true");
	in_child("program", run, "true");
	in_child("program_fd", run_fd, "true");
	fd = must(open("true", O_RDWR), "open");
	in_child("busy_writer", run, "true");
	close(fd);
	copy("/bin/cat", "cat");
	must(pipe(hold), "pipe");
	pid = must(fork(), "fork");
	if (pid == 0) {
		dup2(hold[0], 0);
		dup2(open("/dev/null", O_WRONLY), 1);
		close(hold[1]);
		/* Close-on-exec of a pipe tells the parent that the program runs. */
		execl("cat", "cat", (char *)NULL);
		_exit(1);
	}
	close(hold[0]);
	must((int)write(hold[1], "runs\n", 5), "write");
	waitpid(pid, &status, WNOHANG);
	close(hold[1]);
	must(waitpid(pid, &status, 0), "wait");
	number("copied_cat", status);
	rename("true", "t2");
	in_child("renamed", run, "t2");
	code("unlink", unlink("t2"));
	in_child("unlinked", run, "t2");
}
