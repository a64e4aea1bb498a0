"""Rivals of the archive copy: before a file is destroyed, another program removes, replaces or edits its copy.

The act comes just before any call into the system that the run makes while the original is still there: afterwards the
rival would have destroyed the only copy by his own hand. Between the last look and the unlink nobody can look.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from itertools import product
from pathlib import Path

import pytest

from tests.campaign.figures import RecordPoints
from tests.campaign.mutants import complaints_about
from tests.campaign.planted_bugs import PlantedBug
from tests.campaign.scale import dice, sized
from tests.campaign.syscall_points import each_moment
from tests.campaign.test_rivals import COMMANDS, TARGET, Command, Scene, photo, photos_on
from tests.campaign.two_disks import two_disks
from tests.support.library import Library

pytestmark = pytest.mark.campaign

PART = "disks"
ORIGINAL = photo(2)
OTHER = photo(77)
POINTS = sized(60, 1_500)
MOST_SHOWN = 5
UNSEEN = "unlink"
"""The call before which a run can't look once more."""


def _remove(copy: Path) -> None:
    copy.unlink()


def _replace(copy: Path) -> None:
    """As exiftool, rsync and sync clients do."""
    beside = copy.with_name("rival.tmp")
    beside.write_bytes(OTHER)
    os.replace(beside, copy)


def _replace_quietly(copy: Path) -> None:
    status = copy.stat()
    beside = copy.with_name("rival.tmp")
    beside.write_bytes(OTHER)
    os.utime(beside, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.replace(beside, copy)


def _edit_quietly(copy: Path) -> None:
    """In place, with the modification time set back."""
    status = copy.stat()
    with open(copy, "r+b") as file:
        file.write(OTHER)
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))


def _truncate(copy: Path) -> None:
    os.truncate(copy, 0)


def _swap_folder(copy: Path) -> None:
    """The folder around it is moved away and made anew, without it."""
    copy.unlink()
    os.rename(copy.parent, copy.parent.with_name("away"))
    copy.parent.mkdir()


ACTS: dict[str, Callable[[Path], None]] = {
    "removes it": _remove,
    "replaces it": _replace,
    "replaces it, with its time": _replace_quietly,
    "edits it in place and restores its time": _edit_quietly,
    "cuts it": _truncate,
    "removes it and swaps its folder": _swap_folder,
}
DESTROYING = [command for command in COMMANDS if command.destroys]


def copy_of(command: Command, library: Library) -> Path:
    """The file that the run reads back."""
    return library.archive / "2019" / os.path.basename(TARGET)


def is_only_copy(scene: Scene, copy: Path) -> bool:
    """Whether the original is gone: then whoever destroys the copy does it by his own hand."""
    return not any(content == ORIGINAL for path, content in photos_on(scene.roots).items() if path != str(copy))


def moments_with_two(scene: Scene, command: Command) -> dict[int, str]:
    """The moments of an undisturbed run at which original and copy are there, each with the call that comes next."""
    line, copy = command.line(scene.library), copy_of(command, scene.library)
    found: dict[int, str] = {}

    def look(count: int, name: str) -> None:
        if copy.exists() and not is_only_copy(scene, copy):
            found[count] = name

    with each_moment(look):
        line.run(scene.library.out, expect=0)
    for tree in scene.trees:
        tree.reset()
    return found


def try_act(scene: Scene, command: Command, act: str, moment: int) -> tuple[bool, list[str]]:
    """Let the rival act at that moment, run to the end and once more, look, put everything back."""
    library = scene.library
    line, copy = command.line(library), copy_of(command, library)
    acted = False

    def look(count: int, name: str) -> None:
        nonlocal acted
        if count == moment and name != UNSEEN and copy.exists() and not is_only_copy(scene, copy):
            acted = True
            with suppress(OSError):
                ACTS[act](copy)

    with each_moment(look):
        line.run(library.out, expect=(0, 1, 3))
    told = [] if ORIGINAL in photos_on(scene.roots).values() else ["LOST"]
    line.run(library.out, expect=(0, 1, 2, 3))
    told += [] if ORIGINAL in photos_on(scene.roots).values() else ["LOST when the command was given again"]
    for tree in scene.trees:
        tree.reset()
    return acted, told


@pytest.mark.parametrize("command", DESTROYING, ids=lambda command: command.name)
def test_a1_a_rival_of_the_archive_copy_at_any_moment(
    command: Command, tmp_path: Path, record_points: RecordPoints
) -> None:
    with two_disks(tmp_path) as (here, there):
        scene = Scene.of(command, here, there)
        moments: dict[int, str] = {}
        for _ in range(2):  # the first run has moments of its own: it looks for modules
            moments = moments_with_two(scene, command)
        points = list(product(ACTS, moments))
        chosen = dice(PART, "rivals", command.name).sample(points, min(POINTS, len(points)))
        tried = 0
        found: list[str] = []
        for act, moment in chosen:
            acted, told = try_act(scene, command, act, moment)
            tried += acted
            if told:
                found.append(f"a rival {act} before {moments[moment]} ({moment}): {'; '.join(told)}")
        record_points(PART, tried, len(found))
        assert tried > len(chosen) // 2, "the original was hardly ever there"
        assert not found, f"{command.name}, {len(found)} of {tried}:\n" + "\n".join(found[:MOST_SHOWN])


NO_LAST_LOOK = PlantedBug("names are not looked at until the unlink", "_is_untouched", "return True")


def test_a_missing_last_look_is_noticed(tmp_path: Path) -> None:
    assert "LOST" in complaints_about(NO_LAST_LOOK, tmp_path, "test_archive_rivals.py", "rival_of_the_archive")
