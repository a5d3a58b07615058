/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The check of scripts against stores that hold something; tests/golden/nemo has the rest. */
#include <errno.h>

#include "nemo/check_int.h"
#include "stores.h"
#include "util/own.h"

static void identical_changes_nothing(void **state)
{
	static const char *const scripts[] = {
		"CREATE CFN a Type host Property location: \"x\", ip: 192.0.2.1;",
		"IMPORT CFN g Type gateway;",
		CONNECTION,
		OPERATION,
		FLOW "CREATE Operation o Target f Priority 5 Condition packets > 5 Action mark: 1, "
		     "qos_bandwidth: 2;",
		CONNECTION "CREATE Notification n (Query up From c) Condition up Listener ops;",
	};

	for (unsigned int i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		struct nemo_store *store = store_after(NULL, scripts[i]);
		struct nemo_store *again = store_after(store, scripts[i]);
		json_t *changes = nemo_diff(store, again);

		assert_int_equal(json_array_size(changes), 0);
		json_decref(changes);
		nemo_store_free(store);
		nemo_store_free(again);
	}
}

/* Another writing of the same object is the same object. */
static void identical_in_other_words(void **state)
{
	struct nemo_store *store = store_after(
		NULL, "CREATE CFN a Type host Property location: \"x\", ip: 192.0.2.1;" GATEWAYS
		      "CREATE Connection c Type p2p EndNodes gw1, gw2;" FLOW
		      "CREATE Operation o Target f Priority 1 Condition time > \"18:00\" "
		      "Action mark: 1, qos_bandwidth: 2;");

	EXPECT_NOTHING(store,
		       "CREATE CFN a Type host Property ip: \"192.0.2.1/32\", location: \"x\";");
	EXPECT(store, "CREATE Connection c EndNodes (gw1), gw2;", "1:19 W-default-type");
	EXPECT_NOTHING(store, "CREATE ServiceFlow f Type flow Match dst_port: 443;");
	EXPECT_NOTHING(store, "CREATE Operation o Target f Priority 1 Condition ((time) > "
			      "\"18:00:00\") Action qos_bandwidth: 2, mark: 1;");
	nemo_store_free(store);
}

static void different_is_refused(void **state)
{
	struct nemo_store *store = store_after(
		NULL, CONNECTION OPERATION "IMPORT CFN i Type host;"
					   "CREATE Notification n Condition c.up Listener ops;");

	EXPECT(store, "CREATE CFN gw1 Type gateway Property location: \"x\";",
	       "1:12 CFN 'gw1' exists and is different: use UPDATE CFN gw1");
	EXPECT(store, "CREATE CFN gw1 Type host;", "1:12 (its type): DELETE it first");
	EXPECT(store, "CREATE CFN i Type host;", "1:12 (it was imported): DELETE it first");
	EXPECT(store, "IMPORT CFN gw1 Type gateway;", "1:12 (it was created): DELETE it first");
	EXPECT(store, "CREATE CFN c Type host;", "1:12 already the name of a Connection");
	EXPECT(store, "CREATE Connection c Type p2p EndNodes gw2, gw1;",
	       "1:19 use UPDATE Connection c");
	EXPECT(store, "CREATE ServiceFlow f Match dst_port: 80;", "1:20 use UPDATE ServiceFlow f");
	EXPECT(store, "CREATE Operation o Target f Priority 6 Action deny;",
	       "1:18 use UPDATE Operation o");
	EXPECT(store, "CREATE Notification n Condition !c.up Listener ops;",
	       "1:21 use UPDATE Notification n");
	EXPECT(store, "CREATE Notification n Condition c.up Listener \"ops2\";",
	       "1:21 use UPDATE Notification n");
	nemo_store_free(store);
}

/* In one script it is an error even where it is identical; not after DELETE. */
static void twice_in_one_script(void **state)
{
	struct nemo_store *store = store_after(NULL, GATEWAYS);

	EXPECT(store, GATEWAYS "CREATE CFN gw2 Type gateway;", "2:12 twice in this script");
	EXPECT_NOTHING(store, "DELETE CFN gw1; CREATE CFN gw1 Type host; DELETE CFN gw1; "
			      "CREATE CFN gw1 Type cache;");
	nemo_store_free(store);
}

