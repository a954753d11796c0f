/* SPDX-License-Identifier: Apache-2.0 */
#include "package/pack_command.h"

#include "base/path.h"
#include "base/text.h"
#include <ctype.h>
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* As many scripts as the kernel lets run each other. */
#define SCRIPTS_MAX 4
#define FIRST_LINE_SIZE 256

struct packing {
	struct stage *stage;
	const struct pack_command_options *options;
	char program[PATH_MAX]; /* as seen inside */
	struct appsilo_error *err;
};

static int search(const char *list, const char *name, size_t n, char ret[PATH_MAX])
{
	while (*list) {
		size_t length = strcspn(list, ":");

		if (*list == '/' && snprintf(ret, PATH_MAX, "%.*s/%.*s", (int)length, list, (int)n,
					     name) < PATH_MAX &&
		    access(ret, X_OK) == 0)
			return 0;
		list += length;
		list += *list == ':';
	}
	return -ENOENT;
}

int pack_interpreter(const char *text, const char *path, char ret[PATH_MAX])
{
	const char *word = text + 2;
	size_t n, line;

	if (strncmp(text, "#!", 2) != 0)
		return 1;
	line = strcspn(text, "\n");
	if (!text[line] && line >= FIRST_LINE_SIZE - 1)
		return -ENOENT;
	word += strspn(word, " \t");
	n = strcspn(word, " \t\n");
	if (n == 0 || *word != '/' || n >= PATH_MAX)
		return -ENOENT;
	if (strncmp(word, "/usr/bin/env", n) != 0 || n != strlen("/usr/bin/env")) {
		snprintf(ret, PATH_MAX, "%.*s", (int)n, word);
		return 0;
	}
	word += n + strspn(word + n, " \t");
	if (strncmp(word, "-S", 2) == 0)
		word += 2 + strspn(word + 2, " \t");
	n = strcspn(word, " \t\n");
	if (n == 0 || *word == '-' || memchr(word, '/', n))
		return -ENOENT;
	return search(path, word, n, ret);
}

int pack_relative(const char *from, const char *to, char ret[PATH_MAX])
{
	size_t common = 0, used = 0;

	for (size_t i = 0; from[i] && from[i] == to[i]; i++)
		if (from[i] == '/')
			common = i + 1;
	for (const char *p = from + common; (p = strchr(p, '/')); p++) {
		if (used + 3 >= PATH_MAX)
			return -ENAMETOOLONG;
		used += (size_t)sprintf(ret + used, "../");
	}
	return snprintf(ret + used, PATH_MAX - used, "%s", to + common) < (int)(PATH_MAX - used)
		       ? 0
		       : -ENAMETOOLONG;
}

/* Links in the folders are resolved (/bin is /usr/bin), the last one is kept: a program may
 * look at the name it was started by. */
static int tidy(const struct packing *p, const char *path, char ret[PATH_MAX])
{
	char folder[PATH_MAX], real[PATH_MAX];

	if (strlen(path) >= sizeof(folder))
		return error_set(p->err, -ENAMETOOLONG, "%s", path);
	snprintf(folder, sizeof(folder), "%.*s", (int)path_parent_length(path, strlen(path)), path);
	if (!realpath(folder, real) || path_join(real, path_base(path), ret, PATH_MAX) < 0)
		return error_set(p->err, -errno, "%s", path);
	return 0;
}

/* Only /usr is covered by a package: what lies elsewhere moves to /usr/bin. */
static int place(const char *path, char ret[PATH_MAX])
{
	if (path_is_under(path, "/usr"))
		return snprintf(ret, PATH_MAX, "%s", path) < PATH_MAX ? 0 : -ENAMETOOLONG;
	return path_join("/usr/bin", path_base(path), ret, PATH_MAX);
}

static int read_start(const struct packing *p, const char *path, char ret[FIRST_LINE_SIZE])
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(p->err, -errno, "pack-command: %s", path);
	n = S_ISREG(st.st_mode) ? pread(fd, ret, FIRST_LINE_SIZE - 1, 0) : 0;
	if (n < 0)
		return error_set(p->err, -errno, "pack-command: %s", path);
	ret[n] = '\0';
	if (n > 0 && st.st_mode & S_IXUSR)
		return 0;
	return error_say(p->err, -ENOEXEC, "pack-command: %s is not a program: not an executable file",
			 path);
}

static int add_one(struct packing *p, const char *path, char ret_inside[PATH_MAX],
		   char ret_start[FIRST_LINE_SIZE])
{
	char named[PATH_MAX], real[PATH_MAX], inside[PATH_MAX], link[PATH_MAX], text[PATH_MAX];
	int r = tidy(p, path, named);

	if (r < 0)
		return r;
	if (!realpath(path, real) || place(real, inside) < 0 || place(named, link) < 0)
		return error_set(p->err, -errno, "pack-command: %s", path);
	r = read_start(p, real, ret_start);
	if (r == 0 && !stage_has(p->stage, inside))
		r = stage_add_file(p->stage, real, inside, STAGE_NEEDED, p->err);
	if (r == 0 && strcmp(inside, link) != 0 && !stage_has(p->stage, link)) {
		r = pack_relative(link, inside, text);
		r = r < 0 ? error_set(p->err, r, "%s", link)
			  : stage_add_link(p->stage, link, text, p->err);
	}
	if (r == 0 && strncmp(ret_start, "#!", 2) != 0 && memcmp(ret_start, ELFMAG, SELFMAG) != 0)
		r = error_say(p->err, -ENOEXEC,
			      "pack-command: %s is neither a program nor a script with #!", path);
	strcpy(ret_inside, link);
	return r;
}

