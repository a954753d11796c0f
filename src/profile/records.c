/* SPDX-License-Identifier: Apache-2.0 */
#include "profile/records.h"

#include "base/text.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* The whole file, NUL-terminated. */
static int read_whole(const char *path, char **ret, size_t *ret_size, struct appsilo_error *err)
{
	cleanup_fclose FILE *file = fopen(path, "re");
	cleanup_free char *text = NULL;
	char shown[512];
	struct stat st;

	text_show(path, shown, sizeof(shown));
	if (!file || fstat(fileno(file), &st) < 0)
		return error_set(err, -errno, "profile: %s", shown);
	if (!S_ISREG(st.st_mode))
		return error_say(err, -EINVAL, "profile: %s is not a regular file", shown);
	if (st.st_size > RECORDS_FILE_MAX)
		return error_say(err, -EFBIG, "profile: %s is larger than any record of a profile", shown);
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return error_set(err, -ENOMEM, "profile: %s", shown);
	*ret_size = fread(text, 1, (size_t)st.st_size, file);
	if (ferror(file))
		return error_set(err, -EIO, "profile: %s", shown);
	text[*ret_size] = '\0';
	if (strlen(text) != *ret_size)
		return error_say(err, -EINVAL, "profile: %s holds a NUL byte", shown);
	*ret = TAKE_PTR(text);
	return 0;
}

static int make_room(struct records *r, size_t more)
{
	size_t wanted = r->n + more;
	void *bigger;

	if (wanted > RECORDS_MAX)
		return -E2BIG;
	bigger = reallocarray(r->list, wanted ? wanted : 1, sizeof(*r->list));
	if (!bigger)
		return -ENOMEM;
	r->list = bigger;
	return 0;
}

/* Memory for the texts of the file, which goes with the records. */
static char *add_block(struct records *r, size_t size)
{
	char **bigger = reallocarray(r->blocks, r->n_blocks + 1, sizeof(*bigger));
	char *block = malloc(size);

	if (bigger)
		r->blocks = bigger;
	if (!bigger || !block) {
		free(block);
		return NULL;
	}
	r->blocks[r->n_blocks++] = block;
	return block;
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; (text = strchr(text, '\n')); text++)
		n++;
	return n;
}

int records_load(struct records *r, const char *path, struct appsilo_error *err)
{
	cleanup_free char *text = NULL;
	size_t size = 0, lines, head = strlen(attempt_header);
	char shown[512], *texts;
	int code = read_whole(path, &text, &size, err);

	if (code < 0)
		return code;
	text_show(path, shown, sizeof(shown));
	if (strncmp(text, attempt_header, head) != 0)
		return error_say(err, -EINVAL, "profile: %s is no %s of this version of appsilo", shown,
				 RECORDS_FILE);
	lines = count_lines(text);
	texts = add_block(r, size + lines * ATTEMPT_TEXTS_EXTRA);
	code = texts ? make_room(r, lines) : -ENOMEM;
	if (code < 0)
		return error_set(err, code, "profile: %s", shown);
	lines = 1;
	for (char *line = text + head, *end; *line; line = end + 1) {
		size_t length;

		lines++;
		end = strchr(line, '\n');
		if (!end)
			return error_say(err, -EINVAL, "profile: %s:%zu: the last line is cut off", shown,
					 lines);
		*end = '\0';
		length = (size_t)(end - line);
		code = attempt_read(line, texts, &r->list[r->n], err);
		if (code < 0)
			return error_prefix(err, "profile: %s:%zu", shown, lines);
		texts += length + ATTEMPT_TEXTS_EXTRA;
		r->n++;
	}
	return 0;
}

/* Every field: what is equal is the same record. */
static int compare(const void *x, const void *y)
{
	const struct attempt *a = x, *b = y;
	const int64_t numbers[][2] = {
		{a->time_ms, b->time_ms}, {a->pid, b->pid},	{a->kind, b->kind},
		{a->access, b->access},	  {a->target, b->target}, {a->exists, b->exists},
		{a->port, b->port},	  {a->allowed, b->allowed}};
	const char *texts[][2] = {
		{a->run, b->run},	    {a->family, b->family},	{a->app, b->app},
		{a->program, b->program},   {a->operation, b->operation}, {a->path, b->path},
		{a->host, b->host},	    {a->address, b->address},	{a->protocol, b->protocol},
		{a->source, b->source},	    {a->capability, b->capability}, {a->allow, b->allow},	{a->stack, b->stack}};
	int r = strcmp(a->run, b->run);

	if (a->time_ms == b->time_ms && r != 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (numbers[i][0] != numbers[i][1])
			return numbers[i][0] < numbers[i][1] ? -1 : 1;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if ((r = strcmp(texts[i][0], texts[i][1])) != 0)
			return r;
	return 0;
}

void records_sort(struct records *r)
{
	size_t kept = 0;

	if (r->n == 0)
		return;
	qsort(r->list, r->n, sizeof(*r->list), compare);
	for (size_t i = 0; i < r->n; i++)
		if (kept == 0 || compare(&r->list[kept - 1], &r->list[i]) != 0)
			r->list[kept++] = r->list[i];
	r->n = kept;
}

void records_filter(struct records *r, const char *family)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->list[i].family, family) == 0)
			r->list[kept++] = r->list[i];
	r->n = kept;
}

int records_write(const struct records *r, FILE *out)
{
	cleanup_free char *line = malloc(ATTEMPT_LINE_MAX);

	if (!line)
		return -ENOMEM;
	fputs(attempt_header, out);
	for (size_t i = 0; i < r->n; i++) {
		int n = attempt_write(&r->list[i], line, ATTEMPT_LINE_MAX);

		if (n < 0)
			return n;
		fwrite(line, 1, (size_t)n, out);
	}
	return ferror(out) ? -EIO : 0;
}

void records_done(struct records *r)
{
	for (size_t i = 0; i < r->n_blocks; i++)
		free(r->blocks[i]);
	free(r->blocks);
	free(r->list);
	*r = (struct records){0};
}
