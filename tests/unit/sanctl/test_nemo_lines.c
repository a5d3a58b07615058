/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the shell of intent sends of the lines it reads, and what it keeps back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../../userspace/sanctl/nemo_input.c"
#include "../../../userspace/sanctl/nemo_shell.c"

/* ---- the other end ---- */

static struct nemo_text sent; /* "/apply: TEXT|" */

int nemo_send(struct link *link, const struct nemo_request *script, const char *part,
	      json_t **answer)
{
	nemo_text_add(&sent, "%s: %.*s|", part, (int)script->len, script->script);
	*answer = json_object();
	return CTL_OK;
}

int nemo_call(struct link *link, const struct nemo_request *request, json_t **out)
{
	*out = json_pack("{s:i}", "revision", 3);
	return CTL_OK;
}

const char *nemo_url(const struct link *link, char buf[NEMO_URL_MAX], const char *part, ...)
{
	return part;
}

int link_open(struct link *link, struct ctl *ctl, const struct verb *verb, const char *server)
{
	return CTL_USAGE;
}

void link_close(struct link *link)
{
}

void nemo_say(const struct nemo_diags *diags, const char *file, const char *text, size_t len)
{
}

void nemo_say_json(const json_t *answer, const char *file, const char *text, size_t len)
{
}

void nemo_show_changes(const json_t *changes)
{
}

void nemo_show_query(const json_t *answer)
{
}

void nemo_show_applied(const json_t *answer)
{
}

void ctl_print_json(const json_t *json)
{
}

int usage_error(const struct verb *verb, const char *want, ...)
{
	return CTL_USAGE;
}

static int run_verb_named(struct ctl *ctl, const struct verb *verb, struct args args)
{
	nemo_text_add(&sent, "verb|");
	return CTL_OK;
}

const struct verb *verb_find(const char *object, const char *name)
{
	static const struct verb verb = {.run = run_verb_named};

	return &verb;
}

void shell_edit(struct shell *sh)
{
}

/* ---- lines ---- */

struct lines {
	const char *text, *sent;
	int worst;
};

static void feed(const struct lines *lines, bool tty)
{
	struct ctl ctl = {};
	struct shell sh = {.ctl = &ctl, .tty = tty};
	char copy[1024], *save = NULL;

	sh.link.ctl = &ctl;
	/* "|" ends a line */
	snprintf(copy, sizeof(copy), "%s", lines->text);
	for (char *line = strtok_r(copy, "|", &save); line; line = strtok_r(NULL, "|", &save)) {
		char whole[1024];

		snprintf(whole, sizeof(whole), "%s\n", strcmp(line, "-") ? line : "");
		shell_line(&sh, whole);
	}
	shell_eof(&sh);
	if (strcmp(sent.data ? sent.data : "", lines->sent) != 0)
		fail_msg("%s: sent %s", lines->text, sent.data ? sent.data : "nothing");
	assert_int_equal(sh.worst, lines->worst);
	clear(&sent);
	clear(&sh.typed);
	clear(&sh.tx);
	forget_names(&sh);
}

#define FLOW "CREATE ServiceFlow f Match src_ip: \"10.0.0.0/8\""

static void test_script(void **state)
{
	static const struct lines cases[] = {
		{"DELETE CFN a;|DELETE CFN b;", "/apply: DELETE CFN a;|/apply: DELETE CFN b;|", 0},
		{"Transaction;|DELETE CFN a;|Commit;",
		 "/apply: Transaction;\nDELETE CFN a;\nCommit;\n|", 0},
		/* the transaction began in what does not hold */
		{"Transaction; CREATE CFN bad;|DELETE CFN y;|Commit;", "", CTL_REFUSED},
		{"Transaction;|DELETE CFM y;|DELETE CFN y;|Commit;", "", CTL_REFUSED},
		/* nor what comes behind a mistake elsewhere */
		{"DELETE CFN x;|DELETE CFM y;|DELETE CFN y;|rollback", "/apply: DELETE CFN x;|",
		 CTL_REFUSED},
		{"Transaction;|DELETE CFN a;", "", CTL_REFUSED},
		/* a flow that goes on */
		{FLOW "|  , dst_ip: \"192.0.2.1\";",
		 "/apply: " FLOW "\n  , dst_ip: \"192.0.2.1\";|", 0},
		{FLOW "|-|DELETE CFN a;", "/apply: " FLOW "|/apply: DELETE CFN a;|", 0},
		{FLOW "|DELETE CFN a;", "/apply: " FLOW "|/apply: DELETE CFN a;|", 0},
		{FLOW "|status", "/apply: " FLOW "|verb|", 0},
		{FLOW, "/apply: " FLOW "|", 0},
		{"Query up From a|, b;", "/query: Query up From a\n, b;|", 0},
		{"Query up From a|Query up From b",
		 "/query: Query up From a|/query: Query up From b|", 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		feed(&cases[i], false);
}

static void test_terminal(void **state)
{
	static const struct lines cases[] = {
		/* one that does not hold is typed again */
		{"DELETE CFM a;|DELETE CFN a;", "/apply: DELETE CFN a;|", CTL_REFUSED},
		{"Transaction;|DELETE CFM a;|DELETE CFN a;|Commit;",
		 "/apply: Transaction;\nDELETE CFN a;\nCommit;\n|", CTL_REFUSED},
		/* a transaction that begins in it is not lost */
		{"Transaction; DELETE CFM a;|DELETE CFN b;|plan|Commit;", "", CTL_REFUSED},
		{"Transaction; DELETE CFM a;|discard|DELETE CFN b;", "/apply: DELETE CFN b;|",
		 CTL_REFUSED},
		{"DELETE CFM a; # Transaction|DELETE CFN b;", "/apply: DELETE CFN b;|",
		 CTL_REFUSED},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		feed(&cases[i], true);
}

/* What comes behind it may be its rest. */
static void test_too_long(void **state)
{
	char *line = malloc(NEMO_SCRIPT_MAX + 8);

	memset(line, ' ', NEMO_SCRIPT_MAX + 7);
	memcpy(line, "/*", 2);
	line[NEMO_SCRIPT_MAX + 7] = 0;
	for (int tty = 0; tty < 2; tty++) {
		struct ctl ctl = {};
		struct shell sh = {.ctl = &ctl, .tty = tty};

		sh.link.ctl = &ctl;
		shell_line(&sh, line);
		shell_line(&sh, "DELETE CFN a;\n");
		shell_line(&sh, "Commit;\n");
		assert_null(sent.data);
		assert_int_equal(sh.worst, CTL_REFUSED);
		clear(&sh.typed);
		clear(&sh.tx);
	}
	free(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_script),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
