/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys: taking them apart, and saying of which ones that they were refused. */
#include <errno.h>
#include <string.h>

#include "ncsdb/write.h"

int ncsdb_key_split(const char *key, const char *prefix, char (*parts)[NAME_LEN], int max)
{
	size_t prefix_len = strlen(prefix);
	int n = 0;

	if (strncmp(key, prefix, prefix_len) != 0)
		return -EINVAL;
	for (const char *p = key + prefix_len;; n++) {
		const char *end = strchrnul(p, '/');
		size_t len = end - p;

		if (n == max || len >= NAME_LEN)
			return -EINVAL;
		memcpy(parts[n], p, len);
		parts[n][len] = '\0';
		if (!name_valid(parts[n]))
			return -EINVAL;
		if (!*end)
			return n + 1;
		p = end + 1;
	}
}

/* One text for each ID: svc_id_text()'s. */
int ncsdb_key_service(const char *part, uint64_t *id)
{
	if (part[0] != '0' || part[1] != 'x' || part[2] == '0')
		return -EINVAL;
	for (const char *p = part + 2; *p; p++)
		if (*p >= 'A' && *p <= 'F')
			return -EINVAL;
	return svc_id_parse(part, id);
}

static uint64_t key_hash(const char *key)
{
	uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */

	for (; *key; key++)
		hash = (hash ^ (unsigned char)*key) * 0x100000001b3;
	return hash ? hash : 1;
}

bool ncsdb_refused(struct ncsdb_refusals *refusals, const char *key, uint64_t now_us)
{
	uint64_t hash = key_hash(key);

	refusals->count++;
	for (unsigned int i = 0; i < NCSDB_REFUSALS; i++)
		if (refusals->recent[i] == hash)
			return false;
	if (now_us - refusals->minute_us > 60 * 1000000ull) {
		refusals->minute_us = now_us;
		refusals->told = 0;
	}
	if (refusals->told == NCSDB_REFUSALS)
		return false;
	refusals->told++;
	refusals->recent[refusals->next++ % NCSDB_REFUSALS] = hash;
	return true;
}
