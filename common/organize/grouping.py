"""Finds the files of one folder that belong together: they are dated once, and filed under one stem. Pure.

What pairs, and why:

- A JPEG or HEIC and the RAW of the same stem: one exposure. The JPEG or HEIC, which people look at, is the primary.
- A JPEG or HEIC and the ``.mov`` of the same stem: a Live Photo. An ``.mp4`` (the same movie, as Google
  exports it) follows a HEIC, and a JPEG only if it has a phone's name: ``clip.jpg`` may be the cover of ``clip.mp4``.
- XMP, AAE (edits of Apple), THM (previews of Canon and others) and Takeout's JSON follow the file that they describe.

Names are equal when they differ only by case or Unicode form. No specification exists for these habits; those of Google
Takeout are described at ``_takeout_owner``.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

from common.dates.model import UNDATED, Dated
from common.media_types import RAW_EXTENSIONS, extension_of, kind_of
from common.organize.scan import FolderScan, FoundFile
from common.paths import casefold_name

# The best original first: a JPEG beside a HEIC is often its export.
_CAMERA_STILLS = (".heic", ".heif", ".hif", ".avif", ".jpg", ".jpeg", ".jpe")
_HEIC = frozenset({".heic", ".heif", ".hif"})
# Names such as IMG_1234 and IMG_E1234(1) of Apple, MVIMG_20230318_142211 and 20230318_142211 of Android phones.
_PHONE_STEM = re.compile(r"img_e?[0-9]{4}(?:\([0-9]{1,5}\))?|(?:mvimg_|img_|pxl_)?[0-9]{8}_[0-9]{6}.*", re.DOTALL)
_MOTION = ".mp"  # a Pixel's still with a movie is named PXL_20230318_142211123.MP.jpg

# IMG_O1234.AAE holds the edits of IMG_1234; IMG_E1234 is the edited picture.
_APPLE_VARIANT = re.compile(r"(img_)[eo]([0-9]{4,})(.*)")

_SUPPLEMENT = "supplemental-metadata"
# Takeout cuts the name of a JSON: users have seen names of 46 to 51 characters, including ".json".
_SHORTEST_CUT, _LONGEST_CUT = 46 - len(".json"), 51 - len(".json")
_NUMBERED = re.compile(r"(.*)(\([0-9]{1,5}\))", re.DOTALL)
# The suffixes of pictures that were edited in Google Photos, in the languages that were seen.
_EDITED = re.compile(
    r"(.+)-(?:edited|effects|smile|mix|bearbeitet|bewerkt|edytowane|editado|ha editado|editat|modificato|modifié|"
    r"編集済み)(\([0-9]{1,5}\))?",
    re.DOTALL,
)


class MediaGroup(NamedTuple):
    """Files that are dated together and stored under one stem.

    ``is_orphan``: the primary is a companion without its photo or video. ``shared_sidecar``: the path of a sidecar that
    belongs to another group and dates this one as well, or empty. ``dated`` and ``row_id`` are filled in later: the
    decision for all files, and the number of the primary's row, after which the companions' rows are numbered.
    """

    primary: FoundFile
    companions: tuple[FoundFile, ...] = ()
    is_orphan: bool = False
    shared_sidecar: str = ""
    dated: Dated = UNDATED
    row_id: int = 0

    @property
    def files(self) -> tuple[FoundFile, ...]:
        """The primary, then its companions."""
        return (self.primary, *self.companions)


def group_files(files: Iterable[FoundFile]) -> list[MediaGroup]:
    """Sort the files of one folder into groups, in the order of their primaries, in linear time. Pure.

    A file that is not media is a group of its own. So is a companion without its photo or video: it is an orphan.
    """
    by_name = {file.name: file for file in files}
    ordered = sorted(by_name)
    primary_of = {name: name for name in ordered}
    media = [name for name in ordered if kind_of(name) in {"image", "video"}]
    sidecars = [name for name in ordered if kind_of(name) == "sidecar"]

    index = _Index(media)
    if any(extension_of(sidecar) == ".json" for sidecar in sidecars):
        index.add_titles(media)
    for stem, members in index.by_stem.items():
        if len(members) > 1:
            primary_of |= _pair_media(members)
        if stem.endswith(_MOTION):
            # A movie of PXL_….MP.jpg was exported as PXL_….MP or PXL_….mp4.
            movies = [*index.by_name.get(stem, ()), *index.by_name.get(f"{stem}4", ())]
            for still, movie in product(_stills(members), movies):
                if primary_of[movie] == movie:
                    primary_of[movie] = primary_of[still]
    owners = {sidecar: _owner(sidecar, index) for sidecar in sidecars}
    takeout_of: dict[str, str] = {}
    for sidecar, owner in owners.items():
        if owner is not None:
            primary_of[sidecar] = primary_of[owner]
            if extension_of(sidecar) == ".json":
                takeout_of.setdefault(owner, sidecar)

    companions: dict[str, list[FoundFile]] = defaultdict(list)
    for name, primary in primary_of.items():
        if primary != name:
            companions[primary].append(by_name[name])
    groups = []
    for name in ordered:
        if primary_of[name] == name:
            original = by_name.get(_takeout_of_original(name, index, takeout_of)) if takeout_of else None
            sidecar = original.path if original else ""
            groups.append(MediaGroup(by_name[name], tuple(companions.get(name, ())), name in owners, sidecar))
    return groups


def is_takeout_name(name: str) -> bool:
    """Whether a .json is named like Takeout's companion of a media file, so that it counts as an orphan. Pure."""
    if extension_of(name) != ".json":
        return False
    title, _ = _split_number(name[: -len(".json")])
    return any(kind_of(base) in {"image", "video"} for base in (title, _without_supplement(title)))


