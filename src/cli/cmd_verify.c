/* SPDX-License-Identifier: Apache-2.0 */
/* verify: is a package undamaged, and who says so? */
#include "cli/command.h"

#include "base/json.h"
#include "base/text.h"
#include "cli/certificates.h"
#include "cli/progress.h"
#include "manifest/manifest.h"
#include "package/msix.h"
#include "package/signature.h"
#include "package/trust.h"
#include <string.h>
#include <time.h>

enum {
	OPT_JOBS,
	OPT_MAX_SIZE,
	OPT_JSON,
};

static const struct option_row verify_options[] = {
	{OPT_JOBS, "--jobs", "N", "work with N threads (default: one for each core)"},
	{OPT_MAX_SIZE, "--max-size", "BYTES", "take packages that unpack to so much"},
	{OPT_JSON, "--json", NULL, "say the result as JSON"},
	{0, NULL, NULL, NULL},
};

struct wishes {
	struct msix_options options;
	bool json;
};

struct findings {
	struct msix_counts counts;
	bool is_signed;
	struct signature_facts signature;
	struct appsilo_error refused;  /* why install would not take the signature */
	struct appsilo_error manifest; /* what appsilo does not understand in it */
	char publisher[PUBLISHER_MAX]; /* empty when the manifest is not understood */
};

static int take(void *data, const struct option_row *row, const char *value)
{
	struct wishes *w = data;
	uint64_t number = 0;
	int r = 0;

	if (row->id == OPT_JSON)
		w->json = true;
	else if (row->id == OPT_JOBS)
		r = command_number(value, 1024, &number);
	else
		r = command_number(value, INT64_MAX, &w->options.max_bytes);
	if (row->id == OPT_JOBS)
		w->options.threads = (unsigned int)number;
	return r;
}

/* Undamaged is not understood: what appsilo cannot read in the manifest is said, no more. */
static int check_manifest(struct msix *msix, struct findings *f, struct appsilo_error *err)
{
	cleanup_free unsigned char *text = NULL;
	struct manifest manifest;
	size_t size;
	int r = msix_read(msix, MSIX_MANIFEST, MANIFEST_SIZE_MAX, &text, &size, err);

	if (r == 0)
		r = manifest_parse((const char *)text, size, MSIX_MANIFEST, &manifest, err);
	if (r < 0)
		return r;
	memcpy(f->publisher, manifest.identity.publisher, sizeof(f->publisher));
	manifest_done(&manifest);
	return 0;
}

static int check_signature(struct msix *msix, struct findings *ret, struct appsilo_error *err)
{
	cleanup(trust_freep) struct trust *trust = NULL;
	cleanup_free unsigned char *p7x = NULL;
	unsigned char digests[MSIX_DIGESTS_MAX];
	struct places places;
	size_t size, n;
	int r = msix_read_signature(msix, &p7x, &size, err);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = msix_digests(msix, digests, &n, err);
	if (r == 0)
		r = places_find(&places, err);
	if (r == 0)
		r = trust_load(places.data_dir, &trust, err);
	if (r == 0)
		r = signature_verify(p7x, size, digests, n, trust, time(NULL), &ret->signature, err);
	ret->is_signed = r == 0;
	return r;
}

static void put_timestamp(struct json_writer *j, const struct signature_facts *s)
{
	char time[32];

	jsonw_string(j, "timestamp", s->timestamp ? certificates_time(s->timestamp, time) : NULL);
	if (s->timestamp) {
		jsonw_bool(j, "timestamp_trusted", s->timestamp_trusted);
		jsonw_string(j, "timestamper", s->timestamper);
	}
}

