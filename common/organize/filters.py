"""Which groups of a scan are taken into the archive, and why others are left out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from common.dates.model import Dated
from common.fileops.temporary import SET_ASIDE_PREFIX, TEMPORARY_PREFIX
from common.media_types import extension_of, kind_of
from common.organize.grouping import is_takeout_name
from common.organize.model import MediaGroup


@dataclass(frozen=True)
class MediaFilter:
    """What the command line asks for: extensions (none given: all known), a kind, and a range of days."""

    media_kind: str
    types: tuple[str, ...]
    date_from: date | None
    date_to: date | None


def skip_reason(found: MediaGroup, selection: MediaFilter) -> str:
    """Why a group is left out by its names, or an empty string. Pure."""
    name = found.primary.name
    extension = extension_of(name)
    if found.orphan and (extension != ".json" or is_takeout_name(name)):
        return "a companion without its photo or video"
    if selection.types and extension not in selection.types:
        return f"type {extension or 'without extension'} is not among --types"
    kind = kind_of(name)
    if kind not in ("image", "video"):
        if name.startswith((TEMPORARY_PREFIX, SET_ASIDE_PREFIX)):
            return "left by an interrupted run; run the command that was interrupted again"
        return f"not a media type ({extension or 'no extension'})"
    if selection.media_kind not in ("both", kind + "s"):
        return f"--media-kind is {selection.media_kind}"
    return ""


def date_skip_reason(selection: MediaFilter, dated: Dated) -> str:
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
