#!/usr/bin/env python3
"""Read report.csv, verified.csv or unverified.csv with pandas, and show the library by year and by evidence.

    python3 -m pip install pandas
    python3 read_with_pandas.py report.csv

Changes nothing. What matters is in ``read_manifest``: paste that.
"""

from __future__ import annotations

import sys

import pandas as pd  # type: ignore[import-not-found,import-untyped,unused-ignore]  # it is optional


def read_manifest(path: str) -> pd.DataFrame:
    """Every row, every name as it is on the disk, with numbers and times as such where they are certain."""
    table = pd.read_csv(
        path,
        dtype=str,  # nothing is guessed: a digest may look like a number
        keep_default_na=False,  # an empty field is an empty text
        encoding="utf-8-sig",  # with or without a byte order mark
        encoding_errors="surrogateescape",  # names that are no UTF-8 come back byte for byte, for os.fsencode
    )
    for column in ("row_id", "group_id", "size_bytes"):
        table[column] = pd.to_numeric(table[column].replace("", "0"))
    # To the nanosecond. (capture_date stays text: it is a wall clock, in many zones, sometimes a day alone.)
    table["source_mtime"] = pd.to_datetime(table["source_mtime"].replace("", None), utc=True, format="ISO8601")
    return table


def main() -> None:
    table = read_manifest(sys.argv[1])
    print(table.groupby("status")["size_bytes"].agg(files="count", size_bytes="sum"))
    if "capture_date" in table.columns:
        print(table.assign(year=table["capture_date"].str[:4]).groupby("year")["size_bytes"].agg(files="count"))
        print(table.loc[table["review"] != "", ["row_id", "review"]].to_string(index=False))


if __name__ == "__main__":
    main()
