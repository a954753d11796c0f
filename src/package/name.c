/* SPDX-License-Identifier: Apache-2.0 */
#include "package/name.h"

#include "base/text.h"
#include "package/openssl.h"
#include <openssl/objects.h>
#include <string.h>
#include <strings.h>

#define KEY_MAX 80 /* bytes; "OID." and the number */
#define NEEDS_QUOTES ",+=\"<>#;\n"

static const struct {
	const char *key;
	int nid;
} keys[] = {
	{"CN", NID_commonName},
	{"O", NID_organizationName},
	{"OU", NID_organizationalUnitName},
	{"L", NID_localityName},
	{"S", NID_stateOrProvinceName},
	{"C", NID_countryName},
	{"E", NID_pkcs9_emailAddress},
	{"STREET", NID_streetAddress},
	{"T", NID_title},
	{"G", NID_givenName},
	{"I", NID_initials},
	{"SN", NID_surname},
	{"DC", NID_domainComponent},
	{"SERIALNUMBER", NID_serialNumber},
	{"Description", NID_description},
	{"PostalCode", NID_postalCode},
	{"POBox", NID_postOfficeBox},
	{"Phone", NID_telephoneNumber},
	{"X21Address", NID_x121Address},
	{"dnQualifier", NID_dnQualifier},
	{"ST", NID_stateOrProvinceName}, /* read, not written */
};

struct part {
	ASN1_OBJECT *type; /* owned */
	char value[PUBLISHER_MAX];
};

static void part_done(struct part *part)
{
	ASN1_OBJECT_free(part->type);
}

struct text {
	char *bytes; /* PUBLISHER_MAX of them, borrowed */
	size_t used;
	bool overflow;
};

static void add(struct text *t, const char *bytes, size_t n)
{
	if (t->overflow || n >= PUBLISHER_MAX - t->used) {
		t->overflow = true;
		return;
	}
	memcpy(t->bytes + t->used, bytes, n);
	t->used += n;
	t->bytes[t->used] = '\0';
}

static void add_key(struct text *t, const ASN1_OBJECT *type)
{
	int nid = OBJ_obj2nid(type);
	char number[KEY_MAX] = "OID.";
	int n;

	for (size_t i = 0; nid != NID_undef && i < ARRAY_SIZE(keys); i++) {
		if (keys[i].nid == nid) {
			add(t, keys[i].key, strlen(keys[i].key));
			return;
		}
	}
	n = OBJ_obj2txt(number + 4, sizeof(number) - 4, type, 1);
	if (n <= 0 || n >= (int)sizeof(number) - 4)
		t->overflow = true;
	else
		add(t, number, strlen(number));
}

static void add_value(struct text *t, const char *value)
{
	size_t n = strlen(value);
	bool quote = n == 0 || value[0] == ' ' || value[n - 1] == ' ' ||
		     strpbrk(value, NEEDS_QUOTES);

	if (!quote) {
		add(t, value, n);
		return;
	}
	add(t, "\"", 1);
	for (size_t i = 0; i < n; i++)
		add(t, value[i] == '"' ? "\"\"" : value + i, value[i] == '"' ? 2 : 1);
	add(t, "\"", 1);
}

static void add_part(struct text *t, const char *between, const struct part *part)
{
	if (t->used)
		add(t, between, strlen(between));
	add_key(t, part->type);
	add(t, "=", 1);
	add_value(t, part->value);
}

/* A NUL inside would let "CN=good\0evil" pass for "CN=good". */
static bool is_text(const char *bytes, size_t n)
{
	while (n) {
		uint32_t c;
		size_t used = text_decode((const unsigned char *)bytes, n, &c);

		if (used == 0 || (c >= 0xd800 && c < 0xe000) || c < 0x20 || (c >= 0x7f && c < 0xa0))
			return false;
		bytes += used;
		n -= used;
	}
	return true;
}

static int read_entry(const X509_NAME_ENTRY *entry, struct part *ret)
{
	cleanup(openssl_freep) unsigned char *value = NULL;
	int n = ASN1_STRING_to_UTF8(&value, X509_NAME_ENTRY_get_data(entry));

	if (n < 0 || !is_text((const char *)value, (size_t)n))
		return -EBADMSG;
	if (n >= PUBLISHER_MAX)
		return -ENAMETOOLONG;
	memcpy(ret->value, value, (size_t)n);
	ret->value[n] = '\0';
	ret->type = OBJ_dup(X509_NAME_ENTRY_get_object(entry));
	return ret->type ? 0 : -ENOMEM;
}

int name_write(const X509_NAME *name, char ret[PUBLISHER_MAX])
{
	struct text t = {.bytes = ret};
	int previous = -1;

	ret[0] = '\0';
	for (int i = X509_NAME_entry_count(name) - 1; i >= 0; i--) {
		cleanup(part_done) struct part part = {0};
		const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
		int r = read_entry(entry, &part);

		if (r < 0)
			return r;
		add_part(&t, X509_NAME_ENTRY_set(entry) == previous ? " + " : ", ", &part);
		previous = X509_NAME_ENTRY_set(entry);
	}
	return t.overflow ? -ENAMETOOLONG : 0;
}

