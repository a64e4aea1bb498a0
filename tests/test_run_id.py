"""Only a UUID4 in its one canonical form ties files together."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from common.errors import BadInput
from common.manifests.outputs import unused_name
from common.run_id import is_run_id, new_run_id, require_run_id

GOOD = "3f2b8c1e-9d4a-4e6f-8a1b-0c2d3e4f5a6b"

WRONG = {
    "empty": "",
    "upper case": GOOD.upper(),
    "without dashes": GOOD.replace("-", ""),
    "in braces": f"{{{GOOD}}}",
    "as a URN": f"urn:uuid:{GOOD}",
    "with a line feed": GOOD + "\n",
    "with a space": " " + GOOD,
    "another version": "3f2b8c1e-9d4a-1e6f-8a1b-0c2d3e4f5a6b",
    "another variant": "3f2b8c1e-9d4a-4e6f-1a1b-0c2d3e4f5a6b",
    "a path": "../../../../etc",
    "the nil UUID": str(uuid.UUID(int=0)),
}


def test_new_run_ids_are_run_ids_and_differ() -> None:
    made = {new_run_id() for _ in range(100)}
    assert len(made) == 100
    assert all(map(is_run_id, made))


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG.keys())
def test_anything_else_is_refused_with_the_place_where_it_stood(text: str) -> None:
    assert not is_run_id(text)
    with pytest.raises(BadInput, match=r"^verified.csv, line 7: .* is not a run_id"):
        require_run_id(text, "verified.csv, line 7")


def test_a_run_id_comes_back_as_it_is() -> None:
    assert require_run_id(GOOD, "here") == GOOD


def test_a_default_output_gets_a_name_that_nothing_has(tmp_path: Path) -> None:
    names = set()
    for _ in range(3):
        path = Path(unused_name(str(tmp_path), "verified", "3f2b8c1e-9d4a", ".state"))
        assert path.name.startswith("verified-20")
        assert "3f2b8c1e" in path.name
        path.touch()
        names.add(path.name)
    assert len(names) == 3
