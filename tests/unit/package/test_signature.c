/* SPDX-License-Identifier: Apache-2.0 */
#include "certificates.h"

#include "package/chain.h"
#include "package/signature_frame.h"
#include "package/spc.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define DAMAGES 1000

/* Keys are costly: made once for all cases. */
struct fixture {
	struct signing_key *own, *root, *middle, *leaf, *rsa, *stamper, *stranger;
	struct trust own_trust, root_trust, nobody;
	unsigned char digests[TEST_DIGESTS_SIZE];
};

static int make_fixture(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct test_spec rsa = test_signer, stranger = test_signer;

	rsa.rsa_bits = 2048;
	rsa.subject = "CN=Rsa Signer";
	stranger.subject = "CN=Stranger";
	f->own = test_key(&test_signer, NULL);
	f->root = test_key(&test_root, NULL);
	f->middle = test_key(&test_middle, f->root);
	f->leaf = test_key(&test_signer, f->middle);
	f->rsa = test_key(&rsa, NULL);
	f->stamper = test_key(&test_stamper, f->root);
	f->stranger = test_key(&stranger, NULL);
	test_trust(&f->own_trust, f->own, TRUST_SIGNER);
	test_trust(&f->own_trust, f->rsa, TRUST_SIGNER);
	test_trust(&f->root_trust, f->root, TRUST_SIGNER);
	test_digests(f->digests, 1);
	*state = f;
	return 0;
}

static int free_fixture(void **state)
{
	struct fixture *f = *state;

	key_free(f->own);
	key_free(f->root);
	key_free(f->middle);
	key_free(f->leaf);
	key_free(f->rsa);
	key_free(f->stamper);
	key_free(f->stranger);
	test_trust_done(&f->own_trust);
	test_trust_done(&f->root_trust);
	free(f);
	return 0;
}

struct file {
	unsigned char *bytes;
	size_t size;
};

static void file_done(struct file *file)
{
	free(file->bytes);
}

static void sign(struct fixture *f, const struct signing_key *key, struct file *ret)
{
	struct appsilo_error err = {0};
	int r = signature_make(key, f->digests, sizeof(f->digests), &ret->bytes, &ret->size, &err);

	if (r < 0)
		print_error("%s\n", err.line);
	assert_int_equal(r, 0);
}

static void write_file(const PKCS7 *p7, struct file *ret)
{
	assert_int_equal(frame_write(p7, &ret->bytes, &ret->size), 0);
}

static int verify(struct fixture *f, const struct file *file, const struct trust *trust,
		  struct signature_facts *ret, struct appsilo_error *err)
{
	*ret = (struct signature_facts){0};
	*err = (struct appsilo_error){0};
	return signature_verify(file->bytes, file->size, f->digests, sizeof(f->digests), trust,
				time(NULL), ret, err);
}

/* The verdict on a signature that is sound. */
static enum signature_verdict judge(struct fixture *f, const struct file *file,
				    const struct trust *trust, struct signature_facts *ret)
{
	struct appsilo_error err;
	int r = verify(f, file, trust, ret, &err);

	if (r < 0)
		print_error("%s\n", err.line);
	assert_int_equal(r, 0);
	return ret->verdict;
}

static void assert_refused(struct fixture *f, const struct file *file, const char *because)
{
	struct signature_facts facts;
	struct appsilo_error err;

	assert_int_equal(verify(f, file, &f->own_trust, &facts, &err), -EBADMSG);
	if (!strstr(err.line, because))
		print_error("%s\n", err.line);
	assert_non_null(strstr(err.line, because));
	assert_int_equal(facts.verdict, SIGNATURE_UNTRUSTED);
}

static void a_signature_of_a_trusted_signer_is_accepted(void **state)
{
	struct fixture *f = *state;
	const struct signing_key *keys[] = {f->own, f->rsa};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		cleanup(file_done) struct file file = {0};
		struct signature_facts facts;
		struct appsilo_error err = {0};

		sign(f, keys[i], &file);
		assert_memory_equal(file.bytes, "PKCX", 4);
		assert_int_equal(judge(f, &file, &f->own_trust, &facts), SIGNATURE_TRUSTED);
		assert_string_equal(facts.reason, "");
		assert_string_equal(facts.subject, i ? "CN=Rsa Signer"
						     : "CN=Example Signer, O=Example, C=US");
		assert_int_equal(strlen(facts.thumbprint), 64);
		assert_true(facts.not_before < time(NULL) && facts.not_after > time(NULL));
		assert_int_equal(facts.timestamp, 0);
		assert_int_equal(signature_accept(&facts, facts.subject, &err), 0);
	}
}

