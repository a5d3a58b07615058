/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sanctl/ctl.h"
#include "util/json.h"
#include "util/own.h"
#include "util/yaml.h"

#define FILE_MAX (8u << 20) /* the largest body that the server takes */

static int parse_yaml(const char *text, size_t len, json_t **out, struct err *err)
{
	FILE *file = fmemopen((void *)text, len, "r");
	struct yaml_doc *doc;
	int rc;

	if (!file)
		return err_set(err, -errno, "", "", "cannot be read");
	rc = yaml_load(file, &doc, err);
	fclose(file);
	if (rc)
		return rc;
	*out = json_incref(yaml_root(doc));
	yaml_free(doc);
	return 0;
}

int body_parse(const char *text, size_t len, json_t **out, struct err *err)
{
	size_t blank = 0;
	int rc;

	while (blank < len && strchr(" \t\r\n", text[blank]))
		blank++;
	if (blank == len)
		return err_set(err, -EINVAL, "", "", "is empty: it must hold an object");
	if (text[blank] == '{')
		rc = json_parse(text, len, out, err);
	else
		rc = parse_yaml(text, len, out, err);
	if (rc || json_is_object(*out))
		return rc;
	json_decref(*out);
	*out = NULL;
	return err_set(err, -EINVAL, "", "", "must hold an object (key: value)");
}

const char *body_name(const char *file)
{
	return strcmp(file, "-") ? file : "standard input";
}

static int read_stream(FILE *file, char **text, size_t *len)
{
	OWN_PTR char *buf = malloc(FILE_MAX + 1);

	if (!buf)
		return -ENOMEM;
	*len = fread(buf, 1, FILE_MAX + 1, file);
	if (ferror(file))
		return -EIO;
	if (*len > FILE_MAX)
		return -EFBIG;
	*text = TAKE_PTR(buf);
	return 0;
}

int body_load(const char *name, char **text, size_t *len, struct err *err)
{
	bool std = !strcmp(name, "-");
	FILE *file = std ? stdin : fopen(name, "re");
	int rc = file ? read_stream(file, text, len) : -errno;

	if (file && !std)
		fclose(file);
	if (rc == -EFBIG)
		err_set(err, rc, "", "", "must not be larger than %u MiB", FILE_MAX >> 20);
	else if (rc)
		err_set(err, rc, "", "", "cannot be read: %s", strerror(-rc));
	if (rc)
		err_object(err, "%s", body_name(name));
	return rc;
}

static int read_file(const char *name, json_t **out, struct err *err)
{
	OWN_PTR char *text = NULL;
	size_t len = 0;
	int rc = body_load(name, &text, &len, err);

	if (rc)
		return rc;
	rc = body_parse(text, len, out, err);
	if (rc)
		err_object(err, "%s", body_name(name));
	return rc;
}

/* JSON if it reads as JSON, else the text itself. */
static json_t *value_of(const char *text)
{
	json_t *value = NULL;

	if (json_parse(text, strlen(text), &value, NULL))
		value = json_string(text);
	return value;
}

int body_assign(json_t *obj, const char *assignment, struct err *err)
{
	const char *equals = strchr(assignment, '=');
	const char *key = assignment;
	char name[128];
	json_t *value;

	if (!equals || equals == assignment)
		return err_set(err, -EINVAL, "", assignment, "must be key=value");
	for (;;) {
		size_t len = strcspn(key, ".=");
		json_t *inner;

		if (!len || len >= sizeof(name))
			return err_set(err, -EINVAL, "", assignment,
				       "must be key=value, key.key=value");
		snprintf(name, sizeof(name), "%.*s", (int)len, key);
		if (key[len] == '=')
			break;
		inner = json_object_get(obj, name);
		if (!json_is_object(inner)) {
			inner = json_object();
			json_object_set_new(obj, name, inner);
		}
		obj = inner;
		key += len + 1;
	}
	value = value_of(equals + 1);
	if (!value || json_object_set_new(obj, name, value))
		return err_set(err, -EINVAL, "", assignment, "must be UTF-8 text");
	return 0;
}

int body_read(struct ctl *ctl, const struct verb *verb, struct args args, json_t **out)
{
	struct err err = {};
	char text[512];
	json_t *body = NULL;
	int rc = 0;

	if (!ctl->file && !args.n)
		return usage_error(verb, "what to write is missing: key=value or -f FILE");
	if (ctl->file)
		rc = read_file(ctl->file, &body, &err);
	else
		body = json_object();
	for (int i = 0; !rc && i < args.n; i++)
		rc = body_assign(body, args.v[i], &err);
	if (rc) {
		json_decref(body);
		return usage_error(verb, "%s", err_text(&err, text, sizeof(text)));
	}
	*out = body;
	return CTL_OK;
}
