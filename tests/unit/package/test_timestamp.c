/* SPDX-License-Identifier: Apache-2.0 */
#include "certificates.h"

#include "package/signature_frame.h"
#include "package/spc.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* A signer whose certificate has run out, and a maker of time stamps. */
struct fixture {
	struct signing_key *root, *stamper, *old, *fresh;
	struct trust programs, both; /* the old signer alone; and the clock's root */
	unsigned char digests[TEST_DIGESTS_SIZE];
	int64_t now, then; /* today; while the old certificate was valid */
};

static int make_fixture(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct test_spec spec = test_signer, stamper = test_stamper, root = test_root;

	spec.from_days = -100;
	spec.to_days = -50;
	stamper.from_days = root.from_days = -200;
	stamper.to_days = root.to_days = 200;
	f->now = time(NULL);
	f->then = f->now - 70 * TEST_DAY;
	f->root = test_key(&root, NULL);
	f->stamper = test_key(&stamper, f->root);
	f->old = test_key(&spec, NULL);
	f->fresh = test_key(&test_signer, NULL);
	test_trust(&f->programs, f->old, TRUST_SIGNER);
	test_trust(&f->programs, f->fresh, TRUST_SIGNER);
	test_trust(&f->both, f->old, TRUST_SIGNER);
	test_trust(&f->both, f->fresh, TRUST_SIGNER);
	test_trust(&f->both, f->root, TRUST_TIMESTAMP);
	test_digests(f->digests, 1);
	*state = f;
	return 0;
}

static int free_fixture(void **state)
{
	struct fixture *f = *state;

	key_free(f->root);
	key_free(f->stamper);
	key_free(f->old);
	key_free(f->fresh);
	test_trust_done(&f->programs);
	test_trust_done(&f->both);
	free(f);
	return 0;
}

static int verify(struct fixture *f, PKCS7 *p7, const struct trust *trust,
		  struct signature_facts *ret, struct appsilo_error *err)
{
	cleanup_free unsigned char *bytes = NULL;
	size_t size;

	*ret = (struct signature_facts){0};
	*err = (struct appsilo_error){0};
	assert_int_equal(frame_write(p7, &bytes, &size), 0);
	return signature_verify(bytes, size, f->digests, sizeof(f->digests), trust, f->now, ret, err);
}

static PKCS7 *stamped(struct fixture *f, const struct signing_key *signer,
		      const struct signing_key *stamper, int64_t time)
{
	PKCS7 *p7 = frame_make(signer, f->digests, sizeof(f->digests));

	assert_non_null(p7);
	test_stamp(p7, stamper, time);
	return p7;
}

static void a_stamp_outlives_the_certificate(void **state)
{
	struct fixture *f = *state;
	cleanup(PKCS7_freep) PKCS7 *bare = frame_make(f->old, f->digests, sizeof(f->digests));
	cleanup(PKCS7_freep) PKCS7 *p7 = stamped(f, f->old, f->stamper, f->then);
	struct signature_facts facts;
	struct appsilo_error err;

	assert_int_equal(verify(f, bare, &f->both, &facts, &err), 0);
	assert_int_equal(facts.verdict, SIGNATURE_EXPIRED);
	assert_int_equal(verify(f, p7, &f->both, &facts, &err), 0);
	assert_int_equal(facts.verdict, SIGNATURE_TRUSTED);
	assert_int_equal(facts.timestamp, f->then);
	assert_true(facts.timestamp_trusted);
	assert_string_equal(facts.timestamper, "CN=Example Clock");
}

static void a_stamp_of_an_unknown_maker_gives_no_time(void **state)
{
	struct fixture *f = *state;
	cleanup(PKCS7_freep) PKCS7 *old = stamped(f, f->old, f->stamper, f->then);
	cleanup(PKCS7_freep) PKCS7 *fresh = stamped(f, f->fresh, f->stamper, f->now - 60);
	struct signature_facts facts;
	struct appsilo_error err;

	assert_int_equal(verify(f, old, &f->programs, &facts, &err), 0);
	assert_int_equal(facts.verdict, SIGNATURE_EXPIRED);
	assert_false(facts.timestamp_trusted);
	assert_int_equal(facts.timestamp, f->then);
	assert_int_equal(signature_accept(&facts, facts.subject, &err), -EKEYEXPIRED);
	assert_non_null(strstr(err.line, "CN=Example Clock"));
	assert_non_null(strstr(err.line, "trust add --timestamp"));
	/* It does no harm while the certificate is valid. */
	assert_int_equal(verify(f, fresh, &f->programs, &facts, &err), 0);
	assert_int_equal(facts.verdict, SIGNATURE_TRUSTED);
}

