/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "alto/alto.h"

#include <string.h>
#include <strings.h>

#include "util/own.h"

#define MULTIPART "multipart/related"

/* ---- media types ---- */

static const char *const media_types[] = {
#define X(id, type) type,
	ALTO_MEDIA(X)
#undef X
};
_Static_assert(ARRAY_SIZE(media_types) == ALTO_MEDIA_MAX, "one type for each");

const char *alto_media_type(enum alto_media media)
{
	return media_types[media];
}

static const char *skip_space(const char *at)
{
	return at + strspn(at, " \t");
}

/* The parameter's value: quoted or not; *len is its length, *end is behind it. */
static const char *param_value(const char *at, size_t *len, const char **end)
{
	const char *quote;

	if (*at != '"') {
		*len = strcspn(at, "; \t");
		*end = at + *len;
		return at;
	}
	quote = strchr(at + 1, '"');
	if (!quote)
		return NULL;
	*len = (size_t)(quote - at - 1);
	*end = quote + 1;
	return at + 1;
}

/* Value of parameter "type" in "; a=b; type=c"; NULL: none. */
static const char *type_param(const char *at, size_t *len)
{
	const char *name, *value;
	size_t name_len;

	for (;;) {
		at = skip_space(at);
		if (*at != ';')
			return NULL;
		name = skip_space(at + 1);
		name_len = strcspn(name, "=; \t");
		if (name[name_len] != '=')
			return NULL;
		value = param_value(name + name_len + 1, len, &at);
		if (!value)
			return NULL;
		if (name_len == 4 && strncasecmp(name, "type", 4) == 0)
			return value;
	}
}

static bool same(const char *type, const char *text, size_t len)
{
	return strlen(type) == len && strncasecmp(type, text, len) == 0;
}

static enum alto_media multipart_parse(const char *params)
{
	size_t len = 0, skip = strlen(MULTIPART ";type=");
	const char *type = type_param(params, &len);

	if (type && same(media_types[ALTO_MEDIA_PV_COSTMAP] + skip, type, len))
		return ALTO_MEDIA_PV_COSTMAP;
	if (type && same(media_types[ALTO_MEDIA_PV_ENDPOINTCOST] + skip, type, len))
		return ALTO_MEDIA_PV_ENDPOINTCOST;
	return ALTO_MEDIA_MAX;
}

enum alto_media alto_media_parse(const char *text)
{
	const char *at = skip_space(text);
	size_t len = strcspn(at, "; \t");
	const char *behind = skip_space(at + len);

	if (*behind && *behind != ';')
		return ALTO_MEDIA_MAX;
	if (same(MULTIPART, at, len))
		return multipart_parse(behind);
	for (unsigned int i = 0; i < ALTO_MEDIA_MAX; i++) {
		if (same(media_types[i], at, len))
			return (enum alto_media)i;
	}
	return ALTO_MEDIA_MAX;
}

/* ---- metrics ---- */

struct metric {
	const char *name;
	bool more, stat; /* is better; takes an operator (RFC 9439, 3.2) */
};
static const struct metric metrics[] = {
	[ALTO_ROUTINGCOST] = {"routingcost", false, false},
	[ALTO_HOPCOUNT] = {"hopcount", false, true},
	[ALTO_DELAY_OW] = {"delay-ow", false, true},
	[ALTO_DELAY_RT] = {"delay-rt", false, true},
	[ALTO_DELAY_VARIATION] = {"delay-variation", false, true},
	[ALTO_LOSSRATE] = {"lossrate", false, true},
	[ALTO_BW_RESIDUAL] = {"bw-residual", true, true},
	[ALTO_BW_AVAILABLE] = {"bw-available", true, true},
	[ALTO_TPUT] = {"tput", true, true},
	[ALTO_ANE_PATH] = {"ane-path", false, false},
};
_Static_assert(ARRAY_SIZE(metrics) == ALTO_METRIC_MAX, "one row for each");

static const char *const modes[] =
	{[ALTO_NUMERICAL] = "numerical", [ALTO_ORDINAL] = "ordinal", [ALTO_ARRAY] = "array"};
_Static_assert(ARRAY_SIZE(modes) == ALTO_MODE_MAX, "one name for each");

const char *alto_metric_name(enum alto_metric metric)
{
	return metrics[metric].name;
}

const char *alto_mode_name(enum alto_mode mode)
{
	return modes[mode];
}

bool alto_metric_more_is_better(enum alto_metric metric)
{
	return metrics[metric].more;
}

enum alto_metric alto_metric_parse(const char *text, const char **stat)
{
	size_t len = strcspn(text, ":");
	const char *behind = text[len] ? text + len + 1 : NULL;

	*stat = NULL;
	for (unsigned int i = 0; i < ALTO_METRIC_MAX; i++) {
		if (strlen(metrics[i].name) != len || memcmp(metrics[i].name, text, len) != 0)
			continue;
		if (behind && (!metrics[i].stat || !alto_stat_valid(behind)))
			return ALTO_METRIC_MAX;
		*stat = behind;
		return (enum alto_metric)i;
	}
	return ALTO_METRIC_MAX;
}

static bool digits(const char *text, size_t len)
{
	return len > 0 && strspn(text, "0123456789") >= len;
}

/* Behind the "p": 0..100, then perhaps decimals. */
static bool percentile_valid(const char *text)
{
	size_t len = strcspn(text, ".");
	unsigned int whole = 0;
	const char *decimals = text[len] ? text + len + 1 : NULL;

	if (len > 3 || !digits(text, len) || (decimals && !digits(decimals, strlen(decimals))))
		return false;
	for (size_t i = 0; i < len; i++)
		whole = whole * 10 + (unsigned int)(text[i] - '0');
	if (len > 1 && text[0] == '0')
		return false;
	return whole < 100 || (whole == 100 && (!decimals || !decimals[strspn(decimals, "0")]));
}

bool alto_stat_valid(const char *text)
{
	static const char *const stats[] = {"cur",    "min",	"max",	 "mean",
					    "median", "stddev", "stdvar"};

	for (size_t i = 0; i < ARRAY_SIZE(stats); i++) {
		if (strcmp(text, stats[i]) == 0)
			return true;
	}
	return text[0] == 'p' && percentile_valid(text + 1);
}
