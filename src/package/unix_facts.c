/* SPDX-License-Identifier: Apache-2.0 */
#include "package/unix_facts.h"

#include "base/text.h"
#include "package/msix.h"
#include "package/names.h"
#include <string.h>

const char *unix_link_problem(const char *path, const char *target)
{
	size_t depth = 0, up = 0;
	const char *p = target;

	for (const char *slash = path; (slash = strchr(slash, '/')); slash++)
		depth++;
	while (strncmp(p, "../", 3) == 0 || strcmp(p, "..") == 0) {
		up++;
		p += p[2] ? 3 : 2;
	}
	if (*target == '/')
		return "it is absolute";
	if (up > depth)
		return "it leaves the package";
	if (!*p)
		return up ? NULL : "it is empty";
	return name_problem(p) ? "its target is not a clean relative path" : NULL;
}

static int say(struct appsilo_error *err, const char *label, size_t line, const char *what)
{
	return error_say(err, -EBADMSG, "%s:%zu: %s", label, line, what);
}

static int take_line(char *line, struct unix_fact *ret, const char **problem)
{
	char *target;

	*ret = (struct unix_fact){.kind = line[0], .path = line + 2};
	if (!strchr("dlx", line[0]) || line[1] != '\t') {
		*problem = "not a fact (d, l or x)";
		return -EBADMSG;
	}
	target = strchr(line + 2, '\t');
	if (!target != (line[0] != 'l')) {
		*problem = "a link needs a target, and nothing else has one";
		return -EBADMSG;
	}
	if (target) {
		*target = '\0';
		ret->target = target + 1;
	}
	*problem = name_problem(ret->path) ? "a path that no file can have" : NULL;
	if (!*problem && ret->target)
		*problem = unix_link_problem(ret->path, ret->target);
	return *problem ? -EBADMSG : 0;
}

int unix_facts_parse(char *text, size_t size, const char *label, struct unix_facts *ret,
		     struct appsilo_error *err)
{
	struct unix_facts facts = {.text = text};
	const char *problem = NULL;
	size_t lines = 0;
	char *line = text + strlen(UNIX_FACTS_HEADER);
	int r = 0;

	for (const char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	if (strlen(text) != size || strncmp(text, UNIX_FACTS_HEADER, strlen(UNIX_FACTS_HEADER)) != 0 ||
	    text[size - 1] != '\n')
		r = say(err, label, 1, "not a list of files of a version that is known here");
	else if (lines > MSIX_ENTRIES_MAX)
		r = error_say(err, -EFBIG, "%s: too many lines", label);
	else if (!(facts.facts = calloc(lines, sizeof(*facts.facts))))
		r = error_set(err, -ENOMEM, "%s", label);
	while (r == 0 && *line) {
		char *end = strchr(line, '\n');

		*end = '\0';
		if (strlen(line) < 3 || take_line(line, &facts.facts[facts.n], &problem) < 0)
			r = say(err, label, facts.n + 2, problem ? problem : "too short");
		facts.n++;
		line = end + 1;
	}
	if (r < 0)
		unix_facts_done(&facts);
	else
		*ret = facts;
	return r;
}

void unix_facts_done(struct unix_facts *facts)
{
	free(facts->text);
	free(facts->facts);
	*facts = (struct unix_facts){0};
}
