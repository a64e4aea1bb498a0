"""Only the names that are made here are ever cleared away."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.fileops.temporary import SET_ASIDE_PREFIX, TEMPORARY_PREFIX, remove_temporaries, remove_temporary
from tests.fileops.fault_actions import put
from tests.support.trees import read_tree, write_tree

RUN_ID = "3f2b8c1e-9d4a-4e6f-8a1b-0c2d3e4f5a6b"


def test_temporaries_of_a_killed_run_are_removed_and_nothing_else(folder: Path) -> None:
    ours = {f"{TEMPORARY_PREFIX}0011223344556677": b"half"}
    others = {
        "a.jpg": b"a",
        f"{TEMPORARY_PREFIX}notes.txt": b"somebody's",
        ".media-archive.json": b"{}",
        f"{SET_ASIDE_PREFIX}{RUN_ID[:8]}-7": b"the only copy",
    }
    write_tree(folder, {**ours, **others})
    remove_temporaries(str(folder))
    remove_temporaries(f"{folder}/missing")
    assert read_tree(folder) == others


@pytest.mark.parametrize("name", ["a.jpg", f"{SET_ASIDE_PREFIX}0a1b2c3d-7", "media-tmp-0011223344556677"])
def test_no_other_name_can_be_removed_as_temporary(folder: Path, name: str) -> None:
    put(folder / name, b"x")
    with pytest.raises(ValueError, match="not a temporary name"):
        remove_temporary(f"{folder}/{name}")
    assert read_tree(folder) == {name: b"x"}
