"""The CSV files that the three scripts exchange: their columns, rows, seals, reading and writing.

Each file's columns are the fields of its row class, in that order, and stand nowhere else in the
code. Every field is quoted, the text is UTF-8 with ``surrogateescape``, so that any name which a
file system allows makes the round trip. Reading is lazy and tells byte offsets, so that a later
run can go on at a row without reading those before it. Only ``Writer`` changes the disk, through
``fileops``.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Generic, NamedTuple, TypeVar, get_type_hints

from common.errors import BadInput, StoppedEarly, explain_os_error
from common.fileops.writing import Appender
from common.paths import shown

MAX_LINE_BYTES = 1 << 20
# The bytes of a name must come back as they went, also where Python was told to know ASCII names only.
_ENCODING = "utf-8" if sys.platform == "win32" else sys.getfilesystemencoding()
_BOM = b"\xef\xbb\xbf"
_ROW_BOUNDARY = re.compile(rb'"\r?\n"')

# Rows are made and copied by the million, which takes frozen dataclasses two to three times as long as tuples.


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


# --- seals and chains ----------------------------------------------------------------------------


def _digest(parts: Iterable[str]) -> str:
    """A digest of several texts in which no part can lend characters to its neighbour."""
    encoded = [part.encode("utf-8", "surrogateescape") for part in parts]
    return hashlib.sha256(b"".join([b"%d:%b" % (len(part), part) for part in encoded])).hexdigest()


def seal(row: VerifyRow) -> VerifyRow:
    """The row with its ``row_seal`` filled in."""
    return row._replace(row_seal=seal_of(VERIFY.as_text(row)))


def seal_of(values: dict[str, str]) -> str:
    """The digest that ``row_seal`` must hold, over all columns of a verify row but itself."""
    return _digest(f"{column}={values[column]}" for column in VERIFY.columns if column != "row_seal")


def first_chain(run_id: str) -> str:
    """What the first row of a journal is chained to."""
    return _digest(["journal", run_id])


def chain_of(values: dict[str, str], previous_chain: str) -> str:
    """The digest that ``chain`` must hold in a row that follows ``previous_chain``."""
    texts = (f"{column}={values[column]}" for column in JOURNAL.columns if column != "chain")
    return _digest([previous_chain, *texts])


# --- reading -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file: its fields by column, the line it begins on, and the byte behind its end."""

    values: dict[str, str]
    line: int
    end: int