class _Index:
    """The media of a folder by case-folded names and stems and, after ``add_titles``, by Takeout's titles."""

    def __init__(self, media: Sequence[str]) -> None:
        self.by_name: dict[str, list[str]] = defaultdict(list)
        self.by_stem: dict[str, list[str]] = defaultdict(list)
        self.by_title: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.by_cut_title: dict[tuple[str, str], list[str]] = {}
        self.edited_by_stem: dict[str, list[str]] = defaultdict(list)
        for name in media:
            folded = casefold_name(name)
            self.by_name[folded].append(name)
            self.by_stem[folded.rpartition(".")[0]].append(name)  # media has an extension

    def add_titles(self, media: Sequence[str]) -> None:
        """Index the media by the titles that Takeout gives them."""
        for name in media:
            stem, extension = _split(casefold_name(name))
            plain_stem, number = _split_number(stem)
            title = plain_stem + extension
            self.by_title[title, number].append(name)
            for length in range(_SHORTEST_CUT, min(_LONGEST_CUT + 1, len(title))):
                self.by_cut_title.setdefault((title[:length], number), [name])
            if original_stem := _stem_of_original(stem):
                self.edited_by_stem[original_stem].append(name)


def _split(name: str) -> tuple[str, str]:
    extension = extension_of(name)
    return name[: len(name) - len(extension)], extension


def _split_number(stem: str) -> tuple[str, str]:
    """Split ``photo(1)`` into ``photo`` and ``(1)``."""
    match = _NUMBERED.fullmatch(stem)
    return (match[1], match[2]) if match else (stem, "")


def _pair_media(members: Sequence[str]) -> dict[str, str]:
    """The primary of each companion among the media of one stem: RAWs and Live Photo movies follow the still."""
    stills = _stills(members)
    if not stills:
        return {}
    primary = min(stills, key=lambda name: (_CAMERA_STILLS.index(extension_of(name)), name))
    return {name: primary for name in members if _follows(name, primary)}


def _stills(members: Sequence[str]) -> list[str]:
    return [name for name in members if extension_of(name) in _CAMERA_STILLS]


def _follows(name: str, primary: str) -> bool:
    extension = extension_of(name)
    if extension == ".mp4":
        stem, still = _split(casefold_name(primary))
        return still in _HEIC or _PHONE_STEM.fullmatch(stem) is not None
    return extension == ".mov" or extension in RAW_EXTENSIONS


