/* SPDX-License-Identifier: Apache-2.0 */
#include "consent/caution.h"

#include "base/path.h"
#include <fnmatch.h>
#include <string.h>

#define RUN_LATER "other programs run this later, outside appsilo"
#define GIT_RUNS "git runs programs named here, outside appsilo"
#define SECRETS "files like this often hold passwords or keys"
#define STARTS_UP "a start-up file; such files may hold passwords or keys"

/* Written: what is run later. A folder anywhere in the path. */
static const struct {
	const char *folders; /* between slashes */
	const char *sentence;
} run_later[] = {
	{"/.git/hooks/", GIT_RUNS},	{"/.git/config/", GIT_RUNS},
	{"/.git/config.worktree/", GIT_RUNS}, {"/.git/modules/", GIT_RUNS},
	{"/.githooks/", GIT_RUNS},	{"/.husky/", GIT_RUNS},
	{"/.gitattributes/", GIT_RUNS}, {"/.gitmodules/", GIT_RUNS},
	{"/.envrc/", RUN_LATER},	{"/.vscode/", RUN_LATER},
	{"/.idea/", RUN_LATER},		{"/autostart/", RUN_LATER},
	{"/.config/systemd/", RUN_LATER}, {"/cron/", RUN_LATER},
	{"/.venv/bin/", RUN_LATER},	{"/venv/bin/", RUN_LATER},
	{"/node_modules/.bin/", RUN_LATER}, {"/sitecustomize.py/", RUN_LATER},
	{"/usercustomize.py/", RUN_LATER}, {"/conftest.py/", RUN_LATER},
};

/* Read or written: names that are known for secrets. */
static const char *const secrets[] = {
	".env",	      ".env.*",	       "*.pem",		"*.key",	    "*.p12",
	"*.pfx",      "*.jks",	       "*.keystore",	"*.kdbx",	    "*.ovpn",
	"id_rsa*",    "id_dsa*",       "id_ecdsa*",	"id_ed25519*",	    "wallet.dat",
	"credentials", "credentials.*", "client_secret*", "secrets.*",	    ".netrc",
	".pgpass",    ".my.cnf",       ".npmrc",	".pypirc",	    ".htpasswd",
	".bash_history", ".zsh_history", ".python_history", ".psql_history", ".mysql_history",
	".sqlite_history", ".node_repl_history", "fish_history", "*.tfstate", "*.tfvars",
};

static const char *later(const char *path)
{
	char whole[4096 + 2];

	if (snprintf(whole, sizeof(whole), "%s/", path) >= (int)sizeof(whole))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(run_later); i++)
		if (strstr(whole, run_later[i].folders))
			return run_later[i].sentence;
	return fnmatch("*.desktop", path_base(path), 0) == 0 ? RUN_LATER : NULL;
}

static bool is_known_for_secrets(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(secrets); i++)
		if (fnmatch(secrets[i], name, 0) == 0)
			return true;
	return false;
}

bool caution_is_wide(const char *home, const char *folder)
{
	return path_is_under(home, folder) || !strchr(folder + 1, '/');
}

const char *caution_about(const struct never_places *places, const struct consent_request *r)
{
	const char *sentence = r->access == CONSENT_WRITE ? later(r->path) : NULL;

	if (sentence)
		return sentence;
	if (r->target == CONSENT_FOLDER && strcmp(r->path, places->home) == 0)
		return "this is your home folder, all of it but what is always protected";
	if (r->target == CONSENT_FOLDER && path_is_under(places->home, r->path))
		return "your home folder is in it";
	if (r->target == CONSENT_FILE && is_known_for_secrets(path_base(r->path)))
		return SECRETS;
	/* Writing there is denied without a question. */
	return never_judge(places, r->path, CONSENT_WRITE) == CONSENT_DENY ? STARTS_UP : NULL;
}

bool caution_may_widen(const struct never_places *places, const struct consent_request *r)
{
	size_t n = path_parent_length(r->path, strlen(r->path));
	const char *slash = memchr(r->path + 1, '/', n > 1 ? n - 1 : 0);

	if (r->target == CONSENT_FOLDER || !slash)
		return false;
	if (strncmp(places->home, r->path, n) == 0 &&
	    (places->home[n] == '\0' || places->home[n] == '/'))
		return false;
	return !caution_about(places, r);
}
