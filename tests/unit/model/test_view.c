/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "model/view.h"
#include "util/own.h"

#define SVC 0x101

/* What the observer heard, as one line. */
struct heard {
	struct view *view;
	char text[8192];
	size_t len;
};

static const char *const change_names[] = {
	"service",	"service-gone", "instance",  "instance-gone", "attr",  "gateway",
	"gateway-gone", "path",		"path-gone", "path-attr",     "class", "class-gone"};

static void observe(void *arg, const struct view_event *e)
{
	struct heard *h = arg;
	const char *who = e->instance  ? e->instance->name
			  : e->gateway ? e->gateway->def.name
			  : e->path    ? e->path->key
			  : e->cls     ? e->cls->def.name
				       : "";

	/* a change is in place, a removal is done, and objects can be read */
	if (e->change == VIEW_INSTANCE)
		assert_ptr_equal(view_instance(h->view, e->service->id, who), e->instance);
	if (e->change == VIEW_INSTANCE_GONE)
		assert_null(view_instance(h->view, e->service->id, who));
	if (e->instance)
		assert_ptr_equal(e->instance->service, e->service);
	if (h->len < sizeof(h->text)) /* cut beyond */
		h->len += (size_t)snprintf(h->text + h->len, sizeof(h->text) - h->len, "%s%s%s%s%s",
					   h->len ? " " : "", change_names[e->change],
					   *who ? ":" : "", who, e->value_changed ? "!" : "");
}

/* Compares and forgets. */
static void assert_heard(struct heard *h, const char *want)
{
	assert_string_equal(h->text, want);
	h->len = 0;
	h->text[0] = '\0';
}

static struct view view;
static struct heard heard;

static int setup(void **state)
{
	view_init(&view);
	memset(&heard, 0, sizeof(heard));
	heard.view = &view;
	view.observe = observe;
	view.arg = &heard;
	return 0;
}

static int teardown(void **state)
{
	view_fini(&view);
	return 0;
}

static int put_instance(uint64_t service, const char *name, const char *gateway)
{
	return view_instance_put(&view, &(struct view_instance_put){.service = service,
								    .instance = name,
								    .revision = 5,
								    .gateway = gateway});
}

static int put_attr(uint64_t service, const char *name, uint16_t attr, int64_t milli)
{
	return view_instance_attr(&view, service, name,
				  &(struct sample){.attr = attr, .milli = milli, .received_us = 9});
}

static void test_service(void **state)
{
	struct service def;

	service_init(&def, SVC);
	assert_null(view_service(&view, SVC));
	assert_int_equal(view_service_put(&view, &def, 3), 0);
	assert_heard(&heard, "service");
	assert_true(view_service(&view, SVC)->registered);
	assert_int_equal(view_service(&view, SVC)->revision, 3);
	assert_int_equal(view_service_put(&view, &def, 4), 0);
	assert_heard(&heard, ""); /* the same again */
	assert_int_equal(view_service(&view, SVC)->revision, 4);
	def.margin++;
	assert_int_equal(view_service_put(&view, &def, 5), 0);
	assert_heard(&heard, "service");
	assert_int_equal(view_service(&view, SVC)->def->margin, def.margin);
	view_service_del(&view, SVC);
	assert_heard(&heard, "service-gone");
	assert_null(view_service(&view, SVC));
	view_service_del(&view, SVC);
	assert_heard(&heard, "");
}

static void test_service_outlived_by_instance(void **state)
{
	struct service def;
	struct view_service *svc;

	service_init(&def, SVC);
	view_service_put(&view, &def, 1);
	put_instance(SVC, "i1", "gw2");
	assert_heard(&heard, "service instance:i1");
	svc = view_service(&view, SVC);
	view_service_del(&view, SVC);
	assert_heard(&heard, "service-gone");
	assert_ptr_equal(view_service(&view, SVC), svc);
	assert_false(svc->registered);
	view_service_del(&view, SVC);
	assert_heard(&heard, "");
	view_instance_del(&view, SVC, "i1");
	assert_heard(&heard, "instance-gone:i1 service-gone");
	assert_null(view_service(&view, SVC));
}

