/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The HTTP link of intent and ALTO: which server, what is sent twice, what is said of failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/un.h>

#include "unit/util/fetch_server.h"

static bool no_memory; /* for copies of text */

static char *copy_text(const char *text)
{
	return no_memory ? NULL : strdup(text);
}

#define strdup copy_text
#include "../../../userspace/sanctl/link.c"
#undef strdup
#include "../../../userspace/sanctl/nemo_call.c"
#include "../../../userspace/sanctl/table.c"

/* ---- what stands around it ---- */

static char *said;
static size_t said_size;
static FILE *saved;

int usage_error(const struct verb *verb, const char *text, ...)
{
	va_list ap;

	va_start(ap, text);
	vfprintf(stderr, text, ap);
	fputc('\n', stderr);
	va_end(ap);
	return CTL_USAGE;
}

int ctl_token(const char *name, char **out)
{
	if (!strcmp(name, "/none"))
		return usage_error(NULL, "no token");
	*out = strdup("secret");
	return CTL_OK;
}

void nemo_say_json(const json_t *answer, const char *file, const char *text, size_t len)
{
}

/* ---- a server, a link to it, and what was said ---- */

static struct server srv;
static struct ctl ctl;
static struct link link_there;
static char address[64];

static void listen_for(void)
{
	static const struct piece pieces[] = {
		{.bytes = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
			  "Content-Length: 8\r\n\r\n{\"a\": 1}"},
	};

	srv.keep = true;
	srv.pieces = srv.pieces ? srv.pieces : pieces;
	srv.n_pieces = 1;
	assert_int_equal(server_start(&srv), 0);
	snprintf(address, sizeof(address), "http://127.0.0.1:%u", srv.port);
}

static int setup(void **state)
{
	srv = (struct server){.fd = -1};
	ctl = (struct ctl){.timeout_ms = 60000};
	link_there = (struct link){};
	saved = stderr;
	stderr = open_memstream(&said, &said_size);
	return 0;
}

static int teardown(void **state)
{
	link_close(&link_there);
	fclose(stderr);
	stderr = saved;
	fputs(said, stderr); /* also what fails in a test */
	free(said);
	if (srv.fd >= 0)
		server_stop(&srv);
	return 0;
}

static void expect_said(const char *text)
{
	fflush(stderr);
	if (!strstr(said, text))
		fail_msg("\"%s\" is not in: %s", text, said);
}

static void open_link(const char *server)
{
	assert_int_equal(link_open(&link_there, &ctl, NULL, server), CTL_OK);
}

/* ---- servers ---- */

static void refuse(const char *server, const char *text)
{
	assert_int_equal(link_open(&link_there, &ctl, NULL, server), CTL_USAGE);
	expect_said(text);
	link_close(&link_there);
	link_there = (struct link){};
}

static void test_refused_servers(void **state)
{
	char long_one[400] = "https://";

	memset(long_one + 8, 'a', 300);
	refuse("ftp://h", "--server \"ftp://h\" must be unix:/PATH, http://ADDRESS:PORT or");
	refuse("", "--server \"\" must be unix:/PATH");
	refuse(long_one, "--server must be at most 255 bytes");
	ctl.text[CTL_OPT_CERT] = "/c";
	refuse("unix:/x", "--cert and --key go together");
	ctl.text[CTL_OPT_CERT] = NULL;
	ctl.text[CTL_OPT_TOKEN_FILE] = "/none";
	refuse("unix:/x", "no token");
}

static void test_urls(void **state)
{
	char url[NEMO_URL_MAX];

	ctl.text[CTL_OPT_TENANT] = "a b";
	open_link("https://[::1]:8444/");
	nemo_url(&link_there, url, "/diff", "from", NULL, "to", "7&", NULL);
	assert_string_equal(url, "https://[::1]:8444/v1/nemo/diff?tenant=a%20b&to=7%26");
	link_close(&link_there);
	ctl.text[CTL_OPT_TENANT] = NULL;
	open_link("/run/x.sock");
	assert_string_equal(link_conf(&link_there, "u").unix_path, "/run/x.sock");
	nemo_url(&link_there, url, "", "after", "1", NULL);
	assert_string_equal(url, "http://localhost/v1/nemo?after=1");
}

static void test_unix_socket(void **state)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	char dir[] = "/tmp/sand-test-XXXXXX", server[128];
	struct fetch_conf conf;

	assert_non_null(mkdtemp(dir));
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/s", dir);
	listen_for();
	server_stop(&srv);
	srv.stop = false;
	srv.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(srv.fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(srv.fd, 4), 0);
	assert_int_equal(pthread_create(&srv.thread, NULL, server_run, &srv), 0);
	snprintf(server, sizeof(server), "unix:%s", a.sun_path);
	ctl.text[CTL_OPT_TOKEN_FILE] = "/one";
	open_link(server);
	conf = link_conf(&link_there, "http://localhost/x");
	assert_int_equal(link_ask(&link_there, &conf), CTL_OK);
	assert_string_equal(link_there.body, "{\"a\": 1}");
	assert_string_equal(link_there.content_type, "application/json");
	assert_non_null(strstr(srv.seen, "\r\nAuthorization: Bearer secret\r\n"));
	unlink(a.sun_path);
	rmdir(dir);
}

