/* SPDX-License-Identifier: Apache-2.0 */
/* why: every denial of a run, which rule, and how to allow it. */
#include "cli/command.h"

#include "base/text.h"
#include <dirent.h>
#include <jansson.h>
#include <string.h>

enum {
	OPT_JSON,
};

static const struct option_row why_options[] = {
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

/* Run ids start with the time: the greatest is the newest. */
static int find_last(const char *dir, char ret[NAME_MAX + 1])
{
	DIR *stream = opendir(dir);
	struct dirent *entry;

	*ret = '\0';
	while (stream && (entry = readdir(stream))) {
		size_t n = strlen(entry->d_name);

		if (n > 6 && strcmp(entry->d_name + n - 6, ".jsonl") == 0 &&
		    strcmp(entry->d_name, ret) > 0)
			snprintf(ret, NAME_MAX + 1, "%s", entry->d_name);
	}
	if (stream)
		closedir(stream);
	if (!*ret)
		return -ENOENT;
	ret[strlen(ret) - 6] = '\0';
	return 0;
}

static const char *member(const json_t *line, const char *key)
{
	const char *word = json_string_value(json_object_get(line, key));

	return word ? word : "?";
}

static const char *reason(const json_t *line, char *buffer, size_t size)
{
	const char *source = member(line, "source");
	const char *rule = json_string_value(json_object_get(line, "rule"));
	char shown[2048];

	if (strcmp(source, "never-list") == 0)
		return "it is on the never list";
	if (strcmp(source, "no-prompter") == 0)
		return "no rule allows it, and nobody could be asked";
	if (strcmp(source, "denied-all") == 0)
		return "everything else of this run was refused";
	if (rule) {
		snprintf(buffer, size, "the rule on %s (%s) refuses it",
			 text_show(rule, shown, sizeof(shown)), member(line, "rule_source"));
		return buffer;
	}
	return "no rule allows it, and the question was answered no or not at all";
}

static void print_denial(const json_t *line)
{
	char shown[8192], why[4096], allow[16384];

	printf("%s %s: %s (%s, pid %lld)\n", member(line, "call"),
	       text_show(member(line, "path"), shown, sizeof(shown)), member(line, "error"),
	       member(line, "access"),
	       (long long)json_integer_value(json_object_get(line, "pid")));
	printf("    %s\n", reason(line, why, sizeof(why)));
	printf("    allow: %s\n", text_show(member(line, "allow"), allow, sizeof(allow)));
}

/* No broker saw the calls: say what was there, and that the rest was not. */
static void print_server_run(const json_t *line)
{
	const json_t *places = json_object_get(line, "reachable");
	char shown[8192];

	printf("%s ran without questions (server mode) and ended with exit code %lld.\n",
	       member(line, "app"),
	       (long long)json_integer_value(json_object_get(line, "exit_code")));
	printf("It could reach the system, read-only, its profile %s, and:\n",
	       text_show(member(line, "profile"), shown, sizeof(shown)));
	for (size_t i = 0; i < json_array_size(places); i++) {
		const json_t *place = json_array_get(places, i);

		printf("    %-6s %s\n", member(place, "access"),
		       text_show(member(place, "path"), shown, sizeof(shown)));
	}
	if (json_array_size(places) == 0)
		printf("    nothing else\n");
	printf("Every other place of yours is denied (EACCES), the current directory %s too unless it is "
	       "listed.\n", text_show(member(line, "cwd"), shown, sizeof(shown)));
	printf("To allow: %s, or --allow-read PATH for one run. To be told each call, run it with "
	       "--prompt tty.\n", member(line, "allow"));
}

static int print_run(FILE *file, const char *id, bool json, struct appsilo_error *err)
{
	char *line = NULL;
	size_t size = 0, n = 0;
	ssize_t length;

	if (json)
		printf("[");
	while ((length = getline(&line, &size, file)) > 0) {
		/* Lines may hold the escapes of names that are not UTF-8; show them as they are. */
		json_t *object = json ? NULL : json_loadb(line, (size_t)length, 0, NULL);

		if (json) {
			line[length - 1] = '\0';
			printf("%s\n  %s", n ? "," : "", line);
		} else if (object && strcmp(member(object, "kind"), "server-mode") == 0) {
			print_server_run(object);
			n--;
		} else if (object) {
			print_denial(object);
		} else {
			char shown[8192];

			printf("%s\n", text_show(line, shown, sizeof(shown)));
		}
		json_decref(object);
		n++;
	}
	free(line);
	if (json)
		printf("%s]\n", n ? "\n" : "");
	else if (n > 0)
		printf("%zu denial%s in run %s\n", n, n == 1 ? "" : "s", id);
	return ferror(file) ? error_set(err, -EIO, "why: read the record of %s", id) : 0;
}

static int run_why(int argc, char **argv, struct appsilo_error *err)
{
	cleanup_fclose FILE *file = NULL;
	char dir[PATH_MAX + 8], path[PATH_MAX + NAME_MAX + 16], id[NAME_MAX + 1], shown[512];
	struct places places;
	bool json = false;
	int words = command_options(argc, argv, why_options, take, &json, err);

	if (words > 1)
		words = error_say(err, -EINVAL, "why: use why [LAST | RUN-ID]");
	if (words < 0)
		return EXIT_USAGE;
	if (places_find(&places, err) < 0)
		return EXIT_FAILED;
	snprintf(dir, sizeof(dir), "%s/runs", places.data_dir);
	if (words == 0 || strcmp(argv[1], "LAST") == 0) {
		if (find_last(dir, id) < 0) {
			printf(json ? "[]\n" : "nothing was denied in any run that is still on record\n");
			return EXIT_OK;
		}
	} else {
		snprintf(id, sizeof(id), "%s", argv[1]);
	}
	snprintf(path, sizeof(path), "%s/%s.jsonl", dir, id);
	if (!strchr(id, '/'))
		file = fopen(path, "re");
	if (!file) {
		error_say(err, -ENOENT,
			  "why: there is no record of run %s; runs without a denial leave none",
			  text_show(id, shown, sizeof(shown)));
		return EXIT_FAILED;
	}
	return print_run(file, id, json, err) < 0 ? EXIT_FAILED : EXIT_OK;
}

const struct command command_why = {"why", "[LAST | RUN-ID] [--json]",
				    "explain every denial of a run, and how to allow it",
				    why_options, run_why};