static void update_merges_and_replaces(void **state)
{
	struct nemo_store *store =
		store_after(NULL, GATEWAYS
			    "CREATE CFN s Type l3group Contain gw1 Property location: \"x\", "
			    "ipv4Prefix: 192.0.2.0/24;" FLOW
			    "CREATE Operation o Target f Priority 1 Condition packets > 1 Action "
			    "mark: 1, qos_bandwidth: 2;");
	struct nemo_store *after = store_after(
		store, "UPDATE CFN s Contain gw2 Property location: \"y\", description: \"z\";"
		       "UPDATE ServiceFlow f Match src_port: 1;"
		       "UPDATE Operation o Action deny; UPDATE Operation o Priority 2;");

	expect_export(
		after,
		"CREATE CFN gw1 Type gateway;\nCREATE CFN gw2 Type gateway;\n"
		"CREATE CFN s Type l3group Contain gw2 Property description: \"z\", "
		"ipv4Prefix: 192.0.2.0/24, location: \"y\";\n"
		"CREATE ServiceFlow f Type flow Match src_port: 1;\n"
		"CREATE Operation o Target f Priority 2 Condition packets > 1 Action deny;\n");
	nemo_store_free(store);
	nemo_store_free(after);
}

/* What refers to a name keeps it from being deleted, whatever it is. */
static void in_use_of_each_kind(void **state)
{
	static const char before[] = CONNECTION
		"CREATE CFN in Type host; CREATE CFN s Type l2group Contain in;"
		"CREATE CFN i Type gateway; CREATE CFN e Type l2group;"
		"CREATE ServiceFlow f Match ingress: \"i\", egress: List(\"e\");"
		"CREATE CFN fw Type firewall; CREATE CFN r Type gateway;"
		"CREATE CFN svc Type service; CREATE CFN k Type host;"
		"CREATE Operation o Target f Priority 1 Condition k.up Action "
		"gothrough: List(\"fw\"), redirect: \"r\";"
		"CREATE Operation p Target f Priority 2 Action steer: \"svc\";"
		"CREATE Notification n Query up From c Condition up Listener ops;"
		"CREATE Notification m Query Condition From n, o Condition k.up Listener "
		"x;";
	struct nemo_store *store = store_after(NULL, before), *after;

	EXPECT(store, "DELETE CFN gw1;", "1:12 in Connection 'c'");
	EXPECT(store, "DELETE CFN in;", "1:12 in CFN 's'");
	EXPECT(store, "DELETE CFN i;", "1:12 in ServiceFlow 'f'");
	EXPECT(store, "DELETE CFN e;", "1:12 in ServiceFlow 'f'");
	EXPECT(store, "DELETE CFN fw;", "1:12 in Operation 'o'");
	EXPECT(store, "DELETE CFN r;", "1:12 in Operation 'o'");
	EXPECT(store, "DELETE CFN svc;", "1:12 in Operation 'p'");
	EXPECT(store, "DELETE CFN k;", "1:12 2 references to it, one of them in Notification 'm'");
	EXPECT(store, "DELETE ServiceFlow f;",
	       "1:20 2 references to it, one of them in Operation 'o'");
	EXPECT(store, "DELETE Connection c;", "1:19 in Notification 'n'");
	EXPECT(store, "DELETE Operation o;", "1:18 in Notification 'm'");
	EXPECT(store, "DELETE Notification n;", "1:21 in Notification 'm'");
	after = store_after(store,
			    "DELETE Notification m; DELETE Notification n; DELETE Operation o;"
			    "DELETE Operation p; DELETE ServiceFlow f; DELETE CFN fw;"
			    "DELETE CFN r; DELETE CFN svc; DELETE CFN k; DELETE CFN i;"
			    "DELETE CFN e; DELETE CFN s; DELETE CFN in; DELETE Connection c;"
			    "DELETE CFN gw1; DELETE CFN gw2;");
	assert_int_equal(nemo_store_count(after), 0);
	nemo_store_free(store);
	nemo_store_free(after);
}

