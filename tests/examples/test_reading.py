"""The examples that read manifests: pandas, SQLite and a spreadsheet see every name as it is, and harm none."""

from __future__ import annotations

import importlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from tests.examples.running import EXAMPLES, need, need_module, run_example
from tests.support import scripts
from tests.support.library import Library
from tests.support.media import jpeg
from tests.support.tables import Row, read_rows, statuses, write_rows
from tests.support.trees import MTIME

# Names that careless readers turn into something else: numbers, dates, missing values, formulas, columns, rows.
NAMES = (
    "007/1e5.jpg",
    "NA/null.jpg",
    "2019-01-01.jpg",
    "=1+1.jpg",
    " begins with a space.jpg",
    'a "quoted", comma; semicolon\'s.jpg',
    "two\nlines.jpg",
    "Größe 漢字 \u202e.jpg",
)
# And those that a spreadsheet can't hold: a carriage return, a tab, bytes that are no UTF-8.
TOO_MUCH_FOR_A_SPREADSHEET = ("a\rb.jpg", "a\tb.jpg", os.fsdecode(b"caf\xe9.jpg"))


def verified_library(root: Path, names: tuple[str, ...]) -> Library:
    library = Library.at(root / "library", {name: jpeg(seed=number) for number, name in enumerate(names)})
    library.organize()
    library.verify()
    return library


@pytest.fixture
def photos(tmp_path: Path) -> Library:
    return verified_library(tmp_path, NAMES + TOO_MUCH_FOR_A_SPREADSHEET)


def load_module(name: str) -> ModuleType:
    return importlib.import_module(f"examples.{name}")


# --- SQLite --------------------------------------------------------------------------------------


def loaded(photos: Library) -> sqlite3.Connection:
    database = photos.out / "photos.db"
    line = (database, photos.report, photos.verified, photos.unverified)
    subprocess.run([sys.executable, EXAMPLES / "load_into_sqlite.py", *line], check=True, cwd=photos.out)
    connection = sqlite3.connect(database)
    connection.text_factory = os.fsdecode
    connection.row_factory = sqlite3.Row
    return connection


def test_sqlite_holds_every_row_and_name_as_the_manifest_does(photos: Library) -> None:
    connection = loaded(photos)
    for name, path in (("report", photos.report), ("verified", photos.verified), ("unverified", photos.unverified)):
        rows = [{key: str(row[key]) for key in row.keys()} for row in connection.execute(f"SELECT * FROM {name}")]  # noqa: SIM118 - a Row of sqlite3 is no dict
        assert rows == read_rows(path)
    assert all(os.path.exists(path) for (path,) in connection.execute("SELECT source_path FROM report"))
    assert connection.execute("SELECT sum(size_bytes) + 1 FROM report").fetchone()[0] > len(NAMES)
    loaded(photos)  # a second time: the tables are made anew, and no row is there twice
    assert connection.execute("SELECT count(*) FROM report").fetchone()[0] == len(read_rows(photos.report))


def test_the_questions_get_their_answers(tmp_path: Path) -> None:
    photos = Library.at(tmp_path, {"a.jpg": jpeg(), "b.jpg": jpeg(), "c.jpg": jpeg(seed=1), "d.jpg": jpeg(date=None)})
    photos.organize()
    photos.verify()
    write_rows(photos.verified, read_rows(photos.verified)[1:])  # a row is lost
    connection = loaded(photos)
    text = (EXAMPLES / "questions.sql").read_text()
    answers = [connection.execute(statement).fetchall() for statement in text.split(";")[:-1]]
    status, years, review, copies, missing = [[dict(row) for row in rows] for rows in answers]
    assert {row["status"]: row["files"] for row in status} == statuses(read_rows(photos.report))
    assert years == [
        {"year": "2015", "date_source": "filesystem:mtime", "files": 1},
        {"year": "2019", "date_source": "exif:DateTimeOriginal", "files": 3},
    ]
    assert [os.path.basename(row["source_path"]) for row in review] == ["d.jpg"]
    assert [row["copies"] for row in copies] == [2]
    assert [os.path.basename(row["source_path"]) for row in missing] == ["a.jpg"]


@pytest.mark.campaign
def test_the_sqlite3_command_runs_the_questions(photos: Library) -> None:
    command = need("sqlite3", "sqlite3")
    loaded(photos).close()
    with open(EXAMPLES / "questions.sql", "rb") as questions:
        ended = subprocess.run(
            [command, "-bail", photos.out / "photos.db"], stdin=questions, capture_output=True, check=True
        )
    assert ended.stderr == b""
    assert f"2019|exif:DateTimeOriginal|{len(NAMES) + 3}" in ended.stdout.decode("utf-8", "replace")


def with_digests_like_numbers(photos: Library) -> list[Row]:
    """A report in which each digest looks like a number, and each date is a day alone."""
    rows = [
        {**row, "sha256": digest.ljust(64, "0"), "capture_date": "2019-07-14"}
        for row, digest in zip(read_rows(photos.report), ("0012", "99", "5") * 9, strict=False)
    ]
    write_rows(photos.report, rows)
    return rows


# --- pandas ------------------------------------------------------------------------------------------


@pytest.mark.campaign
def test_pandas_reads_every_name_number_and_time_as_it_is(photos: Library) -> None:
    need_module("pandas")
    rows = with_digests_like_numbers(photos)
    table = load_module("read_with_pandas").read_manifest(str(photos.report))
    for column in rows[0]:
        if column not in ("row_id", "group_id", "size_bytes", "source_mtime"):
            assert list(table[column]) == [row[column] for row in rows], column
    for column in ("row_id", "group_id", "size_bytes"):
        assert table[column].tolist() == [int(row[column]) for row in rows]
    assert set(table["source_mtime"]) == {MTIME}
    shown = subprocess.run(
        [sys.executable, EXAMPLES / "read_with_pandas.py", photos.report], capture_output=True, text=True, check=True
    )
    assert "2019" in shown.stdout


