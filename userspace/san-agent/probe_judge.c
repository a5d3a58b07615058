/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "san-agent/probe.h"

bool probe_judge(struct probe_state *state, bool ok, unsigned int failures)
{
	bool up;

	state->failed = ok ? 0 : state->failed + 1;
	/* An instance that was never seen healthy gets no traffic on trust. */
	up = ok || (state->known && state->up && state->failed < failures);
	if (state->known && up == state->up)
		return false;
	state->known = true;
	state->up = up;
	return true;
}

int probe_http_status(const char *text, size_t len)
{
	int status = 0;

	if (len < 12 || memcmp(text, "HTTP/1.", 7) || text[8] != ' ')
		return -EINVAL;
	for (size_t i = 9; i < 12; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		status = status * 10 + text[i] - '0';
	}
	return status;
}
