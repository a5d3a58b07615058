#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the test stages and counts what they say.

    tests/run.py unit seeds bpf lab soak fuzz

One line per test program with result and duration, the whole output of what failed, the reasons of
what was skipped, and as the last line alone: "N passed, N failed, N skipped". Exit status 1 when
anything failed or when a stage that has tests executed none.

Test programs are found by their sources (tests/unit/<module>/test_x.c, tests/bpf/test_x.c and
test_x.py, tests/lab/test_x.py, tests/fuzz/fuzz_x.c), so that a stale binary never counts and a
missing one fails. A fuzzer starts from tests/fuzz/corpus/<x> and from what tests/fuzz/seed_<x>.py
writes; stage seeds runs each over these alone. Environment: TEST_TIMEOUT (seconds per program,
300), TEST_ONLY (substring of the programs' names), FUZZ_SECONDS (60), FUZZ_PACKETS (packets of the
differential run that follows the fuzzers, 20000000), DIFF_PACKETS (of the one in stage bpf,
1000000). Stage soak is those lab and unit tests that read SAND_SOAK, which it sets: the same
scenarios in large numbers.
"""

import concurrent.futures
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build")
BPFFS = "/sys/fs/bpf"
TIMEOUT_S = float(os.environ.get("TEST_TIMEOUT", "300"))
ONLY = os.environ.get("TEST_ONLY", "")
FUZZ_SECONDS = int(os.environ.get("FUZZ_SECONDS", "60"))
FUZZ_PACKETS = int(os.environ.get("FUZZ_PACKETS", "20000000"))
ROOT_STAGES = ("bpf", "lab", "soak")
SOAK_TIMEOUT_S = float(os.environ.get("TEST_TIMEOUT", "3600"))

TAP_LINE = re.compile(r"^(not )?ok (\d+)(?: -)? ?(.*)$")
TAP_PLAN = re.compile(r"^1\.\.(\d+)$")


class Result:
    """What one program did: numbers, the output (shown if it failed), reasons of skips."""

    def __init__(self, name):
        self.name = name
        self.passed = 0
        self.failed = 0
        self.skips = []
        self.output = ""
        self.seconds = 0.0

    def fail(self, why):
        self.failed += 1
        self.output += f"\n{self.name}: {why}\n"

    def line(self):
        words = [f"{self.passed} passed"]
        if self.failed:
            words.append(f"{self.failed} FAILED")
        if self.skips:
            words.append(f"{len(self.skips)} skipped")
        return f"  {self.name:<40} {', '.join(words):<28} {self.seconds:7.2f} s"


class Job:
    """A test program: argv, how its output is counted, extra environment."""

    def __init__(self, name, argv, count, env=None, timeout=TIMEOUT_S):
        self.name = name
        self.argv = argv
        self.count = count
        self.env = env or {}
        self.timeout = timeout


class Running:
    """The process groups that live now, so that none outlives this program."""

    def __init__(self):
        self.lock = threading.Lock()
        self.groups = set()

    def add(self, pid):
        with self.lock:
            self.groups.add(pid)

    def remove(self, pid):
        with self.lock:
            self.groups.discard(pid)

    def kill_all(self):
        with self.lock:
            for pid in self.groups:
                kill_group(pid)


RUNNING = Running()


def kill_group(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def execute(job):
    """Runs the job in its own process group; (status or None on timeout, output)."""
    env = dict(os.environ, **job.env)
    proc = subprocess.Popen(job.argv, cwd=ROOT, env=env, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            start_new_session=True)
    RUNNING.add(proc.pid)
    try:
        out, _ = proc.communicate(timeout=job.timeout)
        status = proc.returncode
    except subprocess.TimeoutExpired:
        kill_group(proc.pid)
        out, _ = proc.communicate()
        status = None
    finally:
        kill_group(proc.pid)  # what it left behind
        RUNNING.remove(proc.pid)
    return status, out.decode(errors="replace")


def run_job(job):
    result = Result(job.name)
    start = time.monotonic()
    if not os.path.exists(job.argv[0]):
        result.fail(f"{os.path.relpath(job.argv[0], ROOT)} is not built")
        return result
    status, result.output = execute(job)
    if status is None:
        result.fail(f"killed after {job.timeout:.0f} s")
    else:
        job.count(result, status)
    result.seconds = time.monotonic() - start
    return result


# --- counting -------------------------------------------------------------------------------------


def count_tap_line(result, bad, text, reason):
    if "# SKIP" in text or text.startswith("SKIP"):
        name = text.replace("# SKIP", "").strip()
        result.skips.append(f"{result.name} {name}: {reason or 'no reason given'}")
    elif bad:
        result.failed += 1
    else:
        result.passed += 1


def count_tap(result, status):
    """cmocka's TAP. A test that skips prints "skip: why" first; cmocka itself has no reason."""
    planned, seen, reason = 0, 0, ""
    for line in result.output.splitlines():
        plan, tap = TAP_PLAN.match(line), TAP_LINE.match(line)
        if plan:
            planned += int(plan.group(1))
        elif tap:
            seen += 1
            count_tap_line(result, tap.group(1), tap.group(3), reason)
            reason = ""
        elif "skip: " in line:
            reason = line.split("skip: ", 1)[1]
    if seen != planned:
        result.fail(f"{planned} tests planned, {seen} reported")
    if status != 0 and not result.failed and not (seen and len(result.skips) == seen):
        result.fail(f"exit status {status}")


