/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prometheus text format 0.0.4. */
#include <inttypes.h>
#include <stdarg.h>

#include "north/metrics.h"

void metrics_family(const struct metrics *p, const char *name, const char *type, const char *help)
{
	fprintf(p->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void escape(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
}

/* Label names and values in turn, NULL-terminated; a value that is NULL is "". */
static void labels(const struct metrics *p, const char *name, va_list ap)
{
	const char *label, *before = "{";

	fputs(name, p->out);
	while ((label = va_arg(ap, const char *))) {
		const char *value = va_arg(ap, const char *);

		fprintf(p->out, "%s%s=\"", before, label);
		escape(p->out, value ? value : "");
		fputc('"', p->out);
		before = ",";
	}
	fputs(*before == ',' ? "} " : " ", p->out);
}

void metrics_sample(const struct metrics *p, uint64_t value, const char *name, ...)
{
	va_list ap;

	va_start(ap, name);
	labels(p, name, ap);
	va_end(ap);
	fprintf(p->out, "%" PRIu64 "\n", value);
}

void metrics_one(const struct metrics *p, const char *name, const char *type, const char *help,
		 uint64_t value)
{
	metrics_family(p, name, type, help);
	fprintf(p->out, "%s %" PRIu64 "\n", name, value);
}

void metrics_real(const struct metrics *p, const char *name, const char *type, const char *help,
		  double value)
{
	metrics_family(p, name, type, help);
	fprintf(p->out, "%s %.6f\n", name, value);
}

void metrics_hist(const struct metrics *p, const char *name, const char *help,
		  const struct hist *hist)
{
	uint64_t sum = 0;

	if (!hist)
		return;
	metrics_family(p, name, "histogram", help);
	for (unsigned int i = 0; i < HIST_BUCKETS; i++) {
		uint64_t bound_us = hist_bound_us(i);

		sum += hist->bucket[i];
		if (bound_us == UINT64_MAX)
			break;
		fprintf(p->out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, (double)bound_us / 1e6,
			sum);
	}
	fprintf(p->out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, sum);
	fprintf(p->out, "%s_sum %.6f\n%s_count %" PRIu64 "\n", name, (double)hist->sum_us / 1e6,
		name, sum);
}
