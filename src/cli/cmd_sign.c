/* SPDX-License-Identifier: Apache-2.0 */
/* sign: put a signature into a package. */
#include "cli/command.h"

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/pass_phrase.h"
#include "cli/progress.h"
#include "package/signed.h"
#include <sys/stat.h>

enum {
	OPT_KEY,
	OPT_CERT,
	OPT_PASS_FD,
	OPT_JSON,
};

static const struct option_row sign_options[] = {
	{OPT_KEY, "--key", "FILE", "the key: PEM or PKCS #12 (.pfx)"},
	{OPT_CERT, "--cert", "FILE", "its certificate, where the key's file does not hold it"},
	{OPT_PASS_FD, "--pass-fd", "N", "the pass phrase is the first line of descriptor N"},
	{OPT_JSON, "--json", NULL, "say what was done as JSON"},
	{0, NULL, NULL, NULL},
};

struct wishes {
	const char *key, *cert;
	struct pass_wish pass;
	bool json;
	struct appsilo_error *err;
};

static int take(void *data, const struct option_row *row, const char *value)
{
	struct wishes *w = data;

	if (row->id == OPT_KEY)
		w->key = value;
	else if (row->id == OPT_CERT)
		w->cert = value;
	else if (row->id == OPT_JSON)
		w->json = true;
	else
		w->pass.fd = pass_phrase_fd(value, w->err);
	return row->id == OPT_PASS_FD && w->pass.fd < 0 ? -EINVAL : 0;
}

static void warn_readable(const char *path)
{
	char shown[512];
	struct stat st;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & (S_IRWXG | S_IRWXO)))
		log_warning("%s: others can reach this key; chmod 600 keeps it to yourself, signing",
			    text_show(path, shown, sizeof(shown)));
}

static int print_report(const char *path, const struct wishes *w, const struct signed_report *report)
{
	char text[8 * PATH_MAX], shown[PATH_MAX], signer[4 * PUBLISHER_MAX];
	struct json_writer j;

	if (!w->json) {
		printf("%s: signed by %s%s\n"
		       "  next: appsilo trust add CERTIFICATE, unless it is trusted; appsilo install %s\n",
		       text_show(path, shown, sizeof(shown)),
		       text_show(report->subject, signer, sizeof(signer)),
		       report->replaced ? "; the signature it had is replaced" : "", shown);
		return EXIT_OK;
	}
	jsonw_init(&j, text, sizeof(text));
	jsonw_open(&j, NULL, '{');
	jsonw_string(&j, "path", path);
	jsonw_string(&j, "subject", report->subject);
	jsonw_string(&j, "thumbprint", report->thumbprint);
	jsonw_bool(&j, "replaced", report->replaced);
	jsonw_close(&j, '}');
	if (jsonw_finish(&j) < 0)
		return EXIT_FAILED;
	fputs(text, stdout);
	return EXIT_OK;
}

static int run_sign(int argc, char **argv, struct appsilo_error *err)
{
	cleanup(key_freep) struct signing_key *key = NULL;
	struct wishes w = {.pass = {.fd = -EBADF}, .err = err};
	const struct pass_source pass = {pass_phrase_ask, &w.pass};
	struct msix_options options = {0};
	struct signed_report report;
	struct progress bar;
	int words = command_options(argc, argv, sign_options, take, &w, err), r;

	if (words >= 0 && (words != 1 || !w.key))
		words = error_say(err, -EINVAL, "sign: use sign --key FILE [--cert FILE] FILE.msix; appsilo "
				  "cert new makes a key");
	if (words < 0)
		return EXIT_USAGE;
	r = key_load(w.key, w.cert, &pass, &key, err);
	if (r < 0)
		return EXIT_FAILED;
	warn_readable(w.key);
	progress_start(&bar, "signing");
	options.progress = progress_tell;
	options.progress_data = &bar;
	r = signed_sign(argv[1], key, &options, &report, err);
	progress_end(&bar);
	return r < 0 ? EXIT_FAILED : print_report(argv[1], &w, &report);
}

const struct command command_sign = {"sign", "--key FILE [OPTIONS] FILE.msix",
				     "sign a package, or replace its signature", sign_options,
				     run_sign};
