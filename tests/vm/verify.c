/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this kernel's verifier makes of every program in BPF object files, also where the kernel
 * tells only its log (before 5.16):
 *
 *	verify OBJECT...
 *
 * One line a program: name, instructions looked at, states kept, stack in bytes, bytes of machine
 * code. Exit status 1 when a program is refused or takes more than MAX_INSNS.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define MAX_INSNS 500000 /* half of what the kernel allows: room for kernels to come */
#define MAX_PROGRAMS 16
#define LOG_STATS 4 /* log level of bpf(2): the sums only */
#define LOG_SIZE 4096

static char logs[MAX_PROGRAMS][LOG_SIZE];

static int print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, ap) : 0;
}

/* As module dp decides it: the constant removes the other clock's branch. */
static void set_clock(char *data, const struct btf *btf)
{
	int sec = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
	const struct btf_type *type = sec > 0 ? btf__type_by_id(btf, sec) : NULL;

	for (int i = 0; type && i < btf_vlen(type); i++) {
		const struct btf_var_secinfo *var = btf_var_secinfos(type) + i;
		const struct btf_type *t = btf__type_by_id(btf, var->type);

		if (!strcmp(btf__name_by_offset(btf, t->name_off), "coarse_clock"))
			data[var->offset] =
				libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP,
							BPF_FUNC_ktime_get_coarse_ns, NULL) == 1;
	}
}

/* Not a section of the compiler's own, like .rodata.cst16. */
static bool holds_constants(const struct bpf_map *map)
{
	const char *section = strstr(bpf_map__name(map), ".rodata");

	return section && !strcmp(section, ".rodata");
}

static void set_constants(struct bpf_object *obj)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, obj)
	{
		size_t size = 0;
		const void *initial = bpf_map__initial_value(map, &size);
		char *data = initial ? malloc(size) : NULL;

		if (!data || !holds_constants(map)) {
			free(data);
			continue;
		}
		memcpy(data, initial, size);
		set_clock(data, bpf_object__btf(obj));
		bpf_map__set_initial_value(map, data, size);
		free(data);
	}
}

static int want_logs(struct bpf_object *obj)
{
	struct bpf_program *prog;
	int n = 0;

	bpf_object__for_each_program(prog, obj)
	{
		if (n == MAX_PROGRAMS)
			return -E2BIG;
		bpf_program__set_log_level(prog, LOG_STATS);
		bpf_program__set_log_buf(prog, logs[n++], LOG_SIZE);
	}
	return 0;
}

static unsigned long number(const char *log, const char *before)
{
	const char *at = strstr(log, before);

	return at ? strtoul(at + strlen(before), NULL, 10) : 0;
}

static int show(const struct bpf_program *prog, const char *log)
{
	unsigned long insns = number(log, "processed ");
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len);
	printf("%s %lu %lu %lu %u\n", bpf_program__name(prog), insns, number(log, "total_states "),
	       number(log, "stack depth "), info.jited_prog_len);
	if (insns && insns <= MAX_INSNS)
		return 0;
	fprintf(stderr, "%s: %lu instructions, must be 1..%d\n", bpf_program__name(prog), insns,
		MAX_INSNS);
	return -E2BIG;
}

static int verify(const char *path)
{
	struct bpf_object *obj = bpf_object__open_file(path, NULL);
	struct bpf_program *prog;
	int n = 0, r;

	if (!obj) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -errno;
	}
	set_constants(obj);
	r = want_logs(obj);
	if (!r)
		r = bpf_object__load(obj);
	if (r)
		fprintf(stderr, "%s: not loaded: %s\n", path, strerror(-r));
	bpf_object__for_each_program(prog, obj)
	{
		if (!r)
			r = show(prog, logs[n++]);
	}
	bpf_object__close(obj);
	return r;
}

int main(int argc, char **argv)
{
	struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	int failed = 0;

	setrlimit(RLIMIT_MEMLOCK, &unlimited); /* before 5.11 BPF memory counts against it */
	libbpf_set_print(print);
	for (int i = 1; i < argc; i++)
		failed |= verify(argv[i]) != 0;
	return failed;
}
