/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * multipart/related as RFC 9275, 7.2.6 wants it: the first part is the root, each has Content-ID
 * and Content-Type. The boundary comes from the parts' digest and stands in none of them: the same
 * content gives the same text.
 */
#ifndef ALTO_MULTIPART_H
#define ALTO_MULTIPART_H

#include "alto/server.h"

struct alto_part {
	const char *id; /* PART-RESOURCE-ID of "<id@host>" */
	enum alto_media media;
	struct alto_out body;
};
#define ALTO_BOUNDARY_LEN 71 /* RFC 2046, 5.1.1, with NUL */
/* Made of tag; stands in no part. */
void alto_boundary(const struct alto_part *parts, unsigned int n, const char *tag,
		   char boundary[ALTO_BOUNDARY_LEN]);
/* Fills reply: text, content type and tag (which depends on the bodies only). host: if it
 * is NULL or no dot-atom (RFC 5322), "localhost". -ENOMEM, -EFBIG also from the bodies. */
int alto_multipart_put(const struct alto_part *parts, unsigned int n, const char *host,
		       struct alto_reply *reply);

#endif
