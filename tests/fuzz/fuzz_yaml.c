/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a YAML file: refused with an error, or a document whose every pointer has a line. */
#include <stdio.h>
#include <stdlib.h>

#include "util/json.h"
#include "util/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct yaml_doc *doc = NULL;
	struct err err = {0};
	FILE *file = size ? fmemopen((void *)data, size, "r") : NULL;
	int r;

	if (!file)
		return 0;
	r = yaml_load(file, &doc, &err);
	fclose(file);
	if (r != 0 && (doc || !err.want[0]))
		abort();
	if (r == 0 && (!yaml_root(doc) || yaml_line(doc, "/services/0/id") < 1))
		abort();
	yaml_free(doc);
	return 0;
}
