"""Reading the CSV files that the scripts exchange, record by record, from any byte offset. Reads the disk.

Text is decoded with ``surrogateescape``, so that every name that a file system allows survives a round trip.
"""

import csv
import hashlib
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from typing import Self

from common.errors import BadInput, StoppedEarly, explain_os_error
from common.paths import open_regular_file, printable

MAX_LINE_BYTES = 1 << 20
# The encoding of file names, so that their bytes come back unchanged even if Python was started in an ASCII locale.
_ENCODING = "utf-8" if sys.platform == "win32" else sys.getfilesystemencoding()
_BOM = b"\xef\xbb\xbf"
_ROW_BOUNDARY = re.compile(rb'"\r?\n"')


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file: its fields by column, the line on which it begins, and the byte offset of its end."""

    values: dict[str, str]
    line: int
    end: int


class Reader:
    """Reads a CSV file record by record. Accepts a byte order mark, and line ends of Unix or Windows.

    A torn last row (without line end, with an open quote, or overwritten by zeros) is left out, and ``torn_line`` is
    its line. Raises ``BadInput`` for a file that is missing or not valid CSV, ``StoppedEarly`` if reading fails.
    """

    def __init__(self, path: str, required: Iterable[str]) -> None:
        self.path = path
        self.columns: tuple[str, ...] = ()
        self.torn_line = 0
        self._line = self._position = 0
        self._digest = hashlib.sha256()
        try:
            if not os.path.isfile(path):  # opening a pipe would block
                fault = "it is no regular file; give a CSV file" if os.path.lexists(path) else "there is no such file"
                raise BadInput(f"{printable(path)}: {fault}")
            self._file: BufferedReader = open_regular_file(path)
        except OSError as error:
            raise BadInput(f"{printable(path)}: cannot read it: {explain_os_error(error)}") from None
        try:
            self._read_header(required)
        except BaseException:
            self._file.close()
            raise

    def _read_header(self, required: Iterable[str]) -> None:
        start = self._read(4096)
        if not start:
            raise self._unusable("is empty; give the CSV file that the step before wrote")
        if b"\0" in start:
            raise self._unusable("is not a CSV file (it holds NUL bytes); give the one from the step before")
        self._position = len(_BOM) if start.startswith(_BOM) else 0
        self._file.seek(self._position)
        header = self._next_fields()
        if header is None:
            raise self._unusable("has no complete header row; give the CSV from the step before")
        self.columns = tuple(header[0])
        self.require_columns(required)
        if len(set(self.columns)) != len(self.columns):
            raise self._unusable("has a column twice; give the CSV file that the step before wrote")
        self._data_start = self._position
        self._header_lines = self._line

    def require_columns(self, required: Iterable[str]) -> None:
        """Raise ``BadInput`` if one of these columns is missing in the header."""
        for column in required:
            if column not in self.columns:
                if any(";" in name or "\t" in name for name in self.columns):
                    raise self._unusable("has its columns apart by semicolons or tabs: save it anew with commas")
                raise self._unusable(f"has no column {column}; give the CSV file that the step before wrote")

    def _unusable(self, fault: str) -> BadInput:
        return BadInput(f"{printable(self.path)} {fault}")

    def seek(self, byte_offset: int) -> None:
        """Continue at the ``end`` of an earlier record, or at the first record for 0."""
        self._position = max(byte_offset, self._data_start)
        self._line = self._header_lines
        self.torn_line = 0
        if self._position == self._data_start:
            self._file.seek(0)
            self._digest = hashlib.sha256()
            self._read(self._data_start)
        self._file.seek(self._position)

    def sha256_to_end(self) -> str:
        """Read to the end, and return the digest of the whole file. All of it must have been read since ``seek(0)``."""
        while self._read(MAX_LINE_BYTES):
            pass
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[Record]:
        columns = self.columns
        while (next_fields := self._next_fields()) is not None:
            fields, line = next_fields
            if len(fields) != len(columns):
                raise BadInput(
                    f"{self.where(line)}: {len(fields)} fields where the header has {len(columns)}; "
                    "restore the file or make it anew"
                )
            yield Record(dict(zip(columns, fields, strict=True)), line, self._position)

    def where(self, line: int) -> str:
        """The path and line as messages show them."""
        return f"{printable(self.path)}, line {line}"

    def _next_fields(self) -> tuple[list[str], int] | None:
        """Read the fields of the next record, and its line; None at the end of the file, or at a torn last record."""
        first_line = self._line + 1
        consumed: list[bytes] = []

        def lines() -> Iterator[str]:
            while raw := self._read(MAX_LINE_BYTES, line=True):
                has_zeros = b"\0" in raw
                if has_zeros and self._has_only_zeros_after(raw):
                    self.torn_line = first_line
                    return
                if has_zeros or len(raw) == MAX_LINE_BYTES:
                    raise BadInput(f"{self.where(self._line + 1)}: not a line of a CSV file; restore the file")
                self._line += 1
                consumed.append(raw)
                yield raw.decode(_ENCODING, "surrogateescape")

        parser = csv.reader(lines(), strict=True)
        try:
            fields = next(filter(None, parser), None)  # skips empty lines
        except csv.Error as error:
            # An open quote in the middle swallows all rows after it: that is damage, not a torn end.
            swallowed = _ROW_BOUNDARY.search(b"".join(consumed))
            if not self.torn_line and (swallowed or self._read(1)):
                raise BadInput(f"{self.where(first_line)}: {error}; restore the file or make it anew") from None
            self.torn_line = first_line
        if self.torn_line or fields is None:
            return None
        if not consumed[-1].endswith(b"\n"):
            self.torn_line = first_line
            return None
        self._position += sum(map(len, consumed))
        return fields, first_line

    def _read(self, size: int, line: bool = False) -> bytes:
        try:
            data = self._file.readline(size) if line else self._file.read(size)
        except OSError as error:
            raise self._failed(error) from None
        self._digest.update(data)
        return data

    def _has_only_zeros_after(self, raw: bytes) -> bool:
        """Whether the file holds only zeros from the first one in this line on, as some do after a power cut."""
        rest = raw[raw.index(b"\0") :]
        while rest:
            if rest.strip(b"\0"):
                return False
            rest = self._read(MAX_LINE_BYTES)
        return True

    def close(self) -> None:
        """Close the file. Errors are ignored: nothing was written, and what was read is known."""
        with suppress(OSError):
            self._file.close()

    def _failed(self, error: OSError) -> StoppedEarly:
        reason = explain_os_error(error)
        return StoppedEarly(f"{printable(self.path)}: cannot read it: {reason}; check the disk, then run again")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
