/* SPDX-License-Identifier: Apache-2.0 */
/* Folders read: everything once, while it changes, and from remembered positions. */
#include "check.h"

#include <dirent.h>
#include <sys/syscall.h>

static int count(DIR *dir)
{
	int n = 0;

	while (readdir(dir))
		n++;
	return n;
}

static int count_path(const char *path)
{
	DIR *dir = opendir(path);
	int n = dir ? count(dir) : -1;

	if (dir)
		closedir(dir);
	return n;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void kinds(void)
{
	char seen[16][300];
	struct dirent *d;
	size_t n = 0;
	DIR *dir;

	folder("k");
	put("k/file", "x");
	folder("k/folder");
	symlink("no", "k/link");
	mkfifo("k/pipe", 0600);
	dir = opendir("k");
	while (dir && (d = readdir(dir)) && n < 16) {
		struct stat st;
		bool same = fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			    (strcmp(d->d_name, "..") == 0 || st.st_ino == d->d_ino);

		snprintf(seen[n++], sizeof(seen[0]), "%s:%d:%d", d->d_name, d->d_type, same);
	}
	closedir(dir);
	qsort(seen, n, sizeof(seen[0]), by_text);
	for (size_t i = 0; i < n; i++) {
		char name[32];

		snprintf(name, sizeof(name), "kind_%zu", i);
		say(name, "%s", seen[i]);
	}
}

static void make_files(const char *where, int n)
{
	char path[64];

	folder(where);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%d", where, i);
		put(path, "");
	}
}

static void positions(void)
{
	char names[300][300];
	long at[300];
	struct dirent *d;
	int n = 0, wrong = 0;
	DIR *dir;

	make_files("p", 250);
	dir = opendir("p");
	for (;;) {
		at[n] = telldir(dir);
		d = readdir(dir);
		if (!d || n == 299)
			break;
		strcpy(names[n++], d->d_name);
	}
	number("positions", n);
	for (int i = n - 1; i >= 0; i -= 7) {
		seekdir(dir, at[i]);
		d = readdir(dir);
		wrong += !d || strcmp(d->d_name, names[i]) != 0;
	}
	number("positions_wrong", wrong);
	seekdir(dir, at[n]);
	number("position_end", readdir(dir) == NULL);
	rewinddir(dir);
	number("rewind", count(dir));
	put("p/added", "");
	rewinddir(dir);
	number("rewind_sees_new", count(dir));
	unlink("p/added");
	rewinddir(dir);
	number("rewind_misses_gone", count(dir));
	closedir(dir);
}

static void changing(void)
{
	struct dirent *d;
	char path[300];
	int removed = 0, seen = 0;
	DIR *dir;

	make_files("c", 1000);
	dir = opendir("c");
	while ((d = readdir(dir))) {
		snprintf(path, sizeof(path), "c/%s", d->d_name);
		if (d->d_name[0] != '.' && unlink(path) == 0)
			removed++;
	}
	number("remove_while_reading", removed);
	closedir(dir);
	code("then_rmdir", rmdir("c"));
	make_files("r", 300);
	dir = opendir("r");
	while ((d = readdir(dir)) && seen < 2000) {
		char to[320];

		seen++;
		if (d->d_name[0] == '.' || d->d_name[0] == 'x')
			continue;
		snprintf(path, sizeof(path), "r/%s", d->d_name);
		snprintf(to, sizeof(to), "r/x%s", d->d_name);
		rename(path, to);
	}
	number("rename_while_reading_ends", seen < 2000);
	closedir(dir);
	number("rename_while_reading_all", count_path("r"));
}

static void removed(void)
{
	DIR *dir;

	folder("gone");
	dir = opendir("gone");
	code("rmdir_open", rmdir("gone"));
	number("removed_read", count(dir));
	closedir(dir);
	folder("moved");
	put("moved/f", "x");
	dir = opendir("moved");
	code("rename_open", rename("moved", "moved2"));
	number("moved_read", count(dir));
	code("moved_at", fstatat(dirfd(dir), "f", &(struct stat){0}, 0));
	code("moved_unlinkat", unlinkat(dirfd(dir), "f", 0));
	closedir(dir);
}

void check_listing(void)
{
	char buffer[8];
	int fd;

	kinds();
	positions();
	changing();
	removed();
	put("f", "x");
	code("of_file", opendir("f") ? 0 : -1);
	code("of_missing", opendir("no") ? 0 : -1);
	fd = must(open(".", O_RDONLY | O_DIRECTORY), "open");
	number("tiny_buffer", syscall(SYS_getdents64, fd, buffer, sizeof(buffer)));
	number("seek_start", lseek(fd, 0, SEEK_SET));
	close(fd);
	fd = must(open("f", O_RDONLY), "open");
	number("getdents_file", syscall(SYS_getdents64, fd, buffer, sizeof(buffer)));
	close(fd);
}

/* The test makes FOLDER/100000 beforehand. */
void check_many(void)
{
	struct stat st;

	number("listed", count_path("../100000"));
	number("listed_again", count_path("../100000"));
	code("first", stat("../100000/0", &st));
	code("last", stat("../100000/99999", &st));
	code("none", stat("../100000/100000", &st));
	code("add", mkdir("../100000/added", 0700));
	number("one_more", count_path("../100000"));
	code("take", rmdir("../100000/added"));
	number("one_less", count_path("../100000"));
}
