/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shell of intent: where a statement ends, what a tab offers; the parts of an event stream. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "../../../userspace/sanctl/nemo_edit.c"
#include "../../../userspace/sanctl/nemo_input.c"

const char *const shell_verbs[] = {"help", "plan", "export", "explain", NULL};

void shell_line(struct shell *sh, const char *line)
{
	fail();
}

/* ---- where a statement ends ---- */

static enum shell_state state(const char *text)
{
	struct nemo_diags diags = {0};
	struct nemo_script *script = NULL;
	enum shell_state is = shell_state(text, strlen(text), &script, &diags);

	assert_int_equal(is == SHELL_COMPLETE || is == SHELL_PAUSE, script != NULL);
	assert_true(is != SHELL_WRONG || diags.errors);
	nemo_script_free(script);
	nemo_diags_fini(&diags);
	return is;
}

static void test_state(void **arg)
{
	static const struct {
		const char *text;
		enum shell_state is;
	} cases[] = {
		{"", SHELL_EMPTY},
		{"\n", SHELL_EMPTY},
		{"# only a comment\n", SHELL_EMPTY},
		{";\n", SHELL_EMPTY},
		{"CREATE", SHELL_OPEN},
		{"CREATE CFN a\n", SHELL_OPEN},
		{"CREATE CFN a Type l2group\n", SHELL_OPEN},
		{"CREATE CFN a Type l2group;\n", SHELL_COMPLETE},
		{"CREATE CFN a Type l2group; CREATE\n", SHELL_OPEN},
		{"CREATE CFN \xc3\xa4", SHELL_WRONG},
		{"CREATE CFM a Type l2group;\n", SHELL_WRONG},
		{"Transaction\n", SHELL_COMPLETE},
		{"Commit;\n", SHELL_COMPLETE},
		{"Query up From a\n", SHELL_PAUSE},
		{"Query up From a;\n", SHELL_COMPLETE},
		{"Query up From a\n\n", SHELL_COMPLETE},
		{"Query up From a\n \t\r\n", SHELL_COMPLETE},
		{"Query up From a\n# more\n", SHELL_PAUSE},
		{"Query up,\n", SHELL_OPEN},
		{"CREATE ServiceFlow f Match port: 80\n", SHELL_PAUSE},
		{"CREATE ServiceFlow f Match port: 80\n  , proto: \"tcp\";\n", SHELL_COMPLETE},
		{"CREATE ServiceFlow f Match port: 80\nDELETE CFN a;\n", SHELL_COMPLETE},
		{"CREATE ServiceFlow f Match port: 80,\n", SHELL_OPEN},
		{"/* begins\n", SHELL_OPEN},
		{"/* begins\nand ends */\n", SHELL_EMPTY},
		{"Description \"/* no comment\" ;\n", SHELL_WRONG},
		{"# /* no comment\n", SHELL_EMPTY},
		{"// /* no comment\n", SHELL_EMPTY},
		{"Query \"up\\\" From a\n", SHELL_WRONG},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (state(cases[i].text) != cases[i].is)
			fail_msg("%s: %d, not %d", cases[i].text, state(cases[i].text),
				 cases[i].is);
	}
}

/* ---- what a tab offers ---- */

static char *names[] = {"Branch", "Branch-north", "web"};

struct offer {
	const char *text, *first; /* NULL: none */
	size_t n, common;
	bool open; /* a line of a statement that goes on */
};

static void test_candidates(void **arg)
{
	static const struct offer offers[] = {
		{"CREATE Conn", "Connection", 2, 10, false},
		{"Transac", "Transaction", 1, 11, false},
		{"DELETE CFN Br", "Branch", 2, 6, false},
		{"DELETE CFN Branch-", "Branch-north", 1, 12, false},
		{"exp", "export", 2, 3, false},
		{" exp", NULL, 0, 0, false},
		{"exp", NULL, 0, 0, true},
		{"zzz", NULL, 0, 0, false},
		{"we", "web", 1, 3, true},
	};
	struct shell sh = {.names = names, .n_names = 3};
	const char *found[8];
	size_t from, common;

	for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
		const struct offer *o = &offers[i];
		size_t n;

		sh.typed.len = o->open ? 10 : 0;
		n = shell_candidates(&sh, o->text, strlen(o->text), &from, found, 8, &common);
		assert_int_equal(n, o->n);
		if (!n)
			continue;
		assert_string_equal(found[0], o->first);
		assert_int_equal(common, o->common);
		assert_true(from == 0 || o->text[from - 1] == ' ');
	}
	/* never more than there is room for */
	assert_int_equal(shell_candidates(&sh, "", 0, &from, found, 3, &common), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_candidates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
