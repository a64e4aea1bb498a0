"""The three scripts at work, from a sample library to a restored quarantine, and what they did, checked.

    make demo          (or: python -m demo.run_demo)

Changes the disk: ./demo-output and nothing else. An earlier demo there is replaced; a folder that holds
anything the demo did not make is left alone. Exit code 0 means that every claim printed here held.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
LIST_OF_MADE_FILES = ".made-by-the-demo.json"
NOT_MEDIA = (".txt", ".db")
BATCH = 6
REMOVE = "python3 -m demo.run_demo --remove"


class DemoFailed(Exception):
    """A claim did not hold, or the demo may not begin. The text says which, and why."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What must be the same again for one file: bytes, modification time, permissions."""

    sha256: str
    mtime_ns: int
    mode: int


Tree = Mapping[str, FileFacts]


@dataclass(frozen=True, slots=True)
class Places:
    """The folders and files of one demo, all inside ``output``."""

    output: Path

    @property
    def library(self) -> Path:
        """The source: where the photos are."""
        return self.output / "library"

    @property
    def archive(self) -> Path:
        """Where they are to go."""
        return self.output / "archive"

    @property
    def quarantine(self) -> Path:
        """Where proven originals are put."""
        return self.output / "quarantine"


def facts_of_tree(root: Path) -> Tree:
    """Read every file below a folder. No disk changes."""
    facts = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode):
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            facts[path.relative_to(root).as_posix()] = FileFacts(sha256, status.st_mtime_ns, status.st_mode)
    return facts


def contents(tree: Tree) -> set[str]:
    """The distinct contents of a tree, as digests."""
    return {facts.sha256 for facts in tree.values()}


def claim(sentence: str, held: bool) -> None:
    """Say what was checked. Raises ``DemoFailed`` when it did not hold."""
    print(f"  {'ok' if held else 'NOT TRUE'}: {sentence}")
    if not held:
        raise DemoFailed(sentence)


def say(text: str) -> None:
    """Print a paragraph of the story."""
    print(f"\n{text}")


def show_tree(tree: Iterable[str]) -> None:
    """Print the files of a tree, one a line."""
    for name in tree:
        print(f"    {in_one_line(name)}")


def in_one_line(name: str) -> str:
    """A name as it is, or quoted and escaped where it would break the line."""
    return name if name.isprintable() else ascii(name)


def show_plan(places: Places, report: Path) -> None:
    """Print for each row of a report where its file is to go and why, or why it stays."""
    for row in rows_of(report):
        name = in_one_line(Path(row["source_path"]).relative_to(places.library).as_posix())
        if row["status"] == "planned":
            where = in_one_line(Path(row["destination_path"]).relative_to(places.archive).as_posix())
            notes = f"{where}  ({row['date_source']})"
        else:
            notes = f"{row['status']}: {row['reason']}"
        print(f"    {name}\n      -> {notes}")
        if row["review"]:
            print(f"      review: {row['review']}")


def shown(path: Path) -> str:
    """A path as a person in the project's folder would type it."""
    return str(path.relative_to(PROJECT)) if path.is_relative_to(PROJECT) else str(path)


def run_script(script: str, *options: str | Path) -> None:
    """Print a command line, run it, print what it said. Raises ``DemoFailed`` unless it exits with 0."""
    words = [shown(option) if isinstance(option, Path) else option for option in options]
    print("\n$ " + shlex.join(["python3", script, *words]).replace(" --", " \\\n      --"))
    run([sys.executable, script, *words], PROJECT)


def run(command: list[str], folder: Path) -> None:
    """Run a command in a folder and print what it said. Raises ``DemoFailed`` unless it exits with 0."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # one stream, in the order in which a person sees it
        encoding="utf-8",
        errors="backslashreplace",
        check=False,
    )
    for line in done.stdout.splitlines():
        print(f"    {shortened(line)}")
    if done.returncode != 0:
        raise DemoFailed(f"{shlex.join(command)} ended with exit code {done.returncode}")


def shortened(line: str) -> str:
    """A line of output with the paths inside the project's folder as a person there would type them."""
    return re.sub(rf"(?<!\S){re.escape(str(PROJECT) + os.sep)}", "", line)


def rows_of(manifest: Path) -> list[dict[str, str]]:
    """The rows of one of the CSV files."""
    with manifest.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
        return list(csv.DictReader(stream))


def files_below(folder: Path) -> set[str]:
    """The relative paths of everything below a folder that is not a folder."""
    found: set[str] = set()
    for parent, _folders, names in os.walk(folder):
        found.update(os.path.relpath(os.path.join(parent, name), folder) for name in names)
    return found


def remove_earlier_demo(output: Path) -> None:
    """Remove what an earlier demo left. Changes the disk, but only where the demo made every single file."""
    if not os.path.lexists(output):
        return
    listed = output / LIST_OF_MADE_FILES
    if output.is_symlink() or not listed.is_file():
        raise DemoFailed(f"{output} was not made by this demo, and is left alone. Move it away and run again.")
    known = {*json.loads(listed.read_text(encoding="ascii")), LIST_OF_MADE_FILES}
    if strange := sorted(files_below(output) - known):
        raise DemoFailed(f"{output} holds {strange[0]!r}, which is not the demo's. Move it away and run again.")
    shutil.rmtree(output)


