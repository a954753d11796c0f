/* SPDX-License-Identifier: Apache-2.0 */
/* What both packing commands add: data of libraries, identity, applications. */
#include "package/pack_python.h"

#include "base/path.h"
#include <string.h>
#include <sys/stat.h>

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* The bundle where this OpenSSL looks for it, if it looks below /usr: the system's own
 * /etc/ssl, with what its administrator trusts, is not covered. Else a variable says where. */
static int add_certificates(struct stage *stage, const char *ca_file, struct manifest *manifest,
			    struct appsilo_error *err)
{
	static const char *const bundles[] = {"/etc/ssl/certs/ca-certificates.crt",
					      "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};
	const char *source = is_file(ca_file) ? ca_file : NULL;
	const char *target = STAGE_LIBRARIES "/cert.pem";

	for (size_t i = 0; !source && i < ARRAY_SIZE(bundles); i++)
		source = is_file(bundles[i]) ? bundles[i] : NULL;
	if (!source)
		return 0;
	if (path_is_under(ca_file, "/usr"))
		target = ca_file;
	else if (manifest_list_add(&manifest->environment,
				   "SSL_CERT_FILE=" STAGE_LIBRARIES "/cert.pem") < 0)
		return error_set(err, -ENOMEM, "pack");
	return stage_add_file(stage, source, target, STAGE_NEEDED, err);
}

/* Names that differ only in case cannot be in one package: the lower-case ones are the terminals
 * in use. */
static bool terminal_wanted(void *data, const char *name, bool folder)
{
	(void)data;
	return !folder || name[0] < 'A' || name[0] > 'Z';
}

static int add_terminals(struct stage *stage, struct appsilo_error *err)
{
	static const char *const places[] = {"/usr/lib/terminfo", "/usr/share/terminfo"};

	if (!needs_has(&stage->needs, "libtinfo") && !needs_has(&stage->needs, "libncurses"))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		char xterm[64];

		snprintf(xterm, sizeof(xterm), "%s/x/xterm", places[i]);
		if (is_file(xterm))
			return stage_add_tree(stage, places[i], places[i], STAGE_NEEDED,
					      terminal_wanted, NULL, err);
	}
	return 0;
}

/* Old ciphers and digests are a module that libcrypto loads from a folder beside it. */
static int add_crypto_modules(struct stage *stage, struct appsilo_error *err)
{
	for (size_t i = 0; i < stage->needs.n_libraries; i++) {
		const struct needs_library *l = &stage->needs.libraries[i];
		char folder[PATH_MAX];

		if (strncmp(l->name, "libcrypto.so", 12) != 0 || !path_is_under(l->path, "/usr"))
			continue;
		if (snprintf(folder, sizeof(folder), "%.*s/ossl-modules",
			     (int)path_parent_length(l->path, strlen(l->path)), l->path) <
			    (int)sizeof(folder) &&
		    is_folder(folder))
			return stage_add_tree(stage, folder, folder, STAGE_OR_KEEP, NULL, NULL, err);
	}
	return 0;
}

int pack_add_data(struct stage *stage, const char *ca_file, struct manifest *manifest,
		  struct appsilo_error *err)
{
	int r = ca_file && *ca_file ? add_certificates(stage, ca_file, manifest, err) : 0;

	if (r == 0)
		r = add_terminals(stage, err);
	return r < 0 ? r : add_crypto_modules(stage, err);
}

static int copy_field(char *field, size_t size, const char *option, const char *value,
		      struct appsilo_error *err)
{
	return snprintf(field, size, "%s", value) < (int)size
		       ? 0
		       : error_say(err, -EINVAL, "%s: longer than %zu bytes", option, size - 1);
}

static int fill_identity(const struct stage *stage, const struct pack_options *options,
			 const char *name, const char *version, struct package_identity *id,
			 struct appsilo_error *err)
{
	const char *publisher = options->publisher ? options->publisher : PACK_PUBLISHER;
	int r;

	name = options->name ? options->name : name;
	version = options->version ? options->version : version;
	r = copy_field(id->name, sizeof(id->name), "--name", name, err);
	if (r == 0)
		r = copy_field(id->publisher, sizeof(id->publisher), "--publisher", publisher, err);
	if (r < 0)
		return r;
	if (!package_name_is_valid(id->name))
		return error_say(err, -EINVAL, "--name: 3 to 50 letters, digits, \".\" and \"-\"");
	if (!strchr(publisher, '='))
		return error_say(err, -EINVAL, "--publisher: the subject of the signing certificate, "
					       "such as CN=Contoso");
	if (package_version_parse(version, &id->version) < 0)
		return error_say(err, -EINVAL, "--version: four numbers up to 65535, such as 1.2.3.0");
	strcpy(id->architecture, stage_architecture(stage));
	return package_identity_complete(id) < 0
		       ? error_say(err, -EINVAL, "--publisher: not valid UTF-8")
		       : 0;
}

static int add_capabilities(const struct pack_options *options, struct manifest *ret,
			    struct appsilo_error *err)
{
	if (options->prompt && manifest_list_add(&ret->capabilities, CAPABILITY_PROMPT) < 0)
		return error_set(err, -ENOMEM, "pack");
	for (size_t i = 0; i < options->capabilities.n; i++) {
		const char *name = options->capabilities.texts[i];

		if (!manifest_has_capability(ret, name) &&
		    manifest_list_add(&ret->capabilities, name) < 0)
			return error_set(err, -ENOMEM, "pack");
	}
	return 0;
}

int pack_describe(const struct stage *stage, const struct pack_options *options, const char *name,
		  const char *version, const char *display_name, struct manifest *ret,
		  struct appsilo_error *err)
{
	const char *mark;
	int r = fill_identity(stage, options, name, version, &ret->identity, err);

	if (r < 0)
		return r;
	mark = strchr(ret->identity.publisher, '=') + 1;
	ret->display_name = strdup(display_name);
	ret->publisher_display_name = strndup(mark, strcspn(mark, ","));
	if (!ret->display_name || !ret->publisher_display_name)
		return error_set(err, -ENOMEM, "pack");
	return add_capabilities(options, ret, err);
}

struct manifest_application *pack_add_application(struct manifest *m, const char *id,
						  const char *executable, const char *display_name)
{
	struct manifest_application *bigger, *app;

	bigger = reallocarray(m->applications, m->n_applications + 1, sizeof(*bigger));
	if (!bigger)
		return NULL;
	m->applications = bigger;
	app = &bigger[m->n_applications++];
	*app = (struct manifest_application){.id = strdup(id), .display_name = strdup(display_name)};
	if (asprintf(&app->executable, "VFS%s", executable) < 0)
		app->executable = NULL;
	return app->id && app->display_name && app->executable ? app : NULL;
}
