/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/yaml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "util/json.h"
#include "util/own.h"
#include "util/yaml_scalar.h"

/* Lines in the shape of the values: children stand in document order. */
struct line_node {
	char *key; /* member name; NULL in arrays */
	int line;
	struct line_node *child;
	size_t n, cap;
};

struct yaml_doc {
	json_t *root;
	struct line_node lines;
};

struct loader {
	yaml_parser_t parser;
	const char *text;
	size_t len;
	int depth;
	struct err *err;
};

/* ---- lines ---- */

static void lines_fini(struct line_node *node)
{
	for (size_t i = 0; i < node->n; i++)
		lines_fini(&node->child[i]);
	free(node->child);
	free(node->key);
}

/* Takes key. The pointer is good until the next one is added. */
static struct line_node *lines_add(struct line_node *parent, char *key)
{
	struct line_node *child;

	if (parent->n == parent->cap) {
		size_t cap = parent->cap ? parent->cap * 2 : 4;

		child = realloc(parent->child, cap * sizeof(*child));
		if (!child) {
			free(key);
			return NULL;
		}
		parent->child = child;
		parent->cap = cap;
	}
	child = &parent->child[parent->n++];
	*child = (struct line_node){.key = key};
	return child;
}

/* Does the pointer's token (length len, with ~0 and ~1) name key? */
static bool token_is(const char *token, size_t len, const char *key)
{
	size_t i = 0;

	while (i < len) {
		char c = token[i++];

		if (c == '~' && i < len)
			c = token[i++] == '1' ? '/' : '~';
		if (*key++ != c)
			return false;
	}
	return *key == '\0';
}

static const struct line_node *lines_find(const struct line_node *node, const char *token,
					  size_t len)
{
	size_t index;
	char *end;

	for (size_t i = 0; i < node->n && node->child[i].key; i++) {
		if (token_is(token, len, node->child[i].key))
			return &node->child[i];
	}
	if (node->n == 0 || node->child[0].key)
		return NULL;
	index = strtoul(token, &end, 10);
	return end == token + len && index < node->n ? &node->child[index] : NULL;
}

int yaml_line(const struct yaml_doc *doc, const char *pointer)
{
	const struct line_node *node = &doc->lines;

	while (*pointer == '/') {
		size_t len = strcspn(++pointer, "/");
		const struct line_node *next = lines_find(node, pointer, len);

		if (!next)
			break;
		node = next;
		pointer += len;
	}
	return node->line;
}

/* ---- errors ---- */

static int refuse(struct loader *ld, yaml_mark_t mark, const char *what)
{
	return err_set(ld->err, -EINVAL, "", NULL, "line %zu, column %zu: %s", mark.line + 1,
		       mark.column + 1, what);
}

/* The reader knows only the offset of a byte it refuses. */
static yaml_mark_t mark_of_offset(const struct loader *ld, size_t offset)
{
	yaml_mark_t mark = {.index = offset};

	for (size_t i = 0; i < offset && i < ld->len; i++) {
		mark.column++;
		if (ld->text[i] == '\n') {
			mark.line++;
			mark.column = 0;
		}
	}
	return mark;
}

static int refuse_syntax(struct loader *ld)
{
	yaml_parser_t *p = &ld->parser;

	if (p->error == YAML_MEMORY_ERROR)
		return err_set(ld->err, -ENOMEM, "", NULL, "out of memory");
	if (p->error == YAML_READER_ERROR)
		p->problem_mark = mark_of_offset(ld, p->problem_offset);
	return refuse(ld, p->problem_mark, p->problem ? p->problem : "not YAML");
}

static int no_memory(struct loader *ld)
{
	return err_set(ld->err, -ENOMEM, "", NULL, "out of memory");
}

/* ---- values ---- */

static void own_event(yaml_event_t *event)
{
	yaml_event_delete(event);
}

#define OWN_EVENT __attribute__((cleanup(own_event)))

