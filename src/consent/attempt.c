/* SPDX-License-Identifier: Apache-2.0 */
#include "consent/attempt.h"

#include "base/text.h"
#include "consent/stack_text.h"
#include "consent/words.h"
#include <inttypes.h>
#include <string.h>
#include <time.h>

enum column {
	COLUMN_TIME,
	COLUMN_RUN,
	COLUMN_PACKAGE,
	COLUMN_APP,
	COLUMN_PROGRAM,
	COLUMN_PID,
	COLUMN_KIND,
	COLUMN_OPERATION,
	COLUMN_PATH,
	COLUMN_ACCESS,
	COLUMN_TARGET,
	COLUMN_EXISTS,
	COLUMN_HOST,
	COLUMN_ADDRESS,
	COLUMN_PORT,
	COLUMN_PROTOCOL,
	COLUMN_RESULT,
	COLUMN_SOURCE,
	COLUMN_CAPABILITY,
	COLUMN_ALLOW,
	COLUMN_STACK,
	COLUMNS,
};

const char attempt_header[] =
	"time,run,package,app,program,pid,kind,operation,path,access,target,exists,host,address,port,"
	"protocol,result,source,capability,allow,stack\n";

static const char *const kinds[] = {
	[ATTEMPT_RUN] = "run", [ATTEMPT_FILE] = "file", [ATTEMPT_NETWORK] = "network"};

struct writer {
	char *at, *end;
	bool overflow, comma;
};

static void put(struct writer *w, char c)
{
	if (w->at < w->end)
		*w->at++ = c;
	else
		w->overflow = true;
}

/* A field that is known to need no quotes. */
static void put_plain(struct writer *w, const char *text)
{
	if (w->comma)
		put(w, ',');
	w->comma = true;
	while (*text)
		put(w, *text++);
}

static void put_escaped(struct writer *w, const char *shown)
{
	if (!strpbrk(shown, ",\"")) {
		put_plain(w, shown);
		return;
	}
	put_plain(w, "\"");
	for (const char *p = shown; *p; p++) {
		if (*p == '"')
			put(w, '"');
		put(w, *p);
	}
	put(w, '"');
}

static void put_text(struct writer *w, const char *text, char *scratch)
{
	if (!text)
		text = "";
	if (text_escape(text, strlen(text), scratch, ATTEMPT_LINE_MAX) < 0)
		w->overflow = true;
	else
		put_escaped(w, scratch);
}

static void put_number(struct writer *w, int64_t number)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRId64, number);
	put_plain(w, digits);
}

#define TIME_SIZE (TEXT_TIME_SIZE + 16)

static const char *time_words(int64_t time_ms, char ret[TIME_SIZE])
{
	char text[TEXT_TIME_SIZE];

	snprintf(ret, TIME_SIZE, "%s.%03dZ", text_time(time_ms, text), (int)(time_ms % 1000));
	return ret;
}

int attempt_write(const struct attempt *a, char *ret, size_t size)
{
	cleanup_free char *scratch = malloc(ATTEMPT_LINE_MAX);
	struct writer w = {ret, ret + size - 1, false, false};
	bool file = a->kind == ATTEMPT_FILE, network = a->kind == ATTEMPT_NETWORK;
	char time[TIME_SIZE];

	if (!scratch)
		return -ENOBUFS;
	put_plain(&w, time_words(a->time_ms, time));
	put_text(&w, a->run, scratch);
	put_text(&w, a->family, scratch);
	put_text(&w, a->app, scratch);
	put_text(&w, a->program, scratch);
	put_number(&w, a->pid);
	put_plain(&w, kinds[a->kind]);
	put_text(&w, a->operation, scratch);
	put_text(&w, a->path, scratch);
	put_plain(&w, file ? words_access(a->access) : "");
	put_plain(&w, file ? words_target(a->target) : "");
	put_plain(&w, !file ? "" : a->exists ? "yes" : "no");
	put_text(&w, a->host, scratch);
	put_text(&w, a->address, scratch);
	if (network && a->port)
		put_number(&w, a->port);
	else
		put_plain(&w, "");
	put_text(&w, a->protocol, scratch);
	put_plain(&w, a->kind == ATTEMPT_RUN ? "" : a->allowed ? "allowed" : "denied");
	put_text(&w, a->source, scratch);
	put_text(&w, a->capability, scratch);
	put_text(&w, a->allow, scratch);
	put_escaped(&w, a->stack && stack_is_valid(a->stack) ? a->stack : ""); /* its names are escaped */
	put(&w, '\n');
	*w.at = '\0';
	return w.overflow ? -ENOBUFS : (int)(w.at - ret);
}

/* The next field, without its quotes; @at moves behind it, and becomes NULL at the end. */
static char *next_field(char **at)
{
	char *from = *at, *start = from, *to = from;

	if (*from != '"') {
		from += strcspn(from, ",");
		if (memchr(start, '"', (size_t)(from - start)))
			return NULL;
		to = from;
	} else {
		for (from++;; from++) {
			if (!*from)
				return NULL;
			if (*from == '"' && *++from != '"')
				break;
			*to++ = *from;
		}
		if (*from && *from != ',')
			return NULL;
	}
	*at = *from ? from + 1 : NULL;
	*to = '\0';
	return start;
}

static const char *column_name(enum column column, char ret[32])
{
	const char *at = attempt_header;

	for (int i = 0; i < (int)column; i++)
		at = strchr(at, ',') + 1;
	snprintf(ret, 32, "%.*s", (int)strcspn(at, ",\n"), at);
	return ret;
}

