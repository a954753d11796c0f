/* SPDX-License-Identifier: Apache-2.0 */
/* The line of a record, folding, the tree map. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "manifest/names.h"
#include "profile/needs.h"
#include "profile/report.h"
#include "profile/stack.h"
#include "profile/tree_map.h"
#include <string.h>

#define HOME "/home/u"

static const struct needs_places places = {
	.never = {.home = HOME, .data_dir = HOME "/.local/share/appsilo"},
	.needed = {HOME, HOME "/.local/share", "8wekyb3d8bbwe"},
};

static struct attempt file(const char *operation, const char *path)
{
	bool list = strcmp(operation, "list") == 0, write = strcmp(operation, "open") != 0 && !list;

	return (struct attempt){.time_ms = 1795683822767,
				.run = "20261126-084852-1",
				.family = "App_8wekyb3d8bbwe",
				.app = "app",
				.program = "/usr/bin/app",
				.pid = 12,
				.kind = ATTEMPT_FILE,
				.operation = operation,
				.path = path,
				.access = write ? CONSENT_WRITE : CONSENT_READ,
				.target = list ? CONSENT_FOLDER : CONSENT_FILE,
				.exists = strcmp(operation, "create") != 0,
				.host = "",
				.address = "",
				.protocol = "",
				.source = "no-rule",
				.capability = "",
				.allow = "",
				.stack = ""};
}

static struct attempt host(const char *name, uint16_t port, const char *capability)
{
	struct attempt a = file("connect", "");

	a.kind = ATTEMPT_NETWORK;
	a.host = name;
	a.port = port;
	a.protocol = port ? "tcp" : "dns";
	a.capability = capability;
	return a;
}

static void a_line_comes_back_as_it_was(void **state)
{
	static const char *const names[] = {"/a", "/a,b", "/a\"b\"", "/a\nb", "/\xff\xfe", "/\xe2\x80\xae" "x",
					    "/back\\slash\\x41", "/=1+1", "/ ", "/\r"};
	static char line[ATTEMPT_LINE_MAX], texts[ATTEMPT_LINE_MAX + ATTEMPT_TEXTS_EXTRA];
	struct appsilo_error err;
	struct attempt a, back;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int n;

		a = file("open", names[i]);
		a.allow = names[i];
		a.stack = "python f a,\"b\" 1|more";
		n = attempt_write(&a, line, sizeof(line));
		assert_true(n > 0);
		assert_ptr_equal(strchr(line, '\n'), line + n - 1);
		line[n - 1] = '\0';
		assert_int_equal(attempt_read(line, texts, &back, &err), 0);
		assert_string_equal(back.path, names[i]);
		assert_string_equal(back.allow, names[i]);
		assert_string_equal(back.stack, a.stack);
		assert_int_equal(back.time_ms, a.time_ms);
		assert_int_equal(back.pid, 12);
	}
	a = file("open", "/a");
	assert_int_equal(attempt_write(&a, line, 40), -ENOBUFS);
}

static void a_stack_comes_back_frame_by_frame(void **state)
{
	static const char *const bad[] = {"x",		      "python a b",   "python a b 1 ",	   "python a b 1|",
					  "python a b +1",    "native a b 1", "python a b 01",	   "python a b -1",
					  "python  b 1",      "python a b 1 1", "python a\nb c 1", "python a\\x41 b 1",
					  "python a b 18446744073709551616", "more more"};
	struct stack_frame frames[] = {{STACK_PYTHON, "<lambda>", "/a b|c\\\n.py", 7}, {STACK_NATIVE, "", "", 0}, {.kind = STACK_MORE}};
	struct stack_frame back, shown[STACK_SHOWN];
	struct stack_writer w = {0};
	const char *at;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(frames); i++)
		stack_add(&w, &frames[i]);
	assert_string_equal(w.text, "python <lambda> /a\\x20b\\x7cc\\\\\\x0a.py 7|native - - +0|more");
	at = w.text;
	for (size_t i = 0; i < ARRAY_SIZE(frames); i++) {
		assert_int_equal(stack_next(&at, &back), 0);
		assert_memory_equal(&back, &frames[i], sizeof(back));
	}
	assert_null(at);
	assert_int_equal(stack_pick(w.text, shown), 1);
	assert_string_equal(shown[0].function, "<lambda>");
	assert_int_equal(stack_pick("", shown), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(stack_is_valid(bad[i]));
	/* However many there are, it stays a stack within its bounds. */
	while (!w.full)
		stack_add(&w, &frames[0]);
	stack_add(&w, &frames[0]);
	assert_true(stack_is_valid(w.text));
	assert_string_equal(w.text + w.n - 5, "|more");
}

