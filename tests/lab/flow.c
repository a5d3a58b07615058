// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Numbered UDP datagrams, fast, for lab tests.
 *
 *	flow send [-r pps] [-c count] [-n flows] [-l size] [-s service | -e via...] FILE ADDRESS
 *PORT flow recv FILE ADDRESS PORT
 *
 * The number is the first 8 bytes of the payload; the lowest bits say which flow (source port
 * 20000 + number % flows). -s: with a SAN header, as sticky destination options. -e: the datagram
 * inside an IPv6 packet to each `via` in turn, as an SRv6 ingress would send it, from the address
 * that the system chooses. FILE is mapped by whoever looks on: struct view. Both run until their
 * standard input ends; recv goes on until nothing has come for a while.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_NUMBER (1u << 26)
#define MAX_SIZE 9216
#define MAX_FLOWS 32768
#define MAX_VIAS 16
#define FIRST_PORT 20000
#define QUIET_MS 400
#define BUFFER_BYTES (16 << 20)
#define BURST 32

/* What tests read: how many, how often a number came again, which ports, which numbers. */
struct view {
	uint64_t count;
	uint64_t again;
	uint8_t ports[65536 / 8];
	uint8_t numbers[MAX_NUMBER / 8];
};

struct job {
	const char *file, *address, *port, *service;
	const char *vias[MAX_VIAS];
	unsigned int n_vias, flows, size;
	uint64_t pps, count;
};

static void die(const char *what)
{
	fprintf(stderr, "flow: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct view *map_view(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0644);
	void *view;

	if (fd < 0 || ftruncate(fd, sizeof(struct view)))
		die(path);
	view = mmap(NULL, sizeof(struct view), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (view == MAP_FAILED)
		die(path);
	close(fd);
	return view;
}

static struct sockaddr_storage address_of(const char *text, unsigned int port, socklen_t *len)
{
	struct sockaddr_storage out = {0};
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&out;
	struct sockaddr_in *four = (struct sockaddr_in *)&out;

	if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t)port);
		*len = sizeof(*six);
	} else if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons((uint16_t)port);
		*len = sizeof(*four);
	} else {
		errno = EINVAL;
		die(text);
	}
	return out;
}

static bool input_ended(void)
{
	struct pollfd in = {.fd = 0, .events = POLLIN};
	char c;

	return poll(&in, 1, 0) > 0 && read(0, &c, 1) <= 0;
}

/* --- sending --- */

static void add_service(int fd, const char *service)
{
	uint64_t id = strtoull(service, NULL, 0);
	unsigned char option[16] = {0, 1, 0x1e, 12, 0x10};

	for (int i = 0; i < 8; i++)
		option[8 + i] = (unsigned char)(id >> (56 - 8 * i));
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_DSTOPTS, option, sizeof(option)))
		die("destination options");
}

static int sender(const struct job *job, unsigned int flow)
{
	socklen_t len, local_len;
	struct sockaddr_storage to = address_of(job->address, (unsigned int)atoi(job->port), &len);
	const char *any = to.ss_family == AF_INET ? "0.0.0.0" : "::";
	struct sockaddr_storage from = address_of(any, FIRST_PORT + flow, &local_len);
	int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int on = 1; /* another sender has the same source ports */

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&from, local_len))
		die("socket");
	if (job->service)
		add_service(fd, job->service);
	if (connect(fd, (struct sockaddr *)&to, len))
		die(job->address);
	return fd;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct sending {
	const struct job *job;
	struct view *view;
	unsigned char payload[MAX_SIZE];
	int *fds;
};

static void number(unsigned char *at, uint64_t n)
{
	for (int i = 0; i < 8; i++)
		at[i] = (unsigned char)(n >> (56 - 8 * i));
}

/* A full queue or an error reported for an earlier one is tried again: what counts as sent has
 * left. */
static void send_until_gone(int fd, const void *data, size_t len)
{
	for (int i = 0; i < 1000; i++) {
		if (send(fd, data, len, 0) == (ssize_t)len)
			return;
		if (errno != ENOBUFS && errno != EAGAIN && errno != ECONNREFUSED &&
		    errno != EHOSTUNREACH && errno != ENETUNREACH && errno != EMSGSIZE)
			die("send");
		usleep(100);
	}
	die("send: no way for a long time");
}

static void send_plain(struct sending *s, uint64_t n)
{
	number(s->payload, n);
	send_until_gone(s->fds[n % s->job->flows], s->payload, s->job->size);
}

