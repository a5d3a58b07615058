/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Privileges: the parent keeps three capabilities, the child none. Errors are logged here. */
#ifndef SAND_SANDBOX_H
#define SAND_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

/* CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON and nothing else, also after exec; with dispatcher also
 * CAP_SYS_ADMIN: the kernel lends other programs' descriptors to nobody else. 0 or -errno. */
int sandbox_parent(bool dispatcher);
/* Becomes uid:gid without capabilities and without a way to new ones. */
int sandbox_drop(uid_t uid, gid_t gid);
/* System call filter of the child: what a single-threaded server with a thread pool, sockets and a
 * database file needs; anything else fails with EPERM. */
int sandbox_seccomp(void);

#endif
