/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/hash.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static uint64_t process_seed;

/* Before main(): no table may be older. */
__attribute__((constructor)) static void seed(void)
{
	struct timespec now;

	if (getrandom(&process_seed, sizeof(process_seed), GRND_NONBLOCK) == sizeof(process_seed))
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	process_seed = ((uint64_t)now.tv_nsec << 32) ^ (uint64_t)now.tv_sec ^ (uintptr_t)&now ^
		       ((uint64_t)getpid() << 16);
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t hash_seeded(uint64_t seed, const void *data, size_t len)
{
	const unsigned char *at = data;
	uint64_t hash = seed ^ len, word;

	for (; len >= sizeof(word); len -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		hash = mix(hash ^ word, 0x9e3779b97f4a7c15);
	}
	word = 0;
	if (len)
		memcpy(&word, at, len);
	return mix(hash ^ word, 0xd6e8feb86659fd93);
}

uint64_t hash_bytes(const void *data, size_t len)
{
	return hash_seeded(process_seed, data, len);
}
