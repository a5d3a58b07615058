/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `sanctl nemo shell`: statements as they are typed, or from standard input without prompts. What
 * is typed is read by the parser itself: a statement ends where it is complete. Transaction ...
 * Commit is collected and sent as one, for the revision that was in force at its Transaction.
 */
#ifndef SANCTL_NEMO_SHELL_H
#define SANCTL_NEMO_SHELL_H

#include "sanctl/nemo.h"

#define SHELL_NAMES_MAX 65536

struct shell {
	struct ctl *ctl;
	struct link link;
	bool tty;
	struct nemo_text typed; /* of the statement that is not complete yet */
	struct nemo_text tx;	/* of the transaction */
	bool in_tx;
	bool spoiled;	   /* the transaction lacks something that was typed: it is not sent */
	bool broken;	   /* not a tty: nothing is sent behind what did not hold */
	char revision[24]; /* at Transaction */
	char **names;	   /* of objects in force, for completion */
	size_t n_names;
	int worst; /* exit status: the first failure */
	bool ends;
};

/* ---- nemo_shell.c ---- */
/* One line, with its "\n" or without. */
void shell_line(struct shell *sh, const char *line);
/* Behind the last line. */
void shell_eof(struct shell *sh);
/* Names of verbs, NULL-terminated. */
extern const char *const shell_verbs[];

/* ---- nemo_input.c ---- */
enum shell_state {
	SHELL_EMPTY,	/* blanks and comments */
	SHELL_OPEN,	/* goes on */
	SHELL_PAUSE,	/* script: as SHELL_COMPLETE, but the last one has no ";" and may go on */
	SHELL_COMPLETE, /* script: one or more statements */
	SHELL_WRONG,	/* diags say why */
};
/* *script: of SHELL_PAUSE and SHELL_COMPLETE; the caller's. */
enum shell_state shell_state(const char *text, size_t len, struct nemo_script **script,
			     struct nemo_diags *diags);
/* The word stands in it, outside strings and comments; whatever else is wrong with it. */
bool shell_holds(const char *text, size_t len, const char *word);

/* ---- nemo_edit.c: the line editor ---- */
/* Until exit or the end of the terminal. */
void shell_edit(struct shell *sh);
/* Candidates for the word that ends at text[len], which begins at text[*from]. At most max;
 * *common: bytes that all of them have. */
size_t shell_candidates(const struct shell *sh, const char *text, size_t len, size_t *from,
			const char **out, size_t max, size_t *common);

#endif
