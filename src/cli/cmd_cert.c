/* SPDX-License-Identifier: Apache-2.0 */
/* cert: make a certificate for development, show what is in one. */
#include "cli/command.h"

#include "base/json.h"
#include "base/text.h"
#include "cli/certificates.h"
#include "cli/pass_phrase.h"
#include "package/cert.h"
#include "package/openssl.h"
#include <string.h>
#include <sys/stat.h>

#define DEFAULT_DAYS 365

enum {
	OPT_SUBJECT,
	OPT_DAYS,
	OPT_FOLDER,
	OPT_ASK,
	OPT_PASS_FD,
	OPT_PKCS12,
	OPT_JSON,
	OPT_PEM,
};

static const struct option_row cert_options[] = {
	{OPT_SUBJECT, "--subject", "NAME", "new: who signs, as the Publisher of the packages"},
	{OPT_DAYS, "--days", "N", "new: how long it lasts (default 365)"},
	{OPT_FOLDER, "-o", "DIR", "new: write into DIR (default: here)"},
	{OPT_ASK, "--ask-pass", NULL, "new: protect the key by a pass phrase, asked for"},
	{OPT_PASS_FD, "--pass-fd", "N", "the pass phrase is the first line of descriptor N"},
	{OPT_PKCS12, "--pkcs12", NULL, "new: the key as PKCS #12 (key.pfx)"},
	{OPT_PEM, "--pem", NULL, "show: print the certificates themselves"},
	{OPT_JSON, "--json", NULL, "as JSON"},
	{0, NULL, NULL, NULL},
};

struct wishes {
	struct cert_request request;
	const char *folder;
	struct pass_wish pass;
	bool ask, json, pem, fresh; /* fresh: an option of new was given */
	struct appsilo_error *err;
};

static int take(void *data, const struct option_row *row, const char *value)
{
	struct wishes *w = data;
	char *end;

	switch (row->id) {
	case OPT_SUBJECT:
		w->request.subject = value;
		break;
	case OPT_DAYS:
		w->request.days = (int)strtol(value, &end, 10);
		if (*end || strlen(value) > 5)
			w->request.days = 0;
		break;
	case OPT_FOLDER:
		w->folder = value;
		break;
	case OPT_ASK:
		w->ask = true;
		break;
	case OPT_PASS_FD:
		w->pass.fd = pass_phrase_fd(value, w->err);
		return w->pass.fd < 0 ? -EINVAL : 0;
	case OPT_PKCS12:
		w->request.pkcs12 = true;
		break;
	case OPT_JSON:
		w->json = true;
		return 0;
	case OPT_PEM:
		w->pem = true;
		return 0;
	default:
		return -EINVAL;
	}
	w->fresh = true;
	return 0;
}

static int print_new(const struct signing_key *key, const struct wishes *w, struct appsilo_error *err)
{
	const char *key_name = w->request.pkcs12 ? CERT_PKCS12_FILE : CERT_KEY_FILE;
	char text[16384], folder[PATH_MAX], path[PATH_MAX + 32];
	struct cert_facts facts;
	struct json_writer out;

	if (cert_describe(key->certificate, &facts) < 0)
		return EXIT_FAILED;
	text_show(w->folder, folder, sizeof(folder));
	if (!w->json) {
		printf("certificate  %s/" CERT_FILE "\nkey          %s/%s%s\n", folder, folder, key_name,
		       w->request.pass_phrase ? "" : "  (not encrypted: keep it to yourself)");
		certificates_print(&facts);
		printf("\nTo sign:     appsilo sign --key %s/%s FILE.msix\n"
		       "To trust it: appsilo trust add %s/" CERT_FILE "\n", folder, key_name, folder);
		return EXIT_OK;
	}
	jsonw_init(&out, text, sizeof(text));
	jsonw_open(&out, NULL, '{');
	snprintf(path, sizeof(path), "%s/" CERT_FILE, w->folder);
	jsonw_string(&out, "certificate", path);
	snprintf(path, sizeof(path), "%s/%s", w->folder, key_name);
	jsonw_string(&out, "key", path);
	certificates_json(&out, &facts);
	jsonw_close(&out, '}');
	if (jsonw_finish(&out) < 0) {
		error_say(err, -ENOBUFS, "cert: too much to print");
		return EXIT_FAILED;
	}
	fputs(text, stdout);
	return EXIT_OK;
}

static int make_new(struct wishes *w, struct appsilo_error *err)
{
	cleanup(key_freep) struct signing_key *key = NULL;
	char phrase[PASS_PHRASE_MAX] = "";
	struct stat st;
	int r = 0;

	if (stat(w->folder, &st) < 0)
		r = error_set(err, -errno, "cert: -o %s", w->folder);
	if (r == 0 && (w->ask || w->pass.fd >= 0)) {
		r = pass_phrase_ask(&w->pass, "the new key", phrase, err);
		w->request.pass_phrase = phrase;
	}
	if (r == 0)
		r = cert_make(&w->request, &key, err);
	if (r == 0)
		r = cert_write(key, &w->request, w->folder, err);
	explicit_bzero(phrase, sizeof(phrase));
	return r < 0 ? EXIT_FAILED : print_new(key, w, err);
}

static int show(const char *path, struct wishes *w, struct appsilo_error *err)
{
	cleanup(x509_stack_freep) STACK_OF(X509) *all = NULL;
	const struct pass_source pass = {pass_phrase_ask, &w->pass};
	struct cert_facts facts;

	if (certificates_load(path, &pass, &all, err) < 0)
		return EXIT_FAILED;
	if (w->pem)
		return certificates_write_pem(all, err) < 0 ? EXIT_FAILED : EXIT_OK;
	for (int i = 0; i < sk_X509_num(all); i++) {
		if (cert_describe(sk_X509_value(all, i), &facts) < 0) {
			error_say(err, -EIO, "cert: a certificate cannot be read");
			return EXIT_FAILED;
		}
		if (w->json)
			printf("%s", i ? ",\n" : "[");
		else if (i)
			printf("\n");
		if (w->json && certificates_print_json(&facts, NULL, NULL, err) < 0)
			return EXIT_FAILED;
		if (!w->json)
			certificates_print(&facts);
	}
	if (w->json)
		printf("]\n");
	return EXIT_OK;
}

static int run_cert(int argc, char **argv, struct appsilo_error *err)
{
	struct wishes w = {.request = {.subject = PUBLISHER_DEFAULT, .days = DEFAULT_DAYS},
			   .folder = ".", .pass = {.fd = -EBADF}, .err = err};
	int words = command_options(argc, argv, cert_options, take, &w, err);
	bool fresh = words == 1 && strcmp(argv[1], "new") == 0;
	bool shown = words == 2 && strcmp(argv[1], "show") == 0;

	if (words >= 0 && !fresh && !shown)
		words = error_say(err, -EINVAL, "cert: use cert new or cert show FILE");
	if (words >= 0 && shown && w.fresh)
		words = error_say(err, -EINVAL, "cert show: takes --json, --pem and --pass-fd only");
	if (words >= 0 && fresh && w.pem)
		words = error_say(err, -EINVAL, "cert new: --pem is for cert show");
	if (words < 0)
		return EXIT_USAGE;
	w.pass.anew = fresh;
	return fresh ? make_new(&w, err) : show(argv[2], &w, err);
}

const struct command command_cert = {
	"cert", "new [OPTIONS] | show [OPTIONS] FILE",
	"make a certificate for signing packages, or show one", cert_options, run_cert};
