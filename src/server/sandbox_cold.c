/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run as a process of `appsilo once` (front_main.c), that is `appsilo run --prompt never`. What it
 * keeps (profile, records) lies in a data directory of this run alone: two runs of one program are
 * strangers.
 */
#include "server/front.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define FILES_OPEN 1024

static void make_words(struct front_words *w, const char *front, const struct sandbox_spec *spec)
{
	front_add(w, front);
	front_add(w, "once");
	front_add_option(w, "--prompt", "never");
	front_add(w, "--quiet");
	front_add_option(w, "--result", FRONT_RESULT_PATH);
	front_add_option(w, "--cwd", spec->work_dir);
	front_add_option(w, "--allow-write", spec->work_dir);
	if (spec->read_dir)
		front_add_option(w, "--allow-read", spec->read_dir);
	if (spec->package)
		front_add_option(w, "-p", spec->package);
	front_add_option(w, "--net", spec->net);
	for (size_t i = 0; spec->hosts && spec->hosts[i]; i++)
		front_add_option(w, "--allow-host", spec->hosts[i]);
	for (size_t i = 0; spec->env && spec->env[i]; i++)
		front_add_option(w, "--env", spec->env[i]);
	front_add_limits(w, &spec->limits);
	front_add(w, "--");
	for (size_t i = 0; spec->argv[i]; i++)
		front_add(w, spec->argv[i]);
}

/* Nothing of the server's own environment. */
static void make_environment(struct front_words *w, const struct sandbox_spec *spec)
{
	front_add(w, "PATH=/usr/local/bin:/usr/bin:/bin");
	front_add(w, "LANG=C.UTF-8");
	front_add(w, "USER=user");
	front_add_option(w, "HOME", spec->data_dir);
	front_add_option(w, "XDG_DATA_HOME", spec->data_dir);
}

/* The run's own data directory sees the user's packages. */
static int link_packages(const char *data_dir, const char *packages)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/appsilo", data_dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	strncat(path, "/packages", sizeof(path) - strlen(path) - 1);
	return symlink(packages, path) < 0 && errno != EEXIST ? -errno : 0;
}

static int cold_start(void *data, const struct sandbox_spec *spec, struct sandbox **ret,
		      struct appsilo_error *err)
{
	const struct sandbox_cold *cold = data;
	cleanup(front_words_done) struct front_words argv = {0};
	cleanup(front_words_done) struct front_words env = {0};
	struct front_run *run;
	int r = spec->package ? link_packages(spec->data_dir, cold->packages) : 0;

	if (r == 0) {
		make_words(&argv, cold->front, spec);
		make_environment(&env, spec);
		r = front_start(&argv, &env, FILES_OPEN, &run);
	}
	if (r < 0)
		return error_set(err, r, "start a run");
	*ret = &run->base;
	return 0;
}

struct sandbox_backend sandbox_cold_backend(struct sandbox_cold *cold)
{
	return (struct sandbox_backend){cold_start, front_kill, front_end, cold};
}