static void the_same_key_and_package_give_the_same_bytes(void **state)
{
	struct fixture *f = *state;
	cleanup(file_done) struct file one = {0}, two = {0};

	sign(f, f->rsa, &one);
	sign(f, f->rsa, &two);
	assert_int_equal(one.size, two.size);
	assert_memory_equal(one.bytes, two.bytes, one.size);
}

static void a_stranger_is_named_with_what_to_do(void **state)
{
	struct fixture *f = *state;
	cleanup(file_done) struct file file = {0};
	struct signature_facts facts;
	struct appsilo_error err = {0};

	sign(f, f->stranger, &file);
	assert_int_equal(judge(f, &file, &f->own_trust, &facts), SIGNATURE_UNTRUSTED);
	assert_int_equal(signature_accept(&facts, "CN=Stranger", &err), -EACCES);
	assert_non_null(strstr(err.line, "CN=Stranger"));
	assert_non_null(strstr(err.line, facts.thumbprint));
	assert_non_null(strstr(err.line, "appsilo trust add"));
	assert_int_equal(judge(f, &file, &f->nobody, &facts), SIGNATURE_UNTRUSTED);
}

static void a_chain_leads_to_a_trusted_root(void **state)
{
	struct fixture *f = *state;
	cleanup(file_done) struct file file = {0};
	struct trust middle = {0}, leaf = {0}, clock = {0};
	struct signature_facts facts;

	sign(f, f->leaf, &file);
	assert_int_equal(judge(f, &file, &f->root_trust, &facts), SIGNATURE_TRUSTED);
	assert_string_equal(facts.issuer, "CN=Example Middle, O=Example");
	assert_int_equal(judge(f, &file, &f->own_trust, &facts), SIGNATURE_UNTRUSTED);
	test_trust(&middle, f->middle, TRUST_SIGNER);
	assert_int_equal(judge(f, &file, &middle, &facts), SIGNATURE_TRUSTED);
	test_trust(&leaf, f->leaf, TRUST_SIGNER);
	assert_int_equal(judge(f, &file, &leaf, &facts), SIGNATURE_TRUSTED);
	/* Trusted with the time is not trusted with programs. */
	test_trust(&clock, f->root, TRUST_TIMESTAMP);
	assert_int_equal(judge(f, &file, &clock, &facts), SIGNATURE_UNTRUSTED);
	test_trust_done(&middle);
	test_trust_done(&leaf);
	test_trust_done(&clock);
}

static void a_trusted_signer_makes_nobody_else_trusted(void **state)
{
	struct fixture *f = *state;
	cleanup(file_done) struct file file = {0};
	cleanup(PKCS7_freep) PKCS7 *p7 = NULL;
	struct signing_key *child = test_key(&(struct test_spec){
		.subject = "CN=Child", .usage = "codeSigning"}, f->own);
	struct signature_facts facts;

	/* The signer's certificate is no authority's: what it issues is worth nothing. */
	p7 = frame_make(child, f->digests, sizeof(f->digests));
	write_file(p7, &file);
	assert_int_not_equal(judge(f, &file, &f->own_trust, &facts), SIGNATURE_TRUSTED);
	key_free(child);
}

