/* SPDX-License-Identifier: Apache-2.0 */
/* From a manifest to its text, in the element order of the published schema. */
#include "manifest/read.h"

#include <ctype.h>
#include <libxml/xmlwriter.h>
#include <string.h>

/* The first failure stays, so that the lines below stay a list. */
struct writer {
	xmlTextWriter *xml;
	int result;
};

static void keep(struct writer *w, int n)
{
	if (n < 0 && w->result == 0)
		w->result = -ENOMEM;
}

static void open_element(struct writer *w, const char *name)
{
	keep(w, xmlTextWriterStartElement(w->xml, (const xmlChar *)name));
}

static void close_element(struct writer *w)
{
	keep(w, xmlTextWriterEndElement(w->xml));
}

static void attribute(struct writer *w, const char *name, const char *value)
{
	keep(w, xmlTextWriterWriteAttribute(w->xml, (const xmlChar *)name, (const xmlChar *)value));
}

static void text_element(struct writer *w, const char *name, const char *text)
{
	keep(w, xmlTextWriterWriteElement(w->xml, (const xmlChar *)name, (const xmlChar *)text));
}

static void empty_element(struct writer *w, const char *name, const char *key, const char *value)
{
	open_element(w, name);
	attribute(w, key, value);
	close_element(w);
}

static void write_identity(struct writer *w, const struct package_identity *id)
{
	const uint16_t *v = id->version.part;
	char version[24];

	snprintf(version, sizeof(version), "%u.%u.%u.%u", v[0], v[1], v[2], v[3]);
	open_element(w, "Identity");
	attribute(w, "Name", id->name);
	attribute(w, "Publisher", id->publisher);
	attribute(w, "Version", version);
	attribute(w, "ProcessorArchitecture", id->architecture);
	if (id->resource_id[0])
		attribute(w, "ResourceId", id->resource_id);
	close_element(w);
}

static void write_properties(struct writer *w, const struct manifest *m)
{
	open_element(w, "Properties");
	if (m->display_name)
		text_element(w, "DisplayName", m->display_name);
	if (m->publisher_display_name)
		text_element(w, "PublisherDisplayName", m->publisher_display_name);
	if (m->logo)
		text_element(w, "Logo", m->logo);
	close_element(w);
}

/* The same for every package: what appsilo starts is no Windows program, but the published
 * schema wants both. */
static void write_surroundings(struct writer *w)
{
	open_element(w, "Resources");
	empty_element(w, "Resource", "Language", "en-us");
	close_element(w);
	open_element(w, "Dependencies");
	open_element(w, "TargetDeviceFamily");
	attribute(w, "Name", "Windows.Desktop");
	attribute(w, "MinVersion", "10.0.26100.0");
	attribute(w, "MaxVersionTested", "10.0.26100.0");
	close_element(w);
	close_element(w);
}

/* Capabilities of the foundation stand before restricted ones; else the order is kept. */
static void write_capabilities(struct writer *w, const struct manifest_list *list)
{
	if (list->n == 0)
		return;
	open_element(w, "Capabilities");
	for (int restricted = 0; restricted < 2; restricted++)
		for (size_t i = 0; i < list->n; i++)
			if (capability_is_restricted(list->texts[i]) == restricted)
				empty_element(w, restricted ? "rescap:Capability" : "Capability",
					      "Name", list->texts[i]);
	close_element(w);
}

static void write_aliases(struct writer *w, const struct manifest_list *aliases)
{
	if (aliases->n == 0)
		return;
	open_element(w, "uap5:Extension");
	attribute(w, "Category", "windows.appExecutionAlias");
	open_element(w, "uap5:AppExecutionAlias");
	for (size_t i = 0; i < aliases->n; i++) {
		char name[128];

		/* The published schema wants the ending; manifest_parse() takes it off. */
		if (snprintf(name, sizeof(name), "%s.exe", aliases->texts[i]) >= (int)sizeof(name))
			w->result = -EINVAL;
		empty_element(w, "uap5:ExecutionAlias", "Alias", name);
	}
	close_element(w);
	close_element(w);
}

static void write_file_types(struct writer *w, const struct manifest_application *app)
{
	char name[65];
	size_t n = 0;

	if (app->file_types.n == 0)
		return;
	/* The association's name: lower-case letters and digits. */
	for (const char *p = app->id ? app->id : ""; *p && n < sizeof(name) - 1; p++)
		if (isalnum((unsigned char)*p))
			name[n++] = (char)tolower((unsigned char)*p);
	name[n] = '\0';
	open_element(w, "uap:Extension");
	attribute(w, "Category", "windows.fileTypeAssociation");
	open_element(w, "uap:FileTypeAssociation");
	attribute(w, "Name", name);
	open_element(w, "uap:SupportedFileTypes");
	for (size_t i = 0; i < app->file_types.n; i++)
		text_element(w, "uap:FileType", app->file_types.texts[i]);
	close_element(w);
	close_element(w);
	close_element(w);
}

