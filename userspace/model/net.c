/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "model/in6.h"
#include "util/json.h"
#include "util/own.h"

#define LOCATOR_LEN_MIN 16
#define LOCATOR_LEN_MAX 112
#define DEFAULT_PREFERENCE 100

static const char *const kind_names[] = {"be", "policy"};
_Static_assert(ARRAY_SIZE(kind_names) == PATH_KIND_MAX, "a name for every kind");
static const char *const encap_names[] = {"encap.red", "encap"};
_Static_assert(ARRAY_SIZE(encap_names) == SAN_ENCAP_MAX, "a name for every encapsulation");

/* A name comes from the key; the object may repeat it, not contradict it. Without a key it must be
 * there. */
static int read_name(const json_t *obj, const char *member, const char *key, char out[NAME_LEN],
		     struct err *err)
{
	char field[NAME_LEN + 1];
	const char *name = key;
	int r = json_get_str(obj, member, key ? JSON_OPTIONAL : JSON_REQUIRED, &name, err);

	if (r)
		return r;
	snprintf(field, sizeof(field), "/%s", member);
	if (!name_valid(name))
		return err_set(err, -EINVAL, field, name,
			       "must be a name of 1..63 of [A-Za-z0-9._-]");
	if (key && strcmp(name, key) != 0)
		return err_set(err, -EINVAL, field, name,
			       "must be %s, as the place it is put to, or absent", key);
	strcpy(out, name);
	return 0;
}

static int read_locator(const json_t *obj, struct gateway *gw, struct err *err)
{
	int len = 0;
	int r = json_get_prefix6(obj, "locator", JSON_REQUIRED, &gw->locator, &len, err);

	if (r)
		return r;
	if (len < LOCATOR_LEN_MIN || len > LOCATOR_LEN_MAX || IN6_IS_ADDR_MULTICAST(&gw->locator) ||
	    IN6_IS_ADDR_UNSPECIFIED(&gw->locator) || IN6_IS_ADDR_LINKLOCAL(&gw->locator))
		return err_set(err, -EINVAL, "/locator",
			       json_string_value(json_object_get(obj, "locator")),
			       "must be a unicast prefix of length %d..%d", LOCATOR_LEN_MIN,
			       LOCATOR_LEN_MAX);
	gw->locator_len = (uint8_t)len;
	return 0;
}

