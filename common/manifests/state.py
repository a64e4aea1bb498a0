"""The state file of a run: JSON from which the next call resumes, replaced atomically at each checkpoint."""

import hashlib
from dataclasses import asdict, dataclass, field, replace
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from common.errors import BadInput, StoppedEarly, explain_os_error
from common.fileops.writing import write_atomically
from common.paths import printable, read_small_file

SCHEMA = "media-archive-state/1"
SUFFIX = ".state.json"
_MOST_BYTES = 256 << 20  # a batch of long paths may be pending


@dataclass(frozen=True)
class Manifest:
    """The input to which a state belongs: its path and digest, and how many rows and media bytes it lists."""

    path: str
    sha256: str
    rows: int
    media_bytes: int


@dataclass(frozen=True)
class RunState:
    """The progress of a run.

    ``settings`` are the options that a later call must repeat. ``next_offset`` is the number of rows before the next
    one, ``byte_offset`` the position of that row in the manifest. ``end_offset`` is the number of rows before the end
    of this run, -1 for the end of the manifest. ``outputs`` maps each kind of output to its path and length in bytes.
    ``pending`` (organize) are rows that may have been carried out but are not recorded, ``under_way`` (apply) is their
    number from ``next_offset`` on. ``chain`` is that of the last row in the journal.
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
        """The number of rows before the end of this run; 0 without a manifest."""
        rows = self.manifest.rows if self.manifest else 0
        return min(self.end_offset, rows) if self.end_offset >= 0 else rows

    @property
    def remaining_rows(self) -> int:
        """How many rows of this run are left."""
        return max(0, self.last_offset - self.next_offset)

    def is_last(self, reached: int) -> bool:
        """Whether the run is complete once ``reached`` rows of the manifest are done."""
        return reached >= self.last_offset


@dataclass(frozen=True, slots=True)
class RowRange:
    """The rows of a manifest that a call handles.

    ``offset``: rows before a shard; None if each call continues after the last. ``limit``: maximum of rows, 0 for all.
    """

    offset: int | None
    limit: int

    @property
    def start(self) -> int:
        """The number of rows before the first one of a new run."""
        return self.offset or 0

    @property
    def end(self) -> int:
        """The ``end_offset`` of a new run: only a shard with a limit ends before the manifest does."""
        return self.start + self.limit if self.is_shard and self.limit else -1

    @property
    def is_shard(self) -> bool:
        return self.offset is not None

    @property
    def settings(self) -> dict[str, str]:
        """What a later call must repeat to resume: both options of a shard, otherwise nothing."""
        if not self.is_shard:
            return {"offset": "", "limit": ""}
        return {"offset": str(self.offset), "limit": str(self.limit or "")}

    def rows_this_call(self, state: RunState) -> int:
        """How many rows this call handles, from ``next_offset`` on.

        These include all rows that a killed call had begun: their outcomes are in the journal only.
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


def load_state(path: str, tool: str) -> RunState | None:
    """Read a state file; return None if it does not exist. Reads the disk.

    Raises ``BadInput`` if it is torn, edited, unreadable or of another tool.
    """
    import json  # noqa: PLC0415 - not needed to show --help

    try:
        data = read_small_file(path, _MOST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadInput(f"{printable(path)}: cannot read it: {explain_os_error(error)}") from None
    try:
        state = _decode_state(json.loads(data))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise BadInput(
            f"{printable(path)} is not a state file as this project wrote it; it is left as it is: "
            "move it and its outputs away to start over"
        ) from None
    if state.tool != tool:
        raise BadInput(f"{printable(path)} is a state file of {state.tool}, not of {tool}; choose another state file")
    return state


def _seal_of(document: Any) -> str:
    """A digest of a state document, since an edited one could make the scripts write to files that are not outputs."""
    import json  # noqa: PLC0415 - not needed to show --help

    return hashlib.sha256(json.dumps(document, sort_keys=True).encode("ascii")).hexdigest()


def _decode_state(document: Any) -> RunState:
    """Make a state from parsed JSON. Raises one of several built-in exceptions if it is invalid."""
    if document.pop("seal") != _seal_of(document) or document.pop("schema") != SCHEMA:
        raise ValueError("torn, edited, or of another schema")
    document.setdefault("under_way", 0)  # older versions did not write it
    document["end_offset"] += 1  # _decode accepts no negative number, and only this one may be -1
    state: RunState = _decode(document, RunState)
    if state.next_offset and not state.byte_offset:
        raise ValueError("the position of the next row is missing")
    return replace(state, end_offset=state.end_offset - 1)


def _decode(value: Any, kind: Any) -> Any:
    """Make a value of a field type of ``RunState`` from parsed JSON. Raises one of several built-in exceptions."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in (RunState, Manifest):
        types = get_type_hints(kind)
        if value.keys() != types.keys():
            raise ValueError("missing or unknown fields")
        return kind(**{name: _decode(value[name], types[name]) for name in types})
    if origin is dict:
        return {name: _decode(item, arguments[1]) for name, item in value.items()}
    if origin is tuple:
        kinds = arguments[:1] * len(value) if arguments[1] is ... else arguments
        return tuple(_decode(item, item_kind) for item, item_kind in zip(value, kinds, strict=True))
    if origin is UnionType:
        return None if value is None else _decode(value, arguments[0])
    if type(value) is not kind or (kind is int and value < 0):
        raise TypeError(f"not of type {kind}, or negative")
    return value
