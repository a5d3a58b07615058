/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any text as a service, gateway, path or classifier rule: refused with an error, or it survives
 * its own JSON form.
 */
#include <stdlib.h>
#include <string.h>

#include "model/class.h"
#include "model/net.h"
#include "model/service.h"
#include "util/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void try_service(const json_t *obj)
{
	struct service *svc, *again;
	struct err err = {0};
	json_t *form;

	if (service_from_json(obj, 0, &svc, &err)) {
		must(err.code < 0 && err.want[0]);
		return;
	}
	form = service_to_json(svc);
	must(form && service_from_json(form, svc->id, &again, &err) == 0);
	must(service_equal(svc, again));
	free(svc);
	free(again);
	json_decref(form);
}

static void try_path(const json_t *obj)
{
	struct path path, again;
	struct path_key key = {"a", "b", "c"};
	struct err err = {0};
	json_t *form;

	if (path_from_json(obj, key, &path, &err)) {
		must(err.code < 0 && err.want[0]);
		return;
	}
	form = path_to_json(&path);
	must(form && path_from_json(form, key, &again, &err) == 0);
	must(memcmp(&path, &again, sizeof(path)) == 0);
	json_decref(form);
}

static void try_gateway(const json_t *obj)
{
	struct gateway gw, again;
	struct err err = {0};
	json_t *form;

	if (gateway_from_json(obj, "gw", &gw, &err)) {
		must(err.code < 0 && err.want[0]);
		return;
	}
	form = gateway_to_json(&gw);
	must(form && gateway_from_json(form, "gw", &again, &err) == 0);
	must(memcmp(&gw, &again, sizeof(gw)) == 0);
	json_decref(form);
}

static void try_class(const json_t *obj)
{
	struct plan_class cls, again;
	struct err err = {0};
	json_t *form;

	if (class_from_json(obj, "c", &cls, &err)) {
		must(err.code < 0 && err.want[0]);
		return;
	}
	form = class_to_json(&cls);
	must(form && class_from_json(form, "c", &again, &err) == 0);
	must(memcmp(&cls, &again, sizeof(cls)) == 0);
	json_decref(form);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {0};
	json_t *obj = NULL;

	if (json_parse((const char *)data, size, &obj, &err)) {
		must(err.code < 0 && err.want[0]);
		return 0;
	}
	try_service(obj);
	try_path(obj);
	try_gateway(obj);
	try_class(obj);
	json_decref(obj);
	return 0;
}
