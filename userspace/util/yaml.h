/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * YAML as the same jansson values that REST reads, so that one parser serves both; remembers the
 * line of every value for error messages. libyaml underneath; aliases, tags, duplicate keys,
 * several documents refused. Plain scalars resolve by the YAML 1.2 core schema (ints decimal or 0x,
 * true/false/null, floats as reals); quoted ones are strings.
 */
#ifndef UTIL_YAML_H
#define UTIL_YAML_H

#include <jansson.h>
#include <stdio.h>

#include "util/err.h"

#define YAML_MAX_SIZE (8u << 20)

struct yaml_doc;

/* Reads file to its end. err->want holds "line N, column M: what". *out is left alone on failure.
 */
int yaml_load(FILE *file, struct yaml_doc **out, struct err *err);
/* Its linker name differs: libyaml exports a yaml_free of its own, which ours would replace. */
void yaml_free(struct yaml_doc *doc) __asm__("yaml_doc_free");
json_t *yaml_root(const struct yaml_doc *doc); /* borrowed */
/* Line (from 1) of the value a JSON pointer names, or of its nearest existing ancestor. */
int yaml_line(const struct yaml_doc *doc, const char *pointer);

#endif
