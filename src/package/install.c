/* SPDX-License-Identifier: Apache-2.0 */
#include "package/install.h"

#include "base/fd.h"
#include "base/sha256.h"
#include "base/text.h"
#include "package/folder.h"
#include "package/launch_record.h"
#include "package/record.h"
#include "package/stamps.h"
#include "package/trust.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#define NEW_NAME ".new"
/* Where the block map's digest is in what a signature is over. */
#define MAP_DIGEST (4 + 3 * (4 + SHA256_SIZE) + 4)
/* Beside the contents: folders, record, stamps. */
#define SPARE_BYTES (1 << 20)

/* One install under way. */
struct install {
	const char *file; /* escaped */
	struct msix *msix; /* owned; every step reads through this one descriptor */
	const struct install_places *places;
	const struct install_options *options;
	void (*warn)(const char *line);
	struct install_report *report;
	int folder_fd;		    /* packages/, locked */
	char folder[PATH_MAX];
	unsigned char *manifest_text; /* owned; what was checked */
	size_t manifest_size;
	struct manifest manifest;
	unsigned char digests[MSIX_DIGESTS_MAX];
};

static void install_done(struct install *in)
{
	if (in->folder_fd >= 0)
		(void)!folder_remove(in->folder_fd, NEW_NAME); /* gone already after success */
	close_keep_errno(in->folder_fd);
	free(in->manifest_text);
	manifest_done(&in->manifest);
	msix_close(in->msix);
}

/* The digests of a signature say that something differs; the blocks say what and where. */
static bool name_damage(struct install *in, struct appsilo_error *err)
{
	struct appsilo_error damage = {0};

	if (msix_verify(in->msix, NULL, &damage) != -EBADMSG)
		return false;
	*err = damage;
	return true;
}

static int check_signature(struct install *in, struct appsilo_error *err)
{
	cleanup(trust_freep) struct trust *trust = NULL;
	cleanup_free unsigned char *p7x = NULL;
	size_t size, n;
	int r = msix_read_signature(in->msix, &p7x, &size, err);

	if (r == -ENOENT)
		return error_say(err, r, "%s: is not signed; sign it with appsilo sign", in->file);
	if (r == 0)
		r = msix_digests(in->msix, in->digests, &n, err);
	if (r == 0)
		r = trust_load(in->places->trust_dir, &trust, err);
	if (r == 0)
		r = signature_verify(p7x, size, in->digests, n, trust, time(NULL),
				     &in->report->signature, err);
	if (r == -EBADMSG && name_damage(in, err))
		return r;
	if (r == 0)
		r = signature_accept(&in->report->signature, in->manifest.identity.publisher, err);
	if (r < 0)
		error_prefix(err, "%s", in->file);
	return r;
}

/* What does it say, and who says so? Nothing is written before this. */
static int check(struct install *in, struct appsilo_error *err)
{
	char label[PATH_MAX + 64];
	int r = msix_read(in->msix, MANIFEST_FILE, MANIFEST_SIZE_MAX, &in->manifest_text,
			  &in->manifest_size, err);

	if (r < 0)
		return r;
	snprintf(label, sizeof(label), "%s: " MANIFEST_FILE, in->file);
	r = manifest_parse((const char *)in->manifest_text, in->manifest_size, label, &in->manifest,
			   err);
	if (r == 0 && !package_architecture_runs_here(in->manifest.identity.architecture))
		r = error_say(err, -ENOEXEC, "%s: is for %s, which is not this machine", in->file,
			      in->manifest.identity.architecture);
	return r < 0 ? r : check_signature(in, err);
}

static int file_digest(int dir_fd, const char *name, unsigned char ret[SHA256_SIZE])
{
	cleanup_close int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	unsigned char buffer[65536];
	struct sha256 hash;
	ssize_t n;

	if (fd < 0)
		return -errno;
	sha256_init(&hash);
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		sha256_add(&hash, buffer, (size_t)n);
	if (n < 0)
		return -errno;
	sha256_finish(&hash, ret);
	return 0;
}

static bool is_block_map(int dir_fd, const unsigned char wanted[SHA256_SIZE])
{
	unsigned char digest[SHA256_SIZE];

	return file_digest(dir_fd, MSIX_BLOCK_MAP, digest) == 0 &&
	       memcmp(digest, wanted, sizeof(digest)) == 0;
}

