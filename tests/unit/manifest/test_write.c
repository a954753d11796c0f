/* SPDX-License-Identifier: Apache-2.0 */
/* With a file name as argument: write the whole sample there, for the schema's test. */
#include "manifest/manifest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void fill_application(struct manifest_application *app, const char *id,
			     const char *executable)
{
	*app = (struct manifest_application){0};
	app->id = strdup(id);
	app->executable = strdup(executable);
}

/* Everything a manifest can say, with characters that XML has to escape. */
static void make_sample(struct manifest *m)
{
	struct package_identity *id = &m->identity;

	*m = (struct manifest){0};
	strcpy(id->name, "Contoso.Python");
	strcpy(id->publisher, "CN=Contoso & \"Sons\" <x>, O='A', C=DE");
	strcpy(id->architecture, "x64");
	strcpy(id->resource_id, "de.neutral");
	id->version = (struct package_version){{3, 11, 2, 65535}};
	assert_int_equal(package_identity_complete(id), 0);
	m->display_name = strdup("Python <3.11> & more \xc3\xa4");
	m->publisher_display_name = strdup("Contoso \"C\"");
	m->logo = strdup("Assets/logo.png");
	m->applications = calloc(2, sizeof(*m->applications));
	m->n_applications = 2;
	fill_application(&m->applications[0], "Python", "VFS/usr/bin/python3.11");
	m->applications[0].display_name = strdup("Python & Co");
	assert_int_equal(manifest_list_add(&m->applications[0].aliases, "python3.11"), 0);
	assert_int_equal(manifest_list_add(&m->applications[0].aliases, "py.exe"), 0);
	assert_int_equal(manifest_list_add(&m->applications[0].file_types, ".py"), 0);
	fill_application(&m->applications[1], "Tool", "bin/a&b tool");
	assert_int_equal(manifest_list_add(&m->capabilities, "internetClient"), 0);
	assert_int_equal(manifest_list_add(&m->capabilities, CAPABILITY_PROMPT), 0);
	assert_int_equal(manifest_list_add(&m->capabilities, CAPABILITY_VOLUME_ROOT), 0);
	assert_int_equal(manifest_list_add(&m->hosts, "*.example.org:443"), 0);
	assert_int_equal(manifest_list_add(&m->hosts, "10.0.0.0/8"), 0);
	assert_int_equal(manifest_list_add(&m->hosts, "[fd00::1]:80"), 0);
	assert_int_equal(manifest_list_add(&m->environment, "A=b=c<&\"'"), 0);
	assert_int_equal(manifest_list_add(&m->environment, "EMPTY="), 0);
	assert_int_equal(manifest_list_add(&m->limits, "memory=1GiB"), 0);
	assert_int_equal(manifest_list_add(&m->limits, "cpus=0.5"), 0);
	assert_int_equal(manifest_list_add(&m->limits, "wall-time=1.5h"), 0);
	assert_int_equal(manifest_list_add(&m->system_paths, "/opt/data set"), 0);
}

static void same_text(const char *a, const char *b)
{
	assert_string_equal(a ? a : "(none)", b ? b : "(none)");
}

static void same_list(const struct manifest_list *a, const struct manifest_list *b)
{
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++)
		assert_string_equal(a->texts[i], b->texts[i]);
}

static void same(const struct manifest *a, const struct manifest *b)
{
	assert_memory_equal(&a->identity.version, &b->identity.version, sizeof(a->identity.version));
	assert_string_equal(a->identity.name, b->identity.name);
	assert_string_equal(a->identity.publisher, b->identity.publisher);
	assert_string_equal(a->identity.architecture, b->identity.architecture);
	assert_string_equal(a->identity.resource_id, b->identity.resource_id);
	assert_string_equal(a->identity.full_name, b->identity.full_name);
	same_text(a->display_name, b->display_name);
	same_text(a->publisher_display_name, b->publisher_display_name);
	same_text(a->logo, b->logo);
	assert_int_equal(a->n_applications, b->n_applications);
	for (size_t i = 0; i < a->n_applications; i++) {
		same_text(a->applications[i].id, b->applications[i].id);
		same_text(a->applications[i].executable, b->applications[i].executable);
		same_text(a->applications[i].display_name, b->applications[i].display_name);
		same_list(&a->applications[i].aliases, &b->applications[i].aliases);
		same_list(&a->applications[i].file_types, &b->applications[i].file_types);
	}
	same_list(&a->capabilities, &b->capabilities);
	same_list(&a->hosts, &b->hosts);
	same_list(&a->environment, &b->environment);
	same_list(&a->limits, &b->limits);
	same_list(&a->system_paths, &b->system_paths);
}

static void what_is_written_is_read_back_equal(void **state)
{
	struct appsilo_error err = {0};
	struct manifest m, back;
	char *text, *again;
	size_t size, size_again;

	(void)state;
	make_sample(&m);
	if (manifest_write(&m, &text, &size, &err) < 0)
		fail_msg("%s", err.line);
	assert_int_equal(manifest_parse(text, size, "M.xml", &back, &err), 0);
	same(&m, &back);
	assert_int_equal(manifest_write(&back, &again, &size_again, &err), 0);
	assert_int_equal(size, size_again);
	assert_memory_equal(text, again, size);
	manifest_done(&back);
	manifest_done(&m);
	free(text);
	free(again);
}

static void least_is_written_too(void **state)
{
	struct appsilo_error err = {0};
	struct manifest m = {0}, back;
	char *text;
	size_t size;

	(void)state;
	strcpy(m.identity.name, "a.b");
	strcpy(m.identity.publisher, "CN=x");
	strcpy(m.identity.architecture, "neutral");
	assert_int_equal(package_identity_complete(&m.identity), 0);
	m.display_name = strdup("x");
	m.applications = calloc(1, sizeof(*m.applications));
	m.n_applications = 1;
	fill_application(&m.applications[0], "A", "run");
	if (manifest_write(&m, &text, &size, &err) < 0)
		fail_msg("%s", err.line);
	assert_int_equal(manifest_parse(text, size, "M.xml", &back, &err), 0);
	same(&m, &back);
	manifest_done(&back);
	manifest_done(&m);
	free(text);
}

static void what_the_reader_refuses_is_not_written(void **state)
{
	struct appsilo_error err = {0};
	struct manifest m;
	char *text = NULL;
	size_t size;

	(void)state;
	make_sample(&m);
	assert_int_equal(manifest_list_add(&m.capabilities, "flyToMoon"), 0);
	assert_int_equal(manifest_write(&m, &text, &size, &err), -EINVAL);
	assert_non_null(strstr(err.line, "flyToMoon"));
	m.capabilities.n--;
	free(m.capabilities.texts[m.capabilities.n]);
	m.display_name[0] = '\x1b';
	assert_true(manifest_write(&m, &text, &size, &err) < 0);
	assert_null(text);
	manifest_done(&m);
}

static int write_sample(const char *path)
{
	cleanup_fclose FILE *file = fopen(path, "w");
	struct appsilo_error err = {0};
	struct manifest m;
	char *text = NULL;
	size_t size;
	int r;

	make_sample(&m);
	r = manifest_write(&m, &text, &size, &err);
	if (r == 0 && (!file || fwrite(text, 1, size, file) != size))
		r = -EIO;
	manifest_done(&m);
	free(text);
	return r < 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_back_equal),
		cmocka_unit_test(least_is_written_too),
		cmocka_unit_test(what_the_reader_refuses_is_not_written),
	};

	if (argc > 1)
		return write_sample(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
