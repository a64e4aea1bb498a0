"""Which rows of a manifest become tasks, which are refused, and whether to act when the files are looked at again."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from common.apply.manifest import JournalCheck, ManifestKind
from common.apply.tasks import (
    Task,
    check_stat,
    files_folder,
    is_quarantine_path,
    quarantine_path,
    read_task,
    require_sound,
)
from common.errors import BadInput, RowFailed
from common.manifests.integrity import chain_of, first_chain, seal
from common.manifests.reader import Record
from common.manifests.reasons import add_roots, parse_roots
from common.manifests.relocation import Relocation, Roots
from common.manifests.rows import JOURNAL, REPORT, VERIFY, JournalRow, ReportRow, VerifyRow
from common.manifests.statuses import Action, ManifestType
from common.timestamps import mtime_text

RUN_ID = "3f2b8c1e-9d4a-4e6f-8a1b-0c2d3e4f5a6b"
OTHER_RUN_ID = "4f2b8c1e-9d4a-4e6f-8a1b-0c2d3e4f5a6b"
TIME = 1_500_000_000_123_456_789
LATER = TIME + 10_000_000_000
NUMBERS = {"row_id": "7", "group_id": "7", "size_bytes": "10", "sequence": "0"}
SHARED = {
    "run_id": RUN_ID,
    "source_path": "/source/sub/a.jpg",
    "destination_path": "/archive/2019/a.jpg",
    "source_root": "/source",
    "archive_root": "/archive",
    "archive_id": "an archive",
    "source_mtime": mtime_text(TIME),
    "sha256": "ab" * 32,
}
PLACE = f"/q/{RUN_ID}/files/source/sub/a.jpg"
VERIFIED = VERIFY.decode(
    {**dict.fromkeys(VERIFY.columns, ""), **NUMBERS, **SHARED, "status": "identical", "source_inode": "1:11"}
    | {"archive_inode": "1:22", "archive_mtime": mtime_text(TIME)},
    "",
)
PLANNED = JOURNAL.decode(
    {**dict.fromkeys(JOURNAL.columns, ""), **NUMBERS, **SHARED, "phase": "planned", "action": "quarantine"}
    | {"from_path": "/source/sub/a.jpg", "to_path": PLACE},
    "",
)
MOVED = REPORT.decode({**dict.fromkeys(REPORT.columns, ""), **NUMBERS, **SHARED, "status": "moved"}, "")
QUARANTINE = ManifestKind(ManifestType.VERIFIED, Action.QUARANTINE)
RESTORE = ManifestKind(ManifestType.JOURNAL, Action.RESTORE)
PURGE = ManifestKind(ManifestType.JOURNAL, Action.PURGE)


def task_in(row: VerifyRow | JournalRow | ReportRow, kind: ManifestKind) -> Task | None:
    if isinstance(row, VerifyRow):
        values = VERIFY.as_text(row)
    else:
        values = JOURNAL.as_text(row) if isinstance(row, JournalRow) else REPORT.as_text(row)
    return read_task(kind, Record(values, 2, 100), "line 2", "/q")


# --- rows of a verified.csv -----------------------------------------------------------------------------


def test_an_identical_pair_is_to_go_into_the_quarantine() -> None:
    task = task_in(seal(VERIFIED), QUARANTINE)
    assert task
    assert (task.action, task.from_path, task.to_path) == ("quarantine", "/source/sub/a.jpg", PLACE)


def test_a_pair_whose_source_is_gone_is_nothing_to_do() -> None:
    assert task_in(seal(VERIFIED._replace(status="archive_intact")), QUARANTINE) is None


@pytest.mark.parametrize(
    "status", ["", "content_differs", "archive_missing", "same_file", "copied", "IDENTICAL", "identical "]
)
def test_no_other_status_is_proof_of_a_copy(status: str) -> None:
    with pytest.raises(BadInput, match=r"line 2: status .* is not proof of a copy"):
        task_in(seal(VERIFIED._replace(status=status)), QUARANTINE)


def test_a_row_whose_seal_is_broken_is_refused() -> None:
    for row in (seal(VERIFIED)._replace(destination_path="/archive/2019/b.jpg"), VERIFIED._replace(row_seal="")):
        with pytest.raises(BadInput, match="line 2: the row was changed after it was verified"):
            task_in(row, QUARANTINE)


UNSOUND = {
    "a source outside": {"source_path": "/etc/passwd"},
    "a source by way of ..": {"source_path": "/source/../etc/passwd"},
    "a relative root": {"source_root": "source"},
    "a copy outside": {"destination_path": "/source/b.jpg"},
    "no copy": {"destination_path": ""},
    "the root itself": {"source_path": "/source"},
    "one path for both": {
        "source_path": "/source/a.jpg",
        "destination_path": "/source/a.jpg",
        "archive_root": "/source",
    },
    "a source in the archive": {"archive_root": "/source/sub", "destination_path": "/source/sub/b.jpg"},
    "no hash": {"sha256": ""},
    "a short hash": {"sha256": "ab" * 31},
    "a hash in upper case": {"sha256": "AB" * 32},
    "a hash of other letters": {"sha256": "xy" * 32},
    "no archive": {"archive_id": ""},
    "no time": {"source_mtime": ""},
    "a time that is none": {"source_mtime": "yesterday"},
}


@pytest.mark.parametrize("changes", UNSOUND.values(), ids=UNSOUND.keys())
def test_an_unsound_row_is_refused_whatever_kind_it_is(changes: dict[str, str]) -> None:
    task = task_in(seal(VERIFIED), QUARANTINE)
    assert task
    require_sound(task.row, "line 2")
    with pytest.raises(BadInput, match=r"^line 2: "):
        require_sound(VERIFIED._replace(**changes), "line 2")  # type: ignore[arg-type]  # texts, all of them
    with pytest.raises(BadInput, match=r"^line 2: "):
        task_in(seal(VERIFIED._replace(**changes)), QUARANTINE)  # type: ignore[arg-type]


def test_an_inode_that_is_no_number_is_refused() -> None:
    with pytest.raises(BadInput, match="source_inode is not as verify writes it"):
        task_in(seal(VERIFIED._replace(source_inode="1:x")), QUARANTINE)


# --- rows of a journal and of a report ------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "to_path"), [(RESTORE, "/source/sub/a.jpg"), (PURGE, "")], ids=["restore", "purge"])
@pytest.mark.parametrize("was", ["quarantine", "delete"])
def test_what_was_taken_can_be_brought_back_or_purged(kind: ManifestKind, to_path: str, was: str) -> None:
    task = task_in(PLANNED._replace(action=was), kind)
    assert task
    assert (task.action, task.from_path, task.to_path) == (kind.action, PLACE, to_path)


@pytest.mark.parametrize(
    "row",
    [PLANNED._replace(phase="done"), PLANNED._replace(phase="failed")]
    + [PLANNED._replace(action=action) for action in ("restore", "purge", "restore_folder")],
)
def test_outcomes_and_other_acts_in_a_journal_are_nothing_to_do(row: JournalRow) -> None:
    assert task_in(row, RESTORE) is None


@pytest.mark.parametrize(
    "place",
    [
        "/archive/2019/a.jpg",
        f"/q/{OTHER_RUN_ID}/files/source/sub/a.jpg",
        f"/q/{RUN_ID}/files/source/sub/b.jpg",
        f"/q/{RUN_ID}/files/../files/source/sub/a.jpg",
        f"{RUN_ID}/files/source/sub/a.jpg",
        "",
    ],
)
def test_a_journal_can_lead_only_to_places_in_a_quarantine(place: str) -> None:
    assert is_quarantine_path(PLACE, RUN_ID, "/source/sub/a.jpg")
    for kind in (RESTORE, PURGE):
        with pytest.raises(BadInput, match="is no place in a quarantine"):
            task_in(PLANNED._replace(to_path=place), kind)


def test_a_pruned_folder_comes_back_with_its_permissions_and_only_inside_the_source() -> None:
    pruned = PLANNED._replace(action="prune", from_path="/source/sub", reason="750")
    task = task_in(pruned, RESTORE)
    assert task
    assert (task.action, task.to_path, task.folder_mode) == ("restore_folder", "/source/sub", 0o750)
    assert task_in(pruned, PURGE) is None
    with pytest.raises(BadInput, match="does not lie in the source root"):
        task_in(pruned._replace(from_path="/etc"), RESTORE)


def test_only_moved_rows_of_a_report_can_be_brought_back() -> None:
    kind = ManifestKind(ManifestType.REPORT, Action.RESTORE)
    task = task_in(MOVED, kind)
    assert task
    assert (task.from_path, task.to_path) == ("/archive/2019/a.jpg", "/source/sub/a.jpg")
    for status in ("copied", "planned", "failed", "duplicate", "already_archived"):
        assert task_in(MOVED._replace(status=status), kind) is None


# --- the look at the moment of effect -------------------------------------------------------------------


def look(inode: int, size: int = 10, mtime_ns: int = TIME, kind: int = stat.S_IFREG, device: int = 1) -> os.stat_result:
    """What ``lstat`` would tell of such a file (the nanoseconds stand behind the ten numbers of old)."""
    seconds = mtime_ns // 10**9
    return os.stat_result(
        (kind | 0o644, inode, device, 1, 0, 0, size, 0, seconds, 0), {"st_mtime_ns": mtime_ns, "st_dev": device}
    )


GOOD_SOURCE, GOOD_COPY = look(11), look(22)
ACT, READ_FIRST = "act", "read first"
LOOKS = {
    "both as verified": (GOOD_SOURCE, GOOD_COPY, ACT),
    "on disks numbered anew": (look(11, device=5), look(22, device=6), ACT),
    "the source's inode is another": (look(12), GOOD_COPY, READ_FIRST),
    "the copy's inode is another": (GOOD_SOURCE, look(23), READ_FIRST),
    "the source's time is rounded": (look(11, mtime_ns=TIME + 1), GOOD_COPY, READ_FIRST),
    "the copy's time is shifted by an hour": (GOOD_SOURCE, look(22, mtime_ns=TIME - 3600 * 10**9), READ_FIRST),
    "the source's time is shifted, and the copy's size is another": (
        look(11, mtime_ns=TIME + 3600 * 10**9),
        look(22, size=11),
        "archive copy was changed",
    ),
    "no copy": (GOOD_SOURCE, None, "copy is gone"),
    "one file": (look(11), look(11), "one file on disk"),
    "the source is a link": (look(11, kind=stat.S_IFLNK), GOOD_COPY, "not a regular file"),
    "the copy is a link": (GOOD_SOURCE, look(22, kind=stat.S_IFLNK), "not a regular file"),
    "the copy is a folder": (GOOD_SOURCE, look(22, kind=stat.S_IFDIR), "not a regular file"),
    "the source grew": (look(11, size=11), GOOD_COPY, "it was changed"),
    "the source was touched": (look(11, mtime_ns=LATER), GOOD_COPY, "it was changed"),
    "the copy shrank": (GOOD_SOURCE, look(22, size=9), "archive copy was changed"),
    "the copy was touched": (GOOD_SOURCE, look(22, mtime_ns=LATER), "archive copy was changed"),
    "both changed alike": (look(11, size=11), look(22, size=11), "it was changed"),
}


@pytest.mark.parametrize(("source", "copy", "expected"), LOOKS.values(), ids=LOOKS.keys())
def test_whether_to_act_when_the_files_are_looked_at_again(
    source: os.stat_result, copy: os.stat_result | None, expected: str
) -> None:
    if expected in (ACT, READ_FIRST):
        assert check_stat(VERIFIED, source, copy) == (expected == READ_FIRST)
        return
    with pytest.raises(RowFailed, match=expected):
        check_stat(VERIFIED, source, copy)


def test_the_place_in_a_quarantine_holds_the_whole_path_of_the_original() -> None:
    assert quarantine_path("/q", RUN_ID, "/source/sub/a.jpg") == PLACE
    assert files_folder(PLACE, "/source/sub/a.jpg") == f"/q/{RUN_ID}/files"
    assert quarantine_path("/q", RUN_ID, "//source/a.jpg") == f"/q/{RUN_ID}/files/source/a.jpg"


# --- a source or archive that is elsewhere today ----------------------------------------------------


def rebased(row: VerifyRow, source: str, archive: str) -> Task | None:
    relocation = Relocation(Roots("/source", "/archive"), Roots(source, archive))
    return read_task(QUARANTINE, Record(VERIFY.as_text(row), 2, 100), "line 2", "/q", relocation=relocation)


def test_b6_an_original_elsewhere_has_its_recorded_path_in_the_quarantine() -> None:
    task = rebased(seal(VERIFIED), "/usb1", "/disk1")
    assert task
    assert (task.from_path, task.to_path) == ("/usb1/sub/a.jpg", PLACE)
    intention = task.intention("/usb1/sub", "")
    assert intention._replace(reason="", folder="", folder_mtime="") == PLANNED._replace(
        from_path="/usb1/sub/a.jpg", source_inode="1:11"
    )
    assert parse_roots(intention.reason) == ("/usb1", "/disk1")


def test_b6_an_original_that_would_be_the_archive_s_own_file_is_refused() -> None:
    row = VERIFIED._replace(source_path="/source/archive/2019/a.jpg")
    with pytest.raises(BadInput, match="lies in the archive itself"):
        rebased(seal(row), "/usb1", "/usb1/archive")


def test_b6_what_a_failed_act_has_left_in_the_quarantine_elsewhere_still_counts(tmp_path: Path) -> None:
    usb1, usb2 = tmp_path / "usb1", tmp_path / "usb2"
    place = f"{usb1}/q/{RUN_ID}/files/source/sub/a.jpg"
    row = PLANNED._replace(sequence=1, to_path=place, reason=add_roots("", str(usb1), "/archive"))
    values = [JOURNAL.as_text(row), JOURNAL.as_text(row._replace(sequence=2, phase="failed", reason=""))]
    check = JournalCheck(RUN_ID)
    chain = first_chain(RUN_ID)
    for number, row_values in enumerate(values):
        chain = row_values["chain"] = chain_of(row_values, chain)
        check.add(row_values, f"line {number}")
    check.finish()
    relocation = Relocation(Roots("/source", "/archive"), Roots(str(usb2), "/archive"))
    assert read_task(RESTORE, Record(values[0], 2, 100), "line 2", "", check, relocation=relocation) is None
    left = Path(place.replace("usb1", "usb2"))
    left.parent.mkdir(parents=True)
    left.touch()
    task = read_task(RESTORE, Record(values[0], 2, 100), "line 2", "", check, relocation=relocation)
    assert task
    assert (task.from_path, task.to_path) == (str(left), f"{usb2}/sub/a.jpg")
