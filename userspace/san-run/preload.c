/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The library that san-run preloads: every TCP or UDP socket for IPv6 that the program opens gets
 * a sticky Destination Options (or Hop-by-Hop) header with the SAN option, so that all its packets
 * carry the service ID. Never makes socket() fail: what cannot be set is said once on stderr, and
 * the socket works without the header.
 *
 * $SAN_SERVICE_ID: the ID as svc_id_text writes it. $SAN_CARRIER: "doh" (default) or "hbh".
 */
#include <dlfcn.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <san/wire.h>

/* An extension header of 16 bytes that holds just our option (RFC 8200 section 4.2). The kernel
 * writes next_header itself. */
struct san_ext {
	__u8 next_header;
	__u8 len; /* in units of 8 bytes, not counting the first */
	__u8 opt_type, opt_len;
	struct san_hdr san;
} __attribute__((packed));

_Static_assert(sizeof(struct san_ext) == 16, "one option fills the header");

int socket(int domain, int type, int protocol) __attribute__((visibility("default")));

static atomic_flag said = ATOMIC_FLAG_INIT;

static void say_once(const char *what, const char *why)
{
	char line[512];
	int n;

	if (atomic_flag_test_and_set(&said))
		return;
	n = snprintf(line, sizeof(line), "san-run: %s: %s; packets leave without a SAN header\n",
		     what, why);
	if (n > 0 && write(STDERR_FILENO, line, strnlen(line, sizeof(line))) < 0)
		return; /* nobody left to tell */
}

static bool read_id(__u64 *id)
{
	const char *text = getenv("SAN_SERVICE_ID");
	char *end;

	if (!text || !*text)
		return false; /* preloaded by somebody else's wish: nothing to do */
	errno = 0;
	*id = strtoull(text, &end, 0);
	if (errno || *end || *text == '-' || *id == 0) {
		say_once("SAN_SERVICE_ID", "is no service ID (0x101 or 257, not 0)");
		return false;
	}
	return true;
}

static void put_header(int fd)
{
	const char *carrier = getenv("SAN_CARRIER");
	int option = carrier && !strcmp(carrier, "hbh") ? IPV6_HOPOPTS : IPV6_DSTOPTS;
	struct san_ext ext = {
		.len = 1,
		.opt_type = SAN_OPT_TYPE,
		.opt_len = SAN_HDR_LEN,
		.san.ver_flags = SAN_VERSION << 4,
	};
	__u64 id;

	if (!read_id(&id))
		return;
	ext.san.service_id = htobe64(id);
	if (!setsockopt(fd, IPPROTO_IPV6, option, &ext, sizeof(ext)))
		return;
	say_once("cannot set the SAN header on a socket",
		 errno == EPERM ? "needs CAP_NET_RAW (run as root, or once "
				  "`setcap cap_net_raw+p $(which san-run)`)"
				: strerror(errno));
}

static int real_socket(int domain, int type, int protocol)
{
	int (*next)(int, int, int);

	*(void **)&next = dlsym(RTLD_NEXT, "socket");
	if (next)
		return next(domain, type, protocol);
	return (int)syscall(SYS_socket, domain, type, protocol);
}

int socket(int domain, int type, int protocol)
{
	int kind = type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK);
	int fd = real_socket(domain, type, protocol);
	int saved = errno;

	if (fd >= 0 && domain == AF_INET6 && (kind == SOCK_STREAM || kind == SOCK_DGRAM))
		put_header(fd);
	errno = saved;
	return fd;
}
