/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rig with a real intent and enact, tenants acme, zeta and default, and listeners for intent.
 * acme has a token, zeta a certificate ("user") and a token.
 */
#ifndef TESTS_NORTH_NEMO_RIG_H
#define TESTS_NORTH_NEMO_RIG_H

#include "unit/north/alto_rig.h"

#define TOKEN_ACME "Authorization: Bearer acme-secret\r\n"
#define TOKEN_ZETA "Authorization: Bearer zeta-secret\r\n"
#define TEXT "Content-Type: text/plain\r\n"

static const struct intent_tenant_conf rig_tenants[] = {
	{.name = "acme", .grants = {.everything = true}},
	{.name = "default", .grants = {.everything = true}},
	{.name = "zeta", .grants = {.everything = true}},
};

static inline int rig_on_prepare(void *arg, const struct intent_head *head, struct err *err)
{
	struct rig *rig = arg;

	if (rig->refuses)
		return err_set(err, -ENOSPC, "", NULL, "%s", rig->refuses);
	return enact_prepare(rig->enact, head, err);
}

static inline void rig_on_flip(void *arg, const struct intent_head *head)
{
	enact_flip(((struct rig *)arg)->enact, head);
}

static inline void rig_on_leader(void *arg, bool leads)
{
	enact_leader(((struct rig *)arg)->enact, leads);
}

static inline void rig_open_intent(struct rig *rig)
{
	const struct enact_conf enact = {.loop = &rig->loop,
					 .view = &rig->view,
					 .ncc = rig->ncc,
					 .host = "pe1",
					 .is_ingress = true,
					 .zone = "UTC"};
	const struct intent_conf intent = {
		.loop = &rig->loop,
		.db = rig->db,
		.view = &rig->view,
		.host = "pe1",
		.tenants = rig_tenants,
		.n_tenants = ARRAY_SIZE(rig_tenants),
		.testbed = true,
		.prepare = rig_on_prepare,
		.flip = rig_on_flip,
		.leader = rig_on_leader,
		.synced = rig_on_synced,
		.arg = rig,
	};
	struct err err = {0};

	rig->synced = 0;
	assert_int_equal(enact_open(&enact, &rig->enact, &err), 0);
	assert_int_equal(intent_open(&intent, &rig->intent, &err), 0);
	enact_follow(rig->enact, rig->intent);
	rig_until(rig, rig->synced);
	enact_start(rig->enact);
	rig_wait_applied(rig);
}

static inline void nemo_principals(struct north_principal v[2])
{
	v[0] = (struct north_principal){.name = "acme", .role = NORTH_TENANT};
	set_token(&v[0], "acme-secret");
	v[1] = (struct north_principal){
		.name = "zeta", .role = NORTH_TENANT, .certificate = "user"};
	set_token(&v[1], "zeta-secret");
}

/* nemo NULL: principals as above, one listener in clear text. */
static inline void rig_open_nemo(struct rig *rig, const struct north_access *nemo)
{
	static const char *const listen[] = {"127.0.0.1:0"};
	struct north_principal principals[2];
	struct north_conf conf;
	struct err err = {0};
	char text[512];

	rig_open_below(rig);
	rig_open_intent(rig);
	conf = rig_conf(rig);
	conf.tcp = "127.0.0.1:0";
	nemo_principals(principals);
	conf.nemo = (struct north_access){
		.listen = listen, .n_listen = 1, .principals = principals, .n_principals = 2};
	if (nemo)
		conf.nemo = *nemo;
	if (north_open(&conf, &rig->north, &err))
		fail_msg("%s", err_text(&err, text, sizeof(text)));
}

static inline int nemo_setup(void **state)
{
	struct rig *rig = malloc(sizeof(*rig));

	rig_open_nemo(rig, NULL);
	*state = rig;
	return 0;
}

static inline struct place place_nemo(struct rig *rig)
{
	return (struct place){.port = north_nemo_port(rig->north, 0)};
}

/* A script to a part of /v1/nemo, on the unix socket; headers may say more. */
static inline int nemo_post(struct rig *rig, const char *part, const char *headers,
			    const char *script, struct answer *a)
{
	char request[1024], head[256];

	snprintf(request, sizeof(request), "POST /v1/nemo/%s", part);
	snprintf(head, sizeof(head), TEXT "%s", headers);
	rig_call_with(rig, request, head, script, a);
	return a->status;
}

static inline int nemo_status(struct rig *rig, const char *part, const char *script)
{
	struct answer a;
	int status = nemo_post(rig, part, "", script, &a);

	if (status / 100 != 2)
		print_message("%s: %s\n", part, a.body ? a.body : "");
	answer_free(&a);
	return status;
}

#define NEMO_SITES                                                                                 \
	"CREATE CFN Branch Type l2group Property ipv4Prefix: 192.0.2.0/24;\n"                      \
	"CREATE CFN Head Type l2group Property ipv4Prefix: 198.51.100.0/24;\n"
#define NEMO_FLOW "CREATE ServiceFlow web Match dst_port: 80, proto: \"tcp\";\n"
#define NEMO_DENY "CREATE Operation no-web Target web Priority 10 Action deny;\n"

#endif
