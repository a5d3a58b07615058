/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A network and a tenant's objects in tests: the view from short lines, the store from a script. */
#ifndef TESTS_NEMO_NETWORK_H
#define TESTS_NEMO_NETWORK_H

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/plan.h"
#include "script.h"

/* Checked against an empty store; *script may be NULL. */
static inline struct nemo_store *store_of(const char *text, struct nemo_script **script)
{
	struct nemo_store *empty = nemo_store_new(), *after = NULL;
	struct nemo_diags diags;
	struct nemo_script *s = script_n(text, strlen(text), &diags);

	if (nemo_check(s, empty, &after, &diags) < 0)
		fail_msg("%u:%u: %s\n%s", diags.v[0].at.line, diags.v[0].at.column,
			 diags.v[0].reason, text);
	nemo_diags_fini(&diags);
	nemo_store_free(empty);
	if (script)
		*script = s;
	else
		nemo_script_free(s);
	return after;
}

static inline void add_gateway(struct view *view, const char *name)
{
	struct gateway gw = {.locator_len = 48};

	snprintf(gw.name, sizeof(gw.name), "%s", name);
	inet_pton(AF_INET6, "5f00:0:1::", &gw.locator);
	assert_int_equal(view_gateway_put(view, &gw, 1), 0);
}

/* "ingress gateway name"; preference 100 */
static inline struct path_key path_key_of(const char *text, char buf[3][NAME_LEN])
{
	assert_int_equal(sscanf(text, "%63s %63s %63s", buf[0], buf[1], buf[2]), 3);
	return (struct path_key){buf[0], buf[1], buf[2]};
}

static inline void add_path(struct view *view, const char *text, uint32_t preference)
{
	struct path path = {.kind = PATH_BE, .preference = preference};
	char buf[3][NAME_LEN];

	path_key_of(text, buf);
	memcpy(path.ingress, buf[0], NAME_LEN);
	memcpy(path.gateway, buf[1], NAME_LEN);
	memcpy(path.name, buf[2], NAME_LEN);
	assert_int_equal(view_path_put(view, &path, 1), 0);
}

/* "ingress gateway name"; an attribute in its unit */
static inline void set_path(struct view *view, const char *text, uint16_t attr, int64_t value)
{
	const struct sample sample = {.milli = value * 1000, .attr = attr, .received_us = 1};
	char buf[3][NAME_LEN];

	assert_int_equal(view_path_attr(view, path_key_of(text, buf), &sample), 0);
}

#endif
