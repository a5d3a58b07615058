# SPDX-License-Identifier: GPL-2.0-or-later
"""Command line of sand: exit status and message of everything that ends before it starts."""

import os
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SAND = os.path.join(ROOT, "build", "bin", "sand")


def sand(*words, **how):
    return subprocess.run([SAND, *words], capture_output=True, text=True, timeout=20, check=False, **how)


@pytest.fixture(name="config")
def config_file(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("name: x\n")
    return str(path)


def test_help_and_version():
    done = sand("--help")
    assert done.returncode == 0 and "usage: sand" in done.stdout and "--unload" in done.stdout
    done = sand("--version")
    assert done.returncode == 0 and done.stdout.startswith("sand ")


@pytest.mark.parametrize("words, told", [(["--nonsense"], "nonsense"), (["extra"], "extra"),
                                         (["-c"], "requires an argument"),
                                         (["--user", "no.such.user"], "no such user"),
                                         (["--user", "root"], "root")])
def test_wrong_words(words, told, config):
    done = sand(*(["-c", config] if words[0] != "-c" else []), *words)
    assert done.returncode == 64 and told in done.stderr, done.stderr


def test_no_such_configuration():
    done = sand("-c", "/nonexistent/x.yaml", "--check")
    assert done.returncode == 78 and "/nonexistent/x.yaml" in done.stderr


def test_check(config):
    done = sand("-c", config, "--check")
    assert done.returncode == 0 and done.stdout == f"{config}: ok\n"
    with open(config, "a", encoding="utf-8") as file:
        file.write("maps: {nexthops: 1}\n")
    done = sand("-c", config, "--check")
    assert done.returncode == 78
    assert f"{config}:2: /maps/nexthops" in done.stderr, done.stderr


def test_not_root(config):
    os.chmod(os.path.dirname(config), 0o755)
    done = sand("-c", "/dev/null", "--user", "nobody", user=65534, group=65534)
    assert done.returncode == 77 and "root" in done.stderr, done.stderr
