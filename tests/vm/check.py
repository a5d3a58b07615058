#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests sand on Debian's other kernels: `make check-vm`.

Boots each kernel in QEMU (vm.py) and runs there what guest.py lists. Says for each kernel one line,
PASS, FAIL or SKIP with numbers, then the output of what failed, why tests were skipped, and what the
verifier looked at, which is also in build/vm/verifier.json; logs lie in build/vm/<kernel>/. The last
line is as of the other test stages; exit status 1 when something failed. A kernel that cannot be had
is skipped, with a word.

Environment: VM_KERNELS (names or directories, "5.10 6.1 6.12 new"), VM_JOBS (kernels at a time: half
of the CPUs, one at least), TEST_ONLY (substring of the test programs' names), and that of vm.py.
"""

import concurrent.futures
import fcntl
import json
import os
import re
import shutil
import signal
import sys
import time

import vm

KERNELS = os.environ.get("VM_KERNELS", "").split() or list(vm.NAMES)
JOBS = int(os.environ.get("VM_JOBS", "0")) or max(1, (os.cpu_count() or 1) // 2)
SHOWN_LINES = 80
GUEST = os.path.join(vm.HERE, "guest.py")


class Outcome:
    """What became of one kernel."""

    def __init__(self, name):
        self.name = os.path.basename(name.rstrip("/"))
        self.release = ""
        self.why = ""  # it failed as a whole, or was skipped
        self.skipped = False
        self.programs = []
        self.verifier = {}
        self.seconds = 0.0

    def total(self, what):
        return sum(program[what] for program in self.programs)

    def skips(self):
        return [skip for program in self.programs for skip in program["skips"]]

    def failed(self):
        return self.total("failed") + (1 if self.why and not self.skipped else 0)

    def line(self):
        word = "SKIP" if self.skipped else "FAIL" if self.failed() else "PASS"
        numbers = self.why
        if self.programs:
            numbers = (f"{self.total('passed')} passed, {self.total('failed')} failed, "
                       f"{len(self.skips())} skipped, {self.seconds:.0f} s")
            numbers += f"; {self.why}" if self.why else ""
        return f"  {self.name:<6}{self.release:<32}{word}  {numbers}"


def read_result(outcome, directory):
    try:
        with open(os.path.join(directory, "result.json"), encoding="utf-8") as file:
            result = json.load(file)
    except OSError:
        return
    outcome.programs, outcome.verifier = result["programs"], result["verifier"]
    outcome.release = result["release"]


def boot(outcome, name, directory):
    kernel = vm.Kernel(name)
    outcome.release = kernel.version
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    only = os.environ.get("TEST_ONLY", "")
    with vm.Machine(kernel, directory) as machine, open(f"{directory}/output", "wb") as output:
        status = machine.run(["env", f"TEST_ONLY={only}", sys.executable, "-B", GUEST],
                             vm.TIMEOUT_S, output)
        read_result(outcome, directory)
        if status == vm.TIMED_OUT:
            outcome.why = f"not done within {vm.TIMEOUT_S:.0f} s, see {directory}/output"
        elif status:
            outcome.why = f"the guest ended with status {status}; console:\n{machine.console()}"
        elif not outcome.programs:
            outcome.why = f"no test program was run, see {directory}/output"


def check(name):
    outcome = Outcome(name)
    directory = os.path.join(vm.BUILD, outcome.name)
    begin = time.monotonic()
    try:
        boot(outcome, name, directory)
    except vm.Unavailable as error:
        outcome.why, outcome.skipped = str(error), True
    outcome.seconds = time.monotonic() - begin
    return outcome


def check_all():
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for outcome in pool.map(check, KERNELS):
            print(outcome.line(), flush=True)
            outcomes.append(outcome)
    return outcomes


# --- what is printed --------------------------------------------------------------------------------


def show_failures(outcomes):
    for outcome in outcomes:
        for program in outcome.programs:
            if program["failed"]:
                lines = program["output"].rstrip().splitlines()
                print(f"--- {outcome.name}: {program['name']}")
                if len(lines) > SHOWN_LINES:
                    print(f"(the last {SHOWN_LINES} of {len(lines)} lines; all: "
                          f"build/vm/{outcome.name}/result.json)")
                print("\n".join(lines[-SHOWN_LINES:]) + "\n---")


def show_skips(outcomes):
    """Each reason once, with the kernels that gave it."""
    reasons = {}
    for outcome in outcomes:
        for skip in outcome.skips():
            reasons.setdefault(re.sub(r"\[[^]]*\]", "", skip), {})[outcome.name] = True
    if reasons:
        print("skipped:")
    for reason, names in reasons.items():
        print(f"  {', '.join(names)}: {reason}")


def show_verifier(outcomes):
    seen = [outcome for outcome in outcomes if outcome.verifier]
    if not seen:
        return
    print("verifier: instructions looked at (machine code, bytes)")
    print(f"  {'':<20}" + "".join(f"{outcome.name:>18}" for outcome in seen))
    for program in dict.fromkeys(name for outcome in seen for name in outcome.verifier):
        cells = []
        for outcome in seen:
            sums = outcome.verifier.get(program)
            cells.append(f"{sums['insns']} ({sums['jited']})" if sums else "-")
        print(f"  {program:<20}" + "".join(f"{cell:>18}" for cell in cells))


def write_verifier(outcomes):
    document = {outcome.name: {"release": outcome.release, "programs": outcome.verifier}
                for outcome in outcomes if outcome.verifier}
    with open(os.path.join(vm.BUILD, "verifier.json"), "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.write("\n")


# --- main -------------------------------------------------------------------------------------------


def remove_leftovers():
    """Sockets and logs of runs that were killed."""
    for name in os.listdir("/tmp"):
        match = re.match(r"^sand-vm-(\d+)-", name)
        if match and not os.path.exists(f"/proc/{match[1]}"):
            shutil.rmtree(os.path.join("/tmp", name), ignore_errors=True)


def lock():
    """One at a time: they share build/vm. Held until the end."""
    os.makedirs(vm.BUILD, exist_ok=True)
    file = open(os.path.join(vm.BUILD, "lock"), "w", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"vm: another check-vm works in {vm.BUILD}")
    return file


def skip_all(why):
    print(f"  skipped: {why}\n0 passed, 0 failed, {len(KERNELS)} skipped")
    return 0


def finish(outcomes):
    show_failures(outcomes)
    show_skips(outcomes)
    show_verifier(outcomes)
    write_verifier(outcomes)
    failed = sum(outcome.failed() for outcome in outcomes)
    skipped = sum(len(outcome.skips()) + outcome.skipped for outcome in outcomes)
    passed = sum(outcome.total("passed") for outcome in outcomes)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


def main():
    unknown = [name for name in KERNELS if name not in vm.NAMES and "/" not in name]
    if unknown:
        print(f"vm: VM_KERNELS: no kernel '{unknown[0]}': must be {', '.join(vm.NAMES)}, or a "
              "directory (with a slash)", file=sys.stderr)
        return 2
    print(f"vm: {' '.join(KERNELS)}, {JOBS} at a time, software emulation", flush=True)
    why = vm.obstacle()
    if why:
        return skip_all(why)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    signal.signal(signal.SIGINT, lambda *_: os._exit(128 + signal.SIGINT))
    with lock():
        remove_leftovers()
        said = vm.fetch(KERNELS)
        if said:
            print("  " + said.replace("\n", "\n  "), flush=True)
        return finish(check_all())


if __name__ == "__main__":
    sys.exit(main())
