/* SPDX-License-Identifier: Apache-2.0 */
/* log: the decisions of audit files and kept run records, and those that are still to come. */
#include "cli/command.h"

#include "base/clock.h"
#include "base/text.h"
#include "cli/log_line.h"
#include <dirent.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>

enum {
	OPT_FAMILY,
	OPT_DENIED,
	OPT_ALLOWED,
	OPT_KIND,
	OPT_PATH,
	OPT_SINCE,
	OPT_FOLLOW,
	OPT_JSON,
};

static const struct option_row log_options[] = {
	{OPT_FAMILY, "-p", "FAMILY", "only of this app"},
	{OPT_DENIED, "--denied", NULL, "only what was denied"},
	{OPT_ALLOWED, "--allowed", NULL, "only what was allowed"},
	{OPT_KIND, "--kind", "KIND", "only file, network, network-total or server-mode"},
	{OPT_PATH, "--path", "PATH", "only files at and below PATH"},
	{OPT_SINCE, "--since", "TIME", "only since 2026-01-31T12:00 (UTC), or 30s, 10m, 2h ago"},
	{OPT_FOLLOW, "--follow", NULL, "go on with what is decided from now on, until interrupted"},
	{OPT_JSON, "--json", NULL, "as a JSON array; with --follow one object a line"},
	{0, NULL, NULL, NULL},
};

struct wishes {
	struct log_filter filter;
	const char *since;
	bool follow, json;
};

/* A file that is read to its end, again and again. */
struct source {
	char *name; /* owned; as given, or the record's in the folder */
	FILE *file; /* owned */
	char *rest; /* owned; a line whose end has not come yet */
	size_t n_rest;
};

struct sources {
	struct source *list; /* owned */
	size_t n;
	size_t shown; /* lines */
};

static int take(void *data, const struct option_row *row, const char *value)
{
	struct wishes *w = data;
	const char *decision = row->id == OPT_DENIED ? "deny" : row->id == OPT_ALLOWED ? "allow" : NULL;

	switch (row->id) {
	case OPT_FAMILY:
		w->filter.family = value;
		break;
	case OPT_KIND:
		w->filter.kind = value;
		break;
	case OPT_PATH:
		w->filter.path = value;
		break;
	case OPT_SINCE:
		w->since = value;
		break;
	case OPT_FOLLOW:
		w->follow = true;
		break;
	case OPT_JSON:
		w->json = true;
		break;
	default:
		break;
	}
	if (decision && w->filter.decision && strcmp(decision, w->filter.decision) != 0)
		return -EINVAL;
	w->filter.decision = decision ? decision : w->filter.decision;
	return 0;
}

static int read_since(struct wishes *w, struct appsilo_error *err)
{
	static const char *const formats[] = {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%MZ",
					      "%Y-%m-%dT%H:%M", "%Y-%m-%d"};
	char shown[128];
	uint64_t ago_ms;

	if (!w->since)
		return 0;
	if (run_parse_time(w->since, &ago_ms) == 0) {
		w->filter.since_ms = clock_realtime_ms() - (int64_t)ago_ms;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct tm parts = {0};
		const char *end = strptime(w->since, formats[i], &parts);

		if (!end || *end)
			continue;
		w->filter.since_ms = (int64_t)timegm(&parts) * 1000;
		return 0;
	}
	return error_say(err, -EINVAL, "log: --since %s: use 2026-01-31T12:00, or 30s, 10m, 2h",
			 text_show(w->since, shown, sizeof(shown)));
}

static int check(struct wishes *w, char path[PATH_MAX], struct appsilo_error *err)
{
	static const char *const kinds[] = {"file", "network", "network-total", "server-mode"};
	bool known = !w->filter.kind;
	char shown[128];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		known = known || strcmp(w->filter.kind, kinds[i]) == 0;
	if (!known)
		return error_say(err, -EINVAL, "log: --kind %s: use file, network, network-total or server-mode",
				 text_show(w->filter.kind, shown, sizeof(shown)));
	if (w->filter.path && command_path(w->filter.path, path, err) < 0)
		return err->code;
	w->filter.path = w->filter.path ? path : NULL;
	return read_since(w, err);
}

static void show(struct sources *s, const struct wishes *w, const char *line, size_t length)
{
	if (!w->json) {
		s->shown += log_line_show(line, length, &w->filter, false, stdout);
		return;
	}
	if (!w->follow) {
		cleanup_free char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);

		if (out && log_line_show(line, length, &w->filter, true, out) && fflush(out) == 0)
			printf("%s\n  %s", s->shown++ ? "," : "", text);
		if (out)
			fclose(out);
	} else if (log_line_show(line, length, &w->filter, true, stdout)) {
		putchar('\n');
	}
}

