"""What can be seen of the examples without running them: ShellCheck, what they dare, and that each is explained."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.examples.running import EXAMPLES, need

FILES = sorted(path for path in EXAMPLES.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def with_shebang() -> list[Path]:
    return [path for path in FILES if path.read_bytes().startswith(b"#!")]


@pytest.mark.campaign
def test_shellcheck_finds_nothing_and_would_find_an_unquoted_path(tmp_path: Path) -> None:
    shellcheck = need("shellcheck", "shellcheck")
    shell_scripts = [path for path in FILES if path.suffix == ".sh"]
    assert len(shell_scripts) >= 4
    ended = subprocess.run([shellcheck, *shell_scripts], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "")
    careless = tmp_path / "careless.sh"
    careless.write_text("#!/bin/sh\ncat $1\n")
    assert subprocess.run([shellcheck, careless], capture_output=True, check=False).returncode == 1


def test_scripts_can_be_run_and_stop_at_the_first_fault() -> None:
    assert not [path.name for path in with_shebang() if not os.access(path, os.X_OK)]
    for path in FILES:
        if path.suffix == ".sh":
            assert "\nset -eu" in path.read_text(), path.name


def test_no_example_destroys_anything() -> None:
    assert not [path.name for path in FILES if path.suffix != ".md" and "delete-permanently" in path.read_text()]


def test_every_example_is_explained_and_every_explained_example_exists() -> None:
    readme = (EXAMPLES / "README.md").read_text()
    for path in FILES:
        assert path.name == "README.md" or f"({path.relative_to(EXAMPLES).as_posix()})" in readme, path.name
    links = [part.partition(")")[0] for part in readme.split("](")[1:]]
    assert not [link for link in links if not link.startswith(("http", "#")) and not (EXAMPLES / link).exists()]
