#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The rules of the house that a machine can check.

    tests/lint.py 'module:what it may include' ...

Called by `make lint` with the Makefile's table of modules. Every finding is "file:line: message";
the last line is the summary; exit status 1 when there is a finding. Looks at what git tracks and at
new files that it does not ignore; headers/ is borrowed and left alone.
"""

import ast
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MAX_FUNCTION = 80
MAX_FILE = 800
SPDX = "SPDX-License-Identifier: "
LICENCE = "GPL-2.0-or-later"
LICENCE_BPF = "GPL-2.0-only"
SIZED = (".c", ".h", ".py")
LICENSED = (".c", ".h", ".py", ".sh")
TEXT_HEAD = 10  # lines in which the licence must stand

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SHEBANG = re.compile(r"^#!.*\b(?:ba|da)?sh\b")

# Foreign libraries and the modules that own them, by the beginning of the header's name.
OWNED = {
    "bpf/": ("dp",),
    "linux/bpf.h": ("dp",),
    "libmnl/": ("nl",),
    "netlink/": ("nl",),
    "lmdb.h": ("ncsdb",),
    "rpc.pb-c.h": ("ncsdb",),
    "nghttp2/": ("grpc",),
    "gnutls/": ("grpc", "north"),
    "curl/": ("util",),
    "nettle/": ("alto", "north"),
    "microhttpd.h": ("north",),
}
SHARED_MAY = re.compile(r"^(?:linux/types\.h|linux/in6\.h|san/[a-z0-9_]+\.h)$")


class Findings:
    def __init__(self):
        self.lines = []

    def add(self, path, line, message):
        self.lines.append((path, line, message))

    def show(self):
        for path, line, message in sorted(self.lines):
            print(f"{path}:{line}: {message}")


def git_files():
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT,
                         capture_output=True, check=True).stdout.decode()
    paths = [path for path in out.split("\0") if path and not path.startswith("headers/")]
    return [path for path in paths if os.path.isfile(os.path.join(ROOT, path))]


def read_lines(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as file:
        return file.read().splitlines()


def is_shell(path, lines):
    return path.endswith(".sh") or bool(lines and SHEBANG.match(lines[0]))


def is_python(path, lines):
    return path.endswith(".py") or bool(lines and re.match(r"^#!.*\bpython3?\b", lines[0]))


# --- format and syntax ----------------------------------------------------------------------------


def check_format(findings, paths):
    """clang-format says file:line:column: error: ..."""
    tool = os.environ.get("CLANG_FORMAT", "clang-format")
    if not shutil.which(tool):
        findings.add("Makefile", 1, f"{tool} is not installed (make deps)")
        return
    done = subprocess.run([tool, "--dry-run", "-Werror", "--ferror-limit=3", *paths], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    count = len(findings.lines)
    for line in done.stderr.splitlines():
        match = re.match(r"^(.+?):(\d+):\d+: (?:error|warning): (.*)$", line)
        if match:
            findings.add(match[1], int(match[2]), "clang-format: " + match[3])
    if done.returncode and len(findings.lines) == count:
        findings.add(".clang-format", 1, f"{tool}: {done.stderr.strip()}")


def check_shell(findings, paths):
    if not shutil.which("shellcheck"):
        findings.add("Makefile", 1, "shellcheck is not installed (make deps)")
        return
    done = subprocess.run(["shellcheck", "-f", "gcc", *paths], cwd=ROOT, capture_output=True,
                          text=True, check=False)
    count = len(findings.lines)
    for line in done.stdout.splitlines():
        match = re.match(r"^(.+?):(\d+):\d+: \w+: (.*)$", line)
        if match:
            findings.add(match[1], int(match[2]), "shellcheck: " + match[3])
    if done.returncode and len(findings.lines) == count:
        findings.add(paths[0], 1, "shellcheck: " + (done.stderr.strip() or done.stdout.strip()))


def check_python(findings, path, lines):
    """The file compiles; its functions are short."""
    try:
        tree = ast.parse("\n".join(lines) + "\n", path)
    except SyntaxError as err:
        findings.add(path, err.lineno or 1, f"python: {err.msg}")
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            size = node.end_lineno - node.lineno + 1
            check_function(findings, path, node.lineno, node.name, size)


# --- sizes and licences ---------------------------------------------------------------------------


def check_function(findings, path, line, name, size):
    if size > MAX_FUNCTION:
        findings.add(path, line, f"{name} has {size} lines, at most {MAX_FUNCTION}")


def check_c_functions(findings, path, lines):
    """A function is a declarator ending in ')' above a '{' alone in column 0, up to its '}'."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number - 1
            while start > 1 and lines[start - 1][:1].isspace():
                start -= 1  # parameters on lines of their own
        elif line.startswith("}") and start is not None:
            name = re.search(r"(\w+)\s*\(", lines[start - 1])
            if name:
                check_function(findings, path, start, name[1], number - start + 1)
            start = None


