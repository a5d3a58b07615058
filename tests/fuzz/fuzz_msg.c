/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A datagram of a hostile child: the header checks, then the field checks of whatever type it
 * claims. What passes must hold what the rest of the parent relies on.
 */
#include <stdlib.h>
#include <string.h>

#include "../../userspace/ncc/check.c"
#include "../../userspace/ncc/wire.c"
#include "../../userspace/dp/classes_check.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void nexthop_holds(const struct san_msg_nexthop *nh)
{
	must(nh->id && nh->n_segs >= 1 && nh->n_segs <= SAN_MAX_SEGS && nh->encap < SAN_ENCAP_MAX);
	must(nh->kind == SAN_NH_SRV6 || (nh->kind == SAN_NH_DIRECT && nh->n_segs == 1));
	must(nh->families && nh->families <= (SAN_NH_IP6 | SAN_NH_IP4));
}

static void service_holds(const struct san_msg_service *svc)
{
	must(svc->service_id && svc->affinity <= SAN_AFFINITY_FLOW &&
	     svc->scope <= SAN_SCOPE_LOCAL && svc->n_members <= SAN_MAX_MEMBERS);
	must(svc->mode <= SAN_MODE_BALANCED && !svc->nexthop == (svc->mode == SAN_MODE_NONE) &&
	     !svc->n_members == (svc->mode != SAN_MODE_BALANCED));
}

static void config_holds(const struct san_msg_config *c)
{
	must(c->max_services && c->max_services <= CHECK_MAX_SERVICES && c->max_nexthops >= 2 &&
	     c->max_nexthops <= CHECK_MAX_NEXTHOPS && c->max_slots >= CHECK_MIN_SLOTS &&
	     c->max_slots <= CHECK_MAX_SLOTS);
}

static void relied_on(unsigned int type, const void *payload)
{
	const struct san_msg_member *member = payload;
	const struct san_msg_prefix *prefix = payload;
	const struct san_msg_class *class = payload;
	const struct san_msg_iface *iface = payload;
	const struct san_msg_sid *sid = payload;

	if (type == SAN_MSG_CONFIG)
		config_holds(payload);
	if (type == SAN_MSG_NEXTHOP)
		nexthop_holds(payload);
	if (type == SAN_MSG_SERVICE)
		service_holds(payload);
	if (type == SAN_MSG_MEMBER)
		must(member->nexthop && member->weight && member->weight <= CHECK_MAX_WEIGHT);
	if (type == SAN_MSG_PREFIX)
		must(prefix->len >= 1 && prefix->len <= 128 && prefix->kind <= SAN_PREFIX_INSIDE);
	if (type == SAN_MSG_CLASS)
		must(class->service_id && class->src_len <= 128 && class->dst_len <= 128 &&
		     class->fields < SAN_CLASS_COMBINATIONS);
	if (type == SAN_MSG_SID)
		must(sid->behaviour && sid->behaviour < SAN_BEHAVIOUR_MAX &&
		     memchr(sid->oif, '\0', sizeof(sid->oif)));
	if (type == SAN_MSG_IFACE)
		must(iface->role <= SAN_ROLE_CORE && iface->group < SAN_MAX_GROUPS &&
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
