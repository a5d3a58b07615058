/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `sanctl nemo`: scripts sent to a server, and what is read of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sanctl/nemo.h"
#include "sanctl/table.h"
#include "util/own.h"

/* ---- one request of a verb ---- */

/* GET of a part; *out: JSON, or NULL with text in link->body. */
static int get(struct link *link, const char *url, bool text, json_t **out)
{
	const struct nemo_request request = {.method = "GET", .url = url, .text = text};

	return nemo_call(link, &request, out);
}

/* Prints it as JSON with --json, else by show, and closes. */
static int show_answer(struct link *link, int status, json_t *answer,
		       void (*show)(const json_t *answer))
{
	if (!status && link->ctl->json)
		ctl_print_json(answer);
	else if (!status)
		show(answer);
	json_decref(answer);
	link_close(link);
	return status;
}

/* Opens, asks and shows. */
static int ask_and_show(struct ctl *ctl, const struct verb *verb, const char *part,
			void (*show)(const json_t *answer))
{
	char url[NEMO_URL_MAX];
	json_t *answer = NULL;
	struct link link;
	int status = link_open(&link, ctl, verb, ctl->server);

	if (!status)
		status = get(&link, nemo_url(&link, url, part, NULL), false, &answer);
	return show_answer(&link, status, answer, show);
}

static void show_object(const json_t *answer)
{
	table_object(stdout, answer, 0);
}

int run_nemo_status(struct ctl *ctl, const struct verb *verb, struct args args)
{
	if (args.n)
		return usage_error(verb, "takes no argument");
	return ask_and_show(ctl, verb, "", show_object);
}

/* ---- scripts ---- */

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text) && strlen(text) < 19;
}

static int check_if_revision(const struct ctl *ctl, const struct verb *verb)
{
	const char *text = ctl->text[CTL_OPT_IF_REVISION];

	if (text && !is_number(text))
		return usage_error(verb, "--if-revision \"%.40s\" must be a number, 0 or more",
				   text);
	return CTL_OK;
}

int nemo_send(struct link *link, const struct nemo_request *script, const char *part,
	      json_t **answer)
{
	const char *const *text = link->ctl->text;
	struct nemo_request request = *script;
	char url[NEMO_URL_MAX];

	request.method = "POST";
	request.url = nemo_url(link, url, part, "confirm", text[CTL_OPT_CONFIRM], "comment",
			       text[CTL_OPT_COMMENT], NULL);
	request.commit = true;
	request.changes = strcmp(part, "/apply") == 0;
	return nemo_call(link, &request, answer);
}

/* The script of a verb with one FILE, sent; its warnings are told. */
static int send_file(struct ctl *ctl, const struct verb *verb, struct args args, const char *part,
		     json_t **answer)
{
	OWN_PTR char *text = NULL;
	struct nemo_request script = {.if_revision = ctl->text[CTL_OPT_IF_REVISION]};
	struct err err = {};
	struct link link;
	char line[512];
	int status;

	if (args.n != 1)
		return usage_error(verb, "takes the name of one file; - reads standard input");
	if (check_if_revision(ctl, verb))
		return CTL_USAGE;
	if (body_load(args.v[0], &text, &script.len, &err)) {
		fprintf(stderr, "sanctl: %s\n", err_text(&err, line, sizeof(line)));
		return CTL_USAGE;
	}
	script.script = text;
	script.file = body_name(args.v[0]);
	status = link_open(&link, ctl, verb, ctl->server);
	if (!status)
		status = nemo_send(&link, &script, part, answer);
	if (!status)
		nemo_say_json(*answer, script.file, script.script, script.len);
	link_close(&link);
	return status;
}

int run_nemo_plan(struct ctl *ctl, const struct verb *verb, struct args args)
{
	json_t *answer = NULL, *changes;
	size_t n;

	if (send_file(ctl, verb, args, "/plan", &answer))
		return 1;
	changes = json_object_get(answer, "changes");
	n = json_array_size(changes);
	if (ctl->json)
		ctl_print_json(answer);
	else
		nemo_show_changes(changes);
	json_decref(answer);
	return n ? 2 : 0;
}

