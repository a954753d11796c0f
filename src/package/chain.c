/* SPDX-License-Identifier: Apache-2.0 */
#include "package/chain.h"

#include "base/sha256.h"
#include "base/text.h"
#include "package/name.h"
#include <openssl/ec.h>
#include <string.h>
#include <time.h>

#define AUTH_LEVEL 2 /* OpenSSL's: 112 bits, so no SHA-1 and no RSA under 2048 */

static void say(struct chain_verdict *ret, enum signature_verdict verdict, const char *reason)
{
	ret->verdict = verdict;
	snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
}

const char *chain_key_problem(const EVP_PKEY *key)
{
	static const int curves[] = {NID_X9_62_prime256v1, NID_secp384r1, NID_secp521r1};
	char group[64];
	size_t n;

	if (!key)
		return "its key cannot be read";
	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
		if (EVP_PKEY_get_bits(key) < CHAIN_RSA_BITS_MIN)
			return "its RSA key has less than 2048 bits";
		return EVP_PKEY_get_bits(key) > CHAIN_RSA_BITS_MAX
			       ? "its RSA key has more than 8192 bits"
			       : NULL;
	}
	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC)
		return "its key is neither RSA nor of an elliptic curve";
	if (EVP_PKEY_get_group_name(key, group, sizeof(group), &n))
		for (size_t i = 0; i < ARRAY_SIZE(curves); i++)
			if (OBJ_txt2nid(group) == curves[i])
				return NULL;
	return "its curve is not P-256, P-384 or P-521";
}

/* The extended key usages of @certificate: is @nid among them? Several copies are refused by
 * the library as X509v3 demands. */
static bool has_usage(X509 *certificate, int nid, bool any_will_do, bool *ret_critical, int *ret_n)
{
	int critical = -1;
	EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(certificate, NID_ext_key_usage, &critical, NULL);
	bool found = false;

	*ret_n = usages ? sk_ASN1_OBJECT_num(usages) : critical == -1 ? -1 : 0;
	*ret_critical = critical > 0;
	for (int i = 0; i < *ret_n; i++) {
		int usage = OBJ_obj2nid(sk_ASN1_OBJECT_value(usages, i));

		found = found || usage == nid || (any_will_do && usage == NID_anyExtendedKeyUsage);
	}
	EXTENDED_KEY_USAGE_free(usages);
	return found;
}

static int usage_of(enum trust_kind kind)
{
	return kind == TRUST_SIGNER ? NID_code_sign : NID_time_stamp;
}

static const char *usage_problem(X509 *certificate, enum trust_kind kind)
{
	uint32_t usage = X509_get_key_usage(certificate); /* all bits when it does not say */
	bool critical;
	int n;

	if (X509_get_extension_flags(certificate) & EXFLAG_INVALID)
		return "its extensions are malformed";
	if (!has_usage(certificate, usage_of(kind), false, &critical, &n))
		return kind == TRUST_SIGNER ? "its certificate is not for code signing"
					    : "its certificate is not for time stamps";
	if (kind == TRUST_TIMESTAMP && (n != 1 || !critical))
		return "its certificate is not for time stamps alone";
	if (!(usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)))
		return "its certificate is not for signatures";
	if (X509_get_extension_flags(certificate) & EXFLAG_CA)
		return "its certificate is an authority's, which signs certificates only";
	return NULL;
}

void chain_judge_signer(X509 *certificate, enum trust_kind kind, struct chain_verdict *ret)
{
	const char *problem = usage_problem(certificate, kind);

	ret->reason[0] = '\0';
	ret->verdict = SIGNATURE_TRUSTED;
	if (problem)
		say(ret, SIGNATURE_WRONG_USAGE, problem);
	else if ((problem = chain_key_problem(X509_get0_pubkey(certificate))))
		say(ret, SIGNATURE_WEAK, problem);
}

static enum signature_verdict verdict_of(int error)
{
	switch (error) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_CERT_UNTRUSTED:
		return SIGNATURE_UNTRUSTED;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return SIGNATURE_EXPIRED;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return SIGNATURE_NOT_YET_VALID;
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
	case X509_V_ERR_CA_MD_TOO_WEAK:
		return SIGNATURE_WEAK;
	default:
		return SIGNATURE_BAD_CHAIN;
	}
}

/* What the library does not look at: each authority is one by its basic constraints, with a key
 * of a kind that is accepted here, and may issue certificates of this usage. */
static void judge_authorities(STACK_OF(X509) *chain, enum trust_kind kind, struct chain_verdict *ret)
{
	for (int i = 1; i < sk_X509_num(chain) && ret->verdict == SIGNATURE_TRUSTED; i++) {
		X509 *authority = sk_X509_value(chain, i);
		const char *problem = chain_key_problem(X509_get0_pubkey(authority));
		enum signature_verdict verdict = problem ? SIGNATURE_WEAK : SIGNATURE_BAD_CHAIN;
		char name[PUBLISHER_MAX];
		bool critical, fits;
		int n;

		fits = has_usage(authority, usage_of(kind), true, &critical, &n) || n == -1;
		if (!problem && X509_check_ca(authority) != 1)
			problem = "it is no authority";
		if (!problem && !fits)
			problem = "it may not issue certificates of this usage";
		if (!problem)
			continue;
		if (name_write(X509_get_subject_name(authority), name) < 0)
			name[0] = '\0';
		ret->verdict = verdict;
		snprintf(ret->reason, sizeof(ret->reason), "an authority's certificate: %s: %.150s",
			 problem, name);
	}
}

