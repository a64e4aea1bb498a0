"""The worker process of ``FallbackReader``: asks Pillow and ffprobe about untrusted files, in a sandbox.

Run as ``python -P -m common.dates.fallback_worker``. Requests and answers are one line of ASCII JSON each, so names may
hold any bytes and newlines. Changes nothing on disk.
"""

import json
from typing import Any

from common.dates.findings import CONTAINER, DIGITIZED, EDITED, ORIGINAL, RELEASED, TEXT_CREATE, Findings
from common.dates.readers import xmp
from common.sandbox import serve

_ANSWER_BYTES = 4 << 20
# ffprobe has its own limit; the watchdog comes after it.
_GRACE_SECONDS = 1.0

WrittenDate = tuple[str, str, int]
"""Tag, text and rank of a date."""

_EXIF_IFD = 0x8769
_IFD0_TAGS = {0x0132: ("pillow:DateTime", EDITED)}
_EXIF_TAGS = {0x9003: ("pillow:DateTimeOriginal", ORIGINAL), 0x9004: ("pillow:DateTimeDigitized", DIGITIZED)}
_FFPROBE_TAGS = {
    "com.apple.quicktime.creationdate": ("ffprobe:creationdate", ORIGINAL),
    "date_recorded": ("ffprobe:DATE_RECORDED", ORIGINAL),
    "creation_time": ("ffprobe:creation_time", CONTAINER),
    "creationdate": ("ffprobe:creationdate", TEXT_CREATE),
    "wm/encodingtime": ("ffprobe:EncodingTime", CONTAINER),
    "timecode_date": ("ffprobe:timecode_date", CONTAINER),
    "date": ("ffprobe:date", RELEASED),
}


class _NoAnswer(Exception):
    """The tool gave no answer; the text says why."""


def _answer(request: dict[str, Any]) -> bytes:
    dates: list[WrittenDate] = []
    problem = ""
    try:
        if request["kind"] == "image":
            dates = _ask_pillow(request["path"])
        else:
            dates = _ask_ffprobe(request["ffprobe"], request["path"], request["seconds"])
    except _NoAnswer as reason:
        problem = str(reason)
    except Exception as error:  # noqa: BLE001 - the boundary around foreign libraries, which raise anything
        problem = f"the library that was asked failed: {type(error).__name__}"
    return json.dumps({"found": dates, "problem": problem}).encode("ascii")


def _ask_pillow(path: str) -> list[WrittenDate]:
    try:
        from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - only when an image is asked about
    except ImportError:
        raise _NoAnswer("Pillow is not installed") from None
    try:
        import pillow_heif  # noqa: PLC0415 - may not be installed

        pillow_heif.register_heif_opener()
    except ImportError:
        pass  # then Pillow can't read HEIC, and says so
    try:
        image = Image.open(path)
    except UnidentifiedImageError:
        raise _NoAnswer("Pillow can't read it") from None
    except OSError as error:
        raise _NoAnswer(f"Pillow can't read it: {error.strerror or 'cut short or damaged'}") from None
    with image:
        findings = Findings()
        packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
        xmp.scan(packet.encode() if isinstance(packet, str) else bytes(packet), findings)
        dates = [(candidate.tag, candidate.text, candidate.rank) for candidate in findings.candidates]
        # getexif() of a PNG without an eXIf chunk in front would decode the whole picture.
        if image.format == "PNG" and "exif" not in image.info:
            return dates
        exif = image.getexif()
        for values, tags in ((exif, _IFD0_TAGS), (exif.get_ifd(_EXIF_IFD), _EXIF_TAGS)):
            for number, (tag, rank) in tags.items():
                value = values.get(number)
                if isinstance(value, str):
                    dates.append((tag, value[:64], rank))
    return dates


def _ask_ffprobe(program: str, path: str, seconds: float) -> list[WrittenDate]:
    import subprocess  # noqa: PLC0415 - only when a video is asked about

    # "file:" keeps a name from being taken for an option or a URL, the list keeps a playlist from opening other files.
    command = [program, "-v", "quiet", "-protocol_whitelist", "file", "-print_format", "json"]
    command += ["-show_entries", "format_tags:stream_tags", "-i", f"file:{path}"]
    try:
        null, pipe = subprocess.DEVNULL, subprocess.PIPE
        result = subprocess.run(command, check=False, stdin=null, stdout=pipe, stderr=null, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise _NoAnswer(f"ffprobe had no answer after {seconds:g} seconds and was stopped") from None
    except OSError as error:
        raise _NoAnswer(f"ffprobe can't be started: {error.strerror}") from None
    if result.returncode != 0:
        raise _NoAnswer("ffprobe can't read it")
    if len(result.stdout) > _ANSWER_BYTES:
        raise _NoAnswer("ffprobe said more than a film can have tags")
    answer = json.loads(result.stdout)
    dates: list[WrittenDate] = []
    for part in (answer.get("format", {}), *answer.get("streams", [])):
        for name, value in part.get("tags", {}).items():
            known = _FFPROBE_TAGS.get(str(name).lower())
            if known is not None and all(known[0] != tag for tag, _, _ in dates):
                dates.append((known[0], str(value)[:64], known[1]))
    return dates


if __name__ == "__main__":
    raise SystemExit(serve(_answer, grace_seconds=_GRACE_SECONDS))
