/* SPDX-License-Identifier: Apache-2.0 */
/* trust: whose packages may be installed. */
#include "cli/command.h"

#include "base/text.h"
#include "cli/certificates.h"
#include "cli/pass_phrase.h"
#include "package/chain.h"
#include "package/openssl.h"
#include "package/trust.h"
#include <string.h>

#define PREFIX_MIN 8 /* digits of a thumbprint that will do */

enum {
	OPT_TIMESTAMP,
	OPT_MACHINE,
	OPT_JSON,
};

static const struct option_row trust_options[] = {
	{OPT_TIMESTAMP, "--timestamp", NULL, "add: trust it with time stamps, not with packages"},
	{OPT_MACHINE, "--machine", NULL, "add, remove: for all users of this machine (as root)"},
	{OPT_JSON, "--json", NULL, "as JSON"},
	{0, NULL, NULL, NULL},
};

struct wishes {
	bool timestamp, machine, json;
	struct places places;
	char folder[PATH_MAX + 8]; /* that add and remove change */
};

static int take(void *data, const struct option_row *row, const char *value)
{
	struct wishes *w = data;

	(void)value;
	w->timestamp = w->timestamp || row->id == OPT_TIMESTAMP;
	w->machine = w->machine || row->id == OPT_MACHINE;
	w->json = w->json || row->id == OPT_JSON;
	return 0;
}

struct use {
	enum trust_kind kind;
	bool machine;
};

static void put_use(struct json_writer *out, const void *data)
{
	const struct use *use = data;

	jsonw_string(out, "trusted_for", use->kind == TRUST_SIGNER ? "packages" : "timestamps");
	jsonw_string(out, "scope", use->machine ? "machine" : "user");
}

static int print_json(const struct cert_facts *facts, enum trust_kind kind, bool machine,
		      struct appsilo_error *err)
{
	const struct use use = {kind, machine};

	return certificates_print_json(facts, put_use, &use, err);
}

static void print_one(const struct cert_facts *facts, enum trust_kind kind, bool machine)
{
	char shown[4 * PUBLISHER_MAX], date[32];

	printf("%.16s  %-10s  %-9s  until %s  %s%s\n", facts->thumbprint,
	       kind == TRUST_SIGNER ? "packages" : "timestamps", machine ? "all users" : "you",
	       certificates_date(facts->not_after, date),
	       text_show(facts->subject, shown, sizeof(shown)),
	       facts->authority ? "  (and all it issued)" : "");
}

static int list(const struct wishes *w, struct appsilo_error *err)
{
	cleanup(trust_freep) struct trust *trust = NULL;
	struct cert_facts facts;

	if (trust_load(w->places.data_dir, &trust, err) < 0)
		return EXIT_FAILED;
	for (size_t i = 0; i < trust->n; i++) {
		const struct trusted *one = &trust->list[i];

		if (cert_describe(one->certificate, &facts) < 0) {
			error_say(err, -EIO, "trust: %s cannot be read", one->thumbprint);
			return EXIT_FAILED;
		}
		if (!w->json) {
			print_one(&facts, one->kind, one->machine);
			continue;
		}
		printf("%s", i ? ",\n" : "[\n");
		if (print_json(&facts, one->kind, one->machine, err) < 0)
			return EXIT_FAILED;
	}
	if (w->json)
		printf("%s]\n", trust->n ? "\n" : "[");
	else if (trust->n == 0)
		printf("nobody is trusted: no package can be installed; see appsilo trust add\n");
	return EXIT_OK;
}

static int add(const char *path, const struct wishes *w, struct appsilo_error *err)
{
	cleanup(x509_stack_freep) STACK_OF(X509) *all = NULL;
	enum trust_kind kind = w->timestamp ? TRUST_TIMESTAMP : TRUST_SIGNER;
	struct pass_wish wish = {.fd = -EBADF};
	const struct pass_source pass = {pass_phrase_ask, &wish};
	struct cert_facts facts;
	char shown[512];

	if (certificates_load(path, &pass, &all, err) < 0)
		return EXIT_FAILED;
	if (sk_X509_num(all) != 1) {
		error_say(err, -EINVAL, "trust: %s holds %d certificates; put the one you mean into a "
			  "file of its own", text_show(path, shown, sizeof(shown)), sk_X509_num(all));
		return EXIT_FAILED;
	}
	if (cert_describe(sk_X509_value(all, 0), &facts) < 0 ||
	    trust_add(w->folder, w->machine, sk_X509_value(all, 0), kind, err) < 0)
		return EXIT_FAILED;
	if (w->json) {
		if (print_json(&facts, kind, w->machine, err) < 0)
			return EXIT_FAILED;
		printf("\n");
		return EXIT_OK;
	}
	printf("trusted with %s%s:\n", w->timestamp ? "time stamps" : "packages",
	       w->machine ? ", for all users" : "");
	certificates_print(&facts);
	printf("no longer:   appsilo trust remove%s %.16s\n", w->machine ? " --machine" : "",
	       facts.thumbprint);
	return EXIT_OK;
}

