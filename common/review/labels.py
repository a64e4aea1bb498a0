"""Texts of a review page: shares, paths, links, and the meaning of each status and kind of evidence. Pure."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath

from common.manifests.statuses import Action, ReportStatus, VerifyStatus
from common.paths import is_inside, printable, relative_to

_MAX_LINK_LENGTH = 2_000


def share_text(part: int, whole: int) -> str:
    """A share in percent. A small part is never rounded to 0 %, nor a large one to 100 %."""
    if not whole or not part:
        return "0 %"
    percent = 100 * part / whole
    if percent < 1:
        return "< 1 %"
    return "> 99 %" if 99 < percent < 100 else f"{percent:.0f} %"


def clipped(text: str, limit: int = 240) -> str:
    """An untrusted text in printable form; a long one loses its middle, since names differ at their ends."""
    text = printable(text[: 4 * limit] + text[-limit:] if len(text) > 5 * limit else text)
    if len(text) <= limit:
        return text
    tail = limit // 2
    return f"{text[: limit - tail - 1]}…{text[-tail:]}"


def inside_root(path: str, root: str) -> str:
    """A path relative to its root, or the whole path when it lies elsewhere."""
    return relative_to(path, root) if is_inside(path, root) else path


def file_link(path: str) -> str:
    """The ``file:`` address of a path, with special characters escaped; empty if there can be none."""
    if not path or not os.path.isabs(path) or "\0" in path:
        return ""
    link = PurePath(path).as_uri()
    return link if len(link) <= _MAX_LINK_LENGTH else ""


@dataclass(frozen=True, slots=True)
class EvidenceGrade:
    """How far a kind of evidence can be trusted: ``grade`` is sure, likely or weak."""

    grade: str
    explanation: str


_GRADES = {
    "exif:DateTimeOriginal": EvidenceGrade("sure", "the camera noted the moment of capture"),
    "quicktime:creationdate": EvidenceGrade("sure", "the phone noted the moment of capture, with its UTC offset"),
    "exif:DateTimeDigitized": EvidenceGrade("likely", "when it became digital: for a scan, not when it was taken"),
    "exif:DateTime": EvidenceGrade("weak", "the last change inside the file, not the capture"),
    "pillow:DateTimeOriginal": EvidenceGrade("sure", "the camera noted the moment of capture"),
    "pillow:DateTime": EvidenceGrade("weak", "the last change inside the file, not the capture"),
    "gps:GPSDateTime": EvidenceGrade("weak", "the satellite receiver's clock, which is often wrong"),
    "filesystem:mtime": EvidenceGrade("weak", "when the file was last written: copying and editing change it"),
    # all others of a kind
    "exif": EvidenceGrade("likely", "a date in the picture's EXIF block"),
    "quicktime": EvidenceGrade("likely", "the recorder's clock, mostly in UTC"),
    "ffprobe": EvidenceGrade("likely", "a date in the film's tags, found by ffprobe"),
    "xmp": EvidenceGrade("likely", "written into the file, or beside it, by a photo program"),
    "iptc": EvidenceGrade("likely", "written into the file by a photo program"),
    "photoshop": EvidenceGrade("likely", "written into the file by a photo program"),
    "sidecar": EvidenceGrade("likely", "a companion file says so"),
    "takeout": EvidenceGrade("likely", "the JSON of Google Takeout says so"),
    "filename": EvidenceGrade("likely", "its name says so"),
}


def evidence_grade(date_source: str) -> EvidenceGrade:
    """The grade of the evidence that a report names in ``date_source``."""
    if not date_source:
        return EvidenceGrade("weak", "no believable date was found")
    grade = _GRADES.get(date_source) or _GRADES.get(date_source.partition(":")[0])
    return grade or EvidenceGrade("likely", "a date inside the file")


@dataclass(frozen=True, slots=True)
class StatusLabel:
    """A status as the page shows it: ``tone`` is good, plain or bad."""

    tone: str
    label: str
    explanation: str


_good, _plain, _bad = (partial(StatusLabel, tone) for tone in ("good", "plain", "bad"))
ORGANIZE_LABELS: Mapping[str, StatusLabel] = {
    ReportStatus.PLANNED: _plain("planned", "would go to the archive; nothing was done yet"),
    ReportStatus.COPIED: _good("copied", "stand in the archive, durable; the originals are untouched"),
    ReportStatus.MOVED: _good("moved", "stand in the archive; compared before their originals were taken out"),
    ReportStatus.ALREADY_ARCHIVED: _good("in the archive already", "the very same content was there before this run"),
    ReportStatus.DUPLICATE: _plain(
        "duplicates", "the same content as another row, stored once; organize leaves them in the source"
    ),
    ReportStatus.SKIPPED: _plain("left out", "not media, or left out by an option: the reasons are below"),
    ReportStatus.FAILED: _bad("failed", "could not be read or stored: the reasons are below"),
}
VERIFY_LABELS: Mapping[str, StatusLabel] = {
    VerifyStatus.IDENTICAL: _good("identical", "every byte of source and archive copy was read and is the same"),
    VerifyStatus.ARCHIVE_INTACT: _good("archive copy intact", "the archive copy still has the hash that was recorded"),
    VerifyStatus.NOT_ARCHIVED: _plain(
        "not in the archive", "organize did not put them there, so nothing was to be proved"
    ),
    VerifyStatus.ARCHIVE_MISSING: _bad("missing in the archive", "organize them again"),
    VerifyStatus.SOURCE_MISSING: _bad("missing in the source", "nothing is left there to compare with"),
    VerifyStatus.SIZE_DIFFERS: _bad("different size", "one of the two was changed: look at both, then organize again"),
    VerifyStatus.CONTENT_DIFFERS: _bad("different content", "one of the two was changed or is damaged: look at both"),
    VerifyStatus.SAME_FILE: _bad(
        "one file, not two", "source and archive lead to the same file: this is no second copy"
    ),
    VerifyStatus.NOT_REGULAR: _bad("no regular file", "a link, a folder or a device stands where a file should"),
    VerifyStatus.CHANGED_WHILE_READING: _bad("changed while read", "something writes to it: verify it again later"),
    VerifyStatus.OUTSIDE_ROOT: _bad(
        "outside of its root", "the path leads out of source or archive, and was not believed"
    ),
    VerifyStatus.READ_ERROR: _bad("could not be read", "the medium or the permissions: mend that and verify again"),
}
APPLY_LABELS: Mapping[str, StatusLabel] = {
    Action.QUARANTINE: _good("moved to quarantine", "renamed; --restore brings all of it back"),
    Action.DELETE: _plain("deleted for good", "each was compared with its archive copy, read from the medium, first"),
    Action.RESTORE: _good("brought back", "stand in the source again"),
    Action.PURGE: _plain("purged from quarantine", "each was compared with its archive copy first"),
    Action.PRUNE: _plain("empty folders removed", "only folders that this run had emptied"),
    Action.RESTORE_FOLDER: _good("folders made again", "with their permissions and times"),
}


def status_label(status: str, labels: Mapping[str, StatusLabel]) -> StatusLabel:
    """The label of a status; one that this version does not know is shown as it is."""
    return labels.get(status) or StatusLabel("bad", clipped(status.replace("_", " "), 40) or "no status", "")
