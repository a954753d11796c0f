/* SPDX-License-Identifier: Apache-2.0 */
#include "package/signature_frame.h"

#include "package/signature.h"
#include "package/spc.h"
#include <string.h>

bool frame_is_type(const ASN1_OBJECT *type, const char *number)
{
	char text[64];
	int n = OBJ_obj2txt(text, sizeof(text), type, 1);

	return n > 0 && n < (int)sizeof(text) && strcmp(text, number) == 0;
}

/* How many of everything there are, before anything is looked at closer. */
static const char *count_problem(const PKCS7_SIGNED *s, long version)
{
	if (ASN1_INTEGER_get(s->version) != version)
		return version == 1 ? "its version is not 1" : "its version is not 3";
	if (sk_PKCS7_SIGNER_INFO_num(s->signer_info) < 1)
		return "has no signer";
	if (sk_PKCS7_SIGNER_INFO_num(s->signer_info) > 1)
		return "has several signers";
	if (sk_X509_ALGOR_num(s->md_algs) != 1)
		return "names several digest algorithms";
	if (s->crl)
		return "carries revocation lists, which is unexpected";
	if (sk_X509_num(s->cert) < 1)
		return "holds no certificate";
	if (sk_X509_num(s->cert) > SIGNATURE_CERTIFICATES_MAX)
		return "holds more than 16 certificates";
	return NULL;
}

/* By the very bytes: the library takes names for equal that differ in case and spelling. */
static X509 *find_signer(const PKCS7_SIGNED *s, PKCS7_ISSUER_AND_SERIAL *id)
{
	const unsigned char *wanted, *name;
	size_t wanted_size, size;

	for (int i = 0; X509_NAME_get0_der(id->issuer, &wanted, &wanted_size) &&
			i < sk_X509_num(s->cert); i++) {
		X509 *one = sk_X509_value(s->cert, i);

		if (ASN1_INTEGER_cmp(X509_get0_serialNumber(one), id->serial) == 0 &&
		    X509_NAME_get0_der(X509_get_issuer_name(one), &name, &size) &&
		    size == wanted_size && memcmp(name, wanted, size) == 0)
			return one;
	}
	return NULL;
}

const char *frame_open(const PKCS7 *p7, long version, PKCS7_SIGNER_INFO **ret, X509 **ret_signer)
{
	const char *problem;

	if (!PKCS7_type_is_signed((PKCS7 *)p7) || !p7->d.sign || !p7->d.sign->contents)
		return "is no PKCS #7 signature";
	problem = count_problem(p7->d.sign, version);
	if (problem)
		return problem;
	*ret = sk_PKCS7_SIGNER_INFO_value(p7->d.sign->signer_info, 0);
	if (ASN1_INTEGER_get((*ret)->version) != 1)
		return "the version of its signer is not 1";
	*ret_signer = find_signer(p7->d.sign, (*ret)->issuer_and_serial);
	return *ret_signer ? NULL : "does not hold the certificate of its signer";
}

const ASN1_STRING *frame_content(const PKCS7 *p7, const char *content_type)
{
	const PKCS7 *inner = p7->d.sign->contents;

	/* A type the library knows would have been parsed as such: not as d.other. */
	if (!frame_is_type(inner->type, content_type) || !inner->d.other)
		return NULL;
	return inner->d.other->type == V_ASN1_SEQUENCE || inner->d.other->type == V_ASN1_OCTET_STRING
		       ? inner->d.other->value.sequence
		       : NULL;
}

unsigned int frame_digest(const PKCS7 *p7, const char *content_type, const EVP_MD *md,
			  unsigned char ret[EVP_MAX_MD_SIZE])
{
	const ASN1_STRING *content = frame_content(p7, content_type);
	const unsigned char *p;
	unsigned int n = 0;
	long size;
	int tag, class;

	if (!content)
		return 0;
	p = ASN1_STRING_get0_data(content);
	size = ASN1_STRING_length(content);
	/* A sequence is kept with its own tag and length, a string without. */
	if (ASN1_STRING_type(content) == V_ASN1_SEQUENCE &&
	    ASN1_get_object(&p, &size, &tag, &class, size) != V_ASN1_CONSTRUCTED)
		return 0;
	return EVP_Digest(p, (size_t)size, ret, &n, md, NULL) ? n : 0;
}

static int algorithm_of(const X509_ALGOR *algorithm, bool *ret_plain)
{
	const ASN1_OBJECT *type;
	int parameter;

	X509_ALGOR_get0(&type, &parameter, NULL, algorithm);
	*ret_plain = parameter == V_ASN1_NULL || parameter == V_ASN1_UNDEF;
	return OBJ_obj2nid(type);
}

/* Either just the kind of key, or the pair of key and digest. */
static bool fits(int algorithm, int digest, int key)
{
	int own_digest, own_key;

	if (key == EVP_PKEY_EC && algorithm == NID_X9_62_id_ecPublicKey)
		return true;
	if (key == EVP_PKEY_RSA && algorithm == NID_rsaEncryption)
		return true;
	return OBJ_find_sigid_algs(algorithm, &own_digest, &own_key) && own_digest == digest &&
	       own_key == key;
}

