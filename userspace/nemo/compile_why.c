/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reasons: names and texts of tenants in them may be long, and are cut between characters. */
#include <stdarg.h>
#include <stdio.h>

#include "nemo/compile_int.h"

void nemo_vwhy(char why[NEMO_WHY], const char *format, va_list args)
{
	char text[NEMO_STRING_MAX + NEMO_WHY];

	vsnprintf(text, sizeof(text), format, args);
	err_clean(why, NEMO_WHY, text);
}

void nemo_why(char why[NEMO_WHY], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	nemo_vwhy(why, format, args);
	va_end(args);
}
