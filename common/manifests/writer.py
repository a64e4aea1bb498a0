"""Appending rows to a CSV file. Changes the disk through ``fileops``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic

from common.fileops.writing import Appender
from common.manifests.rows import Row, Table


class Writer(Appender, Generic[Row]):
    """Appends rows to a file of one kind, with its header. Changes the disk; the rows are durable after ``sync``."""

    def __init__(self, table: Table[Row], path: str, length: int | None = None) -> None:
        super().__init__(path, length, start=table.header())
        self._table = table
        if self.length == 0:
            self.append(table.header())

    def append_rows(self, rows: Iterable[Row]) -> None:
        """Write rows at the end; they are not durable before ``sync``. Raises ``StoppedEarly``."""
        self.append(b"".join(map(self._table.encode, rows)))