static int next_event(struct loader *ld, yaml_event_t *event)
{
	if (!yaml_parser_parse(&ld->parser, event))
		return refuse_syntax(ld);
	return 0;
}

static int load_value(struct loader *ld, const yaml_event_t *event, struct line_node *lines,
		      json_t **out);

static int load_scalar(struct loader *ld, const yaml_event_t *event, json_t **out)
{
	const char *text = (const char *)event->data.scalar.value;
	const char *problem = NULL;

	if (strlen(text) != event->data.scalar.length)
		return refuse(ld, event->start_mark, "text with a NUL byte");
	if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		*out = yaml_scalar(text, &problem);
	else
		*out = json_string(text);
	if (*out)
		return 0;
	return problem ? refuse(ld, event->start_mark, problem) : no_memory(ld);
}

static int load_array(struct loader *ld, struct line_node *lines, json_t *array)
{
	for (;;) {
		OWN_EVENT yaml_event_t event = {0};
		struct line_node *line;
		json_t *value = NULL;
		int rc = next_event(ld, &event);

		if (rc || event.type == YAML_SEQUENCE_END_EVENT)
			return rc;
		line = lines_add(lines, NULL);
		if (!line)
			return no_memory(ld);
		rc = load_value(ld, &event, line, &value);
		if (rc)
			return rc;
		if (json_array_append_new(array, value))
			return no_memory(ld);
	}
}

static int check_key(struct loader *ld, const yaml_event_t *event, const json_t *object)
{
	const char *key = (const char *)event->data.scalar.value;

	if (event->type != YAML_SCALAR_EVENT)
		return refuse(ld, event->start_mark, "a key must be plain text");
	if (event->data.scalar.anchor || event->data.scalar.tag)
		return refuse(ld, event->start_mark, "anchors and tags are not supported");
	if (strlen(key) != event->data.scalar.length)
		return refuse(ld, event->start_mark, "text with a NUL byte");
	if (json_object_get(object, key))
		return refuse(ld, event->start_mark, "duplicate key");
	return 0;
}

static int load_member(struct loader *ld, const yaml_event_t *key_event, struct line_node *lines,
		       json_t *object)
{
	OWN_EVENT yaml_event_t event = {0};
	const char *key = (const char *)key_event->data.scalar.value;
	struct line_node *line;
	json_t *value = NULL;
	char *copy;
	int rc = check_key(ld, key_event, object);

	if (!rc)
		rc = next_event(ld, &event);
	if (rc)
		return rc;
	copy = strdup(key);
	line = copy ? lines_add(lines, copy) : NULL;
	if (!line)
		return no_memory(ld);
	rc = load_value(ld, &event, line, &value);
	if (rc)
		return rc;
	/* An empty value starts where the next token is: the key's line says more. */
	line->line = (int)key_event->start_mark.line + 1;
	return json_object_set_new(object, key, value) ? no_memory(ld) : 0;
}

static int load_object(struct loader *ld, struct line_node *lines, json_t *object)
{
	for (;;) {
		OWN_EVENT yaml_event_t event = {0};
		int rc = next_event(ld, &event);

		if (rc || event.type == YAML_MAPPING_END_EVENT)
			return rc;
		rc = load_member(ld, &event, lines, object);
		if (rc)
			return rc;
	}
}

static int load_collection(struct loader *ld, const yaml_event_t *event, struct line_node *lines,
			   json_t **out)
{
	bool array = event->type == YAML_SEQUENCE_START_EVENT;
	char what[48];
	json_t *value;
	int rc;

	if (ld->depth == JSON_MAX_DEPTH) {
		snprintf(what, sizeof(what), "nested deeper than %d", JSON_MAX_DEPTH);
		return refuse(ld, event->start_mark, what);
	}
	value = array ? json_array() : json_object();
	if (!value)
		return no_memory(ld);
	ld->depth++;
	rc = array ? load_array(ld, lines, value) : load_object(ld, lines, value);
	ld->depth--;
	if (rc)
		json_decref(value);
	else
		*out = value;
	return rc;
}