/* RFC 1071, over the pseudo header too. */
static uint16_t udp_checksum(const unsigned char *ip, const unsigned char *udp, size_t len)
{
	uint32_t sum = IPPROTO_UDP + (uint32_t)len;

	for (int i = 8; i < 40; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? udp[i] : (uint32_t)udp[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum & 0xffff;
	return (uint16_t)(sum ? sum : 0xffff);
}

struct inner {
	unsigned char bytes[40 + 8 + MAX_SIZE];
	struct in6_addr source;
};

static size_t build_inner(const struct job *job, struct inner *in, uint64_t n)
{
	unsigned char *ip = in->bytes, *udp = ip + 40;
	size_t len = 8 + job->size;
	unsigned int from = FIRST_PORT + (unsigned int)(n % job->flows);
	unsigned int to = (unsigned int)atoi(job->port);
	uint16_t sum;

	memset(ip, 0, 40 + len);
	ip[0] = 0x60;
	ip[4] = (unsigned char)(len >> 8);
	ip[5] = (unsigned char)len;
	ip[6] = IPPROTO_UDP;
	ip[7] = 64;
	memcpy(ip + 8, &in->source, 16);
	inet_pton(AF_INET6, job->address, ip + 24);
	udp[0] = (unsigned char)(from >> 8);
	udp[1] = (unsigned char)from;
	udp[2] = (unsigned char)(to >> 8);
	udp[3] = (unsigned char)to;
	udp[4] = ip[4];
	udp[5] = ip[5];
	number(udp + 8, n);
	sum = udp_checksum(ip, udp, len);
	udp[6] = (unsigned char)(sum >> 8);
	udp[7] = (unsigned char)sum;
	return 40 + len;
}

static void open_vias(struct sending *s, struct inner *in)
{
	for (unsigned int i = 0; i < s->job->n_vias; i++) {
		struct sockaddr_in6 own;
		socklen_t len, own_len = sizeof(own);
		struct sockaddr_storage to = address_of(s->job->vias[i], 0, &len);
		int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_IPV6);

		if (fd < 0 || connect(fd, (struct sockaddr *)&to, len) ||
		    getsockname(fd, (struct sockaddr *)&own, &own_len))
			die(s->job->vias[i]);
		in->source = own.sin6_addr;
		s->fds[i] = fd;
	}
}

static void open_sockets(struct sending *s, struct inner *in)
{
	struct rlimit files = {MAX_FLOWS + 64, MAX_FLOWS + 64};

	setrlimit(RLIMIT_NOFILE, &files);
	s->fds = calloc(s->job->flows + MAX_VIAS, sizeof(*s->fds));
	if (!s->fds)
		die("memory");
	if (s->job->n_vias) {
		open_vias(s, in);
		return;
	}
	for (unsigned int i = 0; i < s->job->flows; i++)
		s->fds[i] = sender(s->job, i);
}

static void send_one(struct sending *s, struct inner *in, uint64_t n)
{
	if (s->job->n_vias)
		send_until_gone(s->fds[n % s->job->n_vias], in->bytes, build_inner(s->job, in, n));
	else
		send_plain(s, n);
}

/* Never behind by more than a burst, never early. */
static int do_send(const struct job *job)
{
	static struct sending s;
	static struct inner in;
	uint64_t begin, n = 0;

	s.job = job;
	s.view = map_view(job->file);
	open_sockets(&s, &in);
	begin = now_ns();
	while (n < job->count && !input_ended()) {
		uint64_t due = (now_ns() - begin) * job->pps / 1000000000u;

		for (int i = 0; i < BURST && n < due && n < job->count; i++) {
			send_one(&s, &in, n++);
			__atomic_store_n(&s.view->count, n, __ATOMIC_RELEASE);
		}
		if (n >= due)
			usleep(200);
	}
	return 0;
}

/* --- receiving --- */

static bool set_bit(uint8_t *bits, uint64_t n)
{
	uint8_t bit = (uint8_t)(1u << (n % 8));
	bool was = bits[n / 8] & bit;

	bits[n / 8] |= bit;
	return was;
}

static void take(struct view *view, const unsigned char *data, const struct sockaddr_storage *from)
{
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | data[i];
	if (n < MAX_NUMBER && set_bit(view->numbers, n))
		view->again++;
	/* The port stands at the same place in both kinds of address. */
	set_bit(view->ports, ntohs(((const struct sockaddr_in *)from)->sin_port));
	__atomic_fetch_add(&view->count, 1, __ATOMIC_RELEASE);
}

static int receiver(const struct job *job)
{
	int room = BUFFER_BYTES;
	socklen_t len;
	struct sockaddr_storage at = address_of(job->address, (unsigned int)atoi(job->port), &len);
	int fd = socket(at.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    bind(fd, (struct sockaddr *)&at, len))
		die(job->address);
	return fd;
}

static int do_recv(const struct job *job)
{
	struct view *view = map_view(job->file);
	struct pollfd in = {.fd = receiver(job), .events = POLLIN};
	bool ending = false;

	puts("ready");
	fflush(stdout);
	for (;;) {
		int ready = poll(&in, 1, QUIET_MS);

		if (ready == 0 && ending)
			return 0;
		for (int i = 0; ready > 0 && i < 1024; i++) {
			struct sockaddr_storage from;
			socklen_t len = sizeof(from);
			unsigned char data[MAX_SIZE];

			if (recvfrom(in.fd, data, sizeof(data), MSG_DONTWAIT,
				     (struct sockaddr *)&from, &len) < 8)
				break;
			take(view, data, &from);
		}
		ending = ending || input_ended();
	}
}

/* --- command line --- */

static void option(struct job *job, int letter)
{
	switch (letter) {
	case 'r':
		job->pps = strtoull(optarg, NULL, 0);
		break;
	case 'c':
		job->count = strtoull(optarg, NULL, 0);
		break;
	case 'n':
		job->flows = (unsigned int)atoi(optarg);
		break;
	case 'l':
		job->size = (unsigned int)atoi(optarg);
		break;
	case 's':
		job->service = optarg;
		break;
	case 'e':
		if (job->n_vias < MAX_VIAS)
			job->vias[job->n_vias++] = optarg;
		break;
	default:
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct job job = {.pps = 20000, .count = MAX_NUMBER, .flows = 1, .size = 64};
	bool sends = argc > 1 && !strcmp(argv[1], "send");
	int letter;

	optind = 2;
	while ((letter = getopt(argc, argv, "r:c:n:l:s:e:")) != -1)
		option(&job, letter);
	if (argc < 2 || argc - optind != 3 || job.size < 8 || job.size > MAX_SIZE || !job.flows ||
	    job.flows > MAX_FLOWS) {
		fprintf(stderr, "flow: send|recv [options] FILE ADDRESS PORT\n");
		return 2;
	}
	job.file = argv[optind];
	job.address = argv[optind + 1];
	job.port = argv[optind + 2];
	return sends ? do_send(&job) : do_recv(&job);
}
