/* SPDX-License-Identifier: Apache-2.0 */
#include "package/key_file.h"

#include "base/text.h"
#include "package/cert.h"
#include "package/openssl.h"
#include <fcntl.h>
#include <openssl/pem.h>

int key_file_open(const char *path, struct key_file *ret, struct appsilo_error *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char shown[512];
	ssize_t n = 1;

	text_show(path, shown, sizeof(shown));
	if (fd < 0)
		return error_set(err, -errno, "%s", shown);
	ret->path = path;
	ret->bytes = OPENSSL_malloc(KEY_FILE_MAX + 1);
	if (!ret->bytes)
		return error_set(err, -ENOMEM, "%s", shown);
	while (n > 0 && ret->size <= KEY_FILE_MAX) {
		n = read(fd, ret->bytes + ret->size, KEY_FILE_MAX + 1 - ret->size);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			ret->size += (size_t)n;
	}
	if (n < 0)
		return error_set(err, -errno, "%s", shown);
	return ret->size > KEY_FILE_MAX
		       ? error_say(err, -EFBIG, "%s: too large for a key or certificate", shown)
		       : 0;
}

BIO *key_file_bio(const struct key_file *file)
{
	return BIO_new_mem_buf(file->bytes, (int)file->size);
}

PKCS12 *key_file_pkcs12(const struct key_file *file)
{
	const unsigned char *p = file->bytes;
	PKCS12 *pkcs12 = d2i_PKCS12(NULL, &p, (long)file->size);

	ERR_clear_error();
	return pkcs12;
}

void key_file_done(struct key_file *file)
{
	OPENSSL_clear_free(file->bytes, file->bytes ? KEY_FILE_MAX + 1 : 0);
}

static int no_pass(char *buffer, int size, int writing, void *data)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)data;
	return -1;
}

static int read_pem(const struct key_file *file, STACK_OF(X509) *all)
{
	cleanup(BIO_free_allp) BIO *bio = key_file_bio(file);
	X509 *one;

	if (!bio)
		return -ENOMEM;
	while ((one = PEM_read_bio_X509(bio, NULL, no_pass, NULL))) {
		if (sk_X509_num(all) >= CERT_FILE_CERTIFICATES_MAX || !sk_X509_push(all, one)) {
			X509_free(one);
			return -E2BIG;
		}
	}
	/* The end of the file is no error; a block that is not what it says is one. */
	return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? 0 : -EBADMSG;
}

static int read_der(const struct key_file *file, STACK_OF(X509) *all)
{
	const unsigned char *p = file->bytes;
	X509 *one = d2i_X509(NULL, &p, (long)file->size);

	if (!one || p != file->bytes + file->size || !sk_X509_push(all, one)) {
		X509_free(one);
		return -EBADMSG;
	}
	return 0;
}

static int read_pkcs12(const struct key_file *file, const struct pass_source *pass,
		       STACK_OF(X509) *all, struct appsilo_error *err)
{
	cleanup(key_freep) struct signing_key *key = calloc(1, sizeof(*key));
	int r = key ? key_read_pkcs12(file, pass, key, err) : -ENOMEM;

	if (r < 0)
		return r;
	if (key->certificate && sk_X509_push(all, key->certificate))
		key->certificate = NULL;
	while (sk_X509_num(key->chain) > 0) {
		X509 *one = sk_X509_shift(key->chain);

		if (!sk_X509_push(all, one)) {
			X509_free(one);
			return -ENOMEM;
		}
	}
	return 0;
}

int key_file_certificates(const char *path, const struct pass_source *pass, STACK_OF(X509) **ret,
			  struct appsilo_error *err)
{
	cleanup(x509_stack_freep) STACK_OF(X509) *all = sk_X509_new_null();
	cleanup(key_file_done) struct key_file file = {0};
	char shown[512];
	int r = all ? key_file_open(path, &file, err) : error_set(err, -ENOMEM, "certificate");

	if (r < 0)
		return r;
	text_show(path, shown, sizeof(shown));
	r = read_pkcs12(&file, pass, all, err);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == -ENOENT)
		r = file.size && file.bytes[0] == 0x30 ? read_der(&file, all) : read_pem(&file, all);
	ERR_clear_error();
	if (r == -E2BIG)
		return error_say(err, -EBADMSG, "%s: too many certificates", shown);
	if (r < 0)
		return error_say(err, -EBADMSG, "%s: a certificate in it is damaged", shown);
	if (sk_X509_num(all) == 0)
		return error_say(err, -EBADMSG, "%s: holds no certificate", shown);
	*ret = TAKE_PTR(all);
	return 0;
}
