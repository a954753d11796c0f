/* SPDX-License-Identifier: Apache-2.0 */
/* capabilities: the table of data/capabilities.tsv. */
#include "cli/command.h"

#include "base/json.h"
#include "config.h"
#include <string.h>

#include "capabilities_table.h"

enum {
	OPT_JSON,
};

static const struct option_row capabilities_options[] = {
	{OPT_JSON, "--json", NULL, "as a JSON array"},
	{0, NULL, NULL, NULL},
};

static int take(void *data, const struct option_row *row, const char *value)
{
	(void)row;
	(void)value;
	*(bool *)data = true;
	return 0;
}

static int print_json(void)
{
	char text[16384];
	struct json_writer w;

	jsonw_init(&w, text, sizeof(text));
	jsonw_open(&w, NULL, '[');
	for (size_t i = 0; i < ARRAY_SIZE(capability_rows); i++) {
		jsonw_open(&w, NULL, '{');
		jsonw_string(&w, "name", capability_rows[i].name);
		jsonw_string(&w, "status", capability_rows[i].status);
		jsonw_string(&w, "opens", capability_rows[i].opens);
		jsonw_close(&w, '}');
	}
	jsonw_close(&w, ']');
	if (jsonw_finish(&w) < 0)
		return EXIT_FAILED;
	printf("%s", text);
	return EXIT_OK;
}

static int run_capabilities(int argc, char **argv, struct appsilo_error *err)
{
	bool json = false;
	int words = command_options(argc, argv, capabilities_options, take, &json, err);

	if (words > 0)
		words = error_say(err, -EINVAL, "capabilities: takes no words");
	if (words < 0)
		return EXIT_USAGE;
	if (json)
		return print_json();
	for (size_t i = 0; i < ARRAY_SIZE(capability_rows); i++)
		printf("%-42s %-11s %s\n", capability_rows[i].name, capability_rows[i].status,
		       capability_rows[i].opens);
	return EXIT_OK;
}

const struct command command_capabilities = {
	"capabilities", "[--json]", "list the capabilities and what each opens on Linux",
	capabilities_options, run_capabilities};
