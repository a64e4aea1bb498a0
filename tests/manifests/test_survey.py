"""The whole-file check: one pass that also gives the digest, and refuses what is not of one run."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from common.errors import BadInput
from common.manifests.reader import Record
from common.manifests.survey import ManifestInput

COLUMNS = ("run_id", "row_id", "source_root", "archive_root", "archive_id")
RUN = "00000000-0000-4000-8000-000000000001"
OTHER_RUN = "00000000-0000-4000-8000-000000000002"


def line(row_id: int, run_id: str = RUN, archive_root: str = "/archive") -> str:
    return ",".join(f'"{value}"' for value in (run_id, row_id, "/source", archive_root, "")) + "\n"


HEADER = ",".join(f'"{column}"' for column in COLUMNS) + "\n"


def three_bytes(record: Record, where: str) -> int:
    assert where.endswith(f"line {int(record.values['row_id']) + 1}")
    return 3


@pytest.mark.parametrize(
    ("start", "end", "torn_line"),
    [
        ("", "", 0),
        ("\ufeff", "", 0),
        ("", '"torn', 62),
        ("", f'"{RUN}","3","/source"', 62),
        ("", "\0" * 5_000, 62),
        ("\ufeff", "\0" * 3_000_000, 62),
    ],
)
def test_one_pass_gives_rows_bytes_and_the_digest_of_the_whole_file(
    tmp_path: Path, start: str, end: str, torn_line: int
) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(f"{start}{HEADER}{''.join(map(line, range(1, 61)))}{end}".encode())
    with ManifestInput(str(path), COLUMNS) as manifest:
        survey = manifest.survey(three_bytes)
        assert (survey.manifest.rows, survey.manifest.media_bytes, survey.torn_line) == (60, 180, torn_line)
        assert survey.manifest.sha256 == manifest.sha256() == hashlib.sha256(path.read_bytes()).hexdigest()
        assert (survey.run_id, survey.source_root, survey.archive_root) == (RUN, "/source", "/archive")
    with ManifestInput(str(path), COLUMNS) as manifest:
        assert manifest.first_record()
        assert manifest.sha256() == survey.manifest.sha256
        for rows in (0, 1, 60, 99):
            begins = len(f"{start}{HEADER}{''.join(map(line, range(1, min(rows, 60) + 1)))}".encode()) if rows else 0
            assert manifest.survey(three_bytes, start=rows).start_byte == manifest.byte_offset(rows) == begins
        assert manifest.known_survey(survey.manifest).archive_root == "/archive"


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        (line(1) + line(2, run_id=OTHER_RUN), "line 3: run_id is not that of the rows before"),
        (line(1) + line(2, archive_root="/elsewhere"), "line 3: archive_root is not that of the rows before"),
        (line(1) + line(1), "line 3: row_id 1 stands twice"),
        (line(1, run_id="7"), "line 2: '7' is not a run_id"),
        ("", "has no rows"),
    ],
)
def test_rows_of_several_runs_and_repeated_rows_are_refused(tmp_path: Path, rows: str, complaint: str) -> None:
    path = tmp_path / "m.csv"
    path.write_text(HEADER + rows, encoding="utf-8")
    with ManifestInput(str(path), COLUMNS) as manifest, pytest.raises(BadInput, match=complaint):
        manifest.survey(lambda _record, _where: 0)


def test_a_manifest_of_another_run_than_expected_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text(HEADER + line(1), encoding="utf-8")
    with ManifestInput(str(path), COLUMNS) as manifest, pytest.raises(BadInput, match="not of the expected"):
        manifest.survey(lambda _record, _where: 0, expected_run_id=OTHER_RUN)


def test_a_manifest_with_a_header_alone_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    for text, is_empty in ((HEADER, True), (HEADER + line(1), False), (HEADER + '"torn', False)):
        path.write_text(text, encoding="utf-8")
        with ManifestInput(str(path), COLUMNS) as manifest:
            assert manifest.is_empty() is is_empty
