/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shell on a terminal: libedit, its history, completion. */
#include <histedit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "nemo/lex.h"
#include "sanctl/nemo_shell.h"

#define HISTORY_LINES 1000
#define CANDIDATES_MAX 256

/* ---- completion ---- */

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

struct found {
	const char *word;
	size_t len;
	const char **out;
	size_t n, max, common;
};

static void consider(struct found *f, const char *name)
{
	size_t same = 0;

	if (strncmp(name, f->word, f->len) != 0 || f->n == f->max)
		return;
	for (size_t i = 0; i < f->n; i++) {
		if (!strcmp(f->out[i], name))
			return;
	}
	while (f->n && same < f->common && name[same] == f->out[0][same])
		same++;
	f->common = f->n ? same : strlen(name);
	f->out[f->n++] = name;
}

/* clang-format off */
static const char *const key_words[] = {
#define X(name, text) text,
	LEX_KEYWORDS(X)
#undef X
	NULL,
};
/* clang-format on */

size_t shell_candidates(const struct shell *sh, const char *text, size_t len, size_t *from,
			const char **out, size_t max, size_t *common)
{
	struct found f = {.out = out, .max = max};
	size_t begin = len;

	while (begin && is_word(text[begin - 1]))
		begin--;
	f.word = text + begin;
	f.len = len - begin;
	for (int i = 0; begin == 0 && !sh->typed.len && shell_verbs[i]; i++)
		consider(&f, shell_verbs[i]);
	for (int i = 0; key_words[i]; i++)
		consider(&f, key_words[i]);
	for (size_t i = 0; i < sh->n_names; i++)
		consider(&f, sh->names[i]);
	*from = begin;
	*common = f.common;
	return f.n;
}

static unsigned char on_tab(EditLine *el, int c)
{
	const char *found[CANDIDATES_MAX];
	const LineInfo *line = el_line(el);
	size_t len = (size_t)(line->cursor - line->buffer), from, common, n;
	struct shell *sh = NULL;
	char more[NEMO_NAME_MAX + 2];

	el_get(el, EL_CLIENTDATA, &sh);
	n = shell_candidates(sh, line->buffer, len, &from, found, CANDIDATES_MAX, &common);
	if (!n)
		return CC_ERROR;
	if (n == 1 || common > len - from) {
		snprintf(more, sizeof(more), "%.*s%s", (int)(common - (len - from)),
			 found[0] + (len - from), n == 1 ? " " : "");
		return el_insertstr(el, more) ? CC_ERROR : CC_REFRESH;
	}
	putchar('\n');
	for (size_t i = 0; i < n; i++)
		printf("%s%s", found[i], i + 1 < n ? "  " : "\n");
	return CC_REDISPLAY;
}

/* ---- lines ---- */

static char *prompt(EditLine *el)
{
	static char fresh[] = "nemo> ", inside[] = "nemo*> ", open[] = "   ... ";
	struct shell *sh = NULL;

	el_get(el, EL_CLIENTDATA, &sh);
	return sh->typed.len ? open : sh->in_tx ? inside : fresh;
}

static const char *history_file(char *buf, size_t size)
{
	const char *home = getenv("HOME");

	if (!home || !*home)
		return NULL;
	snprintf(buf, size, "%s/.sand_nemo_history", home);
	return buf;
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signum)
{
	interrupted = 1;
}

/* ^C: what is typed is dropped, not the shell. NULL: the end. */
static const char *next_line(struct shell *sh, EditLine *el)
{
	const struct sigaction action = {.sa_handler = on_interrupt};
	const char *line;
	int len = 0;

	do {
		interrupted = 0;
		sigaction(SIGINT, &action, NULL); /* verbs that follow set their own */
		line = el_gets(el, &len);
		if (interrupted) {
			free(sh->typed.data);
			sh->typed = (struct nemo_text){};
			el_reset(el);
			putchar('\n');
		}
	} while (interrupted);
	return len > 0 ? line : NULL;
}

static void edit(struct shell *sh, EditLine *el, History *lines)
{
	HistEvent event;
	const char *line;

	while (!sh->ends && (line = next_line(sh, el))) {
		if (line[strspn(line, " \t\r\n")])
			history(lines, &event, H_ENTER, line);
		shell_line(sh, line);
		fflush(stdout);
	}
}

void shell_edit(struct shell *sh)
{
	char buf[4096];
	const char *file = history_file(buf, sizeof(buf));
	EditLine *el = el_init("sanctl", stdin, stdout, stderr);
	History *lines = history_init();
	HistEvent event;

	if (el && lines) {
		history(lines, &event, H_SETSIZE, HISTORY_LINES);
		history(lines, &event, H_SETUNIQUE, 1);
		if (file)
			history(lines, &event, H_LOAD, file);
		el_set(el, EL_CLIENTDATA, sh);
		el_set(el, EL_PROMPT, prompt);
		el_set(el, EL_EDITOR, "emacs");
		el_set(el, EL_HIST, history, lines);
		el_set(el, EL_ADDFN, "complete", "complete a word", on_tab);
		el_set(el, EL_BIND, "^I", "complete", NULL);
		edit(sh, el, lines);
		umask(077); /* statements may be nobody else's business */
		if (file)
			history(lines, &event, H_SAVE, file);
	}
	if (lines)
		history_end(lines);
	if (el)
		el_end(el);
}
