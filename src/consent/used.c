/* SPDX-License-Identifier: Apache-2.0 */
#include "consent/used.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/text.h"
#include "consent/words.h"
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define BUCKETS 1024
#define DAY_MS (24 * 60 * 60 * 1000)
#define FILE_MAX (32 * 1024 * 1024)
/* An escaped path with the words before it. */
#define KEY_MAX (4 * PATH_MAX + 32)
/* Lines that say what others say too, before the file is written anew. */
#define STALE_MAX 256
/* Rules seen in a row are mostly the same few. */
#define RECENT 256

struct mark {
	struct mark *next;
	long day; /* since 1970 */
	char key[];
};

/* Marks of one family. */
struct marks {
	struct mark *buckets[BUCKETS]; /* owned */
	size_t n, lines;
};

struct used {
	const char *data_dir, *family;
	uint64_t recent[RECENT]; /* hashes of what was noted; read without the lock */
	pthread_mutex_t lock; /* guards the rest */
	struct marks own, all;
};

struct used_reader {
	const char *data_dir;
	char family[CONSENT_FAMILY_MAX]; /* whose marks these are; "": nobody's yet */
	int64_t server_ms; /* when its last run in server mode began; 0: none */
	struct marks marks;
};

static size_t bucket_of(const char *key)
{
	return hash_text(HASH_START, key) % BUCKETS;
}

static struct mark *find(const struct marks *m, const char *key)
{
	struct mark *mark = m->buckets[bucket_of(key)];

	while (mark && strcmp(mark->key, key) != 0)
		mark = mark->next;
	return mark;
}

static void put(struct marks *m, const char *key, long day)
{
	struct mark *mark = find(m, key), **bucket = &m->buckets[bucket_of(key)];

	if (!mark) {
		mark = malloc(sizeof(*mark) + strlen(key) + 1);
		if (!mark)
			return;
		memcpy(mark->key, key, strlen(key) + 1);
		mark->day = 0;
		mark->next = *bucket;
		*bucket = mark;
		m->n++;
	}
	if (day > mark->day)
		mark->day = day;
}

static void clear(struct marks *m)
{
	for (size_t i = 0; i < BUCKETS; i++)
		while (m->buckets[i]) {
			struct mark *next = m->buckets[i]->next;

			free(m->buckets[i]);
			m->buckets[i] = next;
		}
	*m = (struct marks){0};
}

static bool make_key(const struct used_rule *rule, char ret[KEY_MAX])
{
	int n = rule->network ? snprintf(ret, KEY_MAX, "host ")
			      : snprintf(ret, KEY_MAX, "%s %s ", words_target(rule->target), words_access(rule->access));

	return text_escape(rule->what, strlen(rule->what), ret + n, KEY_MAX - (size_t)n) == 0;
}

static long today(void)
{
	return (long)(clock_realtime_ms() / DAY_MS);
}

static const char *day_words(long day, char ret[USED_DAY_SIZE])
{
	char text[TEXT_TIME_SIZE];

	snprintf(ret, USED_DAY_SIZE, "%.10s", text_time((int64_t)day * DAY_MS, text));
	return ret;
}

static long read_day(const char *text)
{
	struct tm parts = {0};
	char again[USED_DAY_SIZE];
	long day;

	if (sscanf(text, "%4d-%2d-%2d", &parts.tm_year, &parts.tm_mon, &parts.tm_mday) != 3)
		return 0;
	parts.tm_year -= 1900;
	parts.tm_mon--;
	day = timegm(&parts) / (DAY_MS / 1000);
	return strncmp(day_words(day, again), text, USED_DAY_SIZE - 1) == 0 ? day : 0;
}

/* Where the marks of @family are; @suffix "" or of the file whose time is that of server mode's last run. */
static int place(const char *data_dir, const char *family, const char *suffix, char ret[PATH_MAX])
{
	bool all = strcmp(family, CONSENT_ALL_FAMILIES) == 0;

	if (*family == '.' || strchr(family, '/'))
		return -EINVAL;
	return snprintf(ret, PATH_MAX, "%s/" USED_FOLDER "/%s%s", data_dir, all ? "all-packages" : family, suffix) < PATH_MAX - 8
		       ? 0
		       : -ENAMETOOLONG;
}

#define SERVER_SUFFIX "@server"

static void load(struct marks *m, const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	cleanup_fclose FILE *in = NULL;
	cleanup_free char *line = NULL;
	size_t size = 0;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX || !(in = fdopen(fd, "r")))
		return;
	fd = -EBADF; /* the stream's */
	while ((n = getline(&line, &size, in)) > 0) {
		if (n <= USED_DAY_SIZE || line[n - 1] != '\n' || line[USED_DAY_SIZE - 1] != ' ')
			continue;
		line[n - 1] = '\0';
		if (read_day(line))
			put(m, line + USED_DAY_SIZE, read_day(line));
		m->lines++;
	}
}

static void put_line(FILE *out, const struct mark *mark, long day)
{
	char words[USED_DAY_SIZE];

	fprintf(out, "%s %s\n", day_words(day, words), mark->key);
}

static int make_folder(const char *data_dir)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/" USED_FOLDER, data_dir) >= PATH_MAX)
		return -ENAMETOOLONG;
	return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

/* One line for each, in place of many. Marks that another run appends meanwhile are lost, and come again. */
static void rewrite(const char *path, const struct marks *kept)
{
	char fresh[PATH_MAX];
	FILE *out;

	snprintf(fresh, sizeof(fresh), "%.*s.new", PATH_MAX - 8, path);
	out = fopen(fresh, "we");
	for (size_t i = 0; out && i < BUCKETS; i++)
		for (const struct mark *mark = kept->buckets[i]; mark; mark = mark->next)
			put_line(out, mark, mark->day);
	if (!out || fclose(out) != 0 || rename(fresh, path) < 0)
		(void)unlink(fresh);
}

