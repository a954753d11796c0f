/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/why_line.h"
#include <string.h>

static void shows(const char *line, bool json, const char *want)
{
	char text[4096] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_non_null(out);
	(void)why_line_show(line, strlen(line), json, out);
	fclose(out);
	if (!strstr(text, want))
		fail_msg("\"%s\" does not say \"%s\"", text, want);
}

#define LINE(path) "{\"path\":\"" path "\",\"call\":\"open\",\"error\":\"EACCES\",\"source\":\"prompt\"}"

static void names_that_are_no_text_are_explained_too(void **state)
{
	(void)state;
	shows(LINE("/d/\\udcff\\udc80x"), false, "open /d/\\xff\\x80x: EACCES");
	shows(LINE("/d/\\\\udcff"), false, "open /d/\\\\udcff: EACCES");
	shows(LINE("/d/\\u001b[2J"), false, "open /d/\\x1b[2J: EACCES");
	shows(LINE("/d/\\udcff"), true, LINE("/d/\\udcff"));
}

#define HOST(more) "{\"kind\":\"network\",\"host\":\"a.example\",\"call\":\"connect\",\"error\":" \
		   "\"EACCES\",\"protocol\":\"tcp\",\"pid\":12," more "}"

static void hosts_are_explained(void **state)
{
	(void)state;
	shows(HOST("\"address\":\"10.0.0.1\",\"port\":80,\"source\":\"rebinding\",\"rule\":null,"
		   "\"allow\":\"do this\""), false,
	      "connect a.example port 80, now 10.0.0.1: EACCES (tcp, pid 12)\n"
	      "    the name leads into a private network or to this machine\n"
	      "    allow: do this\n");
	shows(HOST("\"address\":null,\"port\":0,\"source\":\"rule\",\"rule\":\"*.example\","
		   "\"rule_source\":\"prompt\",\"allow\":\"x\""), false,
	      "connect a.example: EACCES (tcp, pid 12)\n    the rule on *.example (prompt) refuses it\n");
	shows(HOST("\"source\":\"metadata\",\"rule\":null,\"allow\":null"), false,
	      "which nothing opens\n    nothing allows it\n");
	shows("{\"kind\":\"server-mode\",\"net\":\"client\",\"hosts\":[{\"host\":\"a.example\","
	      "\"access\":\"allowed\"},{\"host\":\"b\\u001b\",\"access\":\"denied\"}]}", false,
	      "Network: --net client, allowed a.example, denied b\\x1b, and what");
	shows("{\"kind\":\"network\"}", false, "? ?: ? (?)\n");
}

static void damaged_lines_are_shown_and_stay_json(void **state)
{
	(void)state;
	shows("{\"path\":\"/x\",\"ca", false, "damaged line: {\"path\"");
	shows("{\"path\":\"/x\",\"ca", true, "{\"damaged\":\"{\\\"path\\\":\\\"/x\\\",\\\"ca\"}");
	shows("[1]", true, "{\"damaged\":\"[1]\"}");
	shows("\033[2J", false, "damaged line: \\x1b[2J");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_that_are_no_text_are_explained_too),
		cmocka_unit_test(hosts_are_explained),
		cmocka_unit_test(damaged_lines_are_shown_and_stay_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
