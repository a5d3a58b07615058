/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values of gRPC's headers. Pure; texts come with a length and need no NUL. */
#ifndef GRPC_HEADERS_H
#define GRPC_HEADERS_H

#include <stdbool.h>

#include "grpc/grpc.h"

#define HEADERS_TIMEOUT_LEN 16

/* grpc-timeout: 1..8 digits and a unit of "HMSmun"; in ms, rounded up. -EINVAL. */
int headers_timeout_parse(const char *text, size_t len, uint64_t *ms);
void headers_timeout_text(unsigned int ms, char out[HEADERS_TIMEOUT_LEN]);
/* grpc-message: bytes outside 0x20..0x7e and "%" as %XX. Cut to size. Returns the length. */
size_t headers_message_encode(const char *text, char *out, size_t size);
/* Undoes it; what is no %XX stands for itself; control characters become "?". */
void headers_message_decode(const char *text, size_t len, char *out, size_t size);
/* "application/grpc", "application/grpc+proto", parameters behind ";" allowed. */
bool headers_content_type(const char *text, size_t len);
/* grpc-status: a number; unknown ones are GRPC_UNKNOWN. */
enum grpc_status headers_status_parse(const char *text, size_t len);
/* What an answer without grpc-status means, by its :status. */
enum grpc_status headers_http_status(int http);

#endif
