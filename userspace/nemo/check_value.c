/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Literals: the type that their place asks for. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/check_int.h"

#define SHOWN 64 /* bytes of a value in a message */

static const char *const want[NEMO_TYPE_MAX] = {
	[NEMO_BOOLEAN] = "true or false",
	[NEMO_INTEGER] = "an Integer",
	[NEMO_STRING] = "a String in quotes",
	[NEMO_DATE] = "a Date: \"HH:MM[:SS]\", \"YYYY-MM-DD\" or both",
	[NEMO_UUID] = "a UUID: 8-4-4-4-12 hexadecimal digits in quotes",
	[NEMO_ETHADDR] = "an EthAddr: \"02:00:00:00:00:01\"",
	[NEMO_IPPREFIX] = "an IPPrefix: 192.0.2.0/24 or \"2001:db8::/32\"",
};

/* The text of what is written, cut at a whole character. */
static const char *shown(const struct nemo_value *value, char *buf)
{
	size_t n = SHOWN;

	if (value->type != NEMO_STRING)
		return nemo_value_text(value, buf, SHOWN);
	if (strlen(value->string) < SHOWN)
		return strcpy(buf, value->string);
	for (n = SHOWN - 4; n > 0 && ((unsigned char)value->string[n] & 0xc0) == 0x80; n--)
		;
	memcpy(buf, value->string, n);
	strcpy(buf + n, "...");
	return buf;
}

static bool wrong(struct check *check, const struct nemo_value *value,
		  const struct nemo_prop_def *def, int r)
{
	const char *quote = value->type == NEMO_STRING ? "\"" : "";
	char buf[SHOWN];

	check_error(check, value->at, "%s is the %s %s%s%s, must be %s%s", def->name,
		    nemo_type_names[value->type], quote, shown(value, buf), quote, want[def->type],
		    r == -ERANGE ? " (a number in it is out of range)" : "");
	return false;
}

static bool in_range(struct check *check, const struct nemo_value *value,
		     const struct nemo_prop_def *def)
{
	if (value->integer >= def->min && value->integer <= def->max)
		return true;
	check_error(check, value->at, "%s is %" PRId64 ", must be %" PRId64 " to %" PRId64,
		    def->name, value->integer, def->min, def->max);
	return false;
}

static void host_bits(struct check *check, const struct nemo_value *value,
		      const struct nemo_prop_def *def)
{
	char buf[SHOWN];

	nemo_warn(check->diags, NEMO_W_HOST_BITS, value->at,
		  "%s has bits beyond the mask, it is read as %s", def->name,
		  nemo_value_text(value, buf, sizeof(buf)));
}

bool check_value(struct check *check, struct nemo_value *value, const struct nemo_prop_def *def)
{
	bool bits = false;
	int r;

	if (def->type == NEMO_TYPE_MAX)
		return true;
	if (value->type != def->type) {
		if (value->type != NEMO_STRING || def->type == NEMO_BOOLEAN ||
		    def->type == NEMO_INTEGER)
			return wrong(check, value, def, -EINVAL);
		r = nemo_value_read(def->type, value->string, value, &bits);
		if (r < 0)
			return wrong(check, value, def, r);
	} else if (value->type == NEMO_IPPREFIX) {
		bits = nemo_prefix_clear(&value->prefix);
	}
	if (bits)
		host_bits(check, value, def);
	return value->type != NEMO_INTEGER || in_range(check, value, def);
}

static bool bound(struct check *check, struct nemo_value *value, const struct nemo_prop_def *def)
{
	char buf[SHOWN];

	if (!check_value(check, value, def))
		return false;
	if (value->type != NEMO_IPPREFIX || value->prefix.len == 128)
		return true;
	check_error(check, value->at, "a bound of a range of %s must be one address, not %s",
		    def->name, nemo_value_text(value, buf, sizeof(buf)));
	return false;
}

/* Bounds of one kind: both IPv4 or both IPv6; both with a day, both with a time. */
static bool alike(const struct nemo_value *a, const struct nemo_value *b)
{
	if (a->type == NEMO_IPPREFIX)
		return a->prefix.v4 == b->prefix.v4;
	if (a->type == NEMO_DATE)
		return a->date.has_day == b->date.has_day && a->date.has_time == b->date.has_time;
	return true;
}

static bool check_range(struct check *check, struct nemo_arg *arg, const struct nemo_prop_def *def)
{
	bool ok;

	if (def->type != NEMO_INTEGER && def->type != NEMO_IPPREFIX && def->type != NEMO_DATE) {
		check_error(check, arg->at, "%s is of type %s, which has no ranges", def->name,
			    nemo_type_names[def->type]);
		return false;
	}
	ok = bound(check, &arg->v[0], def);
	ok &= bound(check, &arg->v[1], def);
	if (!ok)
		return false;
	if (!alike(&arg->v[0], &arg->v[1])) {
		check_error(check, arg->v[1].at,
			    "the bounds of the range of %s are not of the same kind", def->name);
		return false;
	}
	if (nemo_value_compare(&arg->v[0], &arg->v[1]) <= 0)
		return true;
	check_error(check, arg->at, "the range of %s ends before it begins", def->name);
	return false;
}

bool check_arg(struct check *check, struct nemo_arg *arg, const struct nemo_prop_def *def,
	       bool ranges)
{
	bool ok = true;

	if (arg->kind == NEMO_ARG_RANGE && ranges)
		return check_range(check, arg, def);
	if (arg->kind == NEMO_ARG_RANGE) {
		check_error(check, arg->at, "%s must be a value or a List", def->name);
		return false;
	}
	for (unsigned int i = 0; i < arg->n; i++)
		ok &= check_value(check, &arg->v[i], def);
	return ok;
}

/* Names of CFNs in fields of a flow. */
static void check_cfns(struct check *check, const struct nemo_arg *arg)
{
	for (unsigned int i = 0; i < arg->n; i++)
		check_object(check, arg->v[i].string, arg->v[i].at, KIND(NEMO_CFN));
}

void check_pairs(struct check *check, struct nemo_pairs *pairs, const struct nemo_object *of)
{
	struct named *set = NULL;

	for (unsigned int i = 0; i < pairs->n && of->model; i++) {
		struct nemo_pair *pair = &pairs->v[i];
		const struct nemo_prop_def *def = check_prop(check, of, &pair->name, false);

		check_twice(check, &set, &pair->name, check_kind_prop(of->kind));
		if (!def || !check_arg(check, &pair->arg, def, of->kind == NEMO_FLOW))
			continue;
		if (nemo_field_refers(of->model, def->name))
			check_cfns(check, &pair->arg);
	}
	named_free(&set);
}
