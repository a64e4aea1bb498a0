"""Manifests, journals and state files, spoiled in all the ways that people, programs and disks spoil them.

A mutation is *forged* when its seals or chains were made to fit again: no accident does that, and such a file may
well be acted on; but even then nothing may be destroyed whose copy is not there. All else is found out.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from common.manifests.integrity import chain_of, first_chain, seal_of
from common.manifests.rows import JOURNAL, VERIFY

Row = dict[str, str]

HASH_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Mutation:
    """A spoiled file. ``must_be_refused``: no run may accept it at all."""

    what: str
    data: bytes
    forged: bool = False
    must_be_refused: bool = False


@dataclass(frozen=True, slots=True)
class Bait:
    """What a mutation may lead a run to: files that must not be touched, roots, and rows that prove nothing."""

    paths: Sequence[str]
    roots: Sequence[str]
    unverified: Sequence[Row]


# --- tables ----------------------------------------------------------------------------------------


def mutate_table(data: bytes, dice: random.Random, bait: Bait) -> Mutation:
    """Spoil a CSV file: its bytes, its cells or its rows."""
    if dice.random() < 0.25:
        return _mutate_bytes(data, dice)
    rows = _parse(data)
    kind = "verified" if "row_seal" in rows[0] else "journal" if "chain" in rows[0] else "report"
    change = dice.choice(_ROW_CHANGES)
    before = [dict(row) for row in rows]
    what, certain = change(rows, dice, bait)
    if not rows or rows == before:
        return Mutation(f"{what}: nothing", data)
    forged = kind != "report" and dice.random() < 0.35 and _forge(rows, kind, dice)
    sealed = kind != "report" and not forged and _is_found_out(before, rows, kind)
    refused = sealed or (certain and kind == "verified")
    return Mutation(f"{what}{', forged' if forged else ''}", _format(rows, dice), forged, refused)


def _parse(data: bytes) -> list[Row]:
    text = data.decode("utf-8", "surrogateescape")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def _format(rows: Sequence[Row], dice: random.Random) -> bytes:
    """As the scripts write it, or as a spreadsheet does: BOM, CRLF, few quotes."""
    spreadsheet = dice.random() < 0.1
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(
        buffer,
        list(rows[0]),
        extrasaction="ignore",
        quoting=csv.QUOTE_MINIMAL if spreadsheet else csv.QUOTE_ALL,
        lineterminator="\r\n" if spreadsheet else "\n",
    )
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode("utf-8-sig" if spreadsheet else "utf-8", "surrogateescape")


def _forge(rows: list[Row], kind: str, dice: random.Random) -> bool:
    """Make seals and chains fit again, as nobody does by accident. False where a column is missing."""
    columns = VERIFY.columns if kind == "verified" else JOURNAL.columns
    if any(column not in row for row in rows for column in columns):
        return False
    chain = first_chain(rows[0]["run_id"])
    for number, row in enumerate(rows, 1):
        if kind == "verified":
            row["row_seal"] = seal_of(row)
        else:
            row["sequence"] = str(number)
            row["chain"] = chain = chain_of(row, chain)
    return True


def _is_found_out(before: list[Row], after: list[Row], kind: str) -> bool:
    """Whether a seal or a chain must show the change: a sealed row changed or doubled, a journal not a beginning."""
    if kind == "journal":
        return after != before[: len(after)]
    known = [tuple(row.get(column) for column in VERIFY.columns) for row in before]
    seen = [tuple(row.get(column) for column in VERIFY.columns) for row in after]
    return len(set(seen)) < len(seen) or not set(seen) <= set(known)


RowChange = Callable[[list[Row], random.Random, Bait], tuple[str, bool]]
"""Changes rows in place; says what it did, and whether every reader must refuse that, forged or not."""


def _spoil_hash(rows: list[Row], dice: random.Random, _bait: Bait) -> tuple[str, bool]:
    row = dice.choice(rows)
    digest = row["sha256"]
    bad = {
        "blank": "",
        "short": digest[: dice.randrange(1, HASH_LENGTH)],
        "long": digest + "0",
        "upper-case": "ABCDEF" + digest[6:].upper(),
        "not hex": "g" * HASH_LENGTH,
        "blanks around": f" {digest}",
        "another": dice.choice(rows)["sha256"],
        "zeros": "0" * HASH_LENGTH,
        "of nothing": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }
    how = dice.choice(sorted(bad))
    row["sha256"] = bad[how]
    well_formed = how in ("another", "zeros", "of nothing")
    return f"hash {how}", not well_formed and row.get("status") != "archive_intact"


def _spoil_path(rows: list[Row], dice: random.Random, bait: Bait) -> tuple[str, bool]:
    row = dice.choice(rows)
    columns = ["source_path", "destination_path"] + [name for name in ("from_path", "to_path") if name in row]
    column = dice.choice(columns)
    path = row[column]
    folder, _, name = path.rpartition("/")
    ways = [
        f"{folder}/../{name}",
        f"{folder}/./{name}",
        f"{folder}//{name}",
        f"{path}/",
        path.lstrip("/"),
        path + "\0.jpg",
        path.swapcase(),
        name,
        "",
        dice.choice(rows)[dice.choice(columns)],
        *bait.paths,
        row["source_root"] + "/../outside/x.jpg",
    ]
    row[column] = dice.choice(ways)
    return f"{column} {row[column]!r}", False


def _spoil_root(rows: list[Row], dice: random.Random, bait: Bait) -> tuple[str, bool]:
    column = dice.choice(("source_root", "archive_root"))
    root = dice.choice((*bait.roots, "/", "", rows[0][column] + "/", rows[0][column] + "/.."))
    for row in rows if dice.random() < 0.5 else [dice.choice(rows)]:
        row[column] = root
    return f"{column} {root!r}", False


def _spoil_run_id(rows: list[Row], dice: random.Random, _bait: Bait) -> tuple[str, bool]:
    run_id = rows[0]["run_id"]
    strange = dice.choice(
        (str(uuid.UUID(int=dice.getrandbits(128), version=4)), "", run_id.upper(), run_id[:-1], "auto")
    )
    everywhere = dice.random() < 0.5
    for row in rows if everywhere else [dice.choice(rows)]:
        row["run_id"] = strange
    return f"run_id {strange!r}", not everywhere and len(rows) > 1


def _spoil_cell(rows: list[Row], dice: random.Random, _bait: Bait) -> tuple[str, bool]:
    row = dice.choice(rows)
    column = dice.choice(list(row))
    old = row[column]
    numbers = ("0", "-1", "1", str(2**63), "9" * 30, "1e3", " 7", "\u0663", "1,024", "NaN")
    texts = (
        "",
        " ",
        old + " ",
        old.upper(),
        old[:-1],
        old * 2,
        "identical",
        "moved",
        "planned",
        "\0",
        "\r",
        '"',
        "=1+1",
    )
    row[column] = dice.choice((*numbers, *texts, dice.choice(rows)[column], row[dice.choice(list(row))]))
    return f"{column} {row[column][:40]!r}", False


def _swap_cells(rows: list[Row], dice: random.Random, _bait: Bait) -> tuple[str, bool]:
    one, other = dice.choice(rows), dice.choice(rows)
    columns = dice.sample(list(one), dice.randrange(1, 6))
    for column in columns:
        one[column], other[column] = other[column], one[column]
    return f"swapped between two rows: {columns}", False


def _shift_column(rows: list[Row], dice: random.Random, _bait: Bait) -> tuple[str, bool]:
    """A spreadsheet's sort of one column alone."""
    column = dice.choice(list(rows[0]))
    values = [row[column] for row in rows]
    for row, value in zip(rows, values[1:] + values[:1], strict=True):
        row[column] = value
    return f"column {column} moved by a row", False


