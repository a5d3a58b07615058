/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sanctl/ctl.h"

static const char head[] =
	"Usage: sanctl [OPTION...] NOUN [ACTION] [ARGUMENT...]\n"
	"\n"
	"Looks into a service-aware provider edge (sand) and changes what it knows.\n"
	"\n";

static const char tail[] =
	"\n"
	"Options (anywhere on the line):\n"
	"  -f, --file FILE      body of put, set, patch: JSON or YAML; - reads standard input\n"
	"      --json           print the server's JSON instead of tables\n"
	"      --server SERVER  unix:/PATH or http://ADDRESS:PORT\n"
	"                       nemo: also https://ADDRESS:PORT\n"
	"                       (default $SANCTL_SERVER, else " CTL_DEFAULT_SERVER ")\n"
	"      --timeout S      wait S seconds for an answer (default 5)\n"
	"      --rate S         stats: once, with rates over S seconds\n"
	"      --watch S        stats: again every S seconds, with rates\n"
	"      --service ID, --reason NAME[,NAME...], --interface NAME\n"
	"                       monitor, trace: these packets only\n"
	"      --source ADDRESS, --destination ADDRESS, --protocol NAME,\n"
	"      --source-port PORT, --destination-port PORT\n"
	"                       trace: the flow\n"
	"      --count N        monitor, trace, db watch: end after N packets or changes\n"
	"      --seconds S      monitor, trace, db watch: end after S seconds (trace: default 60)\n"
	"      --prefix P       db get: all keys that start with P\n"
	"      --replace        db restore: delete the keys that are not in the file\n"
	"      --leased         db restore: also keys under a lease, for good\n"
	"      --ca FILE, --cert FILE, --key FILE, --token-file FILE\n"
	"                       alto, nemo: whom to trust, who asks (PEM; a bearer token)\n"
	"      --map ID         alto: this network map, not the server's default\n"
	"      --metric METRIC  alto cost, path: default routingcost\n"
	"      --src A[,B...], --dst A[,B...]\n"
	"                       alto cost, path: PIDs, or endpoints (ipv4:192.0.2.1); default all\n"
	"      --sg FILE        alto path: a service graph, JSON or YAML; - reads standard input\n"
	"      --tenant NAME    nemo: whose objects, on the unix socket (default: default)\n"
	"      --syntax-only    nemo check: names need not exist\n"
	"      --confirm S      nemo apply: rolled back after S seconds unless `nemo confirm`\n"
	"      --comment TEXT   nemo apply: for the history\n"
	"      --if-revision N  nemo plan, apply, rollback: only if this is the revision in force\n"
	"      --since N        nemo listen: what is kept behind number N, too\n"
	"      --kept           nemo listen: what is kept, then end\n"
	"      --version        print the version\n"
	"  -h, --help           this text; after a noun or an action: about that\n"
	"\n"
	"Examples:\n"
	"  sanctl status\n"
	"  sanctl entry list                        which instance serves what, and since when\n"
	"  sanctl explain 0x101                     why this one\n"
	"  sanctl service put 0x101 name=web address=2001:db8:5::101\n"
	"  sanctl instance state 0x101 s2a draining\n"
	"  sanctl history 0x101                     what it was before, and why it changed\n"
	"  sanctl db get --prefix /san/gateways/    what the database says\n"
	"  sanctl stats reasons --rate 5            what happens to packets now\n"
	"  sanctl trace --service 0x101 --count 1   one packet's way through every decision\n"
	"  sanctl alto cost https://alto.example/alto/directory --src AS1\n"
	"  sanctl nemo plan branch.nemo             what a script of intent would change\n"
	"  sanctl nemo explain \"192.0.2.1 198.51.100.7 tcp 40000 443@now\"\n"
	"\n"
	"Exit status of `nemo plan`: 0 nothing to change, 2 changes, 1 anything else.\n"
	"Exit status: 0 done, 1 the server refused, 2 usage, 3 no answer from the server,\n"
	"4 no such object.\n";

