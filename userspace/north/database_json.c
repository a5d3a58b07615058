/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys and values as JSON, and back. */
#include <errno.h>
#include <string.h>

#include "north/database.h"
#include "util/utf8.h"

/* ---- base64, RFC 4648 section 4 ---- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static json_t *base64(const unsigned char *data, size_t len)
{
	size_t to = 0;
	char *text = malloc(len / 3 * 4 + 5);
	json_t *value;

	if (!text)
		return NULL;
	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t bits = (uint32_t)data[i] << 16;

		bits |= left > 1 ? (uint32_t)data[i + 1] << 8 : 0;
		bits |= left > 2 ? data[i + 2] : 0;
		text[to++] = digits[bits >> 18];
		text[to++] = digits[bits >> 12 & 63];
		text[to++] = left > 1 ? digits[bits >> 6 & 63] : '=';
		text[to++] = left > 2 ? digits[bits & 63] : '=';
	}
	value = json_stringn_nocheck(text, to);
	free(text);
	return value;
}

static int digit(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Four digits to at most three bytes; how many, or -EINVAL. */
static int quad(const char *text, bool last, unsigned char *out)
{
	int pad = last ? (text[3] == '=') + (text[3] == '=' && text[2] == '=') : 0;
	uint32_t bits = 0;

	for (int i = 0; i < 4; i++) {
		int d = i >= 4 - pad ? 0 : digit(text[i]);

		if (d < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)d;
	}
	if (pad && bits & (pad == 1 ? 0xff : 0xffff))
		return -EINVAL; /* bits that stand for nothing */
	out[0] = (unsigned char)(bits >> 16);
	out[1] = (unsigned char)(bits >> 8);
	out[2] = (unsigned char)bits;
	return 3 - pad;
}

static int unbase64(const char *text, char **out, size_t *len)
{
	size_t n = strlen(text), to = 0;
	unsigned char *data = malloc(n / 4 * 3 + 1);
	int r = n % 4 ? -EINVAL : 0;

	if (!data)
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && i < n; i += 4) {
		r = quad(text + i, i + 4 == n, data + to);
		to += r > 0 ? (size_t)r : 0;
	}
	if (r < 0) {
		free(data);
		return -EINVAL;
	}
	data[to] = 0;
	*out = (char *)data;
	*len = to;
	return 0;
}

/* ---- to JSON ---- */

static int add_value(json_t *obj, const struct ncsdb_kv *kv)
{
	json_t *text = NULL;

	if (!memchr(kv->value, 0, kv->value_len))
		text = json_stringn(kv->value, kv->value_len); /* NULL: no UTF-8 */
	if (text)
		return json_object_set_new(obj, "value", text);
	return json_object_set_new(obj, "value_base64", base64(kv->value, kv->value_len));
}

json_t *kv_json(const struct ncsdb_kv *kv, bool keys_only)
{
	json_t *obj = json_pack("{s:s}", "key", kv->key);
	int r = !obj || (!keys_only && add_value(obj, kv));

	r = r || json_object_set_new(obj, "version", json_integer(kv->version)) ||
	    json_object_set_new(obj, "create_revision", json_integer(kv->create_rev)) ||
	    json_object_set_new(obj, "mod_revision", json_integer(kv->mod_rev)) ||
	    json_object_set_new(obj, "lease", json_integer(kv->lease));
	if (!r)
		return obj;
	json_decref(obj);
	return NULL;
}

/* ---- and back ---- */

static int read_value(const json_t *obj, struct kv_line *out, struct err *err)
{
	const char *text = NULL, *coded = NULL;
	int r = json_get_str(obj, "value", JSON_OPTIONAL, &text, err);

	r = r ?: json_get_str(obj, "value_base64", JSON_OPTIONAL, &coded, err);
	if (r)
		return r;
	if (!text == !coded)
		return err_set(err, -EINVAL, "/value", text ? "twice" : "absent",
			       "must be there once, as value or value_base64");
	if (coded) {
		r = unbase64(coded, &out->value, &out->len);
	} else {
		out->value = strdup(text);
		out->len = strlen(text);
		r = out->value ? 0 : -ENOMEM;
	}
	if (r == -EINVAL)
		return err_set(err, r, "/value_base64", coded, "must be base64 with padding");
	if (r)
		return err_set(err, r, "", NULL, "no memory");
	if (out->len <= NCSDB_VALUE_MAX)
		return 0;
	free(out->value);
	out->value = NULL;
	return err_set(err, -EINVAL, "/value", NULL, "must be at most %u bytes", NCSDB_VALUE_MAX);
}

int kv_from_json(const json_t *obj, struct kv_line *out, struct err *err)
{
	static const char *const allowed[] = {
		"key",	 "value", "value_base64", "version", "create_revision", "mod_revision",
		"lease", NULL};
	int r = json_is_obj(obj, err);

	*out = (struct kv_line){0};
	r = r ?: json_only(obj, allowed, err);
	r = r ?: json_get_str(obj, "key", JSON_REQUIRED, &out->key, err);
	if (r)
		return r;
	if (strncmp(out->key, DATABASE_ROOT, strlen(DATABASE_ROOT)) != 0 ||
	    strlen(out->key) >= NCSDB_KEY_MAX || !utf8_text(out->key))
		return err_set(err, -EINVAL, "/key", out->key,
			       "must start with " DATABASE_ROOT ", be at most %d bytes, and have "
			       "no control characters",
			       NCSDB_KEY_MAX - 1);
	r = json_get_int(obj, "lease", JSON_OPTIONAL, (struct json_range){0, INT64_MAX},
			 &out->lease, err);
	return r ?: read_value(obj, out, err);
}