static X509_STORE *store_of(const struct trust *trust, enum trust_kind kind)
{
	X509_STORE *store = X509_STORE_new();

	for (size_t i = 0; store && i < trust->n; i++) {
		if (trust->list[i].kind == kind &&
		    !X509_STORE_add_cert(store, trust->list[i].certificate)) {
			X509_STORE_free(store);
			return NULL;
		}
	}
	return store;
}

int chain_judge(X509 *signer, STACK_OF(X509) *bag, const struct trust *trust,
		enum trust_kind kind, int64_t at, struct chain_verdict *ret)
{
	cleanup(X509_STORE_freep) X509_STORE *store = store_of(trust, kind);
	cleanup(X509_STORE_CTX_freep) X509_STORE_CTX *context = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *parameters;
	int error;

	chain_judge_signer(signer, kind, ret);
	if (ret->verdict != SIGNATURE_TRUSTED)
		return 0;
	say(ret, SIGNATURE_UNTRUSTED, "");
	if (!store || !context || !X509_STORE_CTX_init(context, store, signer, bag))
		return -ENOMEM;
	parameters = X509_STORE_CTX_get0_param(context);
	X509_VERIFY_PARAM_set_time(parameters, (time_t)at);
	X509_VERIFY_PARAM_set_depth(parameters, CHAIN_DEPTH_MAX);
	X509_VERIFY_PARAM_set_auth_level(parameters, AUTH_LEVEL);
	/* A trusted certificate that is no root ends a chain too. */
	if (!X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN))
		return -ENOMEM;
	if (X509_verify_cert(context) == 1) {
		say(ret, SIGNATURE_TRUSTED, "");
		judge_authorities(X509_STORE_CTX_get0_chain(context), kind, ret);
		return 0;
	}
	ERR_clear_error();
	error = X509_STORE_CTX_get_error(context);
	if (error == X509_V_ERR_OUT_OF_MEM)
		return -ENOMEM;
	say(ret, error == X509_V_OK ? SIGNATURE_UNTRUSTED : verdict_of(error),
	    X509_verify_cert_error_string(error));
	return 0;
}

static bool is_same(const X509 *a, const X509 *b)
{
	char first[THUMBPRINT_SIZE], second[THUMBPRINT_SIZE];

	return chain_thumbprint(a, first) == 0 && chain_thumbprint(b, second) == 0 &&
	       strcmp(first, second) == 0;
}

/* By name and by signature. */
static bool issued(X509 *issuer, X509 *subject)
{
	bool yes = X509_check_issued(issuer, subject) == X509_V_OK &&
		   X509_verify(subject, X509_get0_pubkey(issuer)) == 1;

	ERR_clear_error();
	return yes;
}

/* Some certificate that is known vouches for all bytes of @one. */
static bool is_vouched(X509 *one, STACK_OF(X509) *bag, const struct trust *trust)
{
	for (int i = 0; i < sk_X509_num(bag); i++)
		if (issued(sk_X509_value(bag, i), one))
			return true;
	for (size_t i = 0; i < trust->n; i++)
		if (is_same(trust->list[i].certificate, one) ||
		    issued(trust->list[i].certificate, one))
			return true;
	return false;
}

/* A root must at least be its own, and a trusted certificate the very one that is trusted. What
 * an unknown authority above those issued stays open: nothing is decided by it. */
static bool must_be_vouched(X509 *one, const struct trust *trust)
{
	bool must = X509_check_issued(one, one) == X509_V_OK;

	for (size_t i = 0; i < trust->n && !must; i++)
		must = X509_NAME_cmp(X509_get_subject_name(trust->list[i].certificate),
				     X509_get_subject_name(one)) == 0;
	return must;
}

const char *chain_bag_problem(X509 *signer, STACK_OF(X509) *bag, const struct trust *trust)
{
	bool used[SIGNATURE_CERTIFICATES_MAX] = {false};
	int n = sk_X509_num(bag);
	bool more = true;

	if (n > SIGNATURE_CERTIFICATES_MAX)
		return "more than 16 certificates";
	/* The very same one twice, as some tools write it, is no place to hide anything. */
	for (int i = 0; i < n; i++)
		used[i] = is_same(sk_X509_value(bag, i), signer);
	while (more) {
		more = false;
		for (int i = 0; i < n * n; i++) {
			int from = i / n, to = i % n;

			if (used[from] && !used[to] &&
			    issued(sk_X509_value(bag, to), sk_X509_value(bag, from)))
				used[to] = more = true;
		}
	}
	for (int i = 0; i < n; i++) {
		X509 *one = sk_X509_value(bag, i);

		if (!used[i])
			return "a certificate that has no part in the signature";
		if (must_be_vouched(one, trust) && !is_vouched(one, bag, trust))
			return "a damaged certificate";
	}
	return NULL;
}

int chain_thumbprint(const X509 *certificate, char ret[THUMBPRINT_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int n = 0;

	if (!X509_digest(certificate, EVP_sha256(), digest, &n) || n != SHA256_SIZE)
		return -EIO;
	for (unsigned int i = 0; i < n; i++)
		snprintf(ret + 2 * i, 3, "%02x", digest[i]);
	return 0;
}

int chain_time(const ASN1_TIME *time, int64_t *ret)
{
	struct tm parts;

	if (!time || !ASN1_TIME_to_tm(time, &parts))
		return -EBADMSG;
	*ret = timegm(&parts);
	return 0;
}