int run_nemo_apply(struct ctl *ctl, const struct verb *verb, struct args args)
{
	json_t *answer = NULL;
	int status = send_file(ctl, verb, args, "/apply", &answer);

	if (status)
		return status;
	if (ctl->json)
		ctl_print_json(answer);
	else
		nemo_show_applied(answer);
	if (!ctl->json && ctl->text[CTL_OPT_CONFIRM])
		printf("it is rolled back in %s s unless `sanctl nemo confirm` comes before\n",
		       ctl->text[CTL_OPT_CONFIRM]);
	json_decref(answer);
	return CTL_OK;
}

int run_nemo_confirm(struct ctl *ctl, const struct verb *verb, struct args args)
{
	struct nemo_request request = {.method = "POST", .changes = true};
	char url[NEMO_URL_MAX];
	json_t *answer = NULL;
	struct link link;
	int status;

	if (args.n)
		return usage_error(verb, "takes no argument");
	status = link_open(&link, ctl, verb, ctl->server);
	request.url = nemo_url(&link, url, "/confirm", NULL);
	if (!status)
		status = nemo_call(&link, &request, &answer);
	if (!status && !ctl->json)
		puts("confirmed: it stays in force");
	json_decref(answer);
	link_close(&link);
	return status;
}

int run_nemo_rollback(struct ctl *ctl, const struct verb *verb, struct args args)
{
	struct nemo_request request = {.method = "POST",
				       .if_revision = ctl->text[CTL_OPT_IF_REVISION],
				       .commit = true,
				       .changes = true};
	char url[NEMO_URL_MAX];
	json_t *answer = NULL;
	struct link link;
	int status;

	if (args.n > 1 || (args.n && !is_number(args.v[0])))
		return usage_error(verb, "takes one revision, or none: the one before");
	if (check_if_revision(ctl, verb))
		return CTL_USAGE;
	status = link_open(&link, ctl, verb, ctl->server);
	request.url =
		nemo_url(&link, url, "/rollback", "revision", args.n ? args.v[0] : NULL, NULL);
	if (!status)
		status = nemo_call(&link, &request, &answer);
	return show_answer(&link, status, answer, nemo_show_applied);
}

/* ---- lists ---- */

static int list(struct ctl *ctl, const struct verb *verb, struct args args,
		json_t *(*rows_of)(const json_t *items))
{
	char url[NEMO_URL_MAX];
	json_t *answer = NULL, *rows = NULL;
	struct link link;
	int status;

	if (args.n)
		return usage_error(verb, "takes no argument");
	status = link_open(&link, ctl, verb, ctl->server);
	if (!status)
		status = get(&link, nemo_url(&link, url, verb->path, NULL), false, &answer);
	if (!status && ctl->json) {
		ctl_print_json(answer);
	} else if (!status) {
		rows = json_object_get(answer, "items");
		rows = rows_of ? rows_of(rows) : json_incref(rows);
		table_print(stdout, 0, verb->columns, rows);
	}
	json_decref(rows);
	json_decref(answer);
	link_close(&link);
	return status;
}

int run_nemo_list(struct ctl *ctl, const struct verb *verb, struct args args)
{
	return list(ctl, verb, args, NULL);
}

int run_nemo_connections(struct ctl *ctl, const struct verb *verb, struct args args)
{
	return list(ctl, verb, args, nemo_connection_rows);
}

/* ---- texts ---- */

static int print_script(struct ctl *ctl, const struct verb *verb, const char *part)
{
	char url[NEMO_URL_MAX];
	json_t *answer = NULL;
	struct link link;
	int status = link_open(&link, ctl, verb, ctl->server);

	if (!status)
		status = get(&link, nemo_url(&link, url, part, NULL), true, &answer);
	/* In a file it is what can be applied, byte for byte. */
	if (!status && link.body && isatty(STDOUT_FILENO))
		fputs(table_clean(link.body, "\t\n"), stdout);
	else if (!status && link.body)
		fwrite(link.body, 1, link.len, stdout);
	json_decref(answer);
	link_close(&link);
	return status;
}

int run_nemo_export(struct ctl *ctl, const struct verb *verb, struct args args)
{
	if (args.n)
		return usage_error(verb, "takes no argument");
	return print_script(ctl, verb, "/export");
}

int run_nemo_show(struct ctl *ctl, const struct verb *verb, struct args args)
{
	char part[64];

	if (args.n != 1 || !is_number(args.v[0]))
		return usage_error(verb,
				   "takes the number of a revision: see `sanctl nemo history`");
	snprintf(part, sizeof(part), "/revisions/%s", args.v[0]);
	return print_script(ctl, verb, part);
}

