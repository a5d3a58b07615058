/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "libmass.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "libmutate.h"

#define PART 8192   /* packets between two times of forgetting; shorter than anything expires */
#define GIVE_UP 200 /* packets between two next hops that are given up */
#define SHOWN 10

struct mass_state {
	struct driver *d;
	struct mutate *mutate;
	struct mass_result result;
	FILE *text;
	uint64_t want[SAN_R_MAX];
	uint64_t uncertain; /* packets of this part whose reason may be another one */
	struct san_event event;
	unsigned int events;
	int traced;
};

int mass_seed(struct mass_seeds *seeds, const uint8_t *packet, size_t len)
{
	struct mass_seed *seed = &seeds->list[seeds->n];

	if (seeds->n == MASS_SEEDS)
		return driver_die("seeds", ENOSPC);
	seed->data = malloc(len);
	if (!seed->data)
		return driver_die("seeds", ENOMEM);
	memcpy(seed->data, packet, len);
	seed->len = len;
	seeds->n++;
	return 0;
}

void mass_forget_seeds(struct mass_seeds *seeds)
{
	while (seeds->n)
		free(seeds->list[--seeds->n].data);
}

static void on_event(void *arg, const struct san_event *event)
{
	struct mass_state *s = arg;

	s->event = *event;
	s->events++;
}

static void disagree(struct mass_state *s, const char *why, const uint8_t *packet, size_t len)
{
	size_t i;

	if (s->result.wrong++ >= SHOWN)
		return;
	fprintf(s->text, "%s: %s; packet ", s->traced ? "traced" : "untraced", why);
	for (i = 0; i < len; i++)
		fprintf(s->text, "%02x", packet[i]);
	fputc('\n', s->text);
}

/* The event of this packet tells its reason; what else it says must fit. */
static int read_event(struct mass_state *s, const uint8_t *packet, size_t len,
		      struct judge_got *got)
{
	const struct san_iface *iface = &s->d->judge.iface;
	const struct san_event *event = &s->event;

	s->events = 0;
	dp_events_read(s->d->dp, on_event, s);
	if (s->events != 1 || event->kind != SAN_EVENT_TRACE) {
		disagree(s, "not exactly one trace event", packet, len);
		return -1;
	}
	if (event->len != len || event->ifindex != DRIVER_IFINDEX || event->reason >= SAN_R_MAX ||
	    event->role != (iface->role == SAN_ROLE_CORE ? SAN_ROLE_CORE : SAN_ROLE_INGRESS)) {
		disagree(s, "event with wrong length, interface, role or reason", packet, len);
		return -1;
	}
	got->reason = event->reason;
	return 0;
}

/* Of a packet that the ingress has steered: whose was it, and how was that known? */
static bool event_fits(const struct judge *judge, const struct san_event *event,
		       const uint8_t *packet, size_t len)
{
	struct judge_packet p;
	struct judge_l2 l2;
	int by;

	judge_l2(packet, len, &l2);
	if (judge_read(&judge->profile, l2.version, packet + l2.len, len - l2.len, &p))
		return false;
	by = p.later ? SAN_BY_FRAGMENT : p.reason ? SAN_BY_CLASS : SAN_BY_HEADER;
	if (event->by != by || !event->nexthop || !event->service_id ||
	    memcmp(event->src, p.src, 16) || memcmp(event->dst, p.dst, 16))
		return false;
	if (p.later)
		return true;
	return (p.reason || event->service_id == p.service_id) && event->proto == p.proto &&
	       !memcmp(&event->sport, p.ports, 2) && !memcmp(&event->dport, p.ports + 2, 2);
}

static int run_one(struct mass_state *s)
{
	uint8_t packet[DRIVER_PACKET], out[DRIVER_OUT];
	size_t len = mutate_next(s->mutate, packet);
	struct judge_got got;

	if (driver_run(s->d, packet, len, out, &got))
		return -1;
	s->result.packets++;
	s->result.steered += got.action == XDP_REDIRECT;
	if (s->traced) {
		s->result.traced++;
		if (read_event(s, packet, len, &got))
			return 0;
	}
	if (judge_check(&s->d->judge, packet, len, &got)) {
		disagree(s, s->d->judge.text, packet, len);
		return 0;
	}
	if (s->traced && got.action == XDP_REDIRECT && s->d->judge.iface.role == SAN_ROLE_INGRESS &&
	    !event_fits(&s->d->judge, &s->event, packet, len))
		disagree(s, "event tells of another packet", packet, len);
	s->want[s->d->judge.reason]++;
	s->uncertain += s->d->judge.uncertain;
	return 0;
}

/* The counters have moved by what the judge says of each packet. */
static int compare_counts(struct mass_state *s, uint64_t wrong_before)
{
	uint64_t moved[SAN_R_MAX];
	int i;

	if (driver_moved(s->d, moved))
		return -1;
	for (i = 0; i < SAN_R_MAX; i++) {
		s->result.reasons[i] += moved[i];
		if (llabs((long long)(moved[i] - s->want[i])) <= (long long)s->uncertain ||
		    s->result.wrong != wrong_before)
			continue;
		s->result.wrong++;
		fprintf(s->text, "%s: %llu packets counted as %s, must be %llu\n",
			s->traced ? "traced" : "untraced", (unsigned long long)moved[i],
			judge_reason_name(i), (unsigned long long)s->want[i]);
		wrong_before = s->result.wrong;
	}
	return 0;
}

static int run_part(struct mass_state *s, uint64_t packets)
{
	uint64_t i, wrong = s->result.wrong;

	s->traced = !s->traced;
	memset(s->want, 0, sizeof(s->want));
	s->uncertain = 0;
	if (driver_trace(s->d, s->traced) || driver_forget(s->d))
		return -1;
	for (i = 0; i < packets; i++) {
		if (run_one(s) || (i % GIVE_UP == GIVE_UP - 1 &&
				   driver_give_up(s->d, i + s->result.packets / PART)))
			return -1;
	}
	s->events = 0;
	dp_events_read(s->d->dp, on_event, s);
	if (s->events) {
		s->result.wrong++;
		fprintf(s->text, "%u events that nobody asked for\n", s->events);
	}
	return compare_counts(s, wrong);
}

int mass_run(struct driver *d, const struct mass_seeds *seeds, const struct mass *mass, FILE *out)
{
	static struct mutate mutate;
	struct mass_state s = {.d = d, .mutate = &mutate};
	char *text = NULL;
	size_t text_len = 0;
	int error = 0;

	if (!seeds->n)
		return driver_die("no seeds", EINVAL);
	s.text = open_memstream(&text, &text_len);
	if (!s.text)
		return driver_die("open_memstream", errno);
	mutate_init(&mutate, seeds, mass->seed);
	while (!error && s.result.packets < mass->packets) {
		uint64_t left = mass->packets - s.result.packets;

		error = run_part(&s, left < PART ? left : PART);
	}
	fclose(s.text);
	s.result.text_len = text_len;
	if (!error) {
		fwrite(&s.result, sizeof(s.result), 1, out);
		fwrite(text, text_len, 1, out);
	}
	free(text);
	return error || driver_trace(d, 0) || driver_forget(d) ? -1 : 0;
}