static void update_ends(void **state)
{
	struct nemo_store *store = store_after(
		NULL,
		GATEWAYS "CREATE CFN gw3 Type gateway; CREATE Connection c Type mesh EndNodes gw1, "
			 "gw2 Property delay: 5; UPDATE Connection c EndNodes (gw1), gw3, gw2;");
	const struct nemo_clauses *c = &nemo_store_find(store, "c")->c;
	struct nemo_store *after;

	assert_int_equal(c->n_ends, 3);
	assert_string_equal(c->ends[1].v[0].text, "gw3");
	assert_int_equal(c->properties.n, 1);
	after = store_after(store, "UPDATE Connection c EndNodes gw3, gw2; DELETE CFN gw1;");
	assert_int_equal(nemo_store_find(after, "c")->c.n_ends, 2);
	nemo_store_free(store);
	nemo_store_free(after);
}

/* References are counted from the first DELETE of a script on, and followed from there. */
static void in_use_follows_changes(void **state)
{
	/* a bare variable is not told beside the target */
	EXPECT(NULL,
	       FLOW "CREATE Operation o Target f Priority 1 Condition packets > 5 Action deny;\n"
		    "DELETE ServiceFlow f;",
	       "3:20 1 reference to it, one of them in Operation 'o'");
	EXPECT(NULL,
	       "CREATE CFN q Type host; DELETE CFN q; CREATE CFN a Type host;\n"
	       "CREATE CFN s Type l2group Contain a;\nDELETE CFN a;",
	       "3:12 CFN 'a' is in use");
	EXPECT_NOTHING(NULL,
		       GATEWAYS "CREATE CFN s Type l2group Contain gw1; CREATE CFN q Type host; "
				"DELETE CFN q; UPDATE CFN s Contain gw2; DELETE CFN gw1;");
	EXPECT(NULL,
	       GATEWAYS "CREATE CFN s Type l2group Contain gw1; CREATE CFN q Type host; "
			"DELETE CFN q; UPDATE CFN s Contain gw2;\nDELETE CFN gw2;",
	       "3:12 CFN 'gw2' is in use: 1 reference to it");
}

/* A String of a user's own action or flow is no reference. */
static void not_in_use(void **state)
{
	struct nemo_store *store = store_after(
		NULL,
		"ActionModel log Property String: to; ServiceFlowModel web Property String: "
		"ingress; CREATE CFN a Type host; CREATE ServiceFlow w Type web Match ingress: "
		"\"a\"; CREATE Operation o Target w Priority 1 Action log: \"a\";");

	EXPECT_NOTHING(store, "DELETE CFN a;");
	nemo_store_free(store);
}

/* Bare variables are about the new target, which must have them. */
static void target_changes(void **state)
{
	struct nemo_store *store = store_after(
		NULL,
		"ServiceFlowModel web Property String: host;" FLOW
		"CREATE ServiceFlow g Match port: 1; CREATE ServiceFlow w Type web Match host: "
		"\"x\"; CREATE Operation o Target f Priority 1 Condition dst_port == 5 && "
		"time > \"18:00\" Action deny;");
	struct nemo_store *after = store_after(store, "UPDATE Operation o Target g;");
	const struct nemo_expr *cond = nemo_store_find(after, "o")->c.condition;

	assert_string_equal(cond->args[0]->args[0]->entity, "g");
	assert_true(cond->args[0]->args[0]->bare);
	assert_string_equal(cond->args[1]->args[0]->entity, "");
	/* the old one is untouched */
	cond = nemo_store_find(store, "o")->c.condition;
	assert_string_equal(cond->args[0]->args[0]->entity, "f");
	EXPECT(store, "UPDATE Operation o Target w;", "1:27 is about 'dst_port'");
	EXPECT_NOTHING(store, "UPDATE Operation o Target w Condition host == \"y\";");
	EXPECT_NOTHING(after, "DELETE ServiceFlow f;");
	EXPECT(after, "DELETE ServiceFlow g;", "1:20 in use");
	nemo_store_free(store);
	nemo_store_free(after);
}

