"""Whole folders as JSON: any name, exact times and permissions, and a root that can be put elsewhere.

Everything that the scripts write holds absolute paths, and states count bytes. So every stored tree was made below a
root of exactly ``ROOT_BYTES`` bytes and is rebuilt below one of that length; ``{root}`` stands for it in names and
texts. What is digested, chained or sealed by the paths is computed again by ``sealing``.

Not stored: inode numbers, owners, extended attributes. The scripts compare contents where an inode is another one.
"""

from __future__ import annotations

import base64
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.compatibility.sealing import Row, parsed, printed, sealed_state, sealed_table, sha256

ROOT_BYTES = 180
PLACEHOLDER = "{root}"
STATE_SUFFIX = ".state.json"


@dataclass(frozen=True)
class Stored:
    """A file or folder: its name below the root, permissions, time, and what a file holds (None: a folder).

    ``same_as`` is the name of another file that this is a second name of.
    """

    name: str
    mode: int
    mtime_ns: int
    content: bytes | None = None
    same_as: str = ""


def padded(folder: Path) -> Path:
    """A folder (not made yet) below another one, whose path has exactly ``ROOT_BYTES`` bytes."""
    missing = ROOT_BYTES - len(os.fsencode(folder)) - 1
    assert missing > 0, f"{folder} is too long to rebuild stored trees in: give pytest a shorter --basetemp"
    return folder / "padding".ljust(missing, "-")[:missing]


def stored(root: Path) -> list[Stored]:
    """Everything below a root, folders before what is in them. Reads the disk."""
    found: list[Stored] = []
    first_names: dict[int, str] = {}
    for folder, folder_names, file_names in os.walk(root):
        folder_names.sort()
        for name in sorted([*folder_names, *file_names]):
            path = os.path.join(folder, name)
            status = os.lstat(path)
            told = os.path.relpath(path, root).replace(str(root), PLACEHOLDER)
            if stat.S_ISDIR(status.st_mode):
                if not _leads_to_root(told, root):
                    found.append(Stored(told, stat.S_IMODE(status.st_mode), status.st_mtime_ns))
                continue
            assert stat.S_ISREG(status.st_mode), f"{path} is no file: only files and folders can be stored"
            same_as = first_names.setdefault(status.st_ino, told)
            content = b"" if same_as != told else Path(path).read_bytes()
            found.append(
                Stored(
                    told,
                    stat.S_IMODE(status.st_mode),
                    status.st_mtime_ns,
                    content.replace(os.fsencode(root), PLACEHOLDER.encode()),
                    "" if same_as == told else same_as,
                )
            )
    return found


def _leads_to_root(name: str, root: Path) -> bool:
    """Whether a folder of a quarantine stands there for a part of the root's path: another root has other ones."""
    return any(name.endswith(f"/files{parent}") for parent in root.parents if parent.name)


def save(path: Path, entries: list[Stored], library: dict[str, bytes], base: str = "") -> None:
    """Write stored entries as JSON that can be read in a diff. Changes the disk.

    ``base`` is another case of the same version, from which only what differs is told. What is a photo of the library
    is told by the photo's name. In a row of a table, 0 stands for what the row before has, and another number for what
    a column before has: 1 is the first.
    """
    names = {content: name for name, content in library.items()}
    before = load(_tree_of(path, base), library) if base else []
    gone = {entry.name for entry in before} - {entry.name for entry in entries}
    documents = [_document(entry, names) for entry in entries if entry not in before]
    lines = ",\n".join(json.dumps(document) for document in documents)
    path.write_text(
        f'{{"base": {json.dumps(base)},\n"gone": {json.dumps(sorted(gone))},\n"entries": [\n{lines}\n]}}\n', "ascii"
    )


def _tree_of(path: Path, base: str) -> Path:
    return path.parent.parent / base / path.name


def _document(entry: Stored, names: dict[bytes, str]) -> dict[str, Any]:
    document: dict[str, Any] = {"name": entry.name, "mode": f"{entry.mode:o}", "mtime_ns": entry.mtime_ns}
    if entry.same_as:
        document["same_as"] = entry.same_as
    elif entry.content is not None:
        document["content"] = _told_content(entry.name, entry.content, names)
    return document


def _told_content(name: str, content: bytes, names: dict[bytes, str]) -> Any:
    if content in names:
        return {"photo": names[content]}
    text = content.decode("utf-8", "surrogateescape")
    if "\0" in text:
        return {"base64": base64.b64encode(content).decode("ascii")}
    if name.endswith(STATE_SUFFIX) and json.dumps(json.loads(text), indent=1) + "\n" == text:
        return {"json": json.loads(text)}
    if not name.endswith(".csv"):
        return text
    columns, rows = parsed(text)
    assert printed(columns, rows) == text, f"{name} is not written as the scripts write tables"
    return {"columns": columns, "rows": _short_rows(columns, rows)}


