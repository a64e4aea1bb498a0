"""What another program does to a file while our scripts work on it: each act at one instant, by name or descriptor.

No act destroys an archive copy, and an act that would need a file which is not there any more does nothing: a person
who overwrites or removes files without a copy has lost them by his own hand.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Rival:
    """One file that a rival is after.

    ``copy`` is another file with the same content (its archive copy), ``other`` a different photo beside it,
    ``content`` what the rival writes (of the same length), ``attic`` a folder outside, where it puts things away.
    ``held`` is a descriptor that it has opened for writing beforehand. ``vacant`` is where the run will put the file.
    """

    target: Path
    copy: Path
    other: Path
    vacant: Path
    attic: Path
    content: bytes
    held: int

    def act(self, name: str) -> None:
        """Do one of ``ACTS``, if it can be done; never raises."""
        with suppress(OSError):
            ACTS[name](self)


def _edit(rival: Rival) -> None:
    with open(rival.target, "r+b") as file:
        file.write(rival.content)


def _edit_quietly(rival: Rival) -> None:
    """As one that restores the modification time, or that is within one tick of the clock."""
    status = rival.target.stat()
    _edit(rival)
    os.utime(rival.target, ns=(status.st_atime_ns, status.st_mtime_ns))


def _save(rival: Rival) -> None:
    """What an editor without care does: truncate and write, or make the file anew."""
    rival.target.write_bytes(rival.content)


def _grow(rival: Rival) -> None:
    with open(rival.target, "r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write(rival.content[:100])


def _write_held(rival: Rival) -> None:
    os.lseek(rival.held, 0, os.SEEK_SET)
    os.write(rival.held, rival.content)


def _replace(rival: Rival) -> None:
    """What an editor with care does: write beside, then rename over."""
    beside = rival.target.with_name("saving.tmp")
    beside.write_bytes(rival.content)
    os.replace(beside, rival.target)


def _replace_quietly(rival: Rival) -> None:
    status = rival.target.stat()
    beside = rival.target.with_name("saving.tmp")
    beside.write_bytes(rival.content)
    os.utime(beside, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.replace(beside, rival.target)


def _rename(rival: Rival) -> None:
    os.rename(rival.target, rival.target.with_name("renamed by a rival.jpg"))


def _exchange(rival: Rival) -> None:
    """Two names change their files."""
    beside = rival.target.with_name("exchanged.jpg")
    os.rename(rival.target, beside)
    os.rename(rival.other, rival.target)
    os.rename(beside, rival.other)


def _make_link(rival: Rival) -> None:
    os.rename(rival.target, rival.attic / "linked away.jpg")
    os.symlink(rival.copy, rival.target)


def _make_hard_link(rival: Rival) -> None:
    """The name now leads to the archive copy itself."""
    os.rename(rival.target, rival.attic / "linked away.jpg")
    os.link(rival.copy, rival.target)


def _make_folder(rival: Rival) -> None:
    os.rename(rival.target, rival.attic / "foldered away.jpg")
    rival.target.mkdir()
    (rival.target / "inside.jpg").write_bytes(rival.content)


def _swap_folder(rival: Rival) -> None:
    """The folder around it is moved away, and another one with a file of that name takes its place."""
    folder = rival.target.parent
    os.rename(folder, rival.attic / "folder away")
    folder.mkdir()
    rival.target.write_bytes(rival.content)


def _link_folder(rival: Rival) -> None:
    """The folder around it is moved away, and its name now leads to the folder of the archive copy."""
    folder = rival.target.parent
    os.rename(folder, rival.attic / "folder away")
    os.symlink(rival.copy.parent, folder)


def _appear(rival: Rival) -> None:
    """Where the run is to put the file, another one appears; never over one that is there."""
    rival.vacant.parent.mkdir(parents=True, exist_ok=True)
    with open(rival.vacant, "xb") as file:
        file.write(rival.content)


def _appear_empty(rival: Rival) -> None:
    """As above, but an empty file, which looks like a placeholder."""
    rival.vacant.parent.mkdir(parents=True, exist_ok=True)
    open(rival.vacant, "xb").close()


ACTS: dict[str, Callable[[Rival], None]] = {
    "edits it": _edit,
    "edits it and restores its time": _edit_quietly,
    "saves it": _save,
    "lets it grow": _grow,
    "writes through a descriptor": _write_held,
    "replaces it": _replace,
    "replaces it, with its time": _replace_quietly,
    "renames it": _rename,
    "exchanges it with another": _exchange,
    "makes it a link to the copy": _make_link,
    "makes it a hard link of the copy": _make_hard_link,
    "makes it a folder": _make_folder,
    "swaps the folder around it": _swap_folder,
    "makes the folder around it a link": _link_folder,
    "puts a file where it is to go": _appear,
    "puts an empty file where it is to go": _appear_empty,
}
"""By what the rival does."""

UNSEEN = frozenset({"edits it and restores its time", "writes through a descriptor"})
"""Acts that no look at size, time and inode can show: what is quarantined then may be another content, and is kept."""
