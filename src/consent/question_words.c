/* SPDX-License-Identifier: Apache-2.0 */
#include "consent/question_words.h"

#include "base/fd.h"
#include "base/text.h"
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#define COMMAND_MAX 160
#define ALIAS_OPTION "--alias=" /* in the first line of an alias file */

const char *question_operation(const struct consent_request *r)
{
	static const struct {
		const char *operation, *words;
	} table[] = {
		{"list", "list this folder and read what is in it"},
		{"execute", "run this program"},
		{"create", "create this file"},
		{"truncate", "empty and rewrite this file"},
		{"rename", "rename or replace this"},
		{"unlink", "delete this file"},
		{"rmdir", "delete this folder"},
		{"mkdir", "create this folder"},
		{"mknod", "create this file"},
		{"link", "give this file a second name"},
		{"symlink", "create this link"},
		{"chmod", "change the permissions of this"},
		{"chown", "change the owner of this"},
		{"utimens", "change the times of this"},
		{"setxattr", "change the attributes of this"},
		{"removexattr", "change the attributes of this"},
		{"start", "start in this folder and read what is in it"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (strcmp(r->operation, table[i].operation) == 0)
			return table[i].words;
	if (r->access == CONSENT_WRITE)
		return r->exists ? "change this file" : "create this file";
	return "read this file";
}

const char *question_host_operation(const struct consent_host_request *r)
{
	return !r->address			  ? "look up and reach this host"
	       : strcmp(r->protocol, "icmp") == 0 ? "ping this host"
						  : "reach this host";
}

int question_escape(const char *bytes, size_t length, char *ret, size_t size)
{
	char escaped[4 * PATH_MAX];
	size_t used = 0;
	int r = text_escape(bytes, length, escaped, sizeof(escaped));

	for (const char *p = escaped; r == 0 && *p; p++) {
		bool hidden = *p == ' ' && (p == escaped || p[-1] == ' ' || p[1] == ' ' || !p[1]);

		if (used + 5 > size)
			return -ENAMETOOLONG;
		if (hidden)
			memcpy(ret + used, "\\x20", 4);
		else
			ret[used] = *p;
		used += hidden ? 4 : 1;
	}
	ret[used] = '\0';
	return r;
}

/* Before the program starts its words are those of appsilo, and of an alias the kernel's: what
 * was typed begins with the third. */
static char *skip_alias(char *words, ssize_t *n)
{
	char *second = memchr(words, '\0', *n > 0 ? (size_t)*n : 0), *third;
	ssize_t left = second ? *n - (++second - words) : 0;

	if (left < (ssize_t)strlen(ALIAS_OPTION) ||
	    memcmp(second, ALIAS_OPTION, strlen(ALIAS_OPTION)) != 0)
		return words;
	third = memchr(second, '\0', (size_t)left);
	if (!third)
		return words;
	*n -= ++third - words;
	return third;
}

int question_command(pid_t pid, char *ret, size_t size)
{
	char path[48], words[2 * PATH_MAX], *raw;
	ssize_t n;
	int fd, r;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, words, sizeof(words));
	close_keep_errno(fd);
	while (n > 0 && words[n - 1] == '\0')
		n--;
	raw = skip_alias(words, &n);
	for (ssize_t i = 0; i < n; i++)
		if (raw[i] == '\0')
			raw[i] = ' ';
	if (n <= 0)
		return -ESRCH;
	r = question_escape(raw, (size_t)(n > COMMAND_MAX ? COMMAND_MAX : n), ret, size - strlen(" ..."));
	if (r == 0 && n > COMMAND_MAX)
		strcat(ret, " ...");
	return r;
}
