"""Run the three scripts and every installed peer on the same data, and print medians and ratios with the versions.

    make bench                                        about five minutes
    python -m bench.compare --photos 20000 --rounds 5 --stages report
    python -m bench.compare --work /mnt/disk/bench    on the disk that is to be measured

Makes its data below ``--work`` and removes it at the end. With root on Linux the cold rounds begin with empty
caches; without, there are warm rounds only. ``bench/README.md`` says how to read the tables.
"""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also where it is run as a file

from bench.material import count_and_size, make_films, make_photos
from bench.racing import Contender, Race, can_drop_caches, run_race, table

if sys.platform == "win32":
    raise SystemExit("the benchmarks need a Unix system; the scripts themselves do not")

ROOT = Path(__file__).resolve().parents[1]
PHOTO_SIZES = (64 << 10, 192 << 10)
STAGES = ("report", "copy", "verify", "cached", "quarantine", "delete")
EXIFTOOL_TAGS = ("-DateTimeOriginal", "-CreateDate", "-ModifyDate", "-SubSecTimeOriginal", "-OffsetTimeOriginal")


@dataclass(frozen=True)
class Options:
    """The command line."""

    stages: tuple[str, ...]
    photos: int
    copied_photos: int
    copied_sizes: tuple[int, int]
    renamed: int
    films: int
    film_bytes: int
    rounds: int
    work: Path


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print Markdown."""
    options = _parse(argv)
    caches = ("cold", "warm") if can_drop_caches() else ("warm",)
    if "cold" not in caches:
        print("not root on Linux: cold caches can't be measured, only warm ones are", file=sys.stderr)
    print(_surroundings(), flush=True)
    seen: dict[str, Contender] = {}
    for stage in options.stages:
        with _RACES[stage](options) as race:
            for cache in race.caches:
                if cache in caches or len(race.caches) == 1:
                    timings = run_race(race, cache if cache in caches else "warm", options.rounds)
                    print(table(race, cache, timings), flush=True)
            seen |= {contender.needs: contender for contender in race.contenders if contender.version}
    print("Versions:\n")
    for name, contender in seen.items():
        print(f"- {name}: {contender.version_text() if contender.is_installed else 'not installed'}")
    return 0


def _parse(argv: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stages", default=",".join(STAGES), help=f"default: {','.join(STAGES)}")
    parser.add_argument("--photos", type=int, default=4_000, help="for report (default: 4000, 130 kB each)")
    parser.add_argument("--copied-photos", type=int, default=200, help="for copy, verify and delete (default: 200)")
    parser.add_argument("--copied-kib", default="2048-6144", help="KiB each, from-to (default: 2048-6144)")
    parser.add_argument("--renamed", type=int, default=3_000, help="tiny files for quarantine (default: 3000)")
    parser.add_argument("--films", type=int, default=4, help="large files beside them (default: 4)")
    parser.add_argument("--film-mib", type=int, default=64, help="MiB each (default: 64)")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--work", type=Path, default=Path.cwd(), help="folder for the data (default: here)")
    parsed = parser.parse_args(argv)
    stages = tuple(parsed.stages.split(","))
    if unknown := [stage for stage in stages if stage not in STAGES]:
        parser.error(f"unknown stages: {', '.join(unknown)}")
    smallest, _, largest = parsed.copied_kib.partition("-")
    return Options(
        stages,
        parsed.photos,
        parsed.copied_photos,
        (int(smallest) << 10, int(largest or smallest) << 10),
        parsed.renamed,
        parsed.films,
        parsed.film_mib << 20,
        parsed.rounds,
        parsed.work.resolve(),
    )


def _surroundings() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    return (
        f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores, {memory >> 30} GiB memory; "
        f"other work on the machine at the start: load {os.getloadavg()[0]:.1f}\n"
    )


@contextmanager
def _folder(options: Options) -> Iterator[Path]:
    """A new folder that is removed again."""
    options.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-data-", dir=options.work) as folder:
        yield Path(folder)


def _ours(script: str, *arguments: object) -> list[str]:
    return [sys.executable, str(ROOT / script), *map(str, arguments), "--quiet"]


def _floor(what: str, *arguments: object) -> list[str]:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from bench.floors import main; main(sys.argv[1:])"
    return [sys.executable, "-c", code, what, *map(str, arguments)]


def _shell(script: str) -> list[str]:
    return ["sh", "-c", script]


def _q(path: object) -> str:
    return shlex.quote(str(path))


def _work_text(*folders: Path) -> str:
    counts = [count_and_size(folder) for folder in folders]
    return f"{sum(count for count, _ in counts):,} files, {sum(size for _, size in counts) / 1e6:,.0f} MB"


def _remover(*patterns: Path) -> Callable[[], None]:
    """Removes files and folders by their paths; ``*`` stands for anything in the last part of a path."""

    def remove() -> None:
        for pattern in patterns:
            for path in pattern.parent.glob(pattern.name):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()

    return remove


# --- the races ---------------------------------------------------------------------------------------


@contextmanager
def report_race(options: Options) -> Iterator[Race]:
    """The date of every photo, into a CSV file."""
    with _folder(options) as folder:
        photos, out = folder / "photos", folder / "out"
        out.mkdir()
        make_photos(photos, options.photos, PHOTO_SIZES)
        below = sorted(photos.iterdir())
        halves = [half for half in (below[: len(below) // 2], below[len(below) // 2 :]) if half]
        exiftool = [
            shlex.join(["exiftool", "-q", "-csv", "-r", *EXIFTOOL_TAGS, *map(str, half)]) + f" > {_q(out)}/{number}.csv"
            for number, half in enumerate(halves)
        ]
        ask_exiftool = ("exiftool", "-ver")
        yield Race(
            "report",
            _work_text(photos),
            [
                Contender(
                    "organize --mode report",
                    _ours(
                        "organize_media_by_date.py",
                        *("--source", photos, "--destination-root", folder / "archive", "--report-csv", out / "r.csv"),
                    ),
                    _remover(out / "r.csv*"),
                    kind="ours",
                ),
                Contender(
                    "exiftool -csv -r, two processes",
                    _shell(" & ".join(exiftool) + "; wait"),
                    needs="exiftool",
                    version=ask_exiftool,
                ),
                Contender(
                    "phockup, dry run",
                    ["phockup", str(photos), str(folder / "phockup"), "--dry-run"],
                    needs="phockup",
                    version=("phockup", "--version"),
                ),
                Contender("open each file, read 64 KiB", _floor("walk", photos), kind="floor"),
            ],
        )


def _make_library(folder: Path, options: Options) -> Path:
    source = folder / "source"
    make_photos(source, options.copied_photos, options.copied_sizes)
    make_films(source / "films", options.films, options.film_bytes)
    return source


def _organize(source: Path, archive: Path, report: Path, mode: str = "copy") -> list[str]:
    roots = ("--source", source, "--destination-root", archive, "--mode", mode, "--report-csv", report)
    return _ours("organize_media_by_date.py", *roots)


@contextmanager
def copy_race(options: Options) -> Iterator[Race]:
    """A whole library to another folder of the same disk, durably."""
    with _folder(options) as folder:
        source, target = _make_library(folder, options), folder / "target"
        clean = _remover(target, folder / "r.csv*")
        yield Race(
            "copy",
            _work_text(source),
            [
                Contender(
                    "organize --mode copy (hashes, durable)",
                    _organize(source, target, folder / "r.csv"),
                    clean,
                    kind="ours",
                ),
                Contender(
                    "cp -a, then sync",
                    _shell(f"cp -a {_q(source)} {_q(target)} && sync -f {_q(target)}"),
                    clean,
                    needs="cp",
                    version=("cp", "--version"),
                ),
                Contender(
                    "rsync -a --fsync",
                    ["rsync", "-a", "--fsync", f"{source}/", str(target)],
                    clean,
                    needs="rsync",
                    version=("rsync", "--version"),
                ),
                Contender(
                    "rclone copy (not durable)",
                    ["rclone", "copy", str(source), str(target)],
                    clean,
                    needs="rclone",
                    version=("rclone", "version"),
                ),
                Contender(
                    "rclone copy, then sync",
                    _shell(f"rclone copy {_q(source)} {_q(target)} && sync -f {_q(target)}"),
                    clean,
                    needs="rclone",
                ),
            ],
            caches=("cold",),
        )


@contextmanager
def verify_race(options: Options) -> Iterator[Race]:
    """Every byte of source and archive. The peers compare the source with a mirror of the same names."""
    with _folder(options) as folder:
        source, archive, mirror = _make_library(folder, options), folder / "archive", folder / "mirror"
        report = folder / "r.csv"
        subprocess.run(_organize(source, archive, report), check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["cp", "-a", source, mirror], check=True)
        both = f"{_q(source)} {_q(mirror)}"
        clean = _remover(folder / "verified*", folder / "unverified*", folder / "SHA256SUMS*")
        outputs = ("--verified-out", folder / "verified.csv", "--unverified-out", folder / "unverified.csv")
        verify = _ours("verify_media_archive.py", "--input-csv", report, *outputs)
        peers = [
            Contender(
                "sha256sum, two processes",
                _shell(f"find {both} -type f -print0 | xargs -0 -P2 -n32 sha256sum"),
                needs="sha256sum",
                version=("sha256sum", "--version"),
            ),
            Contender(
                "openssl dgst -sha256, two processes",
                _shell(f"find {both} -type f -print0 | xargs -0 -P2 -n32 openssl dgst -sha256"),
                needs="openssl",
                version=("openssl", "version"),
            ),
            Contender(
                "rclone check --download",
                ["rclone", "check", "--download", str(source), str(mirror)],
                needs="rclone",
                version=("rclone", "version"),
            ),
            Contender(
                "hashdeep -c sha256, two threads",
                _shell(f"hashdeep -c sha256 -j2 -r {both}"),
                needs="hashdeep",
                version=("hashdeep", "-V"),
            ),
            Contender(
                "cmp, two processes (no hash)",
                _shell(f"cd {_q(source)} && find . -type f -print0 | xargs -0 -P2 -I@ cmp @ {_q(mirror)}/@"),
                needs="cmp",
                version=("cmp", "--version"),
            ),
            Contender("read both sides in sequence", _floor("read", source, mirror), kind="floor"),
            Contender("SHA-256 of one side, all cores", _floor("hash", source), kind="floor"),
            Contender(
                "SHA-256 of as many bytes in memory, all cores",
                _floor("sha256", count_and_size(source)[1]),
                kind="floor",
            ),
        ]
        yield Race(
            "verify --read-mode cold",
            f"twice {_work_text(source)}",
            [Contender("verify", verify, clean, kind="ours"), *peers],
            caches=("cold",),
        )


@contextmanager
def verify_cached_race(options: Options) -> Iterator[Race]:
    """The same on a warm cache, with ``--read-mode cached``."""
    with verify_race(options) as race:
        ours, *peers = race.contenders
        cached = Contender(
            "verify --read-mode cached", [*ours.command, "--read-mode", "cached"], ours.prepare, kind="ours"
        )
        yield Race("verify --read-mode cached", race.work, [cached, *peers], caches=("warm",))


@contextmanager
def quarantine_race(options: Options) -> Iterator[Race]:
    """Renames of verified originals, with a durable journal."""
    with _folder(options) as folder:
        source, archive, bystander = folder / "source", folder / "archive", folder / "bystander"
        make_photos(source, options.renamed, (1 << 10, 2 << 10))
        subprocess.run(["cp", "-a", source, bystander], check=True)
        verified = _make_verified(source, archive, folder)
        quarantine = folder / "quarantine"
        apply = (
            *("apply_deletion_manifest.py", "--manifest", verified, "--expected-run-id", "auto"),
            *("--quarantine-root", quarantine),
        )

        def bring_back() -> None:
            for journal in quarantine.glob("*/journal.csv"):
                restore = ("--manifest", journal, "--expected-run-id", "auto", "--restore")
                subprocess.run(_ours("apply_deletion_manifest.py", *restore), check=True, stdout=subprocess.DEVNULL)
            _remover(quarantine)()

        def move_back() -> None:
            for file in (folder / "moved").rglob("*.JPG"):
                file.rename(bystander / file.relative_to(folder / "moved"))
            shutil.rmtree(folder / "moved", ignore_errors=True)
            for below in bystander.iterdir():
                (folder / "moved" / below.name).mkdir(parents=True)

        loop = 'find . -type f | while IFS= read -r file; do mv "$file" ' + _q(folder / "moved") + '/"$file"; done'
        yield Race(
            "quarantine",
            _work_text(source),
            [
                Contender("apply (looks at both files, durable journal)", _ours(*apply), bring_back, kind="ours"),
                Contender(
                    "mv in a loop (not durable)",
                    _shell(f"cd {_q(bystander)} && {loop}"),
                    move_back,
                    needs="mv",
                    version=("mv", "--version"),
                ),
            ],
            caches=("cold", "warm"),
        )


@contextmanager
def delete_race(options: Options) -> Iterator[Race]:
    """Permanent deletion: both files are read back from the disk and compared before one goes."""
    with _folder(options) as folder:
        source, archive, pristine = _make_library(folder, options), folder / "archive", folder / "pristine"
        subprocess.run(["cp", "-a", source, pristine], check=True)
        verified = folder / "verified.csv"

        def again() -> None:
            _remover(source, archive, verified.parent / "*.csv*", folder / "SHA256SUMS*")()
            subprocess.run(["cp", "-a", pristine, source], check=True)
            _make_verified(source, archive, folder)

        apply = ("--manifest", verified, "--expected-run-id", "auto", "--delete-permanently", "--yes-really-delete")
        yield Race(
            "delete permanently",
            f"twice {_work_text(source)}",
            [
                Contender(
                    "apply --delete-permanently", _ours("apply_deletion_manifest.py", *apply), again, kind="ours"
                ),
                Contender("read both sides in sequence", _floor("read", pristine, archive), kind="floor"),
            ],
            caches=("cold",),
        )


def _make_verified(source: Path, archive: Path, folder: Path) -> Path:
    """Organize and verify; returns the verified.csv."""
    report, verified = folder / "r.csv", folder / "verified.csv"
    outputs = ("--verified-out", verified, "--unverified-out", folder / "unverified.csv")
    for command in (
        _organize(source, archive, report),
        _ours("verify_media_archive.py", "--input-csv", report, *outputs),
    ):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return verified


_RACES = {
    "report": report_race,
    "copy": copy_race,
    "verify": verify_race,
    "cached": verify_cached_race,
    "quarantine": quarantine_race,
    "delete": delete_race,
}


if __name__ == "__main__":
    raise SystemExit(main())
