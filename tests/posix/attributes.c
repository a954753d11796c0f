/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes: mode, owner, times, what changes them, extended attributes. */
#include "check.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

static void set_bits(void)
{
	static const mode_t modes[] = {0, 0400, 0755, 0777, 01644, 02755, 04755, 06711, 07777};
	char name[32];

	put("f", "x");
	folder("d");
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		snprintf(name, sizeof(name), "file_%o", modes[i]);
		chmod("f", modes[i]);
		mode_of(name, "f");
		snprintf(name, sizeof(name), "folder_%o", modes[i]);
		chmod("d", modes[i]);
		mode_of(name, "d");
	}
	chmod("d", 0755);
	chmod("f", 0644);
}

void check_mode(void)
{
	int fd;

	set_bits();
	code("missing", chmod("no", 0600));
	code("below_file", chmod("f/x", 0600));
	fd = must(open("f", O_RDONLY), "open");
	code("fchmod", fchmod(fd, 0604));
	mode_of("fchmod_mode", "f");
	code("fchown_self", fchown(fd, geteuid(), getegid()));
	close(fd);
	code("chown_none", chown("f", (uid_t)-1, (gid_t)-1));
	code("chown_root", chown("f", geteuid() ? 0 : 1, (gid_t)-1));
	code("chown_other", chown("f", 12345, (gid_t)-1));
	code("chgrp_other", chown("f", (uid_t)-1, 12345));
	code("chown_missing", chown("no", geteuid(), getegid()));
	number("owner", stat_of("f").st_uid == geteuid());
	number("group", stat_of("f").st_gid == getegid());
	number("folder_owner", stat_of("d").st_uid == geteuid());
	/* Writing, changing the owner or cutting takes the set-id bits away. */
	chmod("f", 06755);
	fd = must(open("f", O_WRONLY), "open");
	number("setid_write", write(fd, "y", 1));
	mode_of("setid_after_write", "f");
	close(fd);
	chmod("f", 06755);
	code("setid_truncate", truncate("f", 0));
	mode_of("setid_after_truncate", "f");
	chmod("f", 06755);
	code("setid_chown", chown("f", geteuid(), getegid()));
	mode_of("setid_after_chown", "f");
	chmod("f", 06755);
	opens("setid_open_trunc", open("f", O_WRONLY | O_TRUNC));
	mode_of("setid_after_trunc", "f");
	chmod("f", 0400);
	code("read_only_chmod", chmod("f", 0600));
}

