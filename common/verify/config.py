"""The command line of verify, checked."""

from __future__ import annotations

from dataclasses import dataclass

from common.manifests.state import RowRange


@dataclass(frozen=True)
class Call:
    """What one call is to verify, and under which names it writes: as given, or empty for the default."""

    input_csv: str
    verified_out: str
    unverified_out: str
    state_file: str
    row_range: RowRange
    archive_only: bool
