/* SPDX-License-Identifier: Apache-2.0 */
#include "package/pack_python.h"

#include "base/path.h"
#include "base/text.h"
#include "package/elf_file.h"
#include "package/wheel.h"
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

struct packing {
	struct stage *stage;
	const struct pack_python_options *options;
	struct python_facts facts;
	char name[16];		/* python3.11 */
	char target[PATH_MAX];	/* the prefix as seen inside */
	char program[PATH_MAX]; /* as seen inside */
	char stdlib[PATH_MAX], site[PATH_MAX]; /* as seen inside */
	struct appsilo_error *err;
};

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n >= m && strcmp(name + n - m, end) == 0;
}

/* Nobody's modules: what a compiler or a linker left, and what is only for development. */
static bool is_left_over(const char *name, bool folder)
{
	if (folder)
		return strcmp(name, "__pycache__") == 0 || strcmp(name, ".git") == 0;
	return ends_with(name, ".pyc") || ends_with(name, ".pyo") || ends_with(name, ".a") ||
	       ends_with(name, ".o") || ends_with(name, ".la");
}

static bool stdlib_wanted(void *data, const char *name, bool folder)
{
	static const char *const folders[] = {"test",	       "tests",		"idle_test",
					      "site-packages", "dist-packages", NULL};
	static const char *const modules[] = {"_ctypes_test.", "_test",	"_xxtestfuzz.", "xxlimited",
					      NULL};

	(void)data;
	if (is_left_over(name, folder))
		return false;
	if (folder)
		return !text_is_one_of(name, folders) && strncmp(name, "config-", 7) != 0;
	for (const char *const *m = modules; *m; m++)
		if (strncmp(name, *m, strlen(*m)) == 0 && ends_with(name, ".so"))
			return false;
	return true;
}

static bool module_wanted(void *data, const char *name, bool folder)
{
	(void)data;
	return !is_left_over(name, folder);
}

/* Only /usr is covered by the package's files: a prefix elsewhere moves there. Python finds
 * its library from where its program is. */
static int place(struct packing *p, const char *path, char ret[PATH_MAX])
{
	int n = snprintf(ret, PATH_MAX, "%s%s", p->target, path + strlen(p->facts.prefix));

	return n < PATH_MAX ? 0 : error_set(p->err, -ENAMETOOLONG, "%s", path);
}

static int find_places(struct packing *p)
{
	int r;

	snprintf(p->target, sizeof(p->target), "%s",
		 path_is_under(p->facts.prefix, "/usr") ? p->facts.prefix : "/usr");
	snprintf(p->name, sizeof(p->name), "python%u.%u", p->facts.major, p->facts.minor);
	r = place(p, p->facts.stdlib, p->stdlib);
	if (r == 0)
		r = place(p, p->facts.site, p->site);
	if (r == 0 && snprintf(p->program, sizeof(p->program), "%s/bin/%s", p->target, p->name) >=
			      (int)sizeof(p->program))
		r = error_set(p->err, -ENAMETOOLONG, "%s", p->target);
	return r;
}

static int add_program(struct packing *p)
{
	char link[PATH_MAX];
	int r = stage_add_file(p->stage, p->facts.program, p->program, STAGE_NEEDED, p->err);

	if (r < 0)
		return r;
	/* A script is a wrapper of some other Python. */
	if (p->stage->n_programs == 0)
		return error_say(p->err, -ENOEXEC, "--from %s: %s is no program", p->options->prefix,
				 p->facts.program);
	if (snprintf(link, sizeof(link), "%s/bin/python3", p->target) >= (int)sizeof(link))
		return error_set(p->err, -ENAMETOOLONG, "%s", p->target);
	return stage_add_link(p->stage, link, p->name, p->err);
}

/* Does the interpreter look for its library beside itself? */
static bool looks_beside(const struct packing *p)
{
	cleanup(elf_facts_done) struct elf_facts facts = {0};
	cleanup_close int fd = open(p->facts.program, O_RDONLY | O_CLOEXEC);
	const char *path;

	if (fd < 0 || elf_read(fd, &facts) < 0)
		return false;
	path = facts.runpath ? facts.runpath : facts.rpath;
	for (size_t i = 0; i < facts.n_needed; i++)
		if (strchr(facts.needed[i], '/'))
			return true;
	return path && strstr(path, "ORIGIN");
}

