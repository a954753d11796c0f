/* SPDX-License-Identifier: Apache-2.0 */
#include "package/trust.h"

#include "base/fd.h"
#include "base/text.h"
#include "package/cert.h"
#include "package/chain.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define SUFFIX ".pem"
#define FILE_NAME_SIZE (THUMBPRINT_SIZE + sizeof(SUFFIX))
#define TIMESTAMP_FOLDER "timestamp"

/* Whoever can write here decides what may be installed. */
static int check_owner(int fd, bool machine, const char *path, struct appsilo_error *err)
{
	uid_t owner = machine ? 0 : geteuid();
	char shown[PATH_MAX];
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_set(err, -errno, "%s", text_show(path, shown, sizeof(shown)));
	if (st.st_uid == owner && !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	return error_say(err, -EPERM, "%s: must belong to %s and be writable by nobody else; repair it",
			 text_show(path, shown, sizeof(shown)), machine ? "root" : "you");
}

/* Returns a directory fd; -ENOENT; -errno with the line. */
static int open_folder(const char *path, bool machine, struct appsilo_error *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char shown[PATH_MAX];
	int r;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0)
		return error_set(err, -errno, "%s", text_show(path, shown, sizeof(shown)));
	r = check_owner(fd, machine, path, err);
	return r < 0 ? r : TAKE_FD(fd);
}

static ssize_t read_all(int fd, char *ret, size_t size)
{
	size_t used = 0;
	ssize_t n = 1;

	while (n > 0 && used < size) {
		n = read(fd, ret + used, size - used);
		if (n > 0)
			used += (size_t)n;
		else if (n < 0 && errno == EINTR)
			n = 1;
	}
	return n < 0 ? -errno : used == size ? -EFBIG : (ssize_t)used;
}

static int read_certificate(int folder_fd, const char *path, const char *name, bool machine,
			    X509 **ret, struct appsilo_error *err)
{
	cleanup_close int fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	cleanup_free char *text = malloc(TRUST_FILE_MAX);
	cleanup(BIO_free_allp) BIO *bio = NULL;
	cleanup(X509_freep) X509 *certificate = NULL;
	char thumbprint[THUMBPRINT_SIZE];
	ssize_t n;
	int r;

	if (!text)
		return error_set(err, -ENOMEM, "trust");
	if (fd < 0)
		return error_set(err, -errno, "%s/%s", path, name);
	r = check_owner(fd, machine, path, err);
	if (r < 0)
		return r;
	n = read_all(fd, text, TRUST_FILE_MAX);
	bio = n < 0 ? NULL : BIO_new_mem_buf(text, (int)n);
	certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	ERR_clear_error();
	if (!certificate || chain_thumbprint(certificate, thumbprint) < 0 ||
	    strncmp(thumbprint, name, THUMBPRINT_SIZE - 1) != 0)
		return error_say(err, -EBADMSG, "%s/%s: is not the certificate its name says; nothing is "
				 "trusted until it is removed", path, name);
	*ret = TAKE_PTR(certificate);
	return 0;
}