static void save(const struct used *u, const struct marks *noted, const char *family)
{
	char path[PATH_MAX];
	struct marks kept = {0};
	cleanup_free char *text = NULL;
	size_t size = 0;
	FILE *out;
	int fd;

	if (noted->n == 0 || place(u->data_dir, family, "", path) < 0 || make_folder(u->data_dir) < 0)
		return;
	load(&kept, path);
	out = open_memstream(&text, &size);
	for (size_t i = 0; out && i < BUCKETS; i++)
		for (const struct mark *mark = noted->buckets[i]; mark; mark = mark->next) {
			const struct mark *known = find(&kept, mark->key);

			if (known && known->day >= mark->day)
				continue;
			put(&kept, mark->key, mark->day);
			put_line(out, mark, mark->day);
			kept.lines++;
		}
	if (out && fclose(out) == 0 && size > 0) {
		fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd >= 0)
			(void)!fd_append_all(fd, text, size); /* a full disk: not known */
		close_keep_errno(fd);
	}
	if (kept.lines > 2 * kept.n + STALE_MAX)
		rewrite(path, &kept);
	clear(&kept);
}

struct used *used_new(const char *data_dir, const char *family)
{
	struct used *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->data_dir = data_dir;
	u->family = family;
	pthread_mutex_init(&u->lock, NULL);
	return u;
}

/* Of the rule as it is: the key costs more, and mostly nobody needs it. */
static uint64_t hash_rule(const struct used_rule *rule, bool every)
{
	const unsigned char kind[] = {rule->network, (unsigned char)rule->target, (unsigned char)rule->access, every};

	return hash_text(hash_bytes(HASH_START, kind, sizeof(kind)), rule->what);
}

void used_note(struct used *u, const struct used_rule *rule)
{
	char key[KEY_MAX];
	uint64_t hash, *recent;
	bool every = !rule->family || strcmp(rule->family, CONSENT_ALL_FAMILIES) == 0;

	if (!u)
		return;
	hash = hash_rule(rule, every);
	recent = &u->recent[hash % RECENT];
	if (__atomic_load_n(recent, __ATOMIC_RELAXED) == hash || !make_key(rule, key))
		return;
	__atomic_store_n(recent, hash, __ATOMIC_RELAXED);
	pthread_mutex_lock(&u->lock);
	if (every && u->all.n < USED_RULES_MAX)
		put(&u->all, key, today());
	if ((!every || !rule->family) && u->own.n < USED_RULES_MAX)
		put(&u->own, key, today());
	pthread_mutex_unlock(&u->lock);
}

void used_save(struct used *u)
{
	if (!u)
		return;
	pthread_mutex_lock(&u->lock);
	save(u, &u->own, u->family);
	save(u, &u->all, CONSENT_ALL_FAMILIES);
	pthread_mutex_unlock(&u->lock);
}

/* When the run began is the time of the file, or 0. */
static int64_t server_time(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 ? 0 : (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
}

static void mark_run(const char *data_dir, const char *family, int64_t began_ms)
{
	const struct timespec began = {.tv_sec = began_ms / 1000, .tv_nsec = began_ms % 1000 * 1000000};
	char path[PATH_MAX];
	int64_t known;

	if (place(data_dir, family, SERVER_SUFFIX, path) < 0)
		return;
	known = server_time(path);
	/* One that began later may have ended before. */
	if (known >= began_ms || (known == 0 && make_folder(data_dir) < 0))
		return;
	if (known == 0)
		close_keep_errno(open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
	(void)utimensat(AT_FDCWD, path, (struct timespec[]){began, began}, AT_SYMLINK_NOFOLLOW);
}

void used_mark_run(const char *data_dir, const char *family, int64_t began_ms)
{
	mark_run(data_dir, family, began_ms);
	mark_run(data_dir, CONSENT_ALL_FAMILIES, began_ms);
}

void used_forget(const char *data_dir, const char *family)
{
	static const char *const suffixes[] = {"", SERVER_SUFFIX};
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (place(data_dir, family, suffixes[i], path) == 0)
			(void)unlink(path); /* most have none */
}

struct used_reader *used_reader_new(const char *data_dir)
{
	struct used_reader *r = calloc(1, sizeof(*r));

	if (r)
		r->data_dir = data_dir;
	return r;
}

static void turn_to(struct used_reader *r, const char *family)
{
	char path[PATH_MAX];

	clear(&r->marks);
	r->server_ms = 0;
	snprintf(r->family, sizeof(r->family), "%s", family);
	if (place(r->data_dir, family, "", path) == 0)
		load(&r->marks, path);
	if (place(r->data_dir, family, SERVER_SUFFIX, path) == 0)
		r->server_ms = server_time(path);
}

const char *used_day(struct used_reader *r, const struct used_rule *rule, int64_t since_ms, char ret[USED_DAY_SIZE])
{
	char key[KEY_MAX];
	const struct mark *mark;
	long day;

	if (!r || !make_key(rule, key))
		return NULL;
	if (strcmp(r->family, rule->family) != 0)
		turn_to(r, rule->family);
	mark = find(&r->marks, key);
	/* What is from before is of a decision that was forgotten, or of runs that did not have this one. */
	day = mark && mark->day >= since_ms / DAY_MS ? mark->day : 0;
	if (r->server_ms >= since_ms && r->server_ms / DAY_MS > day)
		day = (long)(r->server_ms / DAY_MS);
	return day == 0 ? NULL : day_words(day, ret);
}

void used_reader_free(struct used_reader *r)
{
	if (r)
		clear(&r->marks);
	free(r);
}