static int print_json(const char *path, const struct findings *f)
{
	char text[8 * PATH_MAX + 8 * PUBLISHER_MAX];
	struct json_writer j;

	jsonw_init(&j, text, sizeof(text));
	jsonw_open(&j, NULL, '{');
	jsonw_string(&j, "path", path);
	jsonw_string(&j, "result", "undamaged");
	jsonw_int(&j, "files", (int64_t)f->counts.files);
	jsonw_int(&j, "links", (int64_t)f->counts.links);
	jsonw_int(&j, "blocks", (int64_t)f->counts.blocks);
	jsonw_int(&j, "bytes", (int64_t)f->counts.bytes);
	jsonw_int(&j, "packed_bytes", (int64_t)f->counts.packed_bytes);
	jsonw_string(&j, "signature",
		     f->is_signed ? signature_verdict_word(f->signature.verdict) : "none");
	jsonw_string(&j, "signer", f->is_signed ? f->signature.subject : NULL);
	jsonw_string(&j, "thumbprint", f->is_signed ? f->signature.thumbprint : NULL);
	jsonw_string(&j, "signature_problem", f->refused.code ? f->refused.line : NULL);
	put_timestamp(&j, &f->signature);
	jsonw_string(&j, "manifest_problem", f->manifest.code ? f->manifest.line : NULL);
	jsonw_close(&j, '}');
	if (jsonw_finish(&j) < 0)
		return EXIT_FAILED;
	fputs(text, stdout);
	return EXIT_OK;
}

static int print_findings(const char *path, const struct findings *f)
{
	char shown[PATH_MAX], time[32];

	printf("%s: undamaged: %llu files, %llu links, %llu bytes in %llu\n",
	       text_show(path, shown, sizeof(shown)), (unsigned long long)f->counts.files,
	       (unsigned long long)f->counts.links, (unsigned long long)f->counts.bytes,
	       (unsigned long long)f->counts.packed_bytes);
	if (f->is_signed)
		printf("  signature: %s%s%s\n  signer: %s\n  thumbprint: %s\n",
		       signature_verdict_word(f->signature.verdict), f->signature.reason[0] ? ", " : "",
		       f->signature.reason, text_show(f->signature.subject, shown, sizeof(shown)),
		       f->signature.thumbprint);
	else
		printf("  signature: none\n");
	if (f->signature.timestamp)
		printf("  time stamp: %s, by %s%s\n", certificates_time(f->signature.timestamp, time),
		       text_show(f->signature.timestamper, shown, sizeof(shown)),
		       f->signature.timestamp_trusted ? "" : ", who is not trusted with the time");
	if (f->refused.code)
		printf("  install refuses it: %s\n", f->refused.line);
	printf("  manifest: %s\n", f->manifest.code ? f->manifest.line : "good");
	return EXIT_OK;
}

/* Would install take the signature? What it would say is a part of the result. */
static void judge(struct findings *f)
{
	const char *publisher = f->publisher[0] ? f->publisher : f->signature.subject;

	f->refused.code = signature_accept(&f->signature, publisher, &f->refused);
}

static int run_verify(int argc, char **argv, struct appsilo_error *err)
{
	cleanup(msix_closep) struct msix *msix = NULL;
	static struct findings found;
	struct wishes w = {0};
	struct progress bar;
	char shown[512];
	int words = command_options(argc, argv, verify_options, take, &w, err), r;

	if (words >= 0 && words != 1)
		words = error_say(err, -EINVAL, "verify: which file? appsilo verify FILE.msix");
	if (words < 0)
		return EXIT_USAGE;
	progress_start(&bar, "verifying");
	w.options.progress = progress_tell;
	w.options.progress_data = &bar;
	r = msix_open(argv[1], &w.options, &msix, err);
	if (r == 0)
		r = msix_verify(msix, &found.counts, err);
	progress_end(&bar);
	if (r < 0)
		return EXIT_FAILED;
	text_show(argv[1], shown, sizeof(shown));
	if (check_signature(msix, &found, err) < 0) {
		error_prefix(err, "%s", shown);
		return EXIT_FAILED;
	}
	(void)!check_manifest(msix, &found, &found.manifest); /* the line is the result */
	if (found.is_signed)
		judge(&found);
	return w.json ? print_json(argv[1], &found) : print_findings(argv[1], &found);
}

const struct command command_verify = {"verify", "[OPTIONS] FILE.msix",
				       "check every byte of a package and its signature",
				       verify_options, run_verify};
