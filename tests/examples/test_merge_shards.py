"""``examples/merge_shards.py``: shards become what one run would have written, or nothing at all."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from examples import merge_shards
from tests.examples.running import as_any_run_finds_it, run_example
from tests.support import scripts
from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg
from tests.support.tables import read_rows, statuses, write_rows

PHOTOS = {f"p{seed}.jpg": jpeg(seed=seed) for seed in range(9)} | {'a "b",\n c.jpg': jpeg(seed=10)}


@pytest.fixture
def photos(library: LibraryMaker) -> Library:
    """Ten copied photos and a text file, which is not archived: eleven rows."""
    made = library({**PHOTOS, "notes.txt": b"to be left out"})
    made.organize()
    return made


def shard(photos: Library, offset: int, limit: int, expect: int = 0) -> list[Path]:
    """Verify a part of the report in a folder of its own, in this process; return its two files."""
    folder = photos.out / f"shard-{offset}-{limit}"
    folder.mkdir()
    files = [folder / "verified.csv", folder / "unverified.csv"]
    outputs = ("--verified-out", files[0], "--unverified-out", files[1])
    line = ("--input-csv", photos.report, "--offset", str(offset), "--limit", str(limit), *outputs)
    scripts.call(scripts.VERIFY, *line, cwd=photos.out, expect=expect)
    return files


def four_shards(photos: Library) -> list[Path]:
    return [file for offset in (0, 3, 6, 9) for file in shard(photos, offset, 3)]


def merge(photos: Library, files: Sequence[Path], expect: int, capsys: pytest.CaptureFixture[str]) -> str:
    """Merge in this process; return what was said of a failure, having seen that it left nothing behind."""
    capsys.readouterr()
    before = set(photos.out.iterdir())
    assert merge_shards.main([str(photos.report), str(photos.out / "merged"), *map(str, files)]) == expect
    if expect == 2:
        assert {path.name for path in set(photos.out.iterdir()) - before} <= {"merged.lock"}
    return capsys.readouterr().err


def test_four_shards_side_by_side_merge_to_the_manifest_of_one_run_and_apply_accepts_it(photos: Library) -> None:
    running: list[subprocess.Popen[bytes]] = []
    files: list[Path] = []
    for offset in ("0", "3", "6", "9"):
        folder = photos.out / offset
        folder.mkdir()
        pair = [folder / "verified.csv", folder / "unverified.csv"]
        outputs = ("--verified-out", pair[0], "--unverified-out", pair[1])
        line = ("--input-csv", photos.report, "--offset", offset, "--limit", "3", *outputs)
        running.append(scripts.start(scripts.VERIFY, *line, cwd=photos.out))
        files = [*pair, *files]
    for process in running:
        scripts.finish(process)
    run_example("merge_shards.py", photos.report, photos.out / "merged", *files, cwd=photos.out)

    photos.verify()
    merged = photos.out / "merged"
    assert as_any_run_finds_it(read_rows(merged / "verified.csv")) == as_any_run_finds_it(read_rows(photos.verified))
    assert as_any_run_finds_it(read_rows(merged / "unverified.csv")) == as_any_run_finds_it(
        read_rows(photos.unverified)
    )
    assert (merged / "SHA256SUMS").read_bytes() == (photos.out / "SHA256SUMS").read_bytes()
    assert statuses(read_rows(merged / "unverified.csv")) == {"not_archived": 1}

    manifest = ("--manifest", merged / "verified.csv", "--expected-run-id", photos.run_id, "--json")
    assert scripts.call(scripts.APPLY, *manifest, cwd=photos.out).count("quarantined") == 10
    assert photos.quarantined == PHOTOS


def test_a_row_of_a_shard_is_taken_over_byte_for_byte(photos: Library, capsys: pytest.CaptureFixture[str]) -> None:
    files = four_shards(photos)
    merge(photos, files[::-1], 0, capsys)
    bodies = b"".join(file.read_bytes().partition(b"\n")[2] for file in files if file.name == "verified.csv")
    assert (photos.out / "merged" / "verified.csv").read_bytes().partition(b"\n")[2] == bodies


def test_rows_that_need_a_person_make_the_status_that_one_run_would_have(
    photos: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    with open(photos.archive_path("p4.jpg"), "ab") as file:
        file.write(b"rot")
    files = shard(photos, 0, 5) + shard(photos, 5, 6, expect=1)
    merge(photos, files, 1, capsys)
    merged = photos.out / "merged"
    assert statuses(read_rows(merged / "unverified.csv")) == {"size_differs": 1, "not_archived": 1}
    assert statuses(read_rows(merged / "verified.csv")) == {"identical": 9}


def test_a_missing_shard_is_noticed_wherever_it_was(photos: Library, capsys: pytest.CaptureFixture[str]) -> None:
    files = four_shards(photos)
    for missing in range(0, 8, 2):
        said = merge(photos, files[:missing] + files[missing + 2 :], 2, capsys)
        assert "is in no shard at its place" in said


def test_a_missing_unverified_file_is_noticed(photos: Library, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is in no shard" in merge(photos, [f for f in four_shards(photos) if "un" not in f.name], 2, capsys)


def test_a_row_in_two_shards_is_noticed(photos: Library, capsys: pytest.CaptureFixture[str]) -> None:
    files = four_shards(photos)
    assert "stands in" in merge(photos, files + files[:2], 2, capsys)
    overlapping = shard(photos, 1, 1) + shard(photos, 2, 4)
    assert merge(photos, files + overlapping[:2], 2, capsys)
    assert merge(photos, files + overlapping[2:], 2, capsys)
    assert merge(photos, overlapping + files, 2, capsys)


def test_a_row_that_is_not_in_the_report_is_noticed(photos: Library, capsys: pytest.CaptureFixture[str]) -> None:
    files = four_shards(photos)
    write_rows(photos.report, read_rows(photos.report)[:-1])
    assert "row_id 11 is not in the report, or stands twice" in merge(photos, files, 2, capsys)


def test_a_changed_row_is_noticed(photos: Library, capsys: pytest.CaptureFixture[str]) -> None:
    files = four_shards(photos)
    rows = read_rows(files[2])
    rows[1]["destination_path"] = rows[2]["destination_path"]
    write_rows(files[2], rows)
    assert "the row was changed after it was written" in merge(photos, files, 2, capsys)


def test_a_shard_that_was_cut_short_is_noticed(photos: Library, capsys: pytest.CaptureFixture[str]) -> None:
    files = four_shards(photos)
    files[2].write_bytes(files[2].read_bytes()[:-5])
    assert "cut short; finish this shard first" in merge(photos, files, 2, capsys)


def test_the_shards_of_another_report_are_refused(photos: Library, capsys: pytest.CaptureFixture[str]) -> None:
    files = four_shards(photos)
    rows = read_rows(photos.report)
    for row in rows:
        row["run_id"] = "00000000-0000-4000-8000-000000000000"
    write_rows(photos.report, rows)
    assert "run_id is not that of the report" in merge(photos, files, 2, capsys)


def test_what_was_merged_before_is_not_overwritten(photos: Library, capsys: pytest.CaptureFixture[str]) -> None:
    files = four_shards(photos)
    merge(photos, files, 0, capsys)
    before = (photos.out / "merged" / "verified.csv").read_bytes()
    assert "exists already" in merge(photos, files, 2, capsys)
    assert (photos.out / "merged" / "verified.csv").read_bytes() == before


def test_what_a_killed_merge_left_is_cleared_away(photos: Library, capsys: pytest.CaptureFixture[str]) -> None:
    files = four_shards(photos)
    unfinished = photos.out / "merged.unfinished"
    unfinished.mkdir()
    shutil.copy(files[0], unfinished / "verified.csv")
    merge(photos, files, 0, capsys)
    assert statuses(read_rows(photos.out / "merged" / "verified.csv")) == {"identical": 10}
    assert not unfinished.exists()


def test_rows_are_counted_and_not_lines(photos: Library) -> None:
    assert run_example("merge_shards.py", "--count-rows", photos.report, cwd=photos.out).stdout == "11\n"
