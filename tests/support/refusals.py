"""How a test sees that a run was refused, and the shortest command lines for it."""

from __future__ import annotations

from pathlib import Path

from tests.support import scripts
from tests.support.library import Library
from tests.support.scripts import Argument, Result
from tests.support.trees import snapshot


def refused(home: Library, script: str, *args: Argument, naming: str, code: int = 2) -> Result:
    """The run is refused with one sentence and changes nothing anywhere below the library's root."""
    before = snapshot(home.root)
    result = scripts.call(script, *args, cwd=home.root, expect=code)
    assert snapshot(home.root) == before
    assert naming in result.error, result.stderr
    told = [line for line in result.stderr.splitlines() if not line.startswith(("usage:", " "))]
    assert len(told) == 1, result.stderr
    return result


def verify_line(manifest: Path) -> tuple[Argument, ...]:
    return ("--input-csv", manifest, "--verified-out", manifest.with_suffix(".v"), "--unverified-out",
            manifest.with_suffix(".u"))  # fmt: skip


def apply_line(manifest: Path, run_id: str = "auto") -> tuple[Argument, ...]:
    return ("--manifest", manifest, "--expected-run-id", run_id)
