/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bpf/lib/cursor.h compiled natively, under sanitizers: every golden vector, every prefix of every
 * golden packet, and every packet at the end of its allocation, so that a read beyond it is seen.
 * SAN_GOLDEN names another vectors.json.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include <san/map_abi.h>
#include <san/wire.h>

#include "lib/cursor.h"

#define ETHER_LEN 14

static const char *const reason_names[] = {
#define X(name, text, verdict, why) text,
	SAN_REASONS(X)
#undef X
};

static json_t *document;

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	if (!text)
		fail_msg("vectors.json: no string \"%s\"", name);
	return text;
}

static json_int_t number_of(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_number(value))
		fail_msg("vectors.json: no number \"%s\"", name);
	return json_number_value(value);
}

static uint8_t carriers_of(const json_t *list)
{
	static const struct {
		const char *name;
		uint8_t bit;
	} carriers[] = {
		{"doh", SAN_CARRIER_DOH}, {"hbh", SAN_CARRIER_HBH}, {"srh", SAN_CARRIER_SRH}};
	uint8_t bits = 0;
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		for (size_t k = 0; k < 3; k++) {
			if (!strcmp(json_string_value(item), carriers[k].name))
				bits |= carriers[k].bit;
		}
	}
	return bits;
}

static struct san_profile profile_of(const json_t *vector)
{
	const json_t *spec =
		json_object_get(json_object_get(document, "profiles"), text_of(vector, "profile"));

	return (struct san_profile){
		.carriers = carriers_of(json_object_get(spec, "carriers")),
		.opt_type = number_of(spec, "opt_type"),
		.tlv_type = number_of(spec, "tlv_type"),
		.version = number_of(spec, "version"),
		.id_offset = number_of(spec, "id_offset"),
		.id_len = number_of(spec, "id_len"),
	};
}

/* The IPv6 packet of a vector, exactly as long as its allocation. NULL: not an IPv6 frame. */
static uint8_t *packet_of(const json_t *vector, size_t *len)
{
	const char *hex = text_of(vector, "packet");
	char byte[3] = "";
	uint8_t *packet;

	if (strncmp(hex + 24, "86dd", 4))
		return NULL;
	hex += 2 * ETHER_LEN;
	*len = strlen(hex) / 2;
	packet = malloc(*len ? *len : 1);
	assert_non_null(packet);
	for (size_t i = 0; i < *len; i++) {
		memcpy(byte, hex + 2 * i, 2);
		packet[i] = strtoul(byte, NULL, 16);
	}
	return packet;
}

static void check_found(const json_t *parse, const struct san_found *found)
{
	assert_int_equal(found->service_id, strtoull(text_of(parse, "service_id"), NULL, 0));
	assert_int_equal(found->l4_off, number_of(parse, "l4_offset"));
	assert_int_equal(found->l4_proto, number_of(parse, "l4_proto"));
	assert_int_equal(found->fragment, number_of(parse, "fragment"));
	assert_int_equal(found->flags, number_of(parse, "flags"));
}

static void replay(const json_t *vector)
{
	const json_t *parse = json_object_get(vector, "parse");
	struct san_profile profile = profile_of(vector);
	struct san_found found = {0};
	size_t len;
	uint8_t *packet = packet_of(vector, &len);
	int result;

	if (!packet)
		return;
	result = cursor_find_san(packet, packet + len, &profile, &found);
	free(packet);
	if (result > 0 || -result >= SAN_R_MAX)
		fail_msg("%s: result %d", text_of(vector, "name"), result);
	if (strcmp(reason_names[-result], text_of(parse, "reason")))
		fail_msg("%s: %s, must be %s", text_of(vector, "name"), reason_names[-result],
			 text_of(parse, "reason"));
	if (!result)
		check_found(parse, &found);
}

static void test_golden_vectors(void **state)
{
	json_t *list = json_object_get(document, "vectors"), *vector;
	size_t i;

	assert_true(json_array_size(list) >= 120);
	json_array_foreach(list, i, vector)
		replay(vector);
}

