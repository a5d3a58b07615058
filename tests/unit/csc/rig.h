/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A csc on a database of its own. */
#ifndef TESTS_UNIT_CSC_RIG_H
#define TESTS_UNIT_CSC_RIG_H

#include "unit/srm/rig.h"

#include "csc/csc.h"

#define OWN_CLOCK_JUMPS 1
#include "unit/own_clock.h"

static struct csc *csc;
static struct answer a;
static struct csc_conf conf;

static UNUSED void csc_again(void)
{
	synced = false;
	assert_int_equal(csc_open(db, &view, &conf, on_synced, NULL, &csc), 0);
	assert_false(synced);
	wait_for(&synced);
}

static UNUSED int setup(void **state)
{
	rig_open();
	conf = (struct csc_conf){0};
	csc_again();
	return 0;
}

static UNUSED int setup_gateway(void **state)
{
	rig_open();
	conf = (struct csc_conf){"gw2", addr("5f00:0:2::"), 48};
	csc_again();
	return 0;
}

static UNUSED int teardown(void **state)
{
	csc_close(csc);
	csc = NULL;
	rig_close();
	json_drop();
	return 0;
}

static UNUSED int put(uint64_t service, const char *instance, const char *text, int64_t rev)
{
	return answered(csc_instance_put(csc, service, instance, json(text), rev, into(&a), &err),
			&a);
}

static UNUSED int del(uint64_t service, const char *instance, int64_t rev)
{
	return answered(csc_instance_del(csc, service, instance, rev, into(&a), &err), &a);
}

static UNUSED int status(const char *instance, const char *text)
{
	return answered(csc_status_put(csc, 0x101, instance, json(text), into(&a), &err), &a);
}

static UNUSED const struct view_instance *seen(const char *instance)
{
	return view_instance(&view, 0x101, instance);
}

static UNUSED int64_t value(const char *instance, uint16_t attr)
{
	const struct view_instance *inst = seen(instance);
	const struct sample *s = inst ? samples_get(&inst->samples, attr) : NULL;

	return s ? s->milli : -1;
}

#define GOOD "{\"gateway\": \"gw2\", \"address\": \"2001:db8:2a::2\"}"
#define WITH_SID(sid)                                                                              \
	"{\"gateway\": \"gw2\", \"address\": \"2001:db8:2a::2\", \"sid\": \"" sid "\"}"

/* ---- agents ---- */

struct lease {
	bool done;
	int status;
	int64_t id;
	unsigned int ttl_s;
};
static struct lease l;

static UNUSED void on_lease(void *arg, int rc, int64_t id, unsigned int ttl_s)
{
	assert_false(l.done);
	l = (struct lease){true, rc, id, ttl_s};
}

static UNUSED struct csc_lease_done leased(void)
{
	l = (struct lease){0};
	err = (struct err){0};
	return (struct csc_lease_done){on_lease, NULL};
}

static UNUSED int lease_answered(int rc)
{
	assert_false(l.done);
	if (rc) {
		assert_int_equal(err.code, rc);
		return rc;
	}
	wait_for(&l.done);
	return l.status;
}

static UNUSED int agent_put(const char *name, const char *text)
{
	return lease_answered(csc_agent_put(csc, name, json(text), leased(), &err));
}

static UNUSED int agent_keepalive(const char *name)
{
	return lease_answered(csc_agent_keepalive(csc, name, leased(), &err));
}

static UNUSED int agent_del(const char *name)
{
	return lease_answered(csc_agent_del(csc, name, leased(), &err));
}

#endif