static void dates_are_those_of_the_moment_asked_for(void **state)
{
	struct fixture *f = *state;
	cleanup(file_done) struct file file = {0};
	struct signature_facts facts;
	struct appsilo_error err = {0};

	sign(f, f->own, &file);
	assert_int_equal(signature_verify(file.bytes, file.size, f->digests, sizeof(f->digests),
					  &f->own_trust, time(NULL) + 101 * TEST_DAY, &facts, &err),
			 0);
	assert_int_equal(facts.verdict, SIGNATURE_EXPIRED);
	assert_int_equal(signature_accept(&facts, facts.subject, &err), -EKEYEXPIRED);
	assert_non_null(strstr(err.line, "expired"));
	assert_int_equal(signature_verify(file.bytes, file.size, f->digests, sizeof(f->digests),
					  &f->own_trust, time(NULL) - 2 * TEST_DAY, &facts, &err),
			 0);
	assert_int_equal(facts.verdict, SIGNATURE_NOT_YET_VALID);
	assert_int_equal(signature_accept(&facts, facts.subject, &err), -EKEYEXPIRED);
	assert_non_null(strstr(err.line, "not yet valid"));
}

static void the_publisher_must_be_the_subject(void **state)
{
	struct fixture *f = *state;
	cleanup(file_done) struct file file = {0};
	struct signature_facts facts;
	struct appsilo_error err = {0};

	sign(f, f->own, &file);
	judge(f, &file, &f->own_trust, &facts);
	assert_int_equal(signature_accept(&facts, "CN=\"Example Signer\",O=Example, c=US", &err), 0);
	assert_int_equal(signature_accept(&facts, "CN=Example Signer, O=Exemple, C=US", &err),
			 -EKEYREJECTED);
	assert_non_null(strstr(err.line, "Publisher=CN=Example Signer, O=Exemple, C=US"));
	assert_int_equal(signature_accept(&facts, "C=US, O=Example, CN=Example Signer", &err),
			 -EKEYREJECTED);
	assert_int_equal(signature_accept(&facts, "CN=Example Signer, O=Example", &err), -EKEYREJECTED);
	assert_int_equal(signature_accept(&facts, "Example Signer", &err), -EKEYREJECTED);
}

/* Sign with a certificate that signature_make() refuses, and see what the verifier says when it
 * is even trusted itself. */
static void assert_verdict(struct fixture *f, struct signing_key *key, struct signing_key *trusted,
			   enum signature_verdict verdict, const char *because)
{
	cleanup(file_done) struct file file = {0}, none = {0};
	cleanup(PKCS7_freep) PKCS7 *p7 = frame_make(key, f->digests, sizeof(f->digests));
	struct trust trust = {0};
	struct signature_facts facts;
	struct appsilo_error err = {0};
	enum signature_verdict own;

	assert_non_null(p7);
	write_file(p7, &file);
	test_trust(&trust, trusted, TRUST_SIGNER);
	own = judge(f, &file, &trust, &facts);
	if (own != verdict || !strstr(facts.reason, because))
		print_error("%s: %s\n", signature_verdict_word(own), facts.reason);
	assert_int_equal(own, verdict);
	assert_non_null(strstr(facts.reason, because));
	assert_int_not_equal(signature_accept(&facts, facts.subject, &err), 0);
	assert_non_null(strstr(err.line, because));
	if (key == trusted)
		assert_int_equal(signature_make(key, f->digests, sizeof(f->digests), &none.bytes,
						&none.size, &err), -EKEYREJECTED);
	test_trust_done(&trust);
	key_free(key);
}