static void show_diff(const json_t *answer)
{
	nemo_show_changes(json_object_get(answer, "changes"));
}

int run_nemo_diff(struct ctl *ctl, const struct verb *verb, struct args args)
{
	char url[NEMO_URL_MAX];
	json_t *answer = NULL;
	struct link link;
	int status;

	for (int i = 0; i < args.n; i++) {
		if (args.n > 2 || !is_number(args.v[i]))
			return usage_error(verb, "takes two revisions at most: FROM, TO");
	}
	status = link_open(&link, ctl, verb, ctl->server);
	nemo_url(&link, url, "/diff", "from", args.n ? args.v[0] : NULL, "to",
		 args.n > 1 ? args.v[1] : NULL, NULL);
	if (!status)
		status = get(&link, url, false, &answer);
	return show_answer(&link, status, answer, show_diff);
}

/* ---- explain, query ---- */

/* Arguments with blanks between them. */
static char *join(struct args args)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	for (int i = 0; out && i < args.n; i++)
		fprintf(out, "%s%s", i ? " " : "", args.v[i]);
	if (out)
		fclose(out);
	return text;
}

int run_nemo_explain(struct ctl *ctl, const struct verb *verb, struct args args)
{
	OWN_PTR char *packet = join(args);
	char url[NEMO_URL_MAX], *at = packet ? strrchr(packet, '@') : NULL;
	json_t *answer = NULL;
	struct link link;
	int status;

	if (!args.n || !packet)
		return usage_error(verb, "a packet is missing: \"SRC DST [PROTO [SPORT DPORT "
					 "[DSCP]]]@TIME\"");
	if (at)
		*at++ = '\0';
	status = link_open(&link, ctl, verb, ctl->server);
	nemo_url(&link, url, "/explain", "packet", packet, "time", at && *at ? at : NULL, NULL);
	if (!status)
		status = get(&link, url, false, &answer);
	return show_answer(&link, status, answer, nemo_show_explained);
}

int run_nemo_query(struct ctl *ctl, const struct verb *verb, struct args args)
{
	OWN_PTR char *text = join(args);
	struct nemo_request request = {
		.method = "POST", .script = text, .len = text ? strlen(text) : 0, .file = "query"};
	char url[NEMO_URL_MAX];
	json_t *answer = NULL;
	struct link link;
	int status;

	if (!args.n || !text)
		return usage_error(verb, "a query is missing: \"Query ITEM, ... From NAME, ...\"");
	status = link_open(&link, ctl, verb, ctl->server);
	request.url = nemo_url(&link, url, "/query", NULL);
	if (!status)
		status = nemo_call(&link, &request, &answer);
	return show_answer(&link, status, answer, nemo_show_query);
}

/* ---- clock ---- */

/* "+3600", "-3600" move it, "3600" sets it. */
static int read_offset(const struct verb *verb, const char *text, long long now, long long *out)
{
	bool moves = *text == '+' || *text == '-';
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	if (errno || end == text || *end || end == text + moves)
		return usage_error(verb, "offset \"%.40s\" must be seconds: 3600, +60, -- -60",
				   text);
	*out += moves ? now : 0;
	return CTL_OK;
}

static int set_clock(struct link *link, const char *url, const char *text)
{
	struct nemo_request request = {.method = "PUT", .url = url};
	json_t *answer = NULL, *body;
	long long now, offset = 0;
	int status = get(link, url, false, &answer);

	now = json_integer_value(json_object_get(answer, "offset_s"));
	json_decref(answer);
	if (!status)
		status = read_offset(link->verb, text, now, &offset);
	if (status)
		return status;
	body = json_pack("{s:I}", "offset_s", (json_int_t)offset);
	request.json = body;
	status = nemo_call(link, &request, &answer);
	json_decref(answer);
	json_decref(body);
	return status;
}

int run_nemo_clock(struct ctl *ctl, const struct verb *verb, struct args args)
{
	char url[NEMO_URL_MAX];
	json_t *answer = NULL;
	struct link link;
	int status;

	if (args.n > 1)
		return usage_error(verb, "takes one offset in seconds, or none");
	status = link_open(&link, ctl, verb, ctl->server);
	nemo_url(&link, url, "/clock", NULL);
	if (!status && args.n)
		status = set_clock(&link, url, args.v[0]);
	if (!status)
		status = get(&link, url, false, &answer);
	return show_answer(&link, status, answer, show_object);
}
