/* SPDX-License-Identifier: Apache-2.0 */
#include "certificates.h"

#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define FOLDER_MAX 64

static char parent[FOLDER_MAX], folder[FOLDER_MAX + 8];

static int make_folder(void **state)
{
	(void)state;
	strcpy(parent, "/tmp/appsilo-trust-XXXXXX");
	if (!mkdtemp(parent))
		return -1;
	snprintf(folder, sizeof(folder), "%s/trust", parent);
	return 0;
}

static int remove_folder(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", parent);
	return system(command);
}

static size_t count(enum trust_kind kind)
{
	struct trust trust = {0};
	struct appsilo_error err = {0};
	size_t n = 0;

	if (trust_load_folder(&trust, folder, false, &err) < 0)
		fail_msg("%s", err.line);
	for (size_t i = 0; i < trust.n; i++)
		n += trust.list[i].kind == kind;
	test_trust_done(&trust);
	return n;
}

static void a_missing_folder_trusts_nobody(void **state)
{
	(void)state;
	assert_int_equal(count(TRUST_SIGNER), 0);
}

static void what_is_added_is_there_until_removed(void **state)
{
	struct signing_key *signer = test_key(&test_signer, NULL), *root = test_key(&test_root, NULL);
	struct trust trust = {0};
	struct appsilo_error err = {0};
	struct stat st;

	(void)state;
	assert_int_equal(trust_add(folder, false, signer->certificate, TRUST_SIGNER, &err), 0);
	assert_int_equal(trust_add(folder, false, root->certificate, TRUST_TIMESTAMP, &err), 0);
	assert_int_equal(trust_add(folder, false, root->certificate, TRUST_TIMESTAMP, &err), -EEXIST);
	assert_int_equal(stat(folder, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(count(TRUST_SIGNER), 1);
	assert_int_equal(count(TRUST_TIMESTAMP), 1);
	assert_int_equal(trust_load_folder(&trust, folder, false, &err), 0);
	for (size_t i = 0; i < trust.n; i++)
		assert_int_equal(trust_remove(folder, trust.list[i].thumbprint, &err), 0);
	assert_int_equal(trust_remove(folder, trust.list[0].thumbprint, &err), -ENOENT);
	test_trust_done(&trust);
	assert_int_equal(count(TRUST_SIGNER) + count(TRUST_TIMESTAMP), 0);
	key_free(signer);
	key_free(root);
}

static void assert_useless(const struct test_spec *spec, enum trust_kind kind, const char *because)
{
	struct signing_key *key = test_key(spec, NULL);
	struct appsilo_error err = {0};

	assert_int_equal(trust_add(folder, false, key->certificate, kind, &err), -EKEYREJECTED);
	if (!strstr(err.line, because))
		fail_msg("%s", err.line);
	assert_int_equal(count(TRUST_SIGNER) + count(TRUST_TIMESTAMP), 0);
	key_free(key);
}

static void what_makes_nothing_trusted_is_refused(void **state)
{
	struct test_spec spec = test_signer;

	(void)state;
	spec.from_days = -20;
	spec.to_days = -10;
	assert_useless(&spec, TRUST_SIGNER, "has expired");
	spec = test_signer;
	spec.rsa_bits = 1024;
	assert_useless(&spec, TRUST_SIGNER, "too weak");
	spec = test_signer;
	spec.usage = "serverAuth";
	assert_useless(&spec, TRUST_SIGNER, "not for code signing");
	assert_useless(&test_signer, TRUST_TIMESTAMP, "not for time stamps");
	assert_useless(&test_stamper, TRUST_SIGNER, "not for code signing");
}

static void put_file(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	mkdir(folder, 0700);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void put_certificate(const char *name)
{
	struct signing_key *key = test_key(&test_signer, NULL);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;

	assert_true(PEM_write_bio_X509(bio, key->certificate));
	assert_true(BIO_write(bio, "", 1) == 1);
	BIO_get_mem_data(bio, &text);
	put_file(name, text);
	BIO_free(bio);
	key_free(key);
}

#define SIXTEEN "0123456789abcdef"
#define WRONG_NAME SIXTEEN SIXTEEN SIXTEEN SIXTEEN ".pem"

static void a_file_that_is_not_what_its_name_says_stops_everything(void **state)
{
	struct trust trust = {0};
	struct appsilo_error err = {0};

	(void)state;
	put_file("README", "who is trusted here");
	assert_int_equal(count(TRUST_SIGNER), 0);
	put_file(WRONG_NAME, "no certificate");
	assert_int_equal(trust_load_folder(&trust, folder, false, &err), -EBADMSG);
	assert_non_null(strstr(err.line, WRONG_NAME));
	assert_int_equal(trust_remove(folder, SIXTEEN SIXTEEN SIXTEEN SIXTEEN, &err), 0);
	assert_int_equal(count(TRUST_SIGNER), 0);
	assert_int_equal(trust_remove(folder, "../../../../etc/passwd", &err), -EINVAL);
	put_certificate(WRONG_NAME);
	assert_int_equal(trust_load_folder(&trust, folder, false, &err), -EBADMSG);
}

static void what_others_can_write_is_refused(void **state)
{
	struct trust trust = {0};
	struct appsilo_error err = {0};
	char elsewhere[sizeof(folder) + 8];

	(void)state;
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(chmod(folder, 0720), 0);
	assert_int_equal(trust_load_folder(&trust, folder, false, &err), -EPERM);
	assert_int_equal(chmod(folder, 0700), 0);
	assert_int_equal(trust_load_folder(&trust, folder, false, &err), 0);
	/* The machine's must be root's. */
	if (geteuid() != 0)
		assert_int_equal(trust_load_folder(&trust, folder, true, &err), -EPERM);
	snprintf(elsewhere, sizeof(elsewhere), "%s.moved", folder);
	assert_int_equal(rename(folder, elsewhere), 0);
	assert_int_equal(symlink(elsewhere, folder), 0);
	assert_int_equal(trust_load_folder(&trust, folder, false, &err), -ENOTDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_missing_folder_trusts_nobody, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(what_is_added_is_there_until_removed, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(what_makes_nothing_trusted_is_refused, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(
			a_file_that_is_not_what_its_name_says_stops_everything, make_folder,
			remove_folder),
		cmocka_unit_test_setup_teardown(what_others_can_write_is_refused, make_folder,
						remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
