/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Builder, order, longest prefix, tags, snapshots. */
#include "alto/lpm.h"
#include "rig.h"

/* ---- builder ---- */

static void test_source_ids_fit_the_ids_of_resources(void **state)
{
	static const char *const bad[] = {"", "a.b", "a:b", "a@b", "a/b", "domains-abcd"};
	struct alto_builder *b = NULL;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(alto_builder_new(bad[i], &b), -EINVAL);
	assert_null(b);
	alto_builder_free(rig_builder("domains-abc"));
	alto_builder_free(NULL);
}

static void test_pids_are_valid_and_there_once(void **state)
{
	struct alto_builder *b = rig_builder("m");
	uint32_t pid;

	assert_int_equal(rig_pid(b, "A"), 0);
	assert_int_equal(rig_pid(b, "B"), 1);
	assert_int_equal(alto_builder_pid(b, "A", true, &pid), -EEXIST);
	assert_int_equal(alto_builder_pid(b, "a.b", true, &pid), -EINVAL);
	assert_int_equal(alto_builder_pid(b, "", true, &pid), -EINVAL);
	alto_builder_free(b);
}

static void test_number_of_pids_has_a_limit(void **state)
{
	struct alto_builder *b = rig_builder("m");
	struct alto_source *s;
	char name[16];
	uint32_t pid;

	for (unsigned int i = 0; i < ALTO_PIDS_MAX - 1; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		rig_pid(b, name);
	}
	assert_int_equal(alto_builder_pid(b, "more", false, &pid), -ENOSPC);
	s = rig_finish(b, NULL);
	assert_int_equal(s->n_pids, ALTO_PIDS_MAX);
	alto_source_put(s);
}

static void test_no_prefix_twice(void **state)
{
	struct alto_builder *b = rig_builder("m");
	struct alto_prefix p;

	rig_pid(b, "A");
	rig_pid(b, "B");
	rig_prefix(b, 0, "10.0.0.0/8");
	assert_int_equal(alto_prefix_parse("10.0.0.0/8", 4, &p), 0);
	assert_int_equal(alto_builder_prefix(b, 0, &p), -EEXIST);
	assert_int_equal(alto_builder_prefix(b, 1, &p), -EEXIST);
	assert_int_equal(alto_builder_prefix(b, 2, &p), -EINVAL);
	rig_prefix(b, 1, "10.0.0.0/9");
	rig_prefix(b, 1, "::/8");
	p.family = 0;
	assert_int_equal(alto_builder_prefix(b, 1, &p), -EINVAL);
	alto_builder_free(b);
}

static void test_number_of_prefixes_has_a_limit(void **state)
{
	struct alto_builder *b = rig_builder("m");
	struct alto_prefix p = {.family = 4, .len = 32};
	struct alto_source *s;

	rig_pid(b, "A");
	for (uint32_t i = 0; i < ALTO_PREFIXES_MAX - 2; i++) {
		p.addr[1] = (uint8_t)(i >> 16);
		p.addr[2] = (uint8_t)(i >> 8);
		p.addr[3] = (uint8_t)i;
		assert_int_equal(alto_builder_prefix(b, 0, &p), 0);
	}
	p.addr[0] = 1;
	assert_int_equal(alto_builder_prefix(b, 0, &p), -ENOSPC);
	s = rig_finish(b, NULL);
	assert_int_equal(s->n_prefixes, ALTO_PREFIXES_MAX);
	alto_source_put(s);
}

static void test_number_of_endpoints_with_properties_has_a_limit(void **state)
{
	struct alto_builder *b = rig_builder("m");
	char text[ALTO_ENDPOINT_LEN];

	for (uint32_t i = 0; i < ALTO_ENDPOINTS_MAX; i++) {
		snprintf(text, sizeof(text), "ipv4:10.%u.%u.%u", i >> 16, (i >> 8) & 255, i & 255);
		assert_int_equal(alto_builder_endpoint_prop(b, text, "cpu", json_true()), 0);
	}
	assert_int_equal(alto_builder_endpoint_prop(b, "ipv4:11.0.0.0", "cpu", json_true()),
			 -ENOSPC);
	assert_int_equal(alto_builder_endpoint_prop(b, "ipv4:10.0.0.0", "mem", json_true()), 0);
	alto_builder_free(b);
}

