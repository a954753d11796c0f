/* SPDX-License-Identifier: Apache-2.0 */
/* AppsiloFiles.txt: no link that is taken leaves the package, whatever it leads through. */
#include "fuzz.h"

#include "package/names.h"
#include "package/unix_facts.h"
#include <string.h>

/* Where the link leads by its words alone, counted from the package's top. */
static void check_link(const struct unix_fact *fact)
{
	long depth = 0;

	for (const char *p = fact->path; (p = strchr(p, '/')); p++)
		depth++;
	ALWAYS(fact->target && *fact->target && *fact->target != '/');
	for (const char *p = fact->target; *p;) {
		size_t n = strcspn(p, "/");

		depth += n == 2 && strncmp(p, "..", 2) == 0 ? -1 : 1;
		ALWAYS(depth >= 0);
		p += n;
		p += *p == '/';
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct appsilo_error err = {0};
	struct unix_facts facts;
	char *text = malloc(size + 1);

	ALWAYS(text);
	memcpy(text, data, size);
	text[size] = '\0';
	if (unix_facts_parse(text, size, "fuzz", &facts, &err) < 0) {
		ALWAYS(err.line[0] && !strchr(err.line, '\n') && !strchr(err.line, '\033'));
		return 0;
	}
	for (size_t i = 0; i < facts.n; i++) {
		ALWAYS(!name_problem(facts.facts[i].path));
		if (facts.facts[i].kind == 'l')
			check_link(&facts.facts[i]);
	}
	unix_facts_done(&facts);
	return 0;
}
