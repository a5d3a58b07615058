# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab helpers keep their promises: names, cleanup also after failure, errors that say why."""

import os
import subprocess

import pytest

from netns import RUN_NETNS, CommandError, Lab, run, wait_for


def mine(name):
    return [space for space in os.listdir(RUN_NETNS) if space.startswith(f"sand-{name}-")]


def dead_pid():
    """The number of a process that is gone."""
    proc = subprocess.Popen(["true"])
    proc.wait()
    return proc.pid


def test_cable_carries_packets(lab):
    left, right = lab.ns("left"), lab.ns("right")
    lab.veth(left, "eth0", right, "eth0")
    left.ip("addr add 2001:db8::1/64 dev eth0 nodad")
    right.ip("addr add 2001:db8::2/64 dev eth0 nodad")
    left.run("ping", "-c1", "-W5", "2001:db8::2")


def test_gone_after_failure():
    with pytest.raises(CommandError):
        with Lab("netns_fails") as lab:
            lab.ns("host")
            assert len(mine("netns_fails")) == 1
            lab.ns("host").ip("link set nothing up")
    assert not mine("netns_fails")


def test_processes_end_with_the_lab():
    with Lab("netns_ends") as lab:
        proc = lab.ns("host").popen("sleep", "1000")
        wait_for(lambda: proc.poll() is None, "start")
    assert proc.poll() is not None


def test_leftovers_of_a_dead_process_are_removed():
    name = f"sand-netns_dead-{dead_pid()}-host"
    run("ip", "netns", "add", name)
    with Lab("netns_reaper"):
        assert not mine("netns_dead")


def test_others_stay():
    """A namespace of a process that lives is not touched."""
    with Lab("netns_lives") as first:
        first.ns("host")
        with Lab("netns_second"):
            assert len(mine("netns_lives")) == 1


def test_error_names_command_and_output(lab):
    with pytest.raises(CommandError, match="nothing"):
        lab.ns("host").run("ip", "link", "show", "nothing")


def test_bad_names_are_refused():
    with pytest.raises(ValueError, match="must be"):
        Lab("no-dashes")
    with Lab("netns_names") as lab, pytest.raises(ValueError, match="must be"):
        lab.ns("No Capitals")
