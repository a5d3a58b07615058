/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the shell does with what is typed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sanctl/nemo_shell.h"
#include "util/own.h"

#define WORDS_MAX 16

static void failed(struct shell *sh, int status)
{
	sh->worst = sh->worst ? sh->worst : status;
}

static void clear(struct nemo_text *text)
{
	free(text->data);
	*text = (struct nemo_text){};
}

/* ---- names, for completion ---- */

static void forget_names(struct shell *sh)
{
	for (size_t i = 0; i < sh->n_names; i++)
		free(sh->names[i]);
	free(sh->names);
	sh->names = NULL;
	sh->n_names = 0;
}

static void add_names(struct shell *sh, const struct nemo_script *script)
{
	sh->names = calloc(script->n + 1, sizeof(*sh->names));
	for (unsigned int i = 0; sh->names && i < script->n && i < SHELL_NAMES_MAX; i++) {
		char *name = script->v[i].name.text ? strdup(script->v[i].name.text) : NULL;

		if (name)
			sh->names[sh->n_names++] = name;
	}
}

/* What the server does not tell is not offered. */
static void learn_names(struct shell *sh)
{
	struct nemo_request request = {.method = "GET", .text = true};
	struct nemo_diags diags = {};
	struct nemo_script *script = NULL;
	char url[NEMO_URL_MAX];
	json_t *answer = NULL;

	if (!sh->tty)
		return;
	forget_names(sh);
	request.url = nemo_url(&sh->link, url, "/export", NULL);
	sh->ctl->quiet = true;
	if (nemo_call(&sh->link, &request, &answer) == 0 && sh->link.body)
		script = nemo_parse(sh->link.body, sh->link.len, &diags);
	sh->ctl->quiet = false;
	if (script)
		add_names(sh, script);
	nemo_script_free(script);
	nemo_diags_fini(&diags);
	json_decref(answer);
}

/* ---- sending ---- */

static void send_script(struct shell *sh, const char *part, const char *script, size_t len,
			const char *if_revision)
{
	const struct nemo_request request = {
		.script = script, .len = len, .file = "shell", .if_revision = if_revision};
	json_t *answer = NULL;
	int status = nemo_send(&sh->link, &request, part, &answer);

	failed(sh, status);
	if (!status && sh->ctl->json) {
		ctl_print_json(answer);
	} else if (!status && !strcmp(part, "/plan")) {
		nemo_show_changes(json_object_get(answer, "changes"));
	} else if (!status && !strcmp(part, "/query")) {
		nemo_show_query(answer);
	} else if (!status) {
		nemo_show_applied(answer);
	}
	if (!status)
		nemo_say_json(answer, "shell", script, len);
	json_decref(answer);
	if (!status && !strcmp(part, "/apply"))
		learn_names(sh);
}

/* ---- transactions ---- */

static void end_tx(struct shell *sh)
{
	clear(&sh->tx);
	sh->in_tx = sh->spoiled = false;
}

static void begin_tx(struct shell *sh)
{
	struct nemo_request request = {.method = "GET"};
	char url[NEMO_URL_MAX];
	json_t *state = NULL;
	int status;

	request.url = nemo_url(&sh->link, url, "", NULL);
	status = nemo_call(&sh->link, &request, &state);
	failed(sh, status);
	/* without a revision to hold to, its statements must not take effect one by one */
	sh->spoiled = status != 0;
	snprintf(sh->revision, sizeof(sh->revision), "%lld",
		 (long long)json_integer_value(json_object_get(state, "revision")));
	json_decref(state);
	clear(&sh->tx);
	sh->in_tx = true;
}

static void commit(struct shell *sh)
{
	if (sh->spoiled || sh->tx.no_memory) {
		fputs("sanctl: nothing was sent: not all of the transaction holds\n", stderr);
		failed(sh, CTL_REFUSED);
	} else {
		send_script(sh, "/apply", sh->tx.data, sh->tx.len, sh->revision);
	}
	end_tx(sh);
}

/* ---- statements ---- */

static void take_stmt(struct shell *sh, const char *text, size_t len, enum nemo_stmt_kind kind)
{
	if (kind == NEMO_S_TRANSACTION && !sh->in_tx)
		begin_tx(sh);
	if (sh->in_tx)
		nemo_text_add(&sh->tx, "%.*s\n", (int)len, text);
	if (kind == NEMO_S_COMMIT && sh->in_tx)
		commit(sh);
	else if (!sh->in_tx)
		send_script(sh, kind == NEMO_S_QUERY ? "/query" : "/apply", text, len, NULL);
}

