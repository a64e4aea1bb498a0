"""The documents can't lie: help texts, the session, columns, statuses and exit codes are compared with the code.

    python -m tests.test_readme

writes the marked parts of README.md anew: the session, and the help of each script.
"""

from __future__ import annotations

import argparse
import functools
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from common.cli.options import EXIT_STATUS
from common.errors import ExitCode
from common.manifests.rows import JournalRow, ReportRow, VerifyRow
from common.manifests.statuses import VerifyStatus
from common.media_types import QUARANTINE_FOLDER, SYSTEM_FILES, SYSTEM_FOLDERS
from common.organize.config import SOURCES
from common.organize.totals import STATUSES
from tests.support.scripts import APPLY, ORGANIZE, ROOT, VERIFY

README = ROOT / "README.md"
FILES = ROOT / "docs" / "files.md"
JSON = ROOT / "docs" / "json.md"
UPDATE = "README.md is not what the scripts print; bring it up to date with: .venv/bin/python -m tests.test_readme"
SCRIPTS = tuple(f"{name}.py" for name in (ORGANIZE, VERIFY, APPLY))

SESSION = (
    "python3 demo/make_sample_library.py photos",
    f"python3 {ORGANIZE}.py --source photos --destination-root archive --report-csv plan.csv",
    f"python3 {ORGANIZE}.py --from-report plan.csv --mode copy --report-csv report.csv",
    f"python3 {VERIFY}.py --input-csv report.csv --verified-out verified.csv --unverified-out unverified.csv",
    f"python3 {APPLY}.py --manifest verified.csv --expected-run-id auto",
    f"python3 {APPLY}.py --manifest photos/.media-quarantine/*/journal.csv --expected-run-id auto --restore",
)

# What differs from one run or machine to the next, and what is compared in its place.
VARYING = (
    (re.compile(r"\b[0-9a-f]{8}-…"), "RUN"),
    (re.compile(r"\b[0-9a-f]{12}(?=\.state)"), "DIGEST"),
    (re.compile(r"\b\d{8}T\d{6}Z-[0-9a-f]{8}"), "TIME-RUN"),
    (re.compile(r"\b\d[\d.,]* (bytes?|[kMG]B)\b"), "SIZE"),  # Pillow's versions write pictures of other sizes
)

# Options in the README that belong to other programs.
FOREIGN_OPTIONS = {"--check", "--direct-io", "--download", "--remove-source-files"}


# --- what is made by running the scripts -----------------------------------------------------------


def scripts_say(script: str, arguments: Sequence[str], folder: Path) -> str:
    """What a script prints on both streams, in the order in which a person sees it. It must exit with 0.

    It is started as the README says: by its bare name where it stands in the folder, with its Python first on the path.
    """
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])
    done = subprocess.run(
        [sys.executable, script if (folder / script).exists() else str(ROOT / script), *arguments],
        cwd=folder,
        env={**os.environ, "PATH": path, "COLUMNS": "80", "NO_COLOR": "1", "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@functools.cache
def session() -> str:
    """The session of the first screen, run now on a fresh sample library in a folder of its own."""
    lines = []
    with tempfile.TemporaryDirectory(prefix="media-readme-") as name:
        folder = Path(name).resolve()
        for script in SCRIPTS:
            (folder / script).symlink_to(ROOT / script)
        for command in SESSION:
            _, script, *words = command.split()
            arguments = [part for word in words for part in expanded(word, folder)]
            lines += ["", f"$ {command}", *scripts_say(script, arguments, folder).splitlines()]
    shown = "\n".join(lines).strip().replace(f"{folder}{os.sep}", "")
    return re.sub(r"\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", r"\1-…", shown)


def expanded(word: str, folder: Path) -> list[str]:
    """A word of a command line as a shell hands it on."""
    return [str(path.relative_to(folder)) for path in folder.glob(word)] if "*" in word else [word]


@functools.cache
def help_of(script: str) -> str:
    """What a script prints when it is asked for help, 80 columns wide."""
    return scripts_say(script, ["--help"], ROOT).strip()


PARTS: dict[str, Callable[[], str]] = {
    "session": session,
    **{f"help {script}": functools.partial(help_of, script) for script in SCRIPTS},
}


def place_of(name: str, text: str) -> slice:
    """Where a made part stands in the text of the README: what is between its marks."""
    begin, end = (f"<!-- {which}: {name} -->\n" for which in ("begin", "end"))
    assert text.count(begin) == text.count(end) == 1, f"README.md has no marks for {name}"
    return slice(text.index(begin) + len(begin), text.index(end))


def stands_in_readme(name: str) -> str:
    """What the README shows between the marks of a part, without the fence around it."""
    text = text_of(README)
    return text[place_of(name, text)].removeprefix("```text\n").removesuffix("\n```\n")


def comparable(text: str) -> str:
    """A text without what varies. Versions of Python wrap the usage lines of a help differently."""
    for varying, stands_for in VARYING:
        text = varying.sub(stands_for, text)
    usage, blank, rest = text.partition("\n\n")
    return f"{' '.join(usage.split())}{blank}{rest}" if usage.startswith("usage:") else text


def update() -> None:
    """Write the made parts of the README anew. Changes the disk: README.md alone."""
    text = text_of(README)
    for name, make in PARTS.items():
        shown, made = stands_in_readme(name), make()
        if comparable(shown) != comparable(made):
            place = place_of(name, text)
            text = f"{text[: place.start]}```text\n{made}\n```\n{text[place.stop :]}"
            print(f"written anew: {name}")
    README.write_text(text, encoding="utf-8", newline="\n")


# --- what is read of the documents -----------------------------------------------------------------


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def section(path: Path, title: str) -> str:
    """The text below a heading, to the next heading of the same depth."""
    found = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^\1 |\Z)", text_of(path), re.DOTALL | re.MULTILINE)
    assert found, f"{path.name} has no section {title}"
    return found[2]


def table(text: str, header: str) -> list[list[str]]:
    """The rows of the table whose first column is headed so: their cells, without code marks."""
    lines = text.splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith(f"| {header} |"))
    rows = []
    for line in lines[begin + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().strip("`") for cell in line.strip("|").split(" | ")])
    return rows