/* The thumbprint that @word stands for: itself, its beginning, or a file's. */
static int find(const char *word, const struct wishes *w, char ret[THUMBPRINT_SIZE],
		struct appsilo_error *err)
{
	cleanup(x509_stack_freep) STACK_OF(X509) *all = NULL;
	cleanup(trust_freep) struct trust *trust = NULL;
	size_t n = strlen(word), found = 0;
	char shown[512];
	int r;

	text_show(word, shown, sizeof(shown));
	if (n < PREFIX_MIN || n >= THUMBPRINT_SIZE || strspn(word, "0123456789abcdef") != n) {
		if (certificates_load(word, NULL, &all, err) < 0)
			return error_prefix(err, "trust: no thumbprint and no certificate");
		return chain_thumbprint(sk_X509_value(all, 0), ret);
	}
	memcpy(ret, word, n + 1);
	if (n == THUMBPRINT_SIZE - 1)
		return 0; /* also when the trust is damaged and cannot be read */
	r = trust_load(w->places.data_dir, &trust, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < trust->n; i++) {
		if (strncmp(trust->list[i].thumbprint, word, n) != 0 || trust->list[i].machine != w->machine)
			continue;
		found += strcmp(ret, trust->list[i].thumbprint) != 0;
		memcpy(ret, trust->list[i].thumbprint, THUMBPRINT_SIZE);
	}
	if (found == 1)
		return 0;
	return found ? error_say(err, -EINVAL, "trust: several thumbprints begin with %s", shown)
		     : error_say(err, -ENOENT, "trust: %s is not trusted%s", shown,
				 w->machine ? " by the machine" : " by you; --machine is for all users");
}

static int take_out(const char *word, const struct wishes *w, struct appsilo_error *err)
{
	char thumbprint[THUMBPRINT_SIZE];
	int r = find(word, w, thumbprint, err);

	if (r < 0)
		return EXIT_FAILED;
	r = trust_remove(w->folder, thumbprint, err);
	if (r == -ENOENT)
		error_say(err, r, "trust: %s is not trusted%s", thumbprint,
			  w->machine ? " by the machine" : " by you; --machine is for all users");
	if (r < 0)
		return EXIT_FAILED;
	printf(w->json ? "{\"removed\":\"%s\"}\n" : "removed %s; what is installed stays\n", thumbprint);
	return EXIT_OK;
}

static int run_trust(int argc, char **argv, struct appsilo_error *err)
{
	struct wishes w = {0};
	int words = command_options(argc, argv, trust_options, take, &w, err);
	const char *verb = words > 0 ? argv[1] : "";
	bool adds = words == 2 && strcmp(verb, "add") == 0;
	bool removes = words == 2 && strcmp(verb, "remove") == 0;
	bool lists = words == 1 && strcmp(verb, "list") == 0;

	if (words >= 0 && !adds && !removes && !lists)
		words = error_say(err, -EINVAL, "trust: use trust add CERT, trust list or trust remove "
				  "THUMBPRINT");
	if (words >= 0 && ((w.timestamp && !adds) || (w.machine && lists)))
		words = error_say(err, -EINVAL, "trust %s: takes no such option", verb);
	if (words < 0)
		return EXIT_USAGE;
	if (places_find(&w.places, err) < 0)
		return EXIT_FAILED;
	if (w.machine && geteuid() != 0) {
		error_say(err, -EPERM, "--machine: only root decides for all users");
		return EXIT_FAILED;
	}
	snprintf(w.folder, sizeof(w.folder), "%s", TRUST_MACHINE_DIR);
	if (!w.machine)
		snprintf(w.folder, sizeof(w.folder), "%s/trust", w.places.data_dir);
	if (lists)
		return list(&w, err);
	return adds ? add(argv[2], &w, err) : take_out(argv[2], &w, err);
}

const struct command command_trust = {
	"trust", "add [OPTIONS] CERT | list [--json] | remove [--machine] THUMBPRINT",
	"decide whose packages may be installed", trust_options, run_trust};
