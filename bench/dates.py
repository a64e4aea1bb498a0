"""Compare our date readers with exiftool on a folder of real media, in one run side by side.

    python3 bench/dates.py FOLDER [--oracle oracle.csv] [--second-opinion] [--show]

Both are asked one file after the other, each in one process: ours in this one, exiftool in one long-lived
``-stay_open`` process. Without ``--oracle`` exiftool's answer is the truth; with it, that of the table (columns
``file`` and ``taken``). Prints right, wrong year and missing by extension, and the ratio of the speeds: the
absolute figures are only for the eye, since other work on the machine changes them. Reads the disk, changes nothing.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from common.dates.choose import Rules, choose
from common.dates.fallback import FallbackReader
from common.dates.formats import read_media
from common.dates.model import Choice, Clock, Reading, Source
from common.dates.parsing import parse_moment

_NO_MEDIA = frozenset({".csv", ".md", ".txt", ".json", ".xmp", ".aae"})
# The first of these that exiftool has is its answer: what was pressed, then what was written.
_EXIFTOOL_CHAIN = (
    "EXIF:DateTimeOriginal",
    "QuickTime:CreationDate",
    "EXIF:CreateDate",
    "*:DateTimeOriginal",
    "*:CreateDate",
    "PNG:CreationTime",
    "ASF:CreationDate",
    "*:CreationDate",
)
_EXIFTOOL_ARGUMENTS = ("-json", "-G0", "-DateTimeOriginal", "-CreateDate", "-CreationDate", "-CreationTime", "-fast")
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """One file: ``kind`` is right, wrong_year, missing, extra or no_date."""

    path: str
    kind: str
    expected: str
    choice: Choice


class ExifTool:
    """One long-lived exiftool process that is asked one question a file."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["exiftool", "-stay_open", "True", "-@", "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> ExifTool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write(b"-stay_open\nFalse\n")
            self._process.stdin.close()
        self._process.wait()

    def ask(self, path: str) -> str:
        """Its date for one file, empty when it has none."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("exiftool was started without pipes")
        lines = [*_EXIFTOOL_ARGUMENTS, path, "-execute"]
        stdin.write(b"".join(os.fsencode(line) + b"\n" for line in lines))
        stdin.flush()
        answer = bytearray()
        while not answer.endswith(b"{ready}\n"):
            line = stdout.readline()
            if not line:
                raise RuntimeError("exiftool ended before its answer")
            answer += line
        text = bytes(answer[: -len(b"{ready}\n")])
        return _first_date(json.loads(text)[0]) if text.strip() else ""


def _first_date(tags: dict[str, object]) -> str:
    for wanted in _EXIFTOOL_CHAIN:
        for name, value in tags.items():
            if name == wanted or (wanted.startswith("*") and name.endswith(wanted[1:])):
                found = parse_moment(str(value))
                if found is not None and found.moment.year > 1826:
                    return str(value)
    return ""


def _media_files(folder: Path) -> list[str]:
    return sorted(
        os.path.join(where, name)
        for where, _, names in os.walk(folder)
        for name in names
        if os.path.splitext(name)[1].lower() not in _NO_MEDIA and "\n" not in name
    )


def _judge(path: str, expected: str, choice: Choice) -> Verdict:
    truth = parse_moment(expected) if expected else None
    if truth is None:
        return Verdict(path, "extra" if choice.moment else "no_date", expected, choice)
    if choice.moment is None:
        return Verdict(path, "missing", expected, choice)
    years = {choice.moment.year}
    if truth.clock is Clock.UTC and choice.moment.tzinfo is not None:
        years.add(choice.moment.astimezone(UTC).year)
    return Verdict(path, "right" if truth.moment.year in years else "wrong_year", expected, choice)


def _rules() -> Rules:
    return Rules(order=(Source.METADATA,), zone=UTC, now=datetime.now(UTC))


def _with_second_opinion(files: list[str], readings: dict[str, Reading]) -> int:
    """Ask it about every file without a date, as the scripts do. Returns how many it was asked about."""
    silent = [path for path in files if not readings[path].candidates]
    with FallbackReader() as second:
        for path in silent:
            readings[path] = second.ask(path)
    return len(silent)


def _table(verdicts: list[Verdict]) -> str:
    kinds = ("right", "wrong_year", "missing", "extra", "no_date")
    counts: dict[str, Counter[str]] = {}
    for verdict in verdicts:
        extension = os.path.splitext(verdict.path)[1].lower() or "(none)"
        counts.setdefault(extension, Counter())[verdict.kind] += 1
    rows = [*sorted(counts.items()), ("all", Counter(verdict.kind for verdict in verdicts))]
    lines = ["".join(f"{title:>12}" for title in ("extension", *kinds))]
    lines += [f"{extension:>12}" + "".join(f"{count[kind]:12,}" for kind in kinds) for extension, count in rows]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Run the comparison; 1 when a year is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--oracle", type=Path, help="a table with the columns file (relative to FOLDER) and taken")
    parser.add_argument("--second-opinion", action="store_true", help="ask Pillow and ffprobe where we find nothing")
    parser.add_argument("--show", action="store_true", help="name every file that is not right")
    options = parser.parse_args(argv)
    files = _media_files(options.folder)
    if not files:
        parser.error(f"no files in {options.folder}")
    truth: dict[str, str] = {}
    if options.oracle is not None:
        with options.oracle.open(newline="", encoding="utf-8", errors="surrogateescape") as table:
            truth = {str(options.folder / row["file"]): row["taken"] for row in csv.DictReader(table)}
        files = [path for path in files if path in truth]

    ours, theirs = float("inf"), float("inf")
    readings: dict[str, Reading] = {}
    has_exiftool = shutil.which("exiftool") is not None
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        readings = {path: read_media(path) for path in files}
        ours = min(ours, time.perf_counter() - start)
        if has_exiftool:
            with ExifTool() as tool:
                tool.ask(files[0])  # its start is not counted
                start = time.perf_counter()
                answers = {path: tool.ask(path) for path in files}
                theirs = min(theirs, time.perf_counter() - start)
            truth = truth if options.oracle is not None else answers
    if not truth:
        parser.error("exiftool is not installed and no --oracle was given: there is nothing to compare with")
    asked = _with_second_opinion(files, readings) if options.second_opinion else 0

    rules = _rules()
    verdicts = [_judge(path, truth[path], choose(readings[path].candidates, rules)) for path in files]
    print(_table(verdicts))
    if options.show:
        for verdict in verdicts:
            if verdict.kind in {"wrong_year", "missing", "extra"}:
                found = f"{verdict.choice.moment} by {verdict.choice.tag}" if verdict.choice.moment else "nothing"
                shown = os.fsencode(verdict.path).decode("utf-8", "replace")
                print(f"{verdict.kind}: {shown}: expected {verdict.expected or 'nothing'}, found {found}")
                if readings[verdict.path].problem:
                    print(f"    {readings[verdict.path].problem}")
    print(f"files: {len(files):,}; asked a second time: {asked:,}")
    print(f"ours: {len(files) / ours:,.0f} files/s in one process ({ours / len(files) * 1000:.3f} ms a file)")
    if has_exiftool:
        print(f"exiftool, long-lived: {len(files) / theirs:,.0f} files/s; we are {theirs / ours:,.0f} times as fast")
    return 1 if any(verdict.kind == "wrong_year" for verdict in verdicts) else 0


if __name__ == "__main__":
    raise SystemExit(main())
