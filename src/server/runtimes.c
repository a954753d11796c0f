/* SPDX-License-Identifier: Apache-2.0 */
#include "server/runtimes.h"

#include <ctype.h>
#include <string.h>

const struct runtime runtimes[] = {
	{.language = "python",
	 .aliases = {"py", "python3", "py3"},
	 .file = "main.py",
	 .version_of = {"python3", "--version"},
	 .run = {"python3", "-I", RUNTIME_FILE},
	 .run_files = {"python3", "-s", RUNTIME_FILE},
	 .python = true},
	{.language = "bash",
	 .aliases = {"sh"},
	 .file = "main.sh",
	 .version_of = {"bash", "--version"},
	 .run = {"bash", RUNTIME_FILE},
	 .run_files = {"bash", RUNTIME_FILE}},
	{.language = "javascript",
	 .aliases = {"node", "js", "node-js"},
	 .file = "main.js",
	 .version_of = {"node", "--version"},
	 .run = {"node", RUNTIME_FILE},
	 .run_files = {"node", RUNTIME_FILE}},
	{.language = "c",
	 .aliases = {"gcc"},
	 .file = "main.c",
	 .version_of = {"gcc", "-dumpfullversion"},
	 .compile = {"gcc", "-O2", "-std=gnu17", "-o", ".compiled", RUNTIME_FILE, "-lm"},
	 .run = {"./.compiled"},
	 .run_files = {"./.compiled"}},
	{.language = NULL},
};

const struct runtime *runtime_find(const char *word)
{
	for (const struct runtime *r = runtimes; r->language; r++) {
		if (strcmp(r->language, word) == 0)
			return r;
		for (const char *const *alias = r->aliases; *alias; alias++)
			if (strcmp(*alias, word) == 0)
				return r;
	}
	return NULL;
}

bool runtime_version_parse(const char *text, char ret[RUNTIME_VERSION_MAX])
{
	for (; *text; text++) {
		size_t n = strspn(text, "0123456789.");

		if (!isdigit((unsigned char)*text))
			continue;
		if (memchr(text, '.', n) && n < RUNTIME_VERSION_MAX) {
			memcpy(ret, text, n);
			ret[n] = '\0';
			return true;
		}
		text += n - 1;
	}
	return false;
}