def check_size(findings, path, lines):
    if len(lines) > MAX_FILE:
        findings.add(path, MAX_FILE + 1, f"{len(lines)} lines, at most {MAX_FILE}")


def check_licence(findings, path, lines):
    want = LICENCE_BPF if path.startswith("bpf/") else LICENCE
    for number, line in enumerate(lines[:TEXT_HEAD], 1):
        if SPDX in line:
            found = line.split(SPDX, 1)[1].split()[0]
            if found != want:
                findings.add(path, number, f"licence is {found}, must be {want}")
            return
    findings.add(path, 1, f'no line "{SPDX}{want}"')


# --- include directions ---------------------------------------------------------------------------


def includes(lines):
    """(line, bracket, name) of each #include."""
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match[1], match[2]


def check_shared_includes(findings, path, lines):
    for number, _, name in includes(lines):
        if not SHARED_MAY.match(name):
            findings.add(path, number,
                         f"includes {name}; include/san may include <linux/types.h>, "
                         "<linux/in6.h> and <san/...> only")


def check_module_includes(findings, path, lines, table):
    module = path.split("/")[1]
    if module not in table:
        findings.add(path, 1, f"module {module} is not in the Makefile's table")
        return
    for number, bracket, name in includes(lines):
        check_owned(findings, (path, number), module, name)
        if bracket == '"':
            check_direction(findings, (path, number), name, module, table)


def check_owned(findings, where, module, name):
    for prefix, owners in OWNED.items():
        if name.startswith(prefix) and module not in owners:
            findings.add(*where, f"includes <{name}>, which only {' and '.join(owners)} may")


def check_direction(findings, where, name, module, table):
    other = name.split("/")[0]
    if name.endswith(".skel.h"):
        if module != "dp":
            findings.add(*where, f'includes "{name}", which only dp may')
    elif "/" not in name:
        findings.add(*where, f'includes "{name}"; write "module/file.h"')
    elif other == "san":
        findings.add(*where, f'includes "{name}"; write <{name}>')
    elif other != module and other not in table[module]:
        may = " ".join(sorted(table[module])) or "nothing"
        findings.add(*where, f'includes "{name}"; {module} may include: {may}')


# --- main -----------------------------------------------------------------------------------------


def check_file(findings, path, lines, table):
    if path.endswith(LICENSED) or is_shell(path, lines) or is_python(path, lines):
        check_licence(findings, path, lines)
    if path.endswith(SIZED):
        check_size(findings, path, lines)
    if path.endswith((".c", ".h")):
        check_c_functions(findings, path, lines)
        if path.startswith("include/san/"):
            check_shared_includes(findings, path, lines)
        elif path.startswith("userspace/"):
            check_module_includes(findings, path, lines, table)
    elif is_python(path, lines):
        check_python(findings, path, lines)


def parse_table(args):
    table = {}
    for arg in args:
        module, colon, uses = arg.partition(":")
        if not colon:
            sys.exit(f"lint.py: {arg!r}: must be 'module:uses uses'")
        table[module] = set(uses.split())
    return table


def main():
    table = parse_table(sys.argv[1:])
    findings = Findings()
    texts = {path: read_lines(path) for path in git_files()}
    for path, lines in texts.items():
        check_file(findings, path, lines, table)
    c_files = [path for path in texts if path.endswith((".c", ".h"))]
    shells = [path for path, lines in texts.items() if is_shell(path, lines)]
    if c_files:
        check_format(findings, c_files)
    if shells:
        check_shell(findings, shells)
    findings.show()
    print(f"lint: {len(texts)} files, {len(findings.lines)} findings")
    return 1 if findings.lines else 0


if __name__ == "__main__":
    sys.exit(main())
