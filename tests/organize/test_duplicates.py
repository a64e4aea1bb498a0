"""Which contents are known already: found by size, sample and digest, and never guessed."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest

from common.organize.duplicates import DuplicateIndex, IndexedFile
from common.organize.naming import NameRegistry
from common.organize.scan import FoundFile

BIG = 20_000  # more than the first and last bytes that a sample reads


class Index:
    """A folder of archived files made known, and what could not be read of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.unreadable: list[str] = []
        self.contents = DuplicateIndex(lambda path, _: self.unreadable.append(os.path.basename(path)))

    def put(self, name: str, data: bytes, row_id: int = 0) -> IndexedFile:
        (self.folder / name).write_bytes(data)
        known = IndexedFile(str(self.folder), name, row_id)
        self.contents.add(len(data), known)
        return known

    def find(self, data: bytes) -> IndexedFile | None:
        (self.folder / "candidate").write_bytes(data)
        return self.contents.find(IndexedFile("", "", 99, str(self.folder), "candidate"), len(data))


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index(tmp_path)


def test_the_same_content_is_found_whatever_it_is_called(index: Index) -> None:
    index.put("other.jpg", b"y" * BIG)
    known = index.put("a.jpg", b"x" * BIG)
    assert index.find(b"x" * BIG) is known


def test_files_that_differ_in_the_middle_alone_are_two(index: Index) -> None:
    data = bytearray(b"x" * BIG)
    index.put("a.jpg", bytes(data))
    data[BIG // 2] ^= 1
    assert index.find(bytes(data)) is None


def test_all_empty_files_have_one_content(index: Index) -> None:
    known = index.put("a.jpg", b"")
    assert index.find(b"") is known


def test_a_file_of_this_run_comes_before_one_of_the_archive_and_the_first_row_before_a_later(index: Index) -> None:
    index.put("archived.jpg", b"x")
    index.put("seventh.jpg", b"x", row_id=7)
    third = index.put("third.jpg", b"x", row_id=3)
    assert index.find(b"x") is third


def test_nothing_is_a_duplicate_of_a_row_that_failed(index: Index) -> None:
    index.put("third.jpg", b"x", row_id=3)
    seventh = index.put("seventh.jpg", b"x", row_id=7)
    index.contents.exclude_row(3)
    assert index.find(b"x") is seventh
    index.contents.exclude_row(7)
    assert index.find(b"x") is None


def test_a_known_file_that_cannot_be_read_is_no_match_and_is_told_of(index: Index) -> None:
    index.put("gone.jpg", b"x")
    os.unlink(index.folder / "gone.jpg")
    assert index.find(b"x") is None
    assert index.unreadable == ["gone.jpg"]


def test_a_known_file_that_went_away_after_its_sample_was_read_is_no_match(index: Index) -> None:
    index.put("gone.jpg", b"x")
    index.put("other.jpg", b"y")  # now both have been sampled
    os.unlink(index.folder / "gone.jpg")
    assert index.find(b"x") is None
    assert index.unreadable == ["gone.jpg"]


def test_a_candidate_that_cannot_be_read_is_an_error_and_not_a_new_content(index: Index) -> None:
    index.put("a.jpg", b"x")
    with pytest.raises(FileNotFoundError):
        index.contents.find(IndexedFile("", "", 99, str(index.folder), "missing"), 1)


def test_a_size_that_nobody_has_costs_no_reading(index: Index) -> None:
    index.put("a.jpg", b"x")
    assert index.contents.find(IndexedFile("", "", 99, str(index.folder), "missing"), 2) is None


def test_until_a_file_is_moved_its_content_is_read_in_the_source(index: Index) -> None:
    (index.folder / "in-source.jpg").write_bytes(b"x")
    known = IndexedFile(str(index.folder), "not-yet.jpg", 1, str(index.folder), "in-source.jpg")
    index.contents.add(1, known)
    assert index.find(b"x") is known
    os.rename(index.folder / "in-source.jpg", index.folder / "not-yet.jpg")
    known.sha256 = ""
    assert index.find(b"x") is known


def test_the_candidate_learns_its_digest_when_it_had_to_be_read(index: Index) -> None:
    index.put("a.jpg", b"x")
    (index.folder / "candidate").write_bytes(b"x")
    candidate = IndexedFile("", "", 99, str(index.folder), "candidate")
    found = index.contents.find(candidate, 1)
    assert found
    assert candidate.sha256 == found.sha256 != ""


def test_what_organize_keeps_of_a_file_is_half_a_kilobyte_at_most() -> None:
    files, to_a_folder = 50_000, 500
    contents = DuplicateIndex(lambda _path, _error: None)
    names = NameRegistry()
    tracemalloc.start()
    try:
        scanned = [
            FoundFile(folder, f"IMG_20190314_{number:06}.jpg", 3_000_000 + number, 1_552_561_200_000_000_000 + number)
            for folder_number in range(files // to_a_folder)
            for folder in [f"/media/old disk/pictures of somebody/{folder_number}"]
            for number in range(folder_number * to_a_folder, (folder_number + 1) * to_a_folder)
        ]
        for number, file in enumerate(scanned):
            year = os.path.join("/mnt/archive", "2019")  # a text of its own for every group, as organize makes it
            contents.add(file.size, IndexedFile(year, file.name, number + 1, file.folder, file.name))
            names.claim(year, file.name)
        per_file = tracemalloc.get_traced_memory()[0] / files
    finally:
        tracemalloc.stop()
    assert per_file < 512 + 64  # bytes