/* A packet that was cut cannot keep its payload length: truncated, or not even IPv6. */
static void cut_everywhere(const json_t *vector)
{
	struct san_profile profile = profile_of(vector);
	size_t len, whole;
	uint8_t *packet = packet_of(vector, &len);

	if (!packet)
		return;
	whole = len < 40 ? len : (size_t)40 + (packet[4] << 8 | packet[5]);
	for (size_t cut = 0; cut < len && cut < whole; cut++) {
		uint8_t *part = malloc(cut ? cut : 1);
		struct san_found found = {0};
		int result;

		assert_non_null(part);
		memcpy(part, packet, cut);
		result = cursor_find_san(part, part + cut, &profile, &found);
		free(part);
		if (result != -SAN_R_TRUNCATED && result != -SAN_R_NOT_IP)
			fail_msg("%s cut to %zu bytes: result %d", text_of(vector, "name"), cut,
				 result);
	}
	free(packet);
}

static void test_every_prefix(void **state)
{
	json_t *list = json_object_get(document, "vectors"), *vector;
	size_t i;

	json_array_foreach(list, i, vector)
		cut_everywhere(vector);
}

/* Shrinks the packet and its payload length together: any reason may come, no overread. */
static void shrink_everywhere(const json_t *vector)
{
	struct san_profile profile = profile_of(vector);
	size_t len;
	uint8_t *packet = packet_of(vector, &len);

	for (size_t cut = 40; packet && cut < len; cut++) {
		struct san_found found = {0};
		uint8_t *part = malloc(cut);
		int result;

		assert_non_null(part);
		memcpy(part, packet, cut);
		part[4] = (cut - 40) >> 8;
		part[5] = (cut - 40) & 0xff;
		result = cursor_find_san(part, part + cut, &profile, &found);
		free(part);
		assert_in_range(-result, 0, SAN_R_MAX - 1);
		if (!result) {
			assert_true(found.service_id != 0);
			assert_true(found.l4_off <= cut);
		}
	}
	free(packet);
}

static void test_every_shorter_packet(void **state)
{
	json_t *list = json_object_get(document, "vectors"), *vector;
	size_t i;

	json_array_foreach(list, i, vector)
		shrink_everywhere(vector);
}

static void test_empty_packet(void **state)
{
	struct san_profile profile = SAN_PROFILE_EXP1;
	struct san_found found = {0};
	uint8_t *nothing = calloc(1, 1);

	assert_int_equal(cursor_find_san(nothing, nothing, &profile, &found), -SAN_R_TRUNCATED);
	free(nothing);
}

/* Seven mobility headers of 2048 bytes, then the SAN header: offsets far beyond one page. */
static void test_longest_chain(void **state)
{
	enum { LONG = 2048, CHAIN = 40 + 7 * LONG, SIZE = CHAIN + 16 + 4 };
	static const uint8_t last[] = {6, 0, 0x1e, 12, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1};
	struct san_profile profile = SAN_PROFILE_EXP1;
	struct san_found found = {0};
	uint8_t *packet = calloc(1, SIZE);

	assert_non_null(packet);
	packet[0] = 0x60;
	packet[4] = (SIZE - 40) >> 8;
	packet[5] = (SIZE - 40) & 0xff;
	packet[6] = 135;
	for (int i = 0; i < 7; i++) {
		packet[40 + i * LONG] = i < 6 ? 135 : 60;
		packet[40 + i * LONG + 1] = LONG / 8 - 1;
	}
	memcpy(packet + CHAIN, last, sizeof(last));
	packet[CHAIN + 1] = 1;
	assert_int_equal(cursor_find_san(packet, packet + SIZE, &profile, &found), 0);
	assert_int_equal(found.service_id, 0x101);
	assert_int_equal(found.l4_off, CHAIN + 16);
	packet[40 + 6 * LONG] = 135; /* an eighth that is cut short */
	packet[CHAIN + 1] = 255;
	assert_int_equal(cursor_find_san(packet, packet + SIZE, &profile, &found),
			 -SAN_R_TRUNCATED);
	free(packet);
}

