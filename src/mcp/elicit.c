/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/elicit.h"

#include "base/path.h"
#include "base/text.h"
#include "mcp/rpc.h"
#include <string.h>

/* Every byte of a path escaped as \xNN. */
#define SHOWN_MAX (4 * 4096 + 1)

static const char *member(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static bool is_network(const json_t *question)
{
	return strcmp(member(question, "kind"), "network") == 0;
}

static bool is_write(const json_t *question)
{
	return strcmp(member(question, "access"), "write") == 0;
}

/* Yes to the file's whole folder: not where that would be the home, what holds it, or /x. */
static bool offers_folder(const json_t *question, const char *home)
{
	const char *path = member(question, "path");
	char folder[4096];
	size_t n = path_parent_length(path, strlen(path));

	if (strcmp(member(question, "target"), "file") != 0 || n == 0 || n >= sizeof(folder))
		return false;
	snprintf(folder, sizeof(folder), "%.*s", (int)n, path);
	return path_parent_length(folder, n) > 1 && !path_is_under(home, folder);
}

static const char *verb(const json_t *question)
{
	static const struct {
		const char *operation, *words;
	} verbs[] = {{"list", "list the folder"}, {"execute", "run the program"}, {"create", "make"},
		     {"unlink", "delete"},	  {"rmdir", "delete the folder"}, {"rename", "rename"}};
	const char *operation = member(question, "operation");

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strcmp(operation, verbs[i].operation) == 0)
			return verbs[i].words;
	return is_write(question) ? "change" : "read";
}

static int escape(const char *text, char ret[SHOWN_MAX])
{
	return text_escape(text, strlen(text), ret, SHOWN_MAX);
}

/* "8080/tcp", or nothing where a name is looked up. */
static void show_port(const json_t *question, char ret[64])
{
	const json_t *port = json_object_get(question, "port");

	*ret = '\0';
	if (json_is_integer(port))
		snprintf(ret, 64, " port %d", (int)json_integer_value(port));
}

static char *message_text(const json_t *question)
{
	char name[SHOWN_MAX], app[SHOWN_MAX], package[SHOWN_MAX], port[64];
	char *text;
	int n;

	if (escape(member(question, "app"), app) < 0 || escape(member(question, "package"), package) < 0 ||
	    escape(member(question, is_network(question) ? "host" : "path"), name) < 0 || !*name)
		return NULL;
	show_port(question, port);
	if (is_network(question))
		n = asprintf(&text, "%s (%s) wants to reach the host\n%s%s", app, package, name, port);
	else
		n = asprintf(&text, "%s (%s) wants to %s\n%s", app, package, verb(question), name);
	return n < 0 ? NULL : text;
}

static json_t *choice(const char *title, const char *description, const char *const *words)
{
	json_t *list = json_array();

	for (; list && *words; words++)
		(void)json_array_append_new(list, json_string(*words));
	return json_pack("{s:s,s:s,s:s,s:o}", "type", "string", "title", title, "description", description,
			 "enum", list);
}

static json_t *target_choice(const json_t *question, const char *home)
{
	static const char *const files[] = {"file", "folder", NULL}, *const hosts[] = {"port", "host", NULL};

	if (is_network(question))
		return choice("For", "this port, or any port of the host", hosts);
	if (offers_folder(question, home))
		return choice("For", "this file, or its folder and all in it", files);
	return NULL;
}

json_t *elicit_params(const json_t *question, const char *home)
{
	static const char *const decisions[] = {"deny", "allow", NULL},
				 *const scopes[] = {"once", "session", "always", NULL};
	cleanup_free char *message = message_text(question);
	json_t *properties, *target;

	if (!message)
		return NULL;
	properties = json_pack("{s:o,s:o}", "decision", choice("Decision", "allow it?", decisions), "scope",
			       choice("How long", "once, until this run ends, or always", scopes));
	target = target_choice(question, home);
	if (properties && target)
		(void)json_object_set_new(properties, "target", target);
	return json_pack("{s:s,s:{s:s,s:o,s:[s]}}", "message", message, "requestedSchema", "type", "object",
			 "properties", properties, "required", "decision");
}

