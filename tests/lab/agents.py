# SPDX-License-Identifier: GPL-2.0-or-later
"""A san-agent as a process: with a configuration file of its own, and a log to look into."""

import os
import signal

from netns import wait_for
from steering import BIN

AGENT = os.path.join(BIN, "san-agent")


class AgentProcess:
    """popen: as subprocess.Popen, but for argv's words one by one. Who derives writes self.file."""

    def __init__(self, directory, name, popen):
        self.popen = popen
        self.file = f"{directory}/{name}.yaml"
        self.logfile = f"{directory}/{name}.log"
        self.proc = None

    def __enter__(self):
        with open(self.logfile, "ab") as log:
            self.proc = self.popen(AGENT, "-c", self.file, stderr=log)
        return self

    def __exit__(self, *_):
        self.end(signal.SIGKILL)

    def end(self, sig):
        if self.proc.poll() is None:
            self.proc.send_signal(sig)
        return self.proc.wait(30)

    def log(self):
        with open(self.logfile, encoding="utf-8") as file:
            return file.read()

    def wait_log(self, text, times=1):
        wait_for(lambda: self.log().count(text) >= times, f"{text!r} in {self.logfile}")
