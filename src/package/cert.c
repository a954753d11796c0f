/* SPDX-License-Identifier: Apache-2.0 */
#include "package/cert.h"

#include "base/fd.h"
#include "base/path.h"
#include "base/text.h"
#include "package/chain.h"
#include "package/key_file.h"
#include "package/name.h"
#include <fcntl.h>
#include <limits.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <string.h>
#include <sys/stat.h>

#define RSA_BITS 3072
#define SERIAL_BYTES 16
#define CLOCK_SLACK_S 300 /* a verifier's clock may be behind */
#define DAY_S 86400
#define PKCS12_ROUNDS 100000

static bool add_extension(X509 *certificate, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;
	bool good;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	good = extension && X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
	return good;
}

static bool set_serial(X509 *certificate)
{
	unsigned char bytes[SERIAL_BYTES];
	BIGNUM *number;
	bool good;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] = (bytes[0] & 0x7f) | 0x40; /* positive, of full length */
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	good = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
	BN_free(number);
	return good;
}

static bool fill(X509 *certificate, EVP_PKEY *key, const X509_NAME *name, int days)
{
	return X509_set_version(certificate, X509_VERSION_3) && set_serial(certificate) &&
	       X509_set_subject_name(certificate, name) && X509_set_issuer_name(certificate, name) &&
	       X509_gmtime_adj(X509_getm_notBefore(certificate), -CLOCK_SLACK_S) &&
	       X509_time_adj_ex(X509_getm_notAfter(certificate), days, 0, NULL) &&
	       X509_set_pubkey(certificate, key) &&
	       add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(certificate, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(certificate, NID_ext_key_usage, "codeSigning") &&
	       add_extension(certificate, NID_subject_key_identifier, "hash") &&
	       X509_sign(certificate, key, EVP_sha256()) > 0;
}

int cert_make(const struct cert_request *request, struct signing_key **ret,
	      struct appsilo_error *err)
{
	cleanup(key_freep) struct signing_key *key = calloc(1, sizeof(*key));
	cleanup(X509_NAME_freep) X509_NAME *name = NULL;
	int r;

	if (!key)
		return error_set(err, -ENOMEM, "cert");
	if (request->days < 1 || request->days > CERT_DAYS_MAX)
		return error_say(err, -EINVAL, "cert: a certificate lasts 1 to %d days", CERT_DAYS_MAX);
	r = name_read(request->subject, &name, err);
	if (r < 0)
		return r;
	key->key = EVP_RSA_gen(RSA_BITS);
	key->certificate = X509_new();
	key->chain = sk_X509_new_null();
	if (!key->key || !key->certificate || !key->chain ||
	    !fill(key->certificate, key->key, name, request->days))
		return error_say(err, -EIO, "cert: cannot make the certificate: %s", openssl_reason());
	*ret = TAKE_PTR(key);
	return 0;
}

static bool put_pem(BIO *bio, const struct signing_key *key, const char *phrase)
{
	/* The certificate beside the key, so that one file is enough to sign with. */
	return PEM_write_bio_PKCS8PrivateKey(bio, key->key, phrase ? EVP_aes_256_cbc() : NULL, phrase,
					     phrase ? (int)strlen(phrase) : 0, NULL, NULL) &&
	       PEM_write_bio_X509(bio, key->certificate);
}

static bool put_pkcs12(BIO *bio, const struct signing_key *key, const char *phrase)
{
	PKCS12 *file = PKCS12_create(phrase ? phrase : "", NULL, key->key, key->certificate, key->chain,
				     NID_aes_256_cbc, NID_aes_256_cbc, PKCS12_ROUNDS, PKCS12_ROUNDS, 0);
	bool good = file && i2d_PKCS12_bio(bio, file);

	PKCS12_free(file);
	return good;
}

/* Write what @bio holds into a file that does not exist yet. */
static int write_new(BIO *bio, const char *path, mode_t mode, struct appsilo_error *err)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	char shown[512], *bytes;
	long n = BIO_get_mem_data(bio, &bytes);
	int r;

	text_show(path, shown, sizeof(shown));
	if (fd < 0 && errno == EEXIST)
		return error_say(err, -EEXIST, "%s: is there already and stays as it is; name another "
				 "folder with -o", shown);
	if (fd < 0)
		return error_set(err, -errno, "%s", shown);
	r = fd_write_all(fd, bytes, (size_t)n);
	if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
		r = -errno;
	if (r < 0)
		(void)unlink(path); /* ours: O_EXCL made it */
	return r < 0 ? error_set(err, r, "%s", shown) : 0;
}

