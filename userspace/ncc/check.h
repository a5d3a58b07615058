/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every field of every message a child may send, looked at alone: ranges, enums, strings,
 * addresses. What needs other objects (references, limits) is the plan's business. Pure.
 */
#ifndef NCC_CHECK_H
#define NCC_CHECK_H

#include "ncc/wire.h"

#define CHECK_MAX_SERVICES (1u << 24)
#define CHECK_MAX_NEXTHOPS (1u << 20)
#define CHECK_MAX_FLOWS (1u << 24)
#define CHECK_MIN_SLOTS 256
#define CHECK_MAX_SLOTS (1u << 24)
#define CHECK_MAX_FRAGS (1u << 20)
#define CHECK_MAX_SAMPLE 1000000
#define CHECK_MAX_IDLE 86400
#define CHECK_MAX_WEIGHT (SAN_MAX_MEMBERS * SAN_MAX_WEIGHT) /* of equal next hops together */
#define CHECK_MAX_TRACE_S 3600
#define CHECK_MAX_PRIORITY 32765 /* before the rule that looks up main */

/* 0, -EPROTO for a type that only a parent sends, -EINVAL. err names message, field, value, and
 * what would be right. */
int check_message(unsigned int type, const void *payload, struct err *err);

#endif