/* A Python that names its own library by its place finds it there. */
static int add_own_library(struct packing *p)
{
	char pattern[PATH_MAX], target[PATH_MAX];
	glob_t found;
	int r = 0;

	if (!looks_beside(p) ||
	    snprintf(pattern, sizeof(pattern), "%s/lib/lib%s.so.*", p->facts.prefix, p->name) >=
		    (int)sizeof(pattern) ||
	    path_is_under(p->facts.prefix, "/usr") || glob(pattern, 0, NULL, &found) != 0)
		return 0;
	for (size_t i = 0; r == 0 && i < found.gl_pathc; i++) {
		r = place(p, found.gl_pathv[i], target);
		if (r == 0)
			r = stage_add_file(p->stage, found.gl_pathv[i], target, STAGE_NEEDED, p->err);
	}
	globfree(&found);
	return r;
}

/* Tcl's scripts are where its library was told to look: beside it, or in /usr/share. */
static int add_scripts_of_tk(struct packing *p)
{
	char own[2][PATH_MAX];
	const char *const patterns[] = {own[0], own[1], "/usr/share/tcltk/t[ck]l[0-9]*",
					"/usr/share/tcltk/tk[0-9]*"};
	int r = 0;

	snprintf(own[0], sizeof(own[0]), "%.*s/lib/tcl[0-9]*", PATH_MAX - 32, p->facts.prefix);
	snprintf(own[1], sizeof(own[1]), "%.*s/lib/tk[0-9]*", PATH_MAX - 32, p->facts.prefix);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(patterns); i++) {
		glob_t found;

		if (glob(patterns[i], GLOB_ONLYDIR, NULL, &found) != 0)
			continue;
		for (size_t j = 0; r == 0 && j < found.gl_pathc; j++) {
			const char *source = found.gl_pathv[j];
			char target[PATH_MAX];

			snprintf(target, sizeof(target), "%.*s", PATH_MAX - 1, source);
			if (path_is_under(source, p->facts.prefix))
				r = place(p, source, target);
			if (r == 0 && !stage_has(p->stage, target))
				r = stage_add_tree(p->stage, source, target, STAGE_OR_KEEP,
						   module_wanted, NULL, p->err);
		}
		globfree(&found);
	}
	return r;
}

/* Debian's ensurepip takes its wheels from here. */
static int add_bundled_wheels(struct packing *p)
{
	static const char folder[] = "/usr/share/python-wheels";
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/ensurepip", p->stdlib) >= (int)sizeof(path) ||
	    !stage_has(p->stage, path) || strcmp(p->facts.prefix, "/usr") != 0 ||
	    access(folder, F_OK) < 0)
		return 0;
	return stage_add_tree(p->stage, folder, folder, STAGE_NEEDED, NULL, NULL, p->err);
}

/* The same zones again in other forms. */
static bool zone_wanted(void *data, const char *name, bool folder)
{
	(void)data;
	return !folder || (strcmp(name, "posix") != 0 && strcmp(name, "right") != 0);
}

static int add_zones(struct packing *p)
{
	const char *zones = p->facts.zones;

	if (!path_is_under(zones, "/usr"))
		return 0;
	return stage_add_tree(p->stage, zones, zones, STAGE_NEEDED, zone_wanted, NULL, p->err);
}

static int add_stdlib(struct packing *p)
{
	int r = stage_add_tree(p->stage, p->facts.stdlib, p->stdlib, STAGE_OR_DROP, stdlib_wanted,
			       NULL, p->err);

	if (r == 0)
		r = add_own_library(p);
	if (r == 0)
		r = add_bundled_wheels(p);
	return r < 0 ? r : add_zones(p);
}