static void test_instance_before_service(void **state)
{
	struct service def;

	service_init(&def, SVC);
	assert_int_equal(put_attr(SVC, "i1", ATTR_CPU_LOAD, 1000), 0);
	assert_heard(&heard, "instance:i1 attr:i1!");
	assert_false(view_service(&view, SVC)->registered);
	assert_int_equal(view_service_put(&view, &def, 1), 0);
	assert_heard(&heard, "service");
	view_instance_del(&view, SVC, "i1");
	assert_heard(&heard, "instance-gone:i1"); /* the service stays */
	assert_non_null(view_service(&view, SVC));
}

static void test_instance_fields(void **state)
{
	enum instance_state draining = INSTANCE_DRAINING;
	struct in6_addr addr, none = IN6ADDR_ANY_INIT;
	struct view_instance_put put = {.service = SVC, .instance = "i1", .revision = 7};
	struct view_instance *inst;

	inet_pton(AF_INET6, "2001:db8::1", &addr);
	assert_int_equal(view_instance_put(&view, &put), 0);
	assert_heard(&heard, "instance:i1"); /* new, though nothing is known yet */
	inst = view_instance(&view, SVC, "i1");
	assert_int_equal(inst->state, INSTANCE_UP);
	assert_string_equal(inst->gateway, "");
	put.gateway = "gw2";
	put.address = &addr;
	put.sid = &addr;
	put.state = &draining;
	put.revision = 8;
	assert_int_equal(view_instance_put(&view, &put), 0);
	assert_heard(&heard, "instance:i1");
	assert_int_equal(view_instance_put(&view, &put), 0);
	assert_heard(&heard, "");
	assert_int_equal(inst->state, INSTANCE_DRAINING);
	assert_int_equal(inst->revision, 8);
	assert_memory_equal(&inst->sid, &addr, sizeof(addr));
	put = (struct view_instance_put){
		.service = SVC, .instance = "i1", .revision = 9, .gateway = "", .sid = &none};
	assert_int_equal(view_instance_put(&view, &put), 0);
	assert_heard(&heard, "instance:i1");
	assert_string_equal(inst->gateway, "");
	assert_true(IN6_IS_ADDR_UNSPECIFIED(&inst->sid));
	assert_memory_equal(&inst->address, &addr, sizeof(addr)); /* left alone */
	assert_int_equal(inst->state, INSTANCE_DRAINING);
}

static void test_instance_attr(void **state)
{
	const struct view_instance *inst;

	put_attr(SVC, "i1", ATTR_CPU_LOAD, 1000);
	inst = view_instance(&view, SVC, "i1");
	heard.len = 0;
	put_attr(SVC, "i1", ATTR_CPU_LOAD, 1000);
	assert_heard(&heard, "attr:i1"); /* a refresh */
	put_attr(SVC, "i1", ATTR_CPU_LOAD, 1001);
	assert_heard(&heard, "attr:i1!");
	view_instance_attr_refused(&view, SVC, "i1", ATTR_CPU_LOAD);
	assert_heard(&heard, "attr:i1");
	view_instance_attr_refused(&view, SVC, "i1", ATTR_CPU_LOAD);
	assert_heard(&heard, "");
	assert_true(samples_get(&inst->samples, ATTR_CPU_LOAD)->refused);
	assert_int_equal(samples_get(&inst->samples, ATTR_CPU_LOAD)->milli, 1001);
	put_attr(SVC, "i1", ATTR_CPU_LOAD, 1001);
	assert_false(samples_get(&inst->samples, ATTR_CPU_LOAD)->refused);
	assert_heard(&heard, "attr:i1");
	view_instance_attr_del(&view, SVC, "i1", ATTR_CPU_LOAD);
	assert_heard(&heard, "attr:i1!");
	view_instance_attr_del(&view, SVC, "i1", ATTR_CPU_LOAD);
	view_instance_attr_del(&view, SVC, "i9", ATTR_CPU_LOAD);
	view_instance_attr_refused(&view, SVC, "i1", ATTR_CPU_LOAD);
	view_instance_attr_refused(&view, SVC, "i9", ATTR_CPU_LOAD);
	assert_heard(&heard, "");
	assert_null(view_instance(&view, SVC, "i9"));
	view_instance_attr(&view, SVC, "i1",
			   &(struct sample){.attr = ATTR_COST, .milli = 1, .refused = true});
	assert_true(samples_get(&inst->samples, ATTR_COST)->refused);
}

