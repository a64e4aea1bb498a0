"""The rows of the CSV files that the scripts exchange: encoding, decoding and appending them.

The fields of a row class are the columns of its file, in this order; they are not listed anywhere else.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar, get_type_hints

from common.errors import BadInput
from common.fileops.writing import Appender
from common.paths import read_prefix
from common.timestamps import may_be_same_time, mtime_nanoseconds

# Named tuples, since rows are made and copied by the million: frozen dataclasses take two to three times as long.


class ReportRow(NamedTuple):
    """One file of the source in ``report.csv``: its destination, and what was done with it."""

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
    """One row of ``verified.csv`` or ``unverified.csv``: what was proved about a pair of files, or why nothing was.

    ``report_status`` is the status in the report. ``source_inode`` and ``archive_inode`` are ``device:inode``.
    ``read_mode`` is that of the archive copy.
    ``row_seal`` is a digest of all other fields.
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
    source_read_mode: str
    verified_at: str
    row_seal: str


class JournalRow(NamedTuple):
    """One intention or outcome of apply in ``journal.csv``.

    A file is renamed from ``from_path`` to ``to_path``, which is empty for a purge (an unlink) and for a pruned folder,
    whose permissions are in ``reason``. ``folder`` is the folder of the source that the action changes,
    ``folder_mtime`` its modification time before. ``chain`` is a digest of the row's other fields and of the previous
    row's chain.
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
    """The format of one kind of file. ``newer`` columns may be missing: version 155a136 did not write them."""

    def __init__(self, row_class: type[Row], newer: Iterable[str] = ()) -> None:
        self._row_class = row_class
        self.columns = row_class._fields
        self.required = tuple(column for column in self.columns if column not in newer)
        types = get_type_hints(row_class)
        self._integers = tuple((index, column) for index, column in enumerate(self.columns) if types[column] is int)

    def header(self) -> bytes:
        """Encode the header row."""
        return encode_record(self.columns)

    def columns_of(self, path: str) -> tuple[str, ...]:
        """The columns of a file that an earlier call began, maybe with an older version. Reads the disk."""
        older = encode_record(self.required)
        return self.required if read_prefix(path, len(older)) == older else self.columns

    def encode(self, row: Row, columns: Sequence[str] = ()) -> bytes:
        """Encode a row as a line of the file, with these ``columns`` if given."""
        if not columns or columns == self.columns:
            return encode_record(map(str, row))
        values = self.as_text(row)
        return encode_record(values[column] for column in columns)

    def as_text(self, row: Row) -> dict[str, str]:
        """The fields of a row by column, as they are written to the file."""
        return dict(zip(self.columns, map(str, row), strict=True))

    def decode(self, values: dict[str, str], where: str) -> Row:
        """Make a row from text fields; a missing text is empty. Raises ``BadInput`` with ``where`` in the message."""
        fields: list[Any] = [values.get(column, "") for column in self.columns]
        for index, column in self._integers:
            text = values.get(column, "")
            if not (text.isascii() and text.isdecimal() and len(text) <= 19):
                raise BadInput(f"{where}: column {column} holds {text[:40]!r}, not a whole number")
            fields[index] = int(text)
        return self._row_class(*fields)


REPORT = Table(ReportRow)
VERIFY = Table(VerifyRow, newer=("source_read_mode",))
JOURNAL = Table(JournalRow)

VERIFY_INPUT_COLUMNS = (
    "run_id row_id source_path destination_path source_root archive_root archive_id media_kind group_id size_bytes "
    "source_mtime status sha256"
).split()
"""The columns that verify needs in its input: a report, or an output of verify."""


class Writer(Appender, Generic[Row]):
    """Appends rows to a file of one kind, after its header. Changes the disk; rows are durable after ``sync``."""

    def __init__(self, table: Table[Row], path: str, length: int | None = None) -> None:
        self.columns = table.columns_of(path) if length else table.columns
        header = encode_record(self.columns)
        super().__init__(path, length, start=header)
        self._table = table
        if self.length == 0:
            self.append(header)

    def append_rows(self, rows: Iterable[Row]) -> None:
        """Append rows; they are durable after ``sync``. Raises ``StoppedEarly``."""
        self.append(b"".join(self._table.encode(row, self.columns) for row in rows))


def has_lost_time(row: VerifyRow) -> bool:
    """Whether the archive copy of a file has another modification time, not only a rounded one. Pure.

    That of a duplicate may have it: it is a copy of another file.
    """
    if row.report_status != "copied" or not row.archive_mtime or row.source_mtime == row.archive_mtime:
        return False
    return not may_be_same_time(mtime_nanoseconds(row.source_mtime), mtime_nanoseconds(row.archive_mtime))


class RowIds:
    """A set of row_ids, stored as bits in pages: a million consecutive ones take 125 kB."""

    _PAGE_BITS = 1 << 16

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}

    def add(self, row_id: int) -> bool:
        """Add a row_id; return whether it is new."""
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


def encode_record(values: Iterable[str]) -> bytes:
    """Encode a CSV record with every field in quotes (RFC 4180), ended by a line feed."""
    fields = list(values)
    joined = '","'.join(fields)
    if joined.count('"') > 2 * (len(fields) - 1):  # a field holds a quote: rare
        joined = '","'.join(field.replace('"', '""') for field in fields)
    return f'"{joined}"\n'.encode("utf-8", "surrogateescape")


def checksum_line(sha256: str, relative_path: str) -> bytes:
    """Make a line of SHA256SUMS as GNU ``sha256sum -c`` reads it (coreutils manual, "cksum output modes").

    A backslash before the digest marks a name in which a backslash, line feed or carriage return is escaped.
    """
    escaped = relative_path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "\\" if escaped != relative_path else ""
    return f"{mark}{sha256}  {escaped}\n".encode("utf-8", "surrogateescape")
