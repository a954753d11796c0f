/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/packages.h"

#include "base/path.h"
#include "base/text.h"
#include "cli/programs.h"
#include <string.h>

int packages_places(bool machine, struct package_places *ret, struct appsilo_error *err)
{
	const char *data = ret->user.data_dir;
	int r = places_find(&ret->user, err);

	if (r == 0)
		r = programs_find("appsilo", ret->program, err);
	if (r < 0)
		return r;
	if (machine && geteuid() != 0)
		return error_say(err, -EPERM, "--machine: only root installs for all users");
	ret->install = (struct install_places){
		.data_dir = machine ? INSTALLED_MACHINE_DIR : data,
		.trust_dir = machine ? NULL : data,
		.program = ret->program,
		.desktop_dir = machine ? "/usr/share/applications" : ret->desktop_dir,
		.machine = machine,
	};
	r = snprintf(ret->desktop_dir, sizeof(ret->desktop_dir), "%.*s/applications",
		     (int)path_parent_length(data, strlen(data)), data);
	return r < (int)sizeof(ret->desktop_dir) ? 0 : error_set(err, -ENAMETOOLONG, "%s", data);
}

struct search {
	const char *name;
	struct installed_package *ret;
	size_t n;
};

static int match(void *data, const struct installed_package *package)
{
	struct search *s = data;
	const struct package_identity *id = &package->identity;

	if (strcmp(s->name, id->family) != 0 && strcmp(s->name, id->full_name) != 0 &&
	    strcmp(s->name, id->name) != 0)
		return 0;
	if (s->n && strcmp(s->ret->identity.family, id->family) == 0)
		return 0; /* an older version, or the machine's behind the user's own */
	*s->ret = *package;
	s->n++;
	return 0;
}

int packages_find(const struct package_places *places, const char *name,
		  struct installed_package *ret, struct appsilo_error *err)
{
	struct search s = {name, ret, 0};
	bool machine = places->install.machine;
	char shown[256];
	int r = machine ? 0 : installed_each(places->user.data_dir, false, match, &s);

	if (r == 0)
		r = installed_each(INSTALLED_MACHINE_DIR, true, match, &s);
	if (r < 0)
		return error_set(err, r, "list the installed packages");
	text_show(name, shown, sizeof(shown));
	if (s.n == 0)
		return error_say(err, -ENOENT, "%s: no such package is installed; see appsilo list",
				 shown);
	return s.n == 1 ? 0
			: error_say(err, -EEXIST, "%s: several packages have this name; use the "
						  "family name", shown);
}