static void test_gateway(void **state)
{
	struct gateway def = {.name = "gw2", .locator_len = 48};

	assert_int_equal(view_gateway_put(&view, &def, 2), 0);
	assert_heard(&heard, "gateway:gw2");
	assert_int_equal(view_gateway_put(&view, &def, 3), 0);
	assert_heard(&heard, "");
	assert_int_equal(view_gateway(&view, "gw2")->revision, 3);
	def.locator_len = 64;
	assert_int_equal(view_gateway_put(&view, &def, 4), 0);
	assert_heard(&heard, "gateway:gw2");
	view_gateway_del(&view, "gw2");
	view_gateway_del(&view, "gw2");
	assert_heard(&heard, "gateway-gone:gw2");
	assert_null(view_gateway(&view, "gw2"));
	def = (struct gateway){.name = "bare"};
	assert_int_equal(view_gateway_put(&view, &def, 5), 0);
	assert_heard(&heard, "gateway:bare");
}

static const struct path_key key = {"pe1", "gw2", "be"};
#define KEY "pe1/gw2/be"

static void test_path(void **state)
{
	struct path def = {.ingress = "pe1", .gateway = "gw2", .name = "be"};

	assert_int_equal(view_path_put(&view, &def, 2), 0);
	assert_heard(&heard, "path:" KEY);
	assert_true(view_path(&view, key)->defined);
	assert_int_equal(view_path_put(&view, &def, 3), 0);
	assert_heard(&heard, "");
	assert_int_equal(view_path(&view, key)->revision, 3);
	def.preference = 9;
	assert_int_equal(view_path_put(&view, &def, 4), 0);
	assert_heard(&heard, "path:" KEY);
	view_path_del(&view, key);
	view_path_del(&view, key);
	assert_heard(&heard, "path-gone:" KEY);
	assert_null(view_path(&view, key));
}

static void test_path_status_first(void **state)
{
	struct path def = {.ingress = "pe1", .gateway = "gw2", .name = "be"};
	struct sample sample = {.attr = ATTR_DELAY_US, .milli = 5, .received_us = 6};

	assert_int_equal(view_path_attr(&view, key, &sample), 0);
	assert_heard(&heard, "path-attr:" KEY "!");
	assert_false(view_path(&view, key)->defined);
	assert_string_equal(view_path(&view, key)->def.gateway, "gw2");
	assert_int_equal(view_path_put(&view, &def, 2), 0);
	assert_heard(&heard, "path:" KEY);
	view_path_del(&view, key);
	assert_heard(&heard, "path-gone:" KEY);
	assert_false(view_path(&view, key)->defined); /* its status is still there */
	assert_int_equal(view_path_attr(&view, key, &sample), 0);
	assert_heard(&heard, "path-attr:" KEY);
	view_path_attr_del(&view, key, ATTR_DELAY_US);
	assert_heard(&heard, "path-attr:" KEY "! path-gone:" KEY);
	assert_null(view_path(&view, key));
	view_path_attr_del(&view, key, ATTR_DELAY_US);
	assert_heard(&heard, "");
}