static void certificates_of_other_usage_are_refused(void **state)
{
	struct fixture *f = *state;
	const struct {
		const char *usage, *constraints, *key_usage, *because;
	} rows[] = {
		{"serverAuth", NULL, NULL, "not for code signing"},
		{"anyExtendedKeyUsage", NULL, NULL, "not for code signing"},
		{NULL, NULL, NULL, "not for code signing"},
		{"codeSigning", "critical,CA:TRUE", NULL, "an authority's"},
		{"codeSigning", NULL, "critical,keyEncipherment", "not for signatures"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct test_spec spec = {.subject = "CN=Odd", .usage = rows[i].usage,
					 .constraints = rows[i].constraints,
					 .key_usage = rows[i].key_usage};
		struct signing_key *key = test_key(&spec, NULL);

		assert_verdict(f, key, key, SIGNATURE_WRONG_USAGE, rows[i].because);
	}
}

static void weak_keys_and_digests_are_refused(void **state)
{
	struct fixture *f = *state;
	struct test_spec spec = test_signer;
	struct signing_key *key;

	spec.rsa_bits = 1024;
	key = test_key(&spec, NULL);
	assert_verdict(f, key, key, SIGNATURE_WEAK, "less than 2048 bits");
	spec.rsa_bits = 0;
	spec.curve = "secp256k1";
	key = test_key(&spec, NULL);
	assert_verdict(f, key, key, SIGNATURE_WEAK, "curve");
	spec.curve = NULL;
	spec.md = EVP_sha1();
	key = test_key(&spec, f->root);
	assert_verdict(f, key, f->root, SIGNATURE_WEAK, "too weak");
}

static void authorities_must_be_such(void **state)
{
	struct fixture *f = *state;
	struct test_spec spec = {.subject = "CN=Between", .usage = "codeSigning"};
	struct signing_key *between = test_key(&spec, f->root);

	/* Not said to be an authority. */
	assert_verdict(f, test_key(&test_signer, between), f->root, SIGNATURE_BAD_CHAIN, "");
	key_free(between);
	/* Of the time before there were extensions: the library takes such a root. */
	between = test_key(&(struct test_spec){.subject = "CN=Old Root"}, NULL);
	assert_verdict(f, test_key(&test_signer, between), between, SIGNATURE_BAD_CHAIN,
		       "it is no authority");
	key_free(between);
	/* An authority for web sites. */
	spec = test_middle;
	spec.usage = "serverAuth";
	between = test_key(&spec, f->root);
	assert_verdict(f, test_key(&test_signer, between), f->root, SIGNATURE_BAD_CHAIN,
		       "may not issue certificates of this usage");
	key_free(between);
	/* An authority that may have no authority below it. */
	spec = test_middle;
	spec.subject = "CN=Too deep";
	between = test_key(&spec, f->middle);
	assert_verdict(f, test_key(&test_signer, between), f->root, SIGNATURE_BAD_CHAIN, "");
	key_free(between);
	/* One whose time is over. */
	spec = test_middle;
	spec.from_days = -20;
	spec.to_days = -10;
	between = test_key(&spec, f->root);
	assert_verdict(f, test_key(&test_signer, between), f->root, SIGNATURE_EXPIRED, "expired");
	key_free(between);
}

static void other_digests_are_refused_by_name(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = {"AXPC", "AXCD", "AXCT", "AXBM"};
	cleanup(file_done) struct file file = {0};

	sign(f, f->own, &file);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		f->digests[8 + 36 * i + 31] ^= 1;
		assert_refused(f, &file, names[i]);
		f->digests[8 + 36 * i + 31] ^= 1;
	}
}

static void swapped_digests_are_refused(void **state)
{
	struct fixture *f = *state;
	cleanup(file_done) struct file file = {0};
	unsigned char swapped[TEST_DIGESTS_SIZE];
	struct signature_facts facts;
	struct appsilo_error err = {0};

	sign(f, f->own, &file);
	memcpy(swapped, f->digests, sizeof(swapped));
	memcpy(swapped + 8, f->digests + 8 + 36, 32);
	memcpy(swapped + 8 + 36, f->digests + 8, 32);
	assert_int_equal(signature_verify(file.bytes, file.size, swapped, sizeof(swapped),
					  &f->own_trust, time(NULL), &facts, &err), -EBADMSG);
	/* Names out of order are no digests at all. */
	memcpy(swapped, f->digests, 4);
	memcpy(swapped + 4, f->digests + 40, 36);
	memcpy(swapped + 40, f->digests + 4, 36);
	assert_int_equal(signature_make(f->own, swapped, sizeof(swapped), &file.bytes, &file.size,
					&err), -EINVAL);
	assert_int_equal(signature_make(f->own, f->digests, 40, &file.bytes, &file.size, &err),
			 -EINVAL);
}

static void code_integrity_is_signed_too(void **state)
{
	struct fixture *f = *state;
	unsigned char five[TEST_DIGESTS_SIZE + 36];
	cleanup(file_done) struct file file = {0};
	struct signature_facts facts;
	struct appsilo_error err = {0};

	memcpy(five, f->digests, sizeof(f->digests));
	memcpy(five + sizeof(f->digests), "AXCI", 4);
	memset(five + sizeof(f->digests) + 4, 9, 32);
	assert_int_equal(signature_make(f->own, five, sizeof(five), &file.bytes, &file.size, &err), 0);
	assert_int_equal(signature_verify(file.bytes, file.size, five, sizeof(five), &f->own_trust,
					  time(NULL), &facts, &err), 0);
	assert_refused(f, &file, "CodeIntegrity");
}

