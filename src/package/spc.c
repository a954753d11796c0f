/* SPDX-License-Identifier: Apache-2.0 */
#include "package/spc.h"

#include "base/sha256.h"
#include "package/openssl.h"
#include "package/signature.h"
#include <openssl/asn1t.h>
#include <string.h>

#define SIP_INFO "1.3.6.1.4.1.311.2.1.30"
#define SIP_VERSION 0x01010000
#define SIP_VERSION_OLD 0x01000000 /* of tools for Windows 8; all else is the same */
#define NAME_SIZE 4 /* bytes of "AXPC" */
#define ENTRY_SIZE (NAME_SIZE + SHA256_SIZE)

/* Which kind of file the signature is for, as GUIDs in memory order. */
static const unsigned char package_guid[] = {0x4b, 0xdf, 0xc5, 0x0a, 0x07, 0xce, 0xe2, 0x4d,
					     0xb7, 0x6e, 0x23, 0xc8, 0x39, 0xa0, 0x9f, 0xd1};
static const unsigned char bundle_guid[] = {0xb3, 0x58, 0x5f, 0x0f, 0xde, 0xaa, 0x9a, 0x4b,
					    0xa4, 0x34, 0x95, 0x74, 0x2d, 0x92, 0xec, 0xeb};

static const struct {
	const char name[NAME_SIZE + 1];
	const char *what;
} parts[] = {
	{"AXPC", "the files"},
	{"AXCD", "the zip's directory"},
	{"AXCT", "[Content_Types].xml"},
	{"AXBM", "AppxBlockMap.xml"},
	{"AXCI", "AppxMetadata/CodeIntegrity.cat"},
};

struct sip_info {
	ASN1_INTEGER *version;
	ASN1_OCTET_STRING *guid;
	ASN1_INTEGER *reserved[5];
};

struct sip_data {
	ASN1_OBJECT *type;
	struct sip_info *info;
};

struct indirect_data {
	struct sip_data *data;
	X509_SIG *digest;
};

/* Sequences of ASN.1 in the library's own notation. */
typedef struct sip_info sip_info;
typedef struct sip_data sip_data;
typedef struct indirect_data indirect_data;

ASN1_SEQUENCE(sip_info) = {
	ASN1_SIMPLE(sip_info, version, ASN1_INTEGER),
	ASN1_SIMPLE(sip_info, guid, ASN1_OCTET_STRING),
	ASN1_SIMPLE(sip_info, reserved[0], ASN1_INTEGER),
	ASN1_SIMPLE(sip_info, reserved[1], ASN1_INTEGER),
	ASN1_SIMPLE(sip_info, reserved[2], ASN1_INTEGER),
	ASN1_SIMPLE(sip_info, reserved[3], ASN1_INTEGER),
	ASN1_SIMPLE(sip_info, reserved[4], ASN1_INTEGER),
} static_ASN1_SEQUENCE_END(sip_info)

ASN1_SEQUENCE(sip_data) = {
	ASN1_SIMPLE(sip_data, type, ASN1_OBJECT),
	ASN1_SIMPLE(sip_data, info, sip_info),
} static_ASN1_SEQUENCE_END(sip_data)

ASN1_SEQUENCE(indirect_data) = {
	ASN1_SIMPLE(indirect_data, data, sip_data),
	ASN1_SIMPLE(indirect_data, digest, X509_SIG),
} static_ASN1_SEQUENCE_END(indirect_data)

static void indirect_data_free(indirect_data *content)
{
	ASN1_item_free((ASN1_VALUE *)content, ASN1_ITEM_rptr(indirect_data));
}
DEFINE_CLEANUP(indirect_data *, indirect_data_free)

const char *spc_digests_problem(const unsigned char *digests, size_t n)
{
	size_t count = n < NAME_SIZE ? 0 : (n - NAME_SIZE) / ENTRY_SIZE;

	if (count < ARRAY_SIZE(parts) - 1 || count > ARRAY_SIZE(parts) ||
	    n != NAME_SIZE + count * ENTRY_SIZE)
		return "not four or five SHA-256 digests";
	if (memcmp(digests, "APPX", NAME_SIZE) != 0)
		return "not the digests of a package";
	for (size_t i = 0; i < count; i++)
		if (memcmp(digests + NAME_SIZE + i * ENTRY_SIZE, parts[i].name, NAME_SIZE) != 0)
			return "not the digests of a package in their order";
	return NULL;
}

static bool fill(indirect_data *content, const unsigned char *digests, size_t n)
{
	sip_info *info = content->data->info;
	X509_ALGOR *algorithm;
	ASN1_OCTET_STRING *blob;
	bool good = ASN1_INTEGER_set(info->version, SIP_VERSION) &&
		    ASN1_OCTET_STRING_set(info->guid, package_guid, sizeof(package_guid));

	for (size_t i = 0; good && i < ARRAY_SIZE(info->reserved); i++)
		good = ASN1_INTEGER_set(info->reserved[i], 0);
	ASN1_OBJECT_free(content->data->type);
	content->data->type = OBJ_txt2obj(SIP_INFO, 1);
	X509_SIG_getm(content->digest, &algorithm, &blob);
	return good && content->data->type &&
	       X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_sha256), V_ASN1_NULL, NULL) &&
	       ASN1_OCTET_STRING_set(blob, digests, (int)n);
}

