/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside north: the lines of a snapshot that is restored. They are read twice or three times: once
 * to check them all, then to do what they say.
 */
#ifndef NORTH_RESTORE_INT_H
#define NORTH_RESTORE_INT_H

#include "north/database.h"

/* A place in the text, and the object of its line. */
struct cursor {
	const char *text; /* borrowed */
	size_t len, at;
	uint64_t line; /* from 1 */
	json_t *obj;
	size_t turn_at; /* where it was when this turn began */
	uint64_t turn_line;
};

void cursor_begin_turn(struct cursor *c);
/* Others have their turn now: enough lines or bytes were read. */
bool cursor_spent(const struct cursor *c);
/* Before the first key. The lines were checked. */
void cursor_rewind(struct cursor *c);
/* 1: there is one, its object in c->obj; 0: the end; or -errno, and err says what is wrong. */
int cursor_next(struct cursor *c, struct err *err);
/* 1: the next line with a key; 0: none is left; or -errno. */
int cursor_key(struct cursor *c, struct kv_line *kv, struct err *err);
void cursor_fini(struct cursor *c);

/* What the lines so far have told. */
struct restore_check {
	uint64_t keys;
	char last[NCSDB_KEY_MAX]; /* key of the line before */
	bool ended;		  /* the last line was seen */
};
/* Lines until this turn is spent. 1: go on; 0: all are good; or -errno, and err names the line. */
int check_lines(struct restore_check *check, struct cursor *c, struct err *err);

#endif
