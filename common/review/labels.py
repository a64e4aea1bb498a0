"""How a review page says things: shares, paths and links, and what each status and each evidence means. Pure."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from common.paths import is_inside, printable

_LONGEST_LINK = 2_000


def share_text(part: int, whole: int) -> str:
    """A share in percent that never rounds something to nothing, nor nearly all to all."""
    if not whole or not part:
        return "0 %"
    percent = 100 * part / whole
    if percent < 1:
        return "< 1 %"
    return "> 99 %" if 99 < percent < 100 else f"{percent:.0f} %"


def clipped(text: str, most: int = 240) -> str:
    """An untrusted text as it may be printed; what is too long loses its middle, since names differ at their ends."""
    text = printable(text[: 4 * most] + text[-most:] if len(text) > 5 * most else text)
    if len(text) <= most:
        return text
    tail = most // 2
    return f"{text[: most - tail - 1]}…{text[-tail:]}"


def inside_root(path: str, root: str) -> str:
    """A path as seen from its root; the whole path when it lies elsewhere."""
    return path[len(root.rstrip(os.sep)) + 1 :] if is_inside(path, root) else path


def file_link(path: str) -> str:
    """A ``file:`` address of a path, with everything but plain letters escaped; empty where there can be none."""
    if not path or not os.path.isabs(path) or "\0" in path:
        return ""
    link = PurePath(path).as_uri()
    return link if len(link) <= _LONGEST_LINK else ""


@dataclass(frozen=True, slots=True)
class EvidenceGrade:
    """What a kind of evidence is worth: ``grade`` is sure, likely or weak."""

    grade: str
    words: str


_WORTHS = {
    "exif:DateTimeOriginal": EvidenceGrade("sure", "the camera noted the moment of capture"),
    "quicktime:creationdate": EvidenceGrade("sure", "the phone noted the moment of capture, with its UTC offset"),
    "exif:DateTimeDigitized": EvidenceGrade("likely", "when it became digital: for a scan, not when it was taken"),
    "exif:DateTime": EvidenceGrade("weak", "the last change inside the file, not the capture"),
    "pillow:DateTimeOriginal": EvidenceGrade("sure", "the camera noted the moment of capture"),
    "pillow:DateTime": EvidenceGrade("weak", "the last change inside the file, not the capture"),
    "gps:GPSDateTime": EvidenceGrade("weak", "the satellite receiver's clock, which is often wrong"),
    "filesystem:mtime": EvidenceGrade("weak", "when the file was last written: copying and editing change it"),
}
_WORTHS_OF_KINDS = {
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
_OTHER_WORTH = EvidenceGrade("likely", "a date inside the file")
_NO_WORTH = EvidenceGrade("weak", "no believable date was found")


def evidence_grade(date_source: str) -> EvidenceGrade:
    """What the evidence that a report names in ``date_source`` is worth."""
    if not date_source:
        return _NO_WORTH
    kind = date_source.partition(":")[0]
    return _WORTHS.get(date_source) or _WORTHS_OF_KINDS.get(kind, _OTHER_WORTH)


@dataclass(frozen=True, slots=True)
class StatusLabel:
    """A status in plain words: ``tone`` is good, plain or bad."""

    tone: str
    label: str
    words: str


ORGANIZE_LABELS = {
    "planned": StatusLabel("plain", "planned", "would go to the archive; nothing was done yet"),
    "copied": StatusLabel("good", "copied", "stand in the archive, durable; the originals are untouched"),
    "moved": StatusLabel("good", "moved", "stand in the archive; compared before their originals were taken out"),
    "already_archived": StatusLabel(
        "good", "in the archive already", "the very same content was there before this run"
    ),
    "duplicate": StatusLabel(
        "plain", "duplicates", "the same content as another row, stored once; organize leaves them in the source"
    ),
    "skipped": StatusLabel("plain", "left out", "not media, or left out by an option: the reasons are below"),
    "failed": StatusLabel("bad", "failed", "could not be read or stored: the reasons are below"),
}
VERIFY_LABELS = {
    "identical": StatusLabel("good", "identical", "every byte of source and archive copy was read and is the same"),
    "archive_intact": StatusLabel(
        "good", "archive copy intact", "the archive copy still has the hash that was recorded"
    ),
    "not_archived": StatusLabel(
        "plain", "not in the archive", "organize did not put them there, so nothing was to be proved"
    ),
    "archive_missing": StatusLabel("bad", "missing in the archive", "organize them again"),
    "source_missing": StatusLabel("bad", "missing in the source", "nothing is left there to compare with"),
    "size_differs": StatusLabel(
        "bad", "different size", "one of the two was changed: look at both, then organize again"
    ),
    "content_differs": StatusLabel(
        "bad", "different content", "one of the two was changed or is damaged: look at both"
    ),
    "same_file": StatusLabel(
        "bad", "one file, not two", "source and archive lead to the same file: this is no second copy"
    ),
    "not_regular": StatusLabel("bad", "no regular file", "a link, a folder or a device stands where a file should"),
    "changed_while_reading": StatusLabel("bad", "changed while read", "something writes to it: verify it again later"),
    "outside_root": StatusLabel(
        "bad", "outside of its root", "the path leads out of source or archive, and was not believed"
    ),
    "read_error": StatusLabel("bad", "could not be read", "the medium or the permissions: mend that and verify again"),
}
APPLY_LABELS = {
    "quarantine": StatusLabel("good", "moved to quarantine", "renamed; --restore brings all of it back"),
    "delete": StatusLabel(
        "plain", "deleted for good", "each was compared with its archive copy, read from the medium, first"
    ),
    "restore": StatusLabel("good", "brought back", "stand in the source again"),
    "purge": StatusLabel("plain", "purged from quarantine", "each was compared with its archive copy first"),
    "prune": StatusLabel("plain", "empty folders removed", "only folders that this run had emptied"),
    "restore_folder": StatusLabel("good", "folders made again", "with their permissions and times"),
}


def status_label(status: str, meanings: Mapping[str, StatusLabel]) -> StatusLabel:
    """What a status means; one that this version does not know is shown as it stands."""
    return meanings.get(status) or StatusLabel("bad", clipped(status.replace("_", " "), 40) or "no status", "")
