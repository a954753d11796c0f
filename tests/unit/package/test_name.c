/* SPDX-License-Identifier: Apache-2.0 */
#include "package/name.h"
#include "package/openssl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char microsoft[] = "CN=Microsoft Corporation, O=Microsoft Corporation, L=Redmond, "
				"S=Washington, C=US";

static void a_name_and_its_publisher_are_the_same_thing(void **state)
{
	static const char *const names[] = {
		microsoft,
		"CN=\"Contoso, Ltd.\", O=\"Contoso, Ltd.\", C=DE",
		"CN=\"say \"\"hi\"\"\"",
		"CN=\" space \", OU=x",
		"CN=a, OID.1.2.3.4=b, SN=c, SERIALNUMBER=d, STREET=e, PostalCode=f",
		"CN=J\303\266rg M\303\274ller, DC=example, DC=org, E=j@example.org",
		"CN=\"a+b\", O=\"x=y\", OU=\"#1\", L=\"<a;b>\"",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		cleanup(X509_NAME_freep) X509_NAME *name = NULL;
		char text[PUBLISHER_MAX], again[PUBLISHER_MAX];
		struct appsilo_error err = {0};

		if (name_read(names[i], &name, &err) < 0)
			fail_msg("%s", err.line);
		assert_int_equal(name_write(name, text), 0);
		assert_string_equal(text, names[i]);
		assert_int_equal(name_canonical(text, again, &err), 0);
		assert_string_equal(again, names[i]);
	}
}

/* The certificate has the country first; the Publisher has it last. */
static void the_order_is_the_other_way_round(void **state)
{
	cleanup(X509_NAME_freep) X509_NAME *name = NULL;
	const X509_NAME_ENTRY *first;

	(void)state;
	assert_int_equal(name_read(microsoft, &name, NULL), 0);
	first = X509_NAME_get_entry(name, 0);
	assert_int_equal(OBJ_obj2nid(X509_NAME_ENTRY_get_object(first)), NID_countryName);
	assert_int_equal(ASN1_STRING_type(X509_NAME_ENTRY_get_data(first)), V_ASN1_PRINTABLESTRING);
}

static void spellings_of_one_name_are_one(void **state)
{
	static const char *const pairs[][2] = {
		{"cn=A,o=B , C=US", "CN=A, O=B, C=US"},
		{"CN = \"A\" , ST=W", "CN=A, S=W"},
		{"OID.2.5.4.3=A, oid.1.2.3=B", "CN=A, OID.1.2.3=B"},
		{"CN=a  b", "CN=a  b"},
		{"CN=A,OU=\"\"", "CN=A, OU=\"\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		char text[PUBLISHER_MAX];
		struct appsilo_error err = {0};

		if (name_canonical(pairs[i][0], text, &err) < 0)
			fail_msg("%s", err.line);
		assert_string_equal(text, pairs[i][1]);
	}
}

static void what_is_no_publisher_is_refused_with_the_reason(void **state)
{
	static const char *const rows[][2] = {
		{"", "no KEY=value"},	       {"Contoso", "no KEY=value"},
		{"CN=A, Contoso", "no KEY=value"}, {"XX=A", "a key is unknown"},
		{"CN=A+B", "needs quotes"},    {"CN=A + O=B", "needs quotes"},
		{"CN=A;O=B", "needs quotes"},  {"CN=\"A", "does not end"},
		{"CN=", "empty value"},	       {"CN=A,", "last comma"},
		{"CN=A, ", "last comma"},      {"CN=\"A\"B", "needs quotes"},
		{"CN=a\001b", "not text"},     {"CN=\xff", "not text"},
		{"CN=a\nb", "needs quotes"},   {"OID.1..2=a", "a key is unknown"},
		{"=A", "a key is unknown"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[PUBLISHER_MAX];
		struct appsilo_error err = {0};

		if (name_canonical(rows[i][0], text, &err) != -EINVAL)
			fail_msg("%s is taken for %s", rows[i][0], text);
		if (!strstr(err.line, rows[i][1]))
			fail_msg("%s", err.line);
	}
}

static void a_value_that_x509_does_not_allow_is_refused(void **state)
{
	X509_NAME *name = NULL;
	struct appsilo_error err = {0};
	char longer[128];

	(void)state;
	assert_int_equal(name_read("C=Germany", &name, &err), -EINVAL);
	assert_non_null(strstr(err.line, "C=Germany"));
	memset(longer, 'x', sizeof(longer));
	memcpy(longer, "CN=", 3);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(name_read(longer, &name, &err), -EINVAL);
	assert_null(name);
}

static X509_NAME *raw_name(const char *value, int n, int type, int set)
{
	X509_NAME *name = X509_NAME_new();

	assert_true(X509_NAME_add_entry_by_NID(name, NID_organizationName, MBSTRING_UTF8,
					       (const unsigned char *)"O", -1, -1, 0));
	assert_true(X509_NAME_add_entry_by_NID(name, NID_commonName, type,
					       (const unsigned char *)value, n, -1, set));
	return name;
}

static void hidden_ends_are_refused(void **state)
{
	cleanup(X509_NAME_freep) X509_NAME *name = raw_name("good\0evil", 9, V_ASN1_UTF8STRING, 0);
	char text[PUBLISHER_MAX];

	(void)state;
	assert_int_equal(name_write(name, text), -EBADMSG);
}

static void several_values_in_one_part_equal_no_publisher(void **state)
{
	cleanup(X509_NAME_freep) X509_NAME *name = raw_name("A", 1, V_ASN1_UTF8STRING, -1);
	char text[PUBLISHER_MAX], again[PUBLISHER_MAX];

	(void)state;
	assert_int_equal(name_write(name, text), 0);
	assert_string_equal(text, "CN=A + O=O");
	assert_int_equal(name_canonical(text, again, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_and_its_publisher_are_the_same_thing),
		cmocka_unit_test(the_order_is_the_other_way_round),
		cmocka_unit_test(spellings_of_one_name_are_one),
		cmocka_unit_test(what_is_no_publisher_is_refused_with_the_reason),
		cmocka_unit_test(a_value_that_x509_does_not_allow_is_refused),
		cmocka_unit_test(hidden_ends_are_refused),
		cmocka_unit_test(several_values_in_one_part_equal_no_publisher),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
