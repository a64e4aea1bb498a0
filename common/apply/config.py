"""The command line of apply, checked."""

from __future__ import annotations

from dataclasses import dataclass

from common.manifests.state import RowRange


@dataclass(frozen=True)
class Call:
    """Which rows of which manifest a call is to apply, and where it keeps what: as given, or empty for the default."""

    manifest: str
    expected_run_id: str
    quarantine_root: str
    row_range: RowRange
    state_file: str
