/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Passwords and tokens in files. */
#ifndef SAND_SECRET_H
#define SAND_SECRET_H

#include <stddef.h>

#include "util/err.h"

#define SECRET_MAX 256 /* with NUL */

/* First line of a file that nobody else can read. err: field as given. The caller wipes buf. */
int secret_read(const char *path, const char *field, char buf[SECRET_MAX], struct err *err);

#endif
