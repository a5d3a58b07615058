/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Layouts of SAN_ABI_VERSION 2, whose pins lie flat in the pin directory and bring no BTF. */
#ifndef DP_ABI2_H
#define DP_ABI2_H

#include "dp/layout.h"

/* -ENOENT: that version had no such map, or nothing in it is worth copying. */
int abi2_layout(const char *map, struct layout *key, struct layout *value);

#endif
