/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bpf/lib/ipv4.h compiled natively, under sanitizers: every rule, every packet at the end of its
 * allocation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/ipv4.h"

enum { IP = 20, LEN = IP + 8 };

/* UDP from 192.0.2.1 port 80 to 198.51.100.2 port 99. */
static const uint8_t whole[LEN] = {0x45, 0xb8, 0,   LEN, 0xab, 0xcd, 0, 0,  63, 17, 0, 0, 192, 0,
				   2,	 1,    198, 51,	 100,  2,    0, 80, 0,	99, 0, 8, 0,   0};

static int read_part(const uint8_t *packet, size_t len, struct ipv4_found *found)
{
	uint8_t *copy = malloc(len ? len : 1);
	int result;

	assert_non_null(copy);
	memcpy(copy, packet, len);
	result = ipv4_read(copy, copy + len, found);
	free(copy);
	return result;
}

/* whole, with one byte changed. */
static int read_changed(size_t at, uint8_t value, struct ipv4_found *found)
{
	uint8_t packet[LEN];

	memcpy(packet, whole, LEN);
	packet[at] = value;
	return read_part(packet, LEN, found);
}

static void test_whole(void **state)
{
	static const uint8_t id[] = {0, 0, 0xab, 0xcd};
	struct ipv4_found found;

	assert_int_equal(read_part(whole, LEN, &found), -SAN_R_NO_SAN);
	assert_memory_equal(&found.src, whole + 12, 4);
	assert_memory_equal(&found.dst, whole + 16, 4);
	assert_memory_equal(&found.ports, whole + 20, 4);
	assert_memory_equal(&found.id, id, 4);
	assert_int_equal(found.len, LEN);
	assert_int_equal(found.l4_off, IP);
	assert_int_equal(found.proto, 17);
	assert_int_equal(found.tos, 0xb8);
	assert_int_equal(found.ttl, 63);
	assert_int_equal(found.fragment | found.more, 0);
}

static void test_every_prefix(void **state)
{
	struct ipv4_found found;
	size_t cut;

	for (cut = 0; cut < LEN; cut++)
		assert_int_equal(read_part(whole, cut, &found),
				 cut < IP ? -SAN_R_TRUNCATED : -SAN_R_BAD_IPV4);
}

static void test_bad_headers(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} bad[] = {
		{0, 0x65}, /* version */
		{0, 0x44}, /* header length below 5 */
		{0, 0x48}, /* beyond the packet */
		{2, 0x01}, /* total length beyond the packet */
		{3, 19},   /* below the header's */
	};
	struct ipv4_found found;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(read_changed(bad[i].at, bad[i].value, &found), -SAN_R_BAD_IPV4);
}

static void test_total_length_ends_the_packet(void **state)
{
	struct ipv4_found found;

	assert_int_equal(read_changed(3, IP + 4, &found), -SAN_R_NO_SAN);
	assert_int_equal(found.len, IP + 4);
	assert_int_equal(read_changed(3, IP + 3, &found), -SAN_R_TRUNCATED);
	assert_int_equal(found.ports, 0);
}

static void test_options_are_walked_past(void **state)
{
	struct ipv4_found found;

	assert_int_equal(read_changed(0, 0x46, &found), -SAN_R_NO_SAN);
	assert_int_equal(found.l4_off, 24);
	assert_memory_equal(&found.ports, whole + 24, 4);
	assert_int_equal(read_changed(0, 0x47, &found), -SAN_R_TRUNCATED);
}

static void test_other_protocols_have_no_ports(void **state)
{
	struct ipv4_found found;

	assert_int_equal(read_changed(9, 1, &found), -SAN_R_NO_SAN);
	assert_int_equal(found.proto, 1);
	assert_int_equal(found.ports, 0);
	assert_int_equal(found.l4_off, IP);
}

static void test_fragments(void **state)
{
	struct ipv4_found found;

	assert_int_equal(read_changed(6, 0x20, &found), -SAN_R_NO_SAN); /* MF: the first one */
	assert_int_equal(found.fragment, 1);
	assert_int_equal(found.more, 1);
	assert_memory_equal(&found.ports, whole + 20, 4);
	assert_int_equal(read_changed(6, 0x40, &found), -SAN_R_NO_SAN); /* DF */
	assert_int_equal(found.fragment, 0);
	assert_int_equal(read_changed(7, 1, &found), -SAN_R_FRAGMENT); /* the last one */
	assert_int_equal(found.fragment, 1);
	assert_int_equal(found.more, 0);
	assert_int_equal(found.ports, 0);
	assert_int_equal(found.l4_off, 0);
	assert_int_equal(read_changed(6, 0x30, &found), -SAN_R_FRAGMENT); /* in the middle */
	assert_int_equal(found.more, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_bad_headers),
		cmocka_unit_test(test_total_length_ends_the_packet),
		cmocka_unit_test(test_options_are_walked_past),
		cmocka_unit_test(test_other_protocols_have_no_ports),
		cmocka_unit_test(test_fragments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
