/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/manifest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HEAD                                                                                       \
	"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"                                             \
	"<Package xmlns=\"http://schemas.microsoft.com/appx/manifest/foundation/windows10\"\n"     \
	" xmlns:uap=\"http://schemas.microsoft.com/appx/manifest/uap/windows10\"\n"                \
	" xmlns:uap5=\"http://schemas.microsoft.com/appx/manifest/uap/windows10/5\"\n"             \
	" xmlns:uap10=\"http://schemas.microsoft.com/appx/manifest/uap/windows10/10\"\n"           \
	" xmlns:rescap=\"http://schemas.microsoft.com/appx/manifest/foundation/windows10/"         \
	"restrictedcapabilities\"\n"                                                               \
	" xmlns:p2=\"http://schemas.microsoft.com/appx/manifest/preview/windows10/security/2\"\n"  \
	" xmlns:appsilo=\"https://appsilo.org/manifest/1\">\n"
#define IDENTITY                                                                                   \
	"<Identity Name=\"Contoso.Python\" Publisher=\"CN=Contoso\" Version=\"3.11.2.0\" "         \
	"ProcessorArchitecture=\"x64\"/>\n"
#define PROPERTIES "<Properties><DisplayName>Python</DisplayName></Properties>\n"
#define APP                                                                                        \
	"<Applications><Application Id=\"Python\" Executable=\"VFS\\usr\\bin\\python3.11\" "       \
	"uap10:TrustLevel=\"appContainer\" p2:RuntimeBehavior=\"appSilo\"><Extensions>"            \
	"<uap5:Extension Category=\"windows.appExecutionAlias\"><uap5:AppExecutionAlias>"          \
	"<uap5:ExecutionAlias Alias=\"python3.11.exe\"/></uap5:AppExecutionAlias>"                 \
	"</uap5:Extension><uap:Extension><uap:FileTypeAssociation Name=\"py\">"                    \
	"<uap:SupportedFileTypes><uap:FileType>.py</uap:FileType></uap:SupportedFileTypes>"        \
	"</uap:FileTypeAssociation></uap:Extension></Extensions></Application></Applications>\n"
#define TAIL "</Package>\n"

static struct manifest m;
static struct appsilo_error err;

static int parse(const char *text)
{
	manifest_done(&m);
	err = (struct appsilo_error){0};
	return manifest_parse(text, strlen(text), "M.xml", &m, &err);
}

static void refused(const char *text, const char *why)
{
	assert_true(parse(text) < 0);
	if (!strstr(err.line, why))
		fail_msg("\"%s\" does not say \"%s\"", err.line, why);
}

static void publisher_ids_of_known_publishers(void **state)
{
	static const char *const known[][2] = {
		{"CN=Microsoft Corporation, O=Microsoft Corporation, L=Redmond, S=Washington, C=US",
		 "8wekyb3d8bbwe"},
		{"CN=Microsoft Windows, O=Microsoft Corporation, L=Redmond, S=Washington, C=US",
		 "cw5n1h2txyewy"},
		{"CN=453637B3-4E12-4CDF-B0D3-2A3C863BF6EF", "zpdnekdrzrea0"},
		{"CN=23596F84-C3EA-4CD8-A7DF-550DCE37BCD0", "79rhkp1fndgsc"},
	};
	char id[PUBLISHER_ID_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		assert_int_equal(publisher_id(known[i][0], id), 0);
		assert_string_equal(id, known[i][1]);
	}
	assert_int_equal(publisher_id("CN=\xff", id), -EILSEQ);
}

static void a_whole_manifest_is_read(void **state)
{
	(void)state;
	assert_int_equal(
		parse(HEAD IDENTITY PROPERTIES
		      "<Dependencies><TargetDeviceFamily Name=\"Windows.Desktop\"/></Dependencies>"
		      "<Capabilities><rescap:Capability Name=\"" CAPABILITY_PROMPT "\"/>"
		      "<Capability Name=\"internetClient\"/></Capabilities>" APP
		      "<appsilo:Settings><appsilo:AllowHost Host=\"*.example.org:443\"/>"
		      "<appsilo:Limit Name=\"memory\" Value=\"1G\"/>"
		      "<appsilo:Environment Name=\"A\" Value=\"b=c\"/>"
		      "<appsilo:SystemPath Path=\"/opt/data\"/></appsilo:Settings>" TAIL),
		0);
	assert_string_equal(m.identity.family, "Contoso.Python_h91ms92gdsmmt");
	assert_string_equal(m.identity.full_name, "Contoso.Python_3.11.2.0_x64__h91ms92gdsmmt");
	assert_string_equal(m.applications[0].executable, "VFS/usr/bin/python3.11");
	assert_string_equal(m.applications[0].aliases.texts[0], "python3.11");
	assert_string_equal(m.applications[0].file_types.texts[0], ".py");
	assert_true(manifest_has_capability(&m, CAPABILITY_PROMPT));
	assert_false(manifest_has_capability(&m, CAPABILITY_VOLUME_ROOT));
	assert_string_equal(m.environment.texts[0], "A=b=c");
	assert_string_equal(m.limits.texts[0], "memory=1G");
	assert_string_equal(m.hosts.texts[0], "*.example.org:443");
}