/* One by one: there may be several on a line. */
static void take(struct shell *sh, const struct nemo_script *script)
{
	for (unsigned int i = 0; i < script->n; i++) {
		const struct nemo_stmt *s = &script->v[i];

		take_stmt(sh, script->text + s->begin, s->end - s->begin, s->kind);
	}
}

/* Something was typed that cannot be taken: who wrote it may believe that a transaction is open,
 * and what follows must not take effect by itself. */
static void shell_break(struct shell *sh, const char *text, size_t len)
{
	failed(sh, CTL_REFUSED);
	if (!sh->tty && !sh->broken) {
		fputs("sanctl: what comes behind it is not sent\n", stderr);
		sh->broken = true;
	}
	if (!sh->in_tx && shell_holds(text, len, "Transaction")) {
		clear(&sh->tx);
		sh->in_tx = sh->spoiled = true;
		if (sh->tty)
			fputs("sanctl: the transaction is open, but will not be sent: begin anew "
			      "behind discard\n",
			      stderr);
	} else if (!sh->tty || shell_holds(text, len, "Transaction")) {
		sh->spoiled = sh->in_tx;
	}
}

/* ends: nothing can follow that belongs to it. */
static void take_typed(struct shell *sh, bool ends)
{
	const char *text = sh->typed.data ? sh->typed.data : "";
	struct nemo_diags diags = {};
	struct nemo_script *script = NULL;
	enum shell_state state = shell_state(text, sh->typed.len, &script, &diags);

	if (state == SHELL_PAUSE)
		state = ends ? SHELL_COMPLETE : SHELL_OPEN;
	if (state == SHELL_WRONG) {
		if (!diags.n)
			fputs("sanctl: no memory\n", stderr);
		nemo_say(&diags, "shell", text, sh->typed.len);
		shell_break(sh, text, sh->typed.len);
	} else if (state == SHELL_COMPLETE) {
		take(sh, script);
	}
	if (state != SHELL_OPEN)
		clear(&sh->typed);
	nemo_script_free(script);
	nemo_diags_fini(&diags);
}

/* ---- verbs ---- */

const char *const shell_verbs[] = {
	"help",	      "plan",	     "discard",	 "exit",    "quit",	 "export", "history",
	"operations", "connections", "hosts",	 "status",  "listeners", "clock",  "diff",
	"explain",    "show",	     "rollback", "confirm", NULL,
};

static void help(void)
{
	puts("A statement of intent ends at its \";\" and is applied at once; a ServiceFlow or Query\n"
	     "without one ends at an empty line. Transaction ... Commit is applied as one, or not at all.\n"
	     "  plan               what the transaction so far would change\n"
	     "  discard            forget the transaction, or the statement that is not complete\n"
	     "  export history show REVISION diff [FROM [TO]]\n"
	     "  operations connections hosts listeners status clock\n"
	     "  explain PACKET[@TIME]\n"
	     "  rollback [REVISION] confirm\n"
	     "  help exit");
}

static void plan(struct shell *sh)
{
	struct nemo_text script = {};

	if (!sh->in_tx) {
		fputs("sanctl: no transaction is open: begin one with Transaction;\n", stderr);
		failed(sh, CTL_USAGE);
		return;
	}
	if (sh->spoiled || sh->tx.no_memory) {
		fputs("sanctl: not all of the transaction holds: begin anew behind discard\n",
		      stderr);
		failed(sh, CTL_REFUSED);
		return;
	}
	nemo_text_add(&script, "%sCommit;\n", sh->tx.data);
	send_script(sh, "/plan", script.data, script.len, sh->revision);
	clear(&script);
}

/* The verbs of `sanctl nemo` itself. */
static void run_own(struct shell *sh, const char *name, char *rest)
{
	const struct verb *verb = verb_find("nemo", name);
	struct args args = {.v = (char *[WORDS_MAX]){}};

	for (char *word = strtok(rest, " \t"); word && args.n < WORDS_MAX;
	     word = strtok(NULL, " \t"))
		args.v[args.n++] = word;
	fflush(stdout);
	failed(sh, verb->run(sh->ctl, verb, args));
	if (!strcmp(name, "rollback"))
		learn_names(sh);
}

