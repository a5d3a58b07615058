/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sanctl/link.h"

/* ---- where ---- */

static int find_base(struct link *link)
{
	const char *server = link->server;
	size_t len = strlen(server);

	if (!strncmp(server, "unix:", 5))
		link->unix_path = server + 5;
	else if (server[0] == '/')
		link->unix_path = server;
	if (link->unix_path) {
		snprintf(link->base, sizeof(link->base), "http://localhost");
		return CTL_OK;
	}
	if (strncmp(server, "http://", 7) != 0 && strncmp(server, "https://", 8) != 0)
		return usage_error(link->verb,
				   "--server \"%.80s\" must be unix:/PATH, http://ADDRESS:PORT or "
				   "https://ADDRESS:PORT",
				   server);
	if (len && server[len - 1] == '/')
		len--;
	if (len >= sizeof(link->base))
		return usage_error(link->verb, "--server must be at most %zu bytes",
				   sizeof(link->base) - 1);
	snprintf(link->base, sizeof(link->base), "%.*s", (int)len, server);
	return CTL_OK;
}

/* ---- open, close ---- */

int link_open(struct link *link, struct ctl *ctl, const struct verb *verb, const char *server)
{
	const char *const *text = ctl->text;

	*link = (struct link){.ctl = ctl, .verb = verb, .server = server};
	if (!text[CTL_OPT_CERT] != !text[CTL_OPT_KEY])
		return usage_error(verb, "--cert and --key go together");
	if (server && find_base(link))
		return CTL_USAGE;
	if (text[CTL_OPT_TOKEN_FILE] && ctl_token(text[CTL_OPT_TOKEN_FILE], &link->token))
		return CTL_USAGE;
	if (uv_loop_init(&link->loop))
		return usage_error(verb, "cannot begin: no event loop");
	if (fetch_open(&link->loop, &link->fetch)) {
		uv_loop_close(&link->loop);
		return usage_error(verb, "cannot begin: no HTTP client");
	}
	return CTL_OK;
}

static void forget(struct link *link)
{
	free(link->body);
	free(link->content_type);
	link->body = link->content_type = NULL;
	link->len = 0;
	link->answered = false;
	link->failed = 0;
}

void link_close(struct link *link)
{
	if (link->fetch) {
		fetch_close(link->fetch);
		uv_run(&link->loop, UV_RUN_DEFAULT);
		uv_loop_close(&link->loop);
	}
	forget(link);
	free(link->token);
}

/* ---- one request ---- */

struct fetch_conf link_conf(const struct link *link, const char *url)
{
	const char *const *text = link->ctl->text;

	return (struct fetch_conf){
		.url = url,
		.unix_path = link->unix_path,
		.token = link->token,
		.ca = text[CTL_OPT_CA],
		.cert = text[CTL_OPT_CERT],
		.key = text[CTL_OPT_KEY],
		.connect_ms = link->ctl->timeout_ms,
		.timeout_ms = link->ctl->timeout_ms,
		.max = HTTP_ANSWER_MAX,
	};
}

static void on_done(void *arg, const struct fetch_answer *answer)
{
	struct link *link = arg;

	link->answered = true;
	link->failed = answer->status;
	link->code = answer->code;
	link->err = answer->err;
	if (answer->status)
		return;
	link->len = answer->len;
	link->body = fetch_take_body(link->job) ?: strdup("");
	link->content_type = strdup(answer->content_type);
	if (!link->body || !link->content_type)
		link->failed = err_set(&link->err, -ENOMEM, "", NULL, "no memory");
}

int link_say(const struct link *link, const struct err *err, int status)
{
	char text[512];

	if (!link->ctl->quiet)
		fprintf(stderr, "sanctl: %s\n", err_text(err, text, sizeof(text)));
	return status;
}

int link_ask(struct link *link, const struct fetch_conf *conf)
{
	static const struct fetch_ops ops = {.done = on_done};
	struct err err = {};

	forget(link);
	if (fetch_start(link->fetch, conf, &ops, link, &link->job, &err))
		return link_say(link, &err, CTL_USAGE);
	while (!link->answered)
		uv_run(&link->loop, UV_RUN_ONCE);
	if (!link->failed)
		return CTL_OK;
	if (link->server)
		err_object(&link->err, "server %s", link->server);
	return link_say(link, &link->err, CTL_UNREACHABLE);
}
