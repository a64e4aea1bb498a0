"""The digests in the project's files, computed again from what docs/files.md and the old versions' files say.

Written without a look at the product's own code at run time, on purpose: whoever changes the product's digests finds
here that the files of older versions would not be believed any more.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

Row = dict[str, str]


def sha256(data: bytes) -> str:
    """SHA-256 in lower-case hex, as it stands everywhere."""
    return hashlib.sha256(data).hexdigest()


def parsed(text: str) -> tuple[list[str], list[Row]]:
    """The columns and the rows of a CSV file."""
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    rows = list(reader)
    return list(reader.fieldnames or ()), rows


def printed(columns: list[str], rows: Iterable[Row]) -> str:
    """A CSV file as the scripts write it: every field in quotes, lines that end in a line feed."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, columns, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def _digest(parts: Iterable[str]) -> str:
    """Of several texts: each with its length in bytes and a colon before it."""
    whole = bytearray()
    for part in parts:
        data = part.encode("utf-8", "surrogateescape")
        whole += str(len(data)).encode() + b":" + data
    return sha256(bytes(whole))


def row_seal(columns: list[str], row: Row) -> str:
    """The ``row_seal`` of a row of verified.csv or unverified.csv."""
    return _digest(f"{column}={row[column]}" for column in columns if column != "row_seal")


def chain(columns: list[str], row: Row, before: str) -> str:
    """The ``chain`` of a row of a journal, behind a row with the chain ``before``."""
    return _digest([before, *(f"{column}={row[column]}" for column in columns if column != "chain")])


def first_chain(run_id: str) -> str:
    """What the first row of a journal is chained to."""
    return _digest(["journal", run_id])


def state_seal(document: Mapping[str, Any]) -> str:
    """The ``seal`` of a state file."""
    unsealed = {name: value for name, value in document.items() if name != "seal"}
    return sha256(json.dumps(unsealed, sort_keys=True).encode("ascii"))


def sealed_table(text: str) -> tuple[str, dict[str, str]]:
    """A CSV file with its seals or chains computed again, and what each of them was before."""
    columns, rows = parsed(text)
    assert printed(columns, rows) == text, "this table is not written as the scripts write tables"
    renamed = {}
    if "row_seal" in columns:
        for row in rows:
            seal = row_seal(columns, row)
            renamed[row["row_seal"]] = seal
            row["row_seal"] = seal
    if "chain" in columns and rows:
        before = first_chain(rows[0]["run_id"])
        for row in rows:
            before = chain(columns, row, before)
            renamed[row["chain"]] = before
            row["chain"] = before
    return printed(columns, rows), renamed


def sealed_state(text: str, root: str, renamed: Mapping[str, str], placeholder: str) -> str:
    """A state file with a root in the place of ``placeholder``, digests exchanged by ``renamed``, sealed again."""

    def exchanged(value: Any) -> Any:
        if isinstance(value, str):
            return renamed.get(value, value.replace(placeholder, root))
        if isinstance(value, list):
            return [exchanged(each) for each in value]
        if isinstance(value, dict):
            return {name: exchanged(each) for name, each in value.items()}
        return value

    document = exchanged(json.loads(text))
    # Its place among the names is kept: it is assigned, not added.
    document["seal"] = state_seal(document)
    return json.dumps(document, indent=1) + "\n"
