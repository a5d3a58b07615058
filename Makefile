# SPDX-License-Identifier: GPL-2.0-or-later
# One Makefile, out of tree in build/. `make help` lists the targets; V=1 shows commands.

B       := build
PREFIX  ?= /usr/local
CC      ?= gcc
CLANG   ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PYTHON  ?= /usr/bin/python3
FUZZ_SECONDS ?= 60
Q       := $(if $(V),,@)
say      = $(if $(V),,@printf '  %-8s %s\n' $(1) $(2))

# --- modules: name, and what its files may include (checked by `make lint`; also the link order) ----
MODULES := util model grpc ncsdb dp nl ssc alto nemo srm nsc csc broker altoc intent ncc orc enact north
USES_util   :=
USES_model  := util
USES_grpc   := util
USES_ncsdb  := grpc util
USES_dp     := util
USES_nl     := util
USES_ssc    := model $(USES_model)
USES_alto   := util
USES_nemo   := model util
USES_srm    := ncsdb grpc model util
USES_nsc    := ncsdb grpc model util
USES_csc    := ncsdb grpc model util
USES_broker := alto ncsdb grpc model util
USES_altoc  := alto csc nsc ncsdb grpc model util
USES_intent := nemo ncsdb grpc model util
USES_ncc    := dp nl model util
USES_orc    := ncc ssc dp nl model util
USES_enact  := ncc intent nemo ncsdb grpc dp nl model util
USES_north  := enact orc ncc intent altoc broker ssc srm nsc csc nemo alto ncsdb grpc dp nl model util
PROGRAMS := sand sanctl san-agent
USES_sand      := $(foreach m,north enact orc ncc intent altoc broker csc nsc srm nemo alto ssc nl dp ncsdb grpc model util,$(m))
USES_sanctl    := nemo alto model util
USES_san-agent := ncsdb grpc model util
USES_san-run   := util

CPPFLAGS += -D_GNU_SOURCE -Iinclude -Iuserspace -I$(B)/gen -I$(B)/gen/etcd -I/usr/include/libnl3 \
	    -DSAN_PREFIX='"$(PREFIX)"' -DSAN_VERSION_TEXT='"$(VERSION)"'
VERSION  := 0.1.0
WARN     := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wpointer-arith \
	    -Wno-unused-parameter $(if $(CI),-Werror)
CFLAGS   ?= -O2 -g
BASE_CFLAGS := -std=gnu17 $(WARN) -fno-strict-aliasing
SAN_CFLAGS  := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZ_CFLAGS := -std=gnu17 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all
BPF_CFLAGS  := -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Wno-unused-parameter -Werror \
	       -Iinclude -Ibpf -I/usr/include/$(shell uname -m)-linux-gnu
LIBS := -lnghttp2 -lgnutls -lnettle -lprotobuf-c -lxdp -lbpf -lelf -lz -lnl-route-3 -lnl-3 -lmnl -lmicrohttpd -ljansson -lyaml -llmdb -lcurl -ledit -luv \
	-lseccomp -lcap -lsystemd -lpthread -lm

.PHONY: help all deps test lab check check-bpf check-lab check-unit check-vm bench soak lint fuzz install \
	clean format
.DEFAULT_GOAL := all
.SECONDARY:
.DELETE_ON_ERROR:

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

