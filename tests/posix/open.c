/* SPDX-License-Identifier: Apache-2.0 */
/* Opening: flags, creation, and who may. */
#include "check.h"

#include <linux/openat2.h>
#include <sys/syscall.h>

static void create_and_exclusive(void)
{
	int fd;

	opens("missing", open("nope", O_RDONLY));
	opens("missing_rdwr", open("nope", O_RDWR));
	opens("empty_name", open("", O_RDONLY));
	opens("create", open("new", O_CREAT | O_WRONLY, 0640));
	mode_of("create_mode", "new");
	opens("create_again", open("new", O_CREAT | O_WRONLY, 0600));
	mode_of("create_again_mode", "new");
	opens("excl_new", open("excl", O_CREAT | O_EXCL | O_RDWR, 0666));
	mode_of("excl_mode", "excl");
	opens("excl_exists", open("excl", O_CREAT | O_EXCL | O_RDWR, 0666));
	symlink("nowhere", "dangling");
	opens("excl_dangling", open("dangling", O_CREAT | O_EXCL | O_RDWR, 0666));
	opens("create_through_dangling", open("dangling", O_CREAT | O_RDWR, 0666));
	mode_of("made_through_link", "nowhere");
	opens("creat", creat("creat", 0604));
	mode_of("creat_mode", "creat");
	umask(0);
	opens("umask0", open("umask0", O_CREAT | O_WRONLY, 0666));
	mode_of("umask0_mode", "umask0");
	umask(0177);
	opens("umask177", open("umask177", O_CREAT | O_WRONLY, 0777));
	mode_of("umask177_mode", "umask177");
	umask(022);
	opens("setuid", open("setuid", O_CREAT | O_WRONLY, 06755));
	mode_of("setuid_mode", "setuid");
	/* Mode bits do not bind the descriptor that made the file. */
	fd = open("readonly", O_CREAT | O_RDWR, 0400);
	code("create_0400_rdwr", fd);
	number("create_0400_write", write(fd, "abc", 3));
	close(fd);
	fd = open("zero", O_CREAT | O_EXCL | O_RDWR, 0);
	code("create_0000_rdwr", fd);
	number("create_0000_write", write(fd, "abc", 3));
	number("create_0000_read", pread(fd, &(char[4]){0}, 3, 0));
	close(fd);
}

static void truncation(void)
{
	int fd;

	put("t", "0123456789");
	opens("trunc_wronly", open("t", O_WRONLY | O_TRUNC));
	number("trunc_size", stat_of("t").st_size);
	put("t", "0123456789");
	opens("trunc_rdonly", open("t", O_RDONLY | O_TRUNC));
	number("trunc_rdonly_size", stat_of("t").st_size);
	put("t", "0123456789");
	opens("trunc_create", open("t", O_CREAT | O_TRUNC | O_RDWR, 0600));
	number("trunc_create_size", stat_of("t").st_size);
	put("t", "0123456789");
	fd = open("t", O_RDONLY);
	opens("trunc_while_open", open("t", O_WRONLY | O_TRUNC));
	number("trunc_seen_by_reader", read(fd, &(char[16]){0}, 16));
	close(fd);
	opens("trunc_missing", open("t-nope", O_WRONLY | O_TRUNC));
	opens("wronly_rdwr_both", open("t", 3));
	fd = open("t", O_WRONLY);
	number("read_on_wronly", read(fd, &(char[1]){0}, 1));
	close(fd);
	fd = open("t", O_RDONLY);
	number("write_on_rdonly", write(fd, "x", 1));
	close(fd);
}

