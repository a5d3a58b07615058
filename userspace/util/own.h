/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Owning locals: released at scope exit unless taken. They start as NULL or -1. */
#ifndef UTIL_OWN_H
#define UTIL_OWN_H

#include <stdlib.h>
#include <unistd.h>

static inline void own_free(void *p)
{
	free(*(void **)p);
}

static inline void own_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define OWN_PTR __attribute__((cleanup(own_free)))
#define OWN_FD __attribute__((cleanup(own_close)))

#define TAKE_PTR(p)                                                                                \
	({                                                                                         \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})

#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int taken_ = (fd);                                                                 \
		(fd) = -1;                                                                         \
		taken_;                                                                            \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