static void query_changes(void **state)
{
	struct nemo_store *store =
		store_after(NULL, CONNECTION
			    "CREATE Notification n Query up From c Condition up Listener ops;");

	EXPECT_NOTHING(store, "UPDATE Notification n Query cpu_load From gw1;");
	EXPECT(store, "UPDATE Notification n Query up From gw1, gw2;", "1:37 is about 'up'");
	EXPECT(store, "UPDATE Notification n Query up From n;",
	       "1:29 Notification 'n' has no property 'up'", "1:37 would contain itself");
	nemo_store_free(store);
}

/* All errors, in the order of places, up to the limit. */
static void errors_are_limited(void **state)
{
	char text[NEMO_ERRORS_MAX * 40], *p = text;
	struct outcome out;

	for (unsigned int i = 0; i < NEMO_ERRORS_MAX + 20; i++)
		p += sprintf(p, "DELETE CFN x%u;\n", i);
	out = outcome_of(NULL, text);
	assert_int_equal(out.result, -EINVAL);
	assert_null(out.store);
	assert_true(out.diags.errors > NEMO_ERRORS_MAX);
	assert_true(out.diags.n <= NEMO_ERRORS_MAX + 1);
	for (unsigned int i = 0; i < NEMO_ERRORS_MAX - 1; i++)
		assert_int_equal(out.diags.v[i].at.line, i + 1);
	outcome_fini(&out);
}

/* One mistake is told once: what it breaks is not told again. */
static void told_once(void **state)
{
	EXPECT(NULL,
	       "CREATE CFN a Type hots Property any: 5; CREATE CFN b Type l2group Contain a;"
	       "UPDATE CFN a Property other: 6; Query thing From a;" FLOW
	       "CREATE Operation o Target f Priority 1 Condition a.thing > 5 Action redirect: "
	       "\"a\"; DELETE CFN b; DELETE Operation o; DELETE CFN a;",
	       "1:19 did you mean host?");
	EXPECT(NULL,
	       "CREATE Operation o Target f Priority 1 Condition packets > 5 Action deny;"
	       "UPDATE Operation o Priority 2; Query Priority From o;",
	       "1:27 no ServiceFlow 'f'");
}

/* Deep and wide containment: found, and bounded. */
static void containment(void **state)
{
	enum { N = 3000 };
	char *text = malloc(N * 64), *p = text;
	struct nemo_store *store;

	p += sprintf(p, "CREATE CFN a0 Type l2group;\n");
	for (unsigned int i = 1; i < N; i++)
		p += sprintf(p, "CREATE CFN a%u Type l2group Contain a%u;\n", i, i - 1);
	store = store_after(NULL, text);
	EXPECT(store, "UPDATE CFN a0 Contain a2999;", "1:23 'a0' would contain itself");
	EXPECT(store, "UPDATE CFN a5 Contain a5;", "1:23 'a5' would contain itself");
	EXPECT_NOTHING(store, "UPDATE CFN a2999 Contain a1;");
	p = text;
	for (unsigned int i = 0; i < NEMO_CONTAIN_VISITS / N + 3; i++)
		p += sprintf(p, "UPDATE CFN a%u Contain a%u;\n", N - 1, N - 2 - i);
	EXPECT_NOTHING(store, text); /* nothing contains that one */
	p = text;
	for (unsigned int i = 0; i < 92; i++)
		p += sprintf(p, "UPDATE CFN a%u Contain a%u;\n", N - 2 - 2 * i, N - 4 - 2 * i);
	EXPECT(store, text, "91:26 the limit of a script is 262144 visits", "92:26 the limit");
	free(text);
	nemo_store_free(store);
}