static bool in_locator(const struct gateway *gw, const struct in6_addr *seg)
{
	for (int i = 0; i < gw->locator_len; i++)
		if ((seg->s6_addr[i / 8] ^ gw->locator.s6_addr[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

static int read_san_sid(const json_t *obj, struct gateway *gw, struct err *err)
{
	const char *given = json_string_value(json_object_get(obj, "san_sid"));
	int r = in6_from_json(obj, "san_sid", JSON_OPTIONAL, &gw->san_sid, err);

	if (r || IN6_IS_ADDR_UNSPECIFIED(&gw->san_sid))
		return r;
	if (!in_locator(gw, &gw->san_sid))
		return err_set(err, -EINVAL, "/san_sid", given,
			       "must be inside the gateway's locator");
	if (IN6_ARE_ADDR_EQUAL(&gw->san_sid, &gw->sid))
		return err_set(err, -EINVAL, "/san_sid", given,
			       "must differ from sid: a SID has one behaviour");
	return 0;
}

/* A SID for what connections carry: another one than those with a behaviour of their own. */
static int read_decap(const json_t *obj, const char *member, const struct gateway *gw,
		      struct in6_addr *sid, struct err *err)
{
	char path[16], text[INET6_ADDRSTRLEN];
	int r = in6_from_json(obj, member, JSON_OPTIONAL, sid, err);

	if (r || IN6_IS_ADDR_UNSPECIFIED(sid) ||
	    (!IN6_ARE_ADDR_EQUAL(sid, &gw->sid) && !IN6_ARE_ADDR_EQUAL(sid, &gw->san_sid)))
		return r;
	snprintf(path, sizeof(path), "/%s", member);
	return err_set(err, -EINVAL, path, in6_text(sid, text),
		       "must differ from sid and san_sid: a SID has one behaviour");
}

static int read_gateway(const json_t *obj, const char *name, struct gateway *gw, struct err *err)
{
	static const char *const allowed[] = {"name",	"locator", "sid",     "san_sid",
					      "decap6", "decap4",  "address", NULL};
	int r = json_is_obj(obj, err);

	if (r == 0)
		r = json_only(obj, allowed, err);
	if (r == 0)
		r = read_name(obj, "name", name, gw->name, err);
	if (r == 0)
		r = read_locator(obj, gw, err);
	if (r == 0)
		r = in6_from_json(obj, "sid", JSON_OPTIONAL, &gw->sid, err);
	if (r == 0)
		r = read_san_sid(obj, gw, err);
	if (r == 0)
		r = read_decap(obj, "decap6", gw, &gw->decap6, err);
	if (r == 0)
		r = read_decap(obj, "decap4", gw, &gw->decap4, err);
	if (r == 0)
		r = in6_from_json(obj, "address", JSON_OPTIONAL, &gw->address, err);
	return r;
}

int gateway_from_json(const json_t *obj, const char *name, struct gateway *gw, struct err *err)
{
	struct gateway g;
	struct err ignored;
	int r;

	err = err ? err : &ignored;
	memset(&g, 0, sizeof(g));
	r = read_gateway(obj, name, &g, err);
	if (r) {
		if (name || g.name[0])
			err_object(err, "gateway %s", name ? name : g.name);
		return r;
	}
	memcpy(gw, &g, sizeof(g));
	return 0;
}

json_t *gateway_to_json(const struct gateway *gw)
{
	char addr[INET6_ADDRSTRLEN], prefix[INET6_ADDRSTRLEN + 4];
	json_t *obj;

	snprintf(prefix, sizeof(prefix), "%s/%u", in6_text(&gw->locator, addr), gw->locator_len);
	obj = json_pack("{s:s, s:s}", "name", gw->name, "locator", prefix);
	if (obj) {
		in6_to_json(obj, "sid", &gw->sid);
		in6_to_json(obj, "san_sid", &gw->san_sid);
		in6_to_json(obj, "decap6", &gw->decap6);
		in6_to_json(obj, "decap4", &gw->decap4);
		in6_to_json(obj, "address", &gw->address);
	}
	return obj;
}

static int read_names(const json_t *obj, const struct path_key *key, struct path *path,
		      struct err *err)
{
	int r = read_name(obj, "ingress", key->ingress, path->ingress, err);

	if (r == 0)
		r = read_name(obj, "gateway", key->gateway, path->gateway, err);
	if (r == 0)
		r = read_name(obj, "name", key->name, path->name, err);
	return r;
}

static int read_segments(const json_t *obj, struct path *path, struct err *err)
{
	json_t *array = NULL;
	size_t n;
	int r = json_get_array(obj, "segments", JSON_OPTIONAL, &array, err);

	if (r)
		return r;
	n = json_array_size(array); /* 0 for NULL */
	if (path->kind == PATH_BE && n != 0)
		return err_set(err, -EINVAL, "/segments", NULL,
			       "must be absent: kind be has no segments; see kind policy");
	if (path->kind == PATH_POLICY && (n < 1 || n > SAN_MAX_SEGS - 1))
		return err_set(err, n ? -ENOSPC : -EINVAL, "/segments", NULL,
			       "must be 1..%d SIDs (that of the instance follows)",
			       SAN_MAX_SEGS - 1);
	path->n_segs = (uint8_t)n;
	for (size_t i = 0; i < n; i++) {
		r = in6_from_value(json_array_get(array, i), &path->segs[i], err);
		if (r)
			return err_prefix(err, "/segments/%zu", i);
	}
	return 0;
}

static int read_numbers(const json_t *obj, struct path *path, struct err *err)
{
	const struct json_range u32 = {0, UINT32_MAX};
	int64_t colour = 0, preference = DEFAULT_PREFERENCE, hop_limit = 0;
	int r = json_get_int(obj, "colour", JSON_OPTIONAL, u32, &colour, err);

	if (r == 0 && colour != 0 && path->kind == PATH_BE)
		r = err_set(err, -EINVAL, "/colour", NULL,
			    "must be absent: kind be has no colour; see kind policy");
	if (r == 0)
		r = json_get_int(obj, "preference", JSON_OPTIONAL, u32, &preference, err);
	if (r == 0)
		r = json_get_int(obj, "hop_limit", JSON_OPTIONAL, (struct json_range){0, 255},
				 &hop_limit, err);
	path->colour = (uint32_t)colour;
	path->preference = (uint32_t)preference;
	path->hop_limit = (uint8_t)hop_limit;
	return r;
}

static int read_path(const json_t *obj, const struct path_key *key, struct path *path,
		     struct err *err)
{
	static const char *const allowed[] = {"ingress",   "gateway",	 "name",     "kind",
					      "colour",	   "preference", "segments", "encap",
					      "hop_limit", NULL};
	int kind = 0, encap = SAN_ENCAP_RED;
	int r = json_is_obj(obj, err);

	if (r == 0)
		r = json_only(obj, allowed, err);
	if (r == 0)
		r = read_names(obj, key, path, err);
	if (r == 0)
		r = json_get_enum(obj, "kind", JSON_REQUIRED, kind_names, PATH_KIND_MAX, &kind,
				  err);
	if (r == 0)
		r = json_get_enum(obj, "encap", JSON_OPTIONAL, encap_names, SAN_ENCAP_MAX, &encap,
				  err);
	if (r)
		return r;
	path->kind = (uint8_t)kind;
	path->encap = (uint8_t)encap;
	r = read_numbers(obj, path, err);
	return r ? r : read_segments(obj, path, err);
}

int path_from_json(const json_t *obj, struct path_key key, struct path *path, struct err *err)
{
	struct path p;
	struct err ignored;
	int r;

	err = err ? err : &ignored;
	memset(&p, 0, sizeof(p));
	r = read_path(obj, &key, &p, err);
	if (r) {
		if (p.name[0])
			err_object(err, "path %s/%s/%s", p.ingress, p.gateway, p.name);
		return r;
	}
	memcpy(path, &p, sizeof(p));
	return 0;
}

static json_t *segments_to_json(const struct path *path)
{
	char text[INET6_ADDRSTRLEN];
	json_t *array = json_array();

	for (int i = 0; array && i < path->n_segs; i++)
		json_array_append_new(array, json_string(in6_text(&path->segs[i], text)));
	return array;
}

json_t *path_to_json(const struct path *path)
{
	json_t *obj = json_pack("{s:s, s:I, s:s, s:i}", "kind", kind_names[path->kind],
				"preference", (json_int_t)path->preference, "encap",
				encap_names[path->encap], "hop_limit", (int)path->hop_limit);

	if (obj && path->kind == PATH_POLICY) {
		json_object_set_new(obj, "colour", json_integer(path->colour));
		json_object_set_new(obj, "segments", segments_to_json(path));
	}
	return obj;
}