/* False: it is no verb. */
static bool run_verb(struct shell *sh, const char *line)
{
	OWN_PTR char *copy = strdup(line);
	char *name = copy ? copy + strspn(copy, " \t") : NULL, *rest;

	if (!name)
		return false;
	name[strcspn(name, "\r\n;")] = '\0';
	rest = name + strcspn(name, " \t");
	if (*rest)
		*rest++ = '\0';
	if (!strcmp(name, "exit") || !strcmp(name, "quit")) {
		sh->ends = true;
	} else if (!strcmp(name, "help")) {
		help();
	} else if (!strcmp(name, "discard")) {
		end_tx(sh);
	} else if (!strcmp(name, "plan")) {
		plan(sh);
	} else {
		for (int i = 5; shell_verbs[i]; i++) {
			if (strcmp(shell_verbs[i], name) == 0) {
				run_own(sh, name, rest);
				return true;
			}
		}
		return false;
	}
	return true;
}

/* ---- lines ---- */

static bool is_verb(const char *line)
{
	size_t n;

	line += strspn(line, " \t");
	n = strcspn(line, " \t\r\n;");
	for (int i = 0; shell_verbs[i]; i++) {
		if (strlen(shell_verbs[i]) == n && !strncmp(line, shell_verbs[i], n))
			return true;
	}
	return false;
}

/* What comes next may be the rest of it: nothing of that is taken for a statement. */
static void too_long(struct shell *sh)
{
	static const char as_if[] = "Transaction";

	fputs(sh->typed.no_memory ? "sanctl: no memory\n" : "sanctl: the statement is too long\n",
	      stderr);
	clear(&sh->typed);
	shell_break(sh, as_if, sizeof(as_if) - 1);
}

void shell_line(struct shell *sh, const char *line)
{
	if (sh->broken)
		return;
	if (sh->tty && sh->typed.len && !strncmp(line, "discard", 7)) {
		clear(&sh->typed);
		return;
	}
	if (sh->typed.len && is_verb(line))
		take_typed(sh, true);
	if (!sh->broken && !sh->typed.len && run_verb(sh, line))
		return;
	if (sh->broken)
		return;
	nemo_text_add(&sh->typed, "%s", line);
	if (sh->typed.no_memory || sh->typed.len > NEMO_SCRIPT_MAX)
		too_long(sh);
	else
		take_typed(sh, false);
}

void shell_eof(struct shell *sh)
{
	struct nemo_diags diags = {};
	struct nemo_script *script = NULL;

	if (sh->typed.len && !sh->broken)
		take_typed(sh, true);
	if (sh->typed.len) {
		script = nemo_parse(sh->typed.data, sh->typed.len, &diags);
		nemo_say(&diags, "shell", sh->typed.data, sh->typed.len);
		failed(sh, CTL_REFUSED);
	}
	if (sh->in_tx) {
		fputs(sh->broken
			      ? "sanctl: nothing was sent: not all of the transaction holds\n"
			      : "sanctl: the transaction has no Commit: nothing of it was sent\n",
		      stderr);
		failed(sh, CTL_REFUSED);
	}
	nemo_script_free(script);
	nemo_diags_fini(&diags);
}

static void read_lines(struct shell *sh)
{
	OWN_PTR char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while (!sh->ends && !sh->broken && (n = getline(&line, &cap, stdin)) >= 0) {
		if (strlen(line) == (size_t)n) {
			shell_line(sh, line);
		} else {
			fputs("sanctl: a line has a NUL byte\n", stderr);
			clear(&sh->typed);
			shell_break(sh, line, strlen(line));
		}
		fflush(stdout); /* whoever writes the lines may wait for it */
	}
}

int run_nemo_shell(struct ctl *ctl, const struct verb *verb, struct args args)
{
	struct shell sh = {.ctl = ctl};
	int status;

	if (args.n)
		return usage_error(verb, "takes no argument");
	sh.tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	status = link_open(&sh.link, ctl, verb, ctl->server);
	if (!status) {
		learn_names(&sh);
		if (sh.tty)
			shell_edit(&sh);
		else
			read_lines(&sh);
		shell_eof(&sh);
		status = sh.worst;
	}
	clear(&sh.typed);
	clear(&sh.tx);
	forget_names(&sh);
	link_close(&sh.link);
	return status;
}
