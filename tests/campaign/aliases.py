"""Every way in which an archive can be the source itself, or a part of it, under another name.

Each kind takes real photos in ``photos`` and makes a ``source`` and an ``archive`` that show the same bytes. All that
is shown lies below ``real``, so that it can be counted when the views are gone.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.campaign.mounts import bind, fuse_view, overlay, require_bindfs, require_mounts
from tests.support.media import DATE, jpeg
from tests.support.trees import Tree, write_tree

YEAR = f"{DATE:%Y}"
PHOTOS: Tree = {f"{YEAR}/p{seed}.jpg": jpeg(seed=seed) for seed in range(1, 5)}


@dataclass(frozen=True, slots=True)
class Place:
    """Where an alias is built: ``real`` holds the bytes, ``views`` only shows them."""

    real: Path
    views: Path
    stack: ExitStack

    def photos(self, name: str = "photos") -> Path:
        write_tree(self.real / name, PHOTOS)
        return self.real / name

    def folder(self, name: str) -> Path:
        path = self.views / name
        path.mkdir(parents=True)
        return path


@dataclass(frozen=True, slots=True)
class Roots:
    """The source and the archive that a person would name."""

    source: Path
    archive: Path


@dataclass(frozen=True, slots=True)
class Alias:
    """One kind; ``make`` builds it. The files of a pair are ``<root>/<YEAR>/<name>`` on both sides."""

    name: str
    make: Callable[[Place], Roots]
    require: Callable[[], None] = lambda: None

    def __str__(self) -> str:
        return self.name


def _same_path(place: Place) -> Roots:
    photos = place.photos()
    return Roots(photos, photos)


def _per_file(link: Callable[[Place, Path, Path], None], source_is_the_link: bool = False) -> Callable[[Place], Roots]:
    """An archive of its own whose files are the source's, or the other way round."""

    def make(place: Place) -> Roots:
        photos = place.photos()
        other = place.real / "other"
        (other / YEAR).mkdir(parents=True)
        for name in PHOTOS:
            link(place, photos / name, other / name)
        return Roots(other, photos) if source_is_the_link else Roots(photos, other)

    return make


def _hard_link(_: Place, file: Path, link: Path) -> None:
    os.link(file, link)


def _symbolic_link(_: Place, file: Path, link: Path) -> None:
    os.symlink(file, link)


def _file_bind(place: Place, file: Path, at: Path) -> None:
    at.touch()
    place.stack.enter_context(bind(file, at))


def _file_bind_of_view(place: Place, file: Path, at: Path) -> None:
    view = place.views / "view"
    if not view.exists():
        place.stack.enter_context(fuse_view(file.parent, place.folder("view")))
    _file_bind(place, view / file.name, at)


def _year_link(place: Place) -> Roots:
    photos = place.photos()
    other = place.folder("other")
    os.symlink(photos / YEAR, other / YEAR)
    return Roots(photos, other)


def _root_link(place: Place) -> Roots:
    photos = place.photos()
    os.symlink(photos, place.views / "link")
    return Roots(photos, place.views / "link")


def _year_bind(place: Place) -> Roots:
    photos = place.photos()
    other = place.folder("other")
    (other / YEAR).mkdir()
    place.stack.enter_context(bind(photos / YEAR, other / YEAR))
    return Roots(photos, other)


def _root_bind(place: Place) -> Roots:
    photos, at = place.photos(), place.folder("bind")
    place.stack.enter_context(bind(photos, at))
    return Roots(photos, at)


def _overlay(place: Place) -> Roots:
    photos, at = place.photos(), place.folder("overlay")
    place.stack.enter_context(overlay(photos, at, place.real / "upper", place.real / "work"))
    return Roots(photos, at)


def _overlay_year(place: Place) -> Roots:
    photos, at = place.photos(), place.folder("other") / YEAR
    place.stack.enter_context(overlay(photos / YEAR, at, place.real / "upper", place.real / "work"))
    return Roots(photos, at.parent)


def _overlay_of_changes(place: Place) -> Roots:
    """The photos are the overlay's upper folder: what is done to one is done to the other."""
    photos, at = place.photos(), place.folder("overlay")
    lower = place.folder("lower")
    place.stack.enter_context(overlay(lower, at, photos, place.real / "work"))
    return Roots(photos, at)


def _view(place: Place) -> Roots:
    photos, at = place.photos(), place.folder("view")
    place.stack.enter_context(fuse_view(photos, at))
    return Roots(photos, at)


def _year_view(place: Place) -> Roots:
    photos = place.photos()
    other = place.folder("other")
    (other / YEAR).mkdir()
    place.stack.enter_context(fuse_view(photos / YEAR, other / YEAR))
    return Roots(photos, other)