static void refuse_link(struct alto_builder *b, unsigned int value, double is)
{
	struct alto_link link = rig_link(0, 1, 1);

	link.value[value] = is;
	assert_int_equal(alto_builder_link(b, &link), -EINVAL);
}

static void test_links_have_sane_values_and_are_there_once(void **state)
{
	struct alto_builder *b = rig_builder("m");
	struct alto_link self = rig_link(1, 1, 1), beyond = rig_link(0, 2, 1);
	struct alto_link link = rig_link(0, 1, 1);
	double calendar[1] = {1};

	rig_pid(b, "A");
	rig_pid(b, "B");
	for (unsigned int i = 0; i < LINK_VALUE_MAX; i++) {
		refuse_link(b, i, -1);
		refuse_link(b, i, INFINITY);
	}
	refuse_link(b, LINK_LOSS, 1.01);
	assert_int_equal(alto_builder_link(b, &self), -EINVAL);
	assert_int_equal(alto_builder_link(b, &beyond), -EINVAL);
	link.calendar = calendar;
	assert_int_equal(alto_builder_link(b, &link), -EINVAL);
	link.calendar = NULL;
	assert_int_equal(alto_builder_link(b, &link), 0);
	assert_int_equal(alto_builder_link(b, &link), -EEXIST);
	alto_builder_free(b);
}

static void test_number_of_links_has_a_limit(void **state)
{
	struct alto_builder *b = rig_builder("m");
	struct alto_link link;
	char name[16];

	for (unsigned int i = 0; i < 513; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		rig_pid(b, name);
	}
	for (unsigned int i = 0; i < ALTO_LINKS_MAX; i++) {
		link = rig_link(i / 512, i % 512 + (i % 512 >= i / 512), 1);
		assert_int_equal(alto_builder_link(b, &link), 0);
	}
	link = rig_link(512, 0, 1);
	assert_int_equal(alto_builder_link(b, &link), -ENOSPC);
	alto_builder_free(b);
}

static void test_calendars_come_before_links_and_have_limits(void **state)
{
	struct alto_calendar none = {0}, no_length = {0, 4}, many = {60, ALTO_INTERVALS_MAX + 1};
	struct alto_calendar all = {60, ALTO_INTERVALS_MAX};
	struct alto_builder *b = rig_builder("m");
	double values[ALTO_INTERVALS_MAX] = {0};
	struct alto_link link = rig_link(0, 1, 1);
	char name[16];
	int rc = 0;

	assert_int_equal(alto_builder_calendar(b, &no_length), -EINVAL);
	assert_int_equal(alto_builder_calendar(b, &many), -EINVAL);
	assert_int_equal(alto_builder_calendar(b, &none), 0);
	assert_int_equal(alto_builder_calendar(b, &all), 0);
	for (unsigned int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		rig_pid(b, name);
	}
	values[3] = -1;
	link.calendar = values;
	assert_int_equal(alto_builder_link(b, &link), -EINVAL);
	values[3] = NAN;
	for (unsigned int i = 0; i < 200 * 199 && rc == 0; i++) {
		link.from = i / 199;
		link.to = i % 199 + (i % 199 >= i / 199);
		rc = alto_builder_link(b, &link);
		if (rc < 0)
			assert_int_equal(i, ALTO_CALENDAR_VALUES_MAX / ALTO_INTERVALS_MAX);
	}
	assert_int_equal(rc, -ENOSPC);
	assert_int_equal(alto_builder_calendar(b, &all), -EINVAL);
	alto_builder_free(b);
}