int cert_write(const struct signing_key *key, const struct cert_request *request, const char *dir,
	       struct appsilo_error *err)
{
	/* Memory that the library wipes when it gives it back. */
	cleanup(BIO_free_allp) BIO *secret = BIO_new(BIO_s_secmem());
	cleanup(BIO_free_allp) BIO *open_part = BIO_new(BIO_s_mem());
	char key_path[PATH_MAX], cert_path[PATH_MAX];
	bool good = secret && open_part && PEM_write_bio_X509(open_part, key->certificate);
	int r;

	if (path_join(dir, request->pkcs12 ? CERT_PKCS12_FILE : CERT_KEY_FILE, key_path,
		      sizeof(key_path)) < 0 ||
	    path_join(dir, CERT_FILE, cert_path, sizeof(cert_path)) < 0)
		return error_set(err, -ENAMETOOLONG, "cert");
	if (good)
		good = request->pkcs12 ? put_pkcs12(secret, key, request->pass_phrase)
				       : put_pem(secret, key, request->pass_phrase);
	if (!good)
		return error_say(err, -EIO, "cert: cannot write the key: %s", openssl_reason());
	r = write_new(secret, key_path, 0600, err);
	if (r < 0)
		return r;
	r = write_new(open_part, cert_path, 0644, err);
	if (r < 0)
		(void)unlink(key_path); /* ours, made just now */
	return r;
}

int cert_load(const char *path, const struct pass_source *pass, STACK_OF(X509) **ret,
	      struct appsilo_error *err)
{
	return key_file_certificates(path, pass, ret, err);
}

static void write_name(const X509_NAME *name, char ret[PUBLISHER_MAX])
{
	if (name_write(name, ret) < 0)
		snprintf(ret, PUBLISHER_MAX, "(not text)");
}

static void write_key(const EVP_PKEY *key, char ret[32])
{
	int kind = key ? EVP_PKEY_get_base_id(key) : EVP_PKEY_NONE;
	char group[24] = "";
	size_t n;

	if (kind == EVP_PKEY_EC && EVP_PKEY_get_group_name(key, group, sizeof(group), &n))
		snprintf(ret, 32, "EC %s", group);
	else if (kind == EVP_PKEY_RSA)
		snprintf(ret, 32, "RSA %d", EVP_PKEY_get_bits(key));
	else
		snprintf(ret, 32, "%s", kind == EVP_PKEY_NONE ? "unreadable" : "another kind");
}

static void write_serial(X509 *certificate, char *ret, size_t size)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
	const unsigned char *bytes = ASN1_STRING_get0_data(serial);
	int n = ASN1_STRING_length(serial);

	ret[0] = '\0';
	for (int i = 0; i < n && (size_t)(2 * i + 2) < size; i++)
		snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
}

int cert_describe(X509 *certificate, struct cert_facts *ret)
{
	struct chain_verdict signer, stamper;

	*ret = (struct cert_facts){0};
	write_name(X509_get_subject_name(certificate), ret->subject);
	write_name(X509_get_issuer_name(certificate), ret->issuer);
	write_key(X509_get0_pubkey(certificate), ret->key);
	write_serial(certificate, ret->serial, sizeof(ret->serial));
	chain_judge_signer(certificate, TRUST_SIGNER, &signer);
	chain_judge_signer(certificate, TRUST_TIMESTAMP, &stamper);
	ret->authority = X509_check_ca(certificate) == 1;
	ret->self_signed = X509_self_signed(certificate, 0) == 1;
	ret->code_signing = signer.verdict == SIGNATURE_TRUSTED;
	ret->time_stamping = stamper.verdict == SIGNATURE_TRUSTED;
	snprintf(ret->problem, sizeof(ret->problem), "%s", signer.reason);
	ERR_clear_error();
	if (chain_thumbprint(certificate, ret->thumbprint) < 0 ||
	    chain_time(X509_get0_notBefore(certificate), &ret->not_before) < 0 ||
	    chain_time(X509_get0_notAfter(certificate), &ret->not_after) < 0)
		return -EIO;
	return 0;
}
