"""A state file comes back as it went, or is refused and left as it is: it leads writes to places."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest

from common.errors import BadInput
from common.manifests.outputs import find_unfinished
from common.manifests.state import SUFFIX, Manifest, RunState, load_state, save_state

FULL = RunState(
    tool="organize",
    run_id="3f2b8c1e-9d4a-4e6f-8a1b-0c2d3e4f5a6b",
    settings={"mode": "copy", "source_root": "/a/\udcff\né", "limit": ""},
    manifest=Manifest("/a/report.csv", "ab" * 32, 1000, 10**12),
    next_offset=900,
    byte_offset=123_456,
    end_offset=950,
    counts={"identical": 899, "size_differs": 1},
    outputs={"verified": ("/a/verified.csv", 5000), "unverified": ("/a/\udcfe.csv", 0)},
    pending=({"row_id": "7", "source_path": "/a/\udcff.jpg"}, {"row_id": "8", "source_path": 'a"b\n'}),
    under_way=12,
    chain="cd" * 32,
    complete=True,
)


def is_refused(path: Path, tool: str = "organize") -> None:
    """The file is refused by name, and stays as it is."""
    before = path.read_bytes()
    with pytest.raises(BadInput, match=path.name):
        load_state(str(path), tool)
    assert path.read_bytes() == before


@pytest.mark.parametrize("state", [FULL, RunState("organize", FULL.run_id, {}), replace(FULL, end_offset=-1)])
def test_a_state_comes_back_as_it_went(tmp_path: Path, state: RunState) -> None:
    save_state(str(tmp_path / "x.state.json"), state)
    assert load_state(str(tmp_path / "x.state.json"), "organize") == state
    assert [file.name for file in tmp_path.iterdir()] == ["x.state.json"]


def test_where_there_is_none_there_is_no_state(tmp_path: Path) -> None:
    assert load_state(str(tmp_path / "x.state.json"), "organize") is None


def test_a_state_of_another_tool_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.state.json"
    save_state(str(path), FULL)
    is_refused(path, "verify")


def test_a_state_that_does_not_know_where_its_next_row_stands_is_refused(tmp_path: Path) -> None:
    """Going on at the beginning of the manifest would act on other rows."""
    path = tmp_path / "x.state.json"
    save_state(str(path), replace(FULL, byte_offset=0))
    is_refused(path)


def test_a_state_torn_at_any_place_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.state.json"
    save_state(str(path), FULL)
    whole = path.read_bytes()
    for length in [0, 1, *range(10, len(whole) - 2, 37), len(whole) - 2]:
        path.write_bytes(whole[:length])
        is_refused(path)
        path.write_bytes(whole[:length] + bytes(len(whole) - length))
        is_refused(path)


@pytest.mark.parametrize("name", [field.name for field in fields(RunState)])
def test_a_state_with_any_value_edited_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.state.json"
    save_state(str(path), FULL)
    document = json.loads(path.read_bytes())
    edits: dict[type, Callable[[Any], Any]] = {
        str: lambda text: text + "x",
        int: lambda number: number + 1,
        bool: lambda flag: not flag,
        list: lambda items: items[:-1],
        dict: lambda items: dict(list(items.items())[1:]),
    }
    document[name] = edits[type(document[name])](document[name])
    path.write_text(json.dumps(document))
    is_refused(path)


@pytest.mark.parametrize("data", [b"[]", b"null", b"7", b'"x"', b"{}", bytes(500), b"\xff", b"[" * 100_000])
def test_what_is_no_state_at_all_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.state.json"
    path.write_bytes(data)
    is_refused(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("counts", None),
        ("outputs", []),
        ("outputs", {"report": ["/a", -1]}),
        ("outputs", {"report": [None, 1]}),
        ("pending", [[]]),
        ("pending", [{"row_id": 7}]),
        ("next_offset", True),
        ("next_offset", -1),
        ("end_offset", -2),
        ("manifest", []),
        ("settings", {"mode": 7}),
        ("more", "of it"),
    ],
)
def test_a_value_of_a_wrong_kind_is_refused_even_under_a_true_seal(tmp_path: Path, name: str, value: object) -> None:
    from common.manifests.state import SCHEMA, _seal_of

    document = {"schema": SCHEMA, **asdict(FULL), name: value}
    document["seal"] = _seal_of(document)
    path = tmp_path / "x.state.json"
    path.write_text(json.dumps(document))
    is_refused(path)


def test_the_newest_unfinished_state_that_belongs_here_is_found(tmp_path: Path) -> None:
    begun = replace(FULL, complete=False, outputs={"report": (str(tmp_path), 100)})
    for name, state in {
        "report-1": begun,
        "report-2": begun,
        "report-2-gone": replace(FULL, complete=False, outputs={"report": (str(tmp_path / "gone.csv"), 100)}),
        "report-3": FULL,
        "report-4": replace(begun, tool="verify"),
        "report-5": replace(begun, settings={}),
        "other-6": begun,
    }.items():
        save_state(str(tmp_path / (name + SUFFIX)), state)
    (tmp_path / f"report-9{SUFFIX}").write_bytes(b"torn")

    def belongs(state: RunState) -> bool:
        return state.settings == FULL.settings

    assert find_unfinished(str(tmp_path), "report-", "organize", belongs) == str(tmp_path / f"report-2{SUFFIX}")
    assert find_unfinished(str(tmp_path / "missing"), "report-", "organize", belongs) == ""