int spc_content_make(const unsigned char *digests, size_t n, unsigned char **ret, size_t *ret_size)
{
	cleanup(indirect_data_freep) indirect_data *content =
		(indirect_data *)ASN1_item_new(ASN1_ITEM_rptr(indirect_data));
	int size;

	if (!content || !fill(content, digests, n))
		return -ENOMEM;
	*ret = NULL;
	size = ASN1_item_i2d((ASN1_VALUE *)content, ret, ASN1_ITEM_rptr(indirect_data));
	if (size <= 0)
		return -ENOMEM;
	*ret_size = (size_t)size;
	return 0;
}

static bool is_type(const ASN1_OBJECT *type, const char *number)
{
	char text[64];
	int n = OBJ_obj2txt(text, sizeof(text), type, 1);

	return n > 0 && n < (int)sizeof(text) && strcmp(text, number) == 0;
}

static bool is_bytes(const ASN1_OCTET_STRING *string, const unsigned char *bytes, size_t n)
{
	return (size_t)ASN1_STRING_length(string) == n &&
	       memcmp(ASN1_STRING_get0_data(string), bytes, n) == 0;
}

static const char *header_problem(const indirect_data *content)
{
	const sip_info *info = content->data->info;
	long version = ASN1_INTEGER_get(info->version);

	if (!is_type(content->data->type, SIP_INFO))
		return "the signature is for another kind of file";
	if (is_bytes(info->guid, bundle_guid, sizeof(bundle_guid)))
		return "the signature is for a bundle, not a package";
	if (!is_bytes(info->guid, package_guid, sizeof(package_guid)) ||
	    (version != SIP_VERSION && version != SIP_VERSION_OLD))
		return "the signature is for another kind of file";
	for (size_t i = 0; i < ARRAY_SIZE(info->reserved); i++)
		if (ASN1_INTEGER_get(info->reserved[i]) != 0)
			return "a reserved number is not 0";
	return NULL;
}

static int check_digests(const indirect_data *content, const unsigned char *digests, size_t n,
			 struct appsilo_error *err)
{
	const X509_ALGOR *algorithm;
	const ASN1_OCTET_STRING *blob;
	const ASN1_OBJECT *type;
	const unsigned char *bytes;
	const char *problem;

	X509_SIG_get0(content->digest, &algorithm, &blob);
	X509_ALGOR_get0(&type, NULL, NULL, algorithm);
	if (OBJ_obj2nid(type) != NID_sha256)
		return error_say(err, -EBADMSG, SIGNATURE_FILE ": the digests are not SHA-256");
	bytes = ASN1_STRING_get0_data(blob);
	problem = spc_digests_problem(bytes, (size_t)ASN1_STRING_length(blob));
	if (problem)
		return error_say(err, -EBADMSG, SIGNATURE_FILE ": what is signed is %s", problem);
	if ((size_t)ASN1_STRING_length(blob) != n)
		return error_say(err, -EBADMSG, SIGNATURE_FILE ": the signature and the package differ "
				 "in having an %s", parts[ARRAY_SIZE(parts) - 1].what);
	for (size_t at = NAME_SIZE, i = 0; at < n; at += ENTRY_SIZE, i++)
		if (memcmp(bytes + at, digests + at, ENTRY_SIZE) != 0)
			return error_say(err, -EBADMSG,
					 SIGNATURE_FILE ": signed for a package with other content: "
					 "the digest of %s (%s) differs", parts[i].what, parts[i].name);
	return 0;
}

int spc_content_check(const unsigned char *der, size_t size, const unsigned char *digests,
		      size_t n, struct appsilo_error *err)
{
	const unsigned char *p = der;
	cleanup(indirect_data_freep) indirect_data *content = (indirect_data *)ASN1_item_d2i(
		NULL, &p, (long)size, ASN1_ITEM_rptr(indirect_data));
	cleanup(openssl_freep) unsigned char *again = NULL;
	const char *problem;
	int r;

	if (!content || p != der + size) {
		ERR_clear_error();
		return error_say(err, -EBADMSG, SIGNATURE_FILE ": what is signed is not the content "
				 "of an MSIX signature");
	}
	problem = header_problem(content);
	if (problem)
		return error_say(err, -EBADMSG, SIGNATURE_FILE ": %s", problem);
	r = check_digests(content, digests, n, err);
	if (r < 0)
		return r;
	r = ASN1_item_i2d((ASN1_VALUE *)content, &again, ASN1_ITEM_rptr(indirect_data));
	if (r < 0 || (size_t)r != size || memcmp(again, der, size) != 0)
		return error_say(err, -EBADMSG, SIGNATURE_FILE ": what is signed is not written in "
				 "the one way DER has");
	return 0;
}