/* What does the version that is there allow? Sets the outcome. */
static int compare_installed(struct install *in, struct appsilo_error *err)
{
	const struct package_identity *id = &in->manifest.identity;
	struct installed_package *old = &in->report->package;
	cleanup_close int fd = -EBADF;
	int r = installed_find(in->places->data_dir, id->family, old);

	in->report->outcome = INSTALL_NEW;
	if (r == -ENOENT || (r == 0 && old->machine != in->places->machine))
		return 0;
	if (r < 0)
		return error_set(err, r, "install: %s", in->folder);
	in->report->before = old->identity.version;
	r = package_version_compare(&id->version, &old->identity.version);
	in->report->outcome = r > 0 ? INSTALL_UPGRADED : INSTALL_DOWNGRADED;
	if (r < 0 && !in->options->allow_downgrade)
		return error_say(err, -EEXIST,
				 "install: %s is newer and already installed; --allow-downgrade "
				 "replaces it", old->identity.full_name);
	if (r != 0)
		return 0;
	/* Neither is newer: which of the two the person wants is theirs to say. */
	if (strcmp(id->full_name, old->identity.full_name) != 0)
		return error_say(err, -EEXIST,
				 "install: %s is installed and has the same Version as %s; uninstall it first, or "
				 "give the new one a higher Version", old->identity.full_name, id->full_name);
	fd = open(old->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && stamps_check(fd, old->path, NULL) < 0)
		in->report->outcome = INSTALL_REPAIRED;
	else if (fd >= 0 && is_block_map(fd, in->digests + MAP_DIGEST))
		in->report->outcome = INSTALL_PRESENT;
	else
		return error_say(err, -EEXIST,
				 "install: %s is installed with other content; give the new one a "
				 "higher Version, or uninstall it first", id->full_name);
	return 0;
}

/* The file may have been changed between the check and now: what counts is what was
 * unpacked, so that is compared with what was checked. */
