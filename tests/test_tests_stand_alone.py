"""No test changes the process that runs the others: its rights, folder, umask, environment, signals or limits.

A test that wants such a change is a process of its own and sets what it needs: by ``env=``, ``cwd=`` and ``umask=`` of
``subprocess``, by a program that it starts, or in a fork. What goes wrong in there can spoil no other test.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent

OF_THE_PROCESS = {
    "contextlib": "chdir",
    "locale": "setlocale",
    "os": "chdir chroot fchdir nice putenv setegid seteuid setfsgid setfsuid setgid setgroups setpgid setpriority "
    "setregid setresgid setresuid setreuid setsid setuid umask unsetenv",
    "resource": "prlimit setrlimit",
    "signal": "alarm pthread_sigmask set_wakeup_fd setitimer siginterrupt signal",
    "socket": "setdefaulttimeout",
    "sys": "setrecursionlimit setswitchinterval",
    "time": "tzset",
}
CHANGES = {f"{module}.{name}" for module, names in OF_THE_PROCESS.items() for name in names.split()}
BY_PYTEST = {"chdir", "delenv", "setenv", "syspath_prepend"}
HELD_BY_THE_PROCESS = {"os.environ", "os.environb", "sys.path"}
READING = {"copy", "count", "get", "index", "items", "keys", "values"}

MAY_CHANGE = {
    ("campaign/syscall_points.py", "_run_and_exit"): "runs in a fork",
    ("campaign/product.py", "_run"): "runs in a fork",
    ("campaign/product.py", "_serve"): "is a program of its own",
    ("support/another_user.py", "_main"): "is a program of its own",
    ("compatibility/killed_run.py", "main"): "is a program of its own",
    ("support/zones.py", "_check_and_exit"): "runs in a fork",
    ("support/scripts.py", "call"): "the folder in which a script is run, thousands of times; given back by the block",
    (
        "cli/test_shell.py",
        "test_a_command_names_the_script_beside_the_running_one",
    ): "PATH, beside a faked sys.executable",
    ("dates/test_fallback.py", "tools"): "PATH, by which a worker of this process finds ffprobe",
    ("dates/test_fallback.py", "test_a_film_without_ffprobe_on_the_machine_says_so"): "PATH, as above",
    ("dates/test_fallback.py", "test_the_real_ffprobe_understands_our_question"): "a worker gets its folder",
    (
        "dates/test_fallback.py",
        "test_the_working_directory_can_not_shadow_our_modules",
    ): "a worker gets its folder",
    (
        "dates/test_fallback.py",
        "test_what_a_library_prints_is_not_taken_for_an_answer",
    ): "a worker gets PYTHONPATH",
}
"""File and function. Where this process itself is asked, pytest's own ``monkeypatch`` gives back what it changed."""


def changes(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Where the running process is changed: the function at the top of the file, and how."""
    names = _full_names(tree)
    for top in tree.body:
        where = top.name if isinstance(top, ast.FunctionDef | ast.ClassDef) else ""
        for node in ast.walk(top):
            how = _changed(node, names)
            if how:
                yield where, how


def _full_names(tree: ast.Module) -> dict[str, str]:
    """What each imported name stands for."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _changed(node: ast.AST, names: dict[str, str]) -> str:
    """What a single expression or statement changes, or an empty text."""
    if isinstance(node, ast.Name | ast.Attribute):
        text = _full(node, names)
        if isinstance(node.ctx, ast.Store | ast.Del):
            return text if text in HELD_BY_THE_PROCESS else ""
        if text in CHANGES:  # also when it is only handed on
            return text
        held, _, method = text.rpartition(".")
        if held in HELD_BY_THE_PROCESS:
            return "" if method in READING else text
        return text if method in BY_PYTEST and held else ""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        text = _full(node.value, names)
        return text if text in HELD_BY_THE_PROCESS else ""
    return ""


def _full(node: ast.AST, names: dict[str, str]) -> str:
    first, dot, rest = ast.unparse(node).partition(".")
    return names.get(first, first) + dot + rest


@pytest.mark.parametrize(
    "text",
    [
        "import os\ndef test():\n    os.seteuid(1)",
        "import os as system\ndef test():\n    system.umask(0)",
        "from os import chdir as go\ndef test():\n    go('/')",
        "import os\ndef test():\n    list(map(os.chdir, folders))",
        "import contextlib\ndef test():\n    with contextlib.chdir('/'):\n        pass",
        "import os\ndef test():\n    os.environ['TZ'] = 'UTC'",
        "import os\ndef test():\n    del os.environ['TZ']",
        "import os\ndef test():\n    os.environ |= {}",
        "from os import environ\ndef test():\n    environ.update(TZ='UTC')",
        "import os\ndef test():\n    os.environ.pop('TZ')",
        "import sys\ndef test():\n    sys.path.insert(0, 'x')",
        "import sys\ndef test():\n    sys.path = []",
        "import sys\ndef test():\n    sys.path[:0] = ['x']",
        "import signal\ndef test():\n    signal.signal(signal.SIGINT, signal.SIG_IGN)",
        "import resource\ndef test():\n    resource.setrlimit(resource.RLIMIT_AS, (1, 1))",
        "import time\ndef test():\n    def check():\n        time.tzset()",
        "def test(monkeypatch):\n    monkeypatch.setenv('TZ', 'UTC')",
        "def test(monkeypatch):\n    monkeypatch.chdir('/')",
    ],
)
def test_a_change_of_the_process_would_be_noticed(text: str) -> None:
    assert {where for where, _ in changes(ast.parse(text))} == {"test"}


@pytest.mark.parametrize(
    "text",
    [
        "import os\nhome = os.environ.get('HOME')",
        "import os\nenvironment = {**os.environ, 'TZ': 'UTC'}",
        "import os\ntext = os.environ['HOME']",
        "import subprocess\nsubprocess.run(['x'], cwd='/', umask=0)",
        "import signal\nprocess.send_signal(signal.SIGINT)",
        "PROGRAM = 'import os; os.umask(0)'",
        "def test(monkeypatch):\n    monkeypatch.setattr('os.unlink', refuse)",
    ],
)
def test_reading_and_what_a_child_is_given_are_no_change(text: str) -> None:
    assert not list(changes(ast.parse(text)))


def test_no_test_changes_the_process_that_runs_the_others() -> None:
    found = {
        (path.relative_to(TESTS).as_posix(), where): how
        for path in TESTS.rglob("*.py")
        for where, how in changes(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert not {place: how for place, how in found.items() if place not in MAY_CHANGE}
    assert not MAY_CHANGE.keys() - found.keys(), "named here, and changes nothing any more"
