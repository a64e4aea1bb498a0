#!/usr/bin/env python3
"""Load manifests into an SQLite database, a table for each, named after its file.

    python3 load_into_sqlite.py photos.db report.csv verified.csv unverified.csv
    sqlite3 photos.db "SELECT status, count(*) FROM report GROUP BY status"

Changes the disk: the database; a table that is there already is made anew. Needs Python alone.
"""

from __future__ import annotations

import csv
import sqlite3
import sys
from pathlib import Path

NUMBERS = ("row_id", "group_id", "size_bytes", "sequence")


def load(database: sqlite3.Connection, path: Path) -> None:
    """Make the table of one CSV file. Whole files or nothing: it is one transaction."""
    # newline="": the csv module must see the line breaks inside names as they are.
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file, database:
        rows = csv.reader(file, strict=True)
        columns = next(rows)
        kinds = ", ".join(f'"{name}" {"INTEGER" if name in NUMBERS else "TEXT"}' for name in columns)
        database.execute(f'DROP TABLE IF EXISTS "{path.stem}"')
        database.execute(f'CREATE TABLE "{path.stem}" ({kinds})')
        # As bytes, cast to text: so that names which are no UTF-8 keep their bytes.
        marks = ", ".join("CAST(? AS TEXT)" for _ in columns)
        database.executemany(
            f'INSERT INTO "{path.stem}" VALUES ({marks})',
            ([value.encode("utf-8", "surrogateescape") for value in row] for row in rows),
        )


def main() -> None:
    database = sqlite3.connect(sys.argv[1])
    for path in sys.argv[2:]:
        load(database, Path(path))
    database.close()


if __name__ == "__main__":
    main()
