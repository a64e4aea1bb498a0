"""The rows of the CSV files that the scripts exchange, and how a row is written and read.

Each file's columns are the fields of its row class, in that order, and stand nowhere else in the code."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, NamedTuple, TypeVar, get_type_hints

from common.errors import BadInput


class ReportRow(NamedTuple):
    """One file of the source in ``report.csv``: what it is, where it goes, and how that went."""

    run_id: str
    row_id: int
    source_path: str
    destination_path: str
    source_root: str
    archive_root: str
    archive_id: str
    media_kind: str
    group_id: int
    size_bytes: int
    source_mtime: str
    capture_date: str
    date_source: str
    review: str
    status: str
    reason: str
    sha256: str


class VerifyRow(NamedTuple):
    """One row of ``verified.csv`` or ``unverified.csv``: what was proved of a pair, or why nothing was.

    ``report_status`` is what organize had done. ``source_inode`` and ``archive_inode`` are
    ``device:inode``. ``row_seal`` is a digest over all other fields.
    """

    run_id: str
    row_id: int
    source_path: str
    destination_path: str
    source_root: str
    archive_root: str
    archive_id: str
    media_kind: str
    group_id: int
    report_status: str
    status: str
    reason: str
    sha256: str
    size_bytes: int
    source_mtime: str
    source_inode: str
    archive_inode: str
    archive_mtime: str
    read_mode: str
    verified_at: str
    row_seal: str


class JournalRow(NamedTuple):
    """One intention (``phase`` planned) or outcome (``phase`` done or failed) of apply.

    ``action`` is quarantine, delete, restore, purge, prune or restore_folder. ``from_path`` and
    ``to_path`` are what was renamed (``to_path`` is empty for the final unlink of a purge, and where
    a folder is pruned; its permissions then stand in ``reason``, in octal). ``folder`` is the one in
    the source that the act touches, with the modification time that it had before, so that it can
    be given back. ``chain`` is a digest over the row and the chain of the row before it.
    """

    sequence: int
    time: str
    phase: str
    action: str
    reason: str
    run_id: str
    row_id: int
    from_path: str
    to_path: str
    source_path: str
    destination_path: str
    source_root: str
    archive_root: str
    archive_id: str
    size_bytes: int
    source_mtime: str
    source_inode: str
    sha256: str
    read_mode: str
    folder: str
    folder_mtime: str
    chain: str


Row = TypeVar("Row", bound=ReportRow | VerifyRow | JournalRow)


class Table(Generic[Row]):
    """How the rows of one kind of file are written and read."""

    def __init__(self, row_class: type[Row]) -> None:
        self.row_class = row_class
        self.columns = row_class._fields
        self._integers = frozenset(column for column, kind in get_type_hints(row_class).items() if kind is int)

    def header(self) -> bytes:
        """The header row, with its line end."""
        return encode_record(self.columns)

    def encode(self, row: Row) -> bytes:
        """One row as it stands in the file, with its line end."""
        return encode_record(map(str, row))

    def as_text(self, row: Row) -> dict[str, str]:
        """The fields of a row as the text that stands in the file."""
        return dict(zip(self.columns, map(str, row), strict=True))

    def decode(self, values: dict[str, str], where: str) -> Row:
        """Make a row of text fields; raises ``BadInput`` that names ``where`` and the column."""
        typed: dict[str, Any] = {}
        for column in self.columns:
            text = values.get(column, "")
            if column not in self._integers:
                typed[column] = text
                continue
            if not (text.isascii() and text.isdecimal() and len(text) <= 19):
                raise BadInput(f"{where}: column {column} holds {text[:40]!r}, not a whole number")
            typed[column] = int(text)
        return self.row_class(**typed)


REPORT = Table(ReportRow)


VERIFY = Table(VerifyRow)


JOURNAL = Table(JournalRow)


# What verify needs of its input: a report, or an unverified.csv fed back.
VERIFY_INPUT_COLUMNS = (
    "run_id row_id source_path destination_path source_root archive_root archive_id media_kind group_id size_bytes "
    "source_mtime status sha256"
).split()


def encode_record(values: Iterable[str]) -> bytes:
    """One CSV record, every field quoted (RFC 4180), ending in a line feed."""
    plain = list(values)
    joined = '","'.join(plain)
    if joined.count('"') > 2 * (len(plain) - 1):  # a value holds a quote: rare
        joined = '","'.join(value.replace('"', '""') for value in plain)
    return f'"{joined}"\n'.encode("utf-8", "surrogateescape")


def checksum_line(sha256: str, relative_path: str) -> bytes:
    """One line of SHA256SUMS as GNU ``sha256sum -c`` reads it (coreutils manual, "cksum output modes").

    A name with a backslash, line feed or carriage return is escaped, and a backslash before the
    digest says so.
    """
    escaped = relative_path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "\\" if escaped != relative_path else ""
    return f"{mark}{sha256}  {escaped}\n".encode("utf-8", "surrogateescape")
