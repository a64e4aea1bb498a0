"""Time and peak memory of each stage at 10,000, 100,000 and 1,000,000 files, and what starting batch k costs.

    python -m bench.scale                              up to 100,000, some minutes
    python -m bench.scale --sizes 10000,1000000        needs 5 GB and about an hour

``report`` runs over so many tiny photos. ``verify`` and ``apply --dry-run`` run over so many rows, which share the
files of a thousand photos, so that a million rows need no million files; ``--copies`` lets ``copy`` and ``quarantine``
work on the tiny photos as well. Each stage over files begins with an empty cache (root on Linux; else with whatever is
in it), so that few files, which would be in memory still, are not compared with many, which would not. Makes its data
below ``--work`` and removes it at the end.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also where it is run as a file

from bench.compare import ROOT
from bench.material import make_tiny_photos
from bench.racing import can_drop_caches, settle
from common.manifests.reader import Reader
from common.manifests.rows import REPORT, ReportRow

if sys.platform == "win32":
    raise SystemExit("the benchmarks need a Unix system; the scripts themselves do not")

SHARED_FILES = 1_000
BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call took: seconds on the clock, of the processor in our code and in the system, and its largest
    process in bytes of memory."""

    wall: float
    user: float
    system: float
    memory: int


def call(script: object, *arguments: object) -> Cost:
    """Run a script, and refuse to measure one that fails. Unix only: ``wait4(2)`` tells the peak of the memory."""
    command = [sys.executable, str(ROOT / str(script)), *map(str, arguments), "--quiet"]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1 << 10  # getrusage(2): kilobytes on Linux, bytes on macOS
    return Cost(wall, used.ru_utime, used.ru_stime, used.ru_maxrss * unit)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="10000,100000", help="numbers of files (default: 10000,100000)")
    parser.add_argument("--work", type=Path, default=Path.cwd(), help="folder for the data (default: here)")
    parser.add_argument("--parts", default="files,rows", help="default: files,rows")
    parser.add_argument("--copies", action="store_true", help="also copy and quarantine so many tiny files")
    options = parser.parse_args(argv)
    print("| stage | files or rows | s | processor s | ours, ms each | the system's, ms each | peak memory MiB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
    for size in map(int, options.sizes.split(",")):
        if "files" in options.parts:
            with tempfile.TemporaryDirectory(prefix="bench-data-", dir=options.work) as folder:
                measure_files(Path(folder), size, options.copies)
        if "rows" in options.parts:
            with tempfile.TemporaryDirectory(prefix="bench-data-", dir=options.work) as folder:
                measure_rows(Path(folder), size)
    return 0


def tell(stage: str, number: int, cost: Cost) -> None:
    """One row of the table."""
    print(
        f"| {stage} | {number:,} | {cost.wall:.1f} | {cost.user + cost.system:.1f} "
        f"| {cost.user / number * 1000:.3f} | {cost.system / number * 1000:.3f} "
        f"| {cost.memory / (1 << 20):.0f} |",
        flush=True,
    )


def measure_files(folder: Path, size: int, copies: bool) -> None:
    """Stages that need real files."""
    source, archive = folder / "source", folder / "archive"
    make_tiny_photos(source, size)
    organize = ("organize_media_by_date.py", "--source", source, "--destination-root", archive, "--report-csv")
    stages: list[tuple[str, tuple[object, ...]]] = [("report", (*organize, folder / "report.csv"))]
    if copies:
        stages += [
            ("copy", (*organize, folder / "copied.csv", "--mode", "copy")),
            ("verify, cold", (*verify_line(folder, folder / "copied.csv"), "--read-mode", "cold")),
            ("quarantine", apply_line(folder)),
        ]
    for stage, line in stages:
        settle(cold=can_drop_caches())
        tell(stage, size, call(*line))


def verify_line(folder: Path, report: Path) -> tuple[object, ...]:
    outputs = ("--verified-out", folder / "verified.csv", "--unverified-out", folder / "unverified.csv")
    return ("verify_media_archive.py", "--input-csv", report, *outputs)


def apply_line(folder: Path) -> tuple[object, ...]:
    return ("apply_deletion_manifest.py", "--manifest", folder / "verified.csv", "--expected-run-id", "auto")


def measure_rows(folder: Path, size: int) -> None:
    """Stages that work on rows, whatever files these name."""
    source, archive, report = folder / "source", folder / "archive", folder / "report.csv"
    make_tiny_photos(source, SHARED_FILES, largest_hole=1_009)
    call(
        *("organize_media_by_date.py", "--source", source, "--destination-root", archive),
        *("--mode", "copy", "--report-csv", folder / "few.csv"),
    )
    write_rows(folder / "few.csv", report, size)
    verify = (*verify_line(folder, report), "--read-mode", "cached", "--limit")
    tell("verify, first batch of 1,000", BATCH, call(*verify, BATCH))
    tell("verify, second batch of 1,000", BATCH, call(*verify, BATCH))
    rest = max(BATCH, size - 3 * BATCH)
    tell(f"verify, all but three batches of {size:,}", rest, call(*verify, rest))
    tell(f"verify, last batch of 1,000 of {size:,}", BATCH, call(*verify, BATCH))
    for offset in (0, size - BATCH):
        outputs = ("--verified-out", folder / f"v{offset}.csv", "--unverified-out", folder / f"u{offset}.csv")
        shard = (*outputs, "--offset", offset, "--limit", BATCH, "--read-mode", "cached")
        cost = call("verify_media_archive.py", "--input-csv", report, *shard)
        tell(f"verify, a shard of 1,000 at {offset:,} of {size:,}", BATCH, cost)
    tell("apply --dry-run", size, call(*apply_line(folder), "--dry-run", "--json"))


def write_rows(few: Path, report: Path, size: int) -> None:
    """A report of ``size`` rows that name the same files again and again."""
    with Reader(str(few), REPORT.columns) as reader:
        rows: list[ReportRow] = [REPORT.decode(record.values, reader.where(record.line)) for record in reader]
    with open(report, "wb") as file:
        file.write(REPORT.header())
        for number, row in enumerate(islice(cycle(rows), size), 1):
            file.write(REPORT.encode(row._replace(row_id=number, group_id=number)))


if __name__ == "__main__":
    raise SystemExit(main())
