#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a command on another kernel, in QEMU with software emulation.

    tests/vm/vm.py 6.1 -- COMMAND...

The guest sees this machine's root file system below an overlay (what it writes there vanishes), and
a directory at /run/vmout that stays. The command's output comes out here, its exit status is this
program's; 125: the machine could not be set up, 124: out of time, 126: the guest ended without a
word. Nothing outlives this program: QEMU and the file servers die with it, also by kill -9.

Kernels: kernels.sh unpacks them into $VM_CACHE, else $XDG_CACHE_HOME/sand-vm, else build/vm/kernels.
A name with a slash is a directory into which the packages of any kernel were unpacked.
Environment: VM_TIMEOUT (seconds, 420), VM_ACCEL (QEMU's -accel), VM_CPUS (2), VM_MEMORY (1G).
"""

import ctypes
import glob
import gzip
import lzma
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, "build", "vm")
NAMES = ("5.10", "6.1", "6.12", "new")
ACCEL = os.environ.get("VM_ACCEL", "tcg,thread=multi,tb-size=512")
CPUS = os.environ.get("VM_CPUS", "2")
MEMORY = os.environ.get("VM_MEMORY", "1G")
TIMEOUT_S = float(os.environ.get("VM_TIMEOUT", "420"))
VIRTIOFSD = ("/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd")
BUSYBOX = "/bin/busybox"
BOOT_MODULES = ("virtio_pci", "virtiofs", "overlay")
OUT = "/run/vmout"  # as the guest sees it
SETUP_FAILED, TIMED_OUT, GUEST_DIED = 125, 124, 126
PR_SET_PDEATHSIG = 1

libc = ctypes.CDLL(None, use_errno=True)


class Unavailable(Exception):
    """Why there can be no such machine here."""


def obstacle():
    """What is missing on this host, or ''."""
    if platform.machine() != "x86_64":
        return f"the kernels are for x86_64, this is {platform.machine()}"
    if os.geteuid() != 0:
        return "needs root: the guest's files are this machine's"
    needs = {"qemu-system-x86_64": "qemu-system-x86", "modprobe": "kmod", "depmod": "kmod",
             BUSYBOX: "busybox-static"}
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = sorted({package for tool, package in needs.items()
                      if not shutil.which(tool, path=path)})
    if "busybox-static" not in missing and not is_static(BUSYBOX):
        missing.append("busybox-static (the busybox that is there needs libraries)")
    if not any(map(os.path.exists, VIRTIOFSD)):
        missing.append("virtiofsd (in Debian 12: qemu-system-common)")
    return "missing packages: " + ", ".join(missing) if missing else ""


def is_static(program):
    with open(program, "rb") as file:
        return b"/ld-linux" not in file.read(4096)


def cache_dir():
    if os.environ.get("VM_CACHE"):
        return os.environ["VM_CACHE"]
    if os.environ.get("XDG_CACHE_HOME"):
        return os.path.join(os.environ["XDG_CACHE_HOME"], "sand-vm")
    return os.path.join(BUILD, "kernels")


# --- kernel -----------------------------------------------------------------------------------------


def unpack(data):
    """The ELF file inside a bzImage: no decompression in the guest, where it takes seconds."""
    formats = ((b"\xfd7zXZ\0", lambda part: lzma.LZMADecompressor().decompress(part)),
               (b"\x28\xb5\x2f\xfd", lambda part: filtered(["zstd", "-dcq"], part)),
               (b"\x1f\x8b\x08", lambda part: filtered(["gzip", "-dcq"], part)),
               (b"\x02\x21\x4c\x18", lambda part: filtered(["lz4", "-dcq"], part)))
    for magic, decompress in formats:
        at = data.find(magic)
        while 0 <= at < 0x20000:
            try:
                image = decompress(data[at:])
            except (lzma.LZMAError, OSError):
                image = b""
            if image.startswith(b"\x7fELF"):
                return image
            at = data.find(magic, at + 1)
    return None


def filtered(argv, data):
    """Output of a filter; its complaint about what follows the stream does not matter."""
    done = subprocess.run(argv, input=data, capture_output=True, check=False)
    return done.stdout


def module_bytes(path):
    with open(path, "rb") as file:
        data = file.read()
    if path.endswith(".xz"):
        return lzma.decompress(data)
    if path.endswith(".gz"):
        return gzip.decompress(data)
    return filtered(["zstd", "-dcq"], data) if path.endswith(".zst") else data


def write_file(path, data):
    """Whole or not at all."""
    part = f"{path}.{os.getpid()}"
    with open(part, "wb") as file:
        file.write(data)
    os.rename(part, path)


class Archive:
    """An initramfs: cpio, format newc."""

    def __init__(self):
        self.data = bytearray()
        self.count = 0

    def add(self, name, mode, content=b""):
        self.count += 1
        label = name.encode() + b"\0"
        fields = (self.count, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(label), 0)
        self.pad(b"070701" + b"".join(b"%08X" % field for field in fields) + label)
        self.pad(content)

    def pad(self, data):
        self.data += data + bytes(-len(data) % 4 if data else 0)
        self.data += bytes(-len(self.data) % 4)

    def end(self):
        self.add("TRAILER!!!", 0)
        return bytes(self.data)


class Kernel:
    """An unpacked kernel, made ready to boot: image and initramfs as files."""

    def __init__(self, name):
        self.name = name
        self.top = os.path.abspath(name if "/" in name else os.path.join(cache_dir(), name))
        if not os.path.isdir(self.top):
            raise Unavailable(f"not unpacked: {self.top}")
        self.modules = self.only("lib/modules/*/", "usr/lib/modules/*/").rstrip("/")
        self.version = os.path.basename(self.modules)
        found = self.only("boot/vmlinuz*", "usr/lib/modules/*/vmlinuz*")
        boot = os.path.join(cache_dir(), "boot")
        os.makedirs(boot, exist_ok=True)
        self.image = self.make_image(found, os.path.join(boot, "vmlinux-" + self.version))
        self.initramfs = os.path.join(boot, "initramfs-" + self.version)
        self.make_initramfs()

    def only(self, *patterns):
        for pattern in patterns:
            found = glob.glob(os.path.join(self.top, pattern))
            if found:
                return found[0]
        raise Unavailable(f"no {patterns[0]} in {self.top}")

    @staticmethod
    def make_image(source, image):
        if os.path.exists(image):
            return image
        with open(source, "rb") as file:
            data = unpack(file.read())
        if not data:
            return source  # a compression that is not known here: the guest can
        write_file(image, data)
        return image

    def boot_modules(self):
        """Files of the modules without which there is no root file system, in loading order."""
        base = self.modules[:self.modules.rindex("/lib/modules/")] or "/"
        if not os.path.exists(os.path.join(self.modules, "modules.dep.bin")):
            subprocess.run(["depmod", "-b", base, self.version], check=True)
        files = []
        for module in BOOT_MODULES:
            done = subprocess.run(["modprobe", "-d", base, "-S", self.version, "--show-depends",
                                   module], capture_output=True, text=True, check=False)
            if done.returncode:
                raise Unavailable(f"kernel {self.version}: {done.stderr.strip()}")
            files += [line.split()[1] for line in done.stdout.splitlines()
                      if line.startswith("insmod")]
        return list(dict.fromkeys(files))

    def make_initramfs(self):
        archive = Archive()
        for name in ("bin", "proc", "sys", "dev", "host", "upper", "new", "modules"):
            archive.add(name, 0o40755)
        for name, path in (("init", os.path.join(HERE, "init.sh")), ("bin/busybox", BUSYBOX)):
            with open(path, "rb") as file:
                archive.add(name, 0o100755, file.read())
        for number, path in enumerate(self.boot_modules()):
            name = os.path.basename(path).split(".ko")[0]
            archive.add(f"modules/{number:02}-{name}.ko", 0o100644, module_bytes(path))
        write_file(self.initramfs, archive.end())


# --- machine ----------------------------------------------------------------------------------------


def die_with_parent():
    """In a child: ended by the kernel when the thread that started it is gone."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def start(argv, **how):
    return subprocess.Popen(argv, preexec_fn=die_with_parent, stdin=subprocess.DEVNULL, **how)


STAGE2 = """
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/dev/shm
cd {directory} && {command} </dev/null >/dev/ttyS1 2>&1
echo $? >{out}/status
dmesg >{out}/dmesg
sync
exec {busybox} poweroff -f
"""


class Machine:
    """One run of one command. `with` removes everything it made but the output directory."""

    def __init__(self, kernel, out):
        self.kernel, self.out = kernel, out
        self.children = []

    def __enter__(self):
        self.work = tempfile.mkdtemp(prefix=f"sand-vm-{os.getpid()}-", dir="/tmp")
        return self

    def __exit__(self, *_):
        for child in self.children:
            child.kill()
            child.wait()
        shutil.rmtree(self.work, ignore_errors=True)

    def serve(self, tag, directory, cache):
        """A file server; its socket."""
        path = os.path.join(self.work, tag)
        program = next(filter(os.path.exists, VIRTIOFSD))
        with open(path + ".log", "wb") as log:
            server = start([program, f"--socket-path={path}", "-o", f"source={directory}",
                            "-o", f"cache={cache}", "-o", "sandbox=chroot"],
                           stdout=log, stderr=log)
        self.children.append(server)
        end = time.monotonic() + 10
        while not os.path.exists(path):
            if server.poll() is not None or time.monotonic() > end:
                with open(path + ".log", encoding="utf-8", errors="replace") as log:
                    raise Unavailable(f"virtiofsd does not start: {log.read().strip()}")
            time.sleep(0.02)
        return path

    def argv(self):
        boot = ("console=ttyS0 quiet loglevel=4 panic=-1 oops=panic nokaslr tsc=reliable "
                f"no_timer_check rcupdate.rcu_expedited=1 vm.modules={self.kernel.modules}")
        argv = ["qemu-system-x86_64", "-accel", ACCEL, "-cpu", "qemu64", "-M", "q35",
                "-smp", CPUS, "-m", MEMORY, "-display", "none", "-no-reboot", "-nodefaults",
                "-serial", f"file:{self.out}/console", "-serial", "stdio",
                "-device", "virtio-rng-pci", "-numa", "node,memdev=mem",
                "-object", f"memory-backend-memfd,id=mem,size={MEMORY},share=on",
                "-kernel", self.kernel.image, "-initrd", self.kernel.initramfs, "-append", boot]
        for tag, directory, cache in (("root", "/", "always"), ("out", self.out, "auto")):
            argv += ["-chardev", f"socket,id={tag},path={self.serve(tag, directory, cache)}",
                     "-device", f"vhost-user-fs-pci,chardev={tag},tag={tag}"]
        return argv

    def run(self, command, timeout_s, stdout=None):
        """Exit status of the command in the guest."""
        os.makedirs(self.out, exist_ok=True)
        status = os.path.join(self.out, "status")
        if os.path.exists(status):
            os.unlink(status)
        with open(os.path.join(self.out, "stage2"), "w", encoding="utf-8") as file:
            file.write(STAGE2.format(directory=shlex.quote(os.getcwd()), out=OUT, busybox=BUSYBOX,
                                     command=shlex.join(command)))
        guest = start(self.argv(), stdout=stdout)
        self.children.append(guest)
        try:
            guest.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return TIMED_OUT
        if not os.path.exists(status):
            return GUEST_DIED
        with open(status, encoding="ascii") as file:
            return int(file.read())

    def console(self, lines=15):
        """The last words of the guest's kernel."""
        try:
            with open(os.path.join(self.out, "console"), encoding="utf-8", errors="replace") as file:
                return "\n".join(file.read().splitlines()[-lines:])
        except OSError:
            return ""


def fetch(names):
    """Unpacks what is not there yet; what kernels.sh said."""
    missing = [name for name in names
               if "/" not in name and not os.path.isdir(os.path.join(cache_dir(), name))]
    if not missing:
        return ""
    done = subprocess.run([os.path.join(HERE, "kernels.sh"), cache_dir(), *missing], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout.strip()


def main():
    if len(sys.argv) < 4 or sys.argv[2] != "--":
        print(f"usage: tests/vm/vm.py {'|'.join(NAMES)}|DIRECTORY -- COMMAND...", file=sys.stderr)
        return SETUP_FAILED
    name, command = sys.argv[1], sys.argv[3:]
    why = obstacle()
    if why:
        print(f"vm: {why}", file=sys.stderr)
        return SETUP_FAILED
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(SETUP_FAILED))
    said = fetch([name])
    try:
        with Machine(Kernel(name), os.path.join(BUILD, "by-hand")) as machine:
            status = machine.run(command, TIMEOUT_S)
            if status in (TIMED_OUT, GUEST_DIED):
                print(f"vm: status {status}, console:\n{machine.console()}", file=sys.stderr)
            return status
    except Unavailable as error:
        print(f"vm: {error}\n{said}".rstrip(), file=sys.stderr)
        return SETUP_FAILED


if __name__ == "__main__":
    sys.exit(main())