static struct needs found;

static void fold(struct attempt *list, size_t n)
{
	struct records records = {.list = list, .n = n};

	profile_needs_done(&found);
	assert_int_equal(profile_needs_find(&records, &places, &found), 0);
}

/* "read /a, write /b/" in the order of paths; a slash at the end: and all below. */
static void assert_needs(const char *want)
{
	char text[8192] = "";

	for (size_t i = 0; i < found.n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s %s%s", i ? ", " : "",
			 need_word(found.list[i].kind), found.list[i].path, found.list[i].folder ? "/" : "");
	assert_string_equal(text, want);
}

#define FOLD(...)                                                                                  \
	do {                                                                                       \
		struct attempt list_[] = {__VA_ARGS__};                                            \
		fold(list_, ARRAY_SIZE(list_));                                                    \
	} while (0)

static void few_accesses_stay_what_they_are(void **state)
{
	(void)state;
	FOLD(file("open", "/d/w/script.py"), file("list", "/d/w"), file("truncate", "/d/data/t"),
	     file("open", "/d/data/t"), file("list", "/d/data"));
	assert_needs("list /d/data, write /d/data/t, list /d/w, read /d/w/script.py");
	FOLD(file("list", "/d/w"));
	assert_needs("list /d/w");
	fold(NULL, 0);
	assert_needs("");
}

static void names_that_are_made_need_their_folder(void **state)
{
	(void)state;
	FOLD(file("create", "/d/w/new"), file("open", "/d/w/old"), file("unlink", "/d/x/gone"),
	     file("mkdir", "/d/w/sub"), file("create", "/d/w/sub/file"));
	assert_needs("write /d/w/, write /d/x/");
}

static void many_become_their_folder(void **state)
{
	static char paths[400][64];
	static struct attempt list[400];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		snprintf(paths[i], sizeof(paths[i]), "/d/many/d%zu/e%zu/f%zu", i % 5, i % 25, i);
		list[i] = file("open", paths[i]);
	}
	fold(list, ARRAY_SIZE(list));
	assert_needs("read /d/many/");
	assert_int_equal(found.list[0].accesses, 400);
	/* What is written among what is read stays apart. */
	list[0] = file("truncate", "/d/many/d1/out");
	fold(list, ARRAY_SIZE(list));
	assert_needs("read /d/many/, write /d/many/d1/out");
	FOLD(file("list", "/d/t"), file("list", "/d/t/a"), file("list", "/d/t/b"), file("open", "/d/t/c"),
	     file("open", "/d/t/d"));
	assert_needs("read /d/t/");
	/* A name that begins like the folder's is not in it. */
	FOLD(file("create", "/d/a/x"), file("open", "/d/a-b"), file("open", "/d/a/y"), file("open", "/d/a.c"));
	assert_needs("write /d/a/, read /d/a-b, read /d/a.c");
}

static void the_home_folder_is_not_given_away_lightly(void **state)
{
	static char paths[20][64];
	static struct attempt list[20];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		snprintf(paths[i], sizeof(paths[i]), HOME "/f%02zu", i);
		list[i] = file("open", paths[i]);
	}
	fold(list, 15);
	assert_int_equal(found.n, 15);
	fold(list, 20);
	assert_needs("read " HOME "/");
	assert_non_null(strstr(found.list[0].caution, "home folder"));
	/* The root never. */
	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		list[i].path = paths[i] + strlen(HOME);
	fold(list, 20);
	assert_int_equal(found.n, 20);
}

static void compiled_modules_are_their_source_s_folder(void **state)
{
	(void)state;
	FOLD(file("open", "/d/lib/__pycache__/m.cpython-311.pyc"));
	assert_needs("read /d/lib/");
	FOLD(file("open", HOME "/__pycache__/m.cpython-311.pyc"));
	assert_needs("read " HOME "/__pycache__/m.cpython-311.pyc");
}

static void what_is_refused_is_not_proposed(void **state)
{
	struct attempt refused = file("open", HOME "/.bashrc");

	(void)state;
	refused.source = "never-list";
	FOLD(refused, host("169.254.169.254", 80, ""), file("open", "/d/x"));
	assert_int_equal(found.n_refused, 1);
	assert_needs("read /d/x");
}

