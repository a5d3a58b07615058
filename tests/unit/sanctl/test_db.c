/* SPDX-License-Identifier: GPL-2.0-or-later */
/* db, history and the words of explain: what they ask the server, and what they print. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../../../userspace/sanctl/follow.c"
#include "../../../userspace/sanctl/table.c"

#include "../../../userspace/sanctl/db.c"
#include "../../../userspace/sanctl/db_file.c"
#include "../../../userspace/sanctl/explain.c"
#include "../../../userspace/sanctl/history.c"

/* ---- the server: answers in turn ---- */

static struct {
	const char *answers[8];
	unsigned int n;
	char asked[8][600]; /* "GET /path body" */
	char sent[256];	    /* by ctl_bulk */
	int signum;	    /* comes in the middle of a bulk; 0 = none */
} server;

int ctl_call(struct ctl *ctl, struct call *call, json_t **out)
{
	char *body = call->body ? json_dumps(call->body, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	const char *answer = server.answers[server.n];

	*out = NULL;
	snprintf(server.asked[server.n], sizeof(server.asked[0]), "%s %s%s%s", call->method,
		 call->path, body ? " " : "", body ? body : "");
	free(body);
	server.n++;
	if (!answer)
		return CTL_UNREACHABLE;
	*out = json_loads(answer, 0, NULL);
	return CTL_OK;
}

int ctl_bulk(struct ctl *ctl, const char *method, const char *path, const struct http_bulk *bulk,
	     json_t **out)
{
	const char *answer = server.answers[server.n];

	*out = NULL;
	snprintf(server.asked[server.n++], sizeof(server.asked[0]), "%s %s", method, path);
	if (server.signum && ctl->stop) {
		fputs("{\"sand_snapshot\":1}\n", bulk->take);
		raise(server.signum);
		return *ctl->stop ? CTL_UNREACHABLE : CTL_OK;
	}
	if (!answer)
		return CTL_REFUSED;
	if (bulk->take)
		fputs(answer, bulk->take);
	else
		*out = json_loads(answer, 0, NULL);
	if (bulk->send)
		server.sent[fread(server.sent, 1, sizeof(server.sent) - 1, bulk->send)] = '\0';
	return CTL_OK;
}

int ctl_path(const struct verb *verb, struct args args, char buf[CTL_PATH_MAX])
{
	snprintf(buf, CTL_PATH_MAX, "%s", verb->path);
	return CTL_OK;
}

void ctl_print_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_COMPACT);
}

int usage_error(const struct verb *verb, const char *text, ...)
{
	return CTL_USAGE;
}

/* ---- standard output ---- */

static char *captured;
static size_t captured_size;
static FILE *saved;

static void capture(void)
{
	saved = stdout;
	stdout = open_memstream(&captured, &captured_size);
	assert_non_null(stdout);
}

static void said(const char *want)
{
	fclose(stdout);
	stdout = saved;
	if (strcmp(captured, want) != 0)
		fail_msg("said:\n%s", captured);
	free(captured);
}

static int run(int (*verb_run)(struct ctl *, const struct verb *, struct args), struct ctl *ctl,
	       const char *path, char *arg)
{
	const struct verb verb = {.path = path};

	capture();
	return verb_run(ctl, &verb, (struct args){&arg, arg != NULL});
}

static int reset(void **state)
{
	memset(&server, 0, sizeof(server));
	return 0;
}

/* ---- get ---- */

static void test_get(void **state)
{
	struct ctl ctl = {0};

	server.answers[0] =
		"{\"revision\": 5, \"keys\": [{\"key\": \"/san/x\", \"value\": \"1\"}]}";
	assert_int_equal(run(run_db_get, &ctl, "", "/san/x"), CTL_OK);
	said("/san/x 1\n");
	assert_string_equal(server.asked[0], "GET /v1/database/keys?limit=1&prefix=%2Fsan%2Fx");
	server.answers[1] =
		"{\"revision\": 5, \"keys\": [{\"key\": \"/san/xy\", \"value\": \"1\"}]}";
	assert_int_equal(run(run_db_get, &ctl, "", "/san/x"), CTL_NOT_FOUND); /* only begins so */
	said("");
	server.answers[2] = "{\"revision\": 5, \"keys\": []}";
	assert_int_equal(run(run_db_get, &ctl, "", "/san/x"), CTL_NOT_FOUND);
	said("");
	assert_int_equal(run(run_db_get, &ctl, "", NULL), CTL_USAGE);
	said("");
	ctl.text[CTL_OPT_PREFIX] = "/san/";
	assert_int_equal(run(run_db_get, &ctl, "", "/san/x"), CTL_USAGE); /* both */
	said("");
}

