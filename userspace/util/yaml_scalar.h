/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a plain YAML scalar means: the YAML 1.2 core schema, without octal. Only yaml.c calls it. */
#ifndef UTIL_YAML_SCALAR_H
#define UTIL_YAML_SCALAR_H

#include <jansson.h>

/* New reference. NULL with *problem: a number that JSON integers or reals cannot hold; NULL
 * without: no memory. */
json_t *yaml_scalar(const char *text, const char **problem);

#endif
