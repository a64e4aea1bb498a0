"""The scripts as a user of no rights runs them, for whom alone the modes of files count: in processes of their own.

Run as a program, this is such a process. It starts with the rights of whoever runs the tests, loads the scripts, and
only then gives its rights up: the checkout and Python itself may lie below a folder that nobody else may enter.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.scripts import ROOT, Argument, Codes, Result, finish
from tests.support.trees import may_read_everything

NOBODY = 65_534


def run(script: str, *args: Argument, cwd: Path, expect: Codes = 0) -> Result:
    """Run a script without root's rights; whoever is no root has none to give up, and runs it as it is."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.another_user", script, *map(str, args)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    return finish(process, expect)


def open_to_all(root: Path) -> None:
    """Let every user read all that is below a folder, whatever umask it was made with."""
    for folder, _, names in os.walk(root):
        Path(folder).chmod(0o755)
        for name in names:
            Path(folder, name).chmod(0o644)


def need_way_to(folder: Path) -> None:
    """Skip, saying what is in the way, where another user can't come to a folder."""
    if may_read_everything():
        for parent in folder.resolve().parents:
            if not parent.stat().st_mode & 0o001:
                pytest.skip(f"other users may not enter {parent}: set TMPDIR to a folder that they may enter")


# --- the process ------------------------------------------------------------------------------------


def _main(script: str, args: list[str]) -> int:
    _load_everything()
    main = importlib.import_module(script).main
    if sys.platform != "win32" and os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    return int(main(args))


def _load_everything() -> None:
    """Load all that the scripts import, also what they import inside functions: later it may be out of reach."""
    for path in (*ROOT.glob("*.py"), *(ROOT / "common").rglob("*.py")):
        for module, name in _imported(ast.parse(path.read_bytes())):
            with contextlib.suppress(ImportError):  # a module of another system, or not installed
                if not hasattr(importlib.import_module(module), name):
                    importlib.import_module(f"{module}.{name}")


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Modules, and what is taken from each."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "__name__") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1], sys.argv[2:]))
