# SPDX-License-Identifier: GPL-2.0-or-later
"""What the plays share: questions to a running lab, patience, and clients."""
import hashlib
import json
import threading
import time

import labnet
import labprocs
from instance import CHUNK
from labprocs import BIN, RUN

WAIT_S = 45


class Failed(Exception):
    """An expectation of the play that did not hold."""


def say(text):
    print(f"\n== {text}", flush=True)


def entry(host, service):
    """What sand on host says of a service's entry, {} if it has none."""
    done = labprocs.sanctl(host, "--json", "entry", "get", service, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else {}


def map_nexthop(host, service):
    """What the dataplane itself holds for the service: next-hop index from the pinned map."""
    key = list(int(service, 16).to_bytes(8, "little"))
    done = labnet.run(["bpftool", "-j", "map", "lookup", "pinned",
                       f"{labprocs.pin_dir(host)}/maps/san_services", "key"]
                      + [str(b) for b in key], check=False)
    try:
        return json.loads(done.stdout)["formatted"]["value"]["nexthop"]
    except (ValueError, KeyError):
        return None


def perform(acts, logs, success):
    """Plays one act after the other. What does not hold ends the play: the logs, why, and 1."""
    begin = time.monotonic()
    try:
        for act in acts:
            act()
    except (Failed, labnet.LabError) as error:
        for name in logs:
            print(f"-- end of {name}.log\n{labprocs.log_tail(name)}", end="")
        print(f"\nFAILED: {error}", flush=True)
        return 1
    print(f"\nOK: {success}; {time.monotonic() - begin:.0f} s", flush=True)
    return 0


def wait(what, test, seconds=WAIT_S, step=0.005):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = test()
        if value:
            return value
        time.sleep(step)
    raise Failed(f"{what}: not within {seconds} s")


def overloaded(host, service, instance):
    """When a cpu_load of 70 % or more came in at host, None if the last one was less."""
    done = labprocs.sanctl(host, "--json", "instance", "get", service, instance)
    load = json.loads(done.stdout)["attributes"].get("cpu_load", {"value": 0})
    return time.monotonic() - load["age_s"] if load["value"] >= 70 else None


class Watch(threading.Thread):
    """Asks a question all the time until it has an answer: what and, about, when."""

    def __init__(self, question):
        super().__init__(daemon=True)
        self.question, self.answer, self.looks = question, None, 0
        self.begin = time.monotonic()
        self.start()

    def run(self):
        while not self.answer and time.monotonic() < self.begin + WAIT_S:
            self.looks += 1
            self.answer = self.question()

    def step_ms(self):
        return (self.answer - self.begin) / self.looks * 1e3


def client(host, name, service, *args):
    """client.py on a host, its sockets carrying the service: verb, then what follows the log."""
    argv = [f"{BIN}/san-run", service, "--", f"{labnet.HERE}/client.py", args[0], f"{RUN}/{name}.out",
            *args[1:]]
    return labprocs.start(f"client-{name}", host, argv)


def lines(name):
    try:
        with open(f"{RUN}/{name}.out", encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.endswith("\n")]
    except OSError:
        return []


class Download:
    """A long download by the client that must end intact, from where it began."""

    def __init__(self, host, service, url, mib, seconds):
        self.mib, self.patience_s = mib, seconds + WAIT_S
        client(host, "download", service, "download", f"{url}?mb={mib}&s={seconds}")
        wait("download under way", lambda: lines("download"))

    def finish(self, instance):
        done = wait("download ended", lambda: [x for x in lines("download") if "sha256" in x],
                    self.patience_s, 0.1)[0]
        want = hashlib.sha256(CHUNK * 16 * self.mib).hexdigest()
        print(f"   {done['bytes']} of {done['expected']} bytes from {done['instance']}, "
              f"SHA-256 {'correct' if done['sha256'] == want else 'WRONG'}")
        if done["error"] or done["sha256"] != want or done["instance"] != instance:
            raise Failed(f"download not intact: {done}")


def post(instance, path):
    labnet.run(labnet.enter(instance) + ["curl", "-sS", "-m", "10", "-X", "POST",
                                         f"http://[::1]/{path}"])
