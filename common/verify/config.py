"""The options of verify, checked."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass

from common.cli.options import CommonOptions, common_options, parse_arguments
from common.manifests.state import RowRange
from common.manifests.statuses import ReadMode


@dataclass(frozen=True, kw_only=True)
class Options(CommonOptions):
    """The options of one run. All paths are absolute; those of outputs are empty for the default."""

    input_csv: str
    verified_out: str
    unverified_out: str
    state_file: str
    row_range: RowRange
    archive_only: bool
    read_mode: ReadMode

    @property
    def action(self) -> str:
        """What the summary calls this run."""
        return "archive-only" if self.archive_only else "verify"

    @property
    def settings(self) -> dict[str, str]:
        """What a later call must repeat to resume."""
        return {"archive_only": "yes" if self.archive_only else "", **self.row_range.settings}


def parse_options(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> Options:
    """Check a command line. Ends the process with exit code 2 and one sentence when it can't be used."""
    parsed = parse_arguments(parser, argv)
    return Options(
        **vars(common_options(parsed)),
        input_csv=os.path.abspath(parsed.input_csv),
        verified_out=os.path.abspath(parsed.verified_out) if parsed.verified_out else "",
        unverified_out=os.path.abspath(parsed.unverified_out) if parsed.unverified_out else "",
        state_file=os.path.abspath(parsed.state_file) if parsed.state_file else "",
        row_range=RowRange(parsed.offset, parsed.limit),
        archive_only=parsed.archive_only,
        read_mode=ReadMode(parsed.read_mode),
    )
