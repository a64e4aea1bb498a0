"""Manifests made by hand, correctly sealed, that claim whatever a test wants them to claim."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import get_type_hints

from common.manifests.integrity import seal
from common.manifests.rows import REPORT, VERIFY, ReportRow, VerifyRow
from common.timestamps import mtime_text, utc_now_text
from tests.campaign.invariants import digest_of

RUN_ID = "6f1f7f1e-52a4-4b0e-9a55-0a4cf6b0a001"


def write_report(table: Path, pairs: Iterable[tuple[Path, Path]], roots: tuple[Path, Path], archive_id: str) -> Path:
    """A report.csv that says of each pair of source and destination that it was copied."""
    rows = [_claims(ReportRow, number, pair, roots, archive_id) for number, pair in enumerate(pairs, 1)]
    decoded = [REPORT.decode(values | {"status": "copied"}, "by hand") for values in rows]
    table.write_bytes(REPORT.header() + b"".join(REPORT.encode(row) for row in decoded))
    return table


def write_verified(table: Path, pairs: Iterable[tuple[Path, Path]], roots: tuple[Path, Path], archive_id: str) -> Path:
    """A verified.csv that says of each pair of source and destination that it is identical, with true seals."""
    rows = [_claims(VerifyRow, number, pair, roots, archive_id) for number, pair in enumerate(pairs, 1)]
    proof = {"report_status": "copied", "status": "identical", "read_mode": "cold", "verified_at": utc_now_text()}
    sealed = [seal(VERIFY.decode(values | proof, "by hand")) for values in rows]
    table.write_bytes(VERIFY.header() + b"".join(VERIFY.encode(row) for row in sealed))
    return table


def _claims(
    kind: type[ReportRow | VerifyRow], number: int, pair: tuple[Path, Path], roots: tuple[Path, Path], archive_id: str
) -> dict[str, str]:
    """All columns of a row, with what ``stat`` tells of the two files."""
    source, copy = (os.stat(path) for path in pair)
    known = {
        "run_id": RUN_ID,
        "row_id": str(number),
        "group_id": str(number),
        "source_path": str(pair[0]),
        "destination_path": str(pair[1]),
        "source_root": str(roots[0]),
        "archive_root": str(roots[1]),
        "archive_id": archive_id,
        "media_kind": "image",
        "size_bytes": str(source.st_size),
        "source_mtime": mtime_text(source.st_mtime_ns),
        "archive_mtime": mtime_text(copy.st_mtime_ns),
        "source_inode": f"{source.st_dev}:{source.st_ino}",
        "archive_inode": f"{copy.st_dev}:{copy.st_ino}",
        "sha256": digest_of(str(pair[0])),
    }
    blank = {column: "0" if of is int else "" for column, of in get_type_hints(kind).items()}
    return blank | {column: value for column, value in known.items() if column in blank}