static int read_time(const char *text, int64_t *ret)
{
	unsigned int v[7];
	struct tm parts = {0};
	char again[TIME_SIZE];
	int used = 0;

	if (strlen(text) != 24 ||
	    sscanf(text, "%4u-%2u-%2uT%2u:%2u:%2u.%3uZ%n", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5],
		   &v[6], &used) != 7 || used != 24)
		return -EINVAL;
	parts.tm_year = (int)v[0] - 1900;
	parts.tm_mon = (int)v[1] - 1;
	parts.tm_mday = (int)v[2];
	parts.tm_hour = (int)v[3];
	parts.tm_min = (int)v[4];
	parts.tm_sec = (int)v[5];
	*ret = (int64_t)timegm(&parts) * 1000 + v[6];
	return strcmp(time_words(*ret, again), text) == 0 ? 0 : -EINVAL;
}

static int read_number(const char *text, long max, long *ret)
{
	char *end;

	*ret = 0;
	if (!*text)
		return 0;
	errno = 0;
	*ret = strtol(text, &end, 10);
	return errno || *end || *text < '0' || *text > '9' || *ret > max ? -EINVAL : 0;
}

static int read_choice(const char *text, const char *no, const char *yes, bool *ret)
{
	*ret = strcmp(text, yes) == 0;
	return *ret || strcmp(text, no) == 0 ? 0 : -EINVAL;
}

static int read_kind(const char *text, enum attempt_kind *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(text, kinds[i]) == 0) {
			*ret = (enum attempt_kind)i;
			return 0;
		}
	return -EINVAL;
}

/* One column of @a; the kind stands before what depends on it. */
static int read_column(struct attempt *a, enum column column, const char *text)
{
	bool file = a->kind == ATTEMPT_FILE;
	long number = 0;
	int r = 0;

	switch (column) {
	case COLUMN_TIME:
		return read_time(text, &a->time_ms);
	case COLUMN_PID:
		r = read_number(text, INT32_MAX, &number);
		a->pid = (pid_t)number;
		return r;
	case COLUMN_KIND:
		return read_kind(text, &a->kind);
	case COLUMN_ACCESS:
		return file ? words_read_access(text, &a->access) : 0;
	case COLUMN_TARGET:
		return file ? words_read_target(text, &a->target) : 0;
	case COLUMN_EXISTS:
		return file ? read_choice(text, "no", "yes", &a->exists) : 0;
	case COLUMN_PORT:
		r = read_number(text, UINT16_MAX, &number);
		a->port = (uint16_t)number;
		return r;
	case COLUMN_RESULT:
		return a->kind == ATTEMPT_RUN ? 0 : read_choice(text, "denied", "allowed", &a->allowed);
	case COLUMN_PATH:
		a->path = text;
		return a->kind != ATTEMPT_NETWORK && *text != '/' ? -EINVAL : 0;
	case COLUMN_HOST:
		a->host = text;
		return a->kind == ATTEMPT_NETWORK && !*text ? -EINVAL : 0;
	case COLUMN_RUN:
		a->run = text;
		return *text ? 0 : -EINVAL;
	case COLUMN_PACKAGE:
		a->family = text;
		return *text ? 0 : -EINVAL;
	case COLUMN_APP:
		a->app = text;
		return 0;
	case COLUMN_PROGRAM:
		a->program = text;
		return 0;
	case COLUMN_OPERATION:
		a->operation = text;
		return 0;
	case COLUMN_ADDRESS:
		a->address = text;
		return 0;
	case COLUMN_PROTOCOL:
		a->protocol = text;
		return 0;
	case COLUMN_SOURCE:
		a->source = text;
		return 0;
	case COLUMN_CAPABILITY:
		a->capability = text;
		return 0;
	case COLUMN_ALLOW:
		a->allow = text;
		return 0;
	case COLUMN_STACK:
		a->stack = text;
		return stack_is_valid(text) ? 0 : -EINVAL;
	case COLUMNS:
		break;
	}
	return -EINVAL;
}

/* The names in a stack are escaped each by itself, and stay so. */
static int read_text(enum column column, const char *field, char *ret)
{
	size_t size = strlen(field) + 1;

	if (column != COLUMN_STACK)
		return text_unescape(field, ret, size);
	memcpy(ret, field, size);
	return 0;
}

int attempt_read(char *line, char *texts, struct attempt *ret, struct appsilo_error *err)
{
	char *at = line, name[32];

	*ret = (struct attempt){0};
	for (enum column column = 0; column < COLUMNS; column++) {
		char *field = at ? next_field(&at) : NULL;

		if (!field || read_text(column, field, texts) < 0 || read_column(ret, column, texts) < 0)
			return error_say(err, -EINVAL, "column %s is missing or not as written by appsilo",
					 column_name(column, name));
		texts += strlen(texts) + 1;
	}
	return at ? error_say(err, -EINVAL, "there are more than %d columns", COLUMNS) : 0;
}

bool attempt_is_naming(const struct attempt *a)
{
	static const char *const words[] = {"create", "mknod", "mkdir", "symlink", "link",
					    "unlink", "rmdir", "rename"};

	if (a->kind != ATTEMPT_FILE || a->access != CONSENT_WRITE)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(a->operation, words[i]) == 0)
			return true;
	return !a->exists;
}
