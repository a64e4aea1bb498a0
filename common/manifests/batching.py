"""How a stream of work is cut: into chunks that are dated together, and batches that are carried out together."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from common.manifests.rows import ReportRow

BATCH_FILES = 1_024
BATCH_BYTES = 1 << 30
REPORT_BATCH_FILES = 4_096
BATCH_SECONDS = 2.0  # so that an interrupt is heard soon, however long dating takes

Item = TypeVar("Item")


def chunked(work: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of so many, the last one of fewer. Takes no more from the work than is asked for."""
    remaining = iter(work)
    while chunk := list(islice(remaining, size)):
        yield chunk


def row_batches(groups: Iterable[list[ReportRow]], acts: bool) -> Iterator[list[ReportRow]]:
    """Groups joined to batches that are worth a checkpoint: by number of files, bytes or time, never cutting a group.

    A batch that is only written down is lost at the cost of reading it again, and may be larger.
    """
    most_files = BATCH_FILES if acts else REPORT_BATCH_FILES
    batch: list[ReportRow] = []
    size = 0
    until = time.monotonic() + BATCH_SECONDS
    for rows in groups:
        batch += rows
        size += sum(row.size_bytes for row in rows if row.status == "planned") if acts else 0
        if len(batch) >= most_files or size >= BATCH_BYTES or time.monotonic() >= until:
            yield batch
            batch, size = [], 0
            until = time.monotonic() + BATCH_SECONDS
    if batch:
        yield batch