static int check_unpacked(struct install *in, int dir_fd, struct appsilo_error *err)
{
	cleanup_free char *text = malloc(in->manifest_size + 2);
	ssize_t n;

	if (!text)
		return error_set(err, -ENOMEM, "install");
	n = fd_read_file(dir_fd, MANIFEST_FILE, text, in->manifest_size + 2);
	if (n != (ssize_t)in->manifest_size || memcmp(text, in->manifest_text, (size_t)n) != 0 ||
	    !is_block_map(dir_fd, in->digests + MAP_DIGEST))
		return error_say(err, -ESTALE, "install: %s was changed while it was read", in->file);
	if (faccessat(dir_fd, RECORD_DIR, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return error_say(err, -EBADMSG, "install: %s holds a folder " RECORD_DIR, in->file);
	return 0;
}

static int check_executables(struct install *in, int dir_fd, struct appsilo_error *err)
{
	for (size_t i = 0; i < in->manifest.n_applications; i++) {
		const char *name = in->manifest.applications[i].executable;
		struct stat st;

		if (fstatat(dir_fd, name, &st, 0) < 0 || !S_ISREG(st.st_mode) ||
		    !(st.st_mode & S_IXUSR))
			return error_say(err, -ENOEXEC,
					 "install: %s: the executable %s is not in the package, or "
					 "not executable", in->file, name);
	}
	return 0;
}

/* Better before than in the middle. */
static int check_room(const struct install *in, struct appsilo_error *err)
{
	struct msix_counts counts;
	struct statvfs fs;
	uint64_t needed, there;

	if (fstatvfs(in->folder_fd, &fs) < 0)
		return error_set(err, -errno, "%s", in->folder);
	msix_count(in->msix, &counts);
	there = (uint64_t)fs.f_bavail * fs.f_frsize;
	needed = counts.bytes + SPARE_BYTES;
	return needed <= there ? 0
			       : error_say(err, -ENOSPC, "install: %s needs %llu MiB in %s, where %llu are free",
					   in->file, (unsigned long long)(needed >> 20), in->folder,
					   (unsigned long long)(there >> 20));
}

static int unpack(struct install *in, struct appsilo_error *err)
{
	cleanup_close int dir_fd = -EBADF;
	char path[PATH_MAX];
	int r = check_room(in, err);

	if (snprintf(path, sizeof(path), "%s/" NEW_NAME, in->folder) >= (int)sizeof(path))
		return error_set(err, -ENAMETOOLONG, "%s", in->folder);
	if (r == 0)
		r = msix_unpack(in->msix, path, false, NULL, err);
	if (r < 0)
		return r;
	dir_fd = openat(in->folder_fd, NEW_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd < 0)
		return error_set(err, -errno, "%s", path);
	r = check_unpacked(in, dir_fd, err);
	if (r == 0)
		r = check_executables(in, dir_fd, err);
	if (r == 0)
		r = launch_record_write(dir_fd, &in->manifest, &in->report->signature, err);
	if (r == 0 && fchmod(dir_fd, 0755) < 0)
		r = error_set(err, -errno, "%s", path);
	if (r == 0)
		r = stamps_write(dir_fd, path, err);
	/* Everything must be on disk before the name that says so. */
	if (r == 0 && syncfs(dir_fd) < 0)
		r = error_set(err, -errno, "%s", path);
	return r;
}

/* The one step that installs. A damaged one of the same name is exchanged. */
static int commit(struct install *in, struct appsilo_error *err)
{
	const char *name = in->manifest.identity.full_name;
	unsigned int flags = in->report->outcome == INSTALL_REPAIRED ? RENAME_EXCHANGE
								     : RENAME_NOREPLACE;
	struct installed_package *package = &in->report->package;

	if (renameat2(in->folder_fd, NEW_NAME, in->folder_fd, name, flags) < 0 ||
	    fsync(in->folder_fd) < 0)
		return error_set(err, -errno, "install: %s/%s", in->folder, name);
	package->identity = in->manifest.identity;
	package->machine = in->places->machine;
	return snprintf(package->path, sizeof(package->path), "%s/%s", in->folder, name) <
			       (int)sizeof(package->path)
		       ? 0
		       : error_set(err, -ENAMETOOLONG, "%s", in->folder);
}

/* A downgrade leaves the newer version beside it, which would win: it steps aside first, and
 * install_finish() puts it back if nothing takes its place. */
static int make_way(struct install *in, struct appsilo_error *err)
{
	struct installed_package *old = &in->report->package;
	int r = 0;

	if (in->report->outcome == INSTALL_DOWNGRADED)
		r = install_set_aside(in->folder_fd, old->identity.full_name);
	return r < 0 ? error_set(err, r, "install: replace %s", old->path) : 0;
}

/* Whoever installs it again wants it to start: aliases and menu entries that were removed, or
 * that name a program that has moved, are made again. */
static int renew(struct install *in, struct appsilo_error *err)
{
	const struct installed_package *package = &in->report->package;
	char done[NAME_MAX + sizeof("/" INSTALL_DONE_FILE)];

	snprintf(done, sizeof(done), "%s/" INSTALL_DONE_FILE, package->identity.full_name);
	if (unlinkat(in->folder_fd, done, 0) < 0 && errno != ENOENT)
		return error_set(err, -errno, "%s/" INSTALL_DONE_FILE, package->path);
	return install_finish(in->places, in->folder_fd, in->warn, err);
}

int install_package(const char *file, const struct install_places *places,
		    const struct install_options *options, void (*warn)(const char *line),
		    struct install_report *ret, struct appsilo_error *err)
{
	char shown[PATH_MAX];
	cleanup(install_done) struct install in = {
		.file = text_show(file, shown, sizeof(shown)), .places = places, .options = options,
		.warn = warn, .report = ret, .folder_fd = -EBADF};
	int r;

	*ret = (struct install_report){0};
	if (snprintf(in.folder, sizeof(in.folder), "%s/" INSTALLED_PACKAGES, places->data_dir) >=
	    (int)sizeof(in.folder))
		return error_set(err, -ENAMETOOLONG, "%s", places->data_dir);
	r = msix_open(file, &options->msix, &in.msix, err);
	if (r == 0)
		r = check(&in, err);
	if (r == 0) {
		in.folder_fd = folder_lock(places->data_dir, true, true, err);
		r = in.folder_fd < 0 ? in.folder_fd : 0;
	}
	if (r == 0)
		r = install_finish(places, in.folder_fd, warn, err);
	if (r == 0)
		r = compare_installed(&in, err);
	if (r == 0 && ret->outcome == INSTALL_PRESENT)
		return renew(&in, err);
	if (r < 0)
		return r;
	r = unpack(&in, err);
	if (r == 0)
		r = make_way(&in, err);
	if (r == 0)
		r = commit(&in, err);
	return r < 0 ? r : install_finish(places, in.folder_fd, warn, err);
}