static void capabilities_are_found(void **state)
{
	(void)state;
	FOLD(file("list", HOME), file("list", "/home"), file("open", "/srv/Shared_8wekyb3d8bbwe/a/b"),
	     file("open", "/srv/Shared_8wekyb3d8bbwx/a"), file("open", "/srv/_8wekyb3d8bbwe/a"),
	     file("open", "/opt/tool/data"));
	assert_string_equal(found.list[0].capability, CAPABILITY_PROFILES_ROOT);
	assert_string_equal(found.list[1].capability, CAPABILITY_USER_PROFILE);
	assert_true(found.list[2].system_path);
	assert_string_equal(found.list[3].capability, CAPABILITY_PUBLISHER_DIRECTORY);
	assert_null(found.list[4].capability);
	assert_string_equal(found.list[5].capability, CAPABILITY_PUBLISHER_DIRECTORY);
}

static void hosts_are_named_until_they_are_too_many(void **state)
{
	static char names[20][32];
	static struct attempt list[20];

	(void)state;
	FOLD(host("a.example", 0, CAPABILITY_CLIENT), host("a.example", 443, CAPABILITY_CLIENT),
	     host("b.example", 0, CAPABILITY_CLIENT), host("10.0.0.1", 80, CAPABILITY_PRIVATE));
	assert_int_equal(found.n_hosts, 3);
	assert_string_equal(found.hosts[0].text, "10.0.0.1:80");
	assert_string_equal(found.hosts[1].text, "a.example:443");
	assert_string_equal(found.hosts[2].text, "b.example");
	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		snprintf(names[i], sizeof(names[i]), "h%zu.example", i);
		list[i] = host(names[i], 443, CAPABILITY_CLIENT);
	}
	fold(list, ARRAY_SIZE(list));
	assert_int_equal(found.n_hosts, 0);
	assert_int_equal(found.client, 20);
	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		list[i] = host("a.example", (uint16_t)(i + 1), CAPABILITY_CLIENT);
	fold(list, ARRAY_SIZE(list));
	assert_int_equal(found.n_hosts, 1);
	assert_string_equal(found.hosts[0].text, "a.example");
	assert_int_equal(found.hosts[0].accesses, 20);
}

static void the_map_shows_each_file_in_its_folder(void **state)
{
	struct attempt list[] = {file("open", "/d/a/x"), file("open", "/d/a/y"), file("truncate", "/d/a-b"),
				 file("open", "/d/a/x")};
	struct records records = {.list = list, .n = ARRAY_SIZE(list)};
	struct tree_map map;
	double areas = 0;

	(void)state;
	assert_int_equal(tree_map_make(&records, 1000, 500, &map), 0);
	assert_int_equal(map.n, 5);
	assert_string_equal(map.list[0].path, "/d");
	assert_int_equal(map.list[0].accesses, 4);
	for (size_t i = 1; i < map.n; i++) {
		const struct tree_rect *r = &map.list[i];

		assert_true(r->x >= 0 && r->y >= 0 && r->x + r->width <= 1000.01 && r->y + r->height <= 500.01);
		areas += r->folder ? 0 : r->width * r->height;
		assert_int_equal(r->written, strcmp(r->path, "/d/a-b") == 0);
	}
	assert_true(areas > 1000 * 500 * 0.8 && areas <= 1000 * 500);
	tree_map_done(&map);
	records.n = 0;
	assert_int_equal(tree_map_make(&records, 1000, 500, &map), 0);
	assert_int_equal(map.n, 0);
	tree_map_done(&map);
}

static int done(void **state)
{
	(void)state;
	profile_needs_done(&found);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_comes_back_as_it_was),
		cmocka_unit_test(a_stack_comes_back_frame_by_frame),
		cmocka_unit_test(few_accesses_stay_what_they_are),
		cmocka_unit_test(names_that_are_made_need_their_folder),
		cmocka_unit_test(many_become_their_folder),
		cmocka_unit_test(the_home_folder_is_not_given_away_lightly),
		cmocka_unit_test(compiled_modules_are_their_source_s_folder),
		cmocka_unit_test(what_is_refused_is_not_proposed),
		cmocka_unit_test(capabilities_are_found),
		cmocka_unit_test(hosts_are_named_until_they_are_too_many),
		cmocka_unit_test(the_map_shows_each_file_in_its_folder),
	};

	return cmocka_run_group_tests(tests, NULL, done);
}
