"""Appending rows to a CSV file. Changes the disk through ``fileops``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic

from common.fileops.writing import Appender
from common.manifests.rows import Row, Table


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
