/* SPDX-License-Identifier: Apache-2.0 */
#include "package/key.h"

#include "base/text.h"
#include "package/key_file.h"
#include "package/openssl.h"
#include <openssl/pem.h>
#include <string.h>

/* What the library's callback gets. */
struct asking {
	const char *path;
	const struct pass_source *pass;
	struct appsilo_error *err;
	int result; /* of the last question */
	bool asked;
};

static int give_pass(char *buffer, int size, int writing, void *data)
{
	struct asking *a = data;
	char phrase[PASS_PHRASE_MAX] = "";
	int n;

	(void)writing;
	a->asked = true;
	a->result = a->pass ? a->pass->ask(a->pass->data, a->path, phrase, a->err)
			    : error_say(a->err, -EKEYREJECTED, "a pass phrase is needed");
	n = (int)strlen(phrase);
	if (a->result == 0 && n < size)
		memcpy(buffer, phrase, (size_t)n + 1);
	OPENSSL_cleanse(phrase, sizeof(phrase));
	return a->result < 0 || n >= size ? -1 : n;
}

static int wrong_pass(const char *path, struct appsilo_error *err)
{
	char shown[512];

	ERR_clear_error();
	return error_say(err, -EKEYREJECTED, "%s: the pass phrase is wrong, or the file is damaged",
			 text_show(path, shown, sizeof(shown)));
}

static int read_pem_key(const struct key_file *file, const struct pass_source *pass,
			struct signing_key *key, struct appsilo_error *err)
{
	cleanup(BIO_free_allp) BIO *bio = key_file_bio(file);
	struct asking asking = {file->path, pass, err, 0, false};
	char shown[512];

	if (!bio)
		return error_set(err, -ENOMEM, "key");
	key->key = PEM_read_bio_PrivateKey(bio, NULL, give_pass, &asking);
	if (key->key)
		return 0;
	if (asking.result < 0)
		return asking.result;
	if (asking.asked)
		return wrong_pass(file->path, err);
	ERR_clear_error();
	return error_say(err, -EBADMSG, "%s: holds no private key in PEM, and is no PKCS #12 file",
			 text_show(file->path, shown, sizeof(shown)));
}

/* Which of "no pass phrase", "an empty one" and the person's own opens it. */
static int unlock(PKCS12 *file, const char *path, const struct pass_source *pass,
		  char phrase[PASS_PHRASE_MAX], const char **ret, struct appsilo_error *err)
{
	char shown[512];
	int r;

	if (!PKCS12_mac_present(file))
		return error_say(err, -EBADMSG, "%s: this PKCS #12 file has no check value",
				 text_show(path, shown, sizeof(shown)));
	*ret = NULL;
	if (PKCS12_verify_mac(file, NULL, 0))
		return 0;
	*ret = phrase;
	phrase[0] = '\0';
	if (PKCS12_verify_mac(file, "", 0))
		return 0;
	r = pass ? pass->ask(pass->data, path, phrase, err)
		 : error_say(err, -EKEYREJECTED, "%s: a pass phrase is needed", path);
	if (r < 0)
		return r;
	return PKCS12_verify_mac(file, phrase, -1) ? 0 : wrong_pass(path, err);
}

static int parse_pkcs12(PKCS12 *file, const char *path, const char *phrase, struct signing_key *key,
			struct appsilo_error *err)
{
	char shown[512];

	if (PKCS12_parse(file, phrase, &key->key, &key->certificate, &key->chain))
		return 0;
	return error_say(err, -EBADMSG,
			 "%s: %s; if it was made by an old program, write it anew with AES "
			 "encryption", text_show(path, shown, sizeof(shown)), openssl_reason());
}

int key_read_pkcs12(const struct key_file *file, const struct pass_source *pass,
		    struct signing_key *key, struct appsilo_error *err)
{
	cleanup(PKCS12_freep) PKCS12 *pkcs12 = key_file_pkcs12(file);
	char phrase[PASS_PHRASE_MAX] = "";
	const char *opens = NULL;
	int r;

