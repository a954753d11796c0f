/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AppxSignature.p7x of an unknown package. What lies inside is hard to reach through digests and
 * signatures, so the first byte says which reader gets the rest: P the whole file (it begins with
 * "PKCX"), T a time stamp token, S what is signed, N a Publisher.
 */
#include "fuzz.h"

#include "base/sha256.h"
#include "package/name.h"
#include "package/openssl.h"
#include "package/signature.h"
#include "package/spc.h"
#include "package/timestamp.h"
#include <openssl/pem.h>
#include <string.h>

#define NOW 1795651200 /* when the corpus was made, seconds since 1970 */
#define DIGESTS_SIZE (4 + 4 * 36)

/* The signer of the corpus; nobody has its key any more. */
static const char signer[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBlTCCATygAwIBAgIDCNHKMAoGCCqGSM49BAMCMDgxCzAJBgNVBAYTAlVTMRAw\n"
	"DgYDVQQKDAdFeGFtcGxlMRcwFQYDVQQDDA5FeGFtcGxlIFNpZ25lcjAeFw0yNjEx\n"
	"MjQyMjQyNTlaFw0zNTAyMTEyMjQyNTlaMDgxCzAJBgNVBAYTAlVTMRAwDgYDVQQK\n"
	"DAdFeGFtcGxlMRcwFQYDVQQDDA5FeGFtcGxlIFNpZ25lcjBZMBMGByqGSM49AgEG\n"
	"CCqGSM49AwEHA0IABBth344cKwEhIiMgZi1NjjG3+UZKT79qUmCzD/erf7ixKUg1\n"
	"q+uXD9G5liFoOzxgHa0w0G4pOCkpcsmaYvTv9UujNTAzMAwGA1UdEwEB/wQCMAAw\n"
	"DgYDVR0PAQH/BAQDAgeAMBMGA1UdJQQMMAoGCCsGAQUFBwMDMAoGCCqGSM49BAMC\n"
	"A0cAMEQCIDiAvqlO3vgY7DguuQwgImmrYiI2rytvuPfocEPnWbRtAiBW56OCoixq\n"
	"7eaofje+JhYaL/E0+Rr7zFwpmP59twkDlA==\n"
	"-----END CERTIFICATE-----\n";

/* The only files it signed for these digests. */
static const char *const good[] = {
	"970f4193a06084d086d6a2c63025581e83e3864f7e138386acdfbde0e5d0d85a",
	"c4a8d77ede17104bffef9ad6523cea544fe8a3e9a00a8647d781fb5ac630ce95",
};

static void fill_digests(unsigned char ret[DIGESTS_SIZE])
{
	static const char names[] = "AXPCAXCDAXCTAXBM";

	memcpy(ret, "APPX", 4);
	for (int i = 0; i < 4; i++) {
		memcpy(ret + 4 + 36 * i, names + 4 * i, 4);
		memset(ret + 8 + 36 * i, 1 + i, 32);
	}
}

static bool is_good(const uint8_t *data, size_t size)
{
	unsigned char digest[SHA256_SIZE];
	char text[2 * SHA256_SIZE + 1];
	struct sha256 hash;

	sha256_init(&hash);
	sha256_add(&hash, data, size);
	sha256_finish(&hash, digest);
	for (size_t i = 0; i < SHA256_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (strcmp(text, good[i]) == 0)
			return true;
	return false;
}

static void check_line(int r, const struct appsilo_error *err)
{
	ALWAYS(r == -EBADMSG || r == -EINVAL || r == -ENAMETOOLONG);
	ALWAYS(err->line[0] && !strchr(err->line, '\n') && !strchr(err->line, '\033'));
}

static void check_file(const uint8_t *data, size_t size, const struct trust *trust)
{
	unsigned char digests[DIGESTS_SIZE];
	struct signature_facts facts;
	struct appsilo_error err = {0};
	int r;

	fill_digests(digests);
	r = signature_verify(data, size, digests, sizeof(digests), trust, NOW, &facts, &err);
	if (r < 0) {
		check_line(r, &err);
		return;
	}
	/* Nobody can forge it: what is trusted is what the signer made, byte for byte. */
	ALWAYS(facts.verdict != SIGNATURE_TRUSTED || is_good(data, size));
	ALWAYS(facts.verdict == SIGNATURE_TRUSTED || facts.reason[0]);
	ALWAYS(signature_accept(&facts, facts.subject, &err) == 0 ||
	       facts.verdict != SIGNATURE_TRUSTED);
}

static void check_token(const uint8_t *data, size_t size, const struct trust *trust)
{
	struct timestamp_facts stamp = {0};
	struct appsilo_error err = {0};
	int r = timestamp_check(data, size, (const unsigned char *)"stamped", 7, trust, &stamp, &err);

	if (r < 0)
		check_line(r, &err);
	else
		ALWAYS(!stamp.trusted); /* nobody is trusted with the time */
}

static void check_content(const uint8_t *data, size_t size)
{
	unsigned char digests[DIGESTS_SIZE];
	cleanup(openssl_freep) unsigned char *only = NULL;
	struct appsilo_error err = {0};
	size_t n;
	int r;

	fill_digests(digests);
	r = spc_content_check(data, size, digests, sizeof(digests), &err);
	if (r < 0) {
		check_line(r, &err);
		return;
	}
	/* But for the version and what the algorithm's parameter may be, there is one. */
	ALWAYS(spc_content_make(digests, sizeof(digests), &only, &n) == 0);
	ALWAYS(size <= n && memcmp(data + size - sizeof(digests), digests, sizeof(digests)) == 0);
}

static void check_name(const uint8_t *data, size_t size)
{
	cleanup_free char *publisher = strndup((const char *)data, size);
	cleanup(X509_NAME_freep) X509_NAME *name = NULL;
	char canonical[PUBLISHER_MAX], again[PUBLISHER_MAX];
	struct appsilo_error err = {0};
	int r;

	ALWAYS(publisher);
	r = name_canonical(publisher, canonical, &err);
	if (r < 0) {
		check_line(r, &err);
		return;
	}
	ALWAYS(name_canonical(canonical, again, &err) == 0 && strcmp(canonical, again) == 0);
	if (name_read(canonical, &name, &err) == 0)
		ALWAYS(name_write(name, again) == 0 && strcmp(canonical, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup(BIO_free_allp) BIO *bio = BIO_new_mem_buf(signer, -1);
	cleanup(X509_freep) X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	struct trusted one = {.kind = TRUST_SIGNER, .certificate = certificate};
	const struct trust trust = {.list = &one, .n = 1};

	ALWAYS(certificate);
	if (size && data[0] == 'P')
		check_file(data, size, &trust);
	else if (size && data[0] == 'T')
		check_token(data + 1, size - 1, &trust);
	else if (size && data[0] == 'S')
		check_content(data + 1, size - 1);
	else if (size && data[0] == 'N')
		check_name(data + 1, size - 1);
	return 0;
}