def _delete_rows(rows: list[Row], dice: random.Random, _bait: Bait) -> tuple[str, bool]:
    for _ in range(dice.randrange(1, len(rows) + 1)):
        del rows[dice.randrange(len(rows))]
    return "rows deleted", False


def _double_row(rows: list[Row], dice: random.Random, _bait: Bait) -> tuple[str, bool]:
    rows.insert(dice.randrange(len(rows) + 1), dict(dice.choice(rows)))
    return "a row doubled", True


def _reorder_rows(rows: list[Row], dice: random.Random, _bait: Bait) -> tuple[str, bool]:
    dice.shuffle(rows)
    return "rows reordered", False


def _add_unproved_row(rows: list[Row], dice: random.Random, bait: Bait) -> tuple[str, bool]:
    if "row_seal" not in rows[0] or not bait.unverified:
        return "no row to add", False
    row = dict(dice.choice(bait.unverified))
    claimed = dice.random() < 0.5
    if claimed:
        row |= {"status": "identical", "sha256": row["sha256"] or "0" * HASH_LENGTH}
    rows.insert(dice.randrange(len(rows) + 1), row)
    return "a row from unverified.csv" + (" called identical" if claimed else ""), not claimed


def _change_columns(rows: list[Row], dice: random.Random, _bait: Bait) -> tuple[str, bool]:
    column = dice.choice(list(rows[0]))
    new = dice.choice(("", column.upper(), "comment", dice.choice(list(rows[0]))))
    drop = dice.random() < 0.5
    for row in rows:
        value = row.pop(column)
        if not drop:
            row[new] = value
    return f"column {column} {'dropped' if drop else f'called {new!r}'}", True


_ROW_CHANGES: tuple[RowChange, ...] = (
    _spoil_hash,
    _spoil_hash,
    _spoil_path,
    _spoil_path,
    _spoil_path,
    _spoil_root,
    _spoil_run_id,
    _spoil_cell,
    _spoil_cell,
    _swap_cells,
    _shift_column,
    _delete_rows,
    _double_row,
    _reorder_rows,
    _add_unproved_row,
    _change_columns,
)