static void anything_after_the_end_is_refused(void **state)
{
	struct fixture *f = *state;
	cleanup(file_done) struct file file = {0};

	sign(f, f->own, &file);
	file.bytes = realloc(file.bytes, file.size + 2);
	memset(file.bytes + file.size, 0, 2);
	file.size += 2;
	assert_refused(f, &file, "bytes after the end");
	file.size -= 2;
	file.bytes[0] = 'p';
	assert_refused(f, &file, "PKCX");
}

/* The same signature with an indefinite length outside: BER, which libraries read. */
static void indefinite_lengths_are_refused(void **state)
{
	struct fixture *f = *state;
	cleanup(file_done) struct file file = {0};

	sign(f, f->own, &file);
	assert_int_equal(file.bytes[5], 0x82);
	file.bytes = realloc(file.bytes, file.size + 2);
	memmove(file.bytes + 6, file.bytes + 8, file.size - 8);
	file.bytes[5] = 0x80;
	memset(file.bytes + file.size - 2, 0, 2);
	assert_refused(f, &file, "indefinite length at byte 4");
}

static void every_truncation_is_refused(void **state)
{
	struct fixture *f = *state;
	cleanup(file_done) struct file file = {0};
	size_t whole;

	sign(f, f->own, &file);
	whole = file.size;
	for (file.size = 0; file.size < whole; file.size++) {
		/* A block of its own, so that reading past its end is seen. */
		cleanup(file_done) struct file cut = {malloc(file.size + !file.size), file.size};

		memcpy(cut.bytes, file.bytes, file.size);
		assert_refused(f, &cut, SIGNATURE_FILE);
	}
}

static unsigned int next_random(unsigned int *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 8;
}

static void damage_byte(struct fixture *f, struct file *file, const struct trust *trust, size_t at,
			unsigned char change)
{
	struct signature_facts facts;
	struct appsilo_error err;
	int r;

	file->bytes[at] ^= change;
	r = verify(f, file, trust, &facts, &err);
	if (r == 0 && facts.verdict == SIGNATURE_TRUSTED)
		fail_msg("byte %zu changed by %02x is not noticed", at, change);
	assert_true(r == 0 || err.line[0]);
	file->bytes[at] ^= change;
}

/* Every byte once, and then anywhere. */
static void damage(struct fixture *f, struct file *file, const struct trust *trust)
{
	unsigned int seed = 20240521;

	for (size_t i = 0; i < file->size + DAMAGES; i++)
		damage_byte(f, file, trust, i < file->size ? i : next_random(&seed) % file->size,
			    (unsigned char)(1 + next_random(&seed) % 255));
}

static void random_damages_are_all_found(void **state)
{
	struct fixture *f = *state;
	cleanup(file_done) struct file own = {0}, chain = {0}, stamped = {0};
	cleanup(PKCS7_freep) PKCS7 *p7 = frame_make(f->leaf, f->digests, sizeof(f->digests));
	struct trust trust = {0};
	struct signature_facts facts;

	sign(f, f->own, &own);
	damage(f, &own, &f->own_trust);
	sign(f, f->leaf, &chain);
	damage(f, &chain, &f->root_trust);
	test_stamp(p7, f->stamper, time(NULL) - 100);
	write_file(p7, &stamped);
	test_trust(&trust, f->root, TRUST_SIGNER);
	test_trust(&trust, f->root, TRUST_TIMESTAMP);
	assert_int_equal(judge(f, &stamped, &trust, &facts), SIGNATURE_TRUSTED);
	damage(f, &stamped, &trust);
	test_trust_done(&trust);
}

static PKCS7_SIGNER_INFO *signer_of(PKCS7 *p7)
{
	return sk_PKCS7_SIGNER_INFO_value(p7->d.sign->signer_info, 0);
}

