/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `sanctl db snapshot` and `restore`: the whole database in a file. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sanctl/ctl.h"
#include "util/own.h"

#define SNAPSHOT_SILENCE_S 30
#define RESTORE_SILENCE_S 600 /* the server writes before it answers */
#define TAIL 64		      /* the last line is shorter */

static int file_failed(const char *name, const char *what)
{
	fprintf(stderr, "sanctl: %s: %s: %s\n", name, what, strerror(errno));
	return CTL_REFUSED;
}

/* ---- snapshot ---- */

/* The number in its last line; -1: it has none, so it broke off. */
static long long keys_of(FILE *file)
{
	char tail[TAIL + 1], *line;
	long long keys = -1;
	size_t n;

	if (fseeko(file, -TAIL, SEEK_END) && fseeko(file, 0, SEEK_SET))
		return -1;
	n = fread(tail, 1, TAIL, file);
	tail[n] = '\0';
	if (!n || tail[n - 1] != '\n')
		return -1;
	tail[n - 1] = '\0';
	line = strrchr(tail, '\n');
	return line && sscanf(line + 1, "{\"end\":%lld}", &keys) == 1 ? keys : -1;
}

static int take(struct ctl *ctl, const char *path, FILE *file)
{
	const struct http_bulk bulk = {.take = file, .silence_s = SNAPSHOT_SILENCE_S};
	json_t *answer;
	int status = ctl_bulk(ctl, "GET", path, &bulk, &answer);

	json_decref(answer);
	return status;
}

/* The rename is on the disk too. */
static int sync_dir(const char *path)
{
	char copy[PATH_MAX];
	OWN_FD int fd = -1;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) ? -1 : 0;
}

static int finish(FILE *file, const char *temp, const char *target, long long *keys)
{
	if (fflush(file) || fsync(fileno(file)))
		return file_failed(target, "not written");
	*keys = keys_of(file);
	if (*keys < 0) {
		fputs("sanctl: the snapshot broke off: nothing was saved\n", stderr);
		return CTL_UNREACHABLE;
	}
	if (rename(temp, target))
		return file_failed(target, "not written");
	return sync_dir(target) ? file_failed(target, "saved, but perhaps not on the disk yet")
				: CTL_OK;
}

/* The file that name stands for: a link stays one. Only a file is replaced: not /dev/null, not a
 * pipe that somebody reads. */
static int find_target(const char *name, char target[PATH_MAX])
{
	struct stat st;

	if (lstat(name, &st)) {
		if (errno != ENOENT || snprintf(target, PATH_MAX, "%s", name) >= PATH_MAX)
			return file_failed(name, "not written");
		return CTL_OK;
	}
	if (!realpath(name, target) || lstat(target, &st))
		return file_failed(name, "not written");
	if (S_ISREG(st.st_mode))
		return CTL_OK;
	fprintf(stderr,
		"sanctl: %s: is no regular file, which it must be to be replaced; - writes to "
		"standard output\n",
		name);
	return CTL_REFUSED;
}

/* The file is there as a whole, or as it was before. */
static int save(struct ctl *ctl, const char *path, const char *name, long long *keys)
{
	char target[PATH_MAX], temp[PATH_MAX + 8];
	OWN_FD int fd = -1;
	FILE *file;
	int status = find_target(name, target);

	if (status)
		return status;
	snprintf(temp, sizeof(temp), "%s.XXXXXX", target);
	fd = mkostemp(temp, O_CLOEXEC); /* mode 0600: values may be nobody else's business */
	if (fd < 0)
		return file_failed(name, "not written");
	file = fdopen(fd, "w+");
	if (!file) {
		status = file_failed(name, "not written");
		unlink(temp);
		return status;
	}
	fd = -1; /* the file's */
	status = take(ctl, path, file);
	if (status && ctl->stop && *ctl->stop)
		fputs("sanctl: interrupted: nothing was saved\n", stderr);
	status = status ?: finish(file, temp, target, keys);
	fclose(file);
	if (status)
		unlink(temp); /* gone already when it was renamed */
	return status;
}

int run_db_snapshot(struct ctl *ctl, const struct verb *verb, struct args args)
{
	long long keys = 0;
	int status;

	if (args.n != 1)
		return usage_error(verb, "takes a FILE; - writes to standard output");
	if (strcmp(args.v[0], "-") == 0)
		return take(ctl, verb->path, stdout);
	follow_catch(ctl); /* ^C ends it early, and what was begun is removed */
	status = save(ctl, verb->path, args.v[0], &keys);
	if (!status && !ctl->json)
		printf("%lld keys saved to %s\n", keys, args.v[0]);
	return status;
}

/* ---- restore ---- */

/* Standard input may be a pipe, whose length nobody knows. */
static FILE *open_input(const char *name)
{
	char buf[65536];
	FILE *file;
	size_t n;

	if (strcmp(name, "-") != 0)
		return fopen(name, "re");
	file = tmpfile();
	while (file && (n = fread(buf, 1, sizeof(buf), stdin)) > 0) {
		if (fwrite(buf, 1, n, file) != n)
			break;
	}
	if (file && !ferror(stdin) && !ferror(file) && !fflush(file)) {
		rewind(file);
		return file;
	}
	if (file)
		fclose(file);
	return NULL;
}

static void print_result(const json_t *answer)
{
	static const char *const members[] = {"restored", "skipped", "deleted"};
	static const char *const words[] = {"keys restored", "under a lease left alone",
					    "others deleted"};

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		printf("%s%lld %s", i ? ", " : "",
		       (long long)json_integer_value(json_object_get(answer, members[i])),
		       words[i]);
	putchar('\n');
}

int run_db_restore(struct ctl *ctl, const struct verb *verb, struct args args)
{
	struct http_bulk bulk = {.type = "application/x-ndjson", .silence_s = RESTORE_SILENCE_S};
	char path[128];
	json_t *answer = NULL;
	int status;

	if (args.n != 1)
		return usage_error(verb, "takes a FILE; - reads standard input");
	bulk.send = open_input(args.v[0]);
	if (!bulk.send)
		return file_failed(args.v[0], "not read");
	snprintf(path, sizeof(path), "%s?replace=%s&leased=%s", verb->path,
		 ctl->text[CTL_OPT_REPLACE] ? "true" : "false",
		 ctl->text[CTL_OPT_LEASED] ? "true" : "false");
	status = ctl_bulk(ctl, "POST", path, &bulk, &answer);
	fclose(bulk.send);
	if (!status && ctl->json)
		ctl_print_json(answer);
	else if (!status)
		print_result(answer);
	json_decref(answer);
	return status;
}