static void a_stamp_after_the_end_is_too_late(void **state)
{
	struct fixture *f = *state;
	cleanup(PKCS7_freep) PKCS7 *late = stamped(f, f->old, f->stamper, f->now - TEST_DAY);
	cleanup(PKCS7_freep) PKCS7 *early = stamped(f, f->old, f->stamper, f->now - 110 * TEST_DAY);
	struct signature_facts facts;
	struct appsilo_error err;

	assert_int_equal(verify(f, late, &f->both, &facts, &err), 0);
	assert_int_equal(facts.verdict, SIGNATURE_EXPIRED);
	assert_int_equal(verify(f, early, &f->both, &facts, &err), 0);
	assert_int_equal(facts.verdict, SIGNATURE_NOT_YET_VALID);
}

static void assert_refused(struct fixture *f, PKCS7 *p7, const char *because)
{
	struct signature_facts facts;
	struct appsilo_error err;
	int r = verify(f, p7, &f->both, &facts, &err);

	if (r != -EBADMSG || !strstr(err.line, because))
		print_error("%d %s\n", r, err.line);
	assert_int_equal(r, -EBADMSG);
	assert_non_null(strstr(err.line, "time stamp is not sound"));
	assert_non_null(strstr(err.line, because));
}

static PKCS7 *with_token(struct fixture *f, PKCS7 *token)
{
	PKCS7 *p7 = frame_make(f->fresh, f->digests, sizeof(f->digests));
	unsigned char *der = NULL;
	int n = i2d_PKCS7(token, &der);

	test_add_unsigned(p7, SPC_TIMESTAMP, der, n);
	OPENSSL_free(der);
	return p7;
}

/* A token over something else than the signature of @p7. */
static void a_stamp_of_another_signature_is_refused(void **state)
{
	struct fixture *f = *state;
	cleanup(PKCS7_freep) PKCS7 *token =
		test_token(f->stamper, (const unsigned char *)"other", 5, f->now, EVP_sha256());
	cleanup(PKCS7_freep) PKCS7 *p7 = with_token(f, token);

	assert_refused(f, p7, "it is of another signature");
}

static const ASN1_STRING *value_of(PKCS7 *p7)
{
	return sk_PKCS7_SIGNER_INFO_value(p7->d.sign->signer_info, 0)->enc_digest;
}

/* Put @token, made for the signature of @p7 and then changed, on @p7. */
static void put(PKCS7 *p7, PKCS7 *token)
{
	unsigned char *der = NULL;
	int n = i2d_PKCS7(token, &der);

	test_add_unsigned(p7, SPC_TIMESTAMP, der, n);
	OPENSSL_free(der);
}

static PKCS7 *token_for(struct fixture *f, PKCS7 *p7, const EVP_MD *md)
{
	const ASN1_STRING *value = value_of(p7);

	return test_token(f->stamper, ASN1_STRING_get0_data(value),
			  (size_t)ASN1_STRING_length(value), f->now - 60, md);
}

static void changed_tokens_are_refused(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 6; i++) {
		cleanup(PKCS7_freep) PKCS7 *p7 = frame_make(f->fresh, f->digests, sizeof(f->digests));
		cleanup(PKCS7_freep) PKCS7 *token = token_for(f, p7, i == 4 ? EVP_sha1() : EVP_sha256());
		PKCS7_SIGNER_INFO *si = sk_PKCS7_SIGNER_INFO_value(token->d.sign->signer_info, 0);
		static const char *const because[] = {"nobody signed", "version is not 3",
						      "certificate of its signer", "its signature is wrong",
						      "its digest is weak", "no part in the signature"};
		unsigned char *content = (unsigned char *)ASN1_STRING_get0_data(si->enc_digest);

		if (i == 0)
			test_add_unsigned(token, "1.2.3.4", (const unsigned char *)"\x30\x00", 2);
		if (i == 1)
			ASN1_INTEGER_set(token->d.sign->version, 1);
		if (i == 2) {
			sk_X509_pop_free(token->d.sign->cert, X509_free);
			token->d.sign->cert = NULL;
			PKCS7_add_certificate(token, f->root->certificate);
		}
		if (i == 3)
			content[ASN1_STRING_length(si->enc_digest) - 1] ^= 1;
		if (i == 5)
			PKCS7_add_certificate(token, f->old->certificate);
		put(p7, token);
		assert_refused(f, p7, because[i]);
	}
}

