/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/denials.h"

#include "base/clock.h"
#include "consent/words.h"
#include "network/host.h"
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>

/* Of one record's end: it may have ten thousand lines. */
#define TAIL_BYTES (256 * 1024)

static char *string_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text && *text ? strdup(text) : NULL;
}

/* As the store spells it. */
static char *host_of(const json_t *object)
{
	const char *host = json_string_value(json_object_get(object, "host"));
	json_int_t port = json_integer_value(json_object_get(object, "port"));
	struct host_pattern pattern;
	char text[HOST_TEXT_MAX];

	if (!host || port < 0 || port > 65535 || host_pattern_parse(host, strlen(host), &pattern, NULL) < 0)
		return NULL;
	pattern.port = (uint16_t)port;
	return strdup(host_pattern_text(&pattern, text));
}

static bool read_denial(const json_t *object, struct denial *ret)
{
	const char *kind = json_string_value(json_object_get(object, "kind"));
	const char *source = json_string_value(json_object_get(object, "source"));

	*ret = (struct denial){.family = string_of(object, "package"),
			       .time_ms = json_integer_value(json_object_get(object, "time_ms"))};
	ret->network = kind && strcmp(kind, "network") == 0;
	ret->by_never_list = source && strcmp(source, "never-list") == 0;
	if (ret->network)
		ret->what = host_of(object);
	else if (kind && strcmp(kind, "file") == 0 &&
		 words_read_access(json_string_value(json_object_get(object, "access")), &ret->access) == 0)
		ret->what = string_of(object, "path");
	return ret->family && ret->what;
}

static void denial_done(struct denial *d)
{
	free(d->family);
	free(d->what);
}

static bool is_known(const struct denials *all, const struct denial *d)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->list[i].network == d->network && all->list[i].access == d->access &&
		    strcmp(all->list[i].what, d->what) == 0 && strcmp(all->list[i].family, d->family) == 0)
			return true;
	return false;
}

static void take_line(struct denials *all, const char *line, size_t length)
{
	json_error_t error;
	json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, &error);
	struct denial d;

	if (read_denial(object, &d) && !is_known(all, &d) && all->n < DENIALS_MAX)
		all->list[all->n++] = d;
	else
		denial_done(&d);
	json_decref(object);
}

/* Its last lines first. */
static void take_record(struct denials *all, int dir_fd, const char *name)
{
	cleanup_close int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	cleanup_free char *text = malloc(TAIL_BYTES);
	off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	ssize_t n = 0;

	if (text && size > 0)
		n = pread(fd, text, TAIL_BYTES, size > TAIL_BYTES ? size - TAIL_BYTES : 0);
	while (n > 0 && all->n < DENIALS_MAX) {
		size_t end = (size_t)n - (text[n - 1] == '\n');
		const char *before = memrchr(text, '\n', end);
		size_t start = before ? (size_t)(before + 1 - text) : 0;

		if (end > start)
			take_line(all, text + start, end - start);
		n = (ssize_t)start;
	}
}

static int is_record(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 6 && strcmp(entry->d_name + n - 6, ".jsonl") == 0;
}

void denials_load(const char *data_dir, struct denials *ret)
{
	char path[PATH_MAX + 8];
	struct dirent **names = NULL;
	int n;

	*ret = (struct denials){0};
	snprintf(path, sizeof(path), "%s/runs", data_dir);
	n = scandir(path, &names, is_record, alphasort); /* they are named by their time */
	if (n >= 0) {
		cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		for (int i = n - 1; i >= 0; i--) {
			if (fd >= 0 && ret->n < DENIALS_MAX)
				take_record(ret, fd, names[i]->d_name);
			free(names[i]);
		}
		free(names);
	}
}

void denials_done(struct denials *denials)
{
	for (size_t i = 0; i < denials->n; i++)
		denial_done(&denials->list[i]);
	denials->n = 0;
}

struct rule_change denials_allow(const struct denial *d)
{
	struct rule_change change = {.kind = RULE_REPLACE, .has_new = true};
	struct stat st;

	change.new = (struct snapshot_row){.time_ms = clock_realtime_ms(),
					   .family = d->family,
					   .what = d->what,
					   .network = d->network,
					   .access = d->access,
					   .verdict = CONSENT_ALLOW,
					   .source = CONSENT_FROM_GRANT};
	if (!d->network && lstat(d->what, &st) == 0 && S_ISDIR(st.st_mode))
		change.new.target = CONSENT_FOLDER;
	return change;
}
