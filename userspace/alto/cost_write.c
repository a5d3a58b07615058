/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers of the cost services as text. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alto/cost.h"

/* ---- meta ---- */

/* RFC 9110, 5.6.7; not strftime(), which follows the locale. */
static void put_date(struct alto_out *o, uint64_t unix_s)
{
	static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t t = (time_t)unix_s;
	struct tm tm;

	if (!gmtime_r(&t, &tm))
		memset(&tm, 0, sizeof(tm));
	alto_putf(o, "%s, %02d %s %d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday,
		  months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* The first value is that of the period's begin: never later than the request (RFC 8896, 4.1.2). */
static void put_calendar_meta(struct alto_out *o, const struct alto_cost_answer *a,
			      const struct alto_cost_type *type)
{
	const struct alto_calendar *c = &a->req->resource->source->calendar;
	uint64_t period = (uint64_t)c->interval_s * c->n_intervals;

	alto_puts(o, ",\"calendar-response-attributes\":[{\"cost-type-names\":[");
	alto_put_string(o, type->name);
	alto_puts(o, "],\"calendar-start-time\":\"");
	put_date(o, period ? a->req->now_unix - a->req->now_unix % period : a->req->now_unix);
	alto_putf(o, "\",\"time-interval-size\":%u,\"number-of-intervals\":%u}]", c->interval_s,
		  c->n_intervals);
}

static const struct alto_cost_type *type_at(const struct alto_cost_ask *ask, unsigned int i)
{
	return &ask->offered[ask->types[i]];
}

static void put_types(struct alto_out *o, const struct alto_cost_answer *a)
{
	const struct alto_cost_ask *ask = a->ask;
	const struct alto_source *s = a->req->resource->source;

	if (!ask->multi) {
		alto_puts(o, "\"cost-type\":");
		alto_put_cost_type(o, s, type_at(ask, 0));
		return;
	}
	/* empty: 4.1.3; receivers pass it over */
	alto_puts(o, "\"cost-type\":{},\"multi-cost-types\":[");
	for (unsigned int i = 0; i < ask->n_types; i++) {
		alto_puts(o, i ? "," : "");
		alto_put_cost_type(o, s, type_at(ask, i));
	}
	alto_puts(o, "]");
}

void alto_cost_put_meta(struct alto_out *o, const struct alto_cost_answer *a)
{
	put_types(o, a);
	for (unsigned int i = 0; i < a->ask->n_types; i++) {
		if (!a->ask->calendared[i])
			continue;
		put_calendar_meta(o, a, type_at(a->ask, i));
		return; /* there is one type that has a calendar */
	}
}

/* ---- costs ---- */

static void put_value(struct alto_out *o, double value)
{
	if (isnan(value))
		alto_put(o, "null", 4);
	else
		alto_put_number(o, value);
}

static size_t pairs(const struct alto_cost_answer *a)
{
	return (size_t)a->sides->src.n * a->sides->dst.n;
}

static bool calendar_known(const struct alto_cost_answer *a, size_t pair)
{
	uint32_t n = a->req->resource->source->calendar.n_intervals;

	for (uint32_t i = 0; i < n; i++) {
		if (!isnan(a->table->calendar[i * pairs(a) + pair]))
			return true;
	}
	return false;
}

static void put_calendar(struct alto_out *o, const struct alto_cost_answer *a, size_t pair)
{
	uint32_t n = a->req->resource->source->calendar.n_intervals;

	for (uint32_t i = 0; i < n; i++) {
		alto_put(o, i ? "," : "[", 1);
		put_value(o, a->table->calendar[i * pairs(a) + pair]);
	}
	alto_put(o, "]", 1);
}

static bool cost_known(const struct alto_cost_answer *a, unsigned int i, size_t pair)
{
	if (a->ask->calendared[i])
		return calendar_known(a, pair);
	return !isnan(a->table->value[a->ask->types[i]][pair]);
}

static void put_cost(struct alto_out *o, const struct alto_cost_answer *a, unsigned int i,
		     size_t pair)
{
	if (a->ask->calendared[i] && calendar_known(a, pair))
		put_calendar(o, a, pair);
	else if (a->ask->calendared[i])
		alto_put(o, "null", 4);
	else
		put_value(o, a->table->value[a->ask->types[i]][pair]);
}

static void put_costs(struct alto_out *o, const struct alto_cost_answer *a, size_t pair)
{
	if (!a->ask->multi) {
		put_cost(o, a, 0, pair);
		return;
	}
	for (unsigned int i = 0; i < a->ask->n_types; i++) {
		alto_put(o, i ? "," : "[", 1);
		put_cost(o, a, i, pair);
	}
	alto_put(o, "]", 1);
}

static bool any_known(const struct alto_cost_answer *a, size_t pair)
{
	for (unsigned int i = 0; i < a->ask->n_types; i++) {
		if (cost_known(a, i, pair))
			return true;
	}
	return false;
}

static bool meets_group(const struct alto_cost_answer *a, unsigned int group, size_t pair)
{
	const struct alto_cost_ask *ask = a->ask;
	unsigned int first = group ? ask->group_end[group - 1] : 0;

	for (unsigned int i = first; i < ask->group_end[group]; i++) {
		const struct alto_cost_test *test = &ask->tests[i];

		if (!alto_cost_meets(test->op, a->table->value[test->type][pair], test->value))
			return false;
	}
	return true;
}

static bool meets(const struct alto_cost_answer *a, size_t pair)
{
	for (unsigned int g = 0; g < a->ask->n_groups; g++) {
		if (meets_group(a, g, pair))
			return true;
	}
	return a->ask->n_groups == 0;
}

/* Names of the destinations as they stand in every row: ,"name": with a comma that the first one
 * of a row goes without. */
struct keys {
	char *text;
	uint32_t *end; /* key i ends here, and begins at the end of i - 1 */
};

static int keys_new(const struct alto_side *side, struct keys *out)
{
	struct keys keys = {0};
	size_t len = 0;

	for (uint32_t i = 0; i < side->n; i++)
		len += strlen(side->name[i]) + 4;
	keys.text = malloc(len + 1);
	keys.end = calloc((size_t)side->n + 1, sizeof(keys.end[0]));
	if (!keys.text || !keys.end) {
		free(keys.text);
		free(keys.end);
		return -ENOMEM;
	}
	len = 0;
	for (uint32_t i = 0; i < side->n; i++) {
		size_t n = strlen(side->name[i]);

		memcpy(keys.text + len, ",\"", 2);
		memcpy(keys.text + len + 2, side->name[i], n);
		memcpy(keys.text + len + 2 + n, "\":", 2);
		len += n + 4;
		keys.end[i] = (uint32_t)len;
	}
	*out = keys;
	return 0;
}

/* One source: nothing of it if no pair is left. */
static void put_row(struct alto_out *o, const struct alto_cost_answer *a, const struct keys *keys,
		    uint32_t src, bool *first)
{
	bool first_dst = true;

	for (uint32_t i = 0; i < a->sides->dst.n; i++) {
		size_t pair = (size_t)src * a->sides->dst.n + i;
		uint32_t begin = i ? keys->end[i - 1] : 0;

		if (!any_known(a, pair) || !meets(a, pair))
			continue;
		if (first_dst)
			alto_putf(o, "%s\"%s\":{", *first ? "" : ",", a->sides->src.name[src]);
		begin += first_dst;
		first_dst = *first = false;
		alto_put(o, keys->text + begin, keys->end[i] - begin);
		put_costs(o, a, pair);
	}
	if (!first_dst)
		alto_put(o, "}", 1);
}

void alto_cost_put_map(struct alto_out *o, const struct alto_cost_answer *a)
{
	bool first = true;
	struct keys keys;

	if (keys_new(&a->sides->dst, &keys)) {
		o->failed = -ENOMEM;
		return;
	}
	alto_put(o, "{", 1);
	for (uint32_t i = 0; i < a->sides->src.n; i++)
		put_row(o, a, &keys, i, &first);
	alto_put(o, "}", 1);
	free(keys.text);
	free(keys.end);
}

int alto_cost_reply(const struct alto_cost_answer *a, const char *field,
		    void (*write)(const struct alto_cost_answer *a, struct alto_out *o),
		    struct alto_reply *reply, struct alto_error *error)
{
	const struct alto_resource *resource = a->req->resource;
	struct alto_cost_answer full = *a;
	struct alto_cost_table table;
	int ret;

	ret = alto_cost_check(resource->source, a->ask, a->sides, field, error);
	if (ret == 0)
		ret = alto_cost_table_new(resource->source, a->ask, a->sides, &table);
	if (ret)
		return ret;
	full.table = &table;
	write(&full, &reply->out);
	/* With a calendar the content also depends on when it was asked for. */
	if (!table.calendar)
		memcpy(reply->tag, resource->source->cost_tag, sizeof(reply->tag));
	alto_cost_table_fini(&table);
	return 0;
}