# --- bytes -----------------------------------------------------------------------------------------


def _mutate_bytes(data: bytes, dice: random.Random) -> Mutation:
    """Spoil a file without a look at what it means: flipped bits, lost and doubled blocks, NULs, a torn end."""
    spoiled = bytearray(data)
    what = ""
    for _ in range(dice.choice((1, 1, 1, 2, 5))):
        what = dice.choice(sorted(_BYTE_CHANGES))
        _BYTE_CHANGES[what](spoiled, dice)
    return Mutation(f"bytes: {what}", bytes(spoiled))


def _span(data: bytearray, dice: random.Random) -> slice:
    start = dice.randrange(len(data) + 1)
    return slice(start, start + dice.choice((1, 1, 4, 64, 512, 4096)))


def _flip(data: bytearray, dice: random.Random) -> None:
    if data:
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def _drop(data: bytearray, dice: random.Random) -> None:
    del data[_span(data, dice)]


def _double(data: bytearray, dice: random.Random) -> None:
    span = _span(data, dice)
    data[span.start : span.start] = data[span]


def _blank(data: bytearray, dice: random.Random) -> None:
    span = _span(data, dice)
    data[span] = bytes(len(data[span]))


def _cut(data: bytearray, dice: random.Random) -> None:
    del data[dice.randrange(len(data) + 1) :]


def _append(data: bytearray, dice: random.Random) -> None:
    data += dice.choice((b"\n", b'"', b"\0" * 512, b'"a","b"\n', bytes(data), dice.randbytes(40)))


def _put(data: bytearray, dice: random.Random) -> None:
    place = dice.randrange(len(data) + 1)
    data[place:place] = dice.choice((b'"', b",", b"\n", b"\r", b"\r\n", b'"\n"', b"\\", b"\xff", b"\0"))


def _exchange(data: bytearray, dice: random.Random) -> None:
    lines = bytes(data).splitlines(keepends=True)
    if len(lines) > 1:
        one, other = dice.randrange(len(lines)), dice.randrange(len(lines))
        lines[one], lines[other] = lines[other], lines[one]
    data[:] = b"".join(lines)


def _other_encoding(data: bytearray, _dice: random.Random) -> None:
    data[:] = bytes(data).decode("utf-8", "replace").encode("utf-16")


def _other_separator(data: bytearray, _dice: random.Random) -> None:
    data[:] = bytes(data).replace(b'","', b'";"')


_BYTE_CHANGES: dict[str, Callable[[bytearray, random.Random], None]] = {
    "flipped": _flip,
    "dropped": _drop,
    "doubled": _double,
    "blanked": _blank,
    "cut": _cut,
    "appended": _append,
    "put in": _put,
    "lines exchanged": _exchange,
    "UTF-16": _other_encoding,
    "semicolons": _other_separator,
}


# --- state files -----------------------------------------------------------------------------------


def mutate_json(data: bytes, dice: random.Random, bait: Bait) -> Mutation:
    """Spoil a state file: its bytes, or a value or two somewhere in it."""
    if dice.random() < 0.25:
        return _mutate_bytes(data, dice)
    document = json.loads(data)
    forged = dice.random() < 0.5
    what = "nothing"
    for _ in range(dice.choice((1, 1, 2))):
        holder, key = dice.choice(_leaves(document, to_forge=forged))
        if dice.random() < 0.1 and isinstance(holder, dict):
            del holder[key]
            what = f"{key} dropped"
        else:
            holder[key] = _other_value(holder[key], dice, bait)
            what = f"{key} = {str(holder[key])[:60]!r}"
    if forged:
        document.pop("seal", None)
        text = json.dumps(document, sort_keys=True)
        document["seal"] = hashlib.sha256(text.encode("ascii")).hexdigest()
    spoiled = json.dumps(document, indent=1).encode() + b"\n"
    refused = not forged and spoiled != data
    return Mutation(f"state: {what}{', forged' if forged else ''}", spoiled, forged, refused)


def _leaves(value: Any, *, to_forge: bool) -> list[tuple[Any, Any]]:
    """Every place in a JSON document, as its holder and its key there.

    A forger is not given the outputs: who names a photo as the file to write to, and seals that, has asked for it.
    """
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    if to_forge and "outputs" in keys:
        keys.remove("outputs")
    found = [(value, key) for key in keys]
    for key in keys:
        found += _leaves(value[key], to_forge=to_forge)
    return found


def _other_value(value: Any, dice: random.Random, bait: Bait) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return dice.choice(
            (value + 1, value - 1, value + dice.randrange(1, 3000), 0, -1, 2**40, str(value), None, value / 2)
        )
    if isinstance(value, str):
        return dice.choice(
            ("", value[:-1], value.upper(), *bait.paths, *bait.roots, "0" * HASH_LENGTH, None, 7, [value])
        )
    return dice.choice((None, [], {}, "", 0, [value]))