static void assert_frame_refused(struct fixture *f, PKCS7 *p7, const char *because)
{
	cleanup(file_done) struct file file = {0};

	write_file(p7, &file);
	assert_refused(f, &file, because);
}

static void several_signers_are_refused(void **state)
{
	struct fixture *f = *state;
	cleanup(PKCS7_freep) PKCS7 *p7 = frame_make(f->own, f->digests, sizeof(f->digests));
	cleanup(PKCS7_freep) PKCS7 *other = frame_make(f->stranger, f->digests, sizeof(f->digests));

	assert_true(sk_PKCS7_SIGNER_INFO_push(p7->d.sign->signer_info, signer_of(other)));
	assert_true(PKCS7_add_certificate(p7, f->stranger->certificate));
	assert_frame_refused(f, p7, "several signers");
	sk_PKCS7_SIGNER_INFO_pop(p7->d.sign->signer_info);
	assert_frame_refused(f, p7, "no part in the signature");
	PKCS7_SIGNER_INFO_free(sk_PKCS7_SIGNER_INFO_pop(p7->d.sign->signer_info));
	assert_frame_refused(f, p7, "no signer");
}

static void certificates_without_a_part_are_refused(void **state)
{
	struct fixture *f = *state;
	cleanup(PKCS7_freep) PKCS7 *p7 = frame_make(f->own, f->digests, sizeof(f->digests));
	cleanup(PKCS7_freep) PKCS7 *twice = frame_make(f->own, f->digests, sizeof(f->digests));
	cleanup(PKCS7_freep) PKCS7 *none = frame_make(f->own, f->digests, sizeof(f->digests));
	cleanup(file_done) struct file file = {0};
	struct signature_facts facts;

	assert_true(PKCS7_add_certificate(p7, f->root->certificate));
	assert_frame_refused(f, p7, "no part in the signature");
	assert_true(PKCS7_add_certificate(twice, f->own->certificate));
	write_file(twice, &file);
	assert_int_equal(judge(f, &file, &f->own_trust, &facts), SIGNATURE_TRUSTED);
	damage(f, &file, &f->own_trust);
	X509_free(sk_X509_pop(none->d.sign->cert));
	assert_frame_refused(f, none, "no certificate");
	assert_true(PKCS7_add_certificate(none, f->root->certificate));
	assert_frame_refused(f, none, "certificate of its signer");
}

static void a_root_in_the_signature_must_be_whole(void **state)
{
	struct fixture *f = *state;
	cleanup(file_done) struct file file = {0};
	cleanup(PKCS7_freep) PKCS7 *p7 = frame_make(f->leaf, f->digests, sizeof(f->digests));
	struct signature_facts facts;
	struct appsilo_error err;
	unsigned char *der = NULL, *found;
	int n = i2d_X509(f->root->certificate, &der);

	assert_true(PKCS7_add_certificate(p7, f->root->certificate));
	write_file(p7, &file);
	assert_int_equal(judge(f, &file, &f->root_trust, &facts), SIGNATURE_TRUSTED);
	assert_int_equal(judge(f, &file, &f->own_trust, &facts), SIGNATURE_UNTRUSTED);
	found = memmem(file.bytes, file.size, der, (size_t)n);
	assert_non_null(found);
	found[n - 1] ^= 1; /* the end of its own signature, which no path uses */
	assert_int_equal(verify(f, &file, &f->root_trust, &facts, &err), -EBADMSG);
	assert_non_null(strstr(err.line, "damaged certificate"));
	OPENSSL_free(der);
}

static void unsigned_attributes_are_refused(void **state)
{
	static const char *const numbers[] = {
		"1.3.6.1.4.1.311.2.4.1",      /* a nested signature */
		"1.2.840.113549.1.9.6",	      /* a countersignature of the old kind */
		"1.3.6.1.4.1.42921.1.2.1",    /* a blob for whoever finds it */
	};
	struct fixture *f = *state;
	const unsigned char empty[] = {0x30, 0x00};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		cleanup(PKCS7_freep) PKCS7 *p7 = frame_make(f->own, f->digests, sizeof(f->digests));

		test_add_unsigned(p7, numbers[i], empty, sizeof(empty));
		assert_frame_refused(f, p7, "unsigned attribute");
		test_add_unsigned(p7, numbers[i], empty, sizeof(empty));
		assert_frame_refused(f, p7, "unsigned attributes other than one");
	}
}