def _owner(sidecar: str, index: _Index) -> str | None:
    """The media file that a companion belongs to."""
    stem, extension = _split(sidecar)
    if extension == ".json":
        return _takeout_owner(stem, index)
    folded = casefold_name(stem)
    if extension == ".xmp":  # photo.jpg.xmp before photo.xmp
        return _nearest(stem, index.by_name.get(folded)) or _nearest(stem, index.by_stem.get(folded))
    if extension == ".thm":
        members = index.by_stem.get(folded, ())
        return _nearest(stem, [name for name in members if kind_of(name) == "video"] or members)
    variant = _APPLE_VARIANT.fullmatch(folded)
    original = "".join(variant.groups()) if variant else folded
    return _nearest(stem, index.by_stem.get(folded)) or _nearest(stem, index.by_stem.get(original))


def _nearest(stem: str, names: Sequence[str] | None) -> str | None:
    """The media file that a companion most likely describes.

    RAWs come first, since programs never write into them; among equals, the one spelled like the companion.
    """
    if not names:
        return None
    return min(names, key=lambda name: (_closeness(name), not name.startswith(stem), name))


def _closeness(name: str) -> int:
    extension = extension_of(name)
    if extension in RAW_EXTENSIONS:
        return 0
    if extension in _CAMERA_STILLS:
        return 1
    return 2 if kind_of(name) == "image" else 3


def _takeout_owner(stem: str, index: _Index) -> str | None:
    """The media file that a JSON of Google Takeout describes, by the JSON's name without ``.json``.

    Takeout names it after the media file, ``photo.jpg``; for a second ``photo(1).jpg`` it puts the number last,
    ``photo.jpg(1)``. Since 2024 it adds ``.supplemental-metadata`` before the number. Then it cuts the name, within
    this suffix, the extension or the stem. Files that were uploaded without an extension get one in the media's name
    only. The edited copy of a picture has no JSON of its own; if the original is gone, it gets the original's.
    """
    folded = casefold_name(stem)
    title, number = _split_number(folded)
    whole = _without_supplement(title)
    for names in (
        index.by_title.get((whole, number)),
        index.by_name.get(whole) if not number else None,
        index.by_cut_title.get((title, number)),
        index.by_stem.get(folded),
        index.edited_by_stem.get(_split(whole)[0] + number),
    ):
        if names:
            return _nearest(stem, names)
    return None


def _without_supplement(title: str) -> str:
    """``photo.jpg`` for ``photo.jpg.supplemental-metadata``, even if that suffix was cut; other titles unchanged."""
    base, dot, tail = title.rpartition(".")
    return base if dot and _SUPPLEMENT.startswith(tail) else title


def _stem_of_original(stem: str) -> str:
    """``photo`` for ``photo-edited``, ``photo(1)`` for ``photo-edited(1)``, empty if it is no edited copy."""
    match = _EDITED.fullmatch(stem)
    return match[1] + (match[2] or "") if match else ""


def _takeout_of_original(name: str, index: _Index, takeout_of: dict[str, str]) -> str:
    """The JSON of the picture of which ``name`` is an edited copy, if any; the copy may have another extension."""
    originals = index.by_stem.get(_stem_of_original(_split(casefold_name(name))[0]), ())
    return next((takeout_of[original] for original in originals if original in takeout_of), "")


def media_groups(folder: FolderScan) -> Iterator[MediaGroup]:
    """The groups of a folder by name, except that each group sharing a sidecar follows its owner. Pure."""
    groups = group_files(folder.files)
    sharing: dict[str, list[MediaGroup]] = defaultdict(list)
    for group in groups:
        if group.shared_sidecar:
            sharing[group.shared_sidecar].append(group)

    def with_sharers(group: MediaGroup) -> Iterator[MediaGroup]:
        yield group
        for file in group.companions if sharing else ():
            for sharer in sharing.pop(file.path, ()):
                yield from with_sharers(sharer)

    for group in groups:
        if not group.shared_sidecar:
            yield from with_sharers(group)
