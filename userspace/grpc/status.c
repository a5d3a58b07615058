/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "grpc/grpc.h"

static const char *const names[] = {
	"OK",
	"CANCELLED",
	"UNKNOWN",
	"INVALID_ARGUMENT",
	"DEADLINE_EXCEEDED",
	"NOT_FOUND",
	"ALREADY_EXISTS",
	"PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED",
	"FAILED_PRECONDITION",
	"ABORTED",
	"OUT_OF_RANGE",
	"UNIMPLEMENTED",
	"INTERNAL",
	"UNAVAILABLE",
	"DATA_LOSS",
	"UNAUTHENTICATED",
};

_Static_assert(sizeof(names) / sizeof(names[0]) == GRPC_STATUS_MAX, "a name each");

const char *grpc_status_text(enum grpc_status status)
{
	return (unsigned int)status < GRPC_STATUS_MAX ? names[status] : "UNKNOWN";
}
