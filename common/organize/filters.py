"""Which groups of a scan are taken into the archive, and why others are left out. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from common.dates.model import Dated
from common.fileops.temporary import PARKED_PREFIX, TEMPORARY_PREFIX
from common.media_types import extension_of, kind_of
from common.organize.grouping import NameGroup, group_folder, is_takeout_name
from common.organize.scan import FolderScan, FoundFile
from common.paths import joined


@dataclass(frozen=True)
class Selection:
    """What the command line asks for: extensions (none given: all known), a kind, and a range of days."""

    media_kind: str
    types: tuple[str, ...]
    date_from: date | None
    date_to: date | None


class Found(NamedTuple):
    """A group as the scan found it.

    An orphan is a companion without its photo or video. ``shared_sidecar`` is the path of one that
    belongs to another group and dates this one as well.
    """

    primary: FoundFile
    companions: tuple[FoundFile, ...]
    orphan: bool
    shared_sidecar: str


def groups_of(folder: FolderScan) -> Iterator[Found]:
    """The groups of one folder in the order of their names, but those that share a sidecar behind the one that has it.

    Files that are no media are groups of one.
    """
    files = {file.name: file for file in folder.files}
    groups = group_folder(list(files))
    sharing: dict[str, list[NameGroup]] = defaultdict(list)
    for group in groups:
        if group.shared_sidecar:
            sharing[group.shared_sidecar].append(group)

    def with_those_that_share(group: NameGroup) -> Iterator[NameGroup]:
        yield group
        for name in group.companions:
            for sharer in sharing.pop(name, ()):
                yield from with_those_that_share(sharer)

    for group in groups:
        if group.shared_sidecar:
            continue  # it comes behind the group that has the sidecar
        for one in with_those_that_share(group):
            sidecar = joined(folder.path, one.shared_sidecar) if one.shared_sidecar else ""
            yield Found(files[one.primary], tuple(files[name] for name in one.companions), one.orphan, sidecar)


def why_skipped(found: Found, selection: Selection) -> str:
    """Why a group is left out by its names, or an empty string. Pure."""
    name = found.primary.name
    extension = extension_of(name)
    if found.orphan and (extension != ".json" or is_takeout_name(name)):
        return "a companion without its photo or video"
    if selection.types and extension not in selection.types:
        return f"type {extension or 'without extension'} is not among --types"
    kind = kind_of(name)
    if kind not in ("image", "video"):
        if name.startswith((TEMPORARY_PREFIX, PARKED_PREFIX)):
            return "left by an interrupted run; run the command that was interrupted again"
        return f"not a media type ({extension or 'no extension'})"
    if selection.media_kind not in ("both", kind + "s"):
        return f"--media-kind is {selection.media_kind}"
    return ""


def why_not_of_these_days(selection: Selection, dated: Dated) -> str:
    """Why a group is left out by its date, or an empty string. Pure."""
    if not (selection.date_from or selection.date_to):
        return ""
    if not dated.capture_date:
        return "no believable date, and a date range was asked for"
    day = date.fromisoformat(dated.capture_date[:10])
    if selection.date_from and day < selection.date_from:
        return f"taken on {day}, before --date-from"
    if selection.date_to and day > selection.date_to:
        return f"taken on {day}, after --date-to"
    return ""