/* What the check said is neither said again nor moved. */
static void apply_warns_of_nothing(void **state)
{
	static const char text[] =
		FLOW "CREATE Operation o Target f Priority 1 Condition packets == packets Action "
		     "deny;\nCREATE Operation p Target f Priority 2 Condition false Action deny;\n";
	struct nemo_store *store = nemo_store_new();
	struct nemo_diags diags = {0};
	struct nemo_script *script = nemo_parse(text, strlen(text), &diags);

	assert_int_equal(nemo_check(script, store, NULL, &diags), 0);
	assert_int_equal(diags.n, 2);
	for (unsigned int i = 0; i < script->n; i++)
		assert_int_equal(nemo_store_apply(store, script, i, 1, &diags), 0);
	assert_int_equal(diags.n, 2);
	assert_int_equal(diags.warnings, 2);
	assert_int_equal(diags.v[0].warning, NEMO_W_TAUTOLOGY);
	assert_int_equal(diags.v[1].warning, NEMO_W_CONTRADICTION);
	assert_false(diags.no_warnings);
	nemo_script_free(script);
	nemo_store_free(store);
	nemo_diags_fini(&diags);
}

/* Errors are errors where nobody wants warnings. */
static void without_warnings(void **state)
{
	static const char text[] =
		FLOW "CREATE ServiceFlow g Match dst_port: 443;\n"
		     "CREATE Operation o Target f Priority 1 Condition packets > 1 Action deny;\n"
		     "CREATE Operation p Target g Priority 1 Condition true Action allow;\n"
		     "UPDATE ServiceFlow g Match dst_port: 1;\n"
		     "UPDATE ServiceFlow g Match dst_port: 443;\n"
		     "CREATE Operation q Target g Priority 1 Action mark: 1;\n";
	struct nemo_store *store = nemo_store_new();
	struct nemo_diags diags = {.no_warnings = true};
	struct nemo_script *script = nemo_parse(text, strlen(text), &diags);

	assert_int_equal(nemo_check(script, store, NULL, &diags), -EINVAL);
	assert_int_equal(diags.n, 1);
	assert_int_equal(diags.warnings, 0);
	assert_int_equal(diags.v[0].at.line, 7);
	nemo_script_free(script);
	nemo_store_free(store);
	nemo_diags_fini(&diags);
}

/* ---- random scripts: the indexes that a check keeps say the same as new ones ---- */
enum { LINES = 40, LINE_MAX_BYTES = 200 };
static unsigned int seed, made;

static unsigned int below(unsigned int n)
{
	return (unsigned int)rand_r(&seed) % n;
}

/* Of those that were made, if any: it may be gone. */
static unsigned int some(void)
{
	return made ? below(made) : 0;
}

static void random_line(char *line)
{
	static const char *const conds[] = {"", "Condition packets > 5", "Condition packets <= 5",
					    "Condition true", "Condition time > \"18:00\""};
	static const char *const acts[] = {"deny", "allow", "mark: 1"};

	switch (below(10)) {
	case 0:
		sprintf(line, "CREATE CFN n%u Type l2group;", made++);
		break;
	case 1:
		sprintf(line, "CREATE CFN n%u Type l2group Contain n%u;", made, some());
		made++;
		break;
	case 2:
	case 3:
		sprintf(line, "CREATE ServiceFlow n%u Match port: %u;", made++, below(2));
		break;
	case 4:
	case 5:
		sprintf(line, "CREATE Operation n%u Target n%u Priority %u %s Action %s;", made,
			some(), below(2), conds[below(5)], acts[below(3)]);
		made++;
		break;
	case 6:
		sprintf(line, "UPDATE Operation n%u Priority %u %s Action %s;", some(), below(2),
			conds[below(5)], acts[below(3)]);
		break;
	case 7:
		sprintf(line, "UPDATE ServiceFlow n%u Match port: %u;", some(), below(2));
		break;
	case 8:
		sprintf(line, "UPDATE CFN n%u Contain n%u;", some(), some());
		break;
	default:
		sprintf(line, "DELETE %s n%u;",
			below(3) ? (below(2) ? "Operation" : "ServiceFlow") : "CFN", some());
	}
}

