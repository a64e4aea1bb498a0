"""Command lines that are printed to be pasted: every shell must give back the very arguments."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from common.cli.shell import quoted, script_command
from common.stages import Stage

HOSTILE = (
    "",
    "plain/path-1.csv",
    'it\'s a $report `x` \\ "q".csv',
    "two\nlines\tand\ra bell\a",
    "escape \x1b[31m and café",
    os.fsdecode(b"latin caf\xe9 1 \xff2'.csv"),
    "-- *?[a]{b,c}~ !! # & ; | < >",
    "~/x",
    "=ls",
    "@args",
    "\u2028 line \u202e order",
)


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_gives_back_what_was_quoted(shell: str) -> None:
    if sys.platform == "win32" or shutil.which(shell) is None:
        pytest.skip(f"needs {shell} on Linux or macOS: install {shell}")
    line = " ".join(quoted(argument) for argument in HOSTILE)
    assert line.isprintable(), "what is printed is what is pasted"
    command = f"printf '%s\\0' {line}\n".encode()
    done = subprocess.run([shell], input=command, capture_output=True, check=True, env={**os.environ, "HOME": "/x"})
    assert done.stdout.split(b"\0")[:-1] == [os.fsencode(argument) for argument in HOSTILE]


def test_what_needs_no_quotes_gets_none() -> None:
    assert quoted("/mnt/disk/report-1.csv") == "/mnt/disk/report-1.csv"


def test_a_command_names_the_script_beside_the_running_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["/opt/my tools/organize_media_by_date.py", "--source", "x"])
    (tmp_path / "python3").symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3"))
    monkeypatch.setenv("PATH", str(tmp_path))
    command = script_command(Stage.VERIFY, "--input-csv", "/a/b c.csv")
    quote = '"' if sys.platform == "win32" else "'"
    script = os.path.join("/opt/my tools", "verify_media_archive.py")
    words = [f"{quote}{script}{quote}", "--input-csv", f"{quote}/a/b c.csv{quote}"]
    assert command.split(" ", 1)[1] == " ".join(words)
    if sys.platform != "win32":
        assert command.startswith("python3 ")
        monkeypatch.setenv("PATH", "/nowhere")
        assert script_command(Stage.VERIFY).startswith(f"{tmp_path}/python3 ")