enum { FRAG_LEN = 40 + 8 + 16 + 4 };

/* IPv6, fragment header, our option, ports. */
static int read_fragment(uint16_t offset_and_more, struct san_found *found)
{
	static const uint8_t rest[] = {60,   0,	 0,    0, 0xde, 0xad, 0xbe, 0xef, 6, 1,
				       0x1e, 12, 0x10, 0, 0,	0,    0,    0,	  0, 0,
				       0,    0,	 1,    1, 0,	80,   0,    99};
	struct san_profile profile = SAN_PROFILE_EXP1;
	uint8_t *packet = calloc(1, FRAG_LEN);
	int result;

	assert_non_null(packet);
	packet[0] = 0x60;
	packet[5] = FRAG_LEN - 40;
	packet[6] = 44;
	memcpy(packet + 40, rest, sizeof(rest));
	packet[42] = offset_and_more >> 8;
	packet[43] = offset_and_more & 0xff;
	result = cursor_find_san(packet, packet + FRAG_LEN, &profile, found);
	free(packet);
	return result;
}

/* A first fragment is read like a whole packet; a later one gives its identification. */
static void test_fragments(void **state)
{
	static const uint8_t id[] = {0xde, 0xad, 0xbe, 0xef};
	static const struct {
		uint16_t word;
		int result;
		uint8_t more;
	} cases[] = {
		{0x0000, 0, 0},
		{0x0001, 0, 1},
		{0x0006, 0, 0},
		{0x0007, 0, 1},
		{0x0008, -SAN_R_FRAGMENT, 0},
		{0x0009, -SAN_R_FRAGMENT, 1},
		{0xfff8, -SAN_R_FRAGMENT, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct san_found found = {0};

		assert_int_equal(read_fragment(cases[i].word, &found), cases[i].result);
		assert_int_equal(found.fragment, 1);
		assert_int_equal(found.more, cases[i].more);
		assert_memory_equal(&found.frag_id, id, sizeof(id));
		assert_int_equal(found.service_id, cases[i].result ? 0 : 0x101);
	}
}

/* Bytes behind the packet do not belong to it, and do not change what is found. */
static void test_padding(void **state)
{
	enum { LEN = 40 + 16 + 4, PADDING = 6 };
	static const uint8_t rest[] = {17, 1, 0x1e, 12, 0x10, 0, 0, 0,	0, 0,
				       0,  0, 0,    0,	1,    1, 0, 80, 0, 99};
	struct san_profile profile = SAN_PROFILE_EXP1;

	for (size_t padding = 0; padding <= PADDING; padding++) {
		uint8_t *packet = calloc(1, LEN + padding);
		struct san_found found = {0};

		assert_non_null(packet);
		packet[0] = 0x60;
		packet[5] = LEN - 40;
		packet[6] = 60;
		memcpy(packet + 40, rest, sizeof(rest));
		assert_int_equal(cursor_find_san(packet, packet + LEN + padding, &profile, &found),
				 0);
		assert_int_equal(found.service_id, 0x101);
		assert_int_equal(found.len, LEN);
		assert_int_equal(found.l4_off, 56);
		assert_int_equal(found.l4_proto, 17);
		free(packet);
	}
}

static int load(void **state)
{
	const char *path = getenv("SAN_GOLDEN");
	json_error_t error;

	/* Some of the numbers have 64 bits; none that is read here has more than 16. */
	document = json_load_file(path ? path : "tests/golden/wire/vectors.json",
				  JSON_DECODE_INT_AS_REAL, &error);
	if (!document)
		print_error("%s:%d: %s\n", error.source, error.line, error.text);
	return document ? 0 : -1;
}

static int unload(void **state)
{
	json_decref(document);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_vectors),
		cmocka_unit_test(test_every_prefix),
		cmocka_unit_test(test_every_shorter_packet),
		cmocka_unit_test(test_empty_packet),
		cmocka_unit_test(test_longest_chain),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_padding),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
