"""The dates in a media file, found with as few reads as possible. Reads the disk, changes nothing."""

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
from common.media_types import extension_of

# Enough to tell a transport stream from a text: up to five packets.
_HEAD_BYTES = 1024


class Format(NamedTuple):
    """A file format: the check for its first bytes, and its reader."""

    name: str
    matches: Callable[[bytes], bool]
    read: Callable[[ByteView, Findings], None]


def _starts_with(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(signatures)


# The first format that matches reads the file. A new format is one file in ``readers/`` and one line here.
FORMATS = (
    # FF 01 Exiv2 is a file of metadata alone that the Exiv2 project writes, laid out as a JPEG.
    Format("JPEG", _starts_with(b"\xff\xd8", b"\xff\x01Exiv2"), jpeg.read),
    Format("ISO media", isobmff.is_box_file, isobmff.read),
    Format("Canon CRW", raw.is_crw, raw.read_crw),
    Format("Panasonic RW2", _starts_with(b"IIU\0", b"MM\0U"), raw.read_rw2),  # and Leica's RWL
    Format("TIFF", tiff.is_tiff, tiff.read),
    Format("PNG", _starts_with(b"\x89PNG\r\n\x1a\n", b"\x8aMNG\r\n\x1a\n", b"\x8bJNG\r\n\x1a\n"), png.read),
    Format("RIFF", riff.is_riff, riff.read),
    Format("Matroska", _starts_with(b"\x1a\x45\xdf\xa3"), matroska.read),  # the header of EBML
    Format("ASF", _starts_with(bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")), asf.read),
    Format("GIF", _starts_with(b"GIF87a", b"GIF89a"), gif.read),
    Format("Photoshop", _starts_with(b"8BPS"), photoshop.read),
    Format("Fujifilm RAF", _starts_with(b"FUJIFILMCCD-RAW "), raw.read_raf),
    Format("Minolta MRW", _starts_with(b"\0MRM"), raw.read_mrw),
    Format("Sigma X3F", _starts_with(b"FOVb"), raw.read_x3f),
    Format("DV", dv.is_dv, dv.read),
    # A header partition pack. Cameras write no run-in before it, which the standard allows.
    Format("MXF", _starts_with(bytes.fromhex("060e2b34020501010d01020101")), mxf.read),
    Format("Flash video", _starts_with(b"FLV\x01"), flv.read),
    Format("MPEG transport stream", mpeg_ts.is_transport_stream, mpeg_ts.read),
    Format("JPEG behind a header", jpeg.is_behind_a_header, jpeg.read_behind_a_header),
)

_FILM_FORMATS = frozenset({"Matroska", "ASF", "DV", "MXF", "Flash video", "MPEG transport stream"})
# Of the formats that hold both films and stills.
_STILL_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis", b"crx ", b"jp2 ", b"jxl "}
)
_STILL_EXTENSIONS = frozenset(".jpg .jpeg .png .gif .bmp .tif .tiff .webp .heic .heif .avif .jp2 .jxl .thm".split())

# Opening a FIFO must not block.
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

_rank = attrgetter("rank")


def read_media(path: str) -> Reading:
    """Find the dates in one file. Follows no link; raises nothing for any file.

    A file that can't be opened or read, or is no known photo or video, gives a ``problem``. So does a damaged file,
    unless dates were found before the damaged part: these are returned.
    """
    try:
        descriptor = open_media(path)
    except OSError as error:
        return Reading(problem=f"it can't be opened: {explain_os_error(error)}", unreadable=True)
    return read_opened(descriptor)


def open_media(path: str) -> int:
    """Open a file for ``read_opened``. Raises ``OSError``, also for a link."""
    return os.open(path, _OPEN_FLAGS)


def read_opened(descriptor: int) -> Reading:
    """Find the dates in an open file, as ``read_media`` does, and close it."""
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return Reading(problem="it is not a regular file")
        _turn_off_read_ahead(descriptor)
        return read_guarded(FileBytes(descriptor, status.st_size))
    except OSError as error:
        return Reading(problem=f"it can't be read: {explain_os_error(error)}", unreadable=True)
    finally:
        os.close(descriptor)


def _turn_off_read_ahead(descriptor: int) -> None:
    """Turn off read-ahead: the system would fetch three quarters of a photo for the few places that hold dates."""
    if sys.platform == "linux":
        try:  # noqa: SIM105 - done for every file, and suppress takes ten times as long
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)
        except OSError:
            pass  # this file system does not support it


def read_guarded(source: ByteSource) -> Reading:
    """``read_bytes`` with a guard against errors in a reader that a crafted file may reach. Raises only ``OSError``."""
    try:
        return read_bytes(source)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - the boundary around untrusted content: one file, not the run
        return Reading(problem=f"its reader failed ({type(error).__name__}); please report this file")


def read_bytes(source: ByteSource) -> Reading:
    """Find the dates with the reader of the format that the first bytes show; sort the candidates by rank."""
    if source.size == 0:
        return Reading(problem="the file is empty")
    view = ByteView.over(source)
    head = view.read(0, _HEAD_BYTES)
    for media_format in FORMATS:
        if media_format.matches(head):
            break
    else:
        return Reading(problem="its content is of no photo or video format that is known here")
    findings = Findings()
    problem = ""
    try:
        media_format.read(view, findings)
    except StopReading as stop:
        problem = f"it is a damaged {media_format.name} file: {stop}"
    if not findings.candidates:
        return Reading(problem=problem)
    return Reading(tuple(sorted(findings.candidates, key=_rank)))


def looks_like_image(head: bytes, name: str) -> bool:
    """Whether a file is a still image, by its first bytes, or by its name if they are of no known format. Pure."""
    for media_format in FORMATS:
        if media_format.matches(head):
            if media_format.name == "ISO media":
                return head[8:12] in _STILL_BRANDS or head[4:8] in {b"jP  ", b"JXL "}
            if media_format.name == "RIFF":
                return head[8:12] == b"WEBP"
            return media_format.name not in _FILM_FORMATS
    return extension_of(name) in _STILL_EXTENSIONS
