/* SPDX-License-Identifier: Apache-2.0 */
#include "package/record.h"

#include "base/fd.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define HEADER "appsilo package 1\n"

/* Cut one field off at @separator. Returns what follows it, or the empty end. */
static char *cut(char *text, char separator)
{
	char *mark = strchr(text, separator);

	if (!mark)
		return text + strlen(text);
	*mark = '\0';
	return mark + 1;
}

int record_parse(struct record *record, size_t size)
{
	char *line = record->text;

	record->n = 0;
	if (strlen(line) != size || strncmp(line, HEADER, strlen(HEADER)) != 0 ||
	    line[size - 1] != '\n')
		return -EBADMSG;
	line += strlen(HEADER);
	while (*line) {
		struct record_line *l = &record->lines[record->n];
		char *next = cut(line, '\n'), *value;

		if (record->n == RECORD_LINES_MAX || *line == '\t' || !strchr(line, '\t'))
			return -EBADMSG;
		value = cut(line, '\t');
		l->key = line;
		l->value = value;
		l->more = cut(value, '\t');
		record->n++;
		line = next;
	}
	return 0;
}

/* Whoever can change the record decides what the app may do. */
static int check_owner(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (st.st_uid != 0 && st.st_uid != geteuid()) ||
	    st.st_mode & (S_IWGRP | S_IWOTH))
		return -EPERM;
	return 0;
}

/* Returns the bytes read; -errno. */
static ssize_t read_all(int dir_fd, char *text)
{
	cleanup_close int fd =
		openat(dir_fd, RECORD_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	size_t used = 0;
	ssize_t n;
	int r;

	if (fd < 0)
		return -errno;
	r = check_owner(fd);
	if (r < 0)
		return r;
	while ((n = read(fd, text + used, RECORD_SIZE_MAX - used)) > 0)
		used += (size_t)n;
	if (n < 0)
		return -errno;
	text[used] = '\0';
	return used == RECORD_SIZE_MAX ? -EBADMSG : (ssize_t)used;
}

int record_read(int dir_fd, const char *dir, struct record *ret, struct appsilo_error *err)
{
	ssize_t size;
	int r;

	ret->n = 0;
	ret->text = malloc(RECORD_SIZE_MAX + 1);
	size = ret->text ? read_all(dir_fd, ret->text) : -ENOMEM;
	r = size < 0 ? (int)size : record_parse(ret, (size_t)size);
	if (r == 0)
		return 0;
	record_done(ret);
	if (r == -EPERM)
		return error_say(err, r, "%s/" RECORD_FILE ": others can write it; install the "
					 "package again", dir);
	return error_set(err, r, "%s/" RECORD_FILE ": install the package again", dir);
}

const char *record_get(const struct record *record, const char *key)
{
	const struct record_line *line = record_find(record, key, NULL);

	return line ? line->value : NULL;
}

const struct record_line *record_find(const struct record *record, const char *key,
				      const char *value)
{
	for (size_t i = 0; i < record->n; i++)
		if (strcmp(record->lines[i].key, key) == 0 &&
		    (!value || strcmp(record->lines[i].value, value) == 0))
			return &record->lines[i];
	return NULL;
}

int record_append(char *text, size_t size, const char *key, const char *value, const char *more)
{
	size_t used = strlen(text);
	int n;

	if (used == 0)
		used = (size_t)snprintf(text, size, HEADER);
	if (strpbrk(value, "\t\n") || (more && strpbrk(more, "\t\n")))
		return -EINVAL;
	n = snprintf(text + used, size - used, "%s\t%s%s%s\n", key, value, more ? "\t" : "",
		     more ? more : "");
	return n < 0 || (size_t)n >= size - used ? -ENOBUFS : 0;
}

void record_done(struct record *record)
{
	free(record->text);
	record->text = NULL;
	record->n = 0;
}