static void explicit_times(void)
{
	struct timespec times[2] = {{.tv_sec = 1000000001, .tv_nsec = 123456789},
				    {.tv_sec = 2000000002, .tv_nsec = 987654321}};
	struct stat st;

	code("set", utimensat(AT_FDCWD, "f", times, 0));
	st = stat_of("f");
	say("atime", "%ld.%09ld", st.st_atim.tv_sec, st.st_atim.tv_nsec);
	say("mtime", "%ld.%09ld", st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	times[0].tv_nsec = UTIME_OMIT;
	times[1].tv_sec = 5;
	code("omit_atime", utimensat(AT_FDCWD, "f", times, 0));
	st = stat_of("f");
	number("omit_atime_kept", st.st_atim.tv_sec);
	number("omit_atime_mtime", st.st_mtim.tv_sec);
	times[0] = (struct timespec){.tv_sec = 7};
	times[1].tv_nsec = UTIME_OMIT;
	code("omit_mtime", utimensat(AT_FDCWD, "f", times, 0));
	st = stat_of("f");
	number("omit_mtime_atime", st.st_atim.tv_sec);
	number("omit_mtime_kept", st.st_mtim.tv_sec);
	times[0].tv_nsec = times[1].tv_nsec = UTIME_OMIT;
	code("omit_both", utimensat(AT_FDCWD, "f", times, 0));
	code("omit_both_missing", utimensat(AT_FDCWD, "no", times, 0));
	times[0].tv_nsec = UTIME_NOW;
	code("now_atime", utimensat(AT_FDCWD, "f", times, 0));
	st = stat_of("f");
	number("now_atime_recent", st.st_atim.tv_sec > 1500000000);
	number("now_atime_mtime", st.st_mtim.tv_sec);
	times[0].tv_nsec = times[1].tv_nsec = UTIME_NOW;
	code("now_both", utimensat(AT_FDCWD, "f", times, 0));
	number("now_both_recent", stat_of("f").st_mtim.tv_sec > 1500000000);
	code("null", utimensat(AT_FDCWD, "f", NULL, 0));
	times[0] = times[1] = (struct timespec){.tv_sec = 1, .tv_nsec = 1000000000};
	code("bad_nsec", utimensat(AT_FDCWD, "f", times, 0));
	times[0] = times[1] = (struct timespec){.tv_sec = -5, .tv_nsec = 1};
	code("before_1970", utimensat(AT_FDCWD, "f", times, 0));
	st = stat_of("f");
	say("before_1970_mtime", "%ld.%09ld", st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

void check_times(void)
{
	struct timespec times[2] = {{.tv_sec = 11}, {.tv_sec = 12}};
	int fd;

	put("f", "x");
	folder("d");
	symlink("f", "l");
	explicit_times();
	code("missing", utimensat(AT_FDCWD, "no", times, 0));
	code("folder", utimensat(AT_FDCWD, "d", times, 0));
	number("folder_mtime", stat_of("d").st_mtim.tv_sec);
	code("link", utimensat(AT_FDCWD, "l", times, AT_SYMLINK_NOFOLLOW));
	number("link_mtime", stat_of("l").st_mtim.tv_sec);
	number("link_target", stat_of("f").st_mtim.tv_sec == 12);
	code("through", utimensat(AT_FDCWD, "l", times, 0));
	number("through_mtime", stat_of("f").st_mtim.tv_sec);
	fd = must(open("f", O_RDONLY), "open");
	times[1].tv_sec = 13;
	code("futimens", futimens(fd, times));
	number("futimens_mtime", stat_of("f").st_mtim.tv_sec);
	close(fd);
	chmod("f", 0400);
	code("read_only_set", utimensat(AT_FDCWD, "f", times, 0));
	code("read_only_now", utimensat(AT_FDCWD, "f", NULL, 0));
	times[1].tv_sec = 6000000000;
	code("far", utimensat(AT_FDCWD, "d", times, 0));
	number("far_mtime", stat_of("d").st_mtim.tv_sec);
}

static void age(const char *path)
{
	utimensat(AT_FDCWD, path, (struct timespec[2]){{.tv_sec = 100}, {.tv_sec = 100}}, 0);
	tick();
}

/* Which of the times moved since @before: "m", "c", both or none. */
static void moved(const char *name, const char *path, struct stat before)
{
	struct stat now = stat_of(path);

	say(name, "%s%s", later(now.st_mtim, before.st_mtim) ? "m" : "-",
	    later(now.st_ctim, before.st_ctim) ? "c" : "-");
}

#define MOVES(name, path, action)                                                                  \
	do {                                                                                       \
		struct stat before;                                                                \
		age(path);                                                                         \
		before = stat_of(path);                                                            \
		tick();                                                                            \
		must((int)(action), name);                                                         \
		moved(name, path, before);                                                         \
	} while (0)

void check_changes(void)
{
	int fd;

	put("f", "abc");
	folder("d");
	folder("d2");
	fd = must(open("f", O_RDWR), "open");
	MOVES("write", "f", pwrite(fd, "x", 1, 0));
	MOVES("write_nothing", "f", write(fd, "", 0));
	MOVES("read", "f", pread(fd, &(char[1]){0}, 1, 0));
	MOVES("ftruncate", "f", ftruncate(fd, 10));
	MOVES("ftruncate_same", "f", ftruncate(fd, 10));
	MOVES("truncate_same", "f", truncate("f", 10));
	MOVES("open_trunc", "f", close(must(open("f", O_WRONLY | O_TRUNC), "open")));
	MOVES("open_trunc_empty", "f", close(must(open("f", O_WRONLY | O_TRUNC), "open")));
	MOVES("open_write_only", "f", close(must(open("f", O_WRONLY), "open")));
	MOVES("chmod", "f", chmod("f", 0600));
	MOVES("chmod_same", "f", chmod("f", 0600));
	MOVES("chown_same", "f", chown("f", geteuid(), getegid()));
	MOVES("link", "f", link("f", "f2"));
	MOVES("unlink_other", "f", unlink("f2"));
	MOVES("rename", "f", 0);
	MOVES("fallocate", "f", fallocate(fd, 0, 0, 100));
	MOVES("utimens_folder", "d", chmod("d", 0700));
	MOVES("folder_create", "d", close(must(open("d/a", O_CREAT | O_RDWR, 0600), "open")));
	MOVES("folder_open", "d", close(must(open("d/a", O_CREAT | O_RDWR, 0600), "open")));
	MOVES("folder_rename", "d", rename("d/a", "d/b"));
	MOVES("folder_rename_out", "d", rename("d/b", "d2/b"));
	MOVES("folder_rename_in", "d", rename("d2/b", "d/b"));
	MOVES("folder_unlink", "d", unlink("d/b"));
	MOVES("folder_mkdir", "d", mkdir("d/s", 0700));
	MOVES("folder_below", "d", mkdir("d/s/t", 0700));
	MOVES("folder_symlink", "d", symlink("x", "d/l"));
	MOVES("folder_link", "d", link("f", "d/h"));
	MOVES("folder_fifo", "d", mkfifo("d/p", 0600));
	close(fd);
	put("r", "x");
	struct stat before = stat_of("r");
	tick();
	must(rename("r", "r2"), "rename");
	moved("renamed_file", "r2", before);
}

static void whole_system(void)
{
	struct statvfs v;
	struct statfs s;

	code("statvfs", statvfs(".", &v));
	number("namemax", (long)v.f_namemax);
	number("blocks", v.f_blocks > 0 && v.f_bsize > 0 && v.f_files > 0);
	number("free", v.f_bavail <= v.f_bfree && v.f_bfree <= v.f_blocks);
	number("bsize", (long)v.f_bsize);
	number("frsize", (long)v.f_frsize);
	number("total", (long)(v.f_blocks & 0x7fffffff));
	number("nosuid", (v.f_flag & ST_NOSUID) != 0);
	number("readonly", (v.f_flag & ST_RDONLY) != 0);
	code("statfs_missing", statfs("no", &s));
}

void check_stat(void)
{
	struct statx x, y;
	struct stat st;
	char path[64];

	put("f", "0123456789");
	folder("d");
	whole_system();
	code("statx", statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS | STATX_BTIME, &x));
	say("statx_mask", "%x", x.stx_mask & STATX_BASIC_STATS);
	number("statx_size", (long)x.stx_size);
	say("statx_mode", "%o", x.stx_mode);
	number("statx_links", x.stx_nlink);
	number("statx_owner", x.stx_uid == geteuid());
	code("statx_sync", statx(AT_FDCWD, "f", AT_STATX_FORCE_SYNC, STATX_ALL, &y));
	code("statx_dont_sync", statx(AT_FDCWD, "f", AT_STATX_DONT_SYNC, STATX_ALL, &y));
	number("statx_same_inode", x.stx_ino == y.stx_ino);
	number("btime", (x.stx_mask & STATX_BTIME) != 0);
	number("blksize", x.stx_blksize);
	st = stat_of("f");
	number("stat_inode", st.st_ino == x.stx_ino);
	number("stat_one_device", st.st_dev == stat_of(".").st_dev);
	number("blocks_512", (long)st.st_blocks);
	code("statx_empty", statx(open("f", O_RDONLY), "", AT_EMPTY_PATH, STATX_SIZE, &y));
	code("statx_bad_mask", statx(AT_FDCWD, "f", 0, 0x80000000u, &y));
	code("missing", stat("no", &st));
	code("empty", stat("", &st));
	code("below_file", stat("f/x", &st));
	code("slash_file", stat("f/", &st));
	code("slash_folder", stat("d/", &st));
	code("bad_address", stat((const char *)8, &st));
	code("fstat_closed", fstat(999, &st));
	number("folder_size", stat_of("d").st_size);
	number("inode_of_dot", stat_of("d/.").st_ino == stat_of("d").st_ino);
	number("inode_of_dotdot", stat_of("d/..").st_ino == stat_of(".").st_ino);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", open("f", O_RDONLY));
	number("inode_by_proc", stat(path, &st) < 0 ? -1 : st.st_ino == x.stx_ino);
	number("inode_kept", stat_of("f").st_ino == x.stx_ino);
}

static void xattr_values(void)
{
	static char big[65536 + 1];
	char value[64], list[256];

	code("set", setxattr("f", "user.a", "value", 5, 0));
	number("get", getxattr("f", "user.a", value, sizeof(value)));
	number("get_size", getxattr("f", "user.a", NULL, 0));
	number("get_short", getxattr("f", "user.a", value, 2));
	number("get_missing", getxattr("f", "user.b", value, sizeof(value)));
	code("create_exists", setxattr("f", "user.a", "w", 1, XATTR_CREATE));
	code("create_new", setxattr("f", "user.b", "w", 1, XATTR_CREATE));
	code("replace", setxattr("f", "user.a", "longer value", 12, XATTR_REPLACE));
	code("replace_missing", setxattr("f", "user.c", "w", 1, XATTR_REPLACE));
	number("replaced", getxattr("f", "user.a", value, sizeof(value)));
	code("empty_value", setxattr("f", "user.e", "", 0, 0));
	number("empty_get", getxattr("f", "user.e", value, sizeof(value)));
	number("list", listxattr("f", list, sizeof(list)));
	number("list_size", listxattr("f", NULL, 0));
	number("list_short", listxattr("f", list, 3));
	code("too_big", setxattr("f", "user.big", big, 65537, 0));
	code("one_page", setxattr("f", "user.page", big, 2000, 0));
	number("one_page_get", getxattr("f", "user.page", big, sizeof(big)));
	code("remove", removexattr("f", "user.b"));
	code("remove_missing", removexattr("f", "user.b"));
	number("removed", getxattr("f", "user.b", value, sizeof(value)));
	memset(big, 'n', 255);
	memcpy(big, "user.", 5);
	big[255] = '\0';
	code("name_255", setxattr("f", big, "x", 1, 0));
	big[255] = 'n';
	big[256] = '\0';
	code("name_256", setxattr("f", big, "x", 1, 0));
	code("bad_flags", setxattr("f", "user.a", "x", 1, 64));
}

void check_xattr(void)
{
	char value[64];
	int fd;

	put("f", "x");
	folder("d");
	symlink("f", "l");
	symlink("no", "dangling");
	number("list_none", listxattr("f", value, sizeof(value)));
	xattr_values();
	code("missing", setxattr("no", "user.a", "x", 1, 0));
	code("no_prefix", setxattr("f", "plain", "x", 1, 0));
	code("no_name", setxattr("f", "user.", "x", 1, 0));
	code("trusted", setxattr("f", "trusted.a", "x", 1, 0));
	number("trusted_get", getxattr("f", "trusted.a", value, sizeof(value)));
	code("folder", setxattr("d", "user.a", "x", 1, 0));
	code("through", setxattr("l", "user.t", "x", 1, 0));
	code("on_link", lsetxattr("l", "user.t", "x", 1, 0));
	number("on_link_get", lgetxattr("l", "user.t", value, sizeof(value)));
	number("on_link_list", llistxattr("l", value, sizeof(value)));
	code("dangling", setxattr("dangling", "user.t", "x", 1, 0));
	fd = must(open("f", O_RDONLY), "open");
	code("fset", fsetxattr(fd, "user.f", "fd", 2, 0));
	number("fget", fgetxattr(fd, "user.f", value, sizeof(value)));
	code("fremove", fremovexattr(fd, "user.f"));
	close(fd);
	rename("f", "g");
	number("after_rename", getxattr("g", "user.a", value, sizeof(value)));
	chmod("g", 0400);
	code("read_only_set", setxattr("g", "user.a", "x", 1, 0));
	chmod("g", 0200);
	number("write_only_get", getxattr("g", "user.a", value, sizeof(value)));
}

void check_ioctl(void)
{
	int fd, n = -1, flags;

	put("f", "0123456789");
	fd = must(open("f", O_RDWR), "open");
	lseek(fd, 4, SEEK_SET);
	code("fionread", ioctl(fd, FIONREAD, &n));
	number("fionread_left", n);
	code("tty", ioctl(fd, TCGETS, &flags));
	number("isatty", isatty(fd));
	code("unknown", ioctl(fd, 0x12345678, &flags));
	code("getflags", ioctl(fd, FS_IOC_GETFLAGS, &flags));
	code("figetbsz", ioctl(fd, FIGETBSZ, &n));
	code("clone", ioctl(fd, FICLONE, fd));
	code("fibmap", ioctl(fd, FIBMAP, &n));
	close(fd);
}