static void errors_name_file_line_and_element(void **state)
{
	(void)state;
	refused(HEAD IDENTITY PROPERTIES
		"<Capabilities>\n<Capability Name=\"flyToMoon\"/></Capabilities>" APP TAIL,
		"M.xml:12: <Capability>: unknown capability \"flyToMoon\"");
	refused(HEAD IDENTITY PROPERTIES "<Capabilities/><Capabilities/>" APP TAIL, "given twice");
	refused(HEAD PROPERTIES APP TAIL, "element Identity is missing");
	refused(HEAD IDENTITY APP TAIL, "Properties is missing");
	refused(HEAD IDENTITY PROPERTIES "<Applications/>" TAIL, "no Application");
	refused(HEAD IDENTITY PROPERTIES APP "<appsilo:Settings><appsilo:Root/></appsilo:Settings>" TAIL,
		"unknown setting");
	refused(HEAD IDENTITY PROPERTIES APP
		"<appsilo:Settings><appsilo:SystemPath Path=\"/home\"/></appsilo:Settings>" TAIL,
		"below /opt");
}

#define MORE(ignorable, where)                                                                     \
	"<Package xmlns=\"http://schemas.microsoft.com/appx/manifest/foundation/windows10\"\n"     \
	" xmlns:b=\"http://example.org/b\" xmlns:c=\"http://example.org/c\"" ignorable ">\n"     \
	IDENTITY PROPERTIES "<Applications><Application Id=\"A\" Executable=\"a\">\n" where         \
	"</Application></Applications>" TAIL

static void an_unknown_namespace_must_be_ignorable(void **state)
{
	(void)state;
	assert_int_equal(parse(MORE(" IgnorableNamespaces=\"b  c\"", "<b:Fence/><c:D><b:Fence/><E xmlns=\"urn:e\"/></c:D>")), 0);
	refused(MORE("", "<b:Fence/>"), "M.xml:6: <Fence>: its namespace \"http://example.org/b\" is not known");
	refused(MORE(" IgnorableNamespaces=\"b\"", "<b:D/><Extensions><c:Fence/></Extensions>"), "<Fence>: its namespace \"http://example.org/c\"");
	refused(MORE(" IgnorableNamespaces=\"b\"", "<Fence xmlns=\"\"/>"), "<Fence>: its namespace \"\"");
	refused(MORE(" IgnorableNamespaces=\"b d\"", ""), "there is no namespace d");
}

static void what_could_be_read_in_two_ways_is_refused(void **state)
{
	static const char nul[] = HEAD IDENTITY "\0" PROPERTIES APP TAIL;

	(void)state;
	assert_true(manifest_parse(nul, sizeof(nul) - 1, "M.xml", &m, &err) < 0);
	assert_non_null(strstr(err.line, "NUL"));
	refused("\xef\xbb\xbf" HEAD IDENTITY PROPERTIES APP TAIL, "byte order mark");
	refused(HEAD IDENTITY PROPERTIES APP TAIL "<!-- \xc3\x28 -->", "not UTF-8");
	refused("\x4c\x6f\xa7\x94", "not UTF-8"); /* <?xm in EBCDIC */
	refused("<!DOCTYPE Package [<!ENTITY a \"b\">]>" "<Package/>", "DTD");
	refused(HEAD IDENTITY "<Properties><DisplayName>&a;</DisplayName></Properties>" APP TAIL,
		"not well-formed");
	refused(HEAD IDENTITY "<Properties><DisplayName>a\xe2\x80\xae</DisplayName></Properties>" APP TAIL,
		"invisible");
	refused(HEAD IDENTITY "<Properties><DisplayName>a&#27;[2J</DisplayName></Properties>" APP TAIL,
		"not well-formed");
	refused(HEAD "<Identity Name=\"a.b\" Name=\"c.d\"/>" TAIL, "not well-formed");
	refused("", "empty");
}

static void names_that_would_leave_the_package_are_refused(void **state)
{
	static const char *const bad[] = {"../a", "/a", "a/../b", "C:\\a", "a//b", "a/.", ""};
	char text[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(text, sizeof(text), "%s%s%s<Applications><Application Id=\"A\" "
			 "Executable=\"%s\"/></Applications>%s", HEAD, IDENTITY, PROPERTIES, bad[i],
			 TAIL);
		assert_int_equal(parse(text), -EINVAL);
	}
}