static void kinds(void)
{
	folder("d");
	put("d/f", "in");
	symlink("d", "to-d");
	symlink("d/f", "to-f");
	symlink("loop2", "loop1");
	symlink("loop1", "loop2");
	opens("dir_rdonly", open("d", O_RDONLY));
	opens("dir_wronly", open("d", O_WRONLY));
	opens("dir_rdwr", open("d", O_RDWR));
	opens("dir_create", open("d", O_RDONLY | O_CREAT, 0600));
	opens("dir_creat_wr", open("d", O_WRONLY | O_CREAT, 0600));
	opens("dir_trunc", open("d", O_RDONLY | O_TRUNC));
	opens("directory_on_dir", open("d", O_RDONLY | O_DIRECTORY));
	opens("directory_on_file", open("d/f", O_RDONLY | O_DIRECTORY));
	opens("directory_on_link", open("to-d", O_RDONLY | O_DIRECTORY));
	opens("directory_nofollow", open("to-d", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
	opens("directory_create", open("dc", O_RDONLY | O_DIRECTORY | O_CREAT, 0700));
	opens("nofollow_file", open("d/f", O_RDONLY | O_NOFOLLOW));
	opens("nofollow_link", open("to-f", O_RDONLY | O_NOFOLLOW));
	opens("nofollow_create", open("to-f", O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
	opens("nofollow_below_link", open("to-d/f", O_RDONLY | O_NOFOLLOW));
	opens("loop", open("loop1", O_RDONLY));
	opens("loop_create", open("loop1", O_RDWR | O_CREAT, 0600));
	opens("slash_on_file", open("d/f/", O_RDONLY));
	opens("below_file", open("d/f/x", O_RDONLY));
	opens("create_below_file", open("d/f/x", O_RDWR | O_CREAT, 0600));
	opens("create_slash", open("d/made/", O_RDWR | O_CREAT, 0600));
	opens("create_no_parent", open("nope/x", O_RDWR | O_CREAT, 0600));
	opens("dot", open("d/.", O_RDONLY));
	opens("dotdot", open("d/..", O_RDONLY));
	opens("dotdot_file", open("d/../d/f", O_RDONLY));
	opens("create_dot", open("d/.", O_RDWR | O_CREAT, 0600));
	opens("double_slash", open("d//f", O_RDONLY));
	opens("case_differs", open("D/F", O_RDONLY));
	opens("at_file", openat(open("d/f", O_RDONLY), "x", O_RDONLY));
	opens("at_bad_fd", openat(999, "x", O_RDONLY));
	opens("at_dir", openat(open("d", O_RDONLY), "f", O_RDONLY));
}

void check_open(void)
{
	create_and_exclusive();
	truncation();
	kinds();
}

static int open2(int dir_fd, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {.flags = flags, .resolve = resolve};

	if (flags & O_CREAT)
		how.mode = 0644;
	return (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
}

static void with_openat2(void)
{
	int dir_fd;

	folder("r");
	put("r/f", "in");
	put("out", "out");
	symlink("f", "r/to-f");
	symlink("../out", "r/to-out");
	symlink("/f", "r/absolute");
	dir_fd = open("r", O_RDONLY);
	opens("how_plain", open2(dir_fd, "f", O_RDONLY, 0));
	opens("how_beneath", open2(dir_fd, "to-f", O_RDONLY, RESOLVE_BENEATH));
	opens("how_beneath_out", open2(dir_fd, "to-out", O_RDONLY, RESOLVE_BENEATH));
	opens("how_beneath_dotdot", open2(dir_fd, "../out", O_RDONLY, RESOLVE_BENEATH));
	opens("how_in_root", open2(dir_fd, "absolute", O_RDONLY, RESOLVE_IN_ROOT));
	opens("how_no_symlinks", open2(dir_fd, "to-f", O_RDONLY, RESOLVE_NO_SYMLINKS));
	opens("how_no_xdev", open2(dir_fd, "f", O_RDONLY, RESOLVE_NO_XDEV));
	opens("how_create", open2(dir_fd, "made", O_RDWR | O_CREAT | O_EXCL, RESOLVE_BENEATH));
	opens("how_exists", open2(dir_fd, "made", O_RDWR | O_CREAT | O_EXCL, 0));
	opens("how_bad_flags", open2(dir_fd, "f", 1ull << 40, 0));
	close(dir_fd);
}

static void with_o_path(void)
{
	struct stat st;
	char target[64];
	int fd;

	put("p", "abc");
	symlink("p", "to-p");
	fd = open("p", O_PATH);
	code("path_open", fd);
	number("path_read", read(fd, target, 1));
	number("path_fstat", fstat(fd, &st) < 0 ? -1 : st.st_size);
	code("path_fchmod", fchmod(fd, 0600));
	code("path_ftruncate", ftruncate(fd, 0));
	close(fd);
	fd = open("to-p", O_PATH | O_NOFOLLOW);
	number("path_link", fstat(fd, &st) < 0 ? -1 : (st.st_mode & S_IFMT) == S_IFLNK);
	number("path_readlink", readlinkat(fd, "", target, sizeof(target)));
	close(fd);
	opens("path_missing", open("nope", O_PATH));
}

static void with_tmpfile(void)
{
	char path[64];
	struct stat st;
	int fd;

	opens("tmp_rdonly", open(".", O_TMPFILE | O_RDONLY, 0600));
	opens("tmp_on_file", open("p", O_TMPFILE | O_RDWR, 0600));
	fd = open(".", O_TMPFILE | O_RDWR, 0640);
	code("tmp_open", fd);
	if (fd < 0)
		return;
	number("tmp_write", write(fd, "temporary", 9));
	number("tmp_links", fstat(fd, &st) < 0 ? -1 : (long)st.st_nlink);
	say("tmp_mode", "%o", st.st_mode);
	number("tmp_read", pread(fd, path, 4, 5));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	code("tmp_link", linkat(AT_FDCWD, path, AT_FDCWD, "tmp-kept", AT_SYMLINK_FOLLOW));
	content("tmp_content", "tmp-kept");
	number("tmp_links_now", fstat(fd, &st) < 0 ? -1 : (long)st.st_nlink);
	close(fd);
	fd = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600);
	code("tmp_excl", fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	code("tmp_excl_link", linkat(AT_FDCWD, path, AT_FDCWD, "tmp-not", AT_SYMLINK_FOLLOW));
	close(fd);
}

static void status_flags(void)
{
	static const struct {
		const char *name;
		int flags;
	} kinds[] = {
		{"flags_append", O_RDWR | O_APPEND},   {"flags_nonblock", O_RDONLY | O_NONBLOCK},
		{"flags_sync", O_WRONLY | O_SYNC},     {"flags_dsync", O_WRONLY | O_DSYNC},
		{"flags_noatime", O_RDONLY | O_NOATIME}, {"flags_direct", O_RDWR | O_DIRECT},
		{"flags_creat", O_RDWR | O_CREAT},     {"flags_nofollow", O_RDONLY | O_NOFOLLOW},
	};
	int fd;

	put("s", "abc");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		fd = open("s", kinds[i].flags, 0600);
		say(kinds[i].name, "%x", fd < 0 ? errno : fcntl(fd, F_GETFL) & ~O_ACCMODE);
		close(fd);
	}
	fd = open("s", O_RDWR);
	code("setfl_append", fcntl(fd, F_SETFL, O_APPEND));
	number("setfl_write", write(fd, "def", 3));
	content("setfl_content", "s");
	code("setfl_clear", fcntl(fd, F_SETFL, 0));
	number("setfl_pwrite", pwrite(fd, "X", 1, 0));
	content("setfl_cleared_content", "s");
	code("setfl_direct", fcntl(fd, F_SETFL, O_DIRECT));
	close(fd);
}

static void direct(void)
{
	char *page = NULL;
	int fd = open("direct", O_RDWR | O_CREAT | O_DIRECT, 0600);

	code("direct_open", fd);
	if (fd < 0 || posix_memalign((void **)&page, 4096, 8192) != 0)
		return;
	memset(page, 'd', 8192);
	number("direct_write", write(fd, page, 8192));
	number("direct_size", stat_of("direct").st_size);
	memset(page, 0, 8192);
	number("direct_read", pread(fd, page, 4096, 4096));
	say("direct_byte", "%c", page[4095]);
	number("direct_at_end", pread(fd, page, 4096, 8192));
	close(fd);
	fd = open("direct", O_RDONLY);
	number("direct_seen_cached", pread(fd, page, 1, 8191));
	close(fd);
	free(page);
}

void check_open_special(void)
{
	with_openat2();
	with_o_path();
	with_tmpfile();
	status_flags();
	direct();
}

static void on_files(void)
{
	put("no", "x");
	chmod("no", 0);
	opens("file_000_read", open("no", O_RDONLY));
	opens("file_000_write", open("no", O_WRONLY));
	opens("file_000_path", open("no", O_PATH));
	opens("file_000_create", open("no", O_RDWR | O_CREAT, 0600));
	opens("file_000_excl", open("no", O_RDWR | O_CREAT | O_EXCL, 0600));
	code("file_000_truncate", truncate("no", 0));
	code("file_000_stat", stat("no", &(struct stat){0}));
	chmod("no", 0400);
	opens("file_400_read", open("no", O_RDONLY));
	opens("file_400_write", open("no", O_WRONLY));
	opens("file_400_trunc", open("no", O_RDONLY | O_TRUNC));
	chmod("no", 0200);
	opens("file_200_read", open("no", O_RDONLY));
	opens("file_200_write", open("no", O_WRONLY));
	/* The owner's bits count, even if others may. */
	chmod("no", 0077);
	opens("file_077_read", open("no", O_RDONLY));
	code("unlink_000", unlink("no"));
}

static void on_folders(void)
{
	folder("d");
	put("d/f", "x");
	chmod("d", 0600); /* no search */
	opens("folder_600_list", open("d", O_RDONLY | O_DIRECTORY));
	opens("folder_600_inside", open("d/f", O_RDONLY));
	code("folder_600_stat", stat("d/f", &(struct stat){0}));
	if (code("folder_600_chdir", chdir("d")) == 0)
		must(chdir(".."), "chdir");
	chmod("d", 0300); /* no listing */
	opens("folder_300_list", open("d", O_RDONLY | O_DIRECTORY));
	opens("folder_300_inside", open("d/f", O_RDONLY));
	opens("folder_300_create", open("d/g", O_WRONLY | O_CREAT, 0600));
	chmod("d", 0500); /* no change */
	opens("folder_500_create", open("d/h", O_WRONLY | O_CREAT, 0600));
	opens("folder_500_open", open("d/f", O_WRONLY));
	code("folder_500_unlink", unlink("d/f"));
	code("folder_500_mkdir", mkdir("d/m", 0700));
	code("folder_500_rename", rename("d/f", "d/r"));
	code("folder_500_rename_out", rename("d/f", "r"));
	code("folder_500_link", link("d/f", "d/l"));
	code("folder_500_symlink", symlink("x", "d/s"));
	code("folder_500_mkfifo", mkfifo("d/p", 0600));
	opens("folder_500_tmpfile", open("d", O_TMPFILE | O_RDWR, 0600));
	chmod("d", 0700);
	code("folder_700_unlink", unlink("d/f"));
}

static void with_access(void)
{
	put("a", "x");
	chmod("a", 0640);
	code("access_f", access("a", F_OK));
	code("access_r", access("a", R_OK));
	code("access_w", access("a", W_OK));
	code("access_x", access("a", X_OK));
	chmod("a", 0444);
	code("access_444_w", access("a", W_OK));
	code("access_444_rw", access("a", R_OK | W_OK));
	chmod("a", 0111);
	code("access_111_x", access("a", X_OK));
	code("access_111_r", access("a", R_OK));
	code("access_missing", access("nope", F_OK));
	code("access_missing_w", access("nope", W_OK));
	code("access_bad_mode", access("a", 64));
	code("access_folder_x", access(".", X_OK));
	code("access_folder_w", access(".", W_OK));
	code("access_effective", faccessat(AT_FDCWD, "a", R_OK, AT_EACCESS));
	symlink("nowhere", "l");
	code("access_dangling", access("l", F_OK));
	code("access_nofollow", faccessat(AT_FDCWD, "l", F_OK, AT_SYMLINK_NOFOLLOW));
}

void check_permissions(void)
{
	on_files();
	on_folders();
	with_access();
}