def count_pytest(report):
    """The numbers of a junit file; written by pytest next to its readable output."""

    def count(result, status):
        try:
            cases = list(ET.parse(report).iter("testcase"))
        except (OSError, ET.ParseError) as err:
            result.fail(f"no report: {err}, exit status {status}")
            return
        for case in cases:
            count_case(result, case)
        if status and not result.failed:
            result.fail(f"exit status {status}")

    return count


def count_case(result, case):
    skipped = case.find("skipped")
    if skipped is not None:
        result.skips.append(f"{result.name} {case.get('name')}: {skipped.get('message')}")
    elif case.find("failure") is not None or case.find("error") is not None:
        result.failed += 1
    else:
        result.passed += 1


def count_status(result, status):
    if status == 0:
        result.passed += 1
    else:
        result.fail(f"exit status {status}")


# --- stages ---------------------------------------------------------------------------------------


def sources(pattern):
    return sorted(glob.glob(os.path.join(ROOT, "tests", pattern)))


def wanted(jobs):
    return [job for job in jobs if ONLY in job.name]


def binary(source):
    return os.path.join(BUILD, os.path.splitext(os.path.relpath(source, ROOT))[0])


def short_name(source):
    return os.path.splitext(os.path.relpath(source, os.path.join(ROOT, "tests")))[0]


def tap_jobs(pattern):
    env = {"CMOCKA_MESSAGE_OUTPUT": "TAP"}
    return [Job(short_name(src), [binary(src)], count_tap, env) for src in sources(pattern)]


def pytest_jobs(pattern):
    jobs = []
    for src in sources(pattern):
        name = short_name(src)
        report = os.path.join(BUILD, "junit", name.replace("/", "-") + ".xml")
        argv = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rs",
                "--junitxml=" + report, src]
        if os.path.exists(report):
            os.unlink(report)
        jobs.append(Job(name, argv, count_pytest(report)))
    return jobs


def stage_unit():
    jobs = tap_jobs("unit/*/test_*.c") + pytest_jobs("unit/*/test_*.py")
    return jobs + pytest_jobs("golden/*/test_*.py"), os.cpu_count() or 1


def stage_bpf():
    return tap_jobs("bpf/test_*.c") + pytest_jobs("bpf/test_*.py"), 1


def stage_lab():
    return pytest_jobs("lab/test_*.py"), 1


def stage_soak():
    made = [(tap_jobs, "unit/*/test_*.c"), (pytest_jobs, "lab/test_*.py")]
    jobs = [job for jobs, pattern in made for job, src in zip(jobs(pattern), sources(pattern))
            if "SAND_SOAK" in open(src, encoding="utf-8").read()]
    for job in jobs:
        job.env, job.timeout = {"SAND_SOAK": "1"}, SOAK_TIMEOUT_S
    return jobs, 1