/* The library takes "1..2" for a number as well: only what it writes the same way is one. */
static ASN1_OBJECT *read_number(const char *number)
{
	ASN1_OBJECT *type = OBJ_txt2obj(number, 1);
	char again[KEY_MAX];

	if (type && OBJ_obj2txt(again, sizeof(again), type, 1) > 0 && strcmp(again, number) == 0)
		return type;
	ASN1_OBJECT_free(type);
	ERR_clear_error();
	return NULL;
}

static ASN1_OBJECT *read_key(const char *key, size_t n)
{
	char number[KEY_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strlen(keys[i].key) == n && strncasecmp(keys[i].key, key, n) == 0)
			return OBJ_nid2obj(keys[i].nid);
	if (n < 5 || n >= sizeof(number) + 4 || strncasecmp(key, "OID.", 4) != 0)
		return NULL;
	snprintf(number, sizeof(number), "%.*s", (int)(n - 4), key + 4);
	return read_number(number);
}

/* Copy a quoted value; @text is behind the opening quote. NULL: it does not end. */
static const char *read_quoted(const char *text, char *ret)
{
	for (;; text++) {
		if (!*text)
			return NULL;
		if (*text == '"' && *++text != '"') {
			*ret = '\0';
			return text;
		}
		*ret++ = *text;
	}
}

/* Take one "KEY=value" off @text, which is shorter than PUBLISHER_MAX. Returns what is wrong. */
static const char *read_part(const char **text, struct part *ret)
{
	const char *s = *text + strspn(*text, " ");
	size_t n = strcspn(s, "=,");

	if (s[n] != '=')
		return "a part has no KEY=value";
	while (n && s[n - 1] == ' ')
		n--;
	ret->type = read_key(s, n);
	if (!ret->type)
		return "a key is unknown (CN, O, OU, L, S, C, E, STREET, ..., OID.1.2.3)";
	s = strchr(s, '=') + 1;
	s += strspn(s, " ");
	if (*s == '"') {
		s = read_quoted(s + 1, ret->value);
		if (!s)
			return "a quote does not end";
		s += strspn(s, " ");
	} else {
		n = strcspn(s, NEEDS_QUOTES);
		snprintf(ret->value, sizeof(ret->value), "%.*s", (int)n, s);
		s += n;
		while (n && ret->value[n - 1] == ' ')
			ret->value[--n] = '\0';
		if (n == 0)
			return "an empty value needs quotes";
	}
	if (*s && *s != ',')
		return "a value with one of + = \" < > # ; needs quotes";
	if (*s == ',' && !s[1 + strspn(s + 1, " ")])
		return "nothing follows the last comma";
	*text = *s ? s + 1 : s;
	return is_text(ret->value, strlen(ret->value)) ? NULL : "a value is not text";
}

static int refuse(const char *publisher, const char *problem, struct appsilo_error *err)
{
	char shown[256];

	return error_say(err, -EINVAL, "the name %s cannot be a Publisher: %s",
			 text_show(publisher, shown, sizeof(shown)), problem);
}

/* Call @take for each part, first to last, until it returns something else than 0. */
static int each_part(const char *publisher, int (*take)(void *data, const struct part *part),
		     void *data, struct appsilo_error *err)
{
	const char *text = publisher;
	int r = 0;

	if (strlen(publisher) >= PUBLISHER_MAX)
		return error_say(err, -ENAMETOOLONG, "the Publisher is too long");
	do {
		cleanup(part_done) struct part part = {0};
		const char *problem = read_part(&text, &part);

		r = problem ? refuse(publisher, problem, err) : take(data, &part);
	} while (r == 0 && *text);
	return r;
}

static int take_text(void *data, const struct part *part)
{
	add_part(data, ", ", part);
	return 0;
}

int name_canonical(const char *publisher, char ret[PUBLISHER_MAX], struct appsilo_error *err)
{
	struct text t = {.bytes = ret};
	int r = each_part(publisher, take_text, &t, err);

	if (r == 0 && t.overflow)
		r = error_say(err, -ENAMETOOLONG, "the Publisher is too long");
	return r;
}

#define NOT_ALLOWED 1

/* In front of those before it: a certificate has the parts the other way round. */
static int take_entry(void *data, const struct part *part)
{
	return X509_NAME_add_entry_by_OBJ(data, part->type, MBSTRING_UTF8,
					  (const unsigned char *)part->value, -1, 0, 0)
		       ? 0
		       : NOT_ALLOWED;
}

int name_read(const char *publisher, X509_NAME **ret, struct appsilo_error *err)
{
	X509_NAME *name = X509_NAME_new();
	int r = name ? each_part(publisher, take_entry, name, err)
		     : error_set(err, -ENOMEM, "name");

	if (r == NOT_ALLOWED)
		r = refuse(publisher, openssl_reason(), err);
	if (r < 0) {
		X509_NAME_free(name);
		return r;
	}
	*ret = name;
	return 0;
}