static int append(struct trust *trust, X509 *certificate, enum trust_kind kind, bool machine)
{
	struct trusted *list = reallocarray(trust->list, trust->n + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	trust->list = list;
	list[trust->n] = (struct trusted){.kind = kind, .machine = machine, .certificate = certificate};
	if (chain_thumbprint(certificate, list[trust->n].thumbprint) < 0)
		return -EIO;
	trust->n++;
	return 0;
}

static bool is_name(const char *name)
{
	return strspn(name, "0123456789abcdef") == THUMBPRINT_SIZE - 1 &&
	       strcmp(name + THUMBPRINT_SIZE - 1, SUFFIX) == 0;
}

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* Other files, as a README or what an interrupted `trust add` left, make nothing trusted. */
static int load_kind(struct trust *trust, const char *path, enum trust_kind kind, bool machine,
		     struct appsilo_error *err)
{
	cleanup(close_dir) DIR *dir = NULL;
	int fd = open_folder(path, machine, err);
	size_t count = 0;
	struct dirent *entry;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	dir = fdopendir(fd);
	if (!dir) {
		close_keep_errno(fd);
		return error_set(err, -errno, "%s", path);
	}
	while ((entry = readdir(dir))) {
		X509 *certificate = NULL;
		int r;

		if (!is_name(entry->d_name))
			continue;
		if (++count > TRUST_CERTIFICATES_MAX)
			return error_say(err, -E2BIG, "%s: more than %d certificates", path,
					 TRUST_CERTIFICATES_MAX);
		r = read_certificate(dirfd(dir), path, entry->d_name, machine, &certificate, err);
		if (r == 0 && append(trust, certificate, kind, machine) < 0) {
			X509_free(certificate);
			r = error_set(err, -ENOMEM, "trust");
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int timestamp_folder(const char *folder, char ret[PATH_MAX], struct appsilo_error *err)
{
	return snprintf(ret, PATH_MAX, "%s/" TIMESTAMP_FOLDER, folder) < PATH_MAX
		       ? 0
		       : error_set(err, -ENAMETOOLONG, "%s", folder);
}

int trust_load_folder(struct trust *trust, const char *folder, bool machine,
		      struct appsilo_error *err)
{
	char below[PATH_MAX];
	int r = timestamp_folder(folder, below, err);

	if (r == 0)
		r = load_kind(trust, folder, TRUST_SIGNER, machine, err);
	return r < 0 ? r : load_kind(trust, below, TRUST_TIMESTAMP, machine, err);
}

static int compare(const void *a, const void *b)
{
	const struct trusted *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return strcmp(x->thumbprint, y->thumbprint);
}

int trust_load(const char *data_dir, struct trust **ret, struct appsilo_error *err)
{
	cleanup(trust_freep) struct trust *trust = calloc(1, sizeof(*trust));
	char folder[PATH_MAX];
	int r;

	if (!trust)
		return error_set(err, -ENOMEM, "trust");
	r = trust_load_folder(trust, TRUST_MACHINE_DIR, true, err);
	if (r == 0 && data_dir) {
		if (snprintf(folder, sizeof(folder), "%s/trust", data_dir) >= (int)sizeof(folder))
			return error_set(err, -ENAMETOOLONG, "%s", data_dir);
		r = trust_load_folder(trust, folder, false, err);
	}
	if (r < 0)
		return r;
	if (trust->n)
		qsort(trust->list, trust->n, sizeof(*trust->list), compare);
	*ret = TAKE_PTR(trust);
	return 0;
}

/* Could it ever make anything trusted? A certificate that cannot is most likely the wrong one. */
static int check_useful(X509 *certificate, enum trust_kind kind, struct appsilo_error *err)
{
	struct chain_verdict own;
	struct cert_facts facts;
	char shown[400];
	const char *problem;

	if (cert_describe(certificate, &facts) < 0)
		return error_say(err, -EKEYREJECTED, "trust: the certificate cannot be read");
	text_show(facts.subject, shown, sizeof(shown));
	if (facts.not_after < time(NULL))
		return error_say(err, -EKEYREJECTED, "trust: the certificate of %s has expired", shown);
	problem = chain_key_problem(X509_get0_pubkey(certificate));
	if (problem)
		return error_say(err, -EKEYREJECTED, "trust: the certificate of %s is too weak: %s", shown,
				 problem);
	if (facts.authority)
		return 0;
	chain_judge_signer(certificate, kind, &own);
	return own.verdict == SIGNATURE_TRUSTED
		       ? 0
		       : error_say(err, -EKEYREJECTED, "trust: of no use for %s, %s: %s",
				   kind == TRUST_SIGNER ? "packages" : "time stamps", shown, own.reason);
}

static int make_folder(const char *path, bool machine, struct appsilo_error *err)
{
	char part[PATH_MAX];
	mode_t mode = machine ? 0755 : 0700;

	for (const char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", slash ? (int)(slash - path) : PATH_MAX - 1, path);
		if (mkdir(part, mode) < 0 && errno != EEXIST)
			return error_set(err, -errno, "%s", part);
		if (!slash)
			return 0;
	}
}

static int write_certificate(int fd, const char *folder, const char *name, X509 *certificate,
			     struct appsilo_error *err)
{
	cleanup(BIO_free_allp) BIO *bio = BIO_new(BIO_s_mem());
	cleanup_close int file_fd = -EBADF;
	char temporary[32], *text;
	long n = bio && PEM_write_bio_X509(bio, certificate) ? BIO_get_mem_data(bio, &text) : 0;
	int r;

	if (n <= 0)
		return error_set(err, -ENOMEM, "trust");
	/* It has the name that counts when it is whole. */
	snprintf(temporary, sizeof(temporary), ".new-%d", getpid());
	(void)unlinkat(fd, temporary, 0); /* of a process that was killed */
	file_fd = openat(fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (file_fd < 0)
		return error_set(err, -errno, "%s", folder);
	r = fd_write_all(file_fd, text, (size_t)n);
	if (r == 0 && (fchmod(file_fd, 0644) < 0 || fsync(file_fd) < 0))
		r = -errno;
	if (r == 0 && renameat2(fd, temporary, fd, name, RENAME_NOREPLACE) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(fd, temporary, 0);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return r < 0 && r != -EEXIST ? error_set(err, r, "%s/%s", folder, name) : r;
}

int trust_add(const char *folder, bool machine, X509 *certificate, enum trust_kind kind,
	      struct appsilo_error *err)
{
	char name[FILE_NAME_SIZE], path[PATH_MAX];
	cleanup_close int fd = -EBADF;
	int r = check_useful(certificate, kind, err);

	if (r == 0 && kind == TRUST_TIMESTAMP)
		r = timestamp_folder(folder, path, err);
	else if (r == 0 && snprintf(path, sizeof(path), "%s", folder) >= (int)sizeof(path))
		r = error_set(err, -ENAMETOOLONG, "%s", folder);
	if (r == 0 && chain_thumbprint(certificate, name) < 0)
		r = error_set(err, -EIO, "trust");
	if (r < 0)
		return r;
	strcat(name, SUFFIX);
	r = make_folder(path, machine, err);
	fd = r < 0 ? r : open_folder(path, machine, err);
	if (fd < 0)
		return r < 0 ? r : fd;
	r = write_certificate(fd, path, name, certificate, err);
	return r == -EEXIST ? error_say(err, r, "trust: this certificate is trusted already") : r;
}

int trust_remove(const char *folder, const char *thumbprint, struct appsilo_error *err)
{
	char path[2][PATH_MAX + FILE_NAME_SIZE];
	int removed = 0;

	if (strlen(thumbprint) != THUMBPRINT_SIZE - 1 ||
	    strspn(thumbprint, "0123456789abcdef") != THUMBPRINT_SIZE - 1)
		return error_say(err, -EINVAL, "trust: a thumbprint has 64 hexadecimal digits");
	snprintf(path[0], sizeof(path[0]), "%.4000s/%s" SUFFIX, folder, thumbprint);
	snprintf(path[1], sizeof(path[1]), "%.4000s/" TIMESTAMP_FOLDER "/%s" SUFFIX, folder, thumbprint);
	for (size_t i = 0; i < ARRAY_SIZE(path); i++) {
		if (unlink(path[i]) == 0)
			removed++;
		else if (errno != ENOENT && errno != ENOTDIR)
			return error_set(err, -errno, "%s", path[i]);
	}
	return removed ? 0 : -ENOENT;
}

void trust_free(struct trust *trust)
{
	if (!trust)
		return;
	for (size_t i = 0; i < trust->n; i++)
		X509_free(trust->list[i].certificate);
	free(trust->list);
	free(trust);
}