static int add_module(struct packing *p, const char *given)
{
	char source[PATH_MAX], target[PATH_MAX], shown[512];
	struct stat st;

	if (!realpath(given, source) || stat(source, &st) < 0)
		return error_set(p->err, -errno, "--module %s",
				 text_show(given, shown, sizeof(shown)));
	if (path_join(p->site, path_base(source), target, sizeof(target)) < 0)
		return error_set(p->err, -ENAMETOOLONG, "--module %s", source);
	return S_ISDIR(st.st_mode) ? stage_add_tree(p->stage, source, target, STAGE_OR_KEEP,
						    module_wanted, NULL, p->err)
				   : stage_add_file(p->stage, source, target, STAGE_OR_KEEP, p->err);
}

static int add_modules(struct packing *p)
{
	const struct pack_python_options *o = p->options;
	int r = 0;

	if (o->site_packages && access(p->facts.site, F_OK) == 0)
		r = stage_add_tree(p->stage, p->facts.site, p->site, STAGE_OR_KEEP, module_wanted,
				   NULL, p->err);
	for (size_t i = 0; r == 0 && i < o->wheels.n; i++)
		r = wheel_add(p->stage, o->wheels.texts[i], &p->facts, p->site, p->err);
	for (size_t i = 0; r == 0 && i < o->modules.n; i++)
		r = add_module(p, o->modules.texts[i]);
	return r;
}

static int tell_compiling(void *data)
{
	return stage_tell(data, STAGE_COMPILING);
}

static int compile(struct packing *p, const char *folder)
{
	char path[PATH_MAX];

	if (!stage_has(p->stage, folder))
		return 0;
	if (snprintf(path, sizeof(path), "%s/VFS%s", p->stage->path, folder) >= (int)sizeof(path))
		return error_set(p->err, -ENAMETOOLONG, "%s", folder);
	return python_compile(&p->facts, path, folder, tell_compiling, p->stage, p->err);
}

static int describe(struct packing *p, struct manifest *ret)
{
	struct manifest_application *app;
	char name[32], version[48], display[48];
	int r;

	snprintf(name, sizeof(name), "Python.%u.%u", p->facts.major, p->facts.minor);
	snprintf(version, sizeof(version), "%u.%u.%u.0", p->facts.major, p->facts.minor,
		 p->facts.micro);
	snprintf(display, sizeof(display), "Python %u.%u", p->facts.major, p->facts.minor);
	r = pack_describe(p->stage, &p->options->common, name, version, display, ret, p->err);
	if (r < 0)
		return r;
	app = pack_add_application(ret, "Python", p->program, display);
	if (!app || manifest_list_add(&app->aliases, p->name) < 0 ||
	    manifest_list_add(&app->file_types, ".py") < 0)
		return error_set(p->err, -ENOMEM, "pack-python");
	return 0;
}

static int finish(struct packing *p, struct manifest *ret)
{
	/* What wheels made for many systems ask for. */
	static const char *const companions[] = {"libstdc++.so.6", "libz.so.1", NULL};
	int r = stage_add_libraries(p->stage, companions, p->err);

	if (r == 0 && needs_has(&p->stage->needs, "libtcl"))
		r = add_scripts_of_tk(p);
	if (r == 0)
		r = describe(p, ret);
	if (r == 0)
		r = pack_add_data(p->stage, p->facts.ca_file, ret, p->err);
	if (r == 0)
		r = compile(p, p->stdlib);
	if (r == 0 && !path_is_under(p->site, p->stdlib))
		r = compile(p, p->site);
	return r < 0 ? r : stage_add_manifest(p->stage, ret, p->err);
}

int pack_python(struct stage *stage, const struct pack_python_options *options,
		struct manifest *ret, struct appsilo_error *err)
{
	struct packing p = {.stage = stage, .options = options, .err = err};
	int r = python_ask(options->prefix, &p.facts, err);

	*ret = (struct manifest){0};
	if (r == 0)
		r = find_places(&p);
	if (r == 0)
		r = add_program(&p);
	if (r == 0)
		r = add_stdlib(&p);
	if (r == 0)
		r = add_modules(&p);
	return r < 0 ? r : finish(&p, ret);
}
