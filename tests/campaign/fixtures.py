"""A small world for one point of a campaign: a source with everything tricky in it, made anew for each point.

The source, the archive or the quarantine may lie on another file system. The same paths are used for every point, so
that what two runs leave can be compared.
"""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.campaign.endstate import Snapshot, snapshot
from tests.campaign.product import Line, Product
from tests.support.library import Library
from tests.support.media import jpeg, mp4
from tests.support.scripts import Codes, Result
from tests.support.trees import Tree, write_tree

QUARANTINE = ".media-quarantine"
LARGE = (1 << 20) + 4096
"""More than one read of the product: such a file is written in two calls."""

PHOTOS: Tree = {
    "2018/IMG_1.jpg": jpeg(datetime(2018, 3, 1), seed=1),
    "2018/IMG_2.jpg": jpeg(datetime(2018, 3, 2), seed=2),
    "phone/IMG_1.jpg": jpeg(datetime(2018, 5, 1), seed=3),
    "phone/again.jpg": jpeg(datetime(2018, 3, 1), seed=1),
    "phone/deep/er/clip.mp4": mp4(datetime(2020, 6, 1, 12), seed=4),
    "phone/deep/er/large.jpg": jpeg(datetime(2020, 6, 2), seed=5, size=LARGE),
    "phone/deep/pair.jpg": jpeg(datetime(2020, 6, 3), seed=6),
    "phone/deep/pair.xmp": b"<x:xmpmeta xmlns:x='adobe:ns:meta/'></x:xmpmeta>",
    "phone/deep/pair.aae": b"",
    os.fsdecode(b'odd/new\nline, "quoted" \xff.jpg'): jpeg(datetime(2020, 7, 1), seed=7),
    "odd/notes.txt": b"no photo",
}
"""A collision, a duplicate, a group, a file of two writes, a hostile name, an empty file and one that is no media.

The empty one is a companion: an empty photo would have the dates read by a helper process, which takes long."""

_FILE_MODES = {"2018/IMG_2.jpg": 0o440, "phone/deep/pair.jpg": 0o604}
_FOLDER_MODES = {"2018": 0o755, "phone": 0o750, "phone/deep/er": 0o700, "odd": 0o775}
_ATTRIBUTES = {"2018/IMG_1.jpg": b"five stars", "phone/deep/er/clip.mp4": b"no stars"}
_ATTRIBUTE = "user.rating"
_TIME_NS = 1_400_000_000_123_456_789
_DAY_NS = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class World:
    """Where things are, and the scripts that work on them. ``base`` and ``elsewhere`` are on two file systems."""

    product: Product
    base: Path
    elsewhere: Path
    library: Library
    quarantine: Path
    log: Path
    """Where tracers write: outside of all that is compared, and not on a small disk."""

    @property
    def photo_roots(self) -> tuple[Path, ...]:
        """Where photos may be."""
        roots = (self.library.source, self.library.archive, self.quarantine)
        return tuple(root for root in roots if not any(root.is_relative_to(other) for other in roots if other != root))

    @property
    def record_roots(self) -> tuple[Path, ...]:
        """Where CSV and JSON files may be."""
        return (self.library.out, self.quarantine, self.library.archive)

    def make(self, photos: Tree = PHOTOS) -> Snapshot:
        """Make everything anew, and tell how the source is. Changes the disk: removes what was in the world before."""
        self.clear()
        self.library.out.mkdir(parents=True)
        make_source(self.library.source, photos)
        return self.source_as_it_is()

    def clear(self) -> None:
        """Remove all that is in the world."""
        for folder in (self.base, self.elsewhere):
            for entry in folder.iterdir():
                shutil.rmtree(entry)

    def do(self, line: Line, expect: Codes = 0) -> Result:
        """Run a line undisturbed and check how it ended."""
        result = self.product.run(line)
        codes = {expect} if isinstance(expect, int) else set(expect)
        assert result.code in codes, f"{line}\nexit {result.code}, expected {codes}\n{result.stdout}\n{result.stderr}"
        assert "Traceback" not in result.stderr, result.stderr
        return result

    def source_as_it_is(self) -> Snapshot:
        """The source with all that a restore must bring back, folder times among it, without the quarantine."""
        return snapshot(self.library.source, folder_times=True, leave_out=[QUARANTINE])


def world_at(product: Product, base: Path, elsewhere: Path, far: str, log: Path) -> World:
    """A world whose ``far`` part (source, archive, quarantine, or nothing) lies on the other file system."""
    base.mkdir(exist_ok=True)
    library = Library(
        root=base,
        source=(elsewhere if far == "source" else base) / "source",
        archive=(elsewhere if far == "archive" else base) / "archive",
        out=base / "out",
    )
    quarantine = elsewhere / "quarantine" if far == "quarantine" else library.source / QUARANTINE
    return World(product, base, elsewhere, library, quarantine, log)


def make_source(source: Path, photos: Tree) -> None:
    """Write the photos, then give them, and all folders, times, permissions and attributes of their own."""
    write_tree(source, photos)
    for number, name in enumerate(photos):
        path = source / name
        if name in _ATTRIBUTES:
            _give_attribute(path, _ATTRIBUTES[name])
        path.chmod(_FILE_MODES.get(name, 0o644))
        os.utime(path, ns=(_TIME_NS, _TIME_NS + number * _DAY_NS))
    for folder, _, _ in os.walk(source, topdown=False):
        os.chmod(folder, _FOLDER_MODES.get(os.path.relpath(folder, source), 0o755))
        os.utime(folder, ns=(_TIME_NS, _TIME_NS))


def _give_attribute(path: Path, value: bytes) -> None:
    """Set an extended attribute, unless the file system has none: then there are none to compare."""
    try:
        os.setxattr(path, _ATTRIBUTE, value)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
