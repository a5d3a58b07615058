/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names and service IDs as text (spec: keys). */
#ifndef UTIL_NAME_H
#define UTIL_NAME_H

#include <stdbool.h>
#include <stdint.h>

#define NAME_LEN 64    /* with NUL */
#define SVC_ID_TEXT 19 /* "0x" + 16 digits + NUL */

/* [A-Za-z0-9._-]{1,63} */
bool name_valid(const char *name);
/* "0x101" or "257" -> 257. -EINVAL for 0, signs, junk, more than 64 bits. */
int svc_id_parse(const char *text, uint64_t *id);
/* Canonical: "0x" + lower-case hex without leading zeros. Returns buf. */
const char *svc_id_text(uint64_t id, char buf[SVC_ID_TEXT]);

#endif
