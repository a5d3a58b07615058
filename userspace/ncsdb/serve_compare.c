/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The compares of a transaction, as etcd understands them. */
#include <string.h>

#include "ncsdb/serve_int.h"

typedef Etcdserverpb__Compare compare_request;

static int compare_int(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int compare_value(const struct rec *rec, const compare_request *cmp)
{
	bool given = cmp->target_union_case == ETCDSERVERPB__COMPARE__TARGET_UNION_VALUE;
	size_t len = given ? cmp->value.len : 0;
	size_t common = len < rec->value_len ? len : rec->value_len;
	int diff = common ? memcmp(rec_value(rec), cmp->value.data, common) : 0;

	return diff ? diff : compare_int((int64_t)rec->value_len, (int64_t)len);
}

/* What the target says; a member of the union for another target counts as 0. */
static int64_t given(const compare_request *cmp, unsigned int union_case, int64_t value)
{
	return cmp->target_union_case == union_case ? value : 0;
}

/* rec NULL: a key that is not there. */
static int compare_number(const struct rec *rec, const compare_request *cmp)
{
	static const struct rec none;
	const struct rec *is = rec ? rec : &none;

	switch (cmp->target) {
	case ETCDSERVERPB__COMPARE__COMPARE_TARGET__VERSION:
		return compare_int(
			is->version,
			given(cmp, ETCDSERVERPB__COMPARE__TARGET_UNION_VERSION, cmp->version));
	case ETCDSERVERPB__COMPARE__COMPARE_TARGET__CREATE:
		return compare_int(is->create_rev,
				   given(cmp, ETCDSERVERPB__COMPARE__TARGET_UNION_CREATE_REVISION,
					 cmp->create_revision));
	case ETCDSERVERPB__COMPARE__COMPARE_TARGET__MOD:
		return compare_int(is->mod_rev,
				   given(cmp, ETCDSERVERPB__COMPARE__TARGET_UNION_MOD_REVISION,
					 cmp->mod_revision));
	case ETCDSERVERPB__COMPARE__COMPARE_TARGET__LEASE:
		return compare_int(is->lease, given(cmp, ETCDSERVERPB__COMPARE__TARGET_UNION_LEASE,
						    cmp->lease));
	default:
		return 0;
	}
}

static bool result_is(const compare_request *cmp, int diff)
{
	switch (cmp->result) {
	case ETCDSERVERPB__COMPARE__COMPARE_RESULT__EQUAL:
		return diff == 0;
	case ETCDSERVERPB__COMPARE__COMPARE_RESULT__GREATER:
		return diff > 0;
	case ETCDSERVERPB__COMPARE__COMPARE_RESULT__LESS:
		return diff < 0;
	case ETCDSERVERPB__COMPARE__COMPARE_RESULT__NOT_EQUAL:
		return diff != 0;
	default:
		return true;
	}
}

/* The value of what is not there equals nothing and differs from nothing. */
static bool holds(const struct rec *rec, const compare_request *cmp)
{
	if (cmp->target != ETCDSERVERPB__COMPARE__COMPARE_TARGET__VALUE)
		return result_is(cmp, compare_number(rec, cmp));
	return rec && result_is(cmp, compare_value(rec, cmp));
}

/* Of a range: for all of it. */
static bool compare_holds(struct serve_reader *reader, const compare_request *cmp)
{
	struct span span = serve_span(&cmp->key, &cmp->range_end);
	const struct rec *rec = serve_next(reader, &span, reader->at, NULL);

	if (!rec)
		return holds(NULL, cmp);
	for (; rec; rec = serve_next(reader, &span, reader->at, rec)) {
		if (!holds(rec, cmp))
			return false;
	}
	return true;
}

bool serve_compares_hold(struct serve_reader *reader, const Etcdserverpb__TxnRequest *req)
{
	for (size_t i = 0; i < req->n_compare; i++) {
		if (!compare_holds(reader, req->compare[i]))
			return false;
	}
	return true;
}
