/* SPDX-License-Identifier: Apache-2.0 */
#include "certificates.h"

#include "package/chain.h"
#include "package/name.h"
#include "package/spc.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

const struct test_spec test_signer = {
	.subject = "CN=Example Signer, O=Example, C=US", .usage = "codeSigning",
	.constraints = "critical,CA:FALSE", .key_usage = "critical,digitalSignature"};
const struct test_spec test_root = {
	.subject = "CN=Example Root", .constraints = "critical,CA:TRUE",
	.key_usage = "critical,keyCertSign,cRLSign"};
const struct test_spec test_middle = {
	.subject = "CN=Example Middle, O=Example", .usage = "codeSigning",
	.constraints = "critical,CA:TRUE,pathlen:0", .key_usage = "critical,keyCertSign,cRLSign"};
const struct test_spec test_stamper = {
	.subject = "CN=Example Clock", .usage = "critical,timeStamping",
	.constraints = "critical,CA:FALSE", .key_usage = "critical,digitalSignature"};

static void extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	if (!value)
		return;
	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	assert_non_null(extension);
	assert_true(X509_add_ext(certificate, extension, -1));
	X509_EXTENSION_free(extension);
}

static long serial_of(const struct test_spec *spec)
{
	long sum = 7;

	for (const char *s = spec->subject; *s; s++)
		sum = sum * 31 % 1000003 + *s;
	return sum;
}

struct signing_key *test_key(const struct test_spec *spec, const struct signing_key *issuer)
{
	struct signing_key *key = calloc(1, sizeof(*key));
	X509 *cert = X509_new(), *above = issuer ? issuer->certificate : cert;
	bool plain = !spec->from_days && !spec->to_days;
	X509_NAME *name = NULL;

	assert_non_null(key);
	key->key = spec->rsa_bits ? EVP_RSA_gen((unsigned int)spec->rsa_bits)
				  : EVP_EC_gen(spec->curve ? spec->curve : "P-256");
	assert_non_null(key->key);
	assert_int_equal(name_read(spec->subject, &name, NULL), 0);
	X509_set_version(cert, spec->constraints || spec->key_usage || spec->usage ? X509_VERSION_3
										    : X509_VERSION_1);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), serial_of(spec));
	X509_set_subject_name(cert, name);
	X509_set_issuer_name(cert, issuer ? X509_get_subject_name(above) : name);
	X509_NAME_free(name);
	X509_gmtime_adj(X509_getm_notBefore(cert), (plain ? -1 : spec->from_days) * TEST_DAY);
	X509_gmtime_adj(X509_getm_notAfter(cert), (plain ? 100 : spec->to_days) * TEST_DAY);
	X509_set_pubkey(cert, key->key);
	extend(cert, above, NID_basic_constraints, spec->constraints);
	extend(cert, above, NID_key_usage, spec->key_usage);
	extend(cert, above, NID_ext_key_usage, spec->usage);
	assert_true(X509_sign(cert, issuer ? issuer->key : key->key,
			      spec->md ? spec->md : EVP_sha256()) > 0);
	key->certificate = cert;
	key->chain = sk_X509_new_null();
	for (int i = -1; issuer && i < sk_X509_num(issuer->chain); i++) {
		X509 *one = i < 0 ? above : sk_X509_value(issuer->chain, i);

		if (X509_self_signed(one, 0) != 1) {
			X509_up_ref(one);
			sk_X509_push(key->chain, one);
		}
	}
	return key;
}

void test_trust(struct trust *trust, const struct signing_key *key, enum trust_kind kind)
{
	trust->list = reallocarray(trust->list, trust->n + 1, sizeof(*trust->list));
	assert_non_null(trust->list);
	trust->list[trust->n] = (struct trusted){.kind = kind, .certificate = key->certificate};
	X509_up_ref(key->certificate);
	assert_int_equal(chain_thumbprint(key->certificate, trust->list[trust->n].thumbprint), 0);
	trust->n++;
}

void test_trust_done(struct trust *trust)
{
	for (size_t i = 0; i < trust->n; i++)
		X509_free(trust->list[i].certificate);
	free(trust->list);
	*trust = (struct trust){0};
}

void test_digests(unsigned char ret[TEST_DIGESTS_SIZE], unsigned char seed)
{
	static const char names[] = "AXPCAXCDAXCTAXBM";

	memcpy(ret, "APPX", 4);
	for (int i = 0; i < 4; i++) {
		memcpy(ret + 4 + 36 * i, names + 4 * i, 4);
		memset(ret + 8 + 36 * i, seed + i, 32);
	}
}

