/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `sanctl __complete WORD...`: what may stand behind these words, one a line, for sanctl.bash.
 * Nouns and actions come from the table of verbs, names from the server if it answers quickly.
 */
#include <stdio.h>
#include <string.h>

#include "sanctl/ctl.h"

#define COMPLETE_TIMEOUT_MS 500

static int print_nouns(void)
{
	for (size_t i = 0; i < n_verbs; i++) {
		if (!i || strcmp(verbs[i - 1].noun, verbs[i].noun))
			puts(verbs[i].noun);
	}
	return CTL_OK;
}

static int print_actions(const char *noun)
{
	for (size_t i = 0; i < n_verbs; i++) {
		if (!strcmp(verbs[i].noun, noun))
			puts(verbs[i].action);
	}
	return CTL_OK;
}

static void print_path(const json_t *item)
{
	printf("%s/%s/%s\n", json_string_value(json_object_get(item, "ingress")),
	       json_string_value(json_object_get(item, "gateway")),
	       json_string_value(json_object_get(item, "name")));
}

static int print_names(struct ctl *ctl, const char *path, const char *member)
{
	json_t *all = NULL, *item;
	size_t i;

	if (ctl_collect(ctl, path, &all))
		return CTL_OK; /* no server, nothing to offer */
	json_array_foreach(json_object_get(all, "items"), i, item) {
		const char *name = member ? json_string_value(json_object_get(item, member)) : NULL;

		if (name)
			puts(name);
		else if (!member)
			print_path(item);
	}
	json_decref(all);
	return CTL_OK;
}

static int print_instances(struct ctl *ctl, char *service)
{
	const struct verb list = {.path = "/v1/services/%i/instances"};
	char path[CTL_PATH_MAX];

	if (strspn(service, "0123456789abcdefABCDEFx") != strlen(service) ||
	    ctl_path(&list, (struct args){&service, 1}, path))
		return CTL_OK;
	return print_names(ctl, path, "name");
}

/* The n-th argument of a verb, by the n-th placeholder of its path. */
static int print_argument(struct ctl *ctl, const struct verb *verb, struct args given)
{
	const char *p = verb->path;

	if (verb->run == run_instance_state && given.n == 2)
		return puts("up\ndraining\ndown"), CTL_OK;
	if (verb->run == run_stats && !given.n)
		return puts("services\negress\nnexthops\nreasons\ninterfaces\nmaps"), CTL_OK;
	if (verb->run == run_instance_list && !given.n)
		return print_names(ctl, "/v1/services", "id");
	for (int i = 0; p && i <= given.n; i++)
		p = strchr(i ? p + 1 : p, '%');
	if (!p)
		return CTL_OK;
	if (p[1] == 'i')
		return print_names(ctl, "/v1/services", "id");
	if (p[1] == 'd')
		return print_names(ctl, "/broker/v1/domains", "id");
	if (!strncmp(verb->path, "/v1/classes/", 12))
		return print_names(ctl, "/v1/classes", "name");
	if (p[1] == 'p')
		return print_names(ctl, "/v1/paths", NULL);
	return given.n ? print_instances(ctl, given.v[0])
		       : print_names(ctl, "/v1/gateways", "name");
}

int complete(struct ctl *ctl, struct args words)
{
	const struct verb *verb;
	int skip = 1;

	ctl->quiet = true;
	ctl->timeout_ms = COMPLETE_TIMEOUT_MS;
	if (!words.n)
		return print_nouns();
	verb = verb_find(words.v[0], "");
	if (!verb && words.n == 1)
		return print_actions(words.v[0]);
	if (!verb) {
		verb = verb_find(words.v[0], words.v[1]);
		skip = 2;
	}
	if (!verb)
		return CTL_OK;
	return print_argument(ctl, verb, (struct args){words.v + skip, words.n - skip});
}
