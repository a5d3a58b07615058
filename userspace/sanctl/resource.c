/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The actions that all resources share. */
#include <stdio.h>
#include <string.h>

#include "sanctl/ctl.h"
#include "sanctl/table.h"

static int too_many(const struct verb *verb, struct args args, int n)
{
	return usage_error(verb, "\"%.40s\" is one argument too many", args.v[n]);
}

static int list(struct ctl *ctl, const char *path, const struct column *columns)
{
	json_t *all;
	int status = ctl_collect(ctl, path, &all);

	if (status)
		return status;
	if (ctl->json)
		ctl_print_json(all);
	else
		table_print(stdout, 0, columns, json_object_get(all, "items"));
	json_decref(all);
	return CTL_OK;
}

int run_list(struct ctl *ctl, const struct verb *verb, struct args args)
{
	if (args.n)
		return too_many(verb, args, 0);
	return list(ctl, verb->path, verb->columns);
}

int run_instance_list(struct ctl *ctl, const struct verb *verb, struct args args)
{
	struct verb of_service = *verb;
	char path[CTL_PATH_MAX];
	int status;

	if (!args.n)
		return list(ctl, verb->path, verb->columns);
	if (args.n > 1)
		return too_many(verb, args, 1);
	of_service.path = "/v1/services/%i/instances";
	status = ctl_path(&of_service, args, path);
	return status ? status : list(ctl, path, verb->columns);
}

static int get(struct ctl *ctl, const struct verb *verb, struct args args, json_t **out)
{
	char path[CTL_PATH_MAX];
	struct call call = {.method = "GET", .path = path};
	int status = ctl_path(verb, args, path);

	if (!status && args.n > ctl_path_args(verb->path))
		status = too_many(verb, args, ctl_path_args(verb->path));
	return status ? status : ctl_call(ctl, &call, out);
}

int run_get(struct ctl *ctl, const struct verb *verb, struct args args)
{
	json_t *object = NULL;
	int status = get(ctl, verb, args, &object);

	if (status)
		return status;
	if (ctl->json)
		ctl_print_json(object);
	else
		table_object(stdout, object, 0);
	json_decref(object);
	return CTL_OK;
}

int run_network_get(struct ctl *ctl, const struct verb *verb, struct args args)
{
	json_t *object = NULL, *attrs;
	int status = get(ctl, verb, args, &object);

	if (status)
		return status;
	attrs = json_object_get(object, "attributes");
	if (ctl->json)
		ctl_print_json(attrs);
	else
		table_object(stdout, attrs, 0);
	json_decref(object);
	return CTL_OK;
}

/* "service 0x101 created, revision 7" */
static void say_done(const struct verb *verb, struct args args, const char *what,
		     const json_t *object)
{
	const json_t *revision = json_object_get(object, "revision");
	int n = ctl_path_args(verb->path);

	printf("%s", verb->noun);
	for (int i = 0; i < n; i++)
		printf("%s%s", i ? "/" : " ", args.v[i]);
	printf(" %s", what);
	if (json_is_integer(revision))
		printf(", revision %" JSON_INTEGER_FORMAT, json_integer_value(revision));
	putchar('\n');
}

static int change(struct ctl *ctl, const struct verb *verb, struct args args, struct call *call)
{
	json_t *object = NULL;
	const char *what = "changed";
	int status = ctl_call(ctl, call, &object);

	if (status)
		return status;
	if (!strcmp(call->method, "PUT"))
		what = call->status == 201 ? "created" : "replaced";
	else if (!strcmp(call->method, "DELETE"))
		what = "deleted";
	if (ctl->json && object)
		ctl_print_json(object);
	else if (!ctl->json)
		say_done(verb, args, what, object);
	json_decref(object);
	return CTL_OK;
}

static int write_body(struct ctl *ctl, const struct verb *verb, struct args args,
		      const char *method)
{
	char path[CTL_PATH_MAX];
	struct call call = {.method = method, .path = path};
	int n = ctl_path_args(verb->path);
	json_t *body = NULL;
	int status = ctl_path(verb, args, path);

	if (!status)
		status = body_read(ctl, verb, (struct args){args.v + n, args.n - n}, &body);
	if (status)
		return status;
	call.body = body;
	status = change(ctl, verb, args, &call);
	json_decref(body);
	return status;
}

int run_put(struct ctl *ctl, const struct verb *verb, struct args args)
{
	return write_body(ctl, verb, args, "PUT");
}

int run_patch(struct ctl *ctl, const struct verb *verb, struct args args)
{
	return write_body(ctl, verb, args, "PATCH");
}

int run_delete(struct ctl *ctl, const struct verb *verb, struct args args)
{
	char path[CTL_PATH_MAX];
	struct call call = {.method = "DELETE", .path = path};
	int n = ctl_path_args(verb->path);
	int status = ctl_path(verb, args, path);

	if (!status && args.n > n)
		status = too_many(verb, args, n);
	return status ? status : change(ctl, verb, args, &call);
}

int run_instance_state(struct ctl *ctl, const struct verb *verb, struct args args)
{
	char path[CTL_PATH_MAX];
	struct call call = {.method = "PATCH", .path = path};
	json_t *body;
	int status = ctl_path(verb, args, path);

	if (status)
		return status;
	if (args.n != 3)
		return usage_error(verb, "must name one state: up, draining or down");
	body = json_pack("{s:s}", "state", args.v[2]);
	if (!body)
		return usage_error(verb, "state must be up, draining or down");
	call.body = body;
	status = change(ctl, verb, args, &call);
	json_decref(body);
	return status;
}