# --- a spreadsheet -------------------------------------------------------------------------------------


def through_libreoffice(path: Path) -> list[Row]:
    """A manifest opened in LibreOffice and saved again, as ``spreadsheet.sh`` does it; in place of the old one."""
    need("soffice", "libreoffice-calc-nogui")
    sheet = path.with_suffix(".ods")
    run_example("spreadsheet.sh", path, cwd=path.parent)
    assert run_example("spreadsheet.sh", path, cwd=path.parent, expect=2).error.endswith("exists already")
    path.unlink()
    run_example("spreadsheet.sh", sheet, cwd=path.parent)
    return read_rows(path)


@pytest.mark.campaign
def test_a_verified_manifest_that_libreoffice_saved_is_the_same_and_is_applied(tmp_path: Path) -> None:
    photos = verified_library(tmp_path, NAMES)
    before = read_rows(photos.verified)
    assert through_libreoffice(photos.verified) == before
    photos.apply()
    assert photos.photos() == {}


@pytest.mark.campaign
def test_libreoffice_takes_no_digest_for_a_number_and_no_day_for_a_date(tmp_path: Path) -> None:
    photos = verified_library(tmp_path, NAMES)
    rows = with_digests_like_numbers(photos)
    assert through_libreoffice(photos.report) == rows


@pytest.mark.campaign
def test_a_report_that_libreoffice_saved_is_carried_out(tmp_path: Path) -> None:
    photos = Library.at(tmp_path / "library", {name: jpeg(seed=number) for number, name in enumerate(NAMES)})
    photos.organize(mode="report")
    assert statuses(through_libreoffice(photos.report)) == {"planned": len(NAMES)}
    copied = photos.out / "copied.csv"
    line = ("--from-report", photos.report, "--mode", "copy", "--report-csv", copied, "--json")
    assert scripts.call(scripts.ORGANIZE, *line, cwd=photos.out).count("copied") == len(NAMES)


TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}p"
ROW = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}table-row"


def convert(path: Path, kind: str) -> Path:
    """A document as LibreOffice saves it in another format, beside the old one.

    With the settings it comes with, but for UTF-8 (76): its dialog says so of its own accord, without it it does not.
    """
    profile = f"-env:UserInstallation=file://{path.parent}/profile"
    utf8 = ["--infilter=CSV:44,34,76"] if path.suffix == ".csv" else []
    line = ["soffice", "--headless", profile, *utf8, "--convert-to", kind, "--outdir", str(path.parent), str(path)]
    subprocess.run(line, check=True, capture_output=True, timeout=120)
    return path.with_suffix(f".{kind.partition(':')[0]}")


def edit_in_libreoffice(report: Path, delete: str, rename: tuple[str, str]) -> None:
    """What a person does: open the report, delete the rows that name a file, correct a destination, save as CSV."""
    document = convert(report, "fods")
    for _, (prefix, name) in ElementTree.iterparse(document, events=["start-ns"]):
        ElementTree.register_namespace(prefix, name)  # LibreOffice knows its own document by these
    tree = ElementTree.parse(document)
    parents = {child: parent for parent in tree.iter() for child in parent}
    for row in list(tree.iter(ROW)):
        texts = [cell for cell in row.iter(TEXT) if cell.text]
        if any((cell.text or "").endswith(f"/source/{delete}") for cell in texts):
            parents[row].remove(row)
        for cell in texts:
            if cell.text == rename[0]:
                cell.text = rename[1]
    tree.write(document, encoding="utf-8", xml_declaration=True)
    report.unlink()
    assert convert(document, "csv:Text - txt - csv (StarCalc):44,34,76").exists()


@pytest.mark.campaign
def test_a_report_edited_in_libreoffice_as_it_comes_is_carried_out_as_it_was_edited(tmp_path: Path) -> None:
    need("soffice", "libreoffice-calc-nogui")
    names = ("keep.jpg", "not this one.jpg", "wrong year, Größe.jpg", "2019-01-01.jpg", "007.jpg")
    photos = Library.at(tmp_path / "library", {name: jpeg(seed=number) for number, name in enumerate(names)})
    photos.organize(mode="report")
    planned = photos.archive_path("wrong year, Größe.jpg")
    corrected = photos.archive / "1987" / "scanned.jpg"
    edit_in_libreoffice(photos.report, "not this one.jpg", (str(planned), str(corrected)))
    copied = photos.out / "copied.csv"
    line = ("--from-report", photos.report, "--mode", "copy", "--report-csv", copied, "--json")
    assert scripts.call(scripts.ORGANIZE, *line, cwd=photos.out).count("copied") == 4
    assert corrected.read_bytes() == photos.photos()["wrong year, Größe.jpg"]
    assert "not this one.jpg" not in copied.read_text()
    photos.report.write_bytes(copied.read_bytes())
    assert photos.verify("--json").count("identical") == 4


@pytest.mark.campaign
def test_what_a_spreadsheet_can_not_hold_is_refused_and_not_believed(photos: Library) -> None:
    rows = through_libreoffice(photos.verified)
    assert len(rows) == len(NAMES) + len(TOO_MUCH_FOR_A_SPREADSHEET)
    before = photos.source_snapshot()
    assert "the row was changed" in photos.apply(expect=2).error
    assert photos.source_snapshot() == before
