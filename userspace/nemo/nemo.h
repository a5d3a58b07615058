/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NEMO, the intent language (draft-xia-sdnrg-nemo-language-04, with the grammar and the rules of
 * docs/nemo.md): values, places in a script, and what is said about them. All of nemo/ is pure: no
 * I/O, no clock, no database; memory and CPU are bounded by the limits below. A limit that is
 * exceeded is an error at the token that exceeds it.
 */
#ifndef NEMO_NEMO_H
#define NEMO_NEMO_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NEMO_SCRIPT_MAX (2u << 20) /* bytes of a script */
#define NEMO_STATEMENTS_MAX 16384  /* of a script */
/* Of a script, and of a tenant's objects: values, terms, "!" and actions, and what queries ask for
 * (items by names behind From), all together. */
#define NEMO_TERMS_MAX (1u << 17)
#define NEMO_OBJECTS_MAX 16384	 /* of a tenant, models included */
#define NEMO_NAME_MAX 63	 /* bytes of a name */
#define NEMO_STRING_MAX 4096	 /* bytes of a string, escapes resolved */
#define NEMO_DEPTH_MAX 256	 /* parentheses, "!" and calls within each other */
#define NEMO_LIST_MAX 4096	 /* items of a list, names of a clause, terms of an expression */
#define NEMO_ERRORS_MAX 100	 /* errors that are told; then one that says so ends the list */
#define NEMO_WARNINGS_KEPT 65536 /* warnings that are told; what is beyond is only counted */

/* From 1; a column is a code point, a tab is one; the end of the file is behind the last one. */
struct nemo_pos {
	uint32_t line, column;
};

enum nemo_type {
	NEMO_BOOLEAN,
	NEMO_INTEGER,
	NEMO_STRING,
	NEMO_DATE,
	NEMO_UUID,
	NEMO_ETHADDR,
	NEMO_IPPREFIX,
	NEMO_TYPE_MAX,
};
extern const char *const nemo_type_names[NEMO_TYPE_MAX]; /* "Boolean" ... */

/* A point of time as clocks on the wall show it. */
struct nemo_date {
	bool has_day, has_time; /* one of them, or both */
	int16_t year;		/* 1..9999 */
	uint8_t month, day;	/* from 1 */
	uint8_t hour, minute, second;
};

struct nemo_prefix {
	struct in6_addr addr; /* IPv4-mapped for IPv4; bits beyond len are zero in checked values */
	uint8_t len;	      /* 0..128; IPv4: 96 + its length */
	bool v4;
};

/* At level syntax only BOOLEAN, INTEGER, STRING and bare IPPREFIX; the check gives a literal the
 * type that its place asks for. */
struct nemo_value {
	enum nemo_type type;
	struct nemo_pos at;
	union {
		bool boolean;
		int64_t integer;
		const char *string; /* UTF-8, no NUL inside */
		struct nemo_date date;
		uint8_t uuid[16];
		uint8_t mac[6];
		struct nemo_prefix prefix;
	};
};

/* Canonical text (without quotes): dates "HH:MM:SS", "YYYY-MM-DD" or both with a blank; UUID and
 * EthAddr in lower case; IPPrefix by RFC 5952 without the length of a whole address. Returns buf;
 * NEMO_STRING_MAX + 1 bytes suffice. */
const char *nemo_value_text(const struct nemo_value *value, char *buf, size_t size);
bool nemo_value_equal(const struct nemo_value *a, const struct nemo_value *b);
/* -1, 0, 1; of integers, dates of the same parts, strings (bytes), prefixes (by address). */
int nemo_value_compare(const struct nemo_value *a, const struct nemo_value *b);
/* Reads text as a value of that type. 0; -EINVAL malformed; -ERANGE a number or a part of a date
 * that is too large. host_bits (may be NULL): bits beyond the mask were set, and are cleared. */
int nemo_value_read(enum nemo_type type, const char *text, struct nemo_value *out, bool *host_bits);
/* For literals without quotes, of which the check has to say that they have bits beyond the mask:
 * those stay as written. Results as nemo_value_read(). */
int nemo_prefix_read(const char *text, struct nemo_prefix *out);
/* Clears the bits beyond the mask; true if there were any. */
bool nemo_prefix_clear(struct nemo_prefix *prefix);

enum nemo_class { /* of an error */
		  NEMO_LEXICAL,
		  NEMO_SYNTAX,
		  NEMO_SEMANTIC,
		  NEMO_COMMIT, /* right by itself, but the network cannot do it */
		  NEMO_CLASS_MAX,
};
extern const char *const nemo_class_names[NEMO_CLASS_MAX];

/* X(NAME, "code") */
#define NEMO_WARNINGS(X)                                                                           \
	X(TAUTOLOGY, "W-tautology")                                                                \
	X(CONTRADICTION, "W-contradiction")                                                        \
	X(DEFAULT_TYPE, "W-default-type")                                                          \
	X(MISSING_SEMICOLON, "W-missing-semicolon")                                                \
	X(PORPERTY, "W-porperty")                                                                  \
	X(HOST_BITS, "W-host-bits")                                                                \
	X(NOOP_UPDATE, "W-noop-update")                                                            \
	X(EMPTY_TRANSACTION, "W-empty-transaction")                                                \
	X(OVERLAP, "W-overlap")

/* clang-format off */
enum nemo_warning {
#define X(name, text) NEMO_W_##name,
	NEMO_WARNINGS(X)
#undef X
	NEMO_W_MAX,
};
/* clang-format on */
extern const char *const nemo_warning_names[NEMO_W_MAX];

struct nemo_diag {
	bool is_warning;
	enum nemo_class class;	   /* of an error */
	enum nemo_warning warning; /* of a warning */
	struct nemo_pos at;
	char *reason; /* owned; ends with "; did you mean X?" where a known name is near */
};

/* What was said about a script, in the order of places once it was sorted. Start zeroed. */
struct nemo_diags {
	struct nemo_diag *v;
	unsigned int n, cap;
	unsigned int errors, warnings;
	bool no_memory;	  /* something could not be kept: counts as an error */
	bool no_warnings; /* set by who wants none: they are not looked for */
};
void nemo_diags_fini(struct nemo_diags *diags);
/* Always returns -EINVAL, so that a check can end with it; beyond NEMO_ERRORS_MAX nothing is kept
 * but the count. */
int nemo_error(struct nemo_diags *diags, enum nemo_class class, struct nemo_pos at,
	       const char *reason, ...) __attribute__((format(printf, 4, 5)));
void nemo_warn(struct nemo_diags *diags, enum nemo_warning warning, struct nemo_pos at,
	       const char *reason, ...) __attribute__((format(printf, 4, 5)));
void nemo_diags_sort(struct nemo_diags *diags);
/* The same, sorted, sharing the reasons: free(view->v) ends it. false: no memory. */
bool nemo_diags_view(const struct nemo_diags *diags, struct nemo_diags *view);

/*
 * For people: "FILE:LINE:COLUMN: error: reason" (or "warning: W-...: reason"), the line, and a
 * caret below the column (tabs stay tabs, so that it fits). malloc'ed text of all diagnostics in
 * the order of places; NULL: no memory. text is the script.
 */
char *nemo_diags_text(const struct nemo_diags *diags, const char *file, const char *text,
		      size_t len);

/* Of names[], the one that is one or two edits (one, for names up to three bytes) from what was
 * written; NULL: none, or it is a tie with another. */
const char *nemo_nearest(const char *written, const char *const *names, unsigned int n);

#endif
