/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A datagram of a hostile child: the header checks, then the field checks of whatever type it
 * claims. What passes must hold what the rest of the parent relies on.
 */
#include <stdlib.h>
#include <string.h>

#include "../../userspace/ncc/check.c"
#include "../../userspace/ncc/wire.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void relied_on(unsigned int type, const void *payload)
{
	const struct san_msg_nexthop *nh = payload;
	const struct san_msg_service *svc = payload;
	const struct san_msg_sid *sid = payload;
	const struct san_msg_iface *iface = payload;

	if (type == SAN_MSG_NEXTHOP)
		must(nh->id && nh->n_segs >= 1 && nh->n_segs <= SAN_MAX_SEGS &&
		     nh->encap < SAN_ENCAP_MAX);
	if (type == SAN_MSG_SERVICE)
		must(svc->service_id && svc->mode <= SAN_MODE_PREFERRED &&
		     svc->affinity <= SAN_AFFINITY_FLOW);
	if (type == SAN_MSG_SID)
		must(sid->behaviour && sid->behaviour < SAN_BEHAVIOUR_MAX &&
		     memchr(sid->oif, '\0', sizeof(sid->oif)));
	if (type == SAN_MSG_IFACE)
		must(iface->role <= SAN_ROLE_CORE &&
		     memchr(iface->name, '\0', sizeof(iface->name)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = size < sizeof(struct wire_buf) ? size : sizeof(struct wire_buf);
	struct wire_buf *buf = calloc(1, sizeof(*buf));
	struct err err = {0};
	void *payload;
	size_t room;

	memcpy(buf, data, len);
	if (wire_check(buf, size, &err)) {
		must(err.code < 0 && err.want[0]);
		free(buf);
		return 0;
	}
	/* exact size, so that a read behind it is seen */
	room = wire_size(buf->hdr.type) - sizeof(buf->hdr);
	payload = malloc(room);
	memcpy(payload, buf->payload, room);
	if (check_message(buf->hdr.type, payload, &err))
		must(err.code < 0 && err.want[0]);
	else
		relied_on(buf->hdr.type, payload);
	free(payload);
	free(buf);
	return 0;
}
