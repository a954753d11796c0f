/* SPDX-License-Identifier: Apache-2.0 */
#include "ui/prompt_guard.h"

#include "isolation/landlock.h"
#include <glib.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/syscall.h>

#include "window_filter.h"

/* From this version on Landlock closes abstract sockets, which session buses have. */
#define ABI_SCOPES 6

static const char *const system_places[] = {"/usr", "/etc", "/lib", "/lib64", "/bin", "/opt", "/var/lib", "/var/cache",
					    "/proc", "/sys", "/run", "/nix", "/gnu"};
static const char *const device_places[] = {"/dev/null", "/dev/zero", "/dev/urandom", "/dev/random", "/dev/shm"};

static int allow_below(int ruleset_fd, int abi, const char *base, const char *const *names, size_t n,
		       enum landlock_grant grant)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		cleanup_free char *path = g_build_filename(base, names[i], NULL);

		r = landlock_allow(ruleset_fd, abi, path, grant);
		/* A link, or a place of others': then it is not seen. */
		r = r == -EACCES || r == -ENOTDIR || r == -ELOOP ? 0 : r;
	}
	return r;
}

static int allow_user(int ruleset_fd, int abi)
{
	static const char *const config[] = {"gtk-4.0", "dconf", "fontconfig", "glib-2.0", "pulse"};
	static const char *const data[] = {"fonts", "icons", "themes", "locale", "mime", "glib-2.0"};
	static const char *const home[] = {".fonts", ".icons", ".themes", ".Xauthority"};
	static const char *const caches[] = {"fontconfig", "gtk-4.0", "mesa_shader_cache"};
	static const char *const runtime[] = {"dconf"};
	const char *authority = g_getenv("XAUTHORITY");
	int r = allow_below(ruleset_fd, abi, g_get_user_config_dir(), config, ARRAY_SIZE(config), LANDLOCK_SEE);

	if (r == 0)
		r = allow_below(ruleset_fd, abi, g_get_user_data_dir(), data, ARRAY_SIZE(data), LANDLOCK_SEE);
	if (r == 0)
		r = allow_below(ruleset_fd, abi, g_get_home_dir(), home, ARRAY_SIZE(home), LANDLOCK_SEE);
	if (r == 0)
		r = allow_below(ruleset_fd, abi, g_get_user_cache_dir(), caches, ARRAY_SIZE(caches), LANDLOCK_CHANGE);
	if (r == 0)
		r = allow_below(ruleset_fd, abi, g_get_user_runtime_dir(), runtime, ARRAY_SIZE(runtime), LANDLOCK_CHANGE);
	if (r == 0 && authority)
		(void)!landlock_allow(ruleset_fd, abi, authority, LANDLOCK_SEE); /* without: no display, which is said */
	return r;
}

/* "host:0", as ssh sets it; not ":0", "unix:0" or a path. */
static bool display_is_remote(void)
{
	const char *display = g_getenv("DISPLAY");

	return display && *display != ':' && *display != '/' && strncmp(display, "unix:", 5) != 0;
}

int prompt_guard_files(void)
{
	int abi = landlock_abi(), r = 0;
	cleanup_close int fd = -EBADF;
	cleanup_free char *dconf = g_build_filename(g_get_user_runtime_dir(), "dconf", NULL);

	if (abi < 0)
		return 0;
	if (abi >= ABI_SCOPES)
		abi = ABI_SCOPES - 1;
	(void)g_mkdir_with_parents(dconf, 0700); /* without: settings do not follow changes */
	r = fd = landlock_new(abi, abi >= LANDLOCK_ABI_TCP && !display_is_remote());
	if (r >= 0)
		r = allow_below(fd, abi, "/", system_places, ARRAY_SIZE(system_places), LANDLOCK_SEE);
	if (r == 0)
		r = allow_below(fd, abi, "/", device_places, ARRAY_SIZE(device_places), LANDLOCK_DEVICE);
	if (r == 0)
		r = allow_user(fd, abi);
	return r < 0 ? r : landlock_enforce(fd);
}

int prompt_guard_calls(void)
{
	const struct sock_fprog program = {ARRAY_SIZE(filter_window), (struct sock_filter *)filter_window};
	long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);

	return r == 0 ? 0 : r < 0 ? -errno : -ESRCH;
}