static void confused_algorithms_are_refused(void **state)
{
	struct fixture *f = *state;
	cleanup(PKCS7_freep) PKCS7 *p7 = frame_make(f->rsa, f->digests, sizeof(f->digests));
	PKCS7_SIGNER_INFO *si = signer_of(p7);
	X509_ALGOR *outer = sk_X509_ALGOR_value(p7->d.sign->md_algs, 0);

	X509_ALGOR_set0(si->digest_enc_alg, OBJ_nid2obj(NID_ecdsa_with_SHA256), V_ASN1_UNDEF, NULL);
	assert_frame_refused(f, p7, "not that of the signer's key");
	X509_ALGOR_set0(si->digest_enc_alg, OBJ_nid2obj(NID_sha512WithRSAEncryption), V_ASN1_NULL, NULL);
	assert_frame_refused(f, p7, "not that of the signer's key");
	X509_ALGOR_set0(si->digest_enc_alg, OBJ_nid2obj(NID_rsassaPss), V_ASN1_UNDEF, NULL);
	assert_frame_refused(f, p7, "not that of the signer's key");
	X509_ALGOR_set0(si->digest_enc_alg, OBJ_nid2obj(NID_rsaEncryption), V_ASN1_NULL, NULL);
	X509_ALGOR_set0(si->digest_alg, OBJ_nid2obj(NID_sha512), V_ASN1_NULL, NULL);
	assert_frame_refused(f, p7, "contradict");
	X509_ALGOR_set0(outer, OBJ_nid2obj(NID_sha512), V_ASN1_NULL, NULL);
	assert_frame_refused(f, p7, "its digest is not the signed one");
	X509_ALGOR_set0(si->digest_alg, OBJ_nid2obj(NID_sha1), V_ASN1_NULL, NULL);
	assert_frame_refused(f, p7, "SHA-2");
}

static void versions_and_kinds_are_checked(void **state)
{
	struct fixture *f = *state;
	cleanup(PKCS7_freep) PKCS7 *p7 = frame_make(f->own, f->digests, sizeof(f->digests));
	cleanup(PKCS7_freep) PKCS7 *plain = PKCS7_new();

	ASN1_INTEGER_set(p7->d.sign->version, 3);
	assert_frame_refused(f, p7, "version is not 1");
	ASN1_INTEGER_set(p7->d.sign->version, 1);
	ASN1_INTEGER_set(signer_of(p7)->version, 3);
	assert_frame_refused(f, p7, "version of its signer");
	PKCS7_set_type(plain, NID_pkcs7_data);
	assert_frame_refused(f, plain, "no PKCS #7 signature");
}

static int find_attribute(PKCS7_SIGNER_INFO *si, int nid)
{
	for (int i = 0; i < sk_X509_ATTRIBUTE_num(si->auth_attr); i++)
		if (OBJ_obj2nid(X509_ATTRIBUTE_get0_object(
			    sk_X509_ATTRIBUTE_value(si->auth_attr, i))) == nid)
			return i;
	return -1;
}

