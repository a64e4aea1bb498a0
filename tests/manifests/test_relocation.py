"""Paths of roots that are elsewhere today: there and back again, whatever the names, and never into another root."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import BadInput
from common.manifests.reasons import add_roots, folder_permissions, parse_folder_permissions, parse_roots
from common.manifests.relocation import NOT_RELOCATED, Relocation, Roots
from common.manifests.rows import JOURNAL, VERIFY, JournalRow, VerifyRow

NAMES = st.binary(min_size=1, max_size=20).map(lambda raw: os.fsdecode(raw.replace(b"\0", b"\n").replace(b"/", b"\\")))
USB, USB1, USB2 = Roots("/media/USB", "/disk"), Roots("/media/USB1", "/disk1"), Roots("/media/USB2", "/disk2")
RELOCATION = Relocation(USB, USB1)


def verify_row(source: str, copy: str) -> VerifyRow:
    blank = VERIFY.decode(dict.fromkeys(VERIFY.columns, "0"), "")
    return blank._replace(source_path=source, destination_path=copy, source_root=USB.source, archive_root=USB.archive)


def journal_row(from_path: str, to_path: str, reason: str = "", folder: str = "") -> JournalRow:
    blank = JOURNAL.decode(dict.fromkeys(JOURNAL.columns, "0"), "")
    return blank._replace(
        source_path="/media/USB/a.jpg",
        destination_path="/disk/a.jpg",
        source_root=USB.source,
        archive_root=USB.archive,
        from_path=from_path,
        to_path=to_path,
        folder=folder,
        reason=reason,
    )


def test_b6_a_row_gets_the_present_roots_and_back() -> None:
    row = verify_row("/media/USB/a/b.jpg", "/disk/2019/b.jpg")
    present = RELOCATION.rebase_row(row, "line 2")
    assert (present.source_path, present.source_root) == ("/media/USB1/a/b.jpg", "/media/USB1")
    assert (present.destination_path, present.archive_root) == ("/disk1/2019/b.jpg", "/disk1")
    assert RELOCATION.recorded_row(present) == row
    assert RELOCATION.recorded_source_path(present.source_path) == row.source_path


def test_b6_a_row_that_was_skipped_has_no_destination_anywhere() -> None:
    assert RELOCATION.rebase_row(verify_row("/media/USB/a.txt", ""), "line 2").destination_path == ""


@pytest.mark.parametrize("source", ["/media/USB1/a.jpg", "/media/USBx/a.jpg", "/media/USB", "a.jpg"])
def test_b6_a_path_outside_its_root_is_refused(source: str) -> None:
    with pytest.raises(BadInput, match=r"line 2: .* does not lie in its root /media/USB;"):
        RELOCATION.rebase_row(verify_row(source, "/disk/a.jpg"), "line 2")


def test_b6_nothing_changes_where_no_root_is_elsewhere() -> None:
    row = verify_row("/elsewhere/a.jpg", "/disk/a.jpg")
    same = Relocation(USB, USB)
    for relocation in (same, NOT_RELOCATED):
        assert relocation.rebase_row(row, "line 2") is row
        assert relocation.rebase("/media/USB/a.jpg") == "/media/USB/a.jpg"
        assert relocation.with_roots("755") == "755"
    assert not same.arguments
    assert not same.settings
    assert not same.notes


def test_b6_only_the_root_that_is_elsewhere_is_told() -> None:
    relocation = Relocation(USB, Roots(USB.source, "/disk1"))
    assert relocation.arguments == ("--archive-now-at", "/disk1")
    assert relocation.settings == {"archive_now_at": "/disk1"}
    assert relocation.notes == ["the archive is /disk1 today, not /disk"]


def test_b6_roots_at_the_top_of_a_file_system() -> None:
    down = Relocation(Roots("/", "/disk"), Roots("/mnt", "/disk"))
    assert down.rebase("/a/b.jpg") == "/mnt/a/b.jpg"
    assert down.rebase("/") == "/mnt"
    assert down.rebase("/disk/a.jpg") == "/disk/a.jpg"
    assert Relocation(down.present, down.recorded).rebase("/mnt/a/b.jpg") == "/a/b.jpg"
    assert Relocation(down.present, down.recorded).rebase("/mnt") == "/"


def test_b6_an_archive_in_the_source_is_moved_as_the_archive() -> None:
    relocation = Relocation(Roots("/usb", "/usb/archive"), Roots("/usb1", "/disk"))
    assert relocation.rebase("/usb/archive/2019/a.jpg") == "/disk/2019/a.jpg"
    assert relocation.rebase("/usb/a.jpg") == "/usb1/a.jpg"


@pytest.mark.parametrize("present", [USB, USB1, USB2])
@pytest.mark.parametrize("then", [USB, USB1, USB2])
def test_b6_a_journal_row_leads_to_the_present_places_wherever_it_was_written(then: Roots, present: Roots) -> None:
    reason = add_roots("", *then) if then != USB else ""
    source = then.source
    row = journal_row(f"{source}/a.jpg", f"{source}/.media-quarantine/run/files/media/USB/a.jpg", reason, source)
    now = Relocation(USB, present).rebase_journal_row(row)
    assert now.from_path == now.source_path == f"{present.source}/a.jpg"
    assert now.to_path == f"{present.source}/.media-quarantine/run/files/media/USB/a.jpg"
    assert now.folder == now.source_root == present.source
    assert now.destination_path == f"{present.archive}/a.jpg"


def test_b6_a_quarantine_outside_the_source_stays_where_it_is() -> None:
    row = journal_row("/media/USB1/a.jpg", "/q/run/files/media/USB/a.jpg", add_roots("", *USB1))
    assert Relocation(USB, USB2).rebase_journal_row(row).to_path == row.to_path


@given(NAMES, NAMES, st.sampled_from(["", "755", "it failed"]))
def test_b6_the_roots_in_a_reason_come_back_whatever_their_names(source: str, archive: str, reason: str) -> None:
    roots = f"/{source}", f"/{archive}"
    text = add_roots(reason, *roots)
    assert parse_roots(text) == roots
    assert "\n" not in text
    assert text.startswith(reason)


@pytest.mark.parametrize(
    "reason", ["", "755", "it failed", 'source now at "a"', 'source now at "\\x", archive now at "b"']
)
def test_b6_no_other_reason_has_roots(reason: str) -> None:
    assert parse_roots(reason) is None


def test_b6_the_permissions_of_a_folder_are_read_beside_the_roots() -> None:
    reason = add_roots(folder_permissions(0o750), *USB1)
    assert parse_folder_permissions(reason) == 0o750
    assert parse_folder_permissions("750") == 0o750
    assert parse_folder_permissions("7500000") == parse_folder_permissions("") == 0o755