static int64_t stamp_time;

static int give_time(struct TS_resp_ctx *context, void *data, long *sec, long *usec)
{
	(void)context;
	(void)data;
	*sec = stamp_time;
	*usec = 0;
	return 1;
}

static ASN1_INTEGER *give_serial(struct TS_resp_ctx *context, void *data)
{
	ASN1_INTEGER *serial = ASN1_INTEGER_new();

	(void)context;
	(void)data;
	ASN1_INTEGER_set(serial, 42);
	return serial;
}

static BIO *make_request(const unsigned char *bytes, size_t n, const EVP_MD *md)
{
	TS_REQ *request = TS_REQ_new();
	TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
	X509_ALGOR *algorithm = X509_ALGOR_new();
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int size;
	BIO *bio = BIO_new(BIO_s_mem());

	EVP_Digest(bytes, n, digest, &size, md, NULL);
	X509_ALGOR_set_md(algorithm, md);
	TS_MSG_IMPRINT_set_algo(imprint, algorithm);
	TS_MSG_IMPRINT_set_msg(imprint, digest, (int)size);
	TS_REQ_set_version(request, 1);
	TS_REQ_set_msg_imprint(request, imprint);
	TS_REQ_set_cert_req(request, 1);
	assert_true(i2d_TS_REQ_bio(bio, request));
	X509_ALGOR_free(algorithm);
	TS_MSG_IMPRINT_free(imprint);
	TS_REQ_free(request);
	return bio;
}

PKCS7 *test_token(const struct signing_key *stamper, const unsigned char *bytes, size_t n,
		  int64_t time, const EVP_MD *md)
{
	TS_RESP_CTX *context = TS_RESP_CTX_new();
	BIO *request = make_request(bytes, n, md);
	ASN1_OBJECT *policy = OBJ_txt2obj("1.2.3.4", 1);
	TS_RESP *response;
	PKCS7 *token;

	stamp_time = time;
	assert_true(TS_RESP_CTX_set_signer_cert(context, stamper->certificate));
	assert_true(TS_RESP_CTX_set_signer_key(context, stamper->key));
	assert_true(TS_RESP_CTX_set_certs(context, stamper->chain));
	assert_true(TS_RESP_CTX_set_def_policy(context, policy));
	assert_true(TS_RESP_CTX_add_md(context, md));
	assert_true(TS_RESP_CTX_set_signer_digest(context, EVP_sha256()));
	assert_true(TS_RESP_CTX_set_ess_cert_id_digest(context, EVP_sha256()));
	TS_RESP_CTX_set_serial_cb(context, give_serial, NULL);
	TS_RESP_CTX_set_time_cb(context, give_time, NULL);
	response = TS_RESP_create_response(context, request);
	assert_non_null(response);
	token = PKCS7_dup(TS_RESP_get_token(response));
	assert_non_null(token);
	TS_RESP_free(response);
	BIO_free(request);
	ASN1_OBJECT_free(policy);
	TS_RESP_CTX_free(context);
	return token;
}

static PKCS7_SIGNER_INFO *signer_of(PKCS7 *p7)
{
	return sk_PKCS7_SIGNER_INFO_value(p7->d.sign->signer_info, 0);
}

void test_add_unsigned(PKCS7 *p7, const char *number, const unsigned char *der, int n)
{
	PKCS7_SIGNER_INFO *si = signer_of(p7);
	ASN1_OBJECT *type = OBJ_txt2obj(number, 1);
	X509_ATTRIBUTE *one = X509_ATTRIBUTE_create_by_OBJ(NULL, type, V_ASN1_SEQUENCE, der, n);

	assert_non_null(one);
	if (!si->unauth_attr)
		si->unauth_attr = sk_X509_ATTRIBUTE_new_null();
	assert_true(sk_X509_ATTRIBUTE_push(si->unauth_attr, one));
	ASN1_OBJECT_free(type);
}

void test_stamp(PKCS7 *p7, const struct signing_key *stamper, int64_t time)
{
	const ASN1_STRING *value = signer_of(p7)->enc_digest;
	PKCS7 *token = test_token(stamper, ASN1_STRING_get0_data(value),
				  (size_t)ASN1_STRING_length(value), time, EVP_sha256());
	unsigned char *der = NULL;
	int n = i2d_PKCS7(token, &der);

	test_add_unsigned(p7, SPC_TIMESTAMP, der, n);
	OPENSSL_free(der);
	PKCS7_free(token);
}