/* The signer signs again, with other attributes: the signature is right, what it says is not. */
static void signed_attributes_must_be_there_once(void **state)
{
	static const struct {
		int nid;
		bool twice;
		const char *because;
	} rows[] = {
		{NID_pkcs9_contentType, false, "do not say what was signed"},
		{NID_pkcs9_contentType, true, "do not say what was signed"},
		{NID_pkcs9_messageDigest, false, "its digest is not the signed one"},
		{NID_pkcs9_messageDigest, true, "its digest is not the signed one"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup(PKCS7_freep) PKCS7 *p7 = frame_make(f->own, f->digests, sizeof(f->digests));
		PKCS7_SIGNER_INFO *si = signer_of(p7);
		int at = find_attribute(si, rows[i].nid);

		assert_true(at >= 0);
		if (rows[i].twice)
			assert_true(sk_X509_ATTRIBUTE_push(
				si->auth_attr,
				X509_ATTRIBUTE_dup(sk_X509_ATTRIBUTE_value(si->auth_attr, at))));
		else
			X509_ATTRIBUTE_free(sk_X509_ATTRIBUTE_delete(si->auth_attr, at));
		assert_true(PKCS7_SIGNER_INFO_sign(si));
		assert_frame_refused(f, p7, rows[i].because);
	}
}

static void the_content_is_of_a_package(void **state)
{
	static const struct {
		const char *bytes, *instead, *because;
		int n;
	} rows[] = {
		{"\x4b\xdf\xc5\x0a", "\x4b\xdf\xc5\x0b", "another kind of file", 4},
		{"\x4b\xdf\xc5\x0a\x07\xce\xe2\x4d\xb7\x6e\x23\xc8\x39\xa0\x9f\xd1",
		 "\xb3\x58\x5f\x0f\xde\xaa\x9a\x4b\xa4\x34\x95\x74\x2d\x92\xec\xeb", "a bundle", 16},
		{"\x02\x01\x00\x02\x01\x00", "\x02\x01\x00\x02\x01\x01", "not 0", 6},
		{"\x02\x04\x01\x01\x00\x00", "\x02\x04\x02\x01\x00\x00", "another kind", 6},
		{"\x86\x48\x01\x65\x03\x04\x02\x01", "\x86\x48\x01\x65\x03\x04\x02\x03",
		 "not SHA-256", 8},
		{"AXCD", "AXCX", "not the digests of a package in their order", 4},
	};
	struct fixture *f = *state;
	unsigned char *der = NULL;
	size_t size;

	assert_int_equal(spc_content_make(f->digests, sizeof(f->digests), &der, &size), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned char *at = memmem(der, size, rows[i].bytes, (size_t)rows[i].n);
		struct appsilo_error err = {0};

		assert_non_null(at);
		memcpy(at, rows[i].instead, (size_t)rows[i].n);
		assert_int_equal(spc_content_check(der, size, f->digests, sizeof(f->digests), &err),
				 -EBADMSG);
		if (!strstr(err.line, rows[i].because))
			fail_msg("%s", err.line);
		memcpy(at, rows[i].bytes, (size_t)rows[i].n);
	}
	assert_int_equal(spc_content_check(der, size, f->digests, sizeof(f->digests), NULL), 0);
	assert_int_equal(spc_content_check(der, size - 1, f->digests, sizeof(f->digests), NULL),
			 -EBADMSG);
	OPENSSL_free(der);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signature_of_a_trusted_signer_is_accepted),
		cmocka_unit_test(the_same_key_and_package_give_the_same_bytes),
		cmocka_unit_test(a_stranger_is_named_with_what_to_do),
		cmocka_unit_test(a_chain_leads_to_a_trusted_root),
		cmocka_unit_test(a_trusted_signer_makes_nobody_else_trusted),
		cmocka_unit_test(dates_are_those_of_the_moment_asked_for),
		cmocka_unit_test(the_publisher_must_be_the_subject),
		cmocka_unit_test(certificates_of_other_usage_are_refused),
		cmocka_unit_test(weak_keys_and_digests_are_refused),
		cmocka_unit_test(authorities_must_be_such),
		cmocka_unit_test(other_digests_are_refused_by_name),
		cmocka_unit_test(swapped_digests_are_refused),
		cmocka_unit_test(code_integrity_is_signed_too),
		cmocka_unit_test(anything_after_the_end_is_refused),
		cmocka_unit_test(indefinite_lengths_are_refused),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(random_damages_are_all_found),
		cmocka_unit_test(several_signers_are_refused),
		cmocka_unit_test(certificates_without_a_part_are_refused),
		cmocka_unit_test(a_root_in_the_signature_must_be_whole),
		cmocka_unit_test(unsigned_attributes_are_refused),
		cmocka_unit_test(confused_algorithms_are_refused),
		cmocka_unit_test(versions_and_kinds_are_checked),
		cmocka_unit_test(signed_attributes_must_be_there_once),
		cmocka_unit_test(the_content_is_of_a_package),
	};

	return cmocka_run_group_tests(tests, make_fixture, free_fixture);
}
