/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/packing.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/path.h"
#include "base/text.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "package/msix.h"
#include <string.h>

/* Progress is told after this time, and no more often than this. */
#define PROGRESS_AFTER_MS 1000
#define PROGRESS_EVERY_MS 100

int packing_list(struct pack_list *list, const char *text)
{
	if (list->n == PACK_LIST_MAX)
		return -EINVAL;
	list->texts[list->n++] = text;
	return 0;
}

int packing_take(struct packing_wishes *w, const struct option_row *row, const char *value)
{
	switch ((enum packing_option)row->id) {
	case PACKING_NAME:
		w->options.name = value;
		return 0;
	case PACKING_PUBLISHER:
		w->options.publisher = value;
		return 0;
	case PACKING_VERSION:
		w->options.version = value;
		return 0;
	case PACKING_CAPABILITY:
		return packing_list(&w->options.capabilities, value);
	case PACKING_NO_PROMPT:
		w->options.prompt = false;
		return 0;
	case PACKING_OUTPUT:
		w->output = value;
		return 0;
	case PACKING_STAGE:
		w->stage = value;
		return 0;
	case PACKING_OPTIONS:
		break;
	}
	return -EINVAL;
}

int packing_check(const struct packing_wishes *w, const char *command, struct appsilo_error *err)
{
	char shown[256];

	for (size_t i = 0; i < w->options.capabilities.n; i++) {
		const char *name = w->options.capabilities.texts[i];

		if (!capability_meaning(name))
			return error_say(err, -EINVAL, "%s: --capability %s: unknown; appsilo "
						       "capabilities lists the known ones", command,
					 text_show(name, shown, sizeof(shown)));
		if (!w->options.prompt && strcmp(name, CAPABILITY_PROMPT) == 0)
			return error_say(err, -EINVAL, "%s: --no-prompt and --capability %s "
						       "contradict each other", command, name);
	}
	return w->output || w->stage ? 0
				     : error_say(err, -EINVAL, "%s: where to? -o FILE.msix", command);
}

int packing_find(const char *given, const char *path, char ret[PATH_MAX], struct appsilo_error *err)
{
	char cwd[PATH_MAX], shown[512];

	text_show(given, shown, sizeof(shown));
	if (strchr(given, '/')) {
		if (!getcwd(cwd, sizeof(cwd)) || path_clean(cwd, given, ret, PATH_MAX) < 0)
			return error_set(err, -errno, "%s", shown);
		return access(ret, F_OK) < 0 ? error_set(err, -errno, "%s", shown) : 0;
	}
	while (*path) {
		size_t n = strcspn(path, ":");

		if (*path == '/' &&
		    snprintf(ret, PATH_MAX, "%.*s/%s", (int)n, path, given) < PATH_MAX &&
		    access(ret, X_OK) == 0)
			return 0;
		path += n;
		path += *path == ':';
	}
	return error_say(err, -ENOENT, "%s: no such program on PATH", shown);
}

struct staging {
	int64_t started_ms, told_ms;
	bool on; /* a terminal is there */
};

static int tell(void *data, const struct stage *stage, const char *what)
{
	struct staging *p = data;
	int64_t now = clock_monotonic_ms();
	bool compiling = strcmp(what, STAGE_COMPILING) == 0;

	if (!p->on || now - p->started_ms < PROGRESS_AFTER_MS ||
	    (now - p->told_ms < PROGRESS_EVERY_MS && !compiling))
		return interrupt_signal();
	p->told_ms = now;
	fprintf(stderr, "\rcollecting: %llu files, %llu MiB%s\x1b[K",
		(unsigned long long)stage->files, (unsigned long long)stage->bytes >> 20,
		compiling ? ", compiling ..." : "");
	return interrupt_signal();
}

static void wipe(const struct staging *p)
{
	if (p->told_ms)
		fprintf(stderr, "\r\x1b[K");
}

static void warn(void *data, const char *line)
{
	wipe(data);
	log_warning("%s", line);
}

static int pack(const struct packing_wishes *w, const struct manifest *manifest,
		const struct stage *stage, struct appsilo_error *err)
{
	struct msix_counts counts;
	char shown[512];
	struct progress bar;
	struct msix_pack_options options = {.common = {.progress = progress_tell,
						       .progress_data = &bar}};
	int r;

	progress_start(&bar, "packing");
	r = msix_pack(stage->path, w->output, &options, &counts, err);
	progress_end(&bar);
	if (r == 0)
		printf("%s: %s, %llu files, %llu MiB packed into %llu MiB\n"
		       "  not signed yet: appsilo sign --key KEY.pem %s; appsilo cert new makes a key\n",
		       text_show(w->output, shown, sizeof(shown)), manifest->identity.full_name,
		       (unsigned long long)counts.files, (unsigned long long)counts.bytes >> 20,
		       (unsigned long long)counts.packed_bytes >> 20, shown);
	return r;
}

static int fill_and_pack(const struct packing_wishes *w, struct stage *stage, packing_fill_fn fill,
			 const void *options, struct manifest *manifest, struct appsilo_error *err)
{
	struct staging staging = {clock_monotonic_ms(), 0, isatty(STDERR_FILENO)};
	int r;

	stage->progress = tell;
	stage->warn = warn;
	stage->data = &staging;
	r = fill(stage, options, manifest, err);
	wipe(&staging);
	return r == 0 && w->output ? pack(w, manifest, stage, err) : r;
}

int packing_run(const struct packing_wishes *w, packing_fill_fn fill, const void *options,
		struct appsilo_error *err)
{
	cleanup(stage_done) struct stage stage = {.fd = -EBADF};
	cleanup(manifest_done) struct manifest manifest = {0};
	const char *temporary = getenv("TMPDIR");
	char folder[PATH_MAX];
	int r;

	interrupt_catch();
	/* Not /tmp, which may be memory: a Python has a hundred megabytes. */
	if (snprintf(folder, sizeof(folder), "%s/appsilo-pack-XXXXXX",
		     temporary && *temporary == '/' ? temporary : "/var/tmp") >= (int)sizeof(folder) ||
	    (!w->stage && !mkdtemp(folder))) {
		error_set(err, -errno, "temporary folder %s", folder);
		return EXIT_FAILED;
	}
	if (stage_open(w->stage ? w->stage : folder, &stage, err) < 0)
		return EXIT_FAILED;
	r = fill_and_pack(w, &stage, fill, options, &manifest, err);
	if (r < 0 || !w->stage)
		stage_discard(&stage);
	if (r < 0)
		return EXIT_FAILED;
	if (w->stage)
		printf("%s: %s\n", stage.path, manifest.identity.full_name);
	return EXIT_OK;
}