static void write_visual(struct writer *w, const struct manifest *m,
			 const struct manifest_application *app)
{
	const char *logo = m->logo ? m->logo : "";

	if (!app->display_name)
		return;
	open_element(w, "uap:VisualElements");
	attribute(w, "DisplayName", app->display_name);
	attribute(w, "Description", app->display_name);
	attribute(w, "BackgroundColor", "transparent");
	attribute(w, "Square150x150Logo", logo);
	attribute(w, "Square44x44Logo", logo);
	close_element(w);
}

static void write_application(struct writer *w, const struct manifest *m,
			      const struct manifest_application *app)
{
	char *executable = app->executable ? strdup(app->executable) : NULL;

	if (!executable) {
		w->result = -ENOMEM;
		return;
	}
	for (char *p = executable; (p = strchr(p, '/')); p++)
		*p = '\\';
	open_element(w, "Application");
	attribute(w, "Id", app->id ? app->id : "");
	attribute(w, "Executable", executable);
	attribute(w, "uap10:TrustLevel", "appContainer");
	attribute(w, "previewsecurity2:RuntimeBehavior", "appSilo");
	free(executable);
	write_visual(w, m, app);
	if (app->aliases.n || app->file_types.n) {
		open_element(w, "Extensions");
		write_aliases(w, &app->aliases);
		write_file_types(w, app);
		close_element(w);
	}
	close_element(w);
}

static void write_pairs(struct writer *w, const char *name, const struct manifest_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		char *key = strdup(list->texts[i]);
		char *mark = key ? strchr(key, '=') : NULL;

		if (!mark) {
			w->result = key ? -EINVAL : -ENOMEM;
		} else {
			*mark = '\0';
			open_element(w, name);
			attribute(w, "Name", key);
			attribute(w, "Value", mark + 1);
			close_element(w);
		}
		free(key);
	}
}

static void write_settings(struct writer *w, const struct manifest *m)
{
	if (!m->hosts.n && !m->environment.n && !m->limits.n && !m->system_paths.n)
		return;
	open_element(w, "appsilo:Settings");
	for (size_t i = 0; i < m->hosts.n; i++)
		empty_element(w, "appsilo:AllowHost", "Host", m->hosts.texts[i]);
	write_pairs(w, "appsilo:Environment", &m->environment);
	write_pairs(w, "appsilo:Limit", &m->limits);
	for (size_t i = 0; i < m->system_paths.n; i++)
		empty_element(w, "appsilo:SystemPath", "Path", m->system_paths.texts[i]);
	close_element(w);
}

static void write_package(struct writer *w, const struct manifest *m)
{
	static const char *const spaces[][2] = {
		{"xmlns", NS_FOUNDATION},	{"xmlns:uap", NS_UAP},
		{"xmlns:uap5", NS_UAP5},	{"xmlns:uap10", NS_UAP10},
		{"xmlns:rescap", NS_RESTRICTED}, {"xmlns:previewsecurity2", NS_SECURITY2},
		{"xmlns:appsilo", MANIFEST_NAMESPACE},
		{"IgnorableNamespaces", "uap uap5 uap10 rescap previewsecurity2 appsilo"},
	};

	open_element(w, "Package");
	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++)
		attribute(w, spaces[i][0], spaces[i][1]);
	write_identity(w, &m->identity);
	write_properties(w, m);
	write_surroundings(w);
	write_capabilities(w, &m->capabilities);
	open_element(w, "Applications");
	for (size_t i = 0; i < m->n_applications; i++)
		write_application(w, m, &m->applications[i]);
	close_element(w);
	write_settings(w, m);
	close_element(w);
}

static void free_buffer(xmlBuffer **buffer)
{
	if (*buffer)
		xmlBufferFree(*buffer);
}

/* Whoever packs learns now, not when installing, that the reader refuses it. */
static int check(const char *text, size_t size, struct appsilo_error *err)
{
	struct manifest back;
	int r = manifest_parse(text, size, MANIFEST_FILE, &back, err);

	manifest_done(&back);
	return r;
}

int manifest_write(const struct manifest *m, char **ret, size_t *ret_size,
		   struct appsilo_error *err)
{
	cleanup(free_buffer) xmlBuffer *buffer = xmlBufferCreate();
	struct writer w = {buffer ? xmlNewTextWriterMemory(buffer, 0) : NULL, 0};
	size_t size;
	char *text;

	if (!w.xml)
		return error_set(err, -ENOMEM, "manifest");
	keep(&w, xmlTextWriterSetIndent(w.xml, 1));
	keep(&w, xmlTextWriterSetIndentString(w.xml, (const xmlChar *)"  "));
	keep(&w, xmlTextWriterStartDocument(w.xml, "1.0", "utf-8", NULL));
	write_package(&w, m);
	keep(&w, xmlTextWriterEndDocument(w.xml));
	xmlFreeTextWriter(w.xml);
	if (w.result < 0)
		return error_set(err, w.result, "manifest of %s", m->identity.name);
	size = (size_t)xmlBufferLength(buffer);
	text = strndup((const char *)xmlBufferContent(buffer), size);
	if (!text)
		return error_set(err, -ENOMEM, "manifest");
	w.result = check(text, size, err);
	if (w.result < 0) {
		free(text);
		return w.result;
	}
	*ret = text;
	*ret_size = size;
	return 0;
}
