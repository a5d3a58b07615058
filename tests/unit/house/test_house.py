# SPDX-License-Identifier: GPL-2.0-or-later
"""The tools that judge everything else can say no: tests/run.py and tests/lint.py in small trees."""

import os
import shutil
import subprocess
import sys

import pytest

TESTS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SPDX = "/* SPDX-License-Identifier: GPL-2.0-or-later */\n"


def tree(folder, tool, files):
    """A tree with that tool in tests/; git init, because lint asks git for the files."""
    (folder / "tests").mkdir()
    shutil.copy(os.path.join(TESTS, tool), folder / "tests" / tool)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if text.startswith("#!"):
            path.chmod(0o755)
    subprocess.run(["git", "init", "-q", str(folder)], check=True)


def call(folder, tool, *args, **env):
    kept = {name: value for name, value in os.environ.items()
            if name not in ("TEST_ONLY", "TEST_TIMEOUT")}
    done = subprocess.run([sys.executable, "-B", str(folder / "tests" / tool), *args], text=True,
                          capture_output=True, check=False, env={**kept, **env})
    return done.returncode, done.stdout.splitlines()


# --- run.py ---------------------------------------------------------------------------------------


def unit(script):
    """A test program that is a shell script, and the source it is found by."""
    return {"tests/unit/m/test_x.c": SPDX, "build/tests/unit/m/test_x": "#!/bin/sh\n" + script}


@pytest.mark.parametrize("script,status,closing", [
    ("echo 1..2; echo ok 1 - a; echo ok 2 - b", 0, "2 passed, 0 failed, 0 skipped"),
    ("echo 1..2; echo ok 1 - a; echo not ok 2 - b; exit 1", 1, "1 passed, 1 failed, 0 skipped"),
    ("echo 1..2; echo ok 1 - a; echo 'skip: no vrf'; echo 'not ok 2 # SKIP b'", 0,
     "1 passed, 0 failed, 1 skipped"),
    ("echo 1..2; echo ok 1 - a; kill -9 $$", 1, "1 passed, 1 failed, 0 skipped"),
    ("echo 1..1; echo ok 1 - a; exit 3", 1, "1 passed, 1 failed, 0 skipped"),
    ("exit 0", 1, "0 passed, 1 failed, 0 skipped"),
    ("echo 1..1; echo 'not ok 1 # SKIP a'", 1, "0 passed, 1 failed, 1 skipped"),
])
def test_run_counts(tmp_path, script, status, closing):
    tree(tmp_path, "run.py", unit(script))
    code, lines = call(tmp_path, "run.py", "unit")
    assert (code, lines[-1]) == (status, closing)


def test_run_shows_why_skipped(tmp_path):
    tree(tmp_path, "run.py", unit("echo 1..2; echo ok 1 - a; echo 'skip: no vrf'\n"
                                  "echo 'not ok 2 # SKIP b'"))
    _, lines = call(tmp_path, "run.py", "unit")
    assert "  unit/m/test_x b: no vrf" in lines


def test_run_kills_what_hangs(tmp_path):
    tree(tmp_path, "run.py", unit("echo 1..1; sleep 1000 & sleep 1000"))
    code, lines = call(tmp_path, "run.py", "unit", TEST_TIMEOUT="0.2")
    assert code == 1
    assert lines[-1] == "0 passed, 1 failed, 0 skipped"


def test_run_fails_for_what_is_not_built(tmp_path):
    tree(tmp_path, "run.py", {"tests/unit/m/test_x.c": SPDX})
    code, lines = call(tmp_path, "run.py", "unit")
    assert code == 1
    assert any("is not built" in line for line in lines)


def test_run_counts_pytest(tmp_path):
    cases = ("import pytest\ndef test_a(): pass\ndef test_b(): assert 0\n"
             "def test_c(): pytest.skip('no moon')\n")
    tree(tmp_path, "run.py", {"tests/unit/m/test_x.py": cases})
    code, lines = call(tmp_path, "run.py", "unit")
    assert (code, lines[-1]) == (1, "1 passed, 1 failed, 1 skipped")
    assert any("no moon" in line for line in lines)


