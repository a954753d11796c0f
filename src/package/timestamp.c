/* SPDX-License-Identifier: Apache-2.0 */
#include "package/timestamp.h"

#include "package/chain.h"
#include "package/name.h"
#include "package/signature_frame.h"
#include "package/spc.h"
#include <openssl/ess.h>
#include <string.h>

static int bad(struct appsilo_error *err, const char *what)
{
	ERR_clear_error();
	return error_say(err, -EBADMSG, SIGNATURE_FILE ": the time stamp is not sound: %s", what);
}

static bool is_strong(int digest)
{
	return digest == NID_sha256 || digest == NID_sha384 || digest == NID_sha512;
}

static int digest_of(const X509_ALGOR *algorithm)
{
	const ASN1_OBJECT *type;

	X509_ALGOR_get0(&type, NULL, NULL, algorithm);
	return OBJ_obj2nid(type);
}

/* The digest in the token is of what was stamped. */
static const char *imprint_problem(TS_TST_INFO *info, const unsigned char *stamped, size_t n)
{
	TS_MSG_IMPRINT *imprint = TS_TST_INFO_get_msg_imprint(info);
	const ASN1_OCTET_STRING *given = TS_MSG_IMPRINT_get_msg(imprint);
	int nid = digest_of(TS_MSG_IMPRINT_get_algo(imprint));
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int size = 0;

	if (!is_strong(nid))
		return "its digest is weak";
	if (!EVP_Digest(stamped, n, digest, &size, EVP_get_digestbynid(nid), NULL))
		return "its digest cannot be made";
	if ((unsigned int)ASN1_STRING_length(given) != size ||
	    memcmp(ASN1_STRING_get0_data(given), digest, size) != 0)
		return "it is of another signature";
	return NULL;
}

static const char *info_problem(TS_TST_INFO *info, const unsigned char *stamped, size_t n,
				int64_t *ret_time)
{
	if (TS_TST_INFO_get_version(info) != 1)
		return "its version is not 1";
	for (int i = 0; i < TS_TST_INFO_get_ext_count(info); i++)
		if (X509_EXTENSION_get_critical(TS_TST_INFO_get_ext(info, i)))
			return "it has a critical extension that is not known";
	if (chain_time(TS_TST_INFO_get_time(info), ret_time) < 0)
		return "its time cannot be read";
	return imprint_problem(info, stamped, n);
}

/* RFC 3161 wants the signed attribute that names the certificate: without it another
 * certificate of the same key could be put in its place. */
static bool names_signer(const PKCS7_SIGNER_INFO *si, X509 *signer, STACK_OF(X509) *bag)
{
	cleanup(x509_borrowed_freep) STACK_OF(X509) *chain = sk_X509_dup(bag);
	const ASN1_TYPE *old = frame_signed(si, NID_id_smime_aa_signingCertificate);
	const ASN1_TYPE *new = frame_signed(si, NID_id_smime_aa_signingCertificateV2);
	ESS_SIGNING_CERT *first = NULL;
	ESS_SIGNING_CERT_V2 *second = NULL;
	const unsigned char *p;
	bool good = chain && sk_X509_unshift(chain, signer);

	if (old && old->type == V_ASN1_SEQUENCE) {
		p = ASN1_STRING_get0_data(old->value.sequence);
		first = d2i_ESS_SIGNING_CERT(NULL, &p, ASN1_STRING_length(old->value.sequence));
	}
	if (new && new->type == V_ASN1_SEQUENCE) {
		p = ASN1_STRING_get0_data(new->value.sequence);
		second = d2i_ESS_SIGNING_CERT_V2(NULL, &p, ASN1_STRING_length(new->value.sequence));
	}
	good = good && OSSL_ESS_check_signing_certs(first, second, chain, 1) > 0;
	ESS_SIGNING_CERT_free(first);
	ESS_SIGNING_CERT_V2_free(second);
	return good;
}

/* The token's own frame, read into @ret. */
static const char *open_token(const unsigned char *der, size_t size, PKCS7 **ret,
			      TS_TST_INFO **ret_info)
{
	const unsigned char *p = der;
	cleanup(openssl_freep) unsigned char *again = NULL;
	const ASN1_STRING *content;
	int n;

	*ret = d2i_PKCS7(NULL, &p, (long)size);
	if (!*ret || p != der + size || !PKCS7_type_is_signed(*ret))
		return "it cannot be read as an RFC 3161 token";
	n = i2d_PKCS7(*ret, &again);
	if (n < 0 || (size_t)n != size || memcmp(again, der, size) != 0)
		return "it is not DER";
	content = frame_content(*ret, SPC_TSTINFO);
	if (!content || ASN1_STRING_type(content) != V_ASN1_OCTET_STRING)
		return "it is no RFC 3161 token";
	p = ASN1_STRING_get0_data(content);
	*ret_info = d2i_TS_TST_INFO(NULL, &p, ASN1_STRING_length(content));
	if (!*ret_info || p != ASN1_STRING_get0_data(content) + ASN1_STRING_length(content))
		return "it is no RFC 3161 token";
	return NULL;
}

static const char *check_signature(const PKCS7 *token, const struct trust *trust, X509 **ret_signer)
{
	STACK_OF(X509) *bag = token->d.sign->cert;
	PKCS7_SIGNER_INFO *si;
	const char *problem = frame_open(token, 3, &si, ret_signer);

	if (!problem && si->unauth_attr)
		problem = "it has attributes that nobody signed";
	if (!problem)
		problem = frame_signature_problem(token, si, *ret_signer, SPC_TSTINFO);
	if (!problem)
		problem = chain_bag_problem(*ret_signer, bag, trust);
	if (!problem && !names_signer(si, *ret_signer, bag))
		problem = "it does not name the certificate of its maker";
	return problem;
}

int timestamp_check(const unsigned char *der, size_t size, const unsigned char *stamped, size_t n,
		    const struct trust *trust, struct timestamp_facts *ret,
		    struct appsilo_error *err)
{
	cleanup(PKCS7_freep) PKCS7 *token = NULL;
	cleanup(TS_TST_INFO_freep) TS_TST_INFO *info = NULL;
	struct chain_verdict chain;
	X509 *signer = NULL;
	const char *problem = open_token(der, size, &token, &info);
	int r;

	if (!problem)
		problem = info_problem(info, stamped, n, &ret->time);
	if (!problem)
		problem = check_signature(token, trust, &signer);
	if (problem)
		return bad(err, problem);
	chain_judge_signer(signer, TRUST_TIMESTAMP, &chain);
	if (chain.verdict != SIGNATURE_TRUSTED)
		return bad(err, chain.reason);
	if (name_write(X509_get_subject_name(signer), ret->subject) < 0)
		return bad(err, "the name of its maker is not text");
	r = chain_judge(signer, token->d.sign->cert, trust, TRUST_TIMESTAMP, ret->time, &chain);
	if (r < 0)
		return error_set(err, r, SIGNATURE_FILE);
	ret->trusted = chain.verdict == SIGNATURE_TRUSTED;
	return 0;
}
