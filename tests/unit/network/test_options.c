/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "network/options.h"
#include "network/policy.h"
#include <arpa/inet.h>
#include <string.h>

static struct appsilo_error err;

static void modes_join(void **state)
{
	static const char *const bad[] = {"", ",", "client,", ",client", "all", "Client", "client private",
					  "none,client", "client,none", "clientx"};
	unsigned int capabilities;

	(void)state;
	assert_int_equal(net_parse_modes("none", &capabilities, &err), 0);
	assert_int_equal(capabilities, 0);
	assert_int_equal(net_parse_modes("client", &capabilities, &err), 0);
	assert_int_equal(capabilities, NET_CAP_CLIENT);
	assert_int_equal(net_parse_modes("private,client-server,client", &capabilities, &err), 0);
	assert_int_equal(capabilities, NET_CAP_CLIENT | NET_CAP_SERVER | NET_CAP_PRIVATE);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(net_parse_modes(bad[i], &capabilities, &err), -EINVAL);
}

static void published(const char *text, const char *address, unsigned int host, unsigned int app)
{
	struct net_publish p;
	char shown[NET_ADDRESS_TEXT_MAX];

	assert_int_equal(net_parse_publish(text, &p, &err), 0);
	assert_string_equal(net_address_text(&p.address, shown), address);
	assert_int_equal(p.host_port, host);
	assert_int_equal(p.app_port, app);
}

static void ports_are_published_on_this_machine_alone_unless_said(void **state)
{
	static const char *const bad[] = {"", "80", ":80", "80:", "0:80", "80:0", "80:65536", "080:80",
					  "1.2.3:80:80", "localhost:80:80", "::1:80:80", "80:80:80:80",
					  "10.0.0.0/8:80:80", "80:8 0", "-1:80", "*:80:80"};
	struct net_publish p;

	(void)state;
	published("8080:80", "127.0.0.1", 8080, 80);
	published("0.0.0.0:8080:80", "0.0.0.0", 8080, 80);
	published("[::]:443:8443", "::", 443, 8443);
	published("[2606:4700::1]:1:65535", "2606:4700::1", 1, 65535);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (net_parse_publish(bad[i], &p, &err) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
}

static void proxied(const char *url, const char *want)
{
	struct host_pattern p;
	char shown[HOST_TEXT_MAX];

	if (net_parse_proxy(url, &p, &err) < 0)
		fail_msg("%s", err.line);
	assert_string_equal(host_pattern_text(&p, shown), want);
}

static void a_proxy_is_one_host_and_port(void **state)
{
	static const char *const bad[] = {
		"", "proxy.example", "proxy.example:3128", "ftp://a", "http://", "http:///", "http://a/b",
		"http://a?b", "http://a#b", "http://a\\b", "http://*.a", "http://10.0.0.0/8", "http://a:0",
		"http://a b", "http://a\nb", "http://a\r\nX: y", "http://u@v@a", "http://0x7f.1",
		"http://2130706433:80", "http://a:80:80", "HTTP://a", "http://\xc3\xbc.example"};
	struct host_pattern p;

	(void)state;
	proxied("http://Proxy.example:3128", "proxy.example:3128");
	proxied("http://proxy.example", "proxy.example:80");
	proxied("https://proxy.example/", "proxy.example:443");
	proxied("socks5h://10.0.0.1", "10.0.0.1:1080");
	proxied("socks5://[2606:4700::1]:9050", "[2606:4700::1]:9050");
	proxied("http://user:pass@proxy.example:8080/", "proxy.example:8080");
	proxied("http://localhost:3128", "localhost:3128");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (net_parse_proxy(bad[i], &p, &err) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes_join),
		cmocka_unit_test(ports_are_published_on_this_machine_alone_unless_said),
		cmocka_unit_test(a_proxy_is_one_host_and_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