# --- BPF ------------------------------------------------------------------------------------------
BPF_SRC  := $(wildcard bpf/*.bpf.c)
BPF_OBJ  := $(BPF_SRC:bpf/%.c=$(B)/bpf/%.o)
BPF_SKEL := $(BPF_SRC:bpf/%.bpf.c=$(B)/gen/%.skel.h)

$(B)/bpf/%.bpf.o: bpf/%.bpf.c
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@

$(B)/gen/%.skel.h: $(B)/bpf/%.bpf.o
	$(call say,SKEL,$@)
	@mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name $(subst -,_,$*)_bpf > $@

# --- etcd's messages: its own .proto files, without the options and services of other tools -----------
# A Txn within a Txn stays bytes: protobuf-c unpacks what nests as deep as the sender likes, on the stack.
ETCD_PROTO ?= /usr/share/gocode/src/go.etcd.io/etcd
PB_SRC := $(addprefix $(B)/gen/etcd/,rpc.pb-c.c kv.pb-c.c auth.pb-c.c)
PB_OBJ := $(PB_SRC:.c=.o)
PROTO  := $(PB_SRC:.pb-c.c=.proto)
$(B)/gen/etcd/rpc.proto: $(ETCD_PROTO)/etcdserver/etcdserverpb/rpc.proto
$(B)/gen/etcd/kv.proto: $(ETCD_PROTO)/mvcc/mvccpb/kv.proto
$(B)/gen/etcd/auth.proto: $(ETCD_PROTO)/auth/authpb/auth.proto
$(PROTO): Makefile
$(PROTO):
	@mkdir -p $(@D)
	$(Q)sed -E -e '/^import "(gogoproto|google)/d; /^option \(/d; /^service/,/^}/d; s/ *\[\(gogoproto[^]]*\]//' \
		-e 's#^import "etcd/[a-z/]*/([a-z]+\.proto)"#import "\1"#' \
		-e 's/^( *)Txn[A-Z][a-z]+( [a-z]+_txn = 4;)/\1bytes\2/' $< > $@

$(B)/gen/etcd/%.pb-c.c $(B)/gen/etcd/%.pb-c.h: $(B)/gen/etcd/%.proto $(PROTO)
	$(call say,PROTO,$@)
	$(Q)protoc-c -I$(@D) --c_out=$(@D) $<

$(PB_OBJ): %.o: %.c $(PB_SRC)
	$(call say,CC,$@)
	$(Q)$(CC) -I$(@D) -std=gnu17 $(CFLAGS) -c $< -o $@

# --- modules, in three variants: release (build/o), with sanitizers for unit tests (build/san), and with
# those of clang for fuzzers (build/fuz) ---------------------------------------------------------------
srcs = $(wildcard userspace/$(1)/*.c)
objs = $(patsubst userspace/%.c,$(B)/$(2)/%.o,$(call srcs,$(1)))

$(B)/o/%.o: userspace/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(BASE_CFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(B)/san/%.o: userspace/%.c
	$(call say,CC-SAN,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(BASE_CFLAGS) $(SAN_CFLAGS) -MMD -MP -c $< -o $@

$(B)/fuz/%.o: userspace/%.c
	$(call say,CC-FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -MMD -MP -c $< -o $@

define module_rules
$(B)/o/lib$(1).a: $(call objs,$(1),o)
	$$(call say,AR,$$@)
	@mkdir -p $$(@D)
	$(Q)rm -f $$@; ar rcsD $$@ $$^
$(B)/san/lib$(1).a: $(call objs,$(1),san)
	$$(call say,AR,$$@)
	@mkdir -p $$(@D)
	$(Q)rm -f $$@; ar rcsD $$@ $$^
$(B)/fuz/lib$(1).a: $(call objs,$(1),fuz)
	$$(call say,AR,$$@)
	@mkdir -p $$(@D)
	$(Q)rm -f $$@; ar rcsD $$@ $$^
endef
$(foreach m,$(MODULES),$(eval $(call module_rules,$(m))))
$(call objs,dp,o) $(call objs,dp,san): | $(BPF_SKEL)
$(call objs,ncsdb,o) $(call objs,ncsdb,san) $(call objs,ncsdb,fuz): | $(PB_SRC)
$(B)/o/libncsdb.a $(B)/san/libncsdb.a $(B)/fuz/libncsdb.a: $(PB_OBJ)

# --- programs ---------------------------------------------------------------------------------------
BIN := $(PROGRAMS:%=$(B)/bin/%) $(B)/bin/san-run $(B)/lib/libsan-run.so
all: $(BIN) $(BPF_OBJ) ## build everything

define program_rules
$(B)/bin/$(1): $(call objs,$(1),o) $(USES_$(1):%=$(B)/o/lib%.a)
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $$@ $$^ -Wl,--as-needed $(LIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program_rules,$(p))))

$(B)/bin/san-run: $(B)/o/san-run/main.o $(B)/o/libutil.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -Wl,--as-needed $(LIBS)

$(B)/lib/libsan-run.so: userspace/san-run/preload.c
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(BASE_CFLAGS) $(CFLAGS) -fPIC -shared -MMD -MP -o $@ $< -ldl

# where one command compiles several files there is no dependency file
HEADERS := $(wildcard include/san/*.h bpf/lib/*.h userspace/*/*.h tests/*/*.h tests/unit/*/*.h)

# --- tests ------------------------------------------------------------------------------------------
UNIT_SRC := $(wildcard tests/unit/*/test_*.c)
UNIT_BIN := $(UNIT_SRC:tests/%.c=$(B)/tests/%)
BPFT_SRC := $(wildcard tests/bpf/test_*.c)
BPFT_BIN := $(BPFT_SRC:tests/%.c=$(B)/tests/%)
BPFT_AUX := $(patsubst tests/%.c,$(B)/tests/%,$(filter-out $(BPFT_SRC) $(wildcard tests/bpf/lib*.c),$(wildcard tests/bpf/*.c)))

LAB_AUX  := $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/lab/*.c)) $(B)/bench/load

# tests/unit/<module>/test_x.c links <module> and what it may use, with sanitizers
.SECONDEXPANSION:
unit_mod = $(firstword $(subst /, ,$(1)))
unit_libs = $(foreach m,$(call unit_mod,$(1)) $(USES_$(call unit_mod,$(1))),$(if $(filter $(m),$(MODULES)),$(B)/san/lib$(m).a))
$(B)/tests/unit/%: tests/unit/%.c $$(call unit_libs,$$*)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -Itests -Ibpf $(BASE_CFLAGS) $(SAN_CFLAGS) -MMD -MP -MF $@.d -o $@ \
		$< $(filter %.a,$^) -lcmocka -Wl,--as-needed $(LIBS)

# tests/bpf/*.c: root, BPF_PROG_TEST_RUN through module dp
$(B)/tests/bpf/%: tests/bpf/%.c $$(wildcard tests/bpf/lib*.c) $(B)/o/ncc/slots.o $(B)/o/libdp.a $(B)/o/libutil.a $(HEADERS)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -Itests -Ibpf $(BASE_CFLAGS) $(CFLAGS) -o $@ \
		$(filter %.c %.o %.a,$^) -lcmocka -Wl,--as-needed $(LIBS)

# tests/lab/x.c: a program that lab tests run
$(B)/tests/lab/%: tests/lab/%.c
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(BASE_CFLAGS) $(CFLAGS) -MMD -MP -MF $@.d -o $@ $< -Wl,--as-needed $(LIBS)

# tests/db/x.c: a program over the database module, run by lab tests
DB_AUX := $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/db/*.c))
DB_LIB := $(foreach m,ncsdb grpc model util,$(B)/o/lib$(m).a)
$(B)/tests/db/%: tests/db/%.c $(DB_LIB) $(wildcard tests/db/*.h)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(BASE_CFLAGS) $(CFLAGS) -MMD -MP -MF $@.d -o $@ $< $(DB_LIB) -Wl,--as-needed $(LIBS)

check: check-unit ## unit tests under ASan and UBSan (no root)
check-unit: $(UNIT_BIN)
	$(Q)$(PYTHON) tests/run.py unit
check-bpf: $(BPF_OBJ) $(BPFT_BIN) $(BPFT_AUX) ## packet tests with BPF_PROG_TEST_RUN (root)
	$(Q)$(PYTHON) tests/run.py bpf
check-lab: all $(BPFT_AUX) $(LAB_AUX) $(DB_AUX) ## lab tests in network namespaces (root)
	$(Q)$(PYTHON) tests/run.py lab

test: deps ## install what is missing, build, run all fast tests
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all $(UNIT_BIN) $(FUZZ_BIN) $(BPFT_BIN) $(BPFT_AUX) $(LAB_AUX) $(DB_AUX)
	$(Q)$(PYTHON) tests/run.py unit seeds bpf lab

soak: deps ## tests with large numbers: kills, upgrades, flips, faults of etcd (root; an hour)
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all $(LAB_AUX) $(DB_AUX) $(UNIT_BIN)
	$(Q)SAND_SOAK=1 $(PYTHON) tests/run.py soak

lab: deps ## install what is missing, build, play the use cases with real traffic, clean up
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all
	$(Q)netns-lab/lab demo
	$(Q)netns-lab/lab demo multi
	$(Q)netns-lab/lab demo alto
	$(Q)netns-lab/lab demo nemo

# --- fuzzing: tests/fuzz/fuzz_x.c, seeds in tests/fuzz/corpus/x -----------------------------------------
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN := $(FUZZ_SRC:tests/%.c=$(B)/tests/%)
FUZZ_LIB := $(foreach m,alto nemo ncsdb grpc model util,$(B)/fuz/lib$(m).a)
$(B)/tests/fuzz/%: tests/fuzz/%.c $(FUZZ_LIB)
	$(call say,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) -Itests -Ibpf $(FUZZ_CFLAGS) -fsanitize=fuzzer -MMD -MP -MF $@.d -o $@ $< \
		$(FUZZ_LIB) -Wl,--as-needed $(LIBS)

fuzz: deps ## fuzzers (FUZZ_SECONDS=60 each) and the differential run
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all $(FUZZ_BIN) $(BPFT_BIN) $(BPFT_AUX)
	$(Q)FUZZ_SECONDS=$(FUZZ_SECONDS) $(PYTHON) tests/run.py fuzz

# --- benchmarks: tests/bench/bench_x.c with the skeleton of tests/bench/x.bpf.c, if there is one --------
BENCH_BIN  := $(patsubst tests/bench/bench_%.c,$(B)/bench/%,$(wildcard tests/bench/bench_*.c))
BENCH_SKEL := $(patsubst tests/bench/%.bpf.c,$(B)/bench/%.skel.h,$(wildcard tests/bench/*.bpf.c))
BENCH_SECONDS ?= 30

$(B)/bench/%.bpf.o: tests/bench/%.bpf.c
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@

$(B)/bench/%.skel.h: $(B)/bench/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@

BENCH_LIB := $(foreach m,orc ncc ssc broker alto nemo ncsdb grpc dp nl model util,$(B)/o/lib$(m).a)
$(B)/bench/%: tests/bench/bench_%.c tests/bench/lib.c $(wildcard tests/bench/*.h) $(BENCH_SKEL) $(BENCH_LIB)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -I$(B)/bench $(BASE_CFLAGS) $(CFLAGS) -o $@ \
		$(filter %.c %.a,$^) -Wl,--as-needed $(LIBS)

bench: all $(BENCH_BIN) ## benchmarks (root; BENCH_SECONDS=30 a part)
	$(Q)BENCH_SECONDS=$(BENCH_SECONDS) $(PYTHON) tests/bench/run.py

# --- other kernels: tests/vm, QEMU --------------------------------------------------------------------
$(B)/tests/vm/%: tests/vm/%.c
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(BASE_CFLAGS) $(CFLAGS) -MMD -MP -MF $@.d -o $@ $< -Wl,--as-needed $(LIBS)

check-vm: all $(BPFT_BIN) $(BPFT_AUX) $(filter $(B)/tests/unit/nl/%,$(UNIT_BIN)) $(B)/tests/vm/verify ## tests on other kernels in QEMU (root; VM_KERNELS="6.1")
	$(Q)$(PYTHON) -B tests/vm/check.py

# --- house ------------------------------------------------------------------------------------------
deps: ## install missing Debian packages (root)
	$(Q).ci/deps

lint: ## format, shell, include directions, sizes
	$(Q)CLANG_FORMAT="$${CLANG_FORMAT:-clang-format}" $(PYTHON) tests/lint.py $(foreach m,$(MODULES) $(PROGRAMS) san-run,'$(m):$(USES_$(m))')

format: ## rewrite C files with clang-format
	$(Q)git ls-files -co --exclude-standard '*.c' '*.h' | grep -v ^headers/ | xargs clang-format -i

install: all ## DESTDIR and PREFIX as usual
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/sand \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/doc/sand
	install -m 755 $(B)/bin/sand $(DESTDIR)$(PREFIX)/sbin/
	install -m 755 $(B)/bin/sanctl $(B)/bin/san-agent $(B)/bin/san-run $(DESTDIR)$(PREFIX)/bin/
	install -m 755 $(B)/lib/libsan-run.so $(DESTDIR)$(PREFIX)/lib/sand/
	install -m 644 userspace/sanctl/sanctl.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/sanctl
	install -m 644 README.md $(wildcard docs/*.md) $(DESTDIR)$(PREFIX)/share/doc/sand/

clean: ## remove build/
	$(Q)rm -rf $(B)

-include $(shell [ -d $(B) ] && find $(B) -name '*.d' 2>/dev/null)
