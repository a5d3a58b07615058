/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The chain as a whole: writes into a real database, followed by srm, nsc and csc into the view,
 * evaluated by orc, planned by ncc, taken by a parent. Whatever happened before: what orc has
 * selected is what ssc selects from scratch over the view, and that is in force at the parent.
 * Random operations from a fixed seed, on a clock that the test moves.
 */
#include "unit/orc/rig.h"

#include "csc/csc.h"
#include "ncsdb/ncsdb.h"
#include "nsc/nsc.h"
#include "srm/srm.h"
#include "util/log.h"

#define BURSTS 2000
#define BURST_MAX 12
#define SERVICES 8
#define INSTANCES 5
#define GATEWAYS 3
#define PATHS 2
#define CANDS_MAX 64

/* ---- time: ours alone ---- */

static uint64_t now_us = 1000000000;

uint64_t clock_us(void)
{
	return now_us;
}

int clock_boot_id(char out[37])
{
	return -ENOSYS;
}

/* ---- life ---- */

static struct ncsdb *db;
static struct srm *srm;
static struct nsc *nsc;
static struct csc *csc;
static unsigned int synced, pending, written, refused;

static void on_synced(void *arg)
{
	synced++;
}

static void on_written(void *arg, int status, int64_t revision, bool created)
{
	pending--;
	if (status)
		refused++;
	else
		written++;
}

static const struct ncsdb_write_done done = {on_written, NULL};

/* A write was asked for. */
static void asked(int r)
{
	if (r)
		refused++;
	else
		pending++;
}

static int open_all(void **state)
{
	static const struct csc_conf csc_conf = {0};
	struct ncsdb_conf conf = {0};
	struct err err;

	rig_open(&(struct orc_conf){.ingress = "pe1"});
	assert_int_equal(ncsdb_open(&loop, &conf, &db, &err), 0);
	assert_int_equal(srm_open(db, &view, on_synced, NULL, &srm), 0);
	assert_int_equal(nsc_open(db, &view, on_synced, NULL, &nsc), 0);
	assert_int_equal(csc_open(db, &view, &csc_conf, on_synced, NULL, &csc), 0);
	while (synced < 3)
		uv_run(&loop, UV_RUN_ONCE);
	orc_start(orc);
	return 0;
}

static int close_all(void **state)
{
	csc_close(csc);
	nsc_close(nsc);
	srm_close(srm);
	ncsdb_close(db);
	rig_close();
	return 0;
}

/* A timer of the loop's own clock that is due by ours. */
static void fire(uv_timer_t *timer)
{
	if (uv_is_active((uv_handle_t *)timer))
		uv_timer_start(timer, timer->timer_cb, 0, 0);
}

static bool deadline_due(void)
{
	return (orc->due.n > 0 && orc->due.v[1]->at_us <= now_us) ||
	       (orc->send.n > 0 && orc->send.v[1]->at_us <= now_us);
}

static void settle_all(void)
{
	while (pending > 0 || busy() || deadline_due()) {
		fire(&orc->later);
		if (orc->stats.deferred && now_us < orc->send.v[1]->at_us)
			now_us = orc->send.v[1]->at_us; /* the rate of changes has its time */
		if (deadline_due())
			fire(&orc->deadline);
		uv_run(&loop, UV_RUN_NOWAIT);
	}
}

/* ---- random operations ---- */

static uint64_t seed = 20260101;

static unsigned int below(unsigned int n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)((seed >> 33) % n);
}

static const char *name_of(char kind)
{
	static char names[4][8];
	static unsigned int next;
	unsigned int n = kind == 'i' ? INSTANCES : kind == 'g' ? GATEWAYS : PATHS;
	char *name = names[next++ % 4];

	snprintf(name, sizeof(names[0]), "%c%u", kind, below(n));
	return name;
}

static json_t *object(const char *text)
{
	json_t *obj = NULL;
	struct err err;

	if (json_parse(text, strlen(text), &obj, &err))
		fail_msg("%s: %s", text, err.want);
	return obj;
}

static uint64_t any_service(void)
{
	return 1 + below(SERVICES);
}

static struct path_key any_path(void)
{
	return (struct path_key){below(6) ? "pe1" : "pe9", name_of('g'), name_of('p')};
}

#define STABLE "\"hysteresis\": {\"margin\": 0, \"hold_ms\": 0}"