def _short_rows(columns: list[str], rows: list[Row]) -> list[list[str | int]]:
    before: Row = {}
    told: list[list[str | int]] = []
    for row in rows:
        values = [row[column] for column in columns]
        told.append([])
        for place, (column, value) in enumerate(zip(columns, values, strict=True)):
            first = values.index(value)
            is_worth_it = first < place and len(value) > 2
            told[-1].append(0 if value == before.get(column) else first + 1 if is_worth_it else value)
        before = row
    return told


def _whole_rows(columns: list[str], told: list[list[str | int]]) -> list[Row]:
    rows: list[Row] = []
    for short in told:
        row: Row = {}
        for column, value in zip(columns, short, strict=True):
            if isinstance(value, int):
                row[column] = row[columns[value - 1]] if value else rows[-1][column]
            else:
                row[column] = value
        rows.append(row)
    return rows


def load(path: Path, library: dict[str, bytes]) -> list[Stored]:
    """The inverse of ``save``: folders before what is in them. Reads the disk."""
    document = json.loads(path.read_bytes())
    base = load(_tree_of(path, document["base"]), library) if document["base"] else []
    entries = {entry.name: entry for entry in base if entry.name not in document["gone"]}
    entries |= {each["name"]: _entry(each, library) for each in document["entries"]}
    # A second name of a file comes after the first.
    return sorted(entries.values(), key=lambda entry: (bool(entry.same_as), entry.name.count("/"), entry.name))


def _entry(document: dict[str, Any], library: dict[str, bytes]) -> Stored:
    content = _content_of(document["content"], library) if "content" in document else None
    if "same_as" in document:
        content = b""
    mode = int(document["mode"], 8)
    return Stored(document["name"], mode, document["mtime_ns"], content, document.get("same_as", ""))


def _content_of(told: Any, library: dict[str, bytes]) -> bytes:
    if isinstance(told, str):
        return told.encode("utf-8", "surrogateescape")
    if "photo" in told:
        return library[told["photo"]]
    if "base64" in told:
        return base64.b64decode(told["base64"])
    if "json" in told:
        return (json.dumps(told["json"], indent=1) + "\n").encode("ascii")
    columns = told["columns"]
    return printed(columns, _whole_rows(columns, told["rows"])).encode("utf-8", "surrogateescape")


def put_below(entries: list[Stored], root: str, old_root: str) -> list[Stored]:
    """The entries as they would be had the scripts worked below ``root`` instead of ``old_root``. Pure.

    Below the old root they come out as they were written: a test holds ``sealing`` to that.
    """
    renamed: dict[str, str] = {}
    tables: dict[str, bytes] = {}
    for entry in entries:
        if entry.name.endswith(".csv") and entry.content:
            text = entry.content.decode("utf-8", "surrogateescape")
            sealed, seals = sealed_table(text.replace(PLACEHOLDER, root))
            renamed |= seals
            tables[entry.name] = sealed.encode("utf-8", "surrogateescape")
            was = text.replace(PLACEHOLDER, old_root).encode("utf-8", "surrogateescape")
            renamed[sha256(was)] = sha256(tables[entry.name])
    placed = []
    for entry in entries:
        name, content = entry.name, entry.content
        if name in tables:
            content = tables[name]
        elif name.endswith(STATE_SUFFIX) and content:
            content = sealed_state(content.decode("ascii"), root, renamed, PLACEHOLDER).encode("ascii")
            for digest, digest_now in renamed.items():
                name = name.replace(f"-{digest[:12]}", f"-{digest_now[:12]}")
        name = name.replace(PLACEHOLDER, root)
        same_as = entry.same_as.replace(PLACEHOLDER, root)
        placed.append(Stored(name, entry.mode, entry.mtime_ns, content, same_as))
    return placed


def rebuild(entries: list[Stored], root: Path) -> None:
    """Make the files and folders of ``put_below`` on the disk. Raises ``OSError`` for a name that it can't hold."""
    root.mkdir(parents=True)
    for entry in entries:
        path = os.path.join(root, entry.name)
        _make_folders(os.path.dirname(path))
        if entry.content is None:
            os.mkdir(path, 0o700)
        elif entry.same_as:
            os.link(os.path.join(root, entry.same_as), path)
        else:
            with open(path, "xb") as file:
                file.write(entry.content)
    for entry in reversed(entries):  # what is in a folder before the folder itself
        path = os.path.join(root, entry.name)
        os.chmod(path, entry.mode)
        os.utime(path, ns=(entry.mtime_ns, entry.mtime_ns))


def _make_folders(path: str) -> None:
    if not os.path.isdir(path):
        _make_folders(os.path.dirname(path))
        os.mkdir(path, 0o700)
