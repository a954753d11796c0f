/* SPDX-License-Identifier: Apache-2.0 */
/* Names: folders, renames, links, symbolic links, deleted files, long names. */
#include "check.h"

#include <sys/syscall.h>

#define NOREPLACE 1u
#define EXCHANGE 2u
#define WHITEOUT 4u

static long rename2(const char *from, const char *to, unsigned int flags)
{
	return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}

static void removed_cwd(void)
{
	char path[PATH_MAX];

	folder("gone");
	must(chdir("gone"), "chdir");
	code("cwd_rmdir", rmdir("../gone"));
	say("cwd_getcwd", "%s", getcwd(path, sizeof(path)) ? "path" : strerrorname_np(errno));
	code("cwd_mkdir", mkdir("x", 0700));
	opens("cwd_create", open("x", O_CREAT | O_RDWR, 0600));
	opens("cwd_list", open(".", O_RDONLY | O_DIRECTORY));
	number("cwd_links", stat_of(".").st_nlink);
	code("cwd_back", chdir(".."));
}

void check_folders(void)
{
	put("f", "x");
	code("mkdir", mkdir("d", 0777));
	mode_of("mode", "d");
	code("exists", mkdir("d", 0777));
	code("on_file", mkdir("f", 0777));
	code("below_file", mkdir("f/d", 0777));
	code("no_parent", mkdir("no/d", 0777));
	code("slash", mkdir("slash/", 0700));
	code("dot", mkdir("d/.", 0700));
	code("dotdot", mkdir("d/..", 0700));
	symlink("nowhere", "l");
	code("on_dangling", mkdir("l", 0700));
	umask(077);
	code("umask", mkdir("u", 0777));
	mode_of("umask_mode", "u");
	umask(022);
	code("sticky", mkdir("s", 01777));
	mode_of("sticky_mode", "s");
	code("chmod_setgid", chmod("s", 02755));
	code("below_setgid", mkdir("s/sub", 0755));
	mode_of("setgid_inherited", "s/sub");
	number("links_empty", stat_of("d").st_nlink);
	code("sub", mkdir("d/sub", 0755));
	number("links_one", stat_of("d").st_nlink);
	code("rmdir_full", rmdir("d"));
	code("rmdir_file", rmdir("f"));
	code("rmdir_missing", rmdir("no"));
	code("rmdir_dot", rmdir("d/sub/."));
	code("rmdir_dotdot", rmdir("d/sub/.."));
	code("rmdir_link", rmdir("l"));
	code("rmdir_slash", rmdir("d/sub/"));
	number("links_again", stat_of("d").st_nlink);
	code("unlink_folder", unlink("d"));
	code("unlink_slash", unlink("d/"));
	code("unlink_missing", unlink("no"));
	code("unlink_file_slash", unlink("f/"));
	code("unlinkat_removedir", unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
	code("unlinkat_bad_flags", unlinkat(AT_FDCWD, "d", 1));
	code("unlink_link", unlink("l"));
	removed_cwd();
}

static void rename_files(void)
{
	int fd;
	ino_t ino;

	put("a", "A");
	put("b", "B");
	ino = stat_of("a").st_ino;
	code("new", rename("a", "c"));
	number("same_inode", stat_of("c").st_ino == ino);
	code("old_gone", access("a", F_OK));
	fd = open("b", O_RDONLY);
	code("over", rename("c", "b"));
	content("over_content", "b");
	number("old_still_read", read(fd, &(char[4]){0}, 4));
	close(fd);
	fd = open("b", O_RDWR);
	code("open_file", rename("b", "moved"));
	number("write_after", pwrite(fd, "Z", 1, 0));
	content("content_after", "moved");
	close(fd);
	code("missing", rename("nope", "x"));
	code("missing_parent", rename("moved", "nope/x"));
	code("same_name", rename("moved", "moved"));
	put("h1", "H");
	link("h1", "h2");
	code("two_links", rename("h1", "h2"));
	code("two_links_both_stay", access("h1", F_OK));
	symlink("moved", "l");
	code("link_itself", rename("l", "l2"));
	number("still_link", S_ISLNK(stat_of("l2").st_mode));
	put("over-link", "O");
	code("over_a_link", rename("over-link", "l2"));
	content("link_replaced", "l2");
	content("target_unharmed", "moved");
	code("file_slash", rename("moved/", "x"));
	code("to_slash", rename("moved", "x/"));
	code("empty_from", rename("", "x"));
	code("empty_to", rename("moved", ""));
}

static void rename_folders(void)
{
	char path[PATH_MAX];
	ino_t parent;

	folder("d");
	folder("d/sub");
	put("d/f", "in");
	folder("empty");
	folder("full");
	put("full/x", "x");
	put("file", "f");
	code("folder_new", rename("d", "e"));
	content("folder_content", "e/f");
	code("folder_over_empty", rename("e", "empty"));
	content("folder_over_content", "empty/f");
	code("folder_over_full", rename("empty", "full"));
	code("folder_over_file", rename("empty", "file"));
	code("file_over_folder", rename("file", "full"));
	code("into_itself", rename("empty", "empty/sub/x"));
	code("into_self_direct", rename("empty", "empty/x"));
	code("over_parent", rename("full/x", "full"));
	code("folder_over_parent", rename("empty/sub", "empty"));
	code("dot", rename("empty/.", "x"));
	code("dotdot", rename("empty/..", "x"));
	code("to_dot", rename("full", "empty/."));
	code("folder_slash", rename("empty/", "slashed/"));
	code("across", rename("file", "full/file"));
	content("across_content", "full/file");
	code("folder_across", rename("slashed/sub", "full/sub"));
	parent = stat_of("full").st_ino;
	number("dotdot_moved", stat_of("full/sub/..").st_ino == parent);
	number("links_of_source", stat_of("slashed").st_nlink);
	number("links_of_target", stat_of("full").st_nlink);
	must(chdir("full/sub"), "chdir");
	code("above_cwd", rename("../../full", "../../other"));
	say("cwd_follows", "%s", getcwd(path, sizeof(path)) ? strstr(path, "/rename/") : "none");
	opens("create_in_moved_cwd", open("here", O_CREAT | O_RDWR, 0600));
	must(chdir("../.."), "chdir");
	content("seen_at_new_name", "other/sub/here");
}

static void rename_flags(void)
{
	put("x", "X");
	put("y", "Y");
	folder("xd");
	put("xd/in", "in");
	code("noreplace_exists", rename2("x", "y", NOREPLACE));
	code("noreplace_new", rename2("x", "x2", NOREPLACE));
	code("noreplace_self", rename2("x2", "x2", NOREPLACE));
	code("noreplace_folder", rename2("x2", "xd", NOREPLACE));
	code("exchange", rename2("x2", "y", EXCHANGE));
	content("exchange_1", "x2");
	content("exchange_2", "y");
	code("exchange_kinds", rename2("x2", "xd", EXCHANGE));
	content("exchange_file", "xd");
	content("exchange_folder", "x2/in");
	code("exchange_missing", rename2("y", "nope", EXCHANGE));
	code("exchange_missing_from", rename2("nope", "y", EXCHANGE));
	code("exchange_self", rename2("y", "y", EXCHANGE));
	code("exchange_parent", rename2("x2/in", "x2", EXCHANGE));
	code("exchange_in", rename2("x2/in", "y", EXCHANGE));
	content("exchange_in_1", "x2/in");
	content("exchange_in_2", "y");
	code("both_flags", rename2("x2", "y", NOREPLACE | EXCHANGE));
	code("unknown_flag", rename2("x2", "y", 64));
	code("whiteout", rename2("y", "w", WHITEOUT));
}

void check_rename(void)
{
	rename_files();
	rename_folders();
	rename_flags();
}

void check_link(void)
{
	struct stat a, b;
	int fd;

	put("a", "abc");
	folder("d");
	code("link", link("a", "b"));
	a = stat_of("a");
	b = stat_of("b");
	number("count", a.st_nlink);
	number("same", a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	code("across", link("a", "d/c"));
	number("count3", stat_of("b").st_nlink);
	put("b", "changed!");
	content("content_by_other", "a");
	number("size_by_other", stat_of("d/c").st_size);
	chmod("a", 0600);
	mode_of("mode_by_other", "b");
	truncate("d/c", 2);
	number("truncated_by_other", stat_of("a").st_size);
	fd = open("b", O_RDWR);
	pwrite(fd, "0123456789", 10, 0);
	content("written_by_descriptor", "a");
	number("size_by_descriptor", stat_of("a").st_size);
	code("unlink_one", unlink("a"));
	number("count_after", stat_of("b").st_nlink);
	code("unlink_two", unlink("b"));
	number("fstat_count", fstat(fd, &a) < 0 ? -1 : (long)a.st_nlink);
	code("rename_last", rename("d/c", "last"));
	content("last_content", "last");
	close(fd);
	code("exists", link("last", "d"));
	code("missing", link("nope", "n"));
	code("folder", link("d", "d2"));
	code("no_parent", link("last", "no/x"));
	code("slash", link("last", "x/"));
	symlink("last", "s");
	code("of_symlink", link("s", "s2"));
	number("of_symlink_kind", S_ISLNK(stat_of("s2").st_mode));
	code("follow", linkat(AT_FDCWD, "s", AT_FDCWD, "s3", AT_SYMLINK_FOLLOW));
	number("follow_kind", S_ISREG(stat_of("s3").st_mode));
	code("bad_flags", linkat(AT_FDCWD, "s", AT_FDCWD, "s4", 1));
	mkfifo("p", 0600);
	code("of_fifo", link("p", "p2"));
	number("fifo_count", stat_of("p").st_nlink);
}

void check_symlink(void)
{
	char target[PATH_MAX + 8], back[PATH_MAX + 8];

	put("f", "file");
	folder("d");
	code("symlink", symlink("f", "l"));
	mode_of("mode", "l");
	number("size", stat_of("l").st_size);
	number("readlink", readlink("l", back, sizeof(back)));
	number("short_buffer", readlink("l", back, 0));
	number("of_file", readlink("f", back, sizeof(back)));
	number("of_folder", readlink("d", back, sizeof(back)));
	number("of_missing", readlink("no", back, sizeof(back)));
	content("through", "l");
	code("exists", symlink("f", "l"));
	code("exists_folder", symlink("f", "d"));
	code("empty_target", symlink("", "e"));
	code("empty_name", symlink("f", ""));
	code("slash", symlink("f", "x/"));
	symlink("../f", "d/up");
	content("up", "d/up");
	symlink("d", "ld");
	content("through_two", "ld/up");
	code("dangling_link", symlink("no", "n"));
	code("dangling_stat", stat("n", &(struct stat){0}));
	code("dangling_lstat", lstat("n", &(struct stat){0}));
	code("dangling_chmod", chmod("n", 0600));
	code("dangling_rename", rename("n", "n2"));
	memset(target, 't', PATH_MAX);
	target[PATH_MAX - 1] = '\0';
	code("long_target", symlink(target, "long"));
	number("long_readlink", readlink("long", back, sizeof(back)));
	strcat(target, "x");
	code("too_long_target", symlink(target, "longer"));
	code("chmod_nofollow", fchmodat(AT_FDCWD, "l", 0600, AT_SYMLINK_NOFOLLOW));
	code("lchown", lchown("l", geteuid(), getegid()));
	code("lchown_none", lchown("l", (uid_t)-1, (gid_t)-1));
	code("chown_through", chown("l", geteuid(), getegid()));
	code("unlink", unlink("l"));
	content("target_stays", "f");
	code("folder_link_slash", unlink("ld/"));
	code("rmdir_of_link", rmdir("ld"));
	for (int i = 0; i < 41; i++) {
		snprintf(target, sizeof(target), "c%d", i);
		snprintf(back, sizeof(back), "c%d", i + 1);
		symlink(i == 40 ? "f" : back, target);
	}
	content("chain_40", "c1");
	content("chain_41", "c0");
}

void check_unlinked(void)
{
	struct stat st;
	char text[32] = "";
	int fd;

	put("f", "0123456789");
	fd = must(open("f", O_RDWR), "open");
	code("unlink", unlink("f"));
	number("read", pread(fd, text, 4, 2));
	say("read_text", "%s", text);
	number("write", pwrite(fd, "abc", 3, 10));
	number("size", fstat(fd, &st) < 0 ? -1 : st.st_size);
	number("links", (long)st.st_nlink);
	code("ftruncate", ftruncate(fd, 5));
	number("size_cut", fstat(fd, &st) < 0 ? -1 : st.st_size);
	code("fchmod", fchmod(fd, 0600));
	say("fchmod_mode", "%o", fstat(fd, &st) < 0 ? 0 : st.st_mode);
	code("futimens", futimens(fd, (struct timespec[2]){{.tv_sec = 5}, {.tv_sec = 6}}));
	number("futimens_seen", fstat(fd, &st) < 0 ? -1 : st.st_mtim.tv_sec);
	code("fsync", fsync(fd));
	number("seek_end", lseek(fd, 0, SEEK_END));
	number("more", write(fd, "more", 4));
	code("name_again", access("f", F_OK));
	put("f", "new");
	content("new_file", "f");
	number("old_size", fstat(fd, &st) < 0 ? -1 : st.st_size);
	snprintf(text, sizeof(text), "/proc/self/fd/%d", fd);
	opens("reopen", open(text, O_RDWR));
	close(fd);
	fd = must(open("f", O_RDONLY), "open");
	put("g", "other");
	code("replace", rename("g", "f"));
	number("replaced_links", fstat(fd, &st) < 0 ? -1 : (long)st.st_nlink);
	number("replaced_read", read(fd, text, sizeof(text)));
	content("replacing", "f");
	close(fd);
}

/* chdir down @depth folders and back up again, as find and rm -r do. */
static void deep(int depth)
{
	int made = 0, removed = 0;

	for (int i = 0; i < depth; i++)
		if (mkdir("deep", 0700) == 0 && chdir("deep") == 0)
			made++;
	number("deep_made", made);
	for (int i = 0; i < made; i++)
		if (chdir("..") == 0 && rmdir("deep") == 0)
			removed++;
	number("deep_removed", removed);
}

void check_long_names(void)
{
	char name[512], other[512], path[PATH_MAX + 16];
	size_t n;

	memset(name, 'n', 255);
	name[255] = '\0';
	memset(other, 'o', 256);
	other[256] = '\0';
	opens("create_255", open(name, O_CREAT | O_RDWR, 0600));
	opens("open_255", open(name, O_RDONLY));
	code("stat_255", stat(name, &(struct stat){0}));
	opens("create_256", open(other, O_CREAT | O_RDWR, 0600));
	opens("open_256", open(other, O_RDONLY));
	code("stat_256", stat(other, &(struct stat){0}));
	code("mkdir_256", mkdir(other, 0700));
	code("rename_256", rename(name, other));
	code("symlink_256", symlink("x", other));
	code("link_256", link(name, other));
	code("unlink_256", unlink(other));
	other[255] = '\0';
	code("rename_255", rename(name, other));
	code("mkdir_255", mkdir(name, 0700));
	strcpy(path, name);
	strcat(path, "/");
	strcat(path, name);
	code("mkdir_510", mkdir(path, 0700));
	for (n = 0; n < PATH_MAX - 2; n += 2)
		strcpy(path + n, "./");
	path[n] = 'f';
	path[n + 1] = '\0';
	put("f", "short");
	number("path_length", (long long)strlen(path));
	content("path_max", path);
	strcpy(path + n, "./f");
	opens("path_too_long", open(path, O_RDONLY));
	opens("bytes", open("\xff\xfe\x01 \n", O_CREAT | O_RDWR, 0600));
	code("bytes_stat", stat("\xff\xfe\x01 \n", &(struct stat){0}));
	opens("dots", open("...", O_CREAT | O_RDWR, 0600));
	opens("deleted_look", open("x (deleted)", O_CREAT | O_RDWR, 0600));
	opens("deleted_look_open", open("x (deleted)", O_RDWR));
	folder("y (deleted)");
	opens("deleted_folder", open("y (deleted)/f", O_CREAT | O_RDWR, 0600));
	code("deleted_folder_rename", rename("y (deleted)/f", "y (deleted)/g"));
	code("deleted_folder_mkdir", mkdir("y (deleted)/h", 0700));
	opens("deleted_folder_list", open("y (deleted)", O_RDONLY | O_DIRECTORY));
	deep(100);
}