static void line(const struct verb *verb)
{
	char call[80];

	snprintf(call, sizeof(call), "%s%s%s", verb->action, *verb->action ? " " : "", verb->args);
	printf("  %-8s %-49s %s\n", verb->noun, call, verb->help);
}

int help_all(void)
{
	fputs(head, stdout);
	for (size_t i = 0; i < n_verbs; i++)
		line(&verbs[i]);
	fputs(tail, stdout);
	return CTL_OK;
}

static void example(const struct verb *verb)
{
	printf("  sanctl %s%s%s%s%s\n", verb->noun, *verb->action ? " " : "", verb->action,
	       *verb->example ? " " : "", verb->example);
}

int help_noun(const char *noun)
{
	printf("Usage: sanctl %s ACTION [ARGUMENT...]\n\n", noun);
	for (size_t i = 0; i < n_verbs; i++) {
		if (!strcmp(verbs[i].noun, noun))
			line(&verbs[i]);
	}
	puts("\nExamples:");
	for (size_t i = 0; i < n_verbs; i++) {
		if (!strcmp(verbs[i].noun, noun))
			example(&verbs[i]);
	}
	return CTL_OK;
}

int help_verb(const struct verb *verb)
{
	printf("Usage: sanctl %s%s%s%s%s\n\n%s: %s.\n", verb->noun, *verb->action ? " " : "",
	       verb->action, *verb->args ? " " : "", verb->args, verb->noun, verb->help);
	if (strstr(verb->args, "key=value"))
		puts("\nA value is JSON if it reads as JSON (3, true, null, [1, 2]), else text. Dots lead\n"
		     "into objects: hysteresis.margin=10. With -f, the command line is laid over the\n"
		     "file.");
	if (strstr(verb->args, "ID"))
		puts("\nA service ID is written 0x101 or 257.");
	puts("\nExample:");
	example(verb);
	return CTL_OK;
}

static int unknown(const char *what, const char *word, const char *const *candidates)
{
	const char *best = suggest(word, candidates);

	fprintf(stderr, "sanctl: \"%.40s\" is no %s", word, what);
	if (best)
		fprintf(stderr, "; did you mean %s?", best);
	fputs("\n", stderr);
	return CTL_USAGE;
}

int usage_noun(const char *word)
{
	const char *candidates[64] = {};
	size_t n = 0;

	for (size_t i = 0; i < n_verbs && n < 63; i++) {
		if (!n || strcmp(candidates[n - 1], verbs[i].noun))
			candidates[n++] = verbs[i].noun;
	}
	unknown("noun", word, candidates);
	fputs("sanctl: nouns are", stderr);
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, " %s", candidates[i]);
	fputs("; try `sanctl --help`\n", stderr);
	return CTL_USAGE;
}

int usage_action(const char *noun, const char *word)
{
	const char *candidates[64] = {};
	char what[64];
	size_t n = 0;

	for (size_t i = 0; i < n_verbs && n < 63; i++) {
		if (!strcmp(verbs[i].noun, noun))
			candidates[n++] = verbs[i].action;
	}
	snprintf(what, sizeof(what), "action of %s", noun);
	unknown(what, word, candidates);
	fprintf(stderr, "sanctl: %s has", noun);
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, " %s", candidates[i]);
	fprintf(stderr, "; try `sanctl %s --help`\n", noun);
	return CTL_USAGE;
}

int usage_error(const struct verb *verb, const char *text, ...)
{
	va_list ap;

	fputs("sanctl: ", stderr);
	va_start(ap, text);
	vfprintf(stderr, text, ap);
	va_end(ap);
	fprintf(stderr, "\nsanctl: try `sanctl %s%s%s --help`\n", verb->noun,
		*verb->action ? " " : "", verb->action);
	return CTL_USAGE;
}
