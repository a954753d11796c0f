/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "manifest/edit.h"
#include <string.h>

#define FOUNDATION "xmlns=\"http://schemas.microsoft.com/appx/manifest/foundation/windows10\""
#define HEAD                                                                                       \
	"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Package " FOUNDATION                         \
	" xmlns:uap10=\"http://schemas.microsoft.com/appx/manifest/uap/windows10/10\""             \
	" xmlns:p=\"http://schemas.microsoft.com/appx/manifest/preview/windows10/security/2\""     \
	" IgnorableNamespaces=\"uap10 p\">\n"                                                      \
	"  <!-- mine -->\n"                                                                        \
	"  <Identity Name=\"Contoso.Tool\" Publisher=\"CN=Contoso\" Version=\"1.0.0.0\" "          \
	"ProcessorArchitecture=\"x64\"/>\n"                                                        \
	"  <Properties><DisplayName>A</DisplayName><PublisherDisplayName>B</PublisherDisplayName>" \
	"<Logo>l.png</Logo></Properties>\n"
#define TAIL                                                                                       \
	"  <Applications><Application Id=\"App\" Executable=\"bin/tool\" "                         \
	"uap10:TrustLevel=\"appContainer\" p:RuntimeBehavior=\"appSilo\"/></Applications>\n"        \
	"</Package>\n"

static char *edited(const char *text, const struct manifest_additions *add)
{
	struct appsilo_error err = {0};
	char *ret = NULL;
	size_t size;

	if (manifest_edit(text, strlen(text), "m.xml", add, &ret, &size, &err) < 0)
		fail_msg("%s", err.line);
	assert_int_equal(strlen(ret), size);
	return ret;
}

static const char *const names[] = {"isolatedWin32-userProfileMinimal", "internetClient"};
static const char *const hosts[] = {"a.example:443"};
static const char *const paths[] = {"/opt/tool"};
static const struct manifest_additions all = {names, 2, hosts, 1, paths, 1, true};

static void what_is_missing_is_added_and_the_rest_stays(void **state)
{
	cleanup_free char *text = edited(HEAD TAIL, &all);
	cleanup_free char *again = edited(text, &all);

	(void)state;
	assert_non_null(strstr(text, "<!-- mine -->"));
	assert_non_null(strstr(text, "  <Capabilities>\n    <Capability Name=\"internetClient\"/>\n"));
	assert_non_null(strstr(text, "-->\n    <rescap:Capability Name=\"isolatedWin32-userProfileMinimal\"/>\n"));
	assert_non_null(strstr(text, "<!--<rescap:Capability Name=\"isolatedWin32-promptForAccess\"/>-->"));
	assert_non_null(strstr(text, "\n  </Capabilities>\n  <appsilo:Settings>\n"));
	assert_non_null(strstr(text, "<appsilo:AllowHost Host=\"a.example:443\"/>"));
	assert_non_null(strstr(text, "<appsilo:SystemPath Path=\"/opt/tool\"/>"));
	assert_non_null(strstr(text, "IgnorableNamespaces=\"uap10 p rescap appsilo\""));
	assert_string_equal(text, again);
}

static void what_is_declared_is_not_declared_twice(void **state)
{
	static const char *const given[] = {"internetClient"};
	static const struct manifest_additions add = {.capabilities = given, .n_capabilities = 1};
	static const char before[] =
		HEAD "  <Capabilities>\n    <Capability Name=\"internetClient\"/>\n  </Capabilities>\n" TAIL;
	cleanup_free char *text = edited(before, &add);

	(void)state;
	assert_string_equal(text, before);
}

static void a_bad_manifest_or_addition_is_an_error(void **state)
{
	static const char *const unknown[] = {"internetClients"};
	static const struct manifest_additions add = {.capabilities = unknown, .n_capabilities = 1};
	struct appsilo_error err = {0};
	char *ret = NULL;
	size_t size;

	(void)state;
	assert_int_equal(manifest_edit("<x/>", 4, "m.xml", &all, &ret, &size, &err), -EINVAL);
	assert_int_equal(manifest_edit(HEAD TAIL, strlen(HEAD TAIL), "m.xml", &add, &ret, &size, &err), -EINVAL);
	assert_non_null(strstr(err.line, "unknown capability"));
	assert_null(ret);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_missing_is_added_and_the_rest_stays),
		cmocka_unit_test(what_is_declared_is_not_declared_twice),
		cmocka_unit_test(a_bad_manifest_or_addition_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
