"""Which kind of file a manifest is, and what its rows must be as a whole before anything is done with one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from apply_deletion_manifest import parse
from common.apply.journal import Journal
from common.apply.manifest import IDENTIFYING_COLUMNS, ManifestKind, detect_kind, require_kind
from common.apply.run import RunStart
from common.errors import BadInput
from common.manifests.integrity import seal
from common.manifests.reader import Reader
from common.manifests.rows import REPORT, VERIFY, VerifyRow, Writer
from common.manifests.statuses import Action, ManifestType
from common.manifests.survey import ManifestInput, ManifestSurvey
from tests.apply.test_tasks import OTHER_RUN_ID, PLANNED, RUN_ID, VERIFIED


def verified(path: Path, *rows: VerifyRow) -> str:
    writer = Writer(VERIFY, str(path / "verified.csv"))
    writer.append_rows(rows)
    writer.close()
    return str(path / "verified.csv")


def check(path: str, *options: str, expected: str = "auto") -> tuple[ManifestSurvey, RunStart]:
    """What the check of a whole manifest finds."""
    parsed = parse(["--manifest", path, "--expected-run-id", expected, *options])
    with ManifestInput(path, IDENTIFYING_COLUMNS) as manifest:
        start = RunStart(parsed, require_kind(manifest, parsed), manifest)
        return start.survey(start.load_state()), start


def test_a_survey_counts_rows_and_bytes(tmp_path: Path) -> None:
    path = verified(tmp_path, seal(VERIFIED), seal(VERIFIED._replace(row_id=8, size_bytes=5)))
    survey, _ = check(path)
    assert (survey.manifest.rows, survey.manifest.media_bytes, survey.run_id) == (2, 15, RUN_ID)
    assert (survey.source_root, survey.archive_root, survey.archive_id) == ("/source", "/archive", "an archive")
    assert check(path, expected=RUN_ID)[0].run_id == RUN_ID


MIXED = {
    "another run": ({"run_id": OTHER_RUN_ID}, "run_id"),
    "another source": ({"source_root": "/source/sub"}, "source_root"),
    "another archive": ({"archive_id": "another"}, "archive_id"),
    "the same row once more": ({"row_id": 7}, "stands twice"),
}


@pytest.mark.parametrize(("changes", "told"), MIXED.values(), ids=MIXED.keys())
def test_a_manifest_of_two_runs_or_with_a_row_twice_is_refused(
    tmp_path: Path, changes: dict[str, str], told: str
) -> None:
    second = VERIFIED._replace(**({"row_id": 8} | changes))  # type: ignore[arg-type]  # a row_id is a number there
    path = verified(tmp_path, seal(VERIFIED), seal(second))
    with pytest.raises(BadInput, match=f"line 3: .*{told}"):
        check(path)


def test_the_manifest_of_another_run_than_expected_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=f"not of the expected {OTHER_RUN_ID}; nothing was changed"):
        check(verified(tmp_path, seal(VERIFIED)), expected=OTHER_RUN_ID)


def test_the_kind_of_a_manifest_is_told_by_its_columns(tmp_path: Path) -> None:
    good = verified(tmp_path, seal(VERIFIED))
    journal = Journal(str(tmp_path / "journal.csv"), RUN_ID)
    journal.close()
    Writer(REPORT, str(tmp_path / "report.csv")).close()

    def kind(path: str, restore: bool = False, delete: bool = False) -> ManifestKind:
        with Reader(path, IDENTIFYING_COLUMNS) as reader:
            return detect_kind(path, reader.columns, restore=restore, delete=delete)

    assert kind(good) == ManifestKind(ManifestType.VERIFIED, Action.QUARANTINE)
    assert kind(good, delete=True) == ManifestKind(ManifestType.VERIFIED, Action.DELETE)
    assert kind(journal.path, restore=True) == ManifestKind(ManifestType.JOURNAL, Action.RESTORE)
    assert kind(journal.path, delete=True) == ManifestKind(ManifestType.JOURNAL, Action.PURGE)
    assert kind(str(tmp_path / "report.csv"), restore=True) == ManifestKind(ManifestType.REPORT, Action.RESTORE)
    for path, restore in ((good, True), (journal.path, False), (str(tmp_path / "report.csv"), False)):
        with pytest.raises(BadInput):
            kind(path, restore)


def test_an_intention_that_failed_or_was_repeated_later_no_longer_counts(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path / "journal.csv"), RUN_ID)
    acts = [(1, "planned"), (1, "failed"), (2, "planned"), (2, "done"), (2, "planned"), (2, "done"), (3, "planned")]
    for row_id, phase in acts:
        journal.append([PLANNED._replace(row_id=row_id, phase=phase)])
    journal.close()
    _, start = check(journal.path, "--restore")
    assert start.journal_check
    planned = {1: [1], 2: [3, 5], 3: [7]}
    counting = [
        (row_id, sequence)
        for row_id, sequences in planned.items()
        for sequence in sequences
        if not start.journal_check.is_superseded(PLANNED._replace(row_id=row_id, sequence=sequence))
    ]
    assert counting == [(2, 5), (3, 7)]
    assert start.quarantine_folder == f"/q/{RUN_ID}"
