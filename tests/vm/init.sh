#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash
# First process of the guest, in the initramfs that vm.py packs: mounts the host's root file system
# read-only below an overlay, the writable directory at /run/vmout, and goes on with the stage
# that lies there. The boot line says vm.modules=<directory of the kernel's modules>.
b=/bin/busybox

fail() {
	echo "VM-SETUP-FAIL $*"
	$b poweroff -f
}

$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs dev /dev
for module in /modules/*.ko; do
	[ ! -e "$module" ] || $b insmod "$module" || fail "insmod $module"
done
modules=$($b sed -n 's/.*vm\.modules=\([^ ]*\).*/\1/p' /proc/cmdline)

$b mount -t tmpfs upper /upper || fail "tmpfs"
$b mkdir /upper/up /upper/work
$b mount -t virtiofs -o ro root /host || fail "root file system"
$b mount -t overlay -o lowerdir=/host,upperdir=/upper/up,workdir=/upper/work overlay /new || fail "overlay"

cd /new || fail "overlay"
$b mount -t proc proc proc
$b mount -t sysfs sysfs sys
$b mount -t devtmpfs dev dev
$b mkdir -p dev/pts dev/shm
$b mount -t devpts pts dev/pts
$b mount -t tmpfs shm dev/shm
$b mount -t tmpfs run run
$b mkdir -p run/vmout run/netns
$b mount -t virtiofs out run/vmout || fail "output directory"
$b mount -t bpf bpf sys/fs/bpf
$b mount -t cgroup2 cgroup sys/fs/cgroup
release=$($b uname -r)
$b mkdir -p "lib/modules/$release"
$b mount -o bind "/host$modules" "lib/modules/$release" || fail "modules $modules"
$b ip link set lo up
# This process itself must move: modprobe, called by the kernel, starts at its root.
exec $b switch_root -c /dev/ttyS0 /new /bin/bash /run/vmout/stage2
