/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "libmutate.h"

#include <string.h>

#define MAX_LEN (DRIVER_PACKET - 64)
#define MIN_LEN 14
#define HEADERS 150 /* bytes where most changes go */

/* xorshift64* */
static uint32_t dice(struct mutate *m, uint32_t sides)
{
	m->state ^= m->state >> 12;
	m->state ^= m->state << 25;
	m->state ^= m->state >> 27;
	return (uint64_t)(uint32_t)(m->state * 0x2545f4914f6cdd1dull >> 32) * sides >> 32;
}

void mutate_init(struct mutate *m, const struct mass_seeds *seeds, uint64_t start)
{
	m->seeds = seeds;
	m->state = start * 0x9e3779b97f4a7c15ull + 1;
	m->n_pool = 0;
	dice(m, 2);
}

/* --- where things are in a frame ---------------------------------------------------------------
 */

static size_t ip_at(const uint8_t *data, size_t len)
{
	size_t at = 12;

	while (at + 6 <= len &&
	       ((data[at] == 0x81 && !data[at + 1]) || (data[at] == 0x88 && data[at + 1] == 0xa8)))
		at += 4;
	return at + 2;
}

static int version_at(const uint8_t *data, size_t len)
{
	size_t at = ip_at(data, len);

	return at < len ? data[at] >> 4 : 0;
}

/* Makes the length of the IP header fit what is there. */
static void fit(uint8_t *data, size_t len)
{
	size_t at = ip_at(data, len);

	if (version_at(data, len) == 6 && len >= at + 40) {
		data[at + 4] = (len - at - 40) >> 8;
		data[at + 5] = len - at - 40;
	} else if (version_at(data, len) == 4 && len >= at + 20) {
		data[at + 2] = (len - at) >> 8;
		data[at + 3] = len - at;
	}
}

/* A byte, mostly of the headers in front. */
static size_t place(struct mutate *m, size_t len)
{
	size_t most = len < HEADERS ? len : HEADERS;

	if (dice(m, 5) && most > 12)
		return 12 + dice(m, most - 12);
	return dice(m, len);
}

/* --- changes ------------------------------------------------------------------------------------
 */

static size_t set_byte(struct mutate *m, uint8_t *data, size_t len)
{
	static const uint8_t values[] = {0,    1,    2,	   4,	 5,    6,    7,	  8,   11,
					 12,   13,   16,   17,	 30,   41,   43,  44,  50,
					 51,   58,   59,   60,	 124,  127,  128, 140, 0x81,
					 0x86, 0x88, 0xa8, 0xdd, 0xfc, 0xfe, 0xff};

	data[place(m, len)] = values[dice(m, sizeof(values))];
	return len;
}

static size_t flip_bit(struct mutate *m, uint8_t *data, size_t len)
{
	data[place(m, len)] ^= 1 << dice(m, 8);
	return len;
}

static size_t cut(struct mutate *m, uint8_t *data, size_t len)
{
	size_t to = MIN_LEN + dice(m, len - MIN_LEN + 1);

	if (dice(m, 2))
		fit(data, to);
	return to;
}

static size_t grow(struct mutate *m, uint8_t *data, size_t len)
{
	size_t n = 1 + dice(m, 64);

	if (len + n > MAX_LEN)
		return len;
	memset(data + len, dice(m, 256), n);
	if (dice(m, 2))
		fit(data, len + n);
	return len + n;
}

static size_t insert(struct mutate *m, uint8_t *data, size_t len)
{
	size_t at = place(m, len), n = 1u << dice(m, 6);

	if (len + n > MAX_LEN)
		return len;
	memmove(data + at + n, data + at, len - at);
	memset(data + at, dice(m, 3) ? 0 : dice(m, 256), n);
	fit(data, len + n);
	return len + n;
}

static size_t remove_some(struct mutate *m, uint8_t *data, size_t len)
{
	size_t at = place(m, len), n = 1u << dice(m, 5);

	if (at + n >= len || len - n < MIN_LEN)
		return len;
	memmove(data + at, data + at + n, len - at - n);
	fit(data, len - n);
	return len - n;
}

static size_t change_length(struct mutate *m, uint8_t *data, size_t len)
{
	static const int by[] = {-9, -8, -1, 1, 7, 8, 1000};
	size_t at = ip_at(data, len) + (version_at(data, len) == 6 ? 4 : 2);
	unsigned int value;

	if (at + 2 > len)
		return len;
	value = (data[at] << 8 | data[at + 1]) + by[dice(m, 7)];
	data[at] = value >> 8;
	data[at + 1] = value;
	return len;
}

/* Puts a tag in front of the EtherType, or takes one off. */
static size_t tag(struct mutate *m, uint8_t *data, size_t len)
{
	if (ip_at(data, len) > 14 && dice(m, 2)) {
		memmove(data + 12, data + 16, len - 16);
		return len - 4;
	}
	if (len + 4 > MAX_LEN)
		return len;
	memmove(data + 16, data + 12, len - 12);
	data[12] = dice(m, 2) ? 0x81 : 0x88;
	data[13] = data[12] == 0x81 ? 0 : 0xa8;
	data[14] = 0;
	data[15] = dice(m, 256);
	return len + 4;
}

