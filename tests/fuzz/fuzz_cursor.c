/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzes bpf/lib/cursor.h. Input: one byte that chooses a profile, then an IPv6 packet. The packet
 * is copied to an allocation of exactly its size, so that ASan sees every read
 * beyond it. Invariants besides: a reason the parser may give, a service ID that is not 0 and
 * stands in the packet, an upper layer within the packet, the same answer twice, and the same
 * answer when bytes follow the packet that its payload length does not cover.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <san/map_abi.h>
#include <san/wire.h>

#include "lib/cursor.h"

#define HOLDS(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "fuzz_cursor: does not hold: %s\n", #condition);           \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct san_profile profiles[] = {
	SAN_PROFILE_EXP1,
	{SAN_CARRIER_DOH, 0x1e, 124, 1, 4, 8, {0}},
	{SAN_CARRIER_HBH, 0x1e, 124, 1, 4, 8, {0}},
	{SAN_CARRIER_SRH, 0x1e, 124, 1, 4, 8, {0}},
	{SAN_CARRIER_DOH | SAN_CARRIER_HBH | SAN_CARRIER_SRH, 0x1e, 124, 1, 4, 4, {0}},
	{SAN_CARRIER_DOH | SAN_CARRIER_HBH | SAN_CARRIER_SRH, 0x1e, 124, 0, 0, 4, {0}},
	{SAN_CARRIER_DOH | SAN_CARRIER_HBH | SAN_CARRIER_SRH, 0x1e, 124, 0, 0, 8, {0}},
	{SAN_CARRIER_DOH | SAN_CARRIER_HBH | SAN_CARRIER_SRH, 0x1e, 124, 1, 32, 8, {0}},
};

static int may_be(int reason)
{
	switch (reason) {
	case SAN_R_FORWARDED:
	case SAN_R_NOT_IP:
	case SAN_R_NO_SAN:
	case SAN_R_BAD_VERSION:
	case SAN_R_FRAGMENT:
	case SAN_R_TRUNCATED:
	case SAN_R_BAD_OPTION:
	case SAN_R_BAD_SRH:
	case SAN_R_ZERO_SERVICE:
	case SAN_R_TOO_DEEP:
		return 1;
	}
	return 0;
}

/* Parses size bytes followed by nothing; extra bytes more behind them do not belong to the packet.
 */
static int parse(const uint8_t *data, size_t size, size_t extra, const struct san_profile *profile,
		 struct san_found *found)
{
	uint8_t *copy = malloc(size + extra ? size + extra : 1);
	int result;

	HOLDS(copy != NULL);
	memcpy(copy, data, size);
	memset(copy + size, 0x1e, extra);
	memset(found, 0, sizeof(*found));
	result = cursor_find_san(copy, copy + size + extra, profile, found);
	free(copy);
	return result;
}

static int holds_id(const uint8_t *data, size_t size, const struct san_profile *profile,
		    uint64_t id)
{
	for (size_t at = 40; at + profile->id_len <= size; at++) {
		uint64_t here = 0;

		for (size_t i = 0; i < profile->id_len; i++)
			here = here << 8 | data[at + i];
		if (here == id)
			return 1;
	}
	return 0;
}

static void check_found(const uint8_t *data, size_t size, const struct san_profile *profile,
			const struct san_found *found)
{
	size_t end = 40 + (data[4] << 8 | data[5]);

	HOLDS(end <= size);
	HOLDS(found->service_id != 0);
	HOLDS(holds_id(data, end, profile, found->service_id));
	HOLDS(found->l4_off == 0 || (found->l4_off > 40 && found->l4_off <= end));
	HOLDS(found->flags < 16 && found->fragment < 2 && found->more <= found->fragment);
	HOLDS(found->fragment || !found->frag_id);
	if (found->l4_proto == 6 || found->l4_proto == 17)
		HOLDS(found->l4_off && (size_t)found->l4_off + 4 <= end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct san_profile *profile;
	struct san_found found, again;
	int result;

	if (size < 1)
		return 0;
	profile = &profiles[data[0] % (sizeof(profiles) / sizeof(profiles[0]))];
	data++;
	size--;
	result = parse(data, size, 0, profile, &found);
	HOLDS(may_be(-result));
	HOLDS(parse(data, size, 0, profile, &again) == result);
	HOLDS(!memcmp(&found, &again, sizeof(found)));
	if (!result)
		check_found(data, size, profile, &found);
	if (size >= 40 && size == (size_t)40 + (data[4] << 8 | data[5]))
		HOLDS(parse(data, size, 64, profile, &again) == result);
	return 0;
}