/* A line that this store takes; most random ones it does not. */
static void good_line(struct nemo_store **store, char *line)
{
	unsigned int before = made;

	for (;;) {
		struct outcome out;

		made = before;
		random_line(line);
		out = outcome_of(*store, line);
		if (out.store) {
			nemo_store_free(*store);
			*store = TAKE_PTR(out.store);
			outcome_fini(&out);
			return;
		}
		outcome_fini(&out);
	}
}

static bool is_at(const struct nemo_diag *d, unsigned int line, const struct nemo_diag *one)
{
	return d->at.line == line && d->at.column == one->at.column &&
	       d->is_warning == one->is_warning && d->warning == one->warning;
}

/* What is said of one line is said of it in the whole, too; but where a match changes, of the
 * operation that the whole script touched last. Returns how much is said there. */
static unsigned int sums_up(const struct outcome *whole, unsigned int line, const char *text,
			    const struct nemo_diags *one)
{
	unsigned int elsewhere = 0;

	for (unsigned int i = 0; i < one->n; i++) {
		unsigned int at = 0;

		while (at < whole->diags.n && !is_at(&whole->diags.v[at], line, &one->v[i]))
			at++;
		if (at < whole->diags.n)
			continue;
		elsewhere++;
		assert_true(one->v[i].is_warning && one->v[i].warning == NEMO_W_OVERLAP);
		assert_int_equal(strncmp(text, "UPDATE ServiceFlow", 18), 0);
	}
	return elsewhere;
}

/* The script at once, and line by line with a check for each; the last one may be refused. */
static void compare_checks(char lines[LINES][LINE_MAX_BYTES])
{
	char text[LINES * LINE_MAX_BYTES], *p = text;
	struct nemo_store *store = nemo_store_new();
	unsigned int said = 0, elsewhere = 0;
	struct outcome whole;

	for (unsigned int i = 0; i < LINES; i++)
		p += sprintf(p, "%s\n", lines[i]);
	whole = outcome_of(NULL, text);
	for (unsigned int i = 0; i < LINES; i++) {
		struct outcome one = outcome_of(store, lines[i]);

		elsewhere += sums_up(&whole, i + 1, lines[i], &one.diags);
		said += one.diags.n;
		if (one.store) {
			nemo_store_free(store);
			store = TAKE_PTR(one.store);
		} else {
			assert_int_equal(i, LINES - 1);
			assert_null(whole.store);
		}
		outcome_fini(&one);
	}
	if (elsewhere == 0)
		assert_int_equal(said, whole.diags.n);
	if (whole.store) {
		char *want = nemo_export(whole.store);

		expect_export(store, want);
		free(want);
	}
	nemo_store_free(store);
	outcome_fini(&whole);
}

static void random_scripts(void **state)
{
	static char lines[LINES][LINE_MAX_BYTES];

	for (unsigned int round = 1; round <= 150; round++) {
		struct nemo_store *store = nemo_store_new();

		seed = round;
		made = 0;
		for (unsigned int i = 0; i < LINES - 1; i++)
			good_line(&store, lines[i]);
		random_line(lines[LINES - 1]);
		nemo_store_free(store);
		compare_checks(lines);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identical_changes_nothing),
		cmocka_unit_test(identical_in_other_words),
		cmocka_unit_test(different_is_refused),
		cmocka_unit_test(twice_in_one_script),
		cmocka_unit_test(update_merges_and_replaces),
		cmocka_unit_test(in_use_of_each_kind),
		cmocka_unit_test(update_ends),
		cmocka_unit_test(in_use_follows_changes),
		cmocka_unit_test(not_in_use),
		cmocka_unit_test(target_changes),
		cmocka_unit_test(query_changes),
		cmocka_unit_test(errors_are_limited),
		cmocka_unit_test(told_once),
		cmocka_unit_test(containment),
		cmocka_unit_test(apply_warns_of_nothing),
		cmocka_unit_test(without_warnings),
		cmocka_unit_test(random_scripts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