static void op_service_put(void)
{
	static const char *const forms[] = {
		"{" STABLE "}",
		"{" STABLE ", \"strategy\": \"resource-first\", \"evaluation\": ["
		"{\"attribute\": \"delay_us\", \"curve\": {\"step\": 60000}},"
		"{\"attribute\": \"cpu_load\", \"curve\": {\"ramp\": [10, 90]}}]}",
		"{" STABLE ", \"evaluation\": ["
		"{\"attribute\": \"cost\", \"curve\": {\"points\": [[0, 10], [5, 200], [9, 20]]}},"
		"{\"attribute\": \"loss_ppm\", \"curve\": {\"ramp\": [0, 9000]}, \"weight\": 3}],"
		"\"freshness\": {\"max_age_ms\": 60000, \"policy\": \"hold\"}}",
		"{" STABLE ", \"evaluation\": [], \"affinity\": \"flow\","
		"\"requirements\": [{\"attribute\": \"cpu_load\", \"op\": \"<\", \"value\": 70}]}",
		"{" STABLE ", \"evaluation\": ["
		"{\"attribute\": \"bandwidth_kbps\", \"curve\": {\"ramp\": [900, 0]}}],"
		"\"freshness\": {\"max_age_ms\": 500}}",
	};
	json_t *obj = object(forms[below(ARRAY_SIZE(forms))]);

	asked(srm_service_put(srm, any_service(), obj, ANY_REVISION, done, NULL));
	json_decref(obj);
}

static void op_service_del(void)
{
	asked(srm_service_del(srm, any_service(), ANY_REVISION, done, NULL));
}

static void op_instance_put(void)
{
	static const char *const states[] = {"up", "up", "up", "draining", "down"};
	uint64_t id = any_service();
	const char *name = name_of('i');
	char text[256], sid[64] = "";
	json_t *obj;

	if (below(10))
		snprintf(sid, sizeof(sid), ", \"sid\": \"5f00:0:2:%x%s::\"", (unsigned int)id,
			 name + 1);
	snprintf(text, sizeof(text),
		 "{\"gateway\": \"%s\", \"address\": \"2001:db8::%u\", \"state\": \"%s\"%s}",
		 name_of('g'), 1 + below(9), states[below(ARRAY_SIZE(states))], sid);
	obj = object(text);
	asked(csc_instance_put(csc, id, name, obj, ANY_REVISION, done, NULL));
	json_decref(obj);
}

static void op_instance_del(void)
{
	asked(csc_instance_del(csc, any_service(), name_of('i'), ANY_REVISION, done, NULL));
}

static void op_status(void)
{
	char text[256];
	json_t *obj;

	if (below(8))
		snprintf(
			text, sizeof(text),
			"{\"cpu_load\": %u, \"cost\": %u, \"queue_us\": %u, \"bandwidth_kbps\": %u}",
			below(101), below(10), below(3) * 20000, below(1000));
	else
		snprintf(text, sizeof(text), "{\"%s\": null}", below(2) ? "cpu_load" : "cost");
	obj = object(text);
	asked(csc_status_put(csc, any_service(), name_of('i'), obj, done, NULL));
	json_decref(obj);
}

static void op_network(void)
{
	char text[256];
	json_t *obj;

	if (below(8))
		snprintf(text, sizeof(text),
			 "{\"delay_us\": %u, \"loss_ppm\": %u, \"bandwidth_kbps\": %u}",
			 below(12) * 10000, below(10) * 1000, below(1000));
	else
		snprintf(text, sizeof(text), "{\"%s\": null}", below(2) ? "delay_us" : "loss_ppm");
	obj = object(text);
	asked(nsc_status_put(nsc, any_path(), obj, done, NULL));
	json_decref(obj);
}

static void op_path_put(void)
{
	char text[256];
	json_t *obj;

	if (below(2))
		snprintf(text, sizeof(text), "{\"kind\": \"be\", \"preference\": %u}", below(3));
	else
		snprintf(text, sizeof(text),
			 "{\"kind\": \"policy\", \"preference\": %u, \"colour\": 1,"
			 "\"segments\": [\"5f00:0:1::%x\"%s]}",
			 below(3), 1 + below(9), below(2) ? ", \"5f00:0:9::1\"" : "");
	obj = object(text);
	asked(nsc_path_put(nsc, any_path(), obj, ANY_REVISION, done, NULL));
	json_decref(obj);
}

static void op_path_del(void)
{
	asked(nsc_path_del(nsc, any_path(), ANY_REVISION, done, NULL));
}

static void op_time(void)
{
	static const uint64_t steps_us[] = {0, 1000, 5000, 100000, 600000};

	now_us += below(20) ? steps_us[below(ARRAY_SIZE(steps_us))] : 1000000 * below(70);
}

static void operation(void)
{
	static void (*const ops[])(void) = {
		op_status,	op_status,	op_status,	 op_status,	  op_network,
		op_network,	op_network,	op_instance_put, op_instance_put, op_instance_del,
		op_service_put, op_service_put, op_service_del,	 op_path_put,	  op_path_put,
		op_path_del,	op_time,
	};

	ops[below(ARRAY_SIZE(ops))]();
}

