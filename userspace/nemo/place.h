/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a script speaks of an object, for errors that show only in the network. */
#ifndef NEMO_PLACE_H
#define NEMO_PLACE_H

#include "nemo/ast.h"

/* Of the last statement that creates or changes the object; {0, 0}: there is none, or no script. */
struct nemo_pos nemo_place(const struct nemo_script *script, const char *object);

#endif
