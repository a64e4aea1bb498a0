#!/usr/bin/env python3
"""Merge the shards of a verification into what one run would have written.

    merge_shards.py REPORT.csv FOLDER SHARD.csv ...
    merge_shards.py --count-rows REPORT.csv

The shards are the verified.csv and unverified.csv files of calls of verify_media_archive.py with
--offset and --limit, in any order. Every row of the report must stand in exactly one of them, with
an unbroken seal. Rows are taken over unchanged, in the order of the report. Compared with one run,
only what a run sees for itself differs: ``verified_at``, now and then ``read_mode``, and so ``row_seal``.

Changes the disk: makes FOLDER with verified.csv, unverified.csv and SHA256SUMS, by one rename at the
very end. The exit status is that of verify: 0, 1 when rows need attention, 2 when the shards are not
sound or not complete (then nothing is made), 3 when the disk fails.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.errors import BadInput, ExitCode, MediaArchiveError, StoppedEarly, explain_os_error
from common.fileops.folders import sync_folder
from common.fileops.locking import Lock
from common.fileops.writing import Appender
from common.manifests.integrity import seal_of
from common.manifests.reader import Reader, Record
from common.manifests.rows import REPORT, VERIFY, VERIFY_INPUT_COLUMNS, VerifyRow, Writer, checksum_line
from common.paths import printable

VERIFIED = ("identical", "archive_intact")
# What verify takes over from the report as it is.
TAKEN_OVER = [column for column in REPORT.columns[: REPORT.columns.index("size_bytes")] if column in VERIFY.columns]


class Shard:
    """One file of a shard, read row by row. Only the row that is next is held in memory."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._records = iter(reader)
        self.next: Record | None = None
        self.advance()

    def advance(self) -> None:
        """Go on to the next row, or to None at the end. Raises ``BadInput`` for a row that was changed or cut short."""
        self.next = next(self._records, None)
        if self._reader.torn_line:
            raise BadInput(f"{self._reader.where(self._reader.torn_line)}: cut short; finish this shard first")
        if self.next and seal_of(self.next.values) != self.next.values["row_seal"]:
            raise BadInput(f"{self.where}: the row was changed after it was written; verify this shard again")

    @property
    def where(self) -> str:
        """The next row as messages name it."""
        return self._reader.where(self.next.line if self.next else 1)


def merged_rows(report: Reader, shards: Sequence[Shard]) -> Iterator[VerifyRow]:
    """The rows of all shards in the order of the report. Raises ``BadInput`` unless each is there exactly once.

    Each file of a shard is in the order of the report. So the row that comes next must be the next
    one of exactly one of them, and whatever is left at the end is too much.
    """
    waiting: dict[str, Shard] = {}

    def wait(shard: Shard) -> None:
        if shard.next is None:
            return
        other = waiting.setdefault(shard.next.values["row_id"], shard)
        if other is not shard:
            raise BadInput(f"{shard.where}: row_id {shard.next.values['row_id']} stands in {other.where} too")

    for shard in shards:
        wait(shard)
    for record in report:
        row_id = record.values["row_id"]
        holder = waiting.pop(row_id, None)
        if holder is None or holder.next is None:
            raise BadInput(
                f"{report.where(record.line)}: row_id {row_id} is in no shard at its place; nothing was merged"
            )
        require_same_file(record, holder.next, holder.where)
        yield VERIFY.decode(holder.next.values, holder.where)
        holder.advance()
        wait(holder)
    for row_id, shard in waiting.items():
        raise BadInput(f"{shard.where}: row_id {row_id} is not in the report, or stands twice; nothing was merged")


def require_same_file(reported: Record, verified: Record, where: str) -> None:
    """Refuse a row of another report. Pure."""
    expected = {column: reported.values[column] for column in TAKEN_OVER}
    # The report may be an unverified.csv that was fed back.
    expected["report_status"] = reported.values.get("report_status", reported.values["status"])
    for column, value in expected.items():
        if verified.values[column] != value:
            raise BadInput(f"{where}: {column} is not that of the report; give the shards of this report")


def merge(report_path: str, folder: str, shard_paths: Sequence[str]) -> tuple[int, int]:
    """Write the merged files; return how many rows are verified and how many need attention. Changes the disk."""
    if os.path.lexists(folder):
        raise BadInput(f"{printable(folder)} exists already; look there, or choose another name")
    with ExitStack() as stack:
        stack.enter_context(Lock(folder + ".lock"))
        unfinished = folder + ".unfinished"
        if os.path.isdir(unfinished):  # a killed merge left it: nothing but the three files of this script
            shutil.rmtree(unfinished)
        report = stack.enter_context(Reader(report_path, VERIFY_INPUT_COLUMNS))
        shards = [Shard(stack.enter_context(Reader(path, VERIFY.columns))) for path in shard_paths]
        os.mkdir(unfinished)
        try:
            verified, attention = _write(merged_rows(report, shards), unfinished)
        except BaseException:
            shutil.rmtree(unfinished)
            raise
        os.rename(unfinished, folder)
        sync_folder(os.path.dirname(folder))
        if report.torn_line:
            print(f"{report.where(report.torn_line)}: cut short and left out, by verify too", file=sys.stderr)
            attention += 1
        return verified, attention


def _write(rows: Iterator[VerifyRow], folder: str) -> tuple[int, int]:
    verified_rows = attention = 0
    with ExitStack() as stack:
        verified = stack.enter_context(Writer(VERIFY, os.path.join(folder, "verified.csv")))
        unverified = stack.enter_context(Writer(VERIFY, os.path.join(folder, "unverified.csv")))
        sums = stack.enter_context(Appender(os.path.join(folder, "SHA256SUMS")))
        for row in rows:
            if row.status in VERIFIED:
                verified.append_rows([row])
                sums.append(checksum_line(row.sha256, os.path.relpath(row.destination_path, row.archive_root)))
                verified_rows += 1
            else:
                unverified.append_rows([row])
                attention += row.report_status != "skipped"  # what organize was to leave out needs nobody
        for output in (verified, unverified, sums):
            output.sync()
    sync_folder(folder)
    return verified_rows, attention


def count_rows(path: str) -> int:
    """How many rows verify counts in a report. Reads the disk, changes nothing."""
    with Reader(path, VERIFY_INPUT_COLUMNS) as reader:
        return sum(1 for _ in reader)


def main(argv: Sequence[str] | None = None) -> int:
    """Run with a command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("report", metavar="REPORT.csv")
    parser.add_argument("folder", metavar="FOLDER", nargs="?", help="made for the merged files")
    parser.add_argument("shards", metavar="SHARD.csv", nargs="*")
    parser.add_argument("--count-rows", action="store_true", help="only print how many rows the report has")
    options = parser.parse_args(argv)
    if not options.count_rows and not options.shards:
        parser.error("give REPORT.csv, FOLDER and the shards")
    try:
        if options.count_rows:
            print(count_rows(options.report))
            return ExitCode.OK
        verified, attention = merge(options.report, os.path.abspath(options.folder), options.shards)
    except MediaArchiveError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        failed = StoppedEarly(f"{printable(str(error.filename or options.folder))}: {explain_os_error(error)}")
        print(f"error: {failed}", file=sys.stderr)
        return failed.exit_code
    print(f"merged: {verified:,} rows verified, {attention:,} to look at, in {printable(options.folder)}")
    return ExitCode.ATTENTION if attention else ExitCode.OK


if __name__ == "__main__":
    raise SystemExit(main())
