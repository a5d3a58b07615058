/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands in a frame. */
#include <string.h>

#include "libjudge.h"

enum {
	NEXT_HBH = 0,
	NEXT_TCP = 6,
	NEXT_UDP = 17,
	NEXT_ROUTING = 43,
	NEXT_FRAGMENT = 44,
	NEXT_ESP = 50,
	NEXT_AH = 51,
	NEXT_NONE = 59,
	NEXT_DOH = 60,
};

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static unsigned int be16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

void judge_l2(const uint8_t *frame, size_t len, struct judge_l2 *l2)
{
	size_t at = 12;

	*l2 = (struct judge_l2){0};
	while (len >= at + 2 && (be16(frame + at) == 0x8100 || be16(frame + at) == 0x88a8)) {
		at += 4;
		if (++l2->tags > 2)
			return;
	}
	if (len < at + 2)
		return;
	l2->len = at + 2;
	l2->version = be16(frame + at) == 0x86dd ? 6 : be16(frame + at) == 0x0800 ? 4 : 0;
}

/* --- the walk over extension headers ------------------------------------------------------- */

struct walk {
	const struct san_profile *profile;
	struct judge_packet *p;
	size_t at;
	unsigned int headers, options;
	uint64_t id;
};

static bool is_extension(uint8_t number)
{
	switch (number) {
	case NEXT_HBH:
	case NEXT_DOH:
	case NEXT_ROUTING:
	case NEXT_FRAGMENT:
	case NEXT_AH:
	case 135:
	case 139:
	case 140:
		return true;
	}
	return false;
}

static int read_san(struct walk *w, const uint8_t *value, size_t len)
{
	const struct san_profile *profile = w->profile;
	size_t i;

	if (len < (size_t)profile->id_offset + profile->id_len || (profile->version && len < 12))
		return SAN_R_BAD_OPTION;
	if (profile->version && value[0] >> 4 != profile->version)
		return SAN_R_BAD_VERSION;
	for (i = 0; i < profile->id_len; i++)
		w->id = w->id << 8 | value[profile->id_offset + i];
	return w->id ? 0 : SAN_R_ZERO_SERVICE;
}

static int read_options(struct walk *w, size_t at, size_t end, uint8_t type)
{
	const uint8_t *data = w->p->data;
	int reason;

	while (at < end) {
		if (++w->options > SAN_MAX_OPTIONS)
			return SAN_R_TOO_DEEP;
		if (!data[at]) {
			at++;
			continue;
		}
		if (at + 2 > end || at + 2 + data[at + 1] > end)
			return SAN_R_BAD_OPTION;
		if (data[at] == type && !w->id) {
			reason = read_san(w, data + at + 2, data[at + 1]);
			if (reason)
				return reason;
		}
		at += 2 + data[at + 1];
	}
	return 0;
}

static int read_routing(struct walk *w, size_t size)
{
	const uint8_t *header = w->p->data + w->at;
	size_t entries = header[4] + 1;

	if (entries * 16 + 8 > size || header[3] > entries)
		return SAN_R_BAD_SRH;
	return read_options(w, w->at + 8 + entries * 16, w->at + size, w->profile->tlv_type);
}

static int read_fragment(struct walk *w)
{
	const uint8_t *header = w->p->data + w->at;

	w->p->has_frag = true;
	memcpy(w->p->frag_key + 32, header + 4, 4);
	if (be16(header + 2) & 0xfff8) {
		w->p->later = true;
		return SAN_R_FRAGMENT;
	}
	w->p->more = header[3] & 1;
	return 0;
}

static int read_contents(struct walk *w, uint8_t number, size_t size)
{
	uint8_t on = w->profile->carriers;

	if (number == NEXT_FRAGMENT)
		return read_fragment(w);
	if ((number == NEXT_DOH && on & SAN_CARRIER_DOH) ||
	    (number == NEXT_HBH && on & SAN_CARRIER_HBH))
		return read_options(w, w->at + 2, w->at + size, w->profile->opt_type);
	if (number == NEXT_ROUTING && on & SAN_CARRIER_SRH && w->p->data[w->at + 2] == 4)
		return read_routing(w, size);
	return 0;
}

