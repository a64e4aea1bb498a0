"""Ask one media file when it was made, reading no more of it than that needs."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from operator import attrgetter
from typing import NamedTuple

from common.dates.byte_view import ByteSource, ByteView, FileBytes, StopReading
from common.dates.findings import Findings
from common.dates.model import Reading
from common.dates.readers import (
    asf,
    dv,
    flv,
    gif,
    isobmff,
    jpeg,
    matroska,
    mpeg_ts,
    mxf,
    photoshop,
    png,
    raw,
    riff,
    tiff,
)
from common.errors import explain_os_error

# Enough to tell a transport stream from a text: five packets.
_SNIFFED = 1024


class Format(NamedTuple):
    """A kind of file: how its first bytes are known, and who reads it."""

    name: str
    is_it: Callable[[bytes], bool]
    read: Callable[[ByteView, Findings], None]


# Adding a format is one file in ``readers/`` and one line here. The first that knows the bytes reads the file.
FORMATS = (
    Format("JPEG", jpeg.is_jpeg, jpeg.read),
    Format("ISO media", isobmff.is_box_file, isobmff.read),
    Format("Canon CRW", raw.is_crw, raw.read_crw),
    Format("Panasonic RW2", raw.is_rw2, raw.read_rw2),
    Format("TIFF", tiff.is_tiff, tiff.read),
    Format("PNG", png.is_png, png.read),
    Format("RIFF", riff.is_riff, riff.read),
    Format("Matroska", matroska.is_matroska, matroska.read),
    Format("ASF", asf.is_asf, asf.read),
    Format("GIF", gif.is_gif, gif.read),
    Format("Photoshop", photoshop.is_photoshop, photoshop.read),
    Format("Fujifilm RAF", raw.is_raf, raw.read_raf),
    Format("Minolta MRW", raw.is_mrw, raw.read_mrw),
    Format("Sigma X3F", raw.is_x3f, raw.read_x3f),
    Format("DV", dv.is_dv, dv.read),
    Format("MXF", mxf.is_mxf, mxf.read),
    Format("Flash video", flv.is_flv, flv.read),
    Format("MPEG transport stream", mpeg_ts.is_transport_stream, mpeg_ts.read),
    Format("JPEG behind a header", jpeg.is_behind_a_header, jpeg.read_behind_a_header),
)

# Of the formats above, the ones that hold films or both: only their heads can tell.
_FILM_FORMATS = frozenset({"Matroska", "ASF", "DV", "MXF", "Flash video", "MPEG transport stream"})
_STILL_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis", b"crx ", b"jp2 ", b"jxl "}
)
_IMAGE_EXTENSIONS = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".png",
        ".gif",
        ".bmp",
        ".tif",
        ".tiff",
        ".webp",
        ".heic",
        ".heif",
        ".avif",
        ".jp2",
        ".jxl",
        ".thm",
    }
)

_OPEN_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO put there instead of the file must not stop the run
    | getattr(os, "O_BINARY", 0)
)


_rank = attrgetter("rank")


def read_media(path: str) -> Reading:
    """What one file says of its time of capture. Reads the disk, changes nothing, raises nothing for any content.

    Links are not followed. A file that can't be opened or read, that is damaged, or that is no known
    photo or video, gives a ``problem`` in plain words; candidates found before a damaged place are kept.
    """
    try:
        descriptor = open_media(path)
    except OSError as error:
        return Reading(problem=f"it can't be opened: {explain_os_error(error)}", unreadable=True)
    return read_opened(descriptor)


def open_media(path: str) -> int:
    """A descriptor of what ``read_opened`` is to read. Raises ``OSError``, for a link too."""
    return os.open(path, _OPEN_FLAGS)


def read_opened(descriptor: int) -> Reading:
    """``read_media`` of a file that was opened already. Closes it."""
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            return Reading(problem="it is not a regular file")
        _read_no_more_than_asked(descriptor)
        return read_guarded(FileBytes(descriptor, facts.st_size))
    except OSError as error:
        return Reading(problem=f"it can't be read: {explain_os_error(error)}", unreadable=True)
    finally:
        os.close(descriptor)


def _read_no_more_than_asked(descriptor: int) -> None:
    """Dates stand in pieces here and there: what the system would fetch behind them is three quarters of a photo."""
    if sys.platform == "linux":
        try:  # noqa: SIM105 - of every file this is asked, and suppress takes ten times as long
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)
        except OSError:
            pass  # a file system that takes no such advice


def read_guarded(where: ByteSource) -> Reading:
    """``read_bytes`` behind the one guard against a fault of ours that a crafted file might reach.

    Raises OSError alone: the disk's faults are the caller's to name.
    """
    try:
        return read_bytes(where)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - the boundary around untrusted content: one file, not the run
        return Reading(problem=f"its reader failed ({type(error).__name__}); please report this file")


def read_bytes(where: ByteSource) -> Reading:
    """Tell the format by the first bytes, let its reader look, and sort what it found by rank."""
    if where.size == 0:
        return Reading(problem="the file is empty")
    view = ByteView.over(where)
    head = view.read(0, _SNIFFED)
    for kind in FORMATS:
        if kind.is_it(head):
            break
    else:
        return Reading(problem="its content is of no photo or video format that is known here")
    findings = Findings()
    problem = ""
    try:
        kind.read(view, findings)
    except StopReading as stop:
        problem = f"it is a damaged {kind.name} file: {stop}"
    if not findings.candidates:
        return Reading(problem=problem)
    return Reading(tuple(sorted(findings.candidates, key=_rank)))


def looks_like_image(head: bytes, name: str) -> bool:
    """Whether these first bytes are a picture's; where they say nothing, whether the name is. Pure."""
    for kind in FORMATS:
        if kind.is_it(head):
            if kind.name == "ISO media":
                return head[8:12] in _STILL_BRANDS or head[4:8] in {b"jP  ", b"JXL "}
            if kind.name == "RIFF":
                return head[8:12] == b"WEBP"
            return kind.name not in _FILM_FORMATS
    return os.path.splitext(name)[1].lower() in _IMAGE_EXTENSIONS
