/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What NEMO scripts cost in process:
 *
 *     nemo STATEMENTS SECONDS
 *
 * A script of so many statements (groups of five: site, gateway, connection, flow, operation with
 * a condition), and a text of 1 MiB of lists of 4096 values. SECONDS each: the script is parsed,
 * parsed and checked against an empty store, made JSON, its store exported. What there is to
 * compare with: every byte of the text looked at once. Printed as JSON.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib.h"
#include "nemo/store.h"

#define GROUP 5
#define SAMPLES_MAX 100000
#define LISTS_BYTES (1u << 20)

/* ---- scripts ---- */

static void add_group(struct nemo_text *out, unsigned int i)
{
	nemo_text_add(out,
		      "CREATE CFN site%u Type l3group Property ipv4Prefix: 10.%u.%u.0/24, "
		      "location: \"Room %u\";\n",
		      i, i >> 8 & 255, i & 255, i);
	nemo_text_add(out, "CREATE CFN gw%u Type gateway Property locator: \"2001:db8:%x::/48\";\n",
		      i, i & 0xffff);
	nemo_text_add(out,
		      "CREATE Connection way%u Type p2p EndNodes site%u, gw%u "
		      "Property bandwidth: 40, delay: 20;\n",
		      i, i, i);
	nemo_text_add(out,
		      "CREATE ServiceFlow flow%u Match src_ip: 10.%u.%u.0/24, "
		      "dst_port: List(80, 443), proto: \"tcp\";\n",
		      i, i >> 8 & 255, i & 255);
	nemo_text_add(out,
		      "CREATE Operation move%u Target flow%u Priority %u "
		      "Condition time > \"08:00\" && time < \"18:00\" "
		      "Action redirect: \"way%u\", mark: 46;\n",
		      i, i, 100 + i % 100, i);
}

static struct nemo_text statements(unsigned int n)
{
	struct nemo_text out = {0};

	for (unsigned int i = 0; i < n / GROUP; i++)
		add_group(&out, i);
	bench_ptr(out.no_memory ? NULL : out.data, "script");
	return out;
}

static struct nemo_text lists(void)
{
	struct nemo_text out = {0};
	unsigned int n = 0;

	while (out.len < LISTS_BYTES - 64) {
		nemo_text_add(&out, "UPDATE CFN c Property p: List(%u", n);
		for (unsigned int i = 1; i < NEMO_LIST_MAX && out.len < LISTS_BYTES - 64; i++)
			nemo_text_add(&out, i % 2 ? ", %u" : ", \"v%u\"", n++);
		nemo_text_add(&out, ");\n");
	}
	bench_ptr(out.no_memory ? NULL : out.data, "lists");
	return out;
}

/* ---- what is measured ---- */

struct subject {
	const struct nemo_text *text;
	struct nemo_script *checked;
	struct nemo_store *empty, *store;
	struct nemo_diags diags;
};

static struct nemo_script *parsed(const struct nemo_text *text)
{
	struct nemo_diags diags = {0};
	struct nemo_script *s = nemo_parse(text->data, text->len, &diags);

	if (!s || diags.n)
		bench_die("script: %s", diags.n ? diags.v[0].reason : "?");
	return s;
}

static struct nemo_script *checked(struct subject *s, struct nemo_store **store)
{
	struct nemo_script *script = parsed(s->text);
	struct nemo_diags diags = {0};

	if (nemo_check(script, s->empty, store, &diags))
		bench_die("check: %s", diags.n ? diags.v[0].reason : "?");
	nemo_diags_fini(&diags);
	return script;
}

static volatile unsigned int looked_at;

static void look(struct subject *s)
{
	unsigned int sum = 0;

	for (size_t i = 0; i < s->text->len; i++)
		sum += s->text->data[i] == '\n' ? 1 : sum & 1;
	looked_at = sum;
}

static void parse(struct subject *s)
{
	nemo_script_free(parsed(s->text));
}

static void check(struct subject *s)
{
	struct nemo_store *store = NULL;

	nemo_script_free(checked(s, &store));
	nemo_store_free(store);
}

static void json(struct subject *s)
{
	json_decref(bench_ptr(nemo_script_json(s->checked, &s->diags), "JSON"));
}

static void export(struct subject *s)
{
	free(bench_ptr(nemo_export(s->store), "export"));
}

static const struct series {
	const char *name;
	void (*run)(struct subject *s);
} series[] = {
	{"look", look}, {"parse", parse}, {"check", check}, {"json", json}, {"export", export},
};

/* ---- measuring ---- */

static double samples[SAMPLES_MAX];

static void measure(const struct series *of, struct subject *s, double seconds, bool last)
{
	uint64_t end = bench_now_ns() + (uint64_t)(seconds * 1e9);
	size_t n = 0;
	double p50;

	while (n < SAMPLES_MAX && (bench_now_ns() < end || n < 5)) {
		uint64_t begin = bench_now_ns();

		of->run(s);
		samples[n++] = (bench_now_ns() - begin) / 1e3;
	}
	p50 = bench_median(samples, n);
	printf("  \"%s\": {\"n\": %zu, \"min_us\": %.1f, \"p50_us\": %.1f}%s\n", of->name, n,
	       samples[0], p50, last ? "" : ",");
}

static void measure_statements(unsigned int n, double seconds)
{
	struct nemo_text text = statements(n);
	struct subject s = {.text = &text, .empty = bench_ptr(nemo_store_new(), "store")};
	size_t before = mallinfo2().uordblks + mallinfo2().hblkhd, tree;

	s.checked = checked(&s, &s.store);
	tree = nemo_arena_bytes(s.checked->arena);
	printf("{\"statements\": %u, \"bytes\": %zu, \"tree_bytes\": %zu, \"store_bytes\": %zu,\n"
	       " \"cases\": {\n",
	       s.checked->n, text.len, tree,
	       mallinfo2().uordblks + mallinfo2().hblkhd - before - tree);
	for (size_t i = 0; i < sizeof(series) / sizeof(*series); i++)
		measure(&series[i], &s, seconds, i + 1 == sizeof(series) / sizeof(*series));
	printf(" },\n");
	nemo_script_free(s.checked);
	nemo_store_free(s.store);
	nemo_store_free(s.empty);
	free(text.data);
}

static void measure_lists(double seconds)
{
	struct nemo_text text = lists();
	struct subject s = {.text = &text};

	printf(" \"lists_bytes\": %zu, \"lists\": {\n", text.len);
	measure(&series[0], &s, seconds / 4, false);
	measure(&series[1], &s, seconds, true);
	printf(" }}\n");
	free(text.data);
}

int main(int argc, char **argv)
{
	double seconds = argc == 3 ? atof(argv[2]) : 0;
	unsigned int n = argc == 3 ? (unsigned int)atoi(argv[1]) : 0;

	if (n < GROUP || n % GROUP || n > NEMO_OBJECTS_MAX || seconds <= 0)
		bench_die("usage: nemo STATEMENTS(of %d, to %d) SECONDS", GROUP, NEMO_OBJECTS_MAX);
	bench_first();
	measure_statements(n, seconds);
	measure_lists(seconds);
	return 0;
}
