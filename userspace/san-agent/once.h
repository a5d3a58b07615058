/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `san-agent --once`: measure, print, end. */
#ifndef SAN_AGENT_ONCE_H
#define SAN_AGENT_ONCE_H

#include "san-agent/config.h"

/* Two readings interval_ms apart; JSON on stdout. 0 or -errno. */
int once(const struct agent_conf *conf);

#endif