def first_column(text: str, header: str) -> list[str]:
    return [row[0] for row in table(text, header)]


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as they are made from their text."""
    headings = re.findall(r"^#+ (.+)$", text_of(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# --- the tests -------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_readme_shows_the_help_that_a_script_prints(script: str) -> None:
    assert comparable(stands_in_readme(f"help {script}")) == comparable(help_of(script)), UPDATE


@pytest.mark.skipif(sys.platform == "win32", reason="the session in the README was made on a system with / in paths")
def test_the_session_in_the_readme_is_what_happens() -> None:
    assert comparable(stands_in_readme("session")) == comparable(session()), UPDATE


def test_every_option_that_the_documents_name_exists() -> None:
    known = {option for script in SCRIPTS for option in re.findall(r"--[a-z][a-z-]*", help_of(script))}
    for document in (README, FILES, JSON):
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", re.sub(r"<!--.*?-->", "", text_of(document))))
        assert named <= known | FOREIGN_OPTIONS, f"{document.name} names an option that no script has"


@pytest.mark.parametrize(
    ("title", "row_class"),
    [("report.csv", ReportRow), ("verified.csv and unverified.csv", VerifyRow), ("journal.csv", JournalRow)],
)
def test_the_columns_of_a_file_are_listed_in_their_order(
    title: str, row_class: type[ReportRow | VerifyRow | JournalRow]
) -> None:
    assert first_column(section(FILES, title), "column") == list(row_class._fields)


def test_the_statuses_of_a_report_are_listed() -> None:
    assert first_column(section(FILES, "report.csv"), "status") == list(STATUSES)


def test_the_statuses_of_verify_are_listed() -> None:
    assert sorted(first_column(section(README, "What verify finds"), "status")) == sorted(VerifyStatus)


def test_what_a_scan_leaves_out_is_named() -> None:
    named = {name.lower() for name in re.findall(r"`([^`\n]+)`", README.read_text("utf-8"))}
    assert (SYSTEM_FOLDERS | SYSTEM_FILES) - {QUARANTINE_FOLDER} <= named


def test_the_exit_codes_are_listed_with_the_meaning_that_the_scripts_give() -> None:
    rows = table(section(README, "Exit codes"), "code")
    assert [int(row[0]) for row in rows] == [int(code) for code in ExitCode]
    for code, meaning, _ in rows:
        described = meaning.replace("run again", "run the same command again")
        assert f"  {code}  {described}\n" in EXIT_STATUS


def test_the_sources_of_dates_are_listed_in_the_order_in_which_they_are_believed() -> None:
    listed = re.findall(r"^\d\. `(\w+)`:", section(README, "Where dates come from"), re.MULTILINE)
    assert listed == list(SOURCES)


def test_every_dependency_is_named_with_its_reason() -> None:
    told = section(README, "Dependencies")
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in text_of(ROOT / name).splitlines():
            if line and not line.startswith(("#", "-")):
                distribution = re.split(r"[<>=!~;\[ ]", line)[0]
                assert f"**{distribution}**" in told, f"{distribution} of {name} is not in the README"


@pytest.mark.parametrize("document", [README, FILES, JSON], ids=lambda path: path.name)
def test_links_lead_to_something(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(document)):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        file = document.parent / name if name else document
        assert file.exists(), f"{document.name} links to {name}, which does not exist"
        assert not anchor or anchor in anchors(file), f"{document.name} links to #{anchor}, which no heading makes"


def main() -> None:
    """Write the made parts of the README anew."""
    argparse.ArgumentParser(prog="python -m tests.test_readme", description=update.__doc__).parse_args()
    update()


if __name__ == "__main__":
    main()
