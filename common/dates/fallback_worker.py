"""The process behind ``second_opinion``: reads one question a line, answers one line, ends with its input.

Run as ``python -P -m common.dates.fallback_worker``. Question and answer are JSON in ASCII, so that a name
of any bytes and newlines passes. It holds two limits on itself: memory (``RLIMIT_AS``, inherited by ffprobe; Linux
enforces it, macOS and Windows do not) and time (a watchdog that ends the process even while C code runs).
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys

from common.dates.findings import CONTAINER, DIGITIZED, EDITED, ORIGINAL, RELEASED, TEXT_CREATE, Findings
from common.dates.readers import xmp

# ffprobe maps some two hundred libraries; photos of 200 megapixels are not decoded here.
_MOST_MEMORY = 2 << 30
_MOST_ANSWER = 4 << 20

# Tag, text, rank: what the asking side makes candidates of.
Found = list[tuple[str, str, int]]

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
    """The tool could not read the file; the text says why."""


def main() -> int:
    """Answer until the input ends. Reads the files that it is asked about, changes nothing on disk."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)  # what a library prints must not be taken for an answer
    os.dup2(silence, 2)
    _limit_memory()
    answers.write(b"ready\n")
    with open(os.devnull, "w") as nowhere:
        for line in sys.stdin.buffer:
            question = json.loads(line)
            # A watchdog in C: it ends the process even when a library holds the interpreter.
            faulthandler.dump_traceback_later(question["seconds"] + 1, exit=True, file=nowhere)
            answers.write(json.dumps(_answer(question)).encode("ascii") + b"\n")
            faulthandler.cancel_dump_traceback_later()
    return 0


def _limit_memory() -> None:
    if sys.platform == "win32":
        return  # Windows limits memory by job objects only; the limit of time holds there
    import resource  # noqa: PLC0415 - there is none on Windows

    try:
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    except (ValueError, OSError):
        return  # a stricter limit is in force already, or the system knows none


def _answer(question: dict[str, object]) -> dict[str, object]:
    path = str(question["path"])
    try:
        if question["kind"] == "image":
            found = _ask_pillow(path)
        else:
            found = _ask_ffprobe(str(question["ffprobe"]), path, float(str(question["seconds"])))
    except _NoAnswer as reason:
        return {"found": [], "problem": str(reason)}
    except Exception as error:  # noqa: BLE001 - the boundary around foreign libraries, which raise anything
        return {"found": [], "problem": f"the library that was asked failed: {type(error).__name__}"}
    return {"found": found, "problem": ""}


def _ask_pillow(path: str) -> Found:
    try:
        from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - only when an image is asked about
    except ImportError:
        raise _NoAnswer("Pillow is not installed") from None
    try:
        import pillow_heif  # noqa: PLC0415 - may not be installed

        pillow_heif.register_heif_opener()
    except ImportError:
        pass  # HEIC then is a file that Pillow can't read, and says so
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
        found: Found = [(candidate.tag, candidate.text, candidate.rank) for candidate in findings.candidates]
        # getexif() of a PNG without an eXIf chunk in front would decode the whole picture.
        if image.format == "PNG" and "exif" not in image.info:
            return found
        exif = image.getexif()
        for values, tags in ((exif, _IFD0_TAGS), (exif.get_ifd(_EXIF_IFD), _EXIF_TAGS)):
            for number, (tag, rank) in tags.items():
                value = values.get(number)
                if isinstance(value, str):
                    found.append((tag, value[:64], rank))
    return found


def _ask_ffprobe(program: str, path: str, seconds: float) -> Found:
    import subprocess  # noqa: PLC0415 - only when a video is asked about

    # file: keeps a name from being taken for an option or a URL, the list keeps a playlist from opening others.
    command = [program, "-v", "quiet", "-protocol_whitelist", "file", "-print_format", "json"]
    command += ["-show_entries", "format_tags:stream_tags", "-i", f"file:{path}"]
    try:
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise _NoAnswer(f"ffprobe had no answer after {seconds:g} seconds and was stopped") from None
    except OSError as error:
        raise _NoAnswer(f"ffprobe can't be started: {error.strerror}") from None
    if done.returncode != 0:
        raise _NoAnswer("ffprobe can't read it")
    if len(done.stdout) > _MOST_ANSWER:
        raise _NoAnswer("ffprobe said more than a film can have tags")
    answer = json.loads(done.stdout)
    places = [answer.get("format", {}), *answer.get("streams", [])]
    found: Found = []
    for place in places:
        for name, value in place.get("tags", {}).items():
            known = _FFPROBE_TAGS.get(str(name).lower())
            if known is not None and all(known[0] != tag for tag, _, _ in found):
                found.append((known[0], str(value)[:64], known[1]))
    return found


if __name__ == "__main__":
    raise SystemExit(main())