	if (!pkcs12)
		return -ENOENT;
	r = unlock(pkcs12, file->path, pass, phrase, &opens, err);
	if (r == 0)
		r = parse_pkcs12(pkcs12, file->path, opens, key, err);
	OPENSSL_cleanse(phrase, sizeof(phrase));
	ERR_clear_error();
	return r;
}

/* Sort certificates that came in any order: the key's own, and the authorities above. */
static int take_certificates(struct signing_key *key, STACK_OF(X509) *all)
{
	if (!key->chain)
		key->chain = sk_X509_new_null();
	for (int i = 0; key->chain && i < sk_X509_num(all); i++) {
		X509 *one = sk_X509_value(all, i);

		if (!key->certificate && X509_check_private_key(one, key->key)) {
			X509_up_ref(one);
			key->certificate = one;
		} else if (!sk_X509_push(key->chain, one)) {
			return -ENOMEM;
		} else {
			X509_up_ref(one);
		}
	}
	ERR_clear_error();
	return key->chain ? 0 : -ENOMEM;
}

/* A verifier has the roots it trusts: sending one along proves nothing. */
static void drop_roots(struct signing_key *key)
{
	for (int i = sk_X509_num(key->chain) - 1; i >= 0; i--) {
		X509 *one = sk_X509_value(key->chain, i);

		if (X509_self_signed(one, 0) == 1 || X509_cmp(one, key->certificate) == 0)
			X509_free(sk_X509_delete(key->chain, i));
	}
}

static int load_certificates(const char *path, const struct pass_source *pass,
			     struct signing_key *key, bool wanted, struct appsilo_error *err)
{
	cleanup(x509_stack_freep) STACK_OF(X509) *all = NULL;
	int r = key_file_certificates(path, pass, &all, err);

	if (r == -EBADMSG && !wanted)
		return 0; /* a key alone */
	return r < 0 ? r : take_certificates(key, all) < 0 ? error_set(err, -ENOMEM, "key") : 0;
}

int key_load(const char *path, const char *certificate_path, const struct pass_source *pass,
	     struct signing_key **ret, struct appsilo_error *err)
{
	cleanup(key_freep) struct signing_key *key = calloc(1, sizeof(*key));
	cleanup(key_file_done) struct key_file file = {0};
	char shown[512];
	int r = key ? key_file_open(path, &file, err) : error_set(err, -ENOMEM, "key");

	if (r < 0)
		return r;
	text_show(path, shown, sizeof(shown));
	r = key_read_pkcs12(&file, pass, key, err);
	if (r == -ENOENT) {
		r = read_pem_key(&file, pass, key, err);
		if (r == 0 && !certificate_path)
			r = load_certificates(path, NULL, key, false, err);
	}
	if (r == 0 && !key->key)
		r = error_say(err, -EBADMSG, "%s: holds no private key", shown);
	if (r == 0 && certificate_path) {
		X509_free(key->certificate);
		key->certificate = NULL;
		r = load_certificates(certificate_path, NULL, key, true, err);
	}
	if (r < 0)
		return r;
	if (!key->certificate && certificate_path)
		return error_say(err, -EKEYREJECTED, "%s: no certificate in %s is of this key", shown,
				 certificate_path);
	if (!key->certificate)
		return error_say(err, -ENOENT, "%s: holds no certificate; name its file with --cert",
				 shown);
	if (!X509_check_private_key(key->certificate, key->key))
		return error_say(err, -EKEYREJECTED, "%s: key and certificate do not belong together",
				 shown);
	drop_roots(key);
	*ret = TAKE_PTR(key);
	return 0;
}

void key_free(struct signing_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->key);
	X509_free(key->certificate);
	sk_X509_pop_free(key->chain, X509_free);
	free(key);
}
