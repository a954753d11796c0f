/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include "base/log.h"
#include "base/path.h"
#include "base/text.h"
#include "consent/seen.h"
#include "manifest/identity.h"
#include "package/installed.h"
#include <string.h>

#define SETTLE_MS 2000

const struct command *const commands[] = {
	&command_run,	   &command_python, &command_serve, &command_mcp, &command_grant,  &command_revoke,
	&command_consents, &command_reset,  &command_loopback, &command_log,
	&command_why,	   &command_profile, &command_doctor,
	&command_install,  &command_uninstall, &command_list, &command_show, &command_settings,
	&command_open,	   &command_pack,   &command_unpack, &command_verify,
	&command_sign,	   &command_cert,   &command_trust,
	&command_pack_python, &command_pack_command,
	&command_capabilities, &command_completion, &command_help, &command_version, NULL};

const struct command *command_find(const char *name)
{
	if (strcmp(name, command_rules.name) == 0)
		return &command_rules;
	for (size_t i = 0; commands[i]; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

const char *command_nearest(const char *word)
{
	const char *best = NULL;
	size_t least = strlen(word) < 4 ? 2 : 3; /* a short word is near to anything */

	for (size_t i = 0; commands[i]; i++) {
		size_t d = text_distance(word, commands[i]->name);

		if (d < least) {
			least = d;
			best = commands[i]->name;
		}
	}
	return best;
}

bool command_is_family(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");

	return n > 0 && *text != '.' && *text != '-' && text[n] == '_' && publisher_id_is_valid(text + n + 1) &&
	       strlen(text) < CONSENT_FAMILY_MAX;
}

int command_check_family(const char *command, const char *family, struct appsilo_error *err)
{
	char shown[256];

	return command_is_family(family)
		       ? 0
		       : error_say(err, -EINVAL, "%s: %s is not a family name (Name_PublisherId); see appsilo list, "
				   "consents or why", command, text_show(family, shown, sizeof(shown)));
}

/* Whatever ran has a profile. */
void command_warn_family(const struct places *places, const char *family)
{
	static struct installed_package package; /* large */
	char profile[PATH_MAX];

	if (installed_find(places->data_dir, family, &package) < 0 &&
	    (places_profile_path(places, family, profile) < 0 || access(profile, F_OK) < 0))
		log_warning("no app is known as %s; the rule waits for one of this name", family);
}

int command_store(enum store_mode mode, struct places *ret_places, struct consent_store **ret,
		  struct appsilo_error *err)
{
	int r = places_find(ret_places, err);

	return r < 0 ? r : consent_store_open(ret_places->data_dir, mode, ret, err);
}

int command_path(const char *given, char ret[PATH_MAX], struct appsilo_error *err)
{
	char shown[512];
	int r = places_resolve(given, ret);

	if (!*given)
		return error_say(err, -EINVAL, "an empty PATH names nothing; write . for the current directory");
	return r < 0 ? error_set(err, r, "%s", text_show(given, shown, sizeof(shown))) : 0;
}

void command_settle(const struct places *places, struct consent_store *store)
{
	if (!seen_wait(places->data_dir, consent_store_announced(store), SETTLE_MS))
		log_warning("a running app has not taken notice yet; it will");
}

void command_tell_running(void)
{
	puts("Running apps ask again at their next open or connection; what they have open stays open.\n"
	     "Those started without prompts (server mode) keep what they were given until they end.");
}