/* ---- failures ---- */

static void test_unreachable(void **state)
{
	struct fetch_conf conf;

	listen_for();
	server_stop(&srv);
	srv.fd = -1;
	open_link(address);
	conf = link_conf(&link_there, address);
	ctl.quiet = true;
	assert_int_equal(link_ask(&link_there, &conf), CTL_UNREACHABLE);
	fflush(stderr);
	assert_string_equal(said, "");
	ctl.quiet = false;
	assert_int_equal(link_ask(&link_there, &conf), CTL_UNREACHABLE);
	assert_int_equal(link_there.failed, -ECONNREFUSED);
	expect_said("sanctl: server http://127.0.0.1:");
	expect_said("cannot be reached");
	link_close(&link_there);
	open_link("unix:/nowhere/s");
	conf = link_conf(&link_there, "http://localhost/x");
	assert_int_equal(link_ask(&link_there, &conf), CTL_UNREACHABLE);
	expect_said("sanctl: server unix:/nowhere/s: cannot be reached: ");
}

static void test_token_goes_nowhere_in_the_clear(void **state)
{
	struct fetch_conf conf;

	ctl.text[CTL_OPT_TOKEN_FILE] = "/one";
	open_link("http://192.0.2.1");
	conf = link_conf(&link_there, "http://192.0.2.1/x");
	assert_int_equal(link_ask(&link_there, &conf), CTL_USAGE);
	expect_said("must be https:// where a token is sent beyond this host");
}

/* Without a server of its own it is the URL that is named. */
static void test_whole_urls(void **state)
{
	struct fetch_conf conf;
	char url[128];

	listen_for();
	srv.answers = 1;
	srv.requests = 1;
	open_link(NULL);
	snprintf(url, sizeof(url), "%s/directory", address);
	conf = link_conf(&link_there, url);
	assert_int_equal(link_ask(&link_there, &conf), CTL_UNREACHABLE);
	expect_said("/directory");
	assert_null(link_there.body);
}

/* ---- intent ---- */

static int call(const char *method, bool changes)
{
	struct nemo_request request = {
		.method = method, .script = "x", .len = 1, .changes = changes};
	char url[NEMO_URL_MAX];
	json_t *answer = NULL;
	int status;

	request.url = nemo_url(&link_there, url, "/apply", NULL);
	status = nemo_call(&link_there, &request, &answer);
	if (!status)
		assert_int_equal(json_integer_value(json_object_get(answer, "a")), 1);
	json_decref(answer);
	return status;
}

/* The kept connection ends with the second request: one that changes is not sent again. */
static void test_change_is_open(void **state)
{
	listen_for();
	srv.answers_each = 1;
	srv.abrupt = true;
	open_link(address);
	assert_int_equal(call("POST", true), CTL_OK);
	assert_int_equal(call("POST", true), CTL_UNREACHABLE);
	assert_int_equal(srv.requests, 2);
	expect_said("whether it came into force is open");
}

/* It was answered, but nobody can say what. */
static void test_change_is_open_without_memory(void **state)
{
	listen_for();
	open_link(address);
	no_memory = true;
	assert_int_equal(call("POST", true), CTL_UNREACHABLE);
	no_memory = false;
	expect_said("no memory");
	expect_said("whether it came into force is open");
}

static void test_empty_answer(void **state)
{
	static const struct piece empty[] = {
		{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	};
	struct fetch_conf conf;

	srv.pieces = empty;
	listen_for();
	open_link(address);
	conf = link_conf(&link_there, address);
	assert_int_equal(link_ask(&link_there, &conf), CTL_OK);
	assert_string_equal(link_there.body, "");
	assert_int_equal(link_there.len, 0);
}

static void test_question_is_sent_again(void **state)
{
	listen_for();
	srv.answers_each = 1;
	srv.abrupt = true;
	open_link(address);
	assert_int_equal(call("POST", false), CTL_OK);
	assert_int_equal(call("POST", false), CTL_OK);
	assert_int_equal(srv.requests, 3);
	fflush(stderr);
	assert_string_equal(said, "");
}

static void test_refusals(void **state)
{
	static const struct piece not_found[] = {
		{.bytes = "HTTP/1.1 404 Not Found\r\nContent-Length: 23\r\n\r\n"
			  "{\"detail\": \"no such x\"}"},
	};
	static const struct piece no_json[] = {
		{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n<>"},
	};

	srv.pieces = not_found;
	listen_for();
	open_link(address);
	assert_int_equal(call("POST", true), CTL_NOT_FOUND);
	expect_said("sanctl: no such x\n");
	srv.pieces = no_json;
	assert_int_equal(call("POST", true), CTL_UNREACHABLE);
	expect_said("answers with something that is not JSON");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_refused_servers),
		T(test_urls),
		T(test_unix_socket),
		T(test_unreachable),
		T(test_token_goes_nowhere_in_the_clear),
		T(test_whole_urls),
		T(test_change_is_open),
		T(test_change_is_open_without_memory),
		T(test_empty_answer),
		T(test_question_is_sent_again),
		T(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
