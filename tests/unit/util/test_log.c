/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "util/log.h"

static int saved_stderr, pipe_fds[2];
static char line[LOG_LINE_MAX + 16];

/* What stood on stderr since the last call. */
static const char *logged(void)
{
	ssize_t n = read(pipe_fds[0], line, sizeof(line) - 1);

	line[n > 0 ? n : 0] = '\0';
	return line;
}

static int setup(void **state)
{
	unsetenv("JOURNAL_STREAM");
	if (pipe2(pipe_fds, O_NONBLOCK))
		return -1;
	saved_stderr = dup(STDERR_FILENO);
	dup2(pipe_fds[1], STDERR_FILENO);
	log_init("sand", LOG_INFO);
	return 0;
}

static int teardown(void **state)
{
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	return 0;
}

static void test_line(void **state)
{
	int y, mo, d, h, mi, s, ms;

	errno = ENOENT;
	log_info("child started", "pid=%d session=%u", 12, 3u);
	assert_int_equal(errno, ENOENT);
	logged();
	assert_int_equal(
		sscanf(line, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ ", &y, &mo, &d, &h, &mi, &s, &ms), 7);
	assert_string_equal(line + 24,
			    " level=info who=sand msg=\"child started\" pid=12 session=3\n");
}

static void test_message_alone(void **state)
{
	log_warn("no fields");
	assert_string_equal(logged() + 24, " level=warning who=sand msg=\"no fields\"\n");
	log_err("empty", "");
	assert_string_equal(logged() + 24, " level=error who=sand msg=\"empty\"\n");
}

static void test_levels(void **state)
{
	enum log_level level;

	log_debug("hidden", "a=1");
	assert_string_equal(logged(), "");
	log_init("sand-child", LOG_DEBUG_LEVEL);
	log_debug("shown", "a=1");
	assert_string_equal(logged() + 24, " level=debug who=sand-child msg=\"shown\" a=1\n");
	log_init("sand", LOG_ERROR);
	log_warn("hidden", "a=1");
	assert_string_equal(logged(), "");
	assert_int_equal(log_level_parse("warning", &level), 0);
	assert_int_equal(level, LOG_WARNING);
	assert_int_equal(log_level_parse("debug", &level), 0);
	assert_int_equal(level, LOG_DEBUG_LEVEL);
	assert_int_equal(log_level_parse("loud", &level), -EINVAL);
	assert_int_equal(log_level_parse("", &level), -EINVAL);
}

static void test_one_line_whatever_comes(void **state)
{
	char text[2 * LOG_LINE_MAX];

	log_info("odd", "value=\"%s\"", "a\nlevel=error\x1b[0m");
	assert_non_null(strstr(logged(), "value=\"a?level=error?[0m\"\n"));
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_info("long", "value=%s", text);
	assert_int_equal(strlen(logged()), LOG_LINE_MAX);
	assert_string_equal(line + LOG_LINE_MAX - 4, "...\n");
	log_info(text, "a=1");
	assert_int_equal(strlen(logged()), LOG_LINE_MAX);
	for (int len = LOG_LINE_MAX - 90; len < LOG_LINE_MAX - 60; len++) {
		log_info("edge", "%.*s", len, text);
		assert_true(strlen(logged()) <= LOG_LINE_MAX);
		assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	}
}

static void test_journal(void **state)
{
	struct stat st;
	char stream[64];

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init("sand", LOG_INFO);
	log_err("broken", "a=1");
	assert_string_equal(logged(), "<3>level=error who=sand msg=\"broken\" a=1\n");
	log_info("fine", "a=1");
	assert_string_equal(logged(), "<6>level=info who=sand msg=\"fine\" a=1\n");
	setenv("JOURNAL_STREAM", "1:1", 1); /* somebody else's */
	log_init("sand", LOG_INFO);
	log_info("fine", "a=1");
	assert_int_equal(logged()[0], '2');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_message_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_levels, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_line_whatever_comes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_journal, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
