/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a signature. The signed attributes are those of the usual tools, without a signing
 * time: the same key over the same package gives the same bytes (with RSA).
 */
#include "base/text.h"
#include "package/chain.h"
#include "package/key.h"
#include "package/name.h"
#include "package/signature_frame.h"
#include "package/spc.h"
#include <string.h>
#include <time.h>

/* SpcSpOpusInfo without program name or link, and SpcStatementType "individual". */
static const unsigned char opus_info[] = {0x30, 0x00};
static const unsigned char statement[] = {0x30, 0x0c, 0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04,
					  0x01, 0x82, 0x37, 0x02, 0x01, 0x15};

static int reject(const struct signing_key *key, const char *why, struct appsilo_error *err)
{
	char subject[PUBLISHER_MAX], shown[400];

	if (name_write(X509_get_subject_name(key->certificate), subject) < 0)
		snprintf(subject, sizeof(subject), "(not text)");
	return error_say(err, -EKEYREJECTED, "cannot sign as %s: %s",
			 text_show(subject, shown, sizeof(shown)), why);
}

static int check_key(const struct signing_key *key, struct appsilo_error *err)
{
	struct chain_verdict own;

	chain_judge_signer(key->certificate, TRUST_SIGNER, &own);
	if (own.verdict != SIGNATURE_TRUSTED)
		return reject(key, own.reason, err);
	if (X509_cmp_current_time(X509_get0_notAfter(key->certificate)) <= 0)
		return reject(key, "its certificate has expired; make one with appsilo cert new", err);
	if (X509_cmp_current_time(X509_get0_notBefore(key->certificate)) >= 0)
		return reject(key, "its certificate is not yet valid", err);
	return 0;
}

static bool set_content(PKCS7 *p7, const unsigned char *digests, size_t n)
{
	cleanup(openssl_freep) unsigned char *der = NULL;
	cleanup(PKCS7_freep) PKCS7 *inner = PKCS7_new();
	size_t size;

	if (!inner || spc_content_make(digests, n, &der, &size) < 0)
		return false;
	inner->type = OBJ_txt2obj(SPC_INDIRECT_DATA, 1);
	inner->d.other = ASN1_TYPE_new();
	if (!inner->type || !inner->d.other)
		return false;
	inner->d.other->value.sequence = ASN1_STRING_type_new(V_ASN1_SEQUENCE);
	inner->d.other->type = V_ASN1_SEQUENCE;
	if (!inner->d.other->value.sequence ||
	    !ASN1_STRING_set(inner->d.other->value.sequence, der, (int)size) ||
	    !PKCS7_set_content(p7, inner))
		return false;
	inner = NULL; /* now a part of @p7 */
	return true;
}

static bool set_certificates(PKCS7 *p7, const struct signing_key *key)
{
	bool good = PKCS7_add_certificate(p7, key->certificate);

	for (int i = 0; good && i < sk_X509_num(key->chain); i++)
		good = PKCS7_add_certificate(p7, sk_X509_value(key->chain, i));
	return good;
}

static bool add_attribute(PKCS7_SIGNER_INFO *si, const char *number, int type, const void *data,
			  int size)
{
	ASN1_OBJECT *name = OBJ_txt2obj(number, 1);
	X509_ATTRIBUTE *attribute = name ? X509_ATTRIBUTE_create_by_OBJ(NULL, name, type, data, size)
					 : NULL;

	ASN1_OBJECT_free(name);
	if (!si->auth_attr)
		si->auth_attr = sk_X509_ATTRIBUTE_new_null();
	if (attribute && si->auth_attr && sk_X509_ATTRIBUTE_push(si->auth_attr, attribute))
		return true;
	X509_ATTRIBUTE_free(attribute);
	return false;
}

static bool set_attributes(PKCS7 *p7, PKCS7_SIGNER_INFO *si)
{
	cleanup(ASN1_OBJECT_freep) ASN1_OBJECT *content_type = OBJ_txt2obj(SPC_INDIRECT_DATA, 1);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int n = frame_digest(p7, SPC_INDIRECT_DATA, EVP_sha256(), digest);

	return n && content_type &&
	       add_attribute(si, SPC_OPUS_INFO, V_ASN1_SEQUENCE, opus_info, sizeof(opus_info)) &&
	       add_attribute(si, "1.2.840.113549.1.9.3", V_ASN1_OBJECT, content_type, -1) &&
	       add_attribute(si, SPC_STATEMENT_TYPE, V_ASN1_SEQUENCE, statement, sizeof(statement)) &&
	       PKCS7_add1_attrib_digest(si, digest, (int)n);
}

static bool fill(const struct signing_key *key, const unsigned char *digests, size_t n, PKCS7 *p7)
{
	PKCS7_SIGNER_INFO *si = PKCS7_SIGNER_INFO_new();

	if (!si || !PKCS7_set_type(p7, NID_pkcs7_signed) ||
	    !PKCS7_SIGNER_INFO_set(si, key->certificate, key->key, EVP_sha256()) ||
	    !PKCS7_add_signer(p7, si)) {
		PKCS7_SIGNER_INFO_free(si);
		return false;
	}
	/* The signer is a part of @p7 from here on. */
	return set_content(p7, digests, n) && set_certificates(p7, key) &&
	       set_attributes(p7, si) && PKCS7_SIGNER_INFO_sign(si);
}

PKCS7 *frame_make(const struct signing_key *key, const unsigned char *digests, size_t n)
{
	PKCS7 *p7 = PKCS7_new();

	if (p7 && fill(key, digests, n, p7))
		return p7;
	PKCS7_free(p7);
	return NULL;
}

int frame_write(const PKCS7 *p7, unsigned char **ret, size_t *ret_size)
{
	int size = i2d_PKCS7(p7, NULL);
	cleanup_free unsigned char *bytes = size > 0 ? malloc((size_t)size + SIGNATURE_MAGIC_SIZE)
						     : NULL;
	unsigned char *p;

	if (!bytes)
		return -ENOMEM;
	p = bytes + SIGNATURE_MAGIC_SIZE;
	if (i2d_PKCS7(p7, &p) != size)
		return -ENOMEM;
	memcpy(bytes, SIGNATURE_MAGIC, SIGNATURE_MAGIC_SIZE);
	*ret = TAKE_PTR(bytes);
	*ret_size = (size_t)size + SIGNATURE_MAGIC_SIZE;
	return 0;
}

int signature_make(const struct signing_key *key, const unsigned char *digests, size_t n,
		   unsigned char **ret, size_t *ret_size, struct appsilo_error *err)
{
	cleanup(PKCS7_freep) PKCS7 *p7 = NULL;
	cleanup_free unsigned char *bytes = NULL;
	const struct trust nobody = {0};
	struct signature_facts facts;
	const char *problem = spc_digests_problem(digests, n);
	size_t size;
	int r;

	if (problem)
		return error_say(err, -EINVAL, "sign: the digests are %s", problem);
	r = check_key(key, err);
	if (r < 0)
		return r;
	p7 = frame_make(key, digests, n);
	if (!p7 || frame_write(p7, &bytes, &size) < 0)
		return error_say(err, -EIO, "sign: cannot make the signature: %s", openssl_reason());
	/* Nothing is handed out that the other side would refuse (a chain that is none). */
	r = signature_verify(bytes, size, digests, n, &nobody, time(NULL), &facts, err);
	if (r < 0)
		return error_prefix(err, "sign: the key's certificates will not do");
	*ret = TAKE_PTR(bytes);
	*ret_size = size;
	return 0;
}
