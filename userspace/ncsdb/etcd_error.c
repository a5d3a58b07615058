/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What etcd's status codes and texts mean to us. */
#include <errno.h>
#include <string.h>

#include "ncsdb/etcd_wire.h"

static const int codes[GRPC_STATUS_MAX] = {
	[GRPC_OK] = 0,
	[GRPC_CANCELLED] = -ETIMEDOUT,
	[GRPC_UNKNOWN] = -EIO,
	[GRPC_INVALID_ARGUMENT] = -EINVAL,
	[GRPC_DEADLINE_EXCEEDED] = -ETIMEDOUT,
	[GRPC_NOT_FOUND] = -ENOENT,
	[GRPC_ALREADY_EXISTS] = -EEXIST,
	[GRPC_PERMISSION_DENIED] = -EACCES,
	[GRPC_RESOURCE_EXHAUSTED] = -ENOSPC,
	[GRPC_FAILED_PRECONDITION] = -EINVAL,
	[GRPC_ABORTED] = -EIO,
	[GRPC_OUT_OF_RANGE] = -ERANGE,
	[GRPC_UNIMPLEMENTED] = -EINVAL,
	[GRPC_INTERNAL] = -EIO,
	[GRPC_UNAVAILABLE] = -ETIMEDOUT,
	[GRPC_DATA_LOSS] = -EIO,
	[GRPC_UNAUTHENTICATED] = -EACCES,
};

/* Where the text says more than the code. */
static const struct {
	enum grpc_status status;
	const char *text;
	int error;
} texts[] = {
	{GRPC_OUT_OF_RANGE, "future revision", -EINVAL},
	{GRPC_OUT_OF_RANGE, "lease TTL", -EINVAL},
	{GRPC_FAILED_PRECONDITION, "lease already exists", -EEXIST},
	{GRPC_RESOURCE_EXHAUSTED, "too many requests", -EAGAIN},
	{GRPC_INVALID_ARGUMENT, "authentication failed", -EACCES},
	{GRPC_INVALID_ARGUMENT, "user name is empty", -EACCES},
	{GRPC_INVALID_ARGUMENT, "auth store is old", -EACCES},
};

int etcd_error(enum grpc_status status, const char *text)
{
	if ((unsigned int)status >= GRPC_STATUS_MAX)
		return -EIO;
	for (size_t i = 0; text && i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].status == status && strstr(text, texts[i].text))
			return texts[i].error;
	}
	return codes[status];
}

bool etcd_token_bad(enum grpc_status status, const char *text)
{
	if (status == GRPC_UNAUTHENTICATED)
		return true;
	return status == GRPC_INVALID_ARGUMENT && text && strstr(text, "auth store is old");
}

/* These are said before a request is looked at. */
bool etcd_not_done(enum grpc_status status, const char *text)
{
	if (etcd_token_bad(status, text))
		return true;
	return status == GRPC_UNAVAILABLE && text &&
	       (strstr(text, "etcdserver: no leader") || strstr(text, "etcdserver: not capable") ||
		strstr(text, "not supported for learner"));
}

/* Our own limit (grpc), grpc-go's, the embedded server's. Anything else may pass. */
bool etcd_too_large(enum grpc_status status, const char *text)
{
	return status == GRPC_RESOURCE_EXHAUSTED && text &&
	       (strstr(text, "larger than") ||
		(strstr(text, "message of ") && strstr(text, "bytes, at most")));
}

bool etcd_elsewhere(enum grpc_status status, const char *text)
{
	switch (status) {
	case GRPC_CANCELLED:
	case GRPC_UNKNOWN:
	case GRPC_ABORTED:
	case GRPC_INTERNAL:
	case GRPC_UNAVAILABLE:
	case GRPC_DATA_LOSS:
		return true;
	case GRPC_FAILED_PRECONDITION:
		return text && strstr(text, "not leader");
	default:
		return false;
	}
}