/* Hop limit, traffic class, an address or a part of it, of another packet. */
static size_t borrow(struct mutate *m, uint8_t *data, size_t len)
{
	const struct mass_seed *other = &m->seeds->list[dice(m, m->seeds->n)];
	size_t mine = ip_at(data, len), theirs = ip_at(other->data, other->len);
	int version = version_at(data, len);
	size_t n = version == 6 ? 16 : 4, end = dice(m, 2), at = (version == 6 ? 8 : 12) + end * n;

	if ((version != 4 && version != 6) || version_at(other->data, other->len) != version)
		return len;
	if (mine + at + n <= len && theirs + at + n <= other->len)
		memcpy(data + mine + at, other->data + theirs + at, n);
	return len;
}

/* The head of this packet and the tail of another, cut at the same distance from the front. */
static size_t splice(struct mutate *m, uint8_t *data, size_t len)
{
	const struct mass_seed *other = &m->seeds->list[dice(m, m->seeds->n)];
	size_t least = len < other->len ? len : other->len, at;

	if (other->len > MAX_LEN || least <= MIN_LEN)
		return len;
	at = MIN_LEN + dice(m, (least < HEADERS ? least : HEADERS) - MIN_LEN);
	memcpy(data + at, other->data + at, other->len - at);
	if (dice(m, 2))
		fit(data, other->len);
	return other->len;
}

static size_t hop_limit(struct mutate *m, uint8_t *data, size_t len)
{
	size_t at = ip_at(data, len) + (version_at(data, len) == 6 ? 7 : 8);

	if (at < len)
		data[at] = dice(m, 4) ? dice(m, 3) : dice(m, 256);
	return len;
}

/* IPv4: DF, MF and offset. */
static size_t fragment_bits(struct mutate *m, uint8_t *data, size_t len)
{
	size_t at = ip_at(data, len) + 6;

	if (version_at(data, len) != 4 || at + 2 > len)
		return len;
	data[at] = dice(m, 8) << 5;
	data[at + 1] = dice(m, 2) ? 0 : dice(m, 16);
	return len;
}

static size_t pad_big(struct mutate *m, uint8_t *data, size_t len)
{
	size_t to = 500 + dice(m, 1200);

	if (to <= len || to > MAX_LEN)
		return len;
	memset(data + len, 'x', to - len);
	fit(data, to);
	return to;
}

static size_t other_port(struct mutate *m, uint8_t *data, size_t len)
{
	size_t at = ip_at(data, len) + (version_at(data, len) == 6 ? 56 : 20);

	if (at + 4 > len)
		return len;
	data[at + 1] ^= dice(m, 8);
	data[at + 3] ^= dice(m, 2);
	return len;
}

static size_t (*const changes[])(struct mutate *, uint8_t *, size_t) = {
	set_byte,      set_byte,  set_byte,	 flip_bit, flip_bit,	flip_bit,
	cut,	       grow,	  insert,	 insert,   remove_some, remove_some,
	change_length, tag,	  borrow,	 borrow,   borrow,	splice,
	splice,	       hop_limit, fragment_bits, pad_big,  other_port,	other_port,
};

#define N_CHANGES (sizeof(changes) / sizeof(changes[0]))

/* --- packets
 * -------------------------------------------------------------------------------------- */

static size_t take_seed(struct mutate *m, uint8_t *packet)
{
	const struct mass_seed *seed = &m->seeds->list[dice(m, m->seeds->n)];
	size_t len = seed->len < MAX_LEN ? seed->len : MAX_LEN;

	memcpy(packet, seed->data, len);
	return len;
}

static size_t take_pool(struct mutate *m, uint8_t *packet)
{
	unsigned int which = dice(m, m->n_pool);

	memcpy(packet, m->pool[which].data, m->pool[which].len);
	return m->pool[which].len;
}

static void remember(struct mutate *m, const uint8_t *packet, size_t len)
{
	unsigned int which = m->n_pool < MUTATE_POOL ? m->n_pool++ : dice(m, MUTATE_POOL);

	memcpy(m->pool[which].data, packet, len);
	m->pool[which].len = len;
}

static size_t noise(struct mutate *m, uint8_t *packet)
{
	size_t i, len = take_seed(m, packet);

	for (i = 14; i < len && i < 200; i++)
		packet[i] = dice(m, 256);
	if (dice(m, 2))
		packet[14] = 0x60;
	return len;
}

size_t mutate_next(struct mutate *m, uint8_t *packet)
{
	uint32_t kind = dice(m, 100), n;
	size_t len;

	if (kind < 30)
		return take_seed(m, packet);
	if (kind < 31)
		return noise(m, packet);
	len = m->n_pool && kind < 70 ? take_pool(m, packet) : take_seed(m, packet);
	for (n = 1 + dice(m, 3); n; n--)
		len = changes[dice(m, N_CHANGES)](m, packet, len);
	if (dice(m, 4) == 0)
		remember(m, packet, len);
	return len;
}
