# SPDX-License-Identifier: GPL-2.0-or-later
"""The embedded database server as a program (tests/db/serve.c), and etcdctl to talk to it."""

import os
import signal
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SERVE = os.path.join(ROOT, "build/tests/db/serve")
CRASH = os.path.join(ROOT, "build/tests/db/crash")


class Server:
    """`with Server() as s`: a server on a directory of its own, gone afterwards."""

    def __init__(self, *options, path=None, listen="127.0.0.1:0", scheme=""):
        self.options, self.listen = options, listen
        self.scheme = scheme + "://" if scheme else ""
        self.made = None if path else tempfile.TemporaryDirectory(prefix="sand-db-")
        self.path = path or os.path.join(self.made.name, "db")
        self.process = self.port = None
        self.flags = []

    def start(self):
        command = [SERVE, self.path, self.listen, *self.options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True)
        line = self.process.stdout.readline()
        if not line.startswith("ready "):
            raise RuntimeError(self.process.communicate()[1])
        self.port = int(line.split()[1])
        return self

    def stop(self, number=signal.SIGTERM):
        """The exit status; kills what does not end."""
        if not self.process:
            return None
        self.process.send_signal(number)
        try:
            self.process.communicate(timeout=10)
        finally:
            self.process.kill()
            status = self.process.wait()
            self.process = None
        return status

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
        if self.made:
            self.made.cleanup()

    def command(self, *args):
        return ["etcdctl", f"--endpoints={self.scheme}127.0.0.1:{self.port}", *self.flags, *args]

    def ctl(self, *args, stdin="", fails=False):
        """What etcdctl prints; of a failure, what it complains about."""
        done = subprocess.run(self.command(*args), input=stdin, text=True, capture_output=True,
                              timeout=20, env={**os.environ, "ETCDCTL_API": "3"}, check=False)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stderr if fails else done.stdout
