/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets as text. */
#include "world.h"

static void refused(const char *text, const char *why)
{
	struct nemo_packet p = {.proto = 77};
	struct err err = {0};
	char told[400];

	assert_int_equal(nemo_packet_read(text, &p, &err), -EINVAL);
	assert_int_equal(p.proto, 77);
	err_text(&err, told, sizeof(told));
	if (!strstr(told, why) || strncmp(told, "packet", 6) != 0)
		fail_msg("%s: %s, should say %s", text, told, why);
}

static void test_read(void **state)
{
	struct nemo_packet p = world_packet("192.0.2.1 198.51.100.7 tcp 40000 443 46");
	char text[INET6_ADDRSTRLEN];

	assert_string_equal(in6_text(&p.src, text), "192.0.2.1");
	assert_string_equal(in6_text(&p.dst, text), "198.51.100.7");
	assert_int_equal(p.proto, 6);
	assert_int_equal(p.sport, 40000);
	assert_int_equal(p.dport, 443);
	assert_int_equal(p.dscp, 46);
	p = world_packet("  2001:db8::1\t2001:db8::2 ");
	assert_int_equal(p.proto, 0);
	p = world_packet("::1 ::2 255");
	assert_int_equal(p.proto, 255);
	p = world_packet("::1 ::2 udp 0 65535");
	assert_int_equal(p.dport, 65535);
}

static void test_refused(void **state)
{
	char longer[400];

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	refused("", "src dst [proto");
	refused("192.0.2.1", "src dst [proto");
	refused("192.0.2.1 x", "dst: is x");
	refused("192.0.2.01 192.0.2.1", "src");
	refused("192.0.2.1 2001:db8::1", "IP version of src");
	refused("192.0.2.1 192.0.2.2 256", "proto: is 256");
	refused("192.0.2.1 192.0.2.2 06", "proto: is 06");
	refused("192.0.2.1 192.0.2.2 tcp 1", "both ports");
	refused("192.0.2.1 192.0.2.2 tcp 1 65536", "dport: is 65536, must be 0..65535");
	refused("192.0.2.1 192.0.2.2 tcp -1 1", "sport: is -1");
	refused("192.0.2.1 192.0.2.2 tcp 1 2 64", "dscp: is 64, must be 0..63");
	refused("192.0.2.1 192.0.2.2 tcp 1 2 3 4", "src dst [proto");
	refused(longer, "shorter than 256 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