static void only_certificates_for_time_make_stamps(void **state)
{
	struct fixture *f = *state;
	struct test_spec spec = test_stamper;
	struct signing_key *both;
	struct signature_facts facts;
	struct appsilo_error err;
	PKCS7 *p7;

	/* One that may sign programs too: refused by OpenSSL's own maker unless it is critical. */
	spec.usage = "critical,timeStamping";
	spec.constraints = NULL;
	spec.rsa_bits = 1024;
	both = test_key(&spec, f->root);
	p7 = stamped(f, f->fresh, both, f->now - 60);
	assert_refused(f, p7, "less than 2048 bits");
	PKCS7_free(p7);
	key_free(both);
	/* The stamp's maker is judged at the time it gives: an old certificate is fine. */
	spec = test_stamper;
	spec.from_days = -100;
	spec.to_days = -50;
	both = test_key(&spec, f->root);
	p7 = stamped(f, f->old, both, f->then);
	assert_int_equal(verify(f, p7, &f->both, &facts, &err), 0);
	assert_int_equal(facts.verdict, SIGNATURE_TRUSTED);
	PKCS7_free(p7);
	p7 = stamped(f, f->fresh, both, f->now - 60);
	assert_int_equal(verify(f, p7, &f->both, &facts, &err), 0);
	assert_false(facts.timestamp_trusted);
	PKCS7_free(p7);
	key_free(both);
}

static void lifetime_signers_are_not_prolonged(void **state)
{
	struct fixture *f = *state;
	struct test_spec spec = test_signer;
	struct trust trust = {0};
	struct signing_key *key;
	struct signature_facts facts;
	struct appsilo_error err;
	PKCS7 *p7;

	spec.usage = "codeSigning,1.3.6.1.4.1.311.10.3.13";
	spec.from_days = -100;
	spec.to_days = -50;
	key = test_key(&spec, NULL);
	test_trust(&trust, key, TRUST_SIGNER);
	test_trust(&trust, f->root, TRUST_TIMESTAMP);
	p7 = stamped(f, key, f->stamper, f->then);
	assert_int_equal(verify(f, p7, &trust, &facts, &err), 0);
	assert_true(facts.timestamp_trusted);
	assert_int_equal(facts.verdict, SIGNATURE_EXPIRED);
	PKCS7_free(p7);
	key_free(key);
	test_trust_done(&trust);
}

static void two_stamps_are_refused(void **state)
{
	struct fixture *f = *state;
	cleanup(PKCS7_freep) PKCS7 *p7 = stamped(f, f->fresh, f->stamper, f->now - 60);
	struct signature_facts facts;
	struct appsilo_error err;

	test_stamp(p7, f->stamper, f->now - 30);
	assert_int_equal(verify(f, p7, &f->both, &facts, &err), -EBADMSG);
	assert_non_null(strstr(err.line, "other than one time stamp"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stamp_outlives_the_certificate),
		cmocka_unit_test(a_stamp_of_an_unknown_maker_gives_no_time),
		cmocka_unit_test(a_stamp_after_the_end_is_too_late),
		cmocka_unit_test(a_stamp_of_another_signature_is_refused),
		cmocka_unit_test(changed_tokens_are_refused),
		cmocka_unit_test(only_certificates_for_time_make_stamps),
		cmocka_unit_test(lifetime_signers_are_not_prolonged),
		cmocka_unit_test(two_stamps_are_refused),
	};

	return cmocka_run_group_tests(tests, make_fixture, free_fixture);
}
