/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wrong with a script, with its lines; `sanctl nemo check`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nemo/store.h"
#include "sanctl/nemo.h"
#include "sanctl/table.h"
#include "util/own.h"

/* ---- diagnostics ---- */

void nemo_say(const struct nemo_diags *diags, const char *file, const char *text, size_t len)
{
	OWN_PTR char *lines = NULL;

	if (!diags->n)
		return;
	lines = nemo_diags_text(diags, file, text ? text : "", text ? len : 0);
	fputs(lines ? table_clean(lines, "\t\n") : "sanctl: no memory\n", stderr);
}

static bool read_place(const json_t *item, struct nemo_pos *at)
{
	const char *text = json_string_value(json_object_get(item, "at"));

	return text && sscanf(text, "%u:%u", &at->line, &at->column) == 2;
}

static void add_error(struct nemo_diags *diags, const json_t *item)
{
	const char *class = json_string_value(json_object_get(item, "class"));
	const char *reason = json_string_value(json_object_get(item, "reason"));
	struct nemo_pos at;
	int i = 0;

	while (class && i < NEMO_CLASS_MAX - 1 && strcmp(nemo_class_names[i], class) != 0)
		i++;
	if (read_place(item, &at))
		nemo_error(diags, i, at, "%s", reason ? reason : "");
}

static void add_warning(struct nemo_diags *diags, const json_t *item)
{
	const char *code = json_string_value(json_object_get(item, "code"));
	const char *reason = json_string_value(json_object_get(item, "reason"));
	struct nemo_pos at;

	for (int i = 0; code && i < NEMO_W_MAX; i++) {
		if (!strcmp(nemo_warning_names[i], code) && read_place(item, &at))
			nemo_warn(diags, i, at, "%s", reason ? reason : "");
	}
}

void nemo_say_json(const json_t *answer, const char *file, const char *text, size_t len)
{
	struct nemo_diags diags = {};
	json_t *item;
	size_t i;

	json_array_foreach(json_object_get(answer, "errors"), i, item) {
		add_error(&diags, item);
	}
	json_array_foreach(json_object_get(answer, "warnings"), i, item) {
		add_warning(&diags, item);
	}
	nemo_diags_sort(&diags);
	nemo_say(&diags, file ? file : "script", text, len);
	nemo_diags_fini(&diags);
}

/* ---- check: here, without a server ---- */

static struct nemo_script *check(struct ctl *ctl, const char *text, size_t len,
				 struct nemo_diags *diags)
{
	struct nemo_script *script = nemo_parse(text, len, diags);
	struct nemo_store *empty = nemo_store_new();

	if (!empty)
		diags->no_memory = true;
	else if (script && !ctl->text[CTL_OPT_SYNTAX_ONLY])
		nemo_check(script, empty, NULL, diags);
	nemo_diags_sort(diags);
	nemo_store_free(empty);
	return script;
}

static void print_result(const struct ctl *ctl, const char *file, const struct nemo_script *script,
			 const struct nemo_diags *diags)
{
	bool good = script && !diags->errors && !diags->no_memory;
	json_t *json = !ctl->json ? NULL
		       : good	  ? nemo_script_json(script, diags)
				  : nemo_errors_json(diags);

	if (json)
		ctl_print_json(json);
	else if (good)
		printf("%s: %u statements, %u warnings\n", file, script->n, diags->warnings);
	json_decref(json);
}

static int check_file(struct ctl *ctl, const char *name)
{
	struct nemo_diags diags = {};
	struct nemo_script *script;
	OWN_PTR char *text = NULL;
	struct err err = {};
	char line[512];
	size_t len = 0;
	int status;

	if (body_load(name, &text, &len, &err)) {
		fprintf(stderr, "sanctl: %s\n", err_text(&err, line, sizeof(line)));
		return CTL_USAGE;
	}
	script = check(ctl, text, len, &diags);
	nemo_say(&diags, body_name(name), text, len);
	print_result(ctl, body_name(name), script, &diags);
	status = script && !diags.errors && !diags.no_memory ? CTL_OK : CTL_REFUSED;
	nemo_script_free(script);
	nemo_diags_fini(&diags);
	return status;
}

int run_nemo_check(struct ctl *ctl, const struct verb *verb, struct args args)
{
	int worst = CTL_OK;

	if (!args.n)
		return usage_error(verb, "names of files are missing; - reads standard input");
	for (int i = 0; i < args.n; i++) {
		int status = check_file(ctl, args.v[i]);

		worst = worst ? worst : status;
	}
	return worst;
}
