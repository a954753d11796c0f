/* SPDX-License-Identifier: Apache-2.0 */
#include "mcp/schema.h"

#include "base/text.h"
#include <stdbool.h>
#include <string.h>

#define DEPTH_MAX 8

static bool is_type(const json_t *value, const char *type)
{
	static const struct {
		const char *word;
		json_type type;
	} words[] = {{"object", JSON_OBJECT},	{"array", JSON_ARRAY}, {"string", JSON_STRING},
		     {"integer", JSON_INTEGER}, {"number", JSON_REAL}};

	if (strcmp(type, "boolean") == 0)
		return json_is_boolean(value);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i].word, type) == 0 && json_typeof(value) == words[i].type)
			return true;
	return strcmp(type, "number") == 0 && json_is_integer(value);
}

/* Is there such a bound, and is @value beyond it? */
static bool is_over(const json_t *schema, const char *bound, json_int_t value)
{
	const json_t *limit = json_object_get(schema, bound);

	return limit && value > json_integer_value(limit);
}

static int check_bounds(const json_t *schema, const json_t *value, const char *name, struct appsilo_error *err)
{
	const json_t *minimum = json_object_get(schema, "minimum"), *words = json_object_get(schema, "enum");
	bool known = !words;

	for (size_t i = 0; i < json_array_size(words); i++)
		known = known || json_equal(json_array_get(words, i), value);
	if (!known)
		return error_say(err, -EINVAL, "%s: not one of the values it takes", name);
	if (json_is_integer(value) && minimum && json_integer_value(value) < json_integer_value(minimum))
		return error_say(err, -EINVAL, "%s: too small", name);
	if (json_is_integer(value) && is_over(schema, "maximum", json_integer_value(value)))
		return error_say(err, -EINVAL, "%s: too large", name);
	if (json_is_string(value) && is_over(schema, "maxLength", (json_int_t)json_string_length(value)))
		return error_say(err, -EINVAL, "%s: too long", name);
	if (json_is_array(value) && is_over(schema, "maxItems", (json_int_t)json_array_size(value)))
		return error_say(err, -EINVAL, "%s: too many", name);
	return 0;
}

static int check(const json_t *schema, const json_t *value, const char *name, unsigned int depth,
		 struct appsilo_error *err);

static int check_members(const json_t *schema, const json_t *object, const char *name, unsigned int depth,
			 struct appsilo_error *err)
{
	const json_t *properties = json_object_get(schema, "properties");
	const json_t *required = json_object_get(schema, "required");
	const char *key;
	json_t *value;
	char shown[128];

	for (size_t i = 0; i < json_array_size(required); i++) {
		key = json_string_value(json_array_get(required, i));
		if (!json_object_get(object, key))
			return error_say(err, -EINVAL, "%s: %s is missing", name, key);
	}
	json_object_foreach((json_t *)object, key, value) {
		const json_t *property = json_object_get(properties, key);
		int r;

		if (!property && json_is_false(json_object_get(schema, "additionalProperties")))
			return error_say(err, -EINVAL, "%s: there is no %s", name,
					 text_show(key, shown, sizeof(shown)));
		r = property ? check(property, value, key, depth + 1, err) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int check(const json_t *schema, const json_t *value, const char *name, unsigned int depth,
		 struct appsilo_error *err)
{
	const char *type = json_string_value(json_object_get(schema, "type"));
	const json_t *items = json_object_get(schema, "items");
	int r;

	if (depth > DEPTH_MAX)
		return error_say(err, -EINVAL, "%s: too deep", name);
	if (type && !is_type(value, type))
		return error_say(err, -EINVAL, "%s: not of type %s", name, type);
	r = check_bounds(schema, value, name, err);
	if (r == 0 && json_is_object(value))
		r = check_members(schema, value, name, depth, err);
	for (size_t i = 0; r == 0 && items && i < json_array_size(value); i++)
		r = check(items, json_array_get(value, i), name, depth + 1, err);
	return r;
}

int schema_check(const json_t *schema, const json_t *value, const char *name, struct appsilo_error *err)
{
	return check(schema, value, name, 0, err);
}
