"""Which groups of a scan the options leave out, and why. Pure."""

from __future__ import annotations

from datetime import date

from common.dates.model import Dated
from common.fileops.temporary import SET_ASIDE_PREFIX, TEMPORARY_PREFIX
from common.media_types import extension_of, kind_of
from common.organize.config import Options
from common.organize.grouping import is_takeout_name
from common.organize.model import MediaGroup


def skip_reason(group: MediaGroup, options: Options) -> str:
    """Why a group is left out by its names, or an empty string. Pure."""
    name = group.primary.name
    extension = extension_of(name)
    if group.is_orphan and (extension != ".json" or is_takeout_name(name)):
        return "a companion without its photo or video"
    if options.types and extension not in options.types:
        return f"type {extension or 'without extension'} is not among --types"
    kind = kind_of(name)
    if kind not in ("image", "video"):
        if name.startswith((TEMPORARY_PREFIX, SET_ASIDE_PREFIX)):
            return "left by an interrupted run; run the command that was interrupted again"
        return f"not a media type ({extension or 'no extension'})"
    if options.media_kind not in ("both", kind + "s"):
        return f"--media-kind is {options.media_kind}"
    return ""


def date_skip_reason(dated: Dated, options: Options) -> str:
    """Why a group is left out by its date, or an empty string. Pure."""
    if not (options.date_from or options.date_to):
        return ""
    if not dated.capture_date:
        return "no believable date, and a date range was asked for"
    day = date.fromisoformat(dated.capture_date[:10])
    if options.date_from and day < options.date_from:
        return f"taken on {day}, before --date-from"
    if options.date_to and day > options.date_to:
        return f"taken on {day}, after --date-to"
    return ""
