/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses in configuration files. Errors are relative to the text. */
#ifndef SAND_CONFIG_ADDRESS_H
#define SAND_CONFIG_ADDRESS_H

#include <stdbool.h>

#include "util/err.h"

/* "[::1]:2379", "127.0.0.1:2379": literal addresses only, a name could come to mean another
 * interface. */
int config_listen(const char *text, bool *loopback, struct err *err);
/* "https://etcd1:2379", "http://[::1]:2379" and nothing behind. */
int config_endpoint(const char *text, bool *tls, struct err *err);

#endif