class Reader:
    """Reads a CSV file record by record, lazily. Reads the disk, changes nothing.

    Accepts a byte order mark and either line end. A last row that was cut short (it has no line
    end, or its quote is never closed) is dropped and ``torn_line`` tells where it was. Raises
    ``BadInput`` with the file's name for what is no such CSV.
    """

    def __init__(self, path: str, required: Iterable[str]) -> None:
        self.path = path
        self.torn_line = 0
        self._torn_by_zeros = False
        try:
            # Opening a pipe would wait for ever.
            if not os.path.isfile(path):
                what = "it is no regular file; give a CSV file" if os.path.lexists(path) else "there is no such file"
                raise BadInput(f"{shown(path)}: {what}")
            self._file: BinaryIO = open(path, "rb")  # noqa: SIM115 - this object is the context manager
        except OSError as error:
            raise BadInput(f"{shown(path)}: cannot read it: {explain_os_error(error)}") from None
        self._line = 0
        self._position = 0
        try:
            self.columns = self._read_header(tuple(required))
        except BaseException:
            self._file.close()
            raise

    def _read_header(self, required: tuple[str, ...]) -> tuple[str, ...]:
        start = self._read(4096)
        if not start:
            raise BadInput(f"{shown(self.path)} is empty; give the CSV file that the step before wrote")
        if b"\0" in start:
            raise BadInput(
                f"{shown(self.path)} is not a CSV file (it holds NUL bytes); give the one from the step before"
            )
        self._position = len(_BOM) if start.startswith(_BOM) else 0
        self._file.seek(self._position)
        values = self._next_values()
        if values is None:
            raise BadInput(f"{shown(self.path)} has no complete header row; give the CSV from the step before")
        columns = tuple(values[0])
        for column in required:
            if column not in columns:
                if any(";" in name or "\t" in name for name in columns):
                    raise BadInput(
                        f"{shown(self.path)} has its columns apart by semicolons or tabs: save it anew with commas"
                    )
                raise BadInput(
                    f"{shown(self.path)} has no column {column}; give the CSV file that the step before wrote"
                )
        if len(set(columns)) != len(columns):
            raise BadInput(f"{shown(self.path)} has a column twice; give the CSV file that the step before wrote")
        self._data_start = self._position
        return columns

    def seek(self, byte_offset: int) -> None:
        """Go on at a byte offset that an earlier record's ``end`` told; 0 means the first record."""
        self._position = max(byte_offset, self._data_start)
        self._file.seek(self._position)

    def __iter__(self) -> Iterator[Record]:
        while (found := self._next_values()) is not None:
            values, line = found
            if len(values) != len(self.columns):
                raise BadInput(
                    f"{self.where(line)}: {len(values)} fields where the header has {len(self.columns)}; "
                    "restore the file or make it anew"
                )
            yield Record(dict(zip(self.columns, values, strict=True)), line, self._position)

    def where(self, line: int) -> str:
        """The file and line as messages name them."""
        return f"{shown(self.path)}, line {line}"

    def _next_values(self) -> tuple[list[str], int] | None:
        """The fields of the next record and its line, or None at the end (or at a torn last record)."""
        first_line = self._line + 1
        consumed: list[bytes] = []

        def lines() -> Iterator[str]:
            while raw := self._read_line():
                if b"\0" in raw and self._ends_in_zeros(raw):
                    self._torn_by_zeros = True
                    return
                if len(raw) == MAX_LINE_BYTES or b"\0" in raw:
                    raise BadInput(f"{self.where(self._line + 1)}: not a line of a CSV file; restore the file")
                self._line += 1
                consumed.append(raw)
                yield raw.decode(_ENCODING, "surrogateescape")

        parser = csv.reader(lines(), strict=True)
        try:
            values = next(parser, None)
            while values == []:
                values = next(parser, None)
        except csv.Error as error:
            if self._torn_by_zeros:
                self.torn_line = first_line
                return None
            # A quote left open in the middle would swallow all rows behind it: that is damage, not a torn end.
            swallowed = _ROW_BOUNDARY.search(b"".join(consumed))
            if swallowed or not self._at_end():
                raise BadInput(f"{self.where(first_line)}: {error}; restore the file or make it anew") from None
            self.torn_line = first_line
            return None
        if self._torn_by_zeros:
            self.torn_line = first_line
            return None
        if values is None:
            return None
        if not consumed[-1].endswith(b"\n"):
            self.torn_line = first_line
            return None
        self._position += sum(map(len, consumed))
        return values, first_line

    def _read_line(self) -> bytes:
        try:
            return self._file.readline(MAX_LINE_BYTES)
        except OSError as error:
            raise _unreadable(self.path, error) from None

    def _read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except OSError as error:
            raise _unreadable(self.path, error) from None

    def _ends_in_zeros(self, raw: bytes) -> bool:
        """Whether a line, and all that follows, is what some file systems leave after a power cut: zeros to the end."""
        tail = raw[raw.index(b"\0") :]
        while tail:
            if tail.strip(b"\0"):
                return False
            tail = self._read(MAX_LINE_BYTES)
        return True

    def _at_end(self) -> bool:
        return not self._read(1)

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            raise _unreadable(self.path, error) from None

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _unreadable(path: str, error: OSError) -> StoppedEarly:
    return StoppedEarly(f"{shown(path)}: cannot read it: {explain_os_error(error)}; check the disk, then run again")


def has_no_rows(path: str, required: Iterable[str]) -> bool:
    """Whether a file has a header and nothing else: the normal end of a chain without new files."""
    with Reader(path, required) as reader:
        return next(iter(reader), None) is None and not reader.torn_line


def file_digest(path: str) -> str:
    """SHA-256 of a whole file, to recognise a manifest. Raises ``BadInput`` when it can't be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"{shown(path)}: cannot read it: {explain_os_error(error)}") from None


# --- writing -------------------------------------------------------------------------------------


class Writer(Generic[Row]):
    """Appends rows to a file of one kind. Changes the disk; durable after ``sync``."""

    def __init__(self, table: Table[Row], path: str, length: int | None = None) -> None:
        self._table = table
        self.file = Appender(path, length, start=table.header())
        if self.file.length == 0:
            self.file.append(table.header())

    @property
    def length(self) -> int:
        """Bytes written so far."""
        return self.file.length

    def append(self, rows: Iterable[Row]) -> None:
        """Write rows at the end; not durable before ``sync``."""
        self.file.append(b"".join(self._table.encode(row) for row in rows))

    def sync(self) -> None:
        """Return only once all rows are on the storage medium."""
        self.file.sync()

    def close(self) -> None:
        self.file.close()


class RowIds:
    """Which row_ids have been seen, in a bit each: a manifest of a million rows costs 125 kB."""

    _PAGE_BITS = 1 << 16

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}

    def add(self, row_id: int) -> bool:
        """Remember a row_id, and tell whether it is new."""
        page_number, bit = divmod(row_id, self._PAGE_BITS)
        page = self._pages.setdefault(page_number, bytearray(self._PAGE_BITS // 8))
        index, mask = bit // 8, 1 << (bit % 8)
        if page[index] & mask:
            return False
        page[index] |= mask
        return True

    def __contains__(self, row_id: int) -> bool:
        page_number, bit = divmod(row_id, self._PAGE_BITS)
        page = self._pages.get(page_number)
        return page is not None and bool(page[bit // 8] & (1 << (bit % 8)))
