/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A packet as text. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/compile_int.h"

#define WORDS_MAX 6 /* src dst proto sport dport dscp */
#define TEXT_MAX 256

static int read_address(const char *field, const char *text, struct in6_addr *out, struct err *err)
{
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		memset(out, 0, sizeof(*out));
		out->s6_addr[10] = out->s6_addr[11] = 0xff;
		memcpy(&out->s6_addr[12], &v4, sizeof(v4));
		return 0;
	}
	if (inet_pton(AF_INET6, text, out) == 1)
		return 0;
	return err_set(err, -EINVAL, field, text, "must be an IPv4 or IPv6 address");
}

static int read_number(const char *field, const char *text, unsigned int max, unsigned int *out,
		       struct err *err)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long number =
		digits && digits <= 5 && !text[digits] ? strtoul(text, NULL, 10) : max + 1ul;

	if (number > max)
		return err_set(err, -EINVAL, field, text, "must be 0..%u", max);
	*out = (unsigned int)number;
	return 0;
}

static int read_rest(char *const *words, unsigned int n, struct nemo_packet *out, struct err *err)
{
	unsigned int sport = 0, dport = 0, dscp = 0;
	int r = 0;

	if (n == 4)
		return err_set(err, -EINVAL, "", "",
			       "must have both ports, or none: \"src dst proto sport dport\"");
	if (n > 2 && !nemo_proto_read(words[2], &out->proto))
		return err_set(err, -EINVAL, "proto", words[2],
			       "must be tcp, udp, icmp, icmp6 or 0..255");
	if (n > 4)
		r = read_number("sport", words[3], UINT16_MAX, &sport, err);
	if (!r && n > 4)
		r = read_number("dport", words[4], UINT16_MAX, &dport, err);
	if (!r && n > 5)
		r = read_number("dscp", words[5], 63, &dscp, err);
	out->sport = (uint16_t)sport;
	out->dport = (uint16_t)dport;
	out->dscp = (uint8_t)dscp;
	return r;
}

static int read_words(char *const *words, unsigned int n, struct nemo_packet *out, struct err *err)
{
	int r;

	if (n < 2 || n > WORDS_MAX)
		return err_set(err, -EINVAL, "", "",
			       "must be \"src dst [proto [sport dport [dscp]]]\"");
	r = read_address("src", words[0], &out->src, err);
	if (!r)
		r = read_address("dst", words[1], &out->dst, err);
	if (!r && nemo_family_of(&out->src) != nemo_family_of(&out->dst))
		r = err_set(err, -EINVAL, "dst", words[1], "must be of the IP version of src");
	return r ? r : read_rest(words, n, out, err);
}

int nemo_packet_read(const char *text, struct nemo_packet *out, struct err *err)
{
	char copy[TEXT_MAX], *words[WORDS_MAX + 1], *save = NULL;
	struct nemo_packet packet = {0};
	unsigned int n = 0;
	int r;

	if (strlen(text) >= sizeof(copy)) {
		r = err_set(err, -EINVAL, "", text, "must be shorter than %d bytes", TEXT_MAX);
	} else {
		strcpy(copy, text);
		for (char *word = strtok_r(copy, " \t", &save); word && n <= WORDS_MAX;
		     word = strtok_r(NULL, " \t", &save))
			words[n++] = word;
		r = read_words(words, n, &packet, err);
	}
	if (r)
		return err_object(err, "packet");
	*out = packet;
	return 0;
}
