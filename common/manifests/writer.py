"""Appending rows to a CSV file. Changes the disk through ``fileops``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic

from common.fileops.writing import Appender
from common.manifests.rows import Row, Table


class Writer(Generic[Row]):
    """Appends rows to a file of one kind. Changes the disk; the rows are durable after ``sync``."""

    def __init__(self, table: Table[Row], path: str, length: int | None = None) -> None:
        self._table = table
        self._file = Appender(path, length, start=table.header())
        if self._file.length == 0:
            self._file.append(table.header())

    @property
    def length(self) -> int:
        """Bytes written so far."""
        return self._file.length

    def append(self, rows: Iterable[Row]) -> None:
        """Write rows at the end; they are not durable before ``sync``."""
        self._file.append(b"".join(map(self._table.encode, rows)))

    def sync(self) -> None:
        """Return only when all rows are on the storage medium."""
        self._file.sync()

    def close(self) -> None:
        self._file.close()
