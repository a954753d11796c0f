/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a signature. Everything in the file is accounted for: the frame must be DER and
 * come out the same when written again, its numbers and algorithms must be the expected ones,
 * the content and the signed attributes are under the signature, each certificate is vouched
 * for by another (package/chain.h), and of unsigned attributes there may be one, a time stamp,
 * which has a signature of its own. So there is no byte to change or to hide in.
 */
#include "package/signature.h"

#include "base/text.h"
#include "package/chain.h"
#include "package/der.h"
#include "package/name.h"
#include "package/signature_frame.h"
#include "package/spc.h"
#include "package/timestamp.h"
#include <string.h>

#define LIFETIME_SIGNING "1.3.6.1.4.1.311.10.3.13" /* no time stamp prolongs it */

struct reading {
	PKCS7 *p7; /* owned */
	PKCS7_SIGNER_INFO *si;
	X509 *signer;
};

static void reading_done(struct reading *in)
{
	PKCS7_free(in->p7);
	ERR_clear_error();
}

static int bad(struct appsilo_error *err, const char *what)
{
	ERR_clear_error();
	return error_say(err, -EBADMSG, SIGNATURE_FILE ": %s", what);
}

static int open_frame(const unsigned char *p7x, size_t size, struct reading *in,
		      struct appsilo_error *err)
{
	const unsigned char *der = p7x + SIGNATURE_MAGIC_SIZE, *p = der;
	cleanup(openssl_freep) unsigned char *again = NULL;
	const char *problem;
	size_t offset;
	int n;

	if (size > SIGNATURE_SIZE_MAX)
		return bad(err, "is larger than 1 MiB");
	if (size < SIGNATURE_MAGIC_SIZE || memcmp(p7x, SIGNATURE_MAGIC, SIGNATURE_MAGIC_SIZE) != 0)
		return bad(err, "does not begin with PKCX");
	size -= SIGNATURE_MAGIC_SIZE;
	problem = der_problem(der, size, &offset);
	if (problem)
		return error_say(err, -EBADMSG, SIGNATURE_FILE ": is not DER: %s at byte %zu", problem,
				 offset + SIGNATURE_MAGIC_SIZE);
	in->p7 = d2i_PKCS7(NULL, &p, (long)size);
	if (!in->p7 || p != der + size)
		return bad(err, "is no PKCS #7 signature");
	n = i2d_PKCS7(in->p7, &again);
	if (n < 0 || (size_t)n != size || memcmp(again, der, size) != 0)
		return bad(err, "is not written in the one way DER has");
	return 0;
}

static int check_content(struct reading *in, const unsigned char *digests, size_t n,
			 struct appsilo_error *err)
{
	const ASN1_STRING *content = frame_content(in->p7, SPC_INDIRECT_DATA);

	if (!content || ASN1_STRING_type(content) != V_ASN1_SEQUENCE)
		return bad(err, "signs something else than a package");
	return spc_content_check(ASN1_STRING_get0_data(content), (size_t)ASN1_STRING_length(content),
				 digests, n, err);
}

static int check_timestamp(struct reading *in, const struct trust *trust,
			   struct signature_facts *facts, struct appsilo_error *err)
{
	const ASN1_STRING *value = in->si->enc_digest;
	struct timestamp_facts stamp = {0};
	const ASN1_STRING *token = NULL;
	const char *problem = frame_unsigned(in->si, &token);
	int r;

	if (problem)
		return bad(err, problem);
	if (!token)
		return 0;
	r = timestamp_check(ASN1_STRING_get0_data(token), (size_t)ASN1_STRING_length(token),
			    ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value), trust,
			    &stamp, err);
	if (r < 0)
		return r;
	facts->timestamp = stamp.time;
	facts->timestamp_trusted = stamp.trusted;
	memcpy(facts->timestamper, stamp.subject, sizeof(facts->timestamper));
	return 0;
}

static bool is_for_lifetime(X509 *certificate)
{
	EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(certificate, NID_ext_key_usage, NULL, NULL);
	bool found = false;

	for (int i = 0; i < sk_ASN1_OBJECT_num(usages); i++)
		found = found || frame_is_type(sk_ASN1_OBJECT_value(usages, i), LIFETIME_SIGNING);
	EXTENDED_KEY_USAGE_free(usages);
	return found;
}

static int describe(X509 *signer, struct signature_facts *facts)
{
	int r = name_write(X509_get_subject_name(signer), facts->subject);

	if (r == 0)
		r = name_write(X509_get_issuer_name(signer), facts->issuer);
	if (r == 0)
		r = chain_thumbprint(signer, facts->thumbprint);
	if (r == 0)
		r = chain_time(X509_get0_notBefore(signer), &facts->not_before);
	if (r == 0)
		r = chain_time(X509_get0_notAfter(signer), &facts->not_after);
	return r;
}