/* All whole lines that have come. What has no end yet may be half of a line. */
static int read_lines(struct sources *s, struct source *source, const struct wishes *w, bool last)
{
	cleanup_free char *line = NULL;
	size_t size = 0;
	ssize_t n;

	clearerr(source->file);
	while ((n = getline(&line, &size, source->file)) > 0) {
		char *whole = realloc(source->rest, source->n_rest + (size_t)n + 1);

		if (!whole)
			return -ENOMEM;
		memcpy(whole + source->n_rest, line, (size_t)n + 1);
		source->rest = whole;
		source->n_rest += (size_t)n;
		if (whole[source->n_rest - 1] != '\n')
			break;
		whole[--source->n_rest] = '\0';
		show(s, w, whole, source->n_rest);
		source->n_rest = 0;
	}
	if (last && source->n_rest > 0)
		show(s, w, source->rest, source->n_rest);
	return ferror(source->file) ? -EIO : 0;
}

static int add(struct sources *s, const char *name, const char *path, struct appsilo_error *err)
{
	struct source *bigger = reallocarray(s->list, s->n + 1, sizeof(*bigger));
	struct source source = {.name = strdup(name), .file = fopen(path, "re")};
	char shown[512];

	if (bigger)
		s->list = bigger;
	if (bigger && source.name && source.file) {
		s->list[s->n++] = source;
		return 0;
	}
	free(source.name);
	if (source.file)
		fclose(source.file);
	return error_set(err, bigger && errno ? -errno : -ENOMEM, "log: %s", text_show(path, shown, sizeof(shown)));
}

static bool is_open(const struct sources *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->list[i].name, name) == 0)
			return true;
	return false;
}

/* The records of runs that are not open yet, oldest first. One that goes away meanwhile is not
 * missed: only the newest are kept. */
static void add_records(struct sources *s, const char *folder)
{
	struct dirent **list;
	int n = scandir(folder, &list, NULL, alphasort);
	char path[2 * PATH_MAX];

	for (int i = 0; i < n; i++) {
		const char *end = strrchr(list[i]->d_name, '.');

		snprintf(path, sizeof(path), "%s/%s", folder, list[i]->d_name);
		if (end && strcmp(end, ".jsonl") == 0 && !is_open(s, list[i]->d_name))
			(void)!add(s, list[i]->d_name, path, NULL);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

static int read_all(struct sources *s, const struct wishes *w, bool last)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->n; i++)
		r = read_lines(s, &s->list[i], w, last);
	return r < 0 ? r : fflush(stdout) != 0 ? -errno : 0;
}

/* Before the first look, so that nothing comes in between. */
static int watch(const char *folder, char *const *files, size_t n, struct appsilo_error *err)
{
	int fd = inotify_init1(IN_CLOEXEC);
	char shown[512];

	for (size_t i = 0; fd >= 0 && i < (n ? n : 1); i++) {
		const char *path = n ? files[i] : folder;

		if (!n)
			(void)mkdir(folder, 0700); /* the first record is still to come */
		if (inotify_add_watch(fd, path, n ? IN_MODIFY : IN_MODIFY | IN_CREATE) < 0) {
			error_set(err, -errno, "log: --follow %s", text_show(path, shown, sizeof(shown)));
			close(fd);
			return err->code;
		}
	}
	return fd < 0 ? error_set(err, -errno, "log: --follow (fs.inotify.max_user_instances?)") : fd;
}

static void done(struct sources *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->list[i].name);
		free(s->list[i].rest);
		fclose(s->list[i].file);
	}
	free(s->list);
}

static int follow(struct sources *s, const struct wishes *w, int watch_fd, const char *folder)
{
	char events[4096] __attribute__((aligned(8)));
	int r = 0;

	while (r == 0 && read(watch_fd, events, sizeof(events)) > 0) {
		if (folder)
			add_records(s, folder);
		r = read_all(s, w, false);
	}
	return r;
}

static int tell(const struct wishes *w, char *const *files, size_t n, struct appsilo_error *err)
{
	cleanup(done) struct sources s = {0};
	cleanup_close int watch_fd = -EBADF;
	char folder[PATH_MAX];
	struct places places;
	int r = places_find(&places, err);

	if (r < 0)
		return r;
	snprintf(folder, sizeof(folder), "%.*s/runs", PATH_MAX - 8, places.data_dir);
	if (w->follow)
		r = watch_fd = watch(folder, files, n, err);
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = add(&s, files[i], files[i], err);
	if (r < 0)
		return r;
	if (n == 0)
		add_records(&s, folder);
	if (w->json && !w->follow)
		printf("[");
	r = read_all(&s, w, !w->follow);
	if (r == 0 && w->follow)
		r = follow(&s, w, watch_fd, n ? NULL : folder);
	if (w->json && !w->follow)
		printf("%s]\n", s.shown ? "\n" : "");
	else if (!w->follow && s.shown == 0)
		printf("nothing is on record%s\n", n ? " there" : "");
	return r < 0 ? error_set(err, r, "log: read") : 0;
}

static int run_log(int argc, char **argv, struct appsilo_error *err)
{
	struct wishes w = {0};
	char path[PATH_MAX];
	int words = command_options(argc, argv, log_options, take, &w, err);

	if (words < 0 || check(&w, path, err) < 0)
		return EXIT_USAGE;
	return tell(&w, argv + 1, (size_t)words, err) < 0 ? EXIT_FAILED : EXIT_OK;
}

const struct command command_log = {"log", "[OPTIONS] [FILE...]",
				    "show what was decided: of --audit files, or denials of the last runs",
				    log_options, run_log};