static const char *algorithm_problem(const PKCS7 *p7, const PKCS7_SIGNER_INFO *si, X509 *signer)
{
	EVP_PKEY *key = X509_get0_pubkey(signer);
	bool plain, outer_plain, signature_plain;
	int digest = algorithm_of(si->digest_alg, &plain);
	int outer = algorithm_of(sk_X509_ALGOR_value(p7->d.sign->md_algs, 0), &outer_plain);
	int signature = algorithm_of(si->digest_enc_alg, &signature_plain);

	if (digest != NID_sha256 && digest != NID_sha384 && digest != NID_sha512)
		return "its digest algorithm is not of the SHA-2 family";
	if (digest != outer || !plain || !outer_plain)
		return "its digest algorithms contradict each other";
	if (!key)
		return "the key of its signer cannot be read";
	if (!signature_plain || !fits(signature, digest, EVP_PKEY_get_base_id(key)))
		return "its signature algorithm is not that of the signer's key";
	return NULL;
}

const ASN1_TYPE *frame_signed(const PKCS7_SIGNER_INFO *si, int nid)
{
	X509_ATTRIBUTE *found = NULL;

	for (int i = 0; i < sk_X509_ATTRIBUTE_num(si->auth_attr); i++) {
		X509_ATTRIBUTE *one = sk_X509_ATTRIBUTE_value(si->auth_attr, i);

		if (OBJ_obj2nid(X509_ATTRIBUTE_get0_object(one)) != nid)
			continue;
		if (found)
			return NULL;
		found = one;
	}
	return found && X509_ATTRIBUTE_count(found) == 1 ? X509_ATTRIBUTE_get0_type(found, 0) : NULL;
}

static bool is_digest(const ASN1_TYPE *value, const unsigned char *digest, unsigned int n)
{
	const ASN1_STRING *given;

	if (!value || value->type != V_ASN1_OCTET_STRING)
		return false;
	given = value->value.octet_string;
	return n > 0 && (unsigned int)ASN1_STRING_length(given) == n &&
	       memcmp(ASN1_STRING_get0_data(given), digest, n) == 0;
}

static const char *attribute_problem(const PKCS7 *p7, const PKCS7_SIGNER_INFO *si,
				     const char *content_type)
{
	const ASN1_TYPE *type = frame_signed(si, NID_pkcs9_contentType);
	const EVP_MD *md = EVP_get_digestbyobj(si->digest_alg->algorithm);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int n = md ? frame_digest(p7, content_type, md, digest) : 0;

	if (!type || type->type != V_ASN1_OBJECT || !frame_is_type(type->value.object, content_type))
		return "its signed attributes do not say what was signed";
	if (!is_digest(frame_signed(si, NID_pkcs9_messageDigest), digest, n))
		return "what is signed was changed: its digest is not the signed one";
	return NULL;
}

const char *frame_signature_problem(const PKCS7 *p7, const PKCS7_SIGNER_INFO *si, X509 *signer,
				    const char *content_type)
{
	cleanup(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
	cleanup(openssl_freep) unsigned char *attributes = NULL;
	const char *problem = algorithm_problem(p7, si, signer);
	int n;

	if (!problem)
		problem = attribute_problem(p7, si, content_type);
	if (problem)
		return problem;
	/* As a set in the order of the file: these bytes are what was signed. */
	n = ASN1_item_i2d((ASN1_VALUE *)si->auth_attr, &attributes,
			  ASN1_ITEM_rptr(PKCS7_ATTR_VERIFY));
	if (n <= 0 || !context ||
	    EVP_DigestVerifyInit(context, NULL, EVP_get_digestbyobj(si->digest_alg->algorithm), NULL,
				 X509_get0_pubkey(signer)) != 1)
		return "its signature cannot be checked";
	if (EVP_DigestVerify(context, ASN1_STRING_get0_data(si->enc_digest),
			     (size_t)ASN1_STRING_length(si->enc_digest), attributes, (size_t)n) != 1)
		return "its signature is wrong";
	return NULL;
}

const char *frame_unsigned(const PKCS7_SIGNER_INFO *si, const ASN1_STRING **ret_token)
{
	X509_ATTRIBUTE *only;
	const ASN1_TYPE *value;

	if (!si->unauth_attr)
		return NULL;
	if (sk_X509_ATTRIBUTE_num(si->unauth_attr) != 1)
		return "holds unsigned attributes other than one time stamp";
	only = sk_X509_ATTRIBUTE_value(si->unauth_attr, 0);
	if (!frame_is_type(X509_ATTRIBUTE_get0_object(only), SPC_TIMESTAMP))
		return "holds an unsigned attribute that is no RFC 3161 time stamp";
	value = X509_ATTRIBUTE_count(only) == 1 ? X509_ATTRIBUTE_get0_type(only, 0) : NULL;
	if (!value || value->type != V_ASN1_SEQUENCE)
		return "its time stamp is malformed";
	*ret_token = value->value.sequence;
	return NULL;
}
