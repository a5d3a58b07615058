/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sand: parent and child; see docs/architecture.md. */
#include <stdio.h>
#include <stdlib.h>

#include "sand/config.h"
#include "sand/options.h"
#include "sand/parent.h"

static int check_config(const struct options *o)
{
	struct config *config = NULL;
	struct err err = {0};
	char text[512];
	FILE *file = fdopen(o->config_fd, "r");

	if (!file || config_load(file, o->config, &config, &err)) {
		fprintf(stderr, "sand: %s\n", err_text(&err, text, sizeof(text)));
		return EXIT_CONFIG;
	}
	printf("%s: ok\n", o->config);
	config_free(config);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct options o;
	int code = options_parse(argc, argv, &o);

	if (code >= 0)
		return code;
	if (o.check)
		return check_config(&o);
	if (o.unload)
		return parent_unload(&o);
	return o.single ? parent_single(&o) : parent_run(&o);
}
