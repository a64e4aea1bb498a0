"""The state file of a run: JSON, replaced atomically, from which the next call goes on exactly there."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from typing import Any

from common.errors import BadInput, StoppedEarly, explain_os_error
from common.fileops.writing import write_atomically
from common.paths import printable

SCHEMA = "media-archive-state/1"
SUFFIX = ".state.json"


@dataclass(frozen=True)
class Manifest:
    """The input that a state belongs to: its digest, and how many rows and bytes of media it lists."""

    path: str
    sha256: str
    rows: int
    media_bytes: int


@dataclass(frozen=True)
class RunState:
    """How far a run has come.

    ``settings`` are the options that a later call must repeat. ``next_offset`` counts rows,
    ``byte_offset`` is where the next row stands in the manifest. ``end_offset`` is the row behind
    the last one that this run is to handle (-1: the end of the manifest). ``outputs`` maps the
    kind of an output to its path and its length in bytes at this checkpoint. ``pending`` holds
    rows that may have been carried out but are not recorded yet; where only their number matters, ``under_way`` is how
    many rows from ``next_offset`` on have been begun. ``chain`` is that of the journal's last row.
    """

    tool: str
    run_id: str
    settings: dict[str, str]
    manifest: Manifest | None = None
    next_offset: int = 0
    byte_offset: int = 0
    end_offset: int = -1
    counts: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, tuple[str, int]] = field(default_factory=dict)
    pending: tuple[dict[str, str], ...] = ()
    under_way: int = 0
    chain: str = ""
    complete: bool = False

    @property
    def last_offset(self) -> int:
        """The row behind the last one that this run is to handle, as far as the state knows its manifest."""
        rows = self.manifest.rows if self.manifest else 0
        return min(self.end_offset, rows) if self.end_offset >= 0 else rows

    @property
    def remaining_rows(self) -> int:
        """How many rows are left to do."""
        return max(0, self.last_offset - self.next_offset)

    def is_last(self, reached: int) -> bool:
        """Whether with so many rows handled nothing is left: neither of the manifest nor of a shard of it."""
        return reached >= self.last_offset


@dataclass(frozen=True, slots=True)
class RowRange:
    """Which rows of a manifest a call handles, as its command line says it.

    ``offset`` is the number of rows before a shard, None for what goes on from call to call. ``limit`` is the most rows
    of this call, 0 for all.
    """

    offset: int | None
    limit: int

    @property
    def start(self) -> int:
        """How many rows stand before the first one of a run that begins."""
        return self.offset or 0

    @property
    def end(self) -> int:
        """The ``end_offset`` of a run that begins: a shard has its own end, however many calls it takes."""
        return self.start + self.limit if self.is_shard and self.limit else -1

    @property
    def is_shard(self) -> bool:
        return self.offset is not None

    @property
    def settings(self) -> dict[str, str]:
        """What a later call must repeat to go on: all of a shard's window, nothing of a batch's."""
        if not self.is_shard:
            return {"offset": "", "limit": ""}
        return {"offset": str(self.offset), "limit": str(self.limit or "")}

    def rows_this_run(self, state: RunState) -> int:
        """How many rows this call is to handle, from where the state says: at least those that a killed call had begun.

        What these have come to is known behind the state's checkpoint only, so none may be left for a later call.
        """
        if self.is_shard or not self.limit:
            return state.remaining_rows
        return min(state.remaining_rows, max(self.limit, state.under_way))


def save_state(path: str, state: RunState) -> None:
    """Replace the state file atomically and durably. Changes the disk. Raises ``StoppedEarly``."""
    import json  # noqa: PLC0415 - not needed to show --help

    document = {"schema": SCHEMA, **asdict(state)}
    document["seal"] = _seal_of(document)
    try:
        write_atomically(path, (json.dumps(document, indent=1) + "\n").encode("ascii"))
    except OSError as error:
        raise StoppedEarly(
            f"{printable(path)}: cannot write: {explain_os_error(error)}; mend that and run the same command again"
        ) from None


def _seal_of(document: Any) -> str:
    """A digest over a state document: a state that was edited could lead writes to places that were never outputs."""
    import json  # noqa: PLC0415 - not needed to show --help

    return hashlib.sha256(json.dumps(document, sort_keys=True).encode("ascii")).hexdigest()


def load_state(path: str, tool: str) -> RunState | None:
    """Read a state file; None when there is none. Raises ``BadInput`` for one that is torn, edited or foreign."""
    import json  # noqa: PLC0415 - not needed to show --help

    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadInput(f"{printable(path)}: cannot read it: {explain_os_error(error)}") from None
    try:
        state = _decode(json.loads(data))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise BadInput(
            f"{printable(path)} is not a state file as this project wrote it; it is left as it is: "
            "move it and its outputs away to start over"
        ) from None
    if state.tool != tool:
        raise BadInput(f"{printable(path)} is a state file of {state.tool}, not of {tool}; choose another state file")
    return state


def _decode(document: Any) -> RunState:
    """Make a state of parsed JSON; raises ``ValueError``, ``TypeError`` or ``KeyError`` for anything else."""
    if document.pop("seal") != _seal_of(document):
        raise ValueError("torn or edited")
    if document.pop("schema") != SCHEMA:
        raise ValueError("another schema")
    manifest = document.pop("manifest")
    outputs = {kind: (_text(path), _count(length)) for kind, (path, length) in document.pop("outputs").items()}
    state = RunState(
        tool=_text(document.pop("tool")),
        run_id=_text(document.pop("run_id")),
        settings=_texts(document.pop("settings")),
        manifest=None
        if manifest is None
        else Manifest(
            _text(manifest["path"]),
            _text(manifest["sha256"]),
            _count(manifest["rows"]),
            _count(manifest["media_bytes"]),
        ),
        next_offset=_count(document.pop("next_offset")),
        byte_offset=_count(document.pop("byte_offset")),
        end_offset=_count(document.pop("end_offset") + 1) - 1,
        counts={_text(name): _count(number) for name, number in document.pop("counts").items()},
        outputs=outputs,
        pending=tuple(_texts(row) for row in document.pop("pending")),
        under_way=_count(document.pop("under_way", 0)),
        chain=_text(document.pop("chain")),
        complete=document.pop("complete") is True,
    )
    if document:
        raise ValueError("unknown fields")
    if state.next_offset and not state.byte_offset:
        raise ValueError("the place of the next row is missing")
    return state


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _texts(value: Any) -> dict[str, str]:
    return {_text(name): _text(text) for name, text in value.items()}


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("not a count")
    return value
