"""The types of organize's options, for argparse: they raise ``ArgumentTypeError`` with what to write instead. Pure."""

from __future__ import annotations

import argparse
import os
import re
from datetime import date, datetime

from common.errors import BadInput
from common.media_types import IMAGE_EXTENSIONS, SIDECAR_EXTENSIONS, VIDEO_EXTENSIONS, system_folder_in
from common.paths import is_plain_absolute

SOURCES = ("metadata", "sidecar", "filename", "filesystem")
_DIRECTIVES = "aAbBdGHIjmMpSuUVwWxXyYfzZc%"  # of strftime on every system; others are kept as text, or fail


def parse_types(text: str) -> tuple[str, ...]:
    """Known extensions such as ``.jpg,.mov``, in lower case and sorted."""
    types = tuple(sorted({part.strip().lower() for part in text.split(",") if part.strip()}))
    known = IMAGE_EXTENSIONS | VIDEO_EXTENSIONS | SIDECAR_EXTENSIONS
    for extension in types:
        if not extension.startswith(".") or extension == ".":
            raise argparse.ArgumentTypeError(f"{extension!r} is no extension; one begins with a dot, as .jpg does")
        if extension not in known:
            raise argparse.ArgumentTypeError(f"{extension} is no media type known here")
    if not types:
        raise argparse.ArgumentTypeError("names no extension; write it as .jpg,.mov")
    return types


def parse_day(text: str) -> date:
    """A day such as ``2019-07-31``."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day such as 2019-07-31") from None


def parse_layout(text: str) -> str:
    """A pattern for folders below the archive, of directives of ``strftime`` that every system has."""
    try:
        example = datetime(2019, 7, 31, 12, 0, 0).strftime(text)
    except ValueError:
        example = ""
    is_known = all(letter in _DIRECTIVES for letter in re.findall(r"%(.)", text)) and "\0" not in example
    is_below = example and not os.path.isabs(example) and is_plain_absolute(os.path.join(os.sep, example))
    if left_out := system_folder_in(example):
        raise argparse.ArgumentTypeError(f"{text!r}: no scan looks into a folder {left_out}; try %Y or %Y/%m")
    if not (is_known and is_below):
        raise argparse.ArgumentTypeError(f"{text!r} is no pattern for folders below the archive; try %Y or %Y/%m")
    return text


def parse_timezone(text: str) -> str:
    """The name of a time zone that this system has. Reads the disk."""
    from common.dates.timezones import resolve_timezone  # noqa: PLC0415 - only with --timezone

    try:
        resolve_timezone(text or None)
    except BadInput as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def parse_date_sources(text: str) -> tuple[str, ...]:
    """Sources of dates, each once, the most trusted first."""
    sources = tuple(part.strip() for part in text.split(","))
    for source in sources:
        if source not in SOURCES:
            raise argparse.ArgumentTypeError(f"{source!r} is none of {', '.join(SOURCES)}")
    if len(set(sources)) != len(sources):
        raise argparse.ArgumentTypeError("names a source twice")
    return sources