/* Anchors alone do no harm, but mean aliases, which could grow a small file without bound. */
static bool has_anchor_or_tag(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor || event->data.scalar.tag;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor || event->data.sequence_start.tag;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.anchor || event->data.mapping_start.tag;
	default:
		return false;
	}
}

static int load_value(struct loader *ld, const yaml_event_t *event, struct line_node *lines,
		      json_t **out)
{
	lines->line = (int)event->start_mark.line + 1;
	if (event->type == YAML_ALIAS_EVENT)
		return refuse(ld, event->start_mark, "aliases are not supported");
	if (has_anchor_or_tag(event))
		return refuse(ld, event->start_mark, "anchors and tags are not supported");
	if (event->type == YAML_SCALAR_EVENT)
		return load_scalar(ld, event, out);
	return load_collection(ld, event, lines, out);
}

/* ---- document ---- */

/* Consumes one event that must be of this type. */
static int expect(struct loader *ld, yaml_event_type_t type, const char *otherwise)
{
	OWN_EVENT yaml_event_t event = {0};
	int rc = next_event(ld, &event);

	if (rc || event.type == type)
		return rc;
	return refuse(ld, event.start_mark, otherwise);
}

static int load_document(struct loader *ld, struct yaml_doc *doc)
{
	OWN_EVENT yaml_event_t start = {0};
	OWN_EVENT yaml_event_t event = {0};
	int rc = expect(ld, YAML_STREAM_START_EVENT, "not YAML");

	doc->lines.line = 1;
	if (!rc)
		rc = next_event(ld, &start);
	if (rc)
		return rc;
	if (start.type == YAML_STREAM_END_EVENT) { /* an empty file */
		doc->root = json_null();
		return 0;
	}
	rc = next_event(ld, &event);
	if (!rc)
		rc = load_value(ld, &event, &doc->lines, &doc->root);
	if (!rc)
		rc = expect(ld, YAML_DOCUMENT_END_EVENT, "not YAML");
	return rc ? rc : expect(ld, YAML_STREAM_END_EVENT, "more than one document");
}

static int read_all(FILE *file, char **out, size_t *len, struct err *err)
{
	size_t cap = 4096, at = 0;
	OWN_PTR char *buf = malloc(cap);

	while (buf) {
		char *more;

		at += fread(buf + at, 1, cap - at, file);
		if (ferror(file))
			return err_set(err, -EIO, "", NULL, "cannot be read");
		if (at > YAML_MAX_SIZE)
			return err_set(err, -EINVAL, "", NULL, "is larger than %u bytes",
				       YAML_MAX_SIZE);
		if (at < cap) {
			*out = TAKE_PTR(buf);
			*len = at;
			return 0;
		}
		more = realloc(buf, cap *= 2);
		if (!more)
			break;
		buf = more;
	}
	return err_set(err, -ENOMEM, "", NULL, "out of memory");
}

int yaml_load(FILE *file, struct yaml_doc **out, struct err *err)
{
	struct loader ld = {.err = err};
	OWN_PTR char *text = NULL;
	struct yaml_doc *doc;
	int rc = read_all(file, &text, &ld.len, err);

	if (rc)
		return rc;
	doc = calloc(1, sizeof(*doc));
	if (!doc || !yaml_parser_initialize(&ld.parser)) {
		free(doc);
		return no_memory(&ld);
	}
	ld.text = text;
	yaml_parser_set_encoding(&ld.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&ld.parser, (const unsigned char *)text, ld.len);
	rc = load_document(&ld, doc);
	yaml_parser_delete(&ld.parser);
	if (rc)
		yaml_free(doc);
	else
		*out = doc;
	return rc;
}

void yaml_free(struct yaml_doc *doc)
{
	if (!doc)
		return;
	json_decref(doc->root);
	lines_fini(&doc->lines);
	free(doc);
}

json_t *yaml_root(const struct yaml_doc *doc)
{
	return doc->root;
}
