/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/host_config.h"

#include "base/fd.h"
#include "base/text.h"
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define UID_LEAST 1000u /* below are the system's own */
#define BLANK " \t"

/* Digits only: no sign, no space. Moves @at behind them. */
static bool take_number(const char **at, const char *end, uint64_t *ret)
{
	const char *start = *at;

	for (*ret = 0; *at < end && **at >= '0' && **at <= '9' && *ret <= UINT32_MAX; (*at)++)
		*ret = *ret * 10 + (uint64_t)(**at - '0');
	return *at > start;
}

static bool take_range(const char *at, const char *end, unsigned int *ret_first,
		       unsigned int *ret_count)
{
	uint64_t first, last;

	if (!take_number(&at, end, &first) || at == end || *at++ != '-' ||
	    !take_number(&at, end, &last) || at != end)
		return false;
	/* The last id of all means "no id". */
	if (first < UID_LEAST || last <= first || last >= UINT32_MAX)
		return false;
	*ret_first = (unsigned int)first;
	*ret_count = (unsigned int)(last - first + 1);
	return true;
}

static int take_line(const char *line, size_t length, unsigned int number, unsigned int *ret_first,
		     unsigned int *ret_count, struct appsilo_error *err)
{
	static const char name[] = "uid-range";
	const char *end = line + length, *at;
	char copy[128], shown[512];

	while (line < end && strchr(BLANK, *line))
		line++;
	while (end > line && strchr(BLANK, end[-1]))
		end--;
	if (line == end || *line == '#')
		return 0;
	at = line + strlen(name);
	if (end - line > (ptrdiff_t)strlen(name) && strncmp(line, name, strlen(name)) == 0 &&
	    strchr(BLANK "=", *at)) {
		at += strspn(at, BLANK);
		if (at < end && *at == '=') {
			at += 1 + strspn(at + 1, BLANK);
			if (at < end && take_range(at, end, ret_first, ret_count))
				return 0;
		}
		return error_say(err, -EINVAL,
				 "%s: line %u: uid-range must be FIRST-LAST, FIRST above 999",
				 CONFIG_FILE, number);
	}
	snprintf(copy, sizeof(copy), "%.*s", (int)(end - line), line);
	return error_say(err, -EINVAL, "%s: line %u: unknown setting %s; there is only uid-range",
			 CONFIG_FILE, number, text_show(copy, shown, sizeof(shown)));
}

int config_parse(const char *text, unsigned int *ret_first, unsigned int *ret_count,
		 struct appsilo_error *err)
{
	*ret_first = CONFIG_UID_FIRST;
	*ret_count = CONFIG_UID_COUNT;
	for (unsigned int number = 1; *text; number++) {
		size_t n = strcspn(text, "\n");
		int r = take_line(text, n, number, ret_first, ret_count, err);

		if (r < 0)
			return r;
		text += n + (text[n] == '\n');
	}
	return 0;
}

int config_uid_range(unsigned int *ret_first, unsigned int *ret_count, struct appsilo_error *err)
{
	char text[CONFIG_SIZE_MAX];
	ssize_t n = fd_read_file(AT_FDCWD, CONFIG_FILE, text, sizeof(text));

	if (n == -ENOENT)
		text[0] = '\0';
	else if (n < 0)
		return error_set(err, (int)n, "%s", CONFIG_FILE);
	else if (strlen(text) != (size_t)n)
		return error_say(err, -EINVAL, "%s: holds a NUL byte", CONFIG_FILE);
	return config_parse(text, ret_first, ret_count, err);
}
