"""What a report's state may say of the batch that was under way: only what organize could have planned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from common.errors import BadInput
from common.manifests.rows import REPORT, ReportRow
from common.organize.session import OrganizeSession, resume_or_begin_report

ROOTS = {"source_root": "/source", "archive_root": "/archive"}
SOUND = {
    **dict.fromkeys(REPORT.columns, ""),
    **ROOTS,
    "row_id": "1",
    "group_id": "1",
    "size_bytes": "1",
    "source_path": "/source/a.jpg",
    "destination_path": "/archive/2019/a.jpg",
    "source_mtime": "1556712000000000000",
}


@pytest.fixture
def session(tmp_path: Path) -> Iterator[OrganizeSession]:
    path = str(tmp_path / "report.csv")
    session = OrganizeSession(path, resume_or_begin_report(path, ROOTS, "3f2b8c1e-9d4a-4e6f-8a1b-0c2d3e4f5a6b"))
    yield session
    session.close()


def pending_row(session: OrganizeSession, values: dict[str, str]) -> ReportRow:
    """The row that a state gives which holds these values of the batch that was under way."""
    session.state = replace(session.state, pending=(values,))
    [row] = session.pending_rows()
    return row


@pytest.mark.parametrize("status", ["planned", "duplicate", "already_archived"])
def test_a_row_as_organize_plans_it_comes_back(session: OrganizeSession, status: str) -> None:
    assert pending_row(session, {**SOUND, "status": status}).status == status


@pytest.mark.parametrize("status", ["planned", "duplicate", "already_archived"])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("source_path", "/elsewhere/a.jpg"),
        ("source_path", "/source/../elsewhere/a.jpg"),
        ("destination_path", "/elsewhere/a.jpg"),
        ("source_root", "/"),
        ("archive_root", "/archive/2019"),
        ("source_mtime", "2015-06-15"),
        ("source_mtime", "/source/b.jpg"),
        ("source_mtime", ""),
    ],
)
def test_a_row_that_organize_did_not_plan_is_refused(
    session: OrganizeSession, status: str, column: str, value: str
) -> None:
    with pytest.raises(BadInput, match="restore the state file"):
        pending_row(session, {**SOUND, "status": status, column: value})


def test_what_is_left_out_has_no_place_in_the_archive(session: OrganizeSession) -> None:
    row = pending_row(session, {**SOUND, "status": "skipped", "destination_path": "", "source_mtime": ""})
    assert row.status == "skipped"