def fuzz_job(source, how_long):
    target = os.path.basename(binary(source))[len("fuzz_"):]
    seeds = os.path.join(ROOT, "tests", "fuzz", "corpus", target)
    corpus = os.path.join(BUILD, "fuzz", "corpus", target)
    shutil.rmtree(corpus, ignore_errors=True)
    if os.path.isdir(seeds):
        shutil.copytree(seeds, corpus)
    os.makedirs(corpus, exist_ok=True)
    seeder = os.path.join(ROOT, "tests", "fuzz", f"seed_{target}.py")
    if os.path.exists(seeder):
        subprocess.run([sys.executable, "-B", seeder, corpus], check=True)
    argv = [binary(source), corpus, how_long, "-max_len=2048", "-timeout=10", "-print_final_stats=1",
            "-artifact_prefix=" + os.path.join(BUILD, "fuzz", target + "-")]
    return Job(short_name(source), argv, count_status, timeout=FUZZ_SECONDS + TIMEOUT_S)


def stage_fuzz():
    how_long = f"-max_total_time={FUZZ_SECONDS}"
    return [fuzz_job(src, how_long) for src in sources("fuzz/fuzz_*.c")], os.cpu_count() or 1


def stage_seeds():
    return [fuzz_job(src, "-runs=0") for src in sources("fuzz/fuzz_*.c")], os.cpu_count() or 1


def stage_differential():
    argv = [sys.executable, "-B", os.path.join(ROOT, "tests", "bpf", "oracle_diff.py"),
            "--packets", str(FUZZ_PACKETS)]
    timeout = TIMEOUT_S + FUZZ_PACKETS / 5000
    return [Job("bpf/oracle_diff", argv, count_status, timeout=timeout)], 1


STAGES = {
    "unit": stage_unit,
    "seeds": stage_seeds,
    "bpf": stage_bpf,
    "lab": stage_lab,
    "soak": stage_soak,
    "fuzz": stage_fuzz,
    "differential": stage_differential,
}


def mount_bpffs():
    """'' when there is a bpffs, else why not."""
    with open("/proc/mounts", encoding="ascii", errors="replace") as mounts:
        if any(line.split()[1:3] == [BPFFS, "bpf"] for line in mounts):
            return ""
    done = subprocess.run(["mount", "-t", "bpf", "bpf", BPFFS], capture_output=True, text=True,
                          check=False)
    return "" if done.returncode == 0 else f"no bpffs at {BPFFS}: {done.stderr.strip()}"


def obstacle(stage):
    """Why the stage cannot run here, or ''."""
    if stage in ROOT_STAGES + ("differential",):
        if os.geteuid() != 0:
            return "needs root"
        return mount_bpffs()
    return ""


def report(result):
    print(result.line(), flush=True)
    if result.failed:
        print(f"--- output of {result.name}\n{result.output.rstrip()}\n---", flush=True)


def run_stage(stage):
    print(f"{stage}:", flush=True)
    jobs, width = STAGES[stage]()
    total = Result(stage)
    jobs = wanted(jobs)
    if not jobs:
        print("  no tests", flush=True)
        return total
    why = obstacle(stage)
    if why:
        print(f"  skipped: {why}", flush=True)
        total.skips.append(f"stage {stage}: {why}")
        return total
    with concurrent.futures.ThreadPoolExecutor(width) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run_job, job) for job in jobs]):
            result = done.result()
            report(result)
            total.passed += result.passed
            total.failed += result.failed
            total.skips += result.skips
    if total.passed + total.failed == 0:
        total.failed = 1
        print(f"  {stage}: no test was executed", flush=True)
    return total


def on_signal(signum, _frame):
    RUNNING.kill_all()
    os._exit(128 + signum)


def main():
    stages = sys.argv[1:]
    unknown = [stage for stage in stages if stage not in STAGES]
    if not stages or unknown:
        print(f"usage: tests/run.py {' '.join(STAGES)} (one or more)", file=sys.stderr)
        return 2
    if "fuzz" in stages and "differential" not in stages:
        stages.append("differential")
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, on_signal)
    os.makedirs(os.path.join(BUILD, "junit"), exist_ok=True)
    os.makedirs(os.path.join(BUILD, "fuzz"), exist_ok=True)
    totals = [run_stage(stage) for stage in stages]
    skips = [skip for total in totals for skip in total.skips]
    if skips:
        print("skipped:\n  " + "\n  ".join(skips))
    failed = sum(total.failed for total in totals)
    print(f"{sum(total.passed for total in totals)} passed, {failed} failed, {len(skips)} skipped",
          flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