static void test_bad_names(void **state)
{
	struct gateway gw = {.name = ""};
	struct path path = {.ingress = "pe1", .gateway = "gw2", .name = ""};
	struct sample sample = {.attr = ATTR_DELAY_US};
	char name[66];

	memset(name, 'x', 64);
	name[64] = '\0';
	assert_int_equal(put_instance(SVC, name, NULL), -EINVAL);
	assert_int_equal(put_instance(SVC, "", NULL), -EINVAL);
	assert_int_equal(put_instance(SVC, "i1", name), -EINVAL);
	assert_int_equal(put_attr(SVC, "a/b", ATTR_COST, 1), -EINVAL);
	assert_int_equal(view_gateway_put(&view, &gw, 1), -EINVAL);
	assert_int_equal(view_path_put(&view, &path, 1), -EINVAL);
	assert_int_equal(view_path_attr(&view, (struct path_key){name, name, name}, &sample),
			 -EINVAL);
	assert_null(view_path(&view, (struct path_key){name, name, name}));
	assert_null(view_service(&view, SVC)); /* nothing is left behind */
	assert_null(view.paths);
	assert_heard(&heard, "");
}

static void test_limits_are_the_contract(void **state)
{
	assert_int_equal(view.limits.services, VIEW_MAX_SERVICES);
	assert_int_equal(view.limits.instances, VIEW_MAX_INSTANCES);
	assert_int_equal(view.limits.gateways, VIEW_MAX_GATEWAYS);
	assert_int_equal(view.limits.paths, VIEW_MAX_PATHS);
	assert_int_equal(view.limits.classes, VIEW_MAX_CLASSES);
	assert_int_equal(view.limits.classes, 4096);
}

static void test_service_limit(void **state)
{
	struct service def;

	view.limits.services = 2;
	assert_int_equal(put_instance(1, "i", NULL), 0);
	assert_int_equal(put_instance(2, "i", NULL), 0);
	heard.len = 0;
	heard.text[0] = '\0';
	assert_int_equal(put_instance(3, "i", NULL), -ENOSPC);
	assert_int_equal(put_attr(3, "i", ATTR_COST, 1), -ENOSPC);
	service_init(&def, 3);
	assert_int_equal(view_service_put(&view, &def, 1), -ENOSPC);
	assert_heard(&heard, "");
	service_init(&def, 2);
	assert_int_equal(view_service_put(&view, &def, 1), 0);
	view_instance_del(&view, 1, "i");
	assert_int_equal(put_instance(3, "i", NULL), 0);
}

static void test_instance_limit(void **state)
{
	view.limits.instances = 2;
	assert_int_equal(put_instance(1, "a", NULL), 0);
	assert_int_equal(put_instance(2, "b", NULL), 0);
	assert_int_equal(put_instance(2, "c", NULL), -ENOSPC);
	assert_int_equal(put_instance(3, "d", NULL), -ENOSPC);
	assert_null(view_service(&view, 3)); /* not left behind empty */
	assert_int_equal(view.n_instances, 2);
	view_instance_del(&view, 2, "b");
	assert_int_equal(put_instance(3, "d", NULL), 0);
	assert_int_equal(view.n_instances, 2);
}

static void test_attr_limit(void **state)
{
	struct sample sample = {.received_us = 1};

	for (uint16_t i = 0; i < ATTR_PER_OBJECT; i++) {
		sample.attr = i;
		assert_int_equal(view_instance_attr(&view, SVC, "i1", &sample), 0);
		assert_int_equal(view_path_attr(&view, key, &sample), 0);
	}
	heard.len = 0;
	heard.text[0] = '\0';
	sample.attr = ATTR_PER_OBJECT;
	assert_int_equal(view_instance_attr(&view, SVC, "i1", &sample), -ENOSPC);
	assert_int_equal(view_path_attr(&view, key, &sample), -ENOSPC);
	assert_heard(&heard, "");
}

