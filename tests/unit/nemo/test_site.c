/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network.h"

#include "nemo/place.h"
#include "nemo/site.h"

#define SITES                                                                                      \
	"IMPORT CFN gw1 Type gateway; IMPORT CFN gw2 Type gateway; CREATE CFN h Type host;\n"      \
	"CREATE CFN inner Type l2group Contain h, gw2; CREATE CFN bare Type l3group Contain h;\n"  \
	"CREATE CFN first Type l3group Contain inner, gw1;\n"                                      \
	"CREATE CFN second Type extgroup Contain bare, gw1, inner;\n"                              \
	"CREATE CFN none Type l2group;\n"

static const char *gateway_of(const struct nemo_store *store, const char *name)
{
	const struct nemo_object *found;

	assert_non_null(nemo_store_find(store, name));
	found = nemo_site_gateway(store, nemo_store_find(store, name));
	return found ? found->name : "none";
}

static void test_the_first_gateway_counts(void **state)
{
	struct nemo_store *store = store_of(SITES, NULL);

	assert_string_equal(gateway_of(store, "gw1"), "gw1");
	assert_string_equal(gateway_of(store, "inner"), "gw2");
	assert_string_equal(gateway_of(store, "first"), "gw2");
	assert_string_equal(gateway_of(store, "second"), "gw1");
	assert_string_equal(gateway_of(store, "bare"), "none");
	assert_string_equal(gateway_of(store, "none"), "none");
	assert_string_equal(gateway_of(store, "h"), "none");
	nemo_store_free(store);
}

/* Each site contains the one before it twice over: 2^200 ways, 200 sites. */
static void test_many_ways_to_nowhere(void **state)
{
	struct nemo_text text = {0};
	struct nemo_store *store;

	nemo_text_add(&text, "CREATE CFN a0 Type l2group; CREATE CFN b0 Type l2group;\n");
	for (unsigned int i = 1; i < 200; i++)
		for (const char *c = "ab"; *c; c++)
			nemo_text_add(&text, "CREATE CFN %c%u Type l2group Contain a%u, b%u;\n", *c,
				      i, i - 1, i - 1);
	store = store_of(text.data, NULL);
	assert_string_equal(gateway_of(store, "a199"), "none");
	nemo_store_free(store);
	free(text.data);
}

/* What is in the first one comes before what is named behind it, though that is named there, too.
 */
static void test_inner_before_outer(void **state)
{
	struct nemo_store *store =
		store_of("IMPORT CFN gw1 Type gateway; IMPORT CFN gw2 Type gateway;\n"
			 "CREATE CFN b Type l2group Contain gw1;\n"
			 "CREATE CFN a Type l2group Contain b, gw2;\n"
			 "CREATE CFN root Type l3group Contain a, b;\n",
			 NULL);

	assert_string_equal(gateway_of(store, "root"), "gw1");
	nemo_store_free(store);
}

/* What was found once is the same again, whatever was looked at first. */
static void test_many_at_once(void **state)
{
	static const char *const names[] = {"second", "none", "first", "bare", "inner", "h", "gw1"};
	struct nemo_store *store = store_of(SITES, NULL);
	struct nemo_gateways *all = NULL;

	for (unsigned int i = 0; i < 14; i++) {
		const struct nemo_object *o = nemo_store_find(store, names[i % 7]);

		assert_ptr_equal(nemo_gateways_of(&all, store, o), nemo_site_gateway(store, o));
	}
	nemo_gateways_free(&all);
	assert_null(all);
	nemo_store_free(store);
}

static void test_place(void **state)
{
	struct nemo_script *script =
		script_of("CREATE CFN a Type host;\nCREATE CFN b Type host;\n"
			  "  UPDATE CFN a Property location: \"x\";\nQuery Type From a;\n");

	assert_int_equal(nemo_place(script, "a").line, 3);
	assert_int_equal(nemo_place(script, "a").column, 3);
	assert_int_equal(nemo_place(script, "b").line, 2);
	assert_int_equal(nemo_place(script, "c").line, 0);
	assert_int_equal(nemo_place(NULL, "a").line, 0);
	nemo_script_free(script);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_gateway_counts),
		cmocka_unit_test(test_many_ways_to_nowhere),
		cmocka_unit_test(test_inner_before_outer),
		cmocka_unit_test(test_many_at_once),
		cmocka_unit_test(test_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
