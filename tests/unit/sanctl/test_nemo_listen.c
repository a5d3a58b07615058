/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stream of notifications: its parts as they come, and where it goes on when it breaks off. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "../../../userspace/sanctl/nemo_listen.c"
#include "../../../userspace/sanctl/table.c"

static char said[512];

const char *nemo_url(const struct link *link, char buf[NEMO_URL_MAX], const char *part, ...)
{
	return part;
}

struct fetch_conf link_conf(const struct link *link, const char *url)
{
	return (struct fetch_conf){};
}

int link_open(struct link *link, struct ctl *ctl, const struct verb *verb, const char *server)
{
	return CTL_USAGE;
}

void link_close(struct link *link)
{
}

void nemo_say_detail(const json_t *problem, const char *otherwise)
{
	snprintf(said, sizeof(said), "%s",
		 json_string_value(json_object_get(problem, "detail")) ?: otherwise);
}

int usage_error(const struct verb *verb, const char *want, ...)
{
	return CTL_USAGE;
}

void follow_print_json(const json_t *event)
{
}

/* ---- a stream ---- */

static struct ctl ctl = {.server = "unix:/x", .json = true};
static struct link link_there = {.ctl = &ctl, .server = "unix:/x"};

static int setup(void **state)
{
	struct listen *l = calloc(1, sizeof(*l));

	said[0] = '\0';
	uv_loop_init(&link_there.loop);
	l->link = &link_there;
	uv_timer_init(&link_there.loop, &l->retry);
	l->retry.data = l;
	*state = l;
	return 0;
}

static int teardown(void **state)
{
	struct listen *l = *state;

	uv_close((uv_handle_t *)&l->retry, NULL);
	while (uv_loop_alive(&link_there.loop)) /* it may have been told to stop */
		uv_run(&link_there.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&link_there.loop), 0);
	free(l->line);
	free(l);
	return 0;
}

static void piece(struct listen *l, const char *text)
{
	assert_int_equal(on_piece(l, NULL, text, strlen(text)), 0);
}

static void end(struct listen *l, long code, const char *body, long retry_after_s)
{
	const struct fetch_answer answer = {
		.code = code, .body = body, .len = strlen(body), .retry_after_s = retry_after_s};

	on_done(l, &answer);
}

/* A stream that told nothing yet says where it is. */
static void test_greeting(void **state)
{
	struct listen *l = *state;

	piece(l, "id: 41\nretry: 1000\n\n");
	assert_string_equal(l->last, "41");
	piece(l, "id: 42\nevent: notification\nda");
	assert_string_equal(l->last, "41");
	piece(l, "ta: {\"time\": \"x\"}\n\n: \n\n");
	assert_string_equal(l->last, "42");
}

/* What did not come as a whole comes again. */
static void test_broken_off(void **state)
{
	struct listen *l = *state;

	piece(l, "id: 41\nretry: 1000\n\nid: 42\nevent: missed\n");
	end(l, 200, "", 0);
	assert_string_equal(l->last, "41");
	piece(l, ": \n\n");
	assert_string_equal(l->last, "41");
	assert_string_equal(l->event, "");
}

/* Only numbers come back as Last-Event-ID, and to the terminal. */
static void test_id(void **state)
{
	struct listen *l = *state;

	piece(l, "id: 7\xc2\x9b"
		 "2J\n\n");
	assert_string_equal(l->last, "7");
}

static void test_busy(void **state)
{
	struct listen *l = *state;

	end(l, 503, "{\"detail\": \"at most 64 streams\"}", 7);
	assert_string_equal(said, "at most 64 streams");
	assert_false(l->stopped);
	assert_in_range(uv_timer_get_due_in(&l->retry), 6000, 7000);
	said[0] = '\0';
	end(l, 503, "{\"detail\": \"at most 64 streams\"}", 999999);
	assert_string_equal(said, ""); /* once */
	assert_in_range(uv_timer_get_due_in(&l->retry), 50000, RETRY_MAX_MS);
	end(l, 502, "no JSON", 0);
	assert_in_range(uv_timer_get_due_in(&l->retry), 1, RETRY_MS);
}

static void test_refused(void **state)
{
	struct listen *l = *state;

	end(l, 403, "{\"detail\": \"not yours\"}", 0);
	assert_string_equal(said, "not yours");
	assert_true(l->stopped);
	assert_int_equal(l->status, CTL_REFUSED);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_greeting), T(test_broken_off), T(test_id), T(test_busy), T(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
