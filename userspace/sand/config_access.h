/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What sections with listeners of their own share: where they listen, their TLS files, and who is
 * known there. Errors are relative to the section. */
#ifndef SAND_CONFIG_ACCESS_H
#define SAND_CONFIG_ACCESS_H

#include "north/north.h"

/* Texts point into the section. */
struct config_access {
	struct north_access server; /* points to what is below */
	const char *listen[NORTH_LISTEN_MAX];
	struct north_principal *principals; /* owned */
};

/* Members `tls` and `listen`. */
int config_access_read(struct config_access *access, const json_t *obj, struct err *err);
/* Before principals are read: room for n. */
int config_access_room(struct config_access *access, size_t n, struct err *err);
/* Members `token_sha256` and `certificate`: one of them, or both. */
int config_access_credentials(const json_t *obj, struct north_principal *p, struct err *err);
/* The principal behind the last that counts is like none of them. */
int config_access_apart(const struct config_access *access, struct err *err);
void config_access_fini(struct config_access *access);

#endif
