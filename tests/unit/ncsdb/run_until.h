/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting for something that has no answer of its own: RUN_UNTIL(condition). */
#ifndef TESTS_UNIT_NCSDB_RUN_UNTIL_H
#define TESTS_UNIT_NCSDB_RUN_UNTIL_H

#include "unit/ncsdb/harness.h"

#define UNTIL_WHY (db ? status().why : "")
#include "unit/until.h"

#define RUN_UNTIL(condition) UNTIL(&loop, 60000, condition)

#endif
