/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "north/share.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- parties ---- */

static struct share *get(struct shares *all, const char *name)
{
	struct share *share;

	HASH_FIND_STR(all->v, name, share);
	if (share)
		return share_ref(share);
	share = calloc(1, sizeof(*share));
	if (!share)
		return NULL;
	share->refs = 1;
	share->all = all;
	snprintf(share->name, sizeof(share->name), "%s", name);
	HASH_ADD_STR(all->v, name, share);
	return share;
}

struct share *share_unix(struct shares *all)
{
	struct share *share = get(all, "unix");

	if (share)
		share->local = share->known = true;
	return share;
}

static void address_name(const struct sockaddr_storage *addr, char name[SHARE_NAME_LEN])
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)addr;
	struct in6_addr in6 = ((const struct sockaddr_in6 *)addr)->sin6_addr;
	char text[INET6_ADDRSTRLEN] = "";

	if (addr->ss_family != AF_INET6) {
		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
	} else if (IN6_IS_ADDR_V4MAPPED(&in6)) {
		inet_ntop(AF_INET, &in6.s6_addr[12], text, sizeof(text));
	} else {
		memset(&in6.s6_addr[8], 0, 8);
		inet_ntop(AF_INET6, &in6, text, sizeof(text));
	}
	snprintf(name, SHARE_NAME_LEN, "%s", text);
}

struct share *share_address(struct shares *all, const struct sockaddr_storage *addr)
{
	char name[SHARE_NAME_LEN];

	address_name(addr, name);
	return get(all, name);
}

/* The word before the name keeps those of one name apart, whatever it holds. */
static struct share *get_known(struct shares *all, const char *what, const char *who)
{
	char name[SHARE_NAME_LEN];
	struct share *share;

	snprintf(name, sizeof(name), "%s %s", what, who);
	share = get(all, name);
	if (share)
		share->known = true;
	return share;
}

struct share *share_principal(struct shares *all, const char *who)
{
	return get_known(all, "principal", who);
}

struct share *share_tenant(struct shares *all, const char *who)
{
	return get_known(all, "tenant", who);
}

struct share *share_ref(struct share *share)
{
	share->refs++;
	return share;
}

void share_put(struct share *share)
{
	if (!share || --share->refs)
		return;
	HASH_DEL(share->all->v, share);
	free(share);
}

bool share_has_room(const struct share *share, size_t bytes)
{
	size_t max = SHARE_BYTES_MAX - (share->local ? 0 : SHARE_BYTES_LOCAL);

	if (share->all->bytes >= max || bytes > max - share->all->bytes)
		return false;
	return share->local || !share->bytes || share->bytes + bytes <= SHARE_BYTES_PARTY;
}

/* ---- rates ---- */

static void refill(struct rate_bucket *bucket, double per_s, uint64_t now_us)
{
	bucket->left += (double)(now_us - bucket->at_us) * per_s / 1e6;
	if (bucket->at_us == 0 || bucket->left > per_s)
		bucket->left = per_s;
	bucket->at_us = now_us;
}

/* The party's, or the one of whom was seen the longest ago: it is full again. */
static struct rate_bucket *bucket_of(struct rate *rate, const char *name)
{
	struct rate_bucket *oldest = &rate->v[0];

	for (size_t i = 0; i < RATE_PARTIES; i++) {
		if (strcmp(rate->v[i].name, name) == 0)
			return &rate->v[i];
		if (rate->v[i].at_us < oldest->at_us)
			oldest = &rate->v[i];
	}
	*oldest = (struct rate_bucket){0};
	snprintf(oldest->name, sizeof(oldest->name), "%s", name);
	return oldest;
}

bool rate_take(struct rate *rate, const char *name, uint64_t now_us)
{
	struct rate_bucket *party;

	refill(&rate->all, RATE_ALL, now_us);
	if (rate->all.left >= 1) {
		party = bucket_of(rate, name);
		refill(party, RATE_PARTY, now_us);
		if (party->left >= 1) {
			party->left--;
			rate->all.left--;
			return true;
		}
	}
	rate->refused++;
	return false;
}
