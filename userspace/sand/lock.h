/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One sand per network namespace and per pin directory: advisory locks that name their holder. */
#ifndef SAND_LOCK_H
#define SAND_LOCK_H

#define LOCK_DIR "/run/lock/sand"

struct locks {
	int net_fd, pin_fd;
};

/* Takes both, or prints who holds one and returns -EBUSY (nothing is held then). */
int lock_take(const char *pin_dir, const char *config, struct locks *out);
/* For the child's side of a fork: close without unlocking the parent's. */
void lock_forget(struct locks *locks);

#endif
