/* SPDX-License-Identifier: Apache-2.0 */
#include "consent/never.h"

#include "base/path.h"
#include <string.h>

/* Below the home directory: absent, whole subtrees. */
static const char *const secret[] = {
	/* keys and password stores */
	".ssh", ".gnupg", ".pki", ".password-store", ".local/share/keyrings",
	".local/share/kwalletd", ".config/keepassxc", ".local/share/gnome-keyring", ".electrum",
	".bitcoin", ".config/Bitwarden", ".config/1Password", ".age", ".config/sops", ".vault-token",
	/* browsers and mail */
	".mozilla", ".config/google-chrome", ".config/chromium", ".config/BraveSoftware",
	".config/microsoft-edge", ".config/vivaldi", ".config/opera", ".librewolf", ".thunderbird",
	".config/evolution", ".local/share/evolution", ".cache/mozilla", ".cache/google-chrome",
	".cache/chromium", "snap/firefox", "snap/chromium", ".var/app/org.mozilla.firefox",
	/* cloud and infrastructure */
	".aws", ".azure", ".config/gcloud", ".kube", ".docker/config.json", ".config/containers/auth.json",
	".config/doctl", ".terraform.d", ".terraformrc", ".config/heroku", ".oci", ".s3cfg",
	".config/rclone", ".boto",
	/* package managers and forges */
	".netrc", ".git-credentials", ".config/git/credentials", ".config/gh", ".config/glab-cli",
	".config/hub", ".npmrc", ".yarnrc", ".yarnrc.yml", ".pypirc", ".config/pip",
	".cargo/credentials", ".cargo/credentials.toml", ".gem/credentials", ".m2/settings.xml",
	".gradle/gradle.properties", ".config/composer/auth.json", ".config/NuGet",
	/* databases */
	".pgpass", ".my.cnf", ".mylogin.cnf", ".dbshell",
	NULL};

/* Below the home directory: readable by consent, never writable. They run later, outside. */
static const char *const start_up[] = {
	".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_aliases", ".profile",
	".zshrc", ".zshenv", ".zprofile", ".zlogin", ".zlogout", ".kshrc", ".cshrc", ".tcshrc",
	".login", ".config/fish", ".inputrc", ".xprofile", ".xinitrc", ".xsession", ".xsessionrc",
	".config/autostart", ".config/systemd", ".config/environment.d", ".local/share/systemd",
	".local/share/applications", ".local/share/dbus-1", ".config/plasma-workspace", ".gitconfig",
	".config/git/config", ".pam_environment", ".forward", ".vimrc", ".config/nvim", ".emacs",
	".emacs.d", ".pythonstartup", ".local/bin", "bin",
	NULL};

/* @path as seen from @home, NULL when it is not below it. Entries are such paths too. */
static const char *below_home(const char *home, const char *path)
{
	size_t n = strcmp(home, "/") == 0 ? 0 : strlen(home);

	return path_is_under(path, home) && path[n] == '/' ? path + n + 1 : NULL;
}

static bool is_listed(const char *home, const char *path, const char *const *list)
{
	const char *inside = below_home(home, path);

	for (; inside && *list; list++)
		if (path_is_under(inside, *list))
			return true;
	return false;
}

/* What can be walked, not listed: see the caller's masking. */
static bool is_way(const struct never_places *places, const char *path)
{
	return (places->profile && path_is_under(places->profile, path)) ||
	       (places->package && path_is_under(places->package, path)) ||
	       (places->cwd && path_is_under(places->cwd, path));
}

enum consent_verdict never_judge(const struct never_places *places, const char *path,
				 enum consent_access access)
{
	if (places->profile && path_is_under(path, places->profile))
		return CONSENT_ALLOW;
	if (places->package && path_is_under(path, places->package))
		return access == CONSENT_READ ? CONSENT_ALLOW : CONSENT_DENY;
	if (path_is_under(path, places->data_dir))
		return is_way(places, path) ? CONSENT_DENY : CONSENT_ABSENT;
	if (is_listed(places->home, path, secret))
		return is_way(places, path) ? CONSENT_DENY : CONSENT_ABSENT;
	if (access == CONSENT_WRITE && is_listed(places->home, path, start_up))
		return CONSENT_DENY;
	return CONSENT_ASK;
}

bool never_is_own(const struct never_places *places, const char *path, enum consent_access access)
{
	return path_is_under(path, places->data_dir) && never_judge(places, path, access) != CONSENT_ALLOW;
}

static bool list_is_below(const char *home, const char *folder, const char *const *list)
{
	const char *inside = below_home(home, folder);

	if (path_is_under(home, folder))
		return true;
	for (; inside && *list; list++)
		if (path_is_under(*list, inside) && strcmp(*list, inside) != 0)
			return true;
	return false;
}

/* The sandbox has a private one, below a folder that is the host's: with all of that in its place
 * it would be covered by the host's. */
#define PRIVATE_PLACE "/var/tmp"

bool never_below(const struct never_places *places, const char *folder, enum consent_access access)
{
	if (places->profile && path_is_under(folder, places->profile))
		return false;
	if (path_is_under(PRIVATE_PLACE, folder) && strcmp(folder, PRIVATE_PLACE) != 0)
		return true;
	if (path_is_under(places->data_dir, folder))
		return true;
	return list_is_below(places->home, folder, secret) ||
	       (access == CONSENT_WRITE && list_is_below(places->home, folder, start_up));
}