/* All pages are of the first one's revision. */
static void test_get_prefix(void **state)
{
	struct ctl ctl = {.text[CTL_OPT_PREFIX] = "/san/"};

	server.answers[0] = "{\"revision\": 5, \"more\": true, \"keys\": [{\"key\": \"/san/a b\", "
			    "\"value\": \"1\"}]}";
	server.answers[1] = "{\"revision\": 5, \"more\": false, \"keys\": [{\"key\": \"/san/c\", "
			    "\"value_base64\": \"/w==\"}]}";
	assert_int_equal(run(run_db_get, &ctl, "", NULL), CTL_OK);
	said("/san/a b 1\n/san/c base64:/w==\n");
	assert_string_equal(server.asked[1], "GET /v1/database/keys?limit=1000&prefix=%2Fsan%2F&"
					     "after=%2Fsan%2Fa%20b&revision=5");
	reset(NULL);
	ctl.json = true;
	server.answers[0] = "{\"revision\": 5, \"more\": true, \"keys\": [{\"key\": \"/san/a\"}]}";
	server.answers[1] = "{\"revision\": 5, \"more\": false, \"keys\": [{\"key\": \"/san/c\"}]}";
	assert_int_equal(run(run_db_get, &ctl, "", NULL), CTL_OK);
	said("[\n{\"key\":\"/san/a\"},\n{\"key\":\"/san/c\"}\n]\n");
}

/* ---- watch ---- */

static void test_watch(void **state)
{
	struct ctl ctl = {.number[CTL_OPT_COUNT] = 3};

	server.answers[0] = "{\"items\": [{\"type\": \"put\", \"key\": \"/san/a\", \"value\": "
			    "\"1\", \"mod_revision\": 7}], \"next\": 8}";
	server.answers[1] = "{\"items\": [{\"type\": \"delete\", \"key\": \"/san/a\", "
			    "\"mod_revision\": 8}, {\"type\": \"put\", \"key\": \"/san/b\", "
			    "\"value\": \"2\", \"mod_revision\": 9}], \"next\": 10}";
	assert_int_equal(run(run_db_watch, &ctl, "", "/san/"), CTL_OK);
	said("7 put /san/a 1\n8 delete /san/a\n9 put /san/b 2\n");
	assert_string_equal(server.asked[0], "GET /v1/database/watch?wait_s=20&prefix=%2Fsan%2F");
	assert_string_equal(server.asked[1],
			    "GET /v1/database/watch?revision=8&wait_s=20&prefix=%2Fsan%2F");
}

/* ---- compact ---- */

static void test_compact(void **state)
{
	struct ctl ctl = {0};

	server.answers[0] = "{}";
	assert_int_equal(run(run_db_compact, &ctl, "/v1/database/compact", "41"), CTL_OK);
	said("compacted up to revision 41\n");
	assert_string_equal(server.asked[0], "POST /v1/database/compact {\"revision\":41}");
	server.answers[1] = "{\"revision\": 77, \"keys\": []}";
	server.answers[2] = "{}";
	assert_int_equal(run(run_db_compact, &ctl, "/v1/database/compact", "now"), CTL_OK);
	said("compacted up to revision 77\n");
	assert_string_equal(server.asked[2], "POST /v1/database/compact {\"revision\":77}");
	assert_int_equal(run(run_db_compact, &ctl, "", "then"), CTL_USAGE);
	said("");
	assert_int_equal(run(run_db_compact, &ctl, "", "0"), CTL_USAGE);
	said("");
	assert_int_equal(run(run_db_compact, &ctl, "", "5x"), CTL_USAGE);
	said("");
	assert_int_equal(server.n, 3);
}

/* ---- files ---- */

static const char *content(const char *name)
{
	static char text[256];
	FILE *file = fopen(name, "r");

	if (!file)
		return "(none)";
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	return text;
}