static void test_net_limits(void **state)
{
	struct gateway gw = {.name = "a"};
	struct path path = {.ingress = "pe1", .gateway = "gw2", .name = "a"};
	struct sample sample = {.attr = ATTR_DELAY_US};

	view.limits.gateways = 1;
	view.limits.paths = 1;
	assert_int_equal(view_gateway_put(&view, &gw, 1), 0);
	strcpy(gw.name, "b");
	assert_int_equal(view_gateway_put(&view, &gw, 1), -ENOSPC);
	assert_int_equal(view_path_put(&view, &path, 1), 0);
	strcpy(path.name, "b");
	assert_int_equal(view_path_put(&view, &path, 1), -ENOSPC);
	assert_int_equal(view_path_attr(&view, key, &sample), -ENOSPC);
	assert_null(view_gateway(&view, "b"));
	assert_null(view_path(&view, key));
}

/* The real limit of the smallest table. */
static void test_gateways_to_the_limit(void **state)
{
	struct gateway gw = {.locator_len = 48};

	view.observe = NULL;
	for (int i = 0; i < VIEW_MAX_GATEWAYS; i++) {
		snprintf(gw.name, sizeof(gw.name), "gw%d", i);
		assert_int_equal(view_gateway_put(&view, &gw, i), 0);
	}
	strcpy(gw.name, "more");
	assert_int_equal(view_gateway_put(&view, &gw, 1), -ENOSPC);
	assert_int_equal(view_gateway(&view, "gw4095")->revision, 4095);
}

static void test_many_instances(void **state)
{
	char name[16];

	view.observe = NULL;
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "i%d", i);
		assert_int_equal(put_instance((uint64_t)(i % 7 + 1), name, "gw2"), 0);
	}
	assert_int_equal(view.n_instances, 3000);
	for (int i = 0; i < 3000; i += 2) {
		snprintf(name, sizeof(name), "i%d", i);
		view_instance_del(&view, (uint64_t)(i % 7 + 1), name);
	}
	assert_int_equal(view.n_instances, 1500);
	assert_null(view_instance(&view, 1, "i0"));
	assert_non_null(view_instance(&view, 2, "i1"));
}

static int put_class(const char *name, uint64_t service)
{
	struct plan_class def = {.msg.service_id = service};

	strcpy(def.name, name);
	return view_class_put(&view, &def, 7);
}

static void test_class(void **state)
{
	assert_int_equal(put_class("web4", 1), 0);
	assert_heard(&heard, "class:web4");
	assert_int_equal(put_class("web4", 1), 0);
	assert_heard(&heard, "");
	assert_int_equal(put_class("web4", 2), 0);
	assert_heard(&heard, "class:web4");
	assert_int_equal(view_class(&view, "web4")->def.msg.service_id, 2);
	assert_int_equal(view_class(&view, "web4")->revision, 7);
	assert_null(view_class(&view, "web"));
	view_class_del(&view, "web");
	view_class_del(&view, "web4");
	assert_heard(&heard, "class-gone:web4");
	assert_null(view_class(&view, "web4"));
	assert_int_equal(put_class("a b", 1), -EINVAL);
	assert_int_equal(put_class("", 1), -EINVAL);
}

static void test_class_limit(void **state)
{
	view.limits.classes = 2;
	assert_int_equal(put_class("a", 1), 0);
	assert_int_equal(put_class("b", 1), 0);
	assert_int_equal(put_class("c", 1), -ENOSPC);
	assert_int_equal(put_class("b", 2), 0);
	view_class_del(&view, "a");
	assert_int_equal(put_class("c", 1), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_service),
		T(test_service_outlived_by_instance),
		T(test_instance_before_service),
		T(test_instance_fields),
		T(test_instance_attr),
		T(test_gateway),
		T(test_path),
		T(test_path_status_first),
		T(test_bad_names),
		T(test_limits_are_the_contract),
		T(test_service_limit),
		T(test_instance_limit),
		T(test_attr_limit),
		T(test_net_limits),
		T(test_gateways_to_the_limit),
		T(test_many_instances),
		T(test_class),
		T(test_class_limit),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
