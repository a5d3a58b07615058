/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `sanctl db`: keys of the database, as they are and as they change. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sanctl/ctl.h"
#include "sanctl/table.h"

#define KEY_MAX 512
#define QUERY_MAX 1900

/* "name=value", encoded, behind what is there. False: too long. */
static bool add_query(char *path, const char *name, const char *value)
{
	char coded[3 * KEY_MAX];
	size_t at = strlen(path);

	if (strlen(value) >= KEY_MAX)
		return false;
	snprintf(path + at, QUERY_MAX - at, "%c%s=%s", strchr(path, '?') ? '&' : '?', name,
		 http_segment(value, coded, sizeof(coded)));
	return strlen(path) < QUERY_MAX - 1;
}

static int too_long(const struct verb *verb)
{
	return usage_error(verb, "a key has at most %d bytes", KEY_MAX - 1);
}

/* ---- status ---- */

int run_db_status(struct ctl *ctl, const struct verb *verb, struct args args)
{
	struct call call = {.method = "GET", .path = verb->path};
	json_t *object = NULL;
	int status;

	if (args.n)
		return usage_error(verb, "takes no argument");
	status = ctl_call(ctl, &call, &object);
	if (status)
		return status;
	if (ctl->json)
		ctl_print_json(json_object_get(object, "database"));
	else
		table_object(stdout, json_object_get(object, "database"), 0);
	json_decref(object);
	return CTL_OK;
}

/* ---- get ---- */

static void print_value(const json_t *kv)
{
	const char *text = json_string_value(json_object_get(kv, "value"));
	const char *coded = json_string_value(json_object_get(kv, "value_base64"));

	printf("%s %s%s\n", json_string_value(json_object_get(kv, "key")), coded ? "base64:" : "",
	       coded  ? coded
	       : text ? text
		      : "");
}

static int get_one(struct ctl *ctl, const struct verb *verb, const char *key)
{
	char path[QUERY_MAX] = "/v1/database/keys?limit=1";
	struct call call = {.method = "GET", .path = path};
	const json_t *kv;
	const char *found;
	json_t *answer;
	int status;

	if (!*key || !add_query(path, "prefix", key))
		return too_long(verb);
	status = ctl_call(ctl, &call, &answer);
	if (status)
		return status;
	kv = json_array_get(json_object_get(answer, "keys"), 0);
	found = json_string_value(json_object_get(kv, "key"));
	if (!found || strcmp(found, key) != 0) {
		fprintf(stderr, "sanctl: no key \"%s\"\n", key);
		status = CTL_NOT_FOUND;
	} else if (ctl->json) {
		ctl_print_json(kv);
	} else {
		print_value(kv);
	}
	json_decref(answer);
	return status;
}

/* All pages, of one revision. With --json they are one array, written as they come. */
struct listing {
	char after[KEY_MAX];
	long long revision;
	bool more, first;
};

static void print_page(const struct ctl *ctl, struct listing *l, const json_t *answer)
{
	const json_t *kv;
	size_t i;

	json_array_foreach(json_object_get(answer, "keys"), i, kv) {
		snprintf(l->after, sizeof(l->after), "%s",
			 json_string_value(json_object_get(kv, "key")));
		if (!ctl->json) {
			print_value(kv);
			continue;
		}
		fputs(l->first ? "[\n" : ",\n", stdout);
		json_dumpf(kv, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
		l->first = false;
	}
}

static int get_page(struct ctl *ctl, const struct verb *verb, struct listing *l)
{
	char path[QUERY_MAX] = "/v1/database/keys?limit=1000", number[24];
	struct call call = {.method = "GET", .path = path};
	json_t *answer;
	int status;

	snprintf(number, sizeof(number), "%lld", l->revision);
	if (!add_query(path, "prefix", ctl->text[CTL_OPT_PREFIX]) ||
	    (l->after[0] &&
	     (!add_query(path, "after", l->after) || !add_query(path, "revision", number))))
		return too_long(verb);
	status = ctl_call(ctl, &call, &answer);
	if (status)
		return status;
	print_page(ctl, l, answer);
	l->revision = json_integer_value(json_object_get(answer, "revision"));
	l->more = json_is_true(json_object_get(answer, "more"));
	json_decref(answer);
	return CTL_OK;
}

int run_db_get(struct ctl *ctl, const struct verb *verb, struct args args)
{
	struct listing l = {.more = true, .first = true};
	int status = CTL_OK;

	if (args.n + (ctl->text[CTL_OPT_PREFIX] != NULL) != 1)
		return usage_error(verb, "takes a KEY, or --prefix");
	if (args.n)
		return get_one(ctl, verb, args.v[0]);
	while (!status && l.more)
		status = get_page(ctl, verb, &l);
	if (ctl->json && !status)
		fputs(l.first ? "[]\n" : "\n]\n", stdout);
	return status;
}

/* ---- watch ---- */

static void print_event(const json_t *event)
{
	bool put = strcmp(json_string_value(json_object_get(event, "type")), "put") == 0;

	printf("%lld %s ", (long long)json_integer_value(json_object_get(event, "mod_revision")),
	       put ? "put" : "delete");
	if (put)
		print_value(event);
	else
		puts(json_string_value(json_object_get(event, "key")));
}

int run_db_watch(struct ctl *ctl, const struct verb *verb, struct args args)
{
	struct follow follow = {
		.path = "/v1/database/watch",
		.from = "revision",
		.count = ctl->number[CTL_OPT_COUNT],
		.seconds = ctl->number[CTL_OPT_SECONDS],
		.print = ctl->json ? follow_print_json : print_event,
	};
	char query[QUERY_MAX] = "?";

	if (args.n > 1)
		return usage_error(verb, "takes one PREFIX");
	if (args.n && !add_query(query, "prefix", args.v[0]))
		return too_long(verb);
	if (args.n)
		follow.filter = query + 1; /* "&prefix=..." */
	follow_catch(ctl);
	return follow_events(ctl, &follow);
}

/* ---- compact ---- */

static int newest_revision(struct ctl *ctl, json_int_t *revision)
{
	struct call call = {.method = "GET", .path = "/v1/database/keys?limit=1&keys_only=true"};
	json_t *answer;
	int status = ctl_call(ctl, &call, &answer);

	if (status)
		return status;
	*revision = json_integer_value(json_object_get(answer, "revision"));
	json_decref(answer);
	return CTL_OK;
}

int run_db_compact(struct ctl *ctl, const struct verb *verb, struct args args)
{
	struct call call = {.method = "POST", .path = verb->path};
	json_t *body, *answer = NULL;
	json_int_t revision;
	char *end;
	int status = CTL_OK;

	if (args.n != 1)
		return usage_error(verb, "takes a REVISION, or now");
	revision = strtoll(args.v[0], &end, 10);
	if (strcmp(args.v[0], "now") == 0)
		status = newest_revision(ctl, &revision);
	else if (*end || revision < 1)
		return usage_error(verb, "\"%.40s\" must be a revision, 1 or more, or now",
				   args.v[0]);
	if (status)
		return status;
	body = json_pack("{s:I}", "revision", revision);
	call.body = body;
	status = ctl_call(ctl, &call, &answer);
	json_decref(answer);
	json_decref(body);
	if (!status && !ctl->json)
		printf("compacted up to revision %lld\n", (long long)revision);
	return status;
}