static void versions_are_compared_by_number(void **state)
{
	struct package_version a, b;

	(void)state;
	assert_int_equal(package_version_parse("1.10.0.0", &a), 0);
	assert_int_equal(package_version_parse("1.9.65535.1", &b), 0);
	assert_true(package_version_compare(&a, &b) > 0);
	assert_int_equal(package_version_parse("1.2.3", &a), -EINVAL);
	assert_int_equal(package_version_parse("1.2.3.65536", &a), -EINVAL);
	assert_int_equal(package_version_parse("01.2.3.4", &a), -EINVAL);
	assert_int_equal(package_version_parse("1.2.3.4 ", &a), -EINVAL);
}

static void full_names_are_taken_apart(void **state)
{
	struct package_identity id;

	(void)state;
	assert_int_equal(package_full_name_parse("Contoso.Python_3.11.2.0_x64__h91ms92gdsmmt", &id), 0);
	assert_string_equal(id.family, "Contoso.Python_h91ms92gdsmmt");
	assert_int_equal(id.version.part[1], 11);
	assert_int_equal(package_full_name_parse("Contoso.Python_3.11.2.0_x64_h91ms92gdsmmt", &id), -EINVAL);
	assert_true(package_family_is_valid("Contoso.Python_h91ms92gdsmmt"));
	assert_false(package_family_is_valid("../Python_h91ms92gdsmmt"));
	assert_false(package_family_is_valid("Contoso.Python_h91ms92gdsmmu"));
}

#define SETTINGS(inner) HEAD IDENTITY PROPERTIES APP "<appsilo:Settings>" inner "</appsilo:Settings>" TAIL

static void capabilities_belong_to_one_namespace(void **state)
{
	(void)state;
	refused(HEAD IDENTITY PROPERTIES "<Capabilities><Capability Name=\"" CAPABILITY_PROMPT
		"\"/></Capabilities>" APP TAIL, "restrictedcapabilities");
	refused(HEAD IDENTITY PROPERTIES "<Capabilities><rescap:Capability Name=\"internetClient\"/>"
		"</Capabilities>" APP TAIL, "foundation/windows10");
	refused(HEAD IDENTITY PROPERTIES "<Capabilities><uap:Capability Name=\"internetClient\"/>"
		"</Capabilities>" APP TAIL, "foundation/windows10");
	refused(HEAD IDENTITY PROPERTIES "<Capabilities><DeviceCapability Name=\"webcam\"/>"
		"</Capabilities>" APP TAIL, "device capability \"webcam\"");
	refused(HEAD IDENTITY PROPERTIES "<Capabilities><rescap:Capability Name=\"runFullTrust\"/>"
		"</Capabilities>" APP TAIL, "unknown capability \"runFullTrust\"");
}

static void no_namespace_lets_an_application_out(void **state)
{
	static const char *const versions[] = {
		"http://schemas.microsoft.com/appx/manifest/uap/windows10/10",
		"http://schemas.microsoft.com/appx/manifest/uap/windows10/18",
		"http://schemas.microsoft.com/appx/manifest/preview/windows10/security/2"};
	static const char *const bad[] = {"TrustLevel=\"mediumIL\"",
					  "RuntimeBehavior=\"packagedClassicApp\""};
	char text[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(bad); j++) {
			snprintf(text, sizeof(text), "%s<Applications><Application Id=\"A\" "
				 "Executable=\"a\" xmlns:v=\"%s\" v:%s/></Applications>%s",
				 HEAD IDENTITY PROPERTIES, versions[i], bad[j], TAIL);
			refused(text, "is not supported");
		}
		snprintf(text, sizeof(text), "%s<Applications><Application Id=\"A\" "
			 "Executable=\"a\" xmlns:v=\"%s\" v:TrustLevel=\"appContainer\" "
			 "v:RuntimeBehavior=\"appSilo\"/></Applications>%s",
			 HEAD IDENTITY PROPERTIES, versions[i], TAIL);
		assert_int_equal(parse(text), 0);
	}
}

static void other_packages_are_not_depended_on(void **state)
{
	static const char *const kinds[] = {"PackageDependency", "uap:PackageDependency",
					    "rescap:MainPackageDependency",
					    "uap10:HostRuntimeDependency"};
	char text[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		snprintf(text, sizeof(text), "%s<Dependencies><%s Name=\"x\"/></Dependencies>%s",
			 HEAD IDENTITY PROPERTIES, kinds[i], APP TAIL);
		refused(text, "dependencies on other packages");
	}
	refused(HEAD IDENTITY PROPERTIES "<Resources><Code/></Resources>" APP TAIL, "only Resource");
}

