"""The CSV files of the project, as a person's own script would read and write them."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

Row = dict[str, str]


def read_rows(path: Path) -> list[Row]:
    """Every row of a CSV file. Fails when it does not parse: a row with too many or too few fields."""
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    for row in rows:
        assert None not in row, f"{path}: too many fields: {row}"
        assert None not in row.values(), f"{path}: too few fields: {row}"
    return rows


def write_rows(path: Path, rows: Sequence[Row], *, spreadsheet: bool = False) -> Path:
    """Write rows back: as the scripts do, or as a spreadsheet does (BOM, CRLF, few quotes)."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(
        buffer,
        fieldnames=list(rows[0]),
        quoting=csv.QUOTE_MINIMAL if spreadsheet else csv.QUOTE_ALL,
        lineterminator="\r\n" if spreadsheet else "\n",
    )
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(buffer.getvalue().encode("utf-8-sig" if spreadsheet else "utf-8", errors="surrogateescape"))
    return path


def by_name(rows: Sequence[Row], column: str = "source_path") -> dict[str, Row]:
    """Rows by the last part of a path; every name must occur once."""
    named = {row[column].rsplit("/", 1)[-1]: row for row in rows}
    assert len(named) == len(rows), "two rows have one name"
    return named


def statuses(rows: Sequence[Row]) -> Counter[str]:
    """How many rows have each status."""
    return Counter(row["status"] for row in rows)


def assert_each_row_once(rows: Sequence[Row]) -> None:
    """No row is there twice, by its number and by its source."""
    for column in ("row_id", "source_path"):
        twice = [value for value, count in Counter(row[column] for row in rows).items() if count > 1]
        assert not twice, f"{column} more than once: {twice}"


def edited(original: Path, change: Callable[[list[Row]], object]) -> Path:
    """A copy of a manifest beside it, after ``change`` was let loose on its rows."""
    rows = read_rows(original)
    change(rows)
    return write_rows(original.with_name("edited.csv"), rows)


def set_cell(number: int, column: str, value: str) -> Callable[[list[Row]], object]:
    return lambda rows: rows[number].update({column: value})
