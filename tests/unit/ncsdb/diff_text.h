/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any message as text, without what two servers may say differently: who they are, and the
 * remaining time of a lease. */
#ifndef TESTS_UNIT_NCSDB_DIFF_TEXT_H
#define TESTS_UNIT_NCSDB_DIFF_TEXT_H

#include <protobuf-c/protobuf-c.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rpc.pb-c.h>

struct text {
	char *data;
	size_t len, cap;
};

static inline void text_add(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (t->len + (size_t)n + 1 > t->cap) {
		t->cap = (t->len + (size_t)n + 1) * 2;
		t->data = realloc(t->data, t->cap);
	}
	va_start(args, format);
	vsnprintf(t->data + t->len, t->cap - t->len, format, args);
	va_end(args);
	t->len += (size_t)n;
}

static inline const char *text_of(const struct text *t)
{
	return t->data ? t->data : "";
}

static inline void text_reset(struct text *t)
{
	t->len = 0;
	text_add(t, "%s", "");
}

static inline void text_free(struct text *t)
{
	free(t->data);
	*t = (struct text){0};
}

static inline void diff_append(struct text *t, const ProtobufCMessage *msg);

static inline void add_bytes(struct text *t, const ProtobufCBinaryData *b)
{
	for (size_t i = 0; i < b->len; i++)
		text_add(t, b->data[i] > ' ' && b->data[i] < 127 ? "%c" : "\\%02x", b->data[i]);
}

/* One value of a field; what is at its default is not there. */
static inline void add_value(struct text *t, const ProtobufCFieldDescriptor *f, const void *at)
{
	const ProtobufCBinaryData *b = at;
	const char *s;

	switch (f->type) {
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_UINT64:
		if (*(const int64_t *)at)
			text_add(t, " %s=%lld", f->name, (long long)*(const int64_t *)at);
		break;
	case PROTOBUF_C_TYPE_BOOL:
	case PROTOBUF_C_TYPE_ENUM:
		if (*(const int *)at)
			text_add(t, " %s=%d", f->name, *(const int *)at);
		break;
	case PROTOBUF_C_TYPE_STRING:
		s = *(const char *const *)at;
		if (s && *s)
			text_add(t, " %s=\"%s\"", f->name, s);
		break;
	case PROTOBUF_C_TYPE_BYTES:
		if (!b->len)
			break;
		text_add(t, " %s=", f->name);
		add_bytes(t, b);
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		if (!*(ProtobufCMessage *const *)at)
			break;
		text_add(t, " %s{", f->name);
		diff_append(t, *(ProtobufCMessage *const *)at);
		text_add(t, " }");
		break;
	default:
		abort();
	}
}

static inline int left_out(const ProtobufCMessageDescriptor *type, const char *field)
{
	if (type == &etcdserverpb__response_header__descriptor)
		return strcmp(field, "revision") != 0;
	return type == &etcdserverpb__lease_time_to_live_response__descriptor &&
	       strcmp(field, "TTL") == 0;
}

static inline size_t size_of(const ProtobufCFieldDescriptor *f)
{
	if (f->type == PROTOBUF_C_TYPE_BYTES)
		return sizeof(ProtobufCBinaryData);
	if (f->type == PROTOBUF_C_TYPE_BOOL || f->type == PROTOBUF_C_TYPE_ENUM)
		return sizeof(int);
	return 8;
}

static inline void add_field(struct text *t, const ProtobufCMessage *msg,
			     const ProtobufCFieldDescriptor *f)
{
	const char *base_of = (const char *)msg, *at = base_of + f->offset;
	size_t n;

	if (f->label == PROTOBUF_C_LABEL_REPEATED) {
		n = *(const size_t *)(base_of + f->quantifier_offset);
		text_add(t, n ? " %s:%zu" : "", f->name, n);
		at = *(const char *const *)at;
		for (size_t i = 0; i < n; i++)
			add_value(t, f, at + i * size_of(f));
		return;
	}
	if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
	    *(const uint32_t *)(base_of + f->quantifier_offset) != f->id)
		return;
	add_value(t, f, at);
}

static inline void diff_append(struct text *t, const ProtobufCMessage *msg)
{
	for (unsigned int i = 0; i < msg->descriptor->n_fields; i++) {
		if (!left_out(msg->descriptor, msg->descriptor->fields[i].name))
			add_field(t, msg, &msg->descriptor->fields[i]);
	}
}

static inline void diff_text(struct text *t, const ProtobufCMessage *msg)
{
	text_reset(t);
	diff_append(t, msg);
}

/* ---- lists that have no order ---- */

static inline int compare_leases(const void *a, const void *b)
{
	const Etcdserverpb__LeaseStatus *x = *(void *const *)a, *y = *(void *const *)b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static inline int compare_keys(const void *a, const void *b)
{
	const ProtobufCBinaryData *x = a, *y = b;
	int cmp = memcmp(x->data, y->data, x->len < y->len ? x->len : y->len);

	return cmp ? cmp : (int)x->len - (int)y->len;
}

static inline void diff_sort(ProtobufCMessage *msg)
{
	Etcdserverpb__LeaseLeasesResponse *leases = (void *)msg;
	Etcdserverpb__LeaseTimeToLiveResponse *ttl = (void *)msg;

	if (msg->descriptor == &etcdserverpb__lease_leases_response__descriptor && leases->n_leases)
		qsort(leases->leases, leases->n_leases, sizeof(*leases->leases), compare_leases);
	if (msg->descriptor == &etcdserverpb__lease_time_to_live_response__descriptor &&
	    ttl->n_keys)
		qsort(ttl->keys, ttl->n_keys, sizeof(*ttl->keys), compare_keys);
}

/* Of the answer's header. */
static inline int64_t diff_revision(const ProtobufCMessage *msg, int64_t otherwise)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field_by_name(msg->descriptor, "header");
	const Etcdserverpb__ResponseHeader *h;

	if (!f)
		return otherwise;
	h = *(Etcdserverpb__ResponseHeader *const *)((const char *)msg + f->offset);
	return h && h->revision > otherwise ? h->revision : otherwise;
}

#endif
