"""The options of apply, checked."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta

from common.cli.options import CommonOptions, parse_arguments
from common.manifests.state import RowRange
from common.manifests.survey import AUTO
from common.run_id import is_run_id
from common.timestamps import utc_text


@dataclass(frozen=True, kw_only=True)
class Options(CommonOptions):
    """The options of one run. Paths are absolute, or empty for the default.

    Verifications before ``oldest_allowed``, a time as in manifests, have expired; empty for no limit.
    """

    manifest: str
    expected_run_id: str
    quarantine_root: str
    row_range: RowRange
    state_file: str
    dry_run: bool
    delete_permanently: bool
    restore: bool
    prune_empty_dirs: bool
    oldest_allowed: str


def parse_options(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> Options:
    """Check a command line. Ends the process with exit code 2 and one sentence when it can't be used."""
    parsed = parse_arguments(parser, argv)
    if parsed.delete_permanently != parsed.yes_really_delete:
        parser.error("permanent deletion needs both --delete-permanently and --yes-really-delete; nothing was changed")
    if parsed.review_html and parsed.dry_run:
        parser.error("--review-html shows what was done, and --dry-run does nothing")
    if parsed.prune_empty_dirs and parsed.restore:
        parser.error("--prune-empty-dirs goes with taking files out, not with --restore")
    if parsed.restore and parsed.delete_permanently:
        parser.error("--restore and --delete-permanently exclude each other")
    if parsed.expected_run_id != AUTO and not is_run_id(parsed.expected_run_id):
        parser.error(
            f"--expected-run-id {parsed.expected_run_id!r} is no run_id; give the one in the manifest, or auto"
        )
    return Options(
        **{field.name: getattr(parsed, field.name) for field in fields(Options) if hasattr(parsed, field.name)},
        row_range=RowRange(parsed.offset, parsed.limit),
        oldest_allowed=utc_text(datetime.now(UTC) - timedelta(days=parsed.max_age)) if parsed.max_age else "",
    )