def _swapped(make: Callable[[Place], Roots]) -> Callable[[Place], Roots]:
    """The archive holds the bytes, and the source shows them."""

    def swap(place: Place) -> Roots:
        roots = make(place)
        return Roots(roots.archive, roots.source)

    return swap


def _require_view() -> None:
    require_mounts()
    require_bindfs()


ALIASES = (
    Alias("same path", _same_path),
    Alias("hard links", _per_file(_hard_link)),
    Alias("symbolic links to files, in the archive", _per_file(_symbolic_link)),
    Alias("symbolic links to files, in the source", _per_file(_symbolic_link, source_is_the_link=True)),
    Alias("symbolic link to a folder, in the archive", _year_link),
    Alias("symbolic link to a folder, in the source", _swapped(_year_link)),
    Alias("symbolic link to the root, as the archive", _root_link),
    Alias("symbolic link to the root, as the source", _swapped(_root_link)),
    Alias("bind mount of a folder, in the archive", _year_bind, require_mounts),
    Alias("bind mount of a folder, in the source", _swapped(_year_bind), require_mounts),
    Alias("bind mount of the root", _root_bind, require_mounts),
    Alias("bind mounts of files, in the archive", _per_file(_file_bind), require_mounts),
    Alias("bind mounts of files, in the source", _per_file(_file_bind, source_is_the_link=True), require_mounts),
    Alias("bind mounts of files of a FUSE view, in the archive", _per_file(_file_bind_of_view), _require_view),
    Alias("bind mounts of files of a FUSE view, in the source", _per_file(_file_bind_of_view, True), _require_view),
    Alias("overlay over the source, as the archive", _overlay, require_mounts),
    Alias("overlay over the archive, as the source", _swapped(_overlay), require_mounts),
    Alias("overlay over a folder of the source, in the archive", _overlay_year, require_mounts),
    Alias("overlay with its changes in the source, as the archive", _overlay_of_changes, require_mounts),
    Alias("overlay with its changes in the archive, as the source", _swapped(_overlay_of_changes), require_mounts),
    Alias("FUSE view of the source, as the archive", _view, _require_view),
    Alias("FUSE view of the archive, as the source", _swapped(_view), _require_view),
    Alias("FUSE view of a folder, in the archive", _year_view, _require_view),
    Alias("FUSE view of a folder, in the source", _swapped(_year_view), _require_view),
)


def _archive_in_source(place: Place) -> Roots:
    photos = place.photos()
    (photos / "archive").mkdir()
    return Roots(photos, photos / "archive")


def _source_in_archive(place: Place) -> Roots:
    photos = place.photos("archive/inbox")
    return Roots(photos, photos.parent)


def _archive_shows_part(show: Callable[[Place, Path, Path], None]) -> Callable[[Place], Roots]:
    """``source/part`` is the archive, under another name: files of the source lie in the archive."""

    def make(place: Place) -> Roots:
        photos = place.photos()
        write_tree(photos / "part", {f"{YEAR}/q.jpg": jpeg(seed=9), "1999/odd.jpg": jpeg(seed=10)})
        show(place, photos / "part", place.folder("archive"))
        return Roots(photos, place.views / "archive")

    return make


def _source_shows_part(show: Callable[[Place, Path, Path], None]) -> Callable[[Place], Roots]:
    def make(place: Place) -> Roots:
        archive = place.photos("archive")
        show(place, archive / YEAR, place.folder("source"))
        return Roots(place.views / "source", archive)

    return make


def _by_bind(place: Place, folder: Path, at: Path) -> None:
    place.stack.enter_context(bind(folder, at))


def _by_view(place: Place, folder: Path, at: Path) -> None:
    place.stack.enter_context(fuse_view(folder, at))


def _by_overlay(place: Place, folder: Path, at: Path) -> None:
    place.stack.enter_context(overlay(folder, at, place.real / "upper", place.real / "work"))


NESTED = (
    Alias("archive in the source", _archive_in_source),
    Alias("source in the archive", _source_in_archive),
    Alias("archive is a bind mount of a part of the source", _archive_shows_part(_by_bind), require_mounts),
    Alias("source is a bind mount of a part of the archive", _source_shows_part(_by_bind), require_mounts),
    Alias("archive is a FUSE view of a part of the source", _archive_shows_part(_by_view), _require_view),
    Alias("source is a FUSE view of a part of the archive", _source_shows_part(_by_view), _require_view),
    Alias("archive is an overlay over a part of the source", _archive_shows_part(_by_overlay), require_mounts),
    Alias("source is an overlay over a part of the archive", _source_shows_part(_by_overlay), require_mounts),
)
