/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A tenant whose revision in force cannot be read. */
#ifndef TESTS_UNIT_INTENT_UNREAD_H
#define TESTS_UNIT_INTENT_UNREAD_H

#include "unit/intent/rig.h"

#define RECORD(tenant, number, script)                                                             \
	"{\"tenant\":\"" tenant "\",\"revision\":" number ",\"time\":\"2026-01-01T00:00:00Z\","    \
	"\"by\":\"newer\",\"comment\":\"\",\"services\":[\"0x101\",\"0x102\"],\"script\":"         \
	"\"" script "\"}"

static UNUSED int rolled_back(int at, uint64_t revision)
{
	int r;

	came[0] = (struct came){0};
	err = (struct err){0};
	r = intent_rollback(host[at].in, "a", "op", revision, ANY_REVISION, on_result, &came[0],
			    &err);
	if (r)
		return r;
	RUN_UNTIL(came[0].done);
	return came[0].status;
}

/* Tenant a has "hq" in revision 1, and revision 2 is of another version. */
static UNUSED void damage(void)
{
	assert_int_equal(applied("a", SITE("hq", "1")), 0);
	raw_put("/san/nemo/revisions/a/0000000002", RECORD("a", "2", "CREATE novelty"));
	raw_put("/san/nemo/head", "{\"commit\":2,\"tenants\":{\"a\":2},\"legs\":[]}");
	RUN_UNTIL(host[0].commit == 2 && host[1].commit == 2);
}

static UNUSED const char *said_by(const char *name)
{
	char key[64];

	snprintf(key, sizeof(key), "/san/nemo/hosts/%s", name);
	return stored(key);
}

#endif