static void test_properties_have_valid_names_and_endpoints_are_canonical(void **state)
{
	struct alto_builder *b = rig_builder("m");
	struct alto_source *s;
	char *text;

	rig_pid(b, "A");
	assert_int_equal(alto_builder_pid_prop(b, 0, "a/b", json_null()), -EINVAL);
	assert_int_equal(alto_builder_pid_prop(b, 1, "cpu", json_integer(1)), -EINVAL);
	assert_int_equal(alto_builder_pid_prop(b, 0, "nf", json_integer(1)), 0);
	assert_int_equal(alto_builder_pid_prop(b, 0, "cpu", json_integer(1)), 0);
	assert_int_equal(alto_builder_pid_prop(b, 0, "cpu", json_integer(2)), 0);
	assert_int_equal(alto_builder_endpoint_prop(b, "ipv6:2001:DB8::1", "x", json_integer(3)),
			 0);
	assert_int_equal(alto_builder_endpoint_prop(b, "2001:db8::1", "x", json_integer(3)),
			 -EINVAL);
	s = rig_finish(b, NULL);
	text = json_dumps(s->pid_props, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(text, "{\"A\":{\"cpu\":2,\"nf\":1}}");
	free(text);
	text = json_dumps(s->pid_prop_names, JSON_COMPACT);
	assert_string_equal(text, "[\"cpu\",\"nf\"]");
	free(text);
	text = json_dumps(s->endpoint_props, JSON_COMPACT);
	assert_string_equal(text, "{\"ipv6:2001:db8::1\":{\"x\":3}}");
	free(text);
	alto_source_put(s);
}

static void test_stat_must_be_an_operator(void **state)
{
	struct alto_builder_conf conf = {.stat = "often"};
	struct alto_source *s = NULL;

	assert_int_equal(alto_builder_finish(rig_builder("m"), &conf, &s), -EINVAL);
	assert_null(s);
}

/* ---- the default PID: complete maps (RFC 7285, 11.2.2) ---- */

static uint32_t match(const struct alto_source *s, const char *endpoint)
{
	struct alto_prefix p;

	assert_int_equal(alto_endpoint_parse(endpoint, &p), 0);
	return alto_source_match(s, &p);
}

static void test_the_default_pid_makes_the_map_complete(void **state)
{
	struct alto_source *s = rig_finish(rig_builder("m"), NULL);

	assert_int_equal(s->n_pids, 1);
	assert_string_equal(s->pids[0].name, ALTO_DEFAULT_PID);
	assert_int_equal(s->n_prefixes, 2);
	assert_int_equal(match(s, "ipv4:0.0.0.0"), 0);
	assert_int_equal(match(s, "ipv4:255.255.255.255"), 0);
	assert_int_equal(match(s, "ipv6:ffff::"), 0);
	alto_source_put(s);
}

static void test_the_default_pid_takes_only_what_nobody_has(void **state)
{
	struct alto_builder *b = rig_builder("m");
	struct alto_source *s;

	rig_prefix(b, rig_pid(b, "A"), "0.0.0.0/0");
	s = rig_finish(b, NULL);
	assert_int_equal(s->n_pids, 2);
	assert_string_equal(s->pids[match(s, "ipv4:1.2.3.4")].name, "A");
	assert_string_equal(s->pids[match(s, "ipv6:::1")].name, ALTO_DEFAULT_PID);
	alto_source_put(s);
	b = rig_builder("m");
	rig_prefix(b, rig_pid(b, "A"), "0.0.0.0/0");
	rig_prefix(b, 0, "::/0");
	s = rig_finish(b, NULL);
	assert_int_equal(s->n_pids, 1);
	alto_source_put(s);
}

static void test_a_pid_named_default_is_the_default(void **state)
{
	struct alto_builder *b = rig_builder("m");
	struct alto_source *s;

	rig_prefix(b, rig_pid(b, ALTO_DEFAULT_PID), "10.0.0.0/8");
	s = rig_finish(b, NULL);
	assert_int_equal(s->n_pids, 1);
	assert_int_equal(s->pids[0].n_prefixes, 3);
	alto_source_put(s);
}

/* ---- longest prefix (RFC 7285, 11.2.2) ---- */

static void test_longest_prefix_as_in_the_rfcs_example(void **state)
{
	struct alto_builder *b = rig_builder("m");
	struct alto_source *s;

	rig_prefix(b, rig_pid(b, "PID0"), "::/0");
	rig_prefix(b, rig_pid(b, "PID1"), "0.0.0.0/0");
	rig_prefix(b, rig_pid(b, "PID2"), "192.0.2.0/24");
	rig_prefix(b, 2, "198.51.100.0/24");
	rig_prefix(b, rig_pid(b, "PID3"), "192.0.2.0/25");
	rig_prefix(b, 3, "192.0.2.128/25");
	s = rig_finish(b, NULL);
	assert_int_equal(match(s, "ipv4:192.0.2.1"), 3);
	assert_int_equal(match(s, "ipv4:192.0.2.255"), 3);
	assert_int_equal(match(s, "ipv4:192.0.3.0"), 1);
	assert_int_equal(match(s, "ipv4:198.51.100.7"), 2);
	assert_int_equal(match(s, "ipv6:2001:db8::1"), 0);
	alto_source_put(s);
}

/* Value of the longest prefix by trying all. */
static uint32_t slow_match(const struct alto_lpm_entry *v, unsigned int n,
			   const struct alto_prefix *p)
{
	uint32_t found = ALTO_LPM_NONE;
	int len = -1;

	for (unsigned int i = 0; i < n; i++) {
		if (v[i].prefix.len > len && alto_prefix_covers(&v[i].prefix, p)) {
			len = v[i].prefix.len;
			found = v[i].value;
		}
	}
	return found;
}

static void clear_host(struct alto_prefix *p)
{
	for (unsigned int bit = p->len; bit < 128; bit++)
		p->addr[bit / 8] &= (uint8_t) ~(0x80 >> (bit % 8));
}

/* Few different bits, so that prefixes lie within each other. */
static struct alto_prefix random_prefix(bool host)
{
	struct alto_prefix p = {.family = rand() % 2 ? 4 : 6};
	unsigned int bits = p.family == 4 ? 32 : 128;

	p.len = (uint8_t)(host ? bits : (unsigned int)rand() % (bits + 1));
	for (unsigned int i = 0; i < bits / 8; i++)
		p.addr[i] = rand() % 4 ? 0 : (uint8_t)(rand() % 4 * 0x55);
	clear_host(&p);
	return p;
}

static void test_longest_prefix_agrees_with_trying_all(void **state)
{
	struct alto_lpm_entry v[300];
	struct alto_lpm *lpm;
	uint32_t twice;

	srand(1);
	for (unsigned int round = 0; round < 40; round++) {
		unsigned int n = 0;

		while (n < 300) {
			v[n] = (struct alto_lpm_entry){random_prefix(false), n};
			n++;
			if (alto_lpm_new(v, n, &lpm, &twice) < 0)
				n--;
			else
				alto_lpm_free(lpm);
			if (rand() % 100 == 0)
				break;
		}
		assert_int_equal(alto_lpm_new(v, n, &lpm, NULL), 0);
		for (unsigned int i = 0; i < 2000; i++) {
			struct alto_prefix p = random_prefix(i % 2);

			assert_int_equal(alto_lpm_match(lpm, &p), slow_match(v, n, &p));
		}
		alto_lpm_free(lpm);
	}
}

static void test_a_prefix_that_is_there_twice_is_told(void **state)
{
	struct alto_lpm_entry v[3] = {0};
	struct alto_lpm *lpm = NULL;
	uint32_t twice = 99;

	for (unsigned int i = 0; i < 3; i++) {
		v[i].prefix.family = 4;
		v[i].prefix.len = i == 1 ? 8 : 16;
	}
	assert_int_equal(alto_lpm_new(v, 3, &lpm, &twice), -EEXIST);
	assert_true(twice == 0 || twice == 2);
	assert_null(lpm);
	assert_int_equal(alto_lpm_new(v, 0, &lpm, &twice), 0);
	assert_int_equal(alto_lpm_match(lpm, &v[0].prefix), ALTO_LPM_NONE);
	alto_lpm_free(lpm);
}

/* ---- order and tags ---- */

static struct alto_source *three(bool reverse, double cost, int cpu)
{
	static const char *const names[] = {"A", "B", "C"};
	static const char *const prefixes[] = {"10.1.0.0/16", "10.2.0.0/16", "2001:db8:3::/48"};
	struct alto_builder *b = rig_builder("m");
	uint32_t ids[3];

	for (unsigned int i = 0; i < 3; i++) {
		unsigned int k = reverse ? 2 - i : i;

		ids[k] = rig_pid(b, names[k]);
		rig_prefix(b, ids[k], prefixes[k]);
	}
	for (unsigned int i = 0; i < 2; i++) {
		unsigned int k = reverse ? 1 - i : i;

		rig_both(b, ids[k], ids[k + 1], k ? cost : 1);
	}
	assert_int_equal(alto_builder_pid_prop(b, ids[1], "cpu", json_pack("[i]", cpu)), 0);
	return rig_finish(b, NULL);
}

static void test_sources_are_sorted_whatever_the_order_of_insertion(void **state)
{
	struct alto_source *s = three(true, 2, 50);

	assert_int_equal(s->n_pids, 4);
	assert_string_equal(s->pids[0].name, "A");
	assert_string_equal(s->pids[3].name, ALTO_DEFAULT_PID);
	assert_int_equal(alto_source_find(s, "C"), 2);
	assert_int_equal(alto_source_find(s, "D"), UINT32_MAX);
	assert_int_equal(s->pids[1].n_prefixes, 1);
	assert_int_equal(s->prefixes[s->pids[1].first_prefix].addr[1], 2);
	assert_int_equal(s->n_links, 4);
	for (uint32_t i = 0; i < s->n_pids; i++) {
		for (uint32_t k = s->pids[i].first_link; k < s->pids[i + 1].first_link; k++)
			assert_int_equal(s->links[k].from, i);
	}
	assert_int_equal(s->pids[s->n_pids].first_link, s->n_links);
	alto_source_put(s);
}

/* RFC 7285, 10.3: content and tag change together. */
static void test_tags_are_of_content_not_of_order(void **state)
{
	struct alto_source *a = three(false, 2, 50), *b = three(true, 2, 50);

	assert_string_equal(a->map_tag, b->map_tag);
	assert_string_equal(a->cost_tag, b->cost_tag);
	assert_string_equal(a->prop_tag, b->prop_tag);
	assert_true(alto_tag_valid(a->map_tag) && alto_tag_valid(a->cost_tag));
	alto_source_put(b);
	b = three(false, 3, 50);
	assert_string_equal(a->map_tag, b->map_tag);
	assert_string_not_equal(a->cost_tag, b->cost_tag);
	assert_string_equal(a->prop_tag, b->prop_tag);
	alto_source_put(b);
	b = three(false, 2, 51);
	assert_string_equal(a->map_tag, b->map_tag);
	assert_string_equal(a->cost_tag, b->cost_tag);
	assert_string_not_equal(a->prop_tag, b->prop_tag);
	alto_source_put(b);
	alto_source_put(a);
}

static void test_another_prefix_changes_all_tags(void **state)
{
	struct alto_builder *b = rig_builder("m");
	struct alto_source *one, *two;

	rig_prefix(b, rig_pid(b, "A"), "10.0.0.0/8");
	one = rig_finish(b, NULL);
	b = rig_builder("m");
	rig_prefix(b, rig_pid(b, "A"), "10.0.0.0/9");
	two = rig_finish(b, NULL);
	assert_string_not_equal(one->map_tag, two->map_tag);
	assert_string_not_equal(one->cost_tag, two->cost_tag);
	assert_string_not_equal(one->prop_tag, two->prop_tag);
	alto_source_put(one);
	alto_source_put(two);
}

static void test_transit_and_settings_are_in_the_cost_tag(void **state)
{
	struct alto_builder_conf confs[] = {
		{0}, {.stat = "cur"}, {.cost_source = "sla"}, {.service_graph = true}};
	char tags[5][ALTO_TAG_LEN];

	for (unsigned int i = 0; i < 5; i++) {
		struct alto_builder *b = rig_builder("m");
		struct alto_source *s;
		uint32_t pid;

		assert_int_equal(alto_builder_pid(b, "A", i == 4, &pid), 0);
		s = rig_finish(b, &confs[i % 4]);
		strcpy(tags[i], s->cost_tag);
		for (unsigned int k = 0; k < i; k++)
			assert_string_not_equal(tags[i], tags[k]);
		alto_source_put(s);
	}
}

static void test_metrics_are_there_when_a_usable_link_has_them(void **state)
{
	struct alto_builder *b = rig_builder("m");
	struct alto_link link = rig_link(0, 1, NAN);
	struct alto_source *s;

	rig_pid(b, "A");
	rig_pid(b, "B");
	link.value[LINK_LOSS] = 0.5;
	assert_int_equal(alto_builder_link(b, &link), 0);
	link = rig_link(1, 0, 1);
	link.value[LINK_DELAY_US] = 5;
	assert_int_equal(alto_builder_link(b, &link), 0);
	s = rig_finish(b, NULL);
	assert_true(s->has[ALTO_ROUTINGCOST] && s->has[ALTO_HOPCOUNT]);
	assert_true(s->has[ALTO_DELAY_OW] && s->has[ALTO_DELAY_RT]);
	assert_false(s->has[ALTO_LOSSRATE] || s->has[ALTO_BW_RESIDUAL] || s->has[ALTO_TPUT]);
	alto_source_put(s);
}

/* So that the directory does not change with what the links and PIDs happen to have. */
static void test_metrics_and_properties_can_be_offered_beforehand(void **state)
{
	struct alto_builder_conf conf = {.metrics = 1u << ALTO_DELAY_OW | 1u << ALTO_LOSSRATE};
	struct alto_builder *b = rig_builder("m");
	struct alto_source *s;
	double value = 0;
	char *text;

	rig_pid(b, "A");
	assert_int_equal(alto_builder_offer_prop(b, "a/b"), -EINVAL);
	assert_int_equal(alto_builder_offer_prop(b, "port"), 0);
	assert_int_equal(alto_builder_pid_prop(b, 0, "cpu", json_integer(1)), 0);
	s = rig_finish(b, &conf);
	assert_true(s->has[ALTO_DELAY_OW] && s->has[ALTO_DELAY_RT] && s->has[ALTO_LOSSRATE]);
	assert_false(s->has[ALTO_BW_RESIDUAL] || s->has[ALTO_ANE_PATH]);
	assert_int_equal(alto_source_cost(s, ALTO_DELAY_RT, 0, 1, &value), 0);
	assert_true(isnan(value));
	text = json_dumps(s->pid_prop_names, JSON_COMPACT);
	assert_string_equal(text, "[\"cpu\",\"port\"]");
	free(text);
	alto_source_put(s);
}

/* ---- snapshots ---- */

static void test_snapshots_hold_their_sources(void **state)
{
	struct alto_source *sources[ALTO_SOURCES_MAX + 1];
	struct alto_snapshot *snap = NULL, *later = NULL;
	char id[] = "m0";

	for (unsigned int i = 0; i < ALTO_SOURCES_MAX + 1; i++, id[1]++)
		sources[i] = rig_finish(rig_builder(id), NULL);
	alto_source_ref(sources[0]);
	assert_int_equal(alto_snapshot_new(sources, ALTO_SOURCES_MAX + 1, &snap), -ENOSPC);
	assert_null(snap);
	assert_int_equal(sources[0]->refs, 1);
	assert_int_equal(alto_snapshot_new(sources, 1, &snap), 0);
	assert_int_equal(alto_snapshot_new(NULL, 0, &later), 0);
	assert_true(later->number > snap->number);
	assert_true(snap->made_us && snap->made_unix);
	alto_snapshot_put(later);
	assert_ptr_equal(alto_snapshot_ref(snap), snap);
	alto_snapshot_put(snap);
	assert_string_equal(snap->sources[0]->id, "m0");
	alto_snapshot_put(snap);
	alto_snapshot_put(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_source_ids_fit_the_ids_of_resources),
		cmocka_unit_test(test_pids_are_valid_and_there_once),
		cmocka_unit_test(test_number_of_pids_has_a_limit),
		cmocka_unit_test(test_no_prefix_twice),
		cmocka_unit_test(test_number_of_prefixes_has_a_limit),
		cmocka_unit_test(test_number_of_endpoints_with_properties_has_a_limit),
		cmocka_unit_test(test_links_have_sane_values_and_are_there_once),
		cmocka_unit_test(test_number_of_links_has_a_limit),
		cmocka_unit_test(test_calendars_come_before_links_and_have_limits),
		cmocka_unit_test(test_properties_have_valid_names_and_endpoints_are_canonical),
		cmocka_unit_test(test_stat_must_be_an_operator),
		cmocka_unit_test(test_the_default_pid_makes_the_map_complete),
		cmocka_unit_test(test_the_default_pid_takes_only_what_nobody_has),
		cmocka_unit_test(test_a_pid_named_default_is_the_default),
		cmocka_unit_test(test_longest_prefix_as_in_the_rfcs_example),
		cmocka_unit_test(test_longest_prefix_agrees_with_trying_all),
		cmocka_unit_test(test_a_prefix_that_is_there_twice_is_told),
		cmocka_unit_test(test_sources_are_sorted_whatever_the_order_of_insertion),
		cmocka_unit_test(test_tags_are_of_content_not_of_order),
		cmocka_unit_test(test_another_prefix_changes_all_tags),
		cmocka_unit_test(test_transit_and_settings_are_in_the_cost_tag),
		cmocka_unit_test(test_metrics_are_there_when_a_usable_link_has_them),
		cmocka_unit_test(test_metrics_and_properties_can_be_offered_beforehand),
		cmocka_unit_test(test_snapshots_hold_their_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
