/* SPDX-License-Identifier: Apache-2.0 */
#include "package/signed.h"

#include "base/text.h"
#include "manifest/manifest.h"
#include "package/chain.h"
#include "package/key.h"
#include "package/name.h"
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

/* A copy beside the package, until it takes the package's place. */
struct copy {
	char path[PATH_MAX];
};

static void copy_done(struct copy *copy)
{
	if (copy->path[0])
		(void)unlink(copy->path); /* ours; gone already after success */
}

static int make_copy(const char *path, struct copy *ret, struct appsilo_error *err)
{
	const char *slash = strrchr(path, '/');
	int folder = slash ? (int)(slash - path) + 1 : 0;
	int n = snprintf(ret->path, sizeof(ret->path), "%.*s.%.200s.%d.new", folder, path, path + folder,
			 getpid());

	if (n >= (int)sizeof(ret->path)) {
		ret->path[0] = '\0';
		return error_set(err, -ENAMETOOLONG, "sign");
	}
	return msix_prepare_signature(path, ret->path, err);
}

/* Windows, and appsilo's install, refuse a package whose Publisher is another. */
static int check_publisher(struct msix *msix, const char *subject, struct appsilo_error *err)
{
	cleanup_free unsigned char *text = NULL;
	char canonical[PUBLISHER_MAX], signer[400], shown[400];
	struct manifest manifest;
	size_t size;
	int r = msix_read(msix, MSIX_MANIFEST, MANIFEST_SIZE_MAX, &text, &size, err);

	if (r == 0)
		r = manifest_parse((const char *)text, size, MSIX_MANIFEST, &manifest, err);
	if (r < 0)
		return r;
	r = name_canonical(manifest.identity.publisher, canonical, err);
	if (r == 0 && strcmp(canonical, subject) != 0)
		r = error_say(err, -EKEYREJECTED,
			      "its manifest says Publisher=%s, but the certificate is of %s; make one with "
			      "appsilo cert new --subject, or pack it with the other Publisher",
			      text_show(manifest.identity.publisher, shown, sizeof(shown)),
			      text_show(subject, signer, sizeof(signer)));
	manifest_done(&manifest);
	return r;
}

/* All of it about the copy: what was checked is what is signed. */
static int make_signature(const char *copy, const struct signing_key *key, const char *subject,
			  const struct msix_options *options, unsigned char **ret, size_t *ret_size,
			  struct appsilo_error *err)
{
	cleanup(msix_closep) struct msix *msix = NULL;
	unsigned char digests[MSIX_DIGESTS_MAX];
	struct msix_counts counts;
	size_t n;
	int r = msix_open(copy, options, &msix, err);

	if (r == 0)
		r = check_publisher(msix, subject, err);
	if (r == 0)
		r = msix_verify(msix, &counts, err);
	if (r == 0)
		r = msix_digests(msix, digests, &n, err);
	return r < 0 ? r : signature_make(key, digests, n, ret, ret_size, err);
}

static int replace(const char *copy, const char *path, const struct stat *st, struct appsilo_error *err)
{
	cleanup_close int fd = open(copy, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	/* On the disk before it has the name: a crash leaves the old file or the new one. */
	if (fd < 0 || fchmod(fd, st->st_mode & 07777) < 0 || fsync(fd) < 0 || rename(copy, path) < 0)
		return error_set(err, -errno, "sign: cannot replace the file");
	return 0;
}

static int sign_copy(const char *path, const struct stat *st, const struct signing_key *key,
		     const struct msix_options *options, const char *subject, struct appsilo_error *err)
{
	cleanup(copy_done) struct copy copy = {.path = ""};
	cleanup_free unsigned char *p7x = NULL;
	size_t size;
	int r = make_copy(path, &copy, err);

	if (r == 0)
		r = make_signature(copy.path, key, subject, options, &p7x, &size, err);
	if (r == 0)
		r = msix_add_signature(copy.path, p7x, size, err);
	return r < 0 ? r : replace(copy.path, path, st, err);
}

static int is_signed(const char *path, const struct msix_options *options, bool *ret,
		     struct appsilo_error *err)
{
	cleanup(msix_closep) struct msix *msix = NULL;
	cleanup_free unsigned char *p7x = NULL;
	size_t size;
	int r = msix_open(path, options, &msix, err);

	if (r == 0) {
		r = msix_read_signature(msix, &p7x, &size, err);
		*ret = r == 0;
	}
	return r == -ENOENT ? 0 : r;
}

int signed_sign(const char *path, const struct signing_key *key, const struct msix_options *options,
		struct signed_report *ret, struct appsilo_error *err)
{
	struct signed_report report = {0};
	char real[PATH_MAX], shown[512];
	struct stat st;
	int r;

	text_show(path, shown, sizeof(shown));
	/* Where a link points to is what is replaced, not the link. */
	if (!realpath(path, real) || stat(real, &st) < 0)
		return error_set(err, -errno, "%s", shown);
	if (name_write(X509_get_subject_name(key->certificate), report.subject) < 0 ||
	    chain_thumbprint(key->certificate, report.thumbprint) < 0)
		return error_say(err, -EKEYREJECTED, "sign: the certificate's subject is not text");
	r = is_signed(real, options, &report.replaced, err);
	if (r < 0)
		return r;
	r = sign_copy(real, &st, key, options, report.subject, err);
	if (r < 0)
		return error_prefix(err, "%s is not signed", shown);
	*ret = report;
	return 0;
}