static void test_snapshot(void **state)
{
	static const char whole[] = "{\"sand_snapshot\":1}\n{\"end\":0}\n";
	char dir[] = "/tmp/sand-test-XXXXXX", name[64];
	struct ctl ctl = {0};
	struct stat st;

	assert_non_null(mkdtemp(dir));
	snprintf(name, sizeof(name), "%s/snap", dir);
	server.answers[0] = whole;
	assert_int_equal(run(run_db_snapshot, &ctl, "/s", name), CTL_OK);
	fclose(stdout);
	stdout = saved;
	assert_non_null(strstr(captured, "0 keys saved"));
	free(captured);
	assert_string_equal(content(name), whole);
	assert_int_equal(stat(name, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	server.answers[1] = "{\"sand_snapshot\":1}\n{\"key\":\"/san/x\"}\n"; /* broke off */
	assert_int_equal(run(run_db_snapshot, &ctl, "/s", name), CTL_UNREACHABLE);
	said("");
	assert_string_equal(content(name), whole); /* as before */
	assert_int_equal(run(run_db_snapshot, &ctl, "/s", name), CTL_REFUSED);
	said("");
	assert_string_equal(content(name), whole);
	unlink(name);
	assert_int_equal(rmdir(dir), 0); /* nothing else was left in it */
	assert_int_equal(run(run_db_snapshot, &ctl, "/s", "/nowhere/snap"), CTL_REFUSED);
	said("");
}

#define WHOLE "{\"sand_snapshot\":1}\n{\"end\":0}\n"

static int save_to(char *name)
{
	struct ctl ctl = {.json = true};
	int status;

	server.n = 0;
	server.answers[0] = WHOLE;
	status = run(run_db_snapshot, &ctl, "/s", name);
	said("");
	return status;
}

/* Only a file is replaced, and a link to one stays a link. */
static void test_snapshot_target(void **state)
{
	char dir[] = "/tmp/sand-test-XXXXXX", pipe[64], link[64], name[64], self[64];
	struct stat before, after;

	assert_non_null(mkdtemp(dir));
	snprintf(pipe, sizeof(pipe), "%s/pipe", dir);
	snprintf(link, sizeof(link), "%s/link", dir);
	snprintf(name, sizeof(name), "%s/name", dir);
	snprintf(self, sizeof(self), "%s/self", dir);
	assert_int_equal(mkfifo(pipe, 0600), 0);
	assert_int_equal(save_to(pipe), CTL_REFUSED);
	assert_int_equal(lstat(pipe, &after), 0);
	assert_true(S_ISFIFO(after.st_mode));
	assert_int_equal(symlink(pipe, link), 0);
	assert_int_equal(save_to(link), CTL_REFUSED); /* what it leads to counts */
	assert_int_equal(save_to(dir), CTL_REFUSED);
	assert_int_equal(stat("/dev/null", &before), 0);
	unlink(link);
	assert_int_equal(symlink("/dev/null", link), 0);
	assert_int_equal(save_to(link), CTL_REFUSED);
	assert_int_equal(stat("/dev/null", &after), 0);
	assert_true(S_ISCHR(after.st_mode) && before.st_ino == after.st_ino);
	assert_int_equal(symlink("self", self), 0);
	assert_int_equal(save_to(self), CTL_REFUSED);
	assert_int_equal(server.n, 0); /* all before the server was asked */
	unlink(link);
	fclose(fopen(name, "w"));
	assert_int_equal(symlink("name", link), 0);
	assert_int_equal(save_to(link), CTL_OK);
	assert_int_equal(lstat(link, &after), 0);
	assert_true(S_ISLNK(after.st_mode));
	assert_string_equal(content(name), WHOLE);
	unlink(link);
	unlink(pipe);
	unlink(name);
	unlink(self);
	assert_int_equal(rmdir(dir), 0);
}

static void test_snapshot_interrupted(void **state)
{
	static const int signums[] = {SIGINT, SIGTERM};
	char dir[] = "/tmp/sand-test-XXXXXX", name[64];
	struct ctl ctl = {0};

	assert_non_null(mkdtemp(dir));
	snprintf(name, sizeof(name), "%s/snap", dir);
	for (size_t i = 0; i < ARRAY_SIZE(signums); i++) {
		server.signum = signums[i];
		assert_int_equal(run(run_db_snapshot, &ctl, "/s", name), CTL_UNREACHABLE);
		said("");
		assert_int_equal(stopped, 1);
		stopped = 0;
	}
	assert_int_equal(rmdir(dir), 0); /* nothing is left in it */
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
}

static void test_restore(void **state)
{
	char name[] = "/tmp/sand-test-XXXXXX";
	struct ctl ctl = {.text[CTL_OPT_REPLACE] = ""};
	int fd = mkstemp(name);

	assert_int_equal(write(fd, "text\n", 5), 5);
	close(fd);
	server.answers[0] = "{\"restored\": 3, \"skipped\": 2, \"deleted\": 1}";
	assert_int_equal(run(run_db_restore, &ctl, "/r", name), CTL_OK);
	said("3 keys restored, 2 under a lease left alone, 1 others deleted\n");
	assert_string_equal(server.asked[0], "POST /r?replace=true&leased=false");
	assert_string_equal(server.sent, "text\n");
	unlink(name);
	assert_int_equal(run(run_db_restore, &ctl, "/r", name), CTL_REFUSED);
	said("");
	assert_int_equal(server.n, 1);
}

/* ---- history and explain ---- */

static void test_history(void **state)
{
	struct ctl ctl = {0};

	server.answers[0] =
		"{\"items\": [{\"time\": \"T1\", \"age_s\": 75.2, \"scope\": \"ingress\", \"why\": "
		"\"first\", \"from\": null, \"to\": {\"instance\": \"a\", \"gateway\": \"gw\", "
		"\"path\": \"be\", \"metric\": 60}}, {\"time\": \"T2\", \"age_s\": 1, \"scope\": "
		"\"ingress\", \"why\": \"better\", \"from\": {\"instance\": \"a\", \"gateway\": "
		"\"gw\", \"path\": \"be\", \"metric\": 60}, \"to\": {\"instance\": \"@gw2\", "
		"\"gateway\": \"gw2\", \"path\": \"be\", \"metric\": 5}}]}";
	assert_int_equal(run(run_history, &ctl, "/h", NULL), CTL_OK);
	said("WHEN    AGO  SCOPE    FROM           TO                  METRIC  WHY\n"
	     "T1    1m15s  ingress  nothing        a at gw by be           60  first\n"
	     "T2    1.00s  ingress  a at gw by be  gw2's choice by be       5  better\n");
	server.answers[1] = "{\"items\": []}";
	assert_int_equal(run(run_history, &ctl, "/h", NULL), CTL_OK);
	said("no changes since the start\n");
}

static void test_explain(void **state)
{
	struct ctl ctl = {0};

	server.answers[0] =
		"{\"service\": \"0x101\", \"name\": \"web\", \"selected\": {\"instance\": "
		"\"@gw2\", \"gateway\": \"gw2\", \"path\": \"be\", \"metric\": 5}, \"why\": "
		"\"kept\", \"hysteresis\": {\"margin\": 50, \"hold_ms\": 1000, \"hold_now_ms\": "
		"4000, \"back_off\": 2}, \"candidates\": [{\"rank\": 1, \"instance\": \"@gw2\", "
		"\"gateway\": \"gw2\", \"path\": \"be\", \"metric\": 5, \"satisfying\": true, "
		"\"aggregate\": {\"count\": 3, \"capacity\": 2410}, \"recalled\": 80}]}";
	assert_int_equal(run(run_explain, &ctl, "/e", NULL), CTL_OK);
	said("service:  0x101 web\n"
	     "selected: gw2's choice by be, metric 5\n"
	     "why:      kept\n"
	     "changes:  when something is better by 50 for 1000 ms\n"
	     "held:     for 4000 ms now: back-off level 2, it changed to and fro\n"
	     "\n#1  gw2's choice by be, metric 5\n"
	     "    offers: 3 instances, capacity 2410\n"
	     "    recalled: was left at 80\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_get, reset),
		cmocka_unit_test_setup(test_get_prefix, reset),
		cmocka_unit_test_setup(test_watch, reset),
		cmocka_unit_test_setup(test_compact, reset),
		cmocka_unit_test_setup(test_snapshot, reset),
		cmocka_unit_test_setup(test_snapshot_target, reset),
		cmocka_unit_test_setup(test_snapshot_interrupted, reset),
		cmocka_unit_test_setup(test_restore, reset),
		cmocka_unit_test_setup(test_history, reset),
		cmocka_unit_test_setup(test_explain, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