/* ---- from scratch ---- */

static struct {
	unsigned int n;
	struct ssc_candidate cands[CANDS_MAX];
	struct ssc_score scores[CANDS_MAX];
	uint16_t order[CANDS_MAX];
} naive;

static void naive_candidates(const struct view_service *svc)
{
	struct view_instance *inst;
	struct view_path *path, *next_path;

	naive.n = 0;
	view_each_instance(svc, inst) {
		if (!inst->gateway[0] || IN6_IS_ADDR_UNSPECIFIED(&inst->address))
			continue;
		HASH_ITER(hh, view.paths, path, next_path) {
			if (!path->defined || strcmp(path->def.ingress, "pe1") != 0 ||
			    strcmp(path->def.gateway, inst->gateway) != 0)
				continue;
			assert_true(naive.n < CANDS_MAX);
			naive.cands[naive.n++] =
				(struct ssc_candidate){.instance = inst, .path = path};
		}
	}
}

/* The only thing with a memory, taken from orc. */
static bool suppressed(const struct view_instance *inst)
{
	const struct orc_instance *o = orc_of(inst);

	return o->seat.suppressed;
}

static void naive_scores(const struct service *def)
{
	bool others = false;

	for (unsigned int i = 0; i < naive.n; i++) {
		ssc_score(def, &naive.cands[i], false, now_us, &naive.scores[i]);
		others |=
			naive.scores[i].metric < METRIC_MAX && !suppressed(naive.cands[i].instance);
	}
	for (unsigned int i = 0; i < naive.n; i++)
		ssc_score(def, &naive.cands[i], others && suppressed(naive.cands[i].instance),
			  now_us, &naive.scores[i]);
}

/* "5f00:0:1::1,5f00:0:2:100::", or "none". */
static const char *segments(int cand)
{
	static char text[512];
	const struct view_path *path;
	char one[INET6_ADDRSTRLEN];

	if (cand < 0)
		return "none";
	path = naive.cands[cand].path;
	text[0] = '\0';
	for (int i = 0; i < path->def.n_segs; i++) {
		strcat(text, inet_ntop(AF_INET6, &path->def.segs[i], one, sizeof(one)));
		strcat(text, ",");
	}
	strcat(text, inet_ntop(AF_INET6, &naive.cands[cand].instance->sid, one, sizeof(one)));
	return text;
}

static unsigned int selections;

static void check_service(const struct view_service *svc)
{
	struct orc_service *o = svc->user;
	struct ssc_choice choice;
	struct ssc_result res;

	if (!svc->registered) {
		assert_null(o);
		assert_null(parent_service(svc->id));
		return;
	}
	choice = o->choice;
	naive_candidates(svc);
	assert_int_equal(o->n, naive.n);
	naive_scores(svc->def);
	ssc_decide(&(struct ssc_field){.svc = svc->def,
				       .cands = naive.cands,
				       .scores = naive.scores,
				       .n = naive.n,
				       .order = naive.order},
		   now_us, &choice, &res);
	if (res.changed)
		fail_msg("service %d: %s", (int)svc->id, ssc_why_text(res.why));
	assert_int_equal(choice.metric, o->choice.metric);
	assert_string_equal(in_force(svc->id), segments(res.selected));
	selections += res.selected >= 0;
}

static unsigned int check_all(void)
{
	struct view_service *svc, *next;
	unsigned int n = 0;

	HASH_ITER(hh, view.services, svc, next) {
		check_service(svc);
		n += svc->registered;
	}
	assert_int_equal(parent.n_services, n);
	return n;
}

/* What no candidate leads to any more is taken back from the parent. */
static void test_random_operations(void **state)
{
	unsigned int services = 0;

	log_init("test", LOG_ERROR);
	for (int burst = 0; burst < BURSTS; burst++) {
		for (int n = 1 + (int)below(BURST_MAX); n > 0; n--) {
			operation();
			if (below(3) == 0)
				uv_run(&loop, UV_RUN_NOWAIT);
		}
		settle_all();
		services += check_all();
	}
	print_message("%u writes, %u refused, %u services looked at, %u selected\n", written,
		      refused, services, selections);
	assert_true(written > 2000);
	assert_true(selections > services / 4 && selections < services);
	for (uint64_t id = 1; id <= SERVICES; id++)
		asked(srm_service_del(srm, id, ANY_REVISION, done, NULL));
	settle_all();
	assert_int_equal(parent.n_services, 0);
	assert_int_equal(parent.n_nexthops, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_random_operations, open_all, close_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