static int read_extension(struct walk *w, uint8_t *number)
{
	const uint8_t *data = w->p->data;
	size_t size = 8;
	int reason;

	if (++w->headers > SAN_MAX_EXT_HDRS)
		return SAN_R_TOO_DEEP;
	if (w->at + 8 > w->p->size)
		return SAN_R_TRUNCATED;
	if (*number == NEXT_AH)
		size = (data[w->at + 1] + 2) * 4;
	else if (*number != NEXT_FRAGMENT)
		size = (data[w->at + 1] + 1) * 8;
	if (w->at + size > w->p->size)
		return SAN_R_TRUNCATED;
	reason = read_contents(w, *number, size);
	*number = data[w->at];
	w->at += size;
	return reason;
}

static int read_upper(struct judge_packet *p, size_t at)
{
	p->upper = p->data + at;
	p->upper_len = p->size - at;
	if (p->proto != NEXT_TCP && p->proto != NEXT_UDP)
		return 0;
	if (p->upper_len < 4)
		return SAN_R_TRUNCATED;
	memcpy(p->ports, p->upper, 4);
	return 0;
}

static int read_chain(struct walk *w)
{
	uint8_t number = w->p->data[6];
	int reason;

	while (is_extension(number)) {
		reason = read_extension(w, &number);
		if (reason)
			return reason;
	}
	w->p->proto = number;
	if (number != NEXT_ESP && number != NEXT_NONE) {
		reason = read_upper(w->p, w->at);
		if (reason)
			return reason;
	}
	w->p->service_id = w->id;
	return w->id ? 0 : SAN_R_NO_SAN;
}

static int read_ip6(const struct san_profile *profile, const uint8_t *data, size_t len,
		    struct judge_packet *p)
{
	struct walk w = {.profile = profile, .p = p, .at = 40};

	if (len < 40)
		return SAN_R_TRUNCATED;
	if (data[0] >> 4 != 6)
		return SAN_R_NOT_IP;
	p->size = 40 + be16(data + 4);
	if (p->size > len)
		return SAN_R_TRUNCATED;
	p->hop_limit = data[7];
	p->traffic_class = (data[0] & 0xf) << 4 | data[1] >> 4;
	memcpy(p->src, data + 8, 16);
	memcpy(p->dst, data + 24, 16);
	memcpy(p->frag_key, data + 8, 32);
	p->reason = read_chain(&w);
	return 0;
}

/* --- IPv4 ------------------------------------------------------------------------------------ */

static int read_ip4(const uint8_t *data, size_t len, struct judge_packet *p)
{
	size_t header;

	if (len < 20)
		return SAN_R_TRUNCATED;
	header = (data[0] & 0xf) * 4;
	p->size = be16(data + 2);
	if (data[0] >> 4 != 4 || header < 20 || header > len || p->size < header || p->size > len)
		return SAN_R_BAD_IPV4;
	p->hop_limit = data[8];
	p->traffic_class = data[1];
	p->proto = data[9];
	memcpy(p->src, mapped, 12);
	memcpy(p->src + 12, data + 12, 4);
	memcpy(p->dst, mapped, 12);
	memcpy(p->dst + 12, data + 16, 4);
	p->has_frag = true;
	memcpy(p->frag_key, p->src, 16);
	memcpy(p->frag_key + 16, p->dst, 16);
	memcpy(p->frag_key + 32, data + 4, 2);
	p->frag_key[36] = p->proto;
	p->frag_key[37] = 4;
	p->reason = SAN_R_NO_SAN;
	if (be16(data + 6) & 0x1fff) {
		p->later = true;
		p->reason = SAN_R_FRAGMENT;
		return 0;
	}
	p->more = data[6] & 0x20;
	if (read_upper(p, header))
		p->reason = SAN_R_TRUNCATED;
	return 0;
}

int judge_read(const struct san_profile *profile, int version, const uint8_t *data, size_t len,
	       struct judge_packet *p)
{
	*p = (struct judge_packet){.version = version, .data = data};
	return version == 6 ? read_ip6(profile, data, len, p) : read_ip4(data, len, p);
}

static bool routable6(const uint8_t *a)
{
	static const uint8_t zero[8];

	return memcmp(a, zero, 8) && a[0] != 0xff && !(a[0] == 0xfe && (a[1] & 0xc0) == 0x80);
}

static bool routable4(const uint8_t *a)
{
	return a[0] && a[0] != 127 && a[0] < 224 && !(a[0] == 169 && a[1] == 254);
}

bool judge_routable(const struct judge_packet *p)
{
	if (p->version == 6)
		return routable6(p->src) && routable6(p->dst);
	return routable4(p->src + 12) && routable4(p->dst + 12);
}
