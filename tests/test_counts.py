"""Figures for people: counts, sizes, and what the rows of a status are about."""

from __future__ import annotations

import pytest

from common.counts import Counts, amount_text, count_text, size_text, summed


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1_000, "1 kB"),
        (1_234, "1.23 kB"),
        (999_499, "999 kB"),
        (999_999, "1 MB"),
        (82_100_000_000, "82.1 GB"),
        (250_000_000_000, "250 GB"),
        (10**16, "10 PB"),
        (12_345 * 10**15, "12,345 PB"),
    ],
)
def test_sizes_are_said_as_disks_are_sold(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("count", "words", "text"),
    [
        (12_345, (), "12,345"),
        (0, ("row",), "0 rows"),
        (1, ("row",), "1 row"),
        (12_345, ("photo",), "12,345 photos"),
        (1, ("entry", "entries"), "1 entry"),
        (2, ("entry", "entries"), "2 entries"),
    ],
)
def test_counts_have_their_thousands_set_apart_and_their_noun_agrees(
    count: int, words: tuple[str, ...], text: str
) -> None:
    assert count_text(count, *words) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ({}, "0 bytes"),
        ({"photos": 12_345, "bytes": 82_100_000_000}, "12,345 photos, 82.1 GB"),
        ({"bytes": 3, "videos": 1, "photos": 1}, "1 photo, 1 video, 3 bytes"),
        ({"companions": 1, "other_files": 2, "bytes": 1_000}, "1 companion, 2 other files, 1 kB"),
    ],
)
def test_an_amount_is_said_in_one_order(amount: dict[str, int], text: str) -> None:
    assert amount_text(amount) == text


def test_files_and_folders_are_counted_by_status_and_kind() -> None:
    counts = Counts()
    counts.add("attention", 2)
    counts.add("review", 0)
    for status, kind, size in (
        ("copied", "image", 10),
        ("copied", "image", 5),
        ("copied", "sidecar", 1),
        ("skipped", "", 7),
        ("failed", "video", 0),
    ):
        counts.add_file(status, kind, size)
    counts.add_folder("removed")
    assert counts.rows == {"attention": 2, "copied": 3, "skipped": 1, "failed": 1, "removed": 1}
    assert (counts["copied"], counts["nothing of this name"]) == (3, 0)
    assert counts.amounts == {
        "copied": {"photos": 2, "companions": 1, "bytes": 16},
        "skipped": {"other_files": 1, "bytes": 7},
        "failed": {"videos": 1},
        "removed": {"folders": 1},
    }
    assert list(counts.amounts["copied"]) == ["photos", "companions", "bytes"]
    assert summed(counts.amounts.values()) == {
        "photos": 2,
        "videos": 1,
        "companions": 1,
        "other_files": 1,
        "folders": 1,
        "bytes": 23,
    }


def test_a_state_file_holds_counts_in_a_flat_form() -> None:
    counts = Counts()
    counts.add_file("copied", "image", 10)
    counts.add_folder("removed")
    flat = {"copied": 1, "copied: photos": 1, "copied: bytes": 10, "removed": 1, "removed: folders": 1}
    assert counts.to_flat() == Counts.from_flat(flat).to_flat() == flat
    assert (counts + counts).to_flat() == {key: 2 * number for key, number in flat.items()}