static void settings_are_checked(void **state)
{
	static const char *const hosts[] = {"", "*", "a b", "a%00b", "evil\\x", "a..b", "-a", "a:0",
					    "a:70000", "a:", "2130706433", "1.2.3", "10.0.0.0/33",
					    "[::1", "*.*.org", "a/8", "1.2.3.4/", "http://a", "::1",
					    "localhost:80", "169.254.169.254", "10.1.2.3/8"};
	static const char *const good_hosts[] = {"a", "a.b-c.org:1", "*.a.org", "1.2.3.4",
						 "1.2.3.4/32:80", "2606:4700::1", "fd00::/8", "[2606:4700::1]:65535"};
	static const char *const limits[][2] = {{"memory", "0"}, {"memory", "1.5G"}, {"memory", "-1"},
						{"memory", "1s"}, {"pids", "1K"}, {"cpus", "0.0"},
						{"time", "1d"}, {"disk", "B"}, {"memory", "0x10"}};
	char text[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		snprintf(text, sizeof(text), "%s<appsilo:Settings><appsilo:AllowHost Host=\"%s\"/>"
			 "</appsilo:Settings>%s", HEAD IDENTITY PROPERTIES APP, hosts[i], TAIL);
		if (parse(text) != -EINVAL)
			fail_msg("host \"%s\" was taken", hosts[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(good_hosts); i++) {
		snprintf(text, sizeof(text), "%s<appsilo:Settings><appsilo:AllowHost Host=\"%s\"/>"
			 "</appsilo:Settings>%s", HEAD IDENTITY PROPERTIES APP, good_hosts[i], TAIL);
		if (parse(text) != 0)
			fail_msg("%s", err.line);
	}
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		snprintf(text, sizeof(text), "%s<appsilo:Settings><appsilo:Limit Name=\"%s\" "
			 "Value=\"%s\"/></appsilo:Settings>%s", HEAD IDENTITY PROPERTIES APP,
			 limits[i][0], limits[i][1], TAIL);
		refused(text, "is not a positive number");
	}
	refused(SETTINGS("<appsilo:Limit Name=\"pids\" Value=\"1\"/><appsilo:Limit Name=\"pids\" "
			 "Value=\"2\"/>"), "given twice");
	refused(SETTINGS("<appsilo:Environment Name=\"A=B\" Value=\"1\"/>"), "letters, digits");
	refused(SETTINGS("<appsilo:Environment Name=\"1A\" Value=\"1\"/>"), "letters, digits");
}

/* A document of @n times @piece in an extension. */
static char *bomb(const char *open, const char *piece, size_t n, const char *close)
{
	size_t size = n * strlen(piece) + 8192;
	char *text = malloc(size);
	size_t used = (size_t)snprintf(text, size, "%s%s", HEAD IDENTITY PROPERTIES, open);

	for (size_t i = 0; i < n; i++, used += strlen(piece))
		memcpy(text + used, piece, strlen(piece));
	snprintf(text + used, size - used, "%s%s", close, APP TAIL);
	return text;
}

static void bombs_are_refused_naming_the_file(void **state)
{
	static const struct {
		const char *open, *piece;
		size_t n;
		const char *close, *why;
	} bombs[] = {
		{"", "<a>", 300, "", "M.xml:11: not well-formed XML"},
		{"<a", " b=''", 20000, "/>", "more than 16384 attributes"},
		{"", "<a/>", 300000, "", "larger than 1048576 bytes"},
		{"<Resources><Resource Language='", "x", 2000, "'/></Resources>",
		 "M.xml:11: <Resource>: Language is longer than 85 bytes"},
		{"<Capabilities>", "<Capability Name='internetClient'/>", 2, "</Capabilities>",
		 "given twice"},
		{"<appsilo:Settings>", "<appsilo:AllowHost Host='a'/>", 300, "</appsilo:Settings>",
		 "more than 256 of them"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bombs); i++) {
		char *text = bomb(bombs[i].open, bombs[i].piece, bombs[i].n, bombs[i].close);

		refused(text, bombs[i].why);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(publisher_ids_of_known_publishers),
		cmocka_unit_test(a_whole_manifest_is_read),
		cmocka_unit_test(errors_name_file_line_and_element),
		cmocka_unit_test(an_unknown_namespace_must_be_ignorable),
		cmocka_unit_test(what_could_be_read_in_two_ways_is_refused),
		cmocka_unit_test(names_that_would_leave_the_package_are_refused),
		cmocka_unit_test(versions_are_compared_by_number),
		cmocka_unit_test(full_names_are_taken_apart),
		cmocka_unit_test(capabilities_belong_to_one_namespace),
		cmocka_unit_test(no_namespace_lets_an_application_out),
		cmocka_unit_test(other_packages_are_not_depended_on),
		cmocka_unit_test(settings_are_checked),
		cmocka_unit_test(bombs_are_refused_naming_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
