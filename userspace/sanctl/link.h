/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server that is asked over HTTP, one request after the other: what the verbs of intent and of
 * ALTO have in common (the daemon's own verbs speak JSON only, over util/http.h). --ca, --cert,
 * --key, --token-file and the time limit are as given. Functions that return int return an exit
 * status and have printed what there is to say.
 */
#ifndef SANCTL_LINK_H
#define SANCTL_LINK_H

#include <uv.h>

#include "sanctl/ctl.h"
#include "util/fetch.h"

struct link {
	struct ctl *ctl;
	const struct verb *verb;
	const char *server; /* as given; NULL: requests have whole URLs, which name theirs */
	uv_loop_t loop;
	struct fetch *fetch;
	char base[256];	       /* of the server's URLs: "http://localhost", "https://[::1]:8444" */
	const char *unix_path; /* NULL = TCP */
	char *token;
	struct fetch_job *job; /* while it is asked */
	/* the last answer */
	bool answered;
	int failed; /* 0: one came, whatever its code */
	long code;
	char *body, *content_type; /* NULL: none came */
	size_t len;
	struct err err;
};

/* server: "unix:/PATH", "/PATH", "http://..." or "https://..."; NULL: requests name theirs. Close
 * it whatever this returns. */
int link_open(struct link *link, struct ctl *ctl, const struct verb *verb, const char *server);
void link_close(struct link *link);
/* What fetch needs to reach the server; more may be set in it. */
struct fetch_conf link_conf(const struct link *link, const char *url);
/* Waits for the answer. CTL_OK: there is one, whatever its code; CTL_USAGE: nothing was sent. */
int link_ask(struct link *link, const struct fetch_conf *conf);
/* "sanctl: ...", unless nothing is to be said; returns status. */
int link_say(const struct link *link, const struct err *err, int status);

#endif