static int judge(struct reading *in, const struct trust *trust, int64_t now,
		 struct signature_facts *facts, struct appsilo_error *err)
{
	bool stamped = facts->timestamp_trusted && !is_for_lifetime(in->signer);
	struct chain_verdict chain;
	int r = describe(in->signer, facts);

	if (r < 0)
		return bad(err, "the names or dates in the certificate of its signer are malformed");
	r = chain_judge(in->signer, in->p7->d.sign->cert, trust, TRUST_SIGNER,
			stamped ? facts->timestamp : now, &chain);
	if (r < 0)
		return error_set(err, r, SIGNATURE_FILE);
	facts->verdict = chain.verdict;
	snprintf(facts->reason, sizeof(facts->reason), "%s", chain.reason);
	return 0;
}

int signature_verify(const unsigned char *p7x, size_t size, const unsigned char *digests, size_t n,
		     const struct trust *trust, int64_t now, struct signature_facts *ret,
		     struct appsilo_error *err)
{
	cleanup(reading_done) struct reading in = {0};
	struct signature_facts facts = {.verdict = SIGNATURE_UNTRUSTED};
	const char *problem;
	int r = open_frame(p7x, size, &in, err);

	if (r < 0)
		return r;
	problem = frame_open(in.p7, 1, &in.si, &in.signer);
	if (problem)
		return bad(err, problem);
	r = check_content(&in, digests, n, err);
	if (r < 0)
		return r;
	problem = frame_signature_problem(in.p7, in.si, in.signer, SPC_INDIRECT_DATA);
	if (!problem)
		problem = chain_bag_problem(in.signer, in.p7->d.sign->cert, trust);
	if (problem)
		return bad(err, problem);
	r = check_timestamp(&in, trust, &facts, err);
	if (r == 0)
		r = judge(&in, trust, now, &facts, err);
	if (r == 0)
		*ret = facts;
	return r;
}

const char *signature_verdict_word(enum signature_verdict verdict)
{
	switch (verdict) {
	case SIGNATURE_UNTRUSTED:
		return "untrusted";
	case SIGNATURE_TRUSTED:
		return "trusted";
	case SIGNATURE_EXPIRED:
		return "expired";
	case SIGNATURE_NOT_YET_VALID:
		return "not-yet-valid";
	case SIGNATURE_WRONG_USAGE:
		return "wrong-usage";
	case SIGNATURE_WEAK:
		return "weak";
	case SIGNATURE_BAD_CHAIN:
		return "bad-chain";
	}
	return "untrusted";
}

static int accept_publisher(const struct signature_facts *facts, const char *publisher,
			    const char *signer, struct appsilo_error *err)
{
	char canonical[PUBLISHER_MAX], shown[400];
	int r = name_canonical(publisher, canonical, err);

	if (r < 0)
		return -EKEYREJECTED;
	if (strcmp(canonical, facts->subject) == 0)
		return 0;
	return error_say(err, -EKEYREJECTED,
			 "signed by %s, but its manifest says Publisher=%s; both must be the same",
			 signer, text_show(publisher, shown, sizeof(shown)));
}

int signature_accept(const struct signature_facts *facts, const char *publisher,
		     struct appsilo_error *err)
{
	char signer[400], stamper[300];

	text_show(facts->subject, signer, sizeof(signer));
	text_show(facts->timestamper, stamper, sizeof(stamper));
	switch (facts->verdict) {
	case SIGNATURE_TRUSTED:
		return accept_publisher(facts, publisher, signer, err);
	case SIGNATURE_UNTRUSTED:
		return error_say(err, -EACCES,
				 "signed by %s (certificate %s), who is not trusted; if you do trust "
				 "them: appsilo trust add CERT", signer, facts->thumbprint);
	case SIGNATURE_EXPIRED:
	case SIGNATURE_NOT_YET_VALID:
		if (facts->timestamp && !facts->timestamp_trusted)
			return error_say(err, -EKEYEXPIRED,
					 "signed by %s: %s, and the maker of its time stamp, %s, is not "
					 "trusted: appsilo trust add --timestamp CERT", signer,
					 facts->reason, stamper);
		return error_say(err, -EKEYEXPIRED, "signed by %s: %s", signer, facts->reason);
	case SIGNATURE_WRONG_USAGE:
	case SIGNATURE_WEAK:
	case SIGNATURE_BAD_CHAIN:
		break;
	}
	return error_say(err, -EKEYREJECTED, "signed by %s: %s", signer, facts->reason);
}
