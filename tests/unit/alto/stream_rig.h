/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tests of update streams share: a stream, the events that it wrote last. */
#ifndef STREAM_RIG_H
#define STREAM_RIG_H

#include "unit/alto/update_rig.h"

#define PATH "/alto/updates/5"
#define PATCH "application/merge-patch+json"
#define CONTROL "application/alto-updatestreamcontrol+json"
#define NETMAP "application/alto-networkmap+json"
#define COSTMAP "application/alto-costmap+json"

/* ---- events ---- */

struct event {
	char name[256]; /* without the data-id */
	char id[128];
	char *data;
};
static struct event events[80];
static unsigned int n_events;
static struct alto_stream *stream;

static void forget_events(void)
{
	for (unsigned int i = 0; i < n_events; i++)
		free(events[i].data);
	memset(events, 0, sizeof(events));
	n_events = 0;
}

static void read_name(struct event *e, const char *text)
{
	const char *comma = strrchr(text, ',');

	snprintf(e->name, sizeof(e->name), "%.*s", comma ? (int)(comma - text) : (int)strlen(text),
		 text);
	snprintf(e->id, sizeof(e->id), "%s", comma ? comma + 1 : "");
}

/* Lines of data are joined by "\n" (the HTML standard's rule for event streams). */
static void read_data(struct event *e, const char *text)
{
	char *data;

	assert_true(asprintf(&data, "%s%s%s", e->data ? e->data : "", e->data ? "\n" : "", text) >=
		    0);
	free(e->data);
	e->data = data;
}

static void read_line(struct event *e, const char *line)
{
	if (strncmp(line, "event: ", 7) == 0)
		read_name(e, line + 7);
	else if (strncmp(line, "data: ", 6) == 0)
		read_data(e, line + 6);
	else
		assert_int_equal(line[0], ':');
}

static void read_events(struct alto_out *out)
{
	char *at = out->data, *nl;

	assert_int_equal(out->failed, 0);
	forget_events();
	for (; at && *at; at = nl + 1) {
		nl = strchr(at, '\n');
		assert_non_null(nl);
		*nl = '\0';
		assert_true(n_events < ARRAY_SIZE(events));
		if (nl == at)
			n_events += events[n_events].data != NULL;
		else
			read_line(&events[n_events], at);
	}
	alto_out_fini(out);
}

static json_t *data_of(unsigned int i)
{
	json_t *json = NULL;

	assert_true(i < n_events);
	assert_int_equal(json_parse(events[i].data, strlen(events[i].data), &json, NULL), 0);
	return json;
}

static void check_event(unsigned int i, const char *name, const char *id)
{
	assert_true(i < n_events);
	assert_string_equal(events[i].name, name);
	assert_string_equal(events[i].id, id);
}

static __attribute__((unused)) void check_control(unsigned int i, const char *member,
						  const char *ids)
{
	json_t *data = data_of(i);
	char *text = json_text(json_object_get(data, member));

	check_event(i, CONTROL, "");
	assert_string_equal(text, q(ids));
	free(text);
	json_decref(data);
}

/* ---- what is asked ---- */

/* Checked, and all that is new asked. */
static int ask_adds(const struct alto_stream_conf *conf, const struct alto_stream *of,
		    const char *params, struct alto_adds **adds)
{
	int r = alto_adds_new(conf, of, q(params), strlen(params), adds, &error);

	if (r)
		return r;
	do {
		r = alto_adds_step(*adds, &error);
	} while (r == -EAGAIN);
	return r;
}

static int try_open(const char *params)
{
	struct alto_stream_conf conf = rig_conf(PATH);
	struct alto_out out = {.max = ALTO_ANSWER_MAX};
	struct alto_adds *adds = NULL;
	int r = ask_adds(&conf, NULL, params, &adds);

	if (r == 0)
		r = alto_stream_new(&conf, adds, &out, &stream, &error);
	alto_adds_free(adds);
	if (r)
		assert_int_equal(out.len, 0);
	read_events(&out);
	return r;
}

static void start(const char *params)
{
	assert_int_equal(try_open(params), 0);
	assert_true(n_events > 0);
}

static int setup(void **state)
{
	stream = NULL;
	return rig_setup(state);
}

static int teardown(void **state)
{
	alto_stream_free(stream);
	forget_events();
	return rig_teardown(state);
}

static void update(void)
{
	struct alto_out out = {.max = ALTO_ANSWER_MAX};

	ask_round();
	assert_int_equal(alto_stream_update(stream, &out), 0);
	read_events(&out);
}

static __attribute__((unused)) void change(struct state s)
{
	rig_set(&s);
	update();
}

/* Whole content of event i must be what the resource answers. */
static __attribute__((unused)) void check_full(unsigned int i, const char *id, const char *body)
{
	check_answer(data_of(i), id, body);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