/* A member that is missing keeps the default; one that was not offered makes all of it void. */
static bool take_word(const json_t *content, const char *key, const char *const *words, const char **ret)
{
	const json_t *value = json_object_get(content, key);

	if (!value)
		return true;
	*ret = json_string_value(value);
	return *ret && text_is_one_of(*ret, words);
}

static bool take_answer(const json_t *question, const json_t *result, const char *home, const char **decision,
			const char **scope, const char **target)
{
	static const char *const decisions[] = {"allow", "deny", NULL},
				 *const scopes[] = {"once", "session", "always", NULL};
	const char *const targets[] = {is_network(question) ? "port" : "file", is_network(question) ? "host" : "folder",
				       NULL};
	const json_t *content = json_object_get(result, "content");

	if (strcmp(member(result, "action"), "accept") != 0 || !json_is_object(content) ||
	    !json_object_get(content, "decision"))
		return false;
	if (!take_word(content, "decision", decisions, decision) || !take_word(content, "scope", scopes, scope) ||
	    !take_word(content, "target", targets, target))
		return false;
	return !*target || strcmp(*target, "folder") != 0 || offers_folder(question, home);
}

char *elicit_answer(const json_t *question, const json_t *result, const char *home, bool *ret_allowed)
{
	const char *decision = NULL, *scope = "once", *target = NULL;
	cleanup_json json_t *answer = NULL;

	if (!take_answer(question, result, home, &decision, &scope, &target)) {
		decision = "deny";
		scope = "once";
		target = NULL;
	}
	*ret_allowed = strcmp(decision, "allow") == 0;
	answer = json_pack("{s:i,s:O,s:s,s:s}", "v", 1, "id", json_object_get(question, "id"), "decision",
			   decision, "scope", scope);
	if (answer && target)
		(void)json_object_set_new(answer, "target", json_string(target));
	return answer ? json_dumps(answer, JSON_COMPACT) : NULL;
}

/* For a shell, where nothing in it has to be escaped for the eye. Returns false where something has. */
static bool quote(const char *text, char ret[SHOWN_MAX])
{
	char shown[SHOWN_MAX];

	if (escape(text, shown) < 0 || strcmp(text, shown) != 0 || strchr(text, '\''))
		return false;
	snprintf(ret, SHOWN_MAX, text[strcspn(text, " \t\"$`&|;<>()*?[]{}~#!")] ? "'%s'" : "%s", text);
	return true;
}

/* As `grant --host` takes it. */
static void host_pattern(const json_t *question, char ret[SHOWN_MAX])
{
	const char *host = member(question, "host");
	const json_t *port = json_object_get(question, "port");

	if (json_is_integer(port))
		snprintf(ret, SHOWN_MAX, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host,
			 (int)json_integer_value(port));
	else
		snprintf(ret, SHOWN_MAX, "%s", host);
}

json_t *elicit_denial(const json_t *question)
{
	const char *name = member(question, is_network(question) ? "host" : "path");
	const char *what = is_network(question) ? "host" : "path", *access = member(question, "access");
	char shown[SHOWN_MAX], pattern[SHOWN_MAX], quoted[SHOWN_MAX], package[SHOWN_MAX], line[3 * SHOWN_MAX];
	json_t *object = json_pack("{s:s,s:s}", "kind", member(question, "kind"), what,
				   text_show(name, shown, sizeof(shown)));

	if (object && *access)
		(void)json_object_set_new(object, "access", json_string(access));
	host_pattern(question, pattern);
	if (!object || !quote(is_network(question) ? pattern : name, quoted) || !quote(member(question, "package"), package))
		return object;
	snprintf(line, sizeof(line), "appsilo grant -p %s --%s %s", package,
		 is_network(question) ? "host" : is_write(question) ? "write" : "read", quoted);
	(void)json_object_set_new(object, "grant", json_string(line));
	return object;
}
