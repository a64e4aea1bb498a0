"""Reading the CSV files that the scripts exchange: lazily, by byte offsets, and never believing a torn row.

Every field is quoted, the text is UTF-8 with ``surrogateescape``, so that any name which a file system allows makes the
round trip. Changes nothing.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BufferedReader

from common.errors import BadInput, StoppedEarly, explain_os_error
from common.paths import printable

MAX_LINE_BYTES = 1 << 20
# The bytes of a name must come back as they went, also where Python was told to know ASCII names only.
_ENCODING = "utf-8" if sys.platform == "win32" else sys.getfilesystemencoding()
_BOM = b"\xef\xbb\xbf"
_ROW_BOUNDARY = re.compile(rb'"\r?\n"')

# Rows are made and copied by the million, which takes frozen dataclasses two to three times as long as tuples.


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
                raise BadInput(f"{printable(path)}: {what}")
            self._file: BufferedReader = open(path, "rb")  # noqa: SIM115 - this object is the context manager
        except OSError as error:
            raise BadInput(f"{printable(path)}: cannot read it: {explain_os_error(error)}") from None
        self._line = 0
        self._position = 0
        self._digest = hashlib.sha256()
        self.columns: tuple[str, ...] = ()
        try:
            self._read_header(tuple(required))
        except BaseException:
            self._file.close()
            raise

    def _read_header(self, required: tuple[str, ...]) -> None:
        start = self._read(4096)
        if not start:
            raise BadInput(f"{printable(self.path)} is empty; give the CSV file that the step before wrote")
        if b"\0" in start:
            raise BadInput(
                f"{printable(self.path)} is not a CSV file (it holds NUL bytes); give the one from the step before"
            )
        self._position = len(_BOM) if start.startswith(_BOM) else 0
        self._file.seek(self._position)
        values = self._next_values()
        if values is None:
            raise BadInput(f"{printable(self.path)} has no complete header row; give the CSV from the step before")
        self.columns = tuple(values[0])
        self.require_columns(required)
        if len(set(self.columns)) != len(self.columns):
            raise BadInput(f"{printable(self.path)} has a column twice; give the CSV file that the step before wrote")
        self._data_start = self._position
        self._header_lines = self._line

    def require_columns(self, required: Iterable[str]) -> None:
        """Raise ``BadInput`` for the first of these columns that the header has not."""
        for column in required:
            if column not in self.columns:
                if any(";" in name or "\t" in name for name in self.columns):
                    raise BadInput(
                        f"{printable(self.path)} has its columns apart by semicolons or tabs: save it anew with commas"
                    )
                raise BadInput(
                    f"{printable(self.path)} has no column {column}; give the CSV file that the step before wrote"
                )

    def seek(self, byte_offset: int) -> None:
        """Go on at a byte offset that an earlier record's ``end`` told; 0 means the first record."""
        self._position = max(byte_offset, self._data_start)
        self.torn_line = 0
        self._torn_by_zeros = False
        if self._position == self._data_start:
            self._file.seek(0)
            self._digest = hashlib.sha256(self._read(self._data_start))
        self._line = self._header_lines
        self._file.seek(self._position)

    def file_sha256(self) -> str:
        """The digest of the whole file. Goes back to the first record."""
        try:
            self._file.seek(0)
            digest = hashlib.file_digest(self._file, "sha256").hexdigest()
        except OSError as error:
            raise _unreadable(self.path, error) from None
        self.seek(0)
        return digest

    def sha256_of_what_was_read(self) -> str:
        """The digest of the whole file, once all of it was read from its first record on: it costs no further pass."""
        while piece := self._read(MAX_LINE_BYTES):
            self._digest.update(piece)
        return self._digest.hexdigest()

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
        return f"{printable(self.path)}, line {line}"

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
            line = self._file.readline(MAX_LINE_BYTES)
        except OSError as error:
            raise _unreadable(self.path, error) from None
        self._digest.update(line)
        return line

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
            self._digest.update(tail)
        return True

    def _at_end(self) -> bool:
        following = self._read(1)
        self._digest.update(following)
        return not following

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
    return StoppedEarly(f"{printable(path)}: cannot read it: {explain_os_error(error)}; check the disk, then run again")


def has_no_rows(path: str, required: Iterable[str]) -> bool:
    """Whether a file has a header and nothing else: the normal end of a chain without new files."""
    with Reader(path, required) as reader:
        return next(iter(reader), None) is None and not reader.torn_line


# --- writing -------------------------------------------------------------------------------------
