/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdarg.h>
#include <time.h>

static const struct {
	const char *name;
	void (*run)(void);
} groups[] = {
	{"open", check_open},		{"open2", check_open_special}, {"permission", check_permissions},
	{"folder", check_folders},	{"rename", check_rename},	{"link", check_link},
	{"symlink", check_symlink},	{"unlinked", check_unlinked},	{"long", check_long_names},
	{"mode", check_mode},		{"times", check_times},		{"changes", check_changes},
	{"stat", check_stat},		{"xattr", check_xattr},		{"offset", check_offsets},
	{"hole", check_holes},		{"big", check_big},		{"copy", check_copies},
	{"map", check_map},		{"mapsig", check_map_signals},	{"append", check_append},
	{"sync", check_sync},		{"listing", check_listing},	{"many", check_many},
	{"flock", check_flock},		{"lock", check_posix_locks},	{"ofd", check_ofd_locks},
	{"fifo", check_fifo},		{"socket", check_socket},	{"inotify", check_inotify},
	{"execute", check_execute},	{"ioctl", check_ioctl},		{"threads", check_threads},
};

/* The group that runs; the program has one thread wherever lines are printed. */
static const char *group = "";

void say(const char *name, const char *format, ...)
{
	va_list args;

	printf("%s.%s ", group, name);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

long code(const char *name, long r)
{
	say(name, "%s", r < 0 ? strerrorname_np(errno) : "ok");
	return r;
}

void number(const char *name, long long r)
{
	if (r < 0)
		say(name, "%s", strerrorname_np(errno));
	else
		say(name, "%lld", r);
}

void opens(const char *name, int fd)
{
	code(name, fd);
	if (fd >= 0)
		close(fd);
}

void content(const char *name, const char *path)
{
	char text[256];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n < 0) {
		say(name, "%s", strerrorname_np(errno));
	} else {
		text[n] = '\0';
		for (ssize_t i = 0; i < n; i++)
			if (text[i] < ' ')
				text[i] = '_';
		say(name, "\"%s\"", text);
	}
	if (fd >= 0)
		close(fd);
}

void mode_of(const char *name, const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		say(name, "%s", strerrorname_np(errno));
	else
		say(name, "%o", st.st_mode);
}

void in_child(const char *name, int (*f)(const void *data), const void *data)
{
	int status;
	pid_t pid = must(fork(), "fork");

	if (pid == 0)
		_exit(f(data));
	must(waitpid(pid, &status, 0), "wait");
	if (WIFSIGNALED(status))
		say(name, "signal %d", WTERMSIG(status));
	else
		say(name, "%d", WEXITSTATUS(status));
}

int must(int r, const char *what)
{
	if (r >= 0)
		return r;
	printf("%s.cannot %s: %s\n", group, what, strerrorname_np(errno));
	exit(1);
}

void put(const char *path, const char *text)
{
	int fd = must(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644), path);

	must((int)write(fd, text, strlen(text)), path);
	close(fd);
}

void folder(const char *path)
{
	must(mkdir(path, 0755), path);
}

struct stat stat_of(const char *path)
{
	struct stat st;

	must(lstat(path, &st), path);
	return st;
}

void tick(void)
{
	struct timespec start, now;

	clock_gettime(CLOCK_REALTIME_COARSE, &start);
	do {
		usleep(1000);
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
	} while (!later(now, start));
}

bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec : a.tv_nsec > b.tv_nsec;
}

/* usage: posix FOLDER [GROUP...] */
int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	umask(022);
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		bool wanted = argc == 2;

		for (int a = 2; a < argc; a++)
			wanted = wanted || strcmp(argv[a], groups[i].name) == 0;
		if (!wanted)
			continue;
		group = groups[i].name;
		must(chdir(argv[1]), argv[1]);
		folder(group);
		must(chdir(group), group);
		groups[i].run();
	}
	puts("end reached");
	return 0;
}