def record_made_files(output: Path) -> None:
    """Write down which files the demo made, so that the next one may remove them, and only them."""
    made = json.dumps(sorted(files_below(output)), indent=0)
    (output / LIST_OF_MADE_FILES).write_text(made, encoding="ascii")


def tell(places: Places) -> None:
    """The story, step by step. Raises ``DemoFailed`` at the first claim that does not hold."""
    # Here, so that --remove needs nothing but Python.
    from demo.make_sample_library import make_library  # noqa: PLC0415

    plan, report = places.output / "plan.csv", places.output / "report.csv"
    verified, unverified = places.output / "verified.csv", places.output / "unverified.csv"
    make_library(places.library)
    at_start = facts_of_tree(places.library)
    media = {name: facts for name, facts in at_start.items() if not name.endswith(NOT_MEDIA)}

    def untouched() -> bool:
        return facts_of_tree(places.library) == at_start

    def all_in_archive() -> bool:
        return contents(media) <= contents(facts_of_tree(places.archive))

    say("Paths in this folder are shown without its name: the scripts print them in full.")
    say(f"A small photo library lies in {shown(places.library)}:")
    show_tree(at_start)

    say("1. Look first. A report changes nothing; open it in a spreadsheet and see where each file would go.")
    organize = ("organize_media_by_date.py", "--source", places.library, "--destination-root", places.archive)
    run_script(*organize, "--report-csv", plan)
    say("What the report plans for each file, and the evidence for its date:")
    show_plan(places, plan)
    claim("the library is untouched, and there is no archive yet", untouched() and not places.archive.exists())

    say("2. Copy into an archive by year.")
    run_script(*organize, "--mode", "copy", "--report-csv", report)
    say("The archive now:")
    show_tree(facts_of_tree(places.archive))
    claim("the library is untouched", untouched())
    claim("every photo and video is in the archive", all_in_archive())

    say(f"3. Prove it: both copies of each file are read, {BATCH} rows a run; the same command goes on from there.")
    verify = ("verify_media_archive.py", "--input-csv", report, "--verified-out", verified)
    batch = ("--unverified-out", unverified, "--state-file", places.output / "verify.state.json", "--limit", str(BATCH))
    run_script(*verify, *batch)
    run_script(*verify, *batch)
    print("    (the one row that is not archived is read me.txt: no photo, so no proof, and it stays where it is)")
    proven = {row["source_path"] for row in rows_of(verified) if row["status"] == "identical"}
    all_media = {str(places.library / name) for name in media}
    claim("every photo and video was read back from the archive and found identical", proven == all_media)

    if shutil.which("sha256sum"):
        say("No need to take our word for it: the list of checksums is in the form that sha256sum reads.")
        print(f"\n$ cd {shlex.quote(shown(places.archive))} && sha256sum --check ../SHA256SUMS")
        run(["sha256sum", "--check", "../SHA256SUMS"], places.archive)

    say("4. Put the proven originals into quarantine: first a dry run, which changes nothing, then really.")
    apply = ("apply_deletion_manifest.py", "--manifest", verified, "--expected-run-id", "auto")
    quarantine = ("--quarantine-root", places.quarantine)
    run_script(*apply, *quarantine, "--dry-run")
    claim("the library is untouched", untouched())
    run_script(*apply, *quarantine)
    say("Left in the library, since it is neither photo nor video:")
    left = facts_of_tree(places.library)
    show_tree(left)
    claim("what was proven has left the library, and nothing else has", left.keys() == at_start.keys() - media.keys())
    claim("every photo and video is in the archive", all_in_archive())

    say("5. Changed your mind? The journal of the quarantine brings everything back.")
    [journal] = places.quarantine.glob("*/journal.csv")
    run_script("apply_deletion_manifest.py", "--manifest", journal, "--expected-run-id", "auto", "--restore")
    claim("the library is as it was at the start: every name, byte, time and permission", untouched())


def main(argv: list[str] | None = None) -> int:
    """Run the demo, or remove what the last one made."""
    parser = argparse.ArgumentParser(prog="python -m demo.run_demo", description="The three scripts at work, checked.")
    parser.add_argument("--output", type=Path, default=PROJECT / "demo-output", help="a folder for the demo alone")
    parser.add_argument("--remove", action="store_true", help="only remove what an earlier demo made")
    options = parser.parse_args(argv)
    output = options.output.absolute()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        remove_earlier_demo(output)
        if options.remove:
            return 0
        output.mkdir(parents=True)
        try:
            tell(Places(output))
        finally:
            record_made_files(output)
    except DemoFailed as failure:
        print(f"\nThe demo failed: {failure}", file=sys.stderr)
        return 1
    say(f"All of it held. Look around in {shown(output)}, or remove it with: {REMOVE}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
