"""The journal of apply: a chain that shows every change, and a memory of what a killed run had under way."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.apply import folders
from common.apply.journal import Journal, JournalPosition, JournalReader, Key
from common.apply.tasks import Task
from common.errors import BadInput
from common.manifests.integrity import first_chain
from common.manifests.reasons import add_roots
from common.manifests.relocation import Relocation, Roots
from common.manifests.rows import JOURNAL, JournalRow
from common.manifests.statuses import Action

RUN_ID = "3f2b8c1e-9d4a-4e6f-8a1b-0c2d3e4f5a6b"


def row(row_id: int, phase: str, action: str = "quarantine") -> JournalRow:
    blank = JOURNAL.decode({**dict.fromkeys(JOURNAL.columns, ""), **dict.fromkeys(NUMBERS, "0")}, "")
    path = f"/source/{row_id}.jpg"
    return blank._replace(
        phase=phase, action=action, row_id=row_id, run_id=RUN_ID, from_path=path, source_path=path, to_path="/q"
    )


NUMBERS = ("sequence", "row_id", "size_bytes")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "journal.csv")


def key_of(found: JournalRow) -> Key:
    return found.row_id, found.action, found.from_path, found.to_path


def write(path: str, *rows: JournalRow) -> None:
    journal = Journal(path, RUN_ID)
    journal.append(rows)
    journal.close()


def lines(path: str) -> list[bytes]:
    return Path(path).read_bytes().splitlines(keepends=True)


def is_refused(path: str) -> None:
    with pytest.raises(BadInput, match="does not follow the one before"):
        Journal(path, RUN_ID)
    with pytest.raises(BadInput, match="does not follow the one before"), JournalReader(path, RUN_ID) as reader:
        list(reader)


def test_rows_are_numbered_timed_and_chained_over_several_runs(path: str) -> None:
    write(path, row(1, "planned"), row(2, "planned"))
    write(path, row(1, "done"), row(2, "failed"))
    with JournalReader(path, RUN_ID) as reader:
        rows = list(reader)
    assert [(r.sequence, r.row_id, r.phase) for r in rows] == [
        (1, 1, "planned"),
        (2, 2, "planned"),
        (3, 1, "done"),
        (4, 2, "failed"),
    ]
    assert all(r.time for r in rows)
    assert len({r.chain for r in rows}) == 4


def test_a_changed_removed_doubled_or_exchanged_row_is_noticed(path: str) -> None:
    write(path, *(row(number, "planned") for number in range(1, 5)))
    head, one, two, three, four = lines(path)
    for damaged in (
        [head, one, two.replace(b"/source/2.jpg", b"/source/9.jpg"), three, four],
        [head, two, three, four],
        [head, one, three, four],
        [head, one, two, two, three, four],
        [head, one, three, two, four],
    ):
        Path(path).write_bytes(b"".join(damaged))
        is_refused(path)
        assert lines(path) == damaged


def test_the_journal_of_another_run_is_refused(path: str) -> None:
    write(path, row(1, "planned"))
    with pytest.raises(BadInput, match="does not follow"):
        Journal(path, RUN_ID.replace("3", "4"))


def test_what_was_begun_and_has_no_outcome_is_remembered(path: str) -> None:
    planned = [row(number, "planned") for number in range(1, 5)]
    write(path, *planned, row(1, "done"), row(2, "failed"))
    journal = Journal(path, RUN_ID)
    recovery = journal.recovery
    assert [key_of(found) in recovery.intentions for found in planned] == [False, False, True, True]
    recovery.forget_batch([key_of(planned[2])])
    assert [key_of(found) in recovery.intentions for found in planned] == [False, False, False, True]
    journal.close()


def test_what_was_destroyed_is_known_and_what_was_quarantined_is_not(path: str) -> None:
    write(path, row(1, "done", "delete"), row(2, "done", "purge"), row(3, "failed", "delete"), row(4, "done"))
    journal = Journal(path, RUN_ID)
    checkpoint = journal.position
    assert [number for number in range(1, 5) if journal.has_destroyed(number)] == [1, 2]
    journal.close()
    resumed = Journal(path, RUN_ID, checkpoint)  # after all of it
    assert [number for number in range(1, 5) if resumed.has_destroyed(number)] == [1, 2]
    resumed.close()


def test_after_a_checkpoint_outcomes_and_folder_times_are_recalled(path: str) -> None:
    journal = Journal(path, RUN_ID)
    journal.append([row(1, "planned"), row(1, "done")])
    checkpoint = journal.position
    journal.append([row(2, "planned")._replace(folder="/source", folder_mtime="before")])
    journal.append([row(2, "done")._replace(folder="/source", folder_mtime="later")])
    journal.close()
    resumed = Journal(path, RUN_ID, checkpoint)
    outcomes = [resumed.recovery.uncounted.get(key_of(row(number, "done"))) for number in (1, 2)]
    assert [found and found.row_id for found in outcomes] == [None, 2]
    assert resumed.recovery.folder_times == {"/source": "before"}
    assert resumed.position.sequence == 4
    resumed.close()


def test_a_torn_last_row_is_cut_off_and_the_chain_goes_on_before_it(path: str) -> None:
    write(path, row(1, "planned"), row(2, "planned"))
    whole = Path(path).read_bytes()
    Path(path).write_bytes(whole[:-20])
    write(path, row(3, "planned"))
    with JournalReader(path, RUN_ID) as reader:
        assert [(found.sequence, found.row_id) for found in reader] == [(1, 1), (2, 3)]


@pytest.mark.parametrize("kept", [0, 1, len(JOURNAL.header()) - 1])
def test_a_header_that_a_killed_run_left_half_written_is_written_anew(path: str, kept: int) -> None:
    Path(path).write_bytes(JOURNAL.header()[:kept])
    write(path, row(1, "planned"))
    with JournalReader(path, RUN_ID) as reader:
        assert [found.row_id for found in reader] == [1]


def test_a_missing_journal_that_the_state_knows_is_not_made_anew(path: str) -> None:
    with pytest.raises(BadInput, match="is missing though the state file knows it"):
        Journal(path, RUN_ID, JournalPosition(offset=500))
    assert not Path(path).exists()


def written_at(place: str, written: JournalRow) -> JournalRow:
    """A row of a run for which the source was elsewhere."""
    reason = add_roots(written.reason, place, "/archive") if written.phase == "planned" else written.reason
    moved = {name: getattr(written, name).replace("/source", place) for name in ("from_path", "to_path", "folder")}
    return written._replace(**moved, reason=reason)


def test_b6_what_was_under_way_at_another_place_is_found_at_the_present_one(path: str) -> None:
    present = Relocation(Roots("/source", "/archive"), Roots("/usb2", "/archive"))
    one, two = (
        row(number, "planned")._replace(
            source_root="/source", archive_root="/archive", destination_path="/archive/a.jpg", folder="/source"
        )
        for number in (1, 2)
    )
    intentions = [written_at("/usb1", found) for found in (one, two)]
    write(path, *intentions, intentions[0]._replace(phase="done", reason=""))
    journal = Journal(path, RUN_ID, JournalPosition(len(JOURNAL.header()), first_chain(RUN_ID)), present)
    assert list(journal.recovery.intentions) == [(2, "quarantine", "/usb2/2.jpg", "/q")]
    assert list(journal.recovery.uncounted) == [(1, "quarantine", "/usb2/1.jpg", "/q")]
    assert list(journal.recovery.folder_times) == ["/usb2"]
    unfinished = journal.recovery.intentions[2, "quarantine", "/usb2/2.jpg", "/q"]
    assert unfinished.from_path == "/usb1/2.jpg"  # as it was written, so that its outcome goes with it
    journal.close()


def test_b6_a_folder_whose_removal_was_under_way_elsewhere_is_removed_at_the_present_place(
    path: str, tmp_path: Path
) -> None:
    usb2 = tmp_path / "usb2"
    (usb2 / "trip").mkdir(parents=True)
    prune = row(0, "planned", "prune")._replace(
        source_root="/source", archive_root="/archive", destination_path="/archive/a.jpg", from_path="/source/trip",
        source_path="/source/trip", to_path="", folder="/source", folder_mtime="2019-05-01T00:00:00.000000000Z",
        source_mtime="2019-05-01T00:00:00.000000000Z", reason="755",
    )  # fmt: skip
    write(path, written_at("/usb1", prune))
    relocation = Relocation(Roots("/source", "/archive"), Roots(str(usb2), "/archive"))
    journal = Journal(path, RUN_ID, JournalPosition(), relocation)
    assert list(journal.recovery.pruning) == [str(usb2 / "trip")]
    task = Task(Action.QUARANTINE, "", "", relocation.rebase_row(prune, ""), relocation)
    assert folders.prune(journal, [str(usb2 / "trip")], task) == (1, [])
    journal.close()
    assert list(usb2.iterdir()) == []
    assert usb2.stat().st_mtime == 1556668800
    with JournalReader(path, RUN_ID) as reader:
        assert [(found.phase, found.from_path) for found in reader] == [
            ("planned", "/usb1/trip"),
            ("done", "/usb1/trip"),
        ]
