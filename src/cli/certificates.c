/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/certificates.h"

#include "base/text.h"
#include "package/openssl.h"
#include <openssl/pem.h>
#include <time.h>

#define JSON_MAX 32768

int certificates_load(const char *path, const struct pass_source *pass, STACK_OF(X509) **ret,
		      struct appsilo_error *err)
{
	return cert_load(path, pass, ret, err);
}

static struct tm parts_of(int64_t time)
{
	struct tm parts = {0};
	time_t seconds = time;

	(void)gmtime_r(&seconds, &parts); /* only a year past 2^31 fails, and shows as 1900 */
	return parts;
}

const char *certificates_date(int64_t time, char ret[32])
{
	struct tm parts = parts_of(time);

	if (!strftime(ret, 32, "%Y-%m-%d", &parts))
		ret[0] = '\0';
	return ret;
}

const char *certificates_time(int64_t time, char ret[32])
{
	struct tm parts = parts_of(time);

	if (!strftime(ret, 32, "%Y-%m-%dT%H:%M:%SZ", &parts))
		ret[0] = '\0';
	return ret;
}

void certificates_print(const struct cert_facts *facts)
{
	char shown[4 * PUBLISHER_MAX], from[32], to[32];

	printf("subject      %s\n", text_show(facts->subject, shown, sizeof(shown)));
	printf("issuer       %s\n", facts->self_signed ? "itself"
						       : text_show(facts->issuer, shown, sizeof(shown)));
	printf("thumbprint   %s\n", facts->thumbprint);
	printf("key          %s\n", facts->key);
	printf("valid        %s to %s\n", certificates_date(facts->not_before, from),
	       certificates_date(facts->not_after, to));
	if (facts->authority)
		printf("use          issues certificates\n");
	else if (facts->code_signing || facts->time_stamping)
		printf("use          signs %s\n", facts->code_signing ? "packages" : "time stamps");
	else
		printf("use          cannot sign packages: %s\n", facts->problem);
}

void certificates_json(struct json_writer *out, const struct cert_facts *facts)
{
	char time[32];

	jsonw_string(out, "subject", facts->subject);
	jsonw_string(out, "issuer", facts->issuer);
	jsonw_string(out, "thumbprint", facts->thumbprint);
	jsonw_string(out, "serial", facts->serial);
	jsonw_string(out, "key_type", facts->key);
	jsonw_string(out, "not_before", certificates_time(facts->not_before, time));
	jsonw_string(out, "not_after", certificates_time(facts->not_after, time));
	jsonw_bool(out, "authority", facts->authority);
	jsonw_bool(out, "self_signed", facts->self_signed);
	jsonw_bool(out, "code_signing", facts->code_signing);
	jsonw_bool(out, "time_stamping", facts->time_stamping);
}

int certificates_print_json(const struct cert_facts *facts,
			    void (*more)(struct json_writer *out, const void *data),
			    const void *data, struct appsilo_error *err)
{
	cleanup_free char *text = malloc(JSON_MAX);
	struct json_writer out;
	int n;

	if (!text)
		return error_set(err, -ENOMEM, "json");
	jsonw_init(&out, text, JSON_MAX);
	jsonw_open(&out, NULL, '{');
	certificates_json(&out, facts);
	if (more)
		more(&out, data);
	jsonw_close(&out, '}');
	n = jsonw_finish(&out);
	if (n < 0)
		return error_say(err, -ENOBUFS, "a certificate with too much text in it");
	printf("%.*s", n - 1, text); /* without its newline */
	return 0;
}

int certificates_write_pem(STACK_OF(X509) *all, struct appsilo_error *err)
{
	for (int i = 0; i < sk_X509_num(all); i++)
		if (!PEM_write_X509(stdout, sk_X509_value(all, i)))
			return error_say(err, -EIO, "cannot write the output");
	return 0;
}