def test_run_fails_for_a_broken_test_file(tmp_path):
    tree(tmp_path, "run.py", {"tests/unit/m/test_x.py": "import nowhere\n"})
    code, lines = call(tmp_path, "run.py", "unit")
    assert (code, lines[-1]) == (1, "0 passed, 1 failed, 0 skipped")


def test_run_refuses_an_unknown_stage(tmp_path):
    tree(tmp_path, "run.py", {})
    assert call(tmp_path, "run.py", "units")[0] == 2


# --- lint.py --------------------------------------------------------------------------------------


TABLE = ("util:", "model:util", "dp:util", "nl:util", "north:model util")


@pytest.mark.parametrize("name,text,message", [
    ("userspace/model/a.c", SPDX + '#include "north/north.h"\n', "model may include: util"),
    ("userspace/util/a.c", SPDX + '#include "model/a.h"\n', "util may include: nothing"),
    ("userspace/model/a.c", SPDX + '#include "b.h"\n', 'write "module/file.h"'),
    ("userspace/model/a.c", SPDX + '#include "ingress.skel.h"\n', "which only dp may"),
    ("userspace/model/a.c", SPDX + "#include <bpf/bpf.h>\n", "which only dp may"),
    ("userspace/dp/a.c", SPDX + "#include <libmnl/libmnl.h>\n", "which only nl may"),
    ("userspace/nl/a.c", SPDX + "#include <lmdb.h>\n", "which only ncsdb may"),
    ("userspace/util/a.c", SPDX + "#include <microhttpd.h>\n", "which only north may"),
    ("userspace/what/a.c", SPDX, "not in the Makefile's table"),
    ("include/san/a.h", SPDX + "#include <stdint.h>\n", "include/san may include"),
    ("userspace/util/a.c", "int a;\n", "no line"),
    ("bpf/a.h", SPDX, "must be GPL-2.0-only"),
    ("tests/a.py", "import os\n", "no line"),
    ("tests/b.py", "# SPDX-License-Identifier: GPL-2.0-or-later\ndef a(:\n", "python:"),
    ("tests/c.sh", "#!/bin/sh\n# SPDX-License-Identifier: GPL-2.0-or-later\necho $1\n",
     "shellcheck:"),
    ("userspace/util/a.c", SPDX + "int  a;\n", "clang-format:"),
    ("userspace/util/a.c", SPDX + "int a(void)\n{\n" + "\ta();\n" * 79 + "}\n",
     "a has 82 lines, at most 80"),
    ("userspace/util/a.c", SPDX + "int a(void);\n" * 800, "801 lines, at most 800"),
    ("tests/d.py", "# SPDX-License-Identifier: GPL-2.0-or-later\ndef f():\n" + "    f()\n" * 80,
     "f has 81 lines, at most 80"),
])
def test_lint_finds(tmp_path, name, text, message):
    tree(tmp_path, "lint.py", {name: text})
    code, lines = call(tmp_path, "lint.py", *TABLE)
    assert code == 1
    assert any(line.startswith(name + ":") and message in line for line in lines), lines


def test_lint_accepts_what_is_right(tmp_path):
    tree(tmp_path, "lint.py", {
        ".clang-format": "BasedOnStyle: LLVM\nIndentWidth: 8\nUseTab: Always\n"
                         "BreakBeforeBraces: Linux\nSortIncludes: false\n",
        "userspace/north/a.c": SPDX + '#include "model/a.h"\n#include "util/err.h"\n'
                               "#include <san/wire.h>\n#include <microhttpd.h>\n",
        "userspace/util/a.c": SPDX + "int a(void)\n{\n" + "\ta();\n" * 77 + "}\n",
        "headers/linux/a.h": "anything\n" * 900,
    })
    code, lines = call(tmp_path, "lint.py", *TABLE)
    assert (code, lines[-1].endswith(" 0 findings")) == (0, True), lines


def test_lint_refuses_a_table_it_cannot_read(tmp_path):
    tree(tmp_path, "lint.py", {})
    assert call(tmp_path, "lint.py", "util")[0] != 0
