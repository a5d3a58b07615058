/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commit protocol's transactions: ncsdb/write.h has no more than a few compares. */
#include "intent/intent_int.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"

struct txn {
	struct intent *intent;
	void (*done)(void *arg, int status, bool held);
	void *arg;
	int error;
	unsigned int n_cmps, n_ops;
	struct ncsdb_cmp cmps[NCSDB_TXN_MAX];
	struct ncsdb_op ops[NCSDB_TXN_MAX];
};

static void txn_free(struct txn *txn)
{
	if (!txn)
		return;
	for (unsigned int i = 0; i < txn->n_cmps; i++)
		free((char *)txn->cmps[i].key);
	for (unsigned int i = 0; i < txn->n_ops; i++) {
		free((char *)txn->ops[i].key);
		free((void *)txn->ops[i].value);
	}
	free(txn);
}

struct txn *intent_txn_new(struct intent *in)
{
	struct txn *txn = calloc(1, sizeof(*txn));

	if (txn)
		txn->intent = in;
	return txn;
}

static char *key_text(struct txn *txn, const char *format, va_list args)
{
	char *key = NULL;

	if (txn && vasprintf(&key, format, args) < 0) {
		txn->error = -ENOMEM;
		return NULL;
	}
	return key;
}

static struct ncsdb_op *op_add(struct txn *txn, enum ncsdb_op_type type, char *key)
{
	struct ncsdb_op *op;

	if (!key)
		return NULL;
	if (txn->n_ops == NCSDB_TXN_MAX) {
		txn->error = -ENOSPC;
		free(key);
		return NULL;
	}
	op = &txn->ops[txn->n_ops++];
	*op = (struct ncsdb_op){.type = type, .key = key};
	return op;
}

static void cmp_add(struct txn *txn, char *key, enum ncsdb_cmp_op op, int64_t mod_rev)
{
	if (!key)
		return;
	if (txn->n_cmps == NCSDB_TXN_MAX) {
		txn->error = -ENOSPC;
		free(key);
		return;
	}
	txn->cmps[txn->n_cmps++] = (struct ncsdb_cmp){
		.key = key, .field = NCSDB_CMP_MOD_REV, .op = op, .value = mod_rev};
}

void intent_txn_mod(struct txn *txn, int64_t mod_rev, const char *key, ...)
{
	va_list args;
	char *text;

	va_start(args, key);
	text = key_text(txn, key, args);
	va_end(args);
	cmp_add(txn, text, NCSDB_EQ, mod_rev);
}

void intent_txn_not_since(struct txn *txn, int64_t mod_rev, const char *key)
{
	char *text = txn ? strdup(key) : NULL;

	if (txn && !text)
		txn->error = -ENOMEM;
	cmp_add(txn, text, NCSDB_LT, mod_rev + 1);
}

/* Takes value, also when there is no room. */
static void put_taken(struct txn *txn, struct ncsdb_op *op, int64_t lease, char *value, size_t len)
{
	if (!op) {
		free(value);
		return;
	}
	if (!value)
		txn->error = -ENOMEM;
	op->value = value;
	op->value_len = len;
	op->lease = lease;
}

void intent_txn_put(struct txn *txn, int64_t lease, const char *value, size_t len, const char *key,
		    ...)
{
	va_list args;
	char *text;

	va_start(args, key);
	text = key_text(txn, key, args);
	va_end(args);
	if (text)
		put_taken(txn, op_add(txn, NCSDB_PUT, text), lease, strndup(value, len), len);
}

void intent_txn_put_json(struct txn *txn, int64_t lease, json_t *value, const char *key, ...)
{
	char *body = value ? json_text(value) : NULL, *text;
	va_list args;

	json_decref(value);
	va_start(args, key);
	text = key_text(txn, key, args);
	va_end(args);
	if (text)
		put_taken(txn, op_add(txn, NCSDB_PUT, text), lease, body, body ? strlen(body) : 0);
	else
		free(body);
}

void intent_txn_del(struct txn *txn, bool prefix, const char *key, ...)
{
	va_list args;
	char *text;

	va_start(args, key);
	text = key_text(txn, key, args);
	va_end(args);
	op_add(txn, prefix ? NCSDB_DELETE_PREFIX : NCSDB_DELETE, text);
}

unsigned int intent_txn_room(const struct txn *txn)
{
	return txn ? NCSDB_TXN_MAX - txn->n_ops : 0;
}

static void on_txn(void *arg, const struct ncsdb_txn_result *res)
{
	struct txn *txn = arg;
	struct intent *in = txn->intent;

	if (!in->closed) {
		txn->done(txn->arg, res->status, !res->status && res->succeeded);
		intent_step(in);
	}
	txn_free(txn);
	intent_unref(in);
}

static int refuse(struct txn *txn, int status, struct err *err)
{
	txn_free(txn);
	if (status == -ENOSPC)
		return err_set(err, status, "", NULL, "more than %d changes at once",
			       NCSDB_TXN_MAX);
	return err_set(err, status, "", NULL, "database does not take the change: %s",
		       strerror(-status));
}

int intent_txn_commit(struct txn *txn, void (*done)(void *arg, int status, bool held), void *arg,
		      struct err *err)
{
	struct ncsdb_txn req;
	int r;

	if (!txn || txn->error)
		return refuse(txn, txn ? txn->error : -ENOMEM, err);
	for (unsigned int i = 0; i < txn->n_ops; i++)
		if (txn->ops[i].value_len > NCSDB_VALUE_MAX)
			return refuse(txn, -EFBIG, err);
	req = (struct ncsdb_txn){.cmps = txn->cmps, .n_cmps = txn->n_cmps};
	req.then = txn->ops;
	req.n_then = txn->n_ops;
	txn->done = done;
	txn->arg = arg;
	r = ncsdb_txn(txn->intent->conf.db, &req, on_txn, txn);
	if (r)
		return refuse(txn, r, err);
	txn->intent->refs++;
	return 0;
}
