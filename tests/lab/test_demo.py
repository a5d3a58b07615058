# SPDX-License-Identifier: GPL-2.0-or-later
"""The use case of netns-lab: it holds, and it fails when steering is broken."""

import glob
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAB = os.path.join(ROOT, "netns-lab", "lab")


def lab(*words):
    return subprocess.run([LAB, *words], capture_output=True, text=True, timeout=240, check=False)


def nothing_left():
    return not glob.glob("/run/netns/sand-pe1") and not os.path.exists("/sys/fs/bpf/sand")


def test_use_case_holds():
    done = lab("demo")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert "0 failed requests" in done.stdout
    assert '"service_id": 257' in done.stdout  # bpftool prints named fields
    assert nothing_left()


def test_broken_selection_fails_the_demo():
    done = lab("demo", "--break", "selection")
    assert done.returncode == 1, done.stdout[-4000:] + done.stderr
    assert "FAILED: map entry moved: not within" in done.stdout
    assert nothing_left()


def test_down_after_a_killed_lab():
    assert lab("up").returncode == 0
    subprocess.run(["pkill", "-KILL", "-f", "--run-dir /run/sand-lab/"], check=False)
    assert lab("down").returncode == 0
    assert nothing_left()
    assert lab("down").returncode == 0


def check_multi(*options):
    done = lab("demo", "multi", *options)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    assert "0 failed requests beyond those in flight" in done.stdout
    assert nothing_left()


def test_many_hosts_one_etcd_cluster():
    check_multi()


def test_many_hosts_one_embedded_server():
    check_multi("--database", "embedded")


def test_steered_by_alto():
    done = lab("demo", "alto")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    assert "steered by ALTO; 0 failed requests" in done.stdout
    assert "AS2 writes AS3: 403" in done.stdout
    assert nothing_left()


def test_intent_moves_traffic_at_the_edges():
    done = lab("demo", "nemo")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    assert "intent in force, there and back; 0 failed requests" in done.stdout
    assert "host pe2: refuses it: map san_services is full" in done.stdout
    assert nothing_left()