/* The program, then a script's interpreter, then that one's. */
static int add_program(struct packing *p)
{
	char path[PATH_MAX], start[FIRST_LINE_SIZE], inside[PATH_MAX];

	snprintf(path, sizeof(path), "%s", p->options->program);
	for (int i = 0; i <= SCRIPTS_MAX; i++) {
		char interpreter[PATH_MAX];
		int r = add_one(p, path, inside, start);

		if (r == 0 && i == 0)
			strcpy(p->program, inside);
		if (r == 0)
			r = pack_interpreter(start, p->options->path, interpreter);
		if (r == 1)
			return 0;
		if (r == -ENOENT && !p->err->line[0])
			return error_say(p->err, r, "%s: the interpreter that its first line names is "
						    "not found", path);
		if (r < 0)
			return r;
		if (strncmp(path_base(interpreter), "python", 6) == 0)
			return error_say(p->err, -EINVAL, "%s is a Python script: use appsilo "
							  "pack-python with --module or --wheel", path);
		strcpy(path, interpreter);
	}
	return error_say(p->err, -ELOOP, "%s: scripts run by scripts, too deep", p->options->program);
}

static int add_extra(struct packing *p, const char *given)
{
	char path[PATH_MAX], shown[512];
	struct stat st;

	text_show(given, shown, sizeof(shown));
	if (!realpath(given, path) || stat(path, &st) < 0)
		return error_set(p->err, -errno, "--add %s", shown);
	if (!path_is_under(path, "/usr") || strcmp(path, "/usr") == 0)
		return error_say(p->err, -EINVAL, "--add %s: a package covers only /usr", shown);
	return S_ISDIR(st.st_mode)
		       ? stage_add_tree(p->stage, path, path, STAGE_OR_KEEP, NULL, NULL, p->err)
		       : stage_add_file(p->stage, path, path, STAGE_OR_KEEP, p->err);
}

/* "Command.node"; other characters than names have become "-". */
static void default_name(const char *program, char ret[PACKAGE_NAME_MAX + 1])
{
	int n = snprintf(ret, PACKAGE_NAME_MAX + 1, "Command.%s", path_base(program));

	n = n > PACKAGE_NAME_MAX ? PACKAGE_NAME_MAX : n;
	for (int i = 0; i < n; i++)
		if (!isalnum((unsigned char)ret[i]) && (ret[i] != '.' || ret[i + 1] == '.'))
			ret[i] = '-';
	while (n > 0 && ret[n - 1] == '.')
		ret[--n] = '\0';
}

static int describe(struct packing *p, struct manifest *ret)
{
	const char *base = path_base(p->program);
	struct manifest_application *app;
	char name[PACKAGE_NAME_MAX + 1], id[65] = "App";
	size_t n = 0;
	int r;

	default_name(p->program, name);
	for (const char *c = base; *c && n < sizeof(id) - 1; c++)
		if (isalnum((unsigned char)*c)) {
			id[n++] = *c;
			id[n] = '\0';
		}
	r = pack_describe(p->stage, &p->options->common, name, "1.0.0.0", base, ret, p->err);
	if (r < 0)
		return r;
	app = pack_add_application(ret, id, p->program, base);
	if (!app || manifest_list_add(&app->aliases, base) < 0)
		return error_set(p->err, -ENOMEM, "pack-command");
	return 0;
}

int pack_command(struct stage *stage, const struct pack_command_options *options,
		 struct manifest *ret, struct appsilo_error *err)
{
	static const char *const companions[] = {NULL};
	struct packing p = {.stage = stage, .options = options, .err = err};
	const char *ca_file;
	int r = 0;

	*ret = (struct manifest){0};
	/* The program may be among them. */
	for (size_t i = 0; r == 0 && i < options->extra.n; i++)
		r = add_extra(&p, options->extra.texts[i]);
	if (r == 0)
		r = add_program(&p);
	if (r == 0)
		r = stage_add_libraries(stage, companions, err);
	if (r == 0)
		r = describe(&p, ret);
	/* Where the OpenSSL of Debian and its kin looks. */
	ca_file = needs_has(&stage->needs, "libssl.so") ? "/usr/lib/ssl/cert.pem" : NULL;
	if (r == 0)
		r = pack_add_data(stage, ca_file, ret, err);
	return r < 0 ? r : stage_add_manifest(stage, ret, err);
}
