"""The marker tells an archive from an empty mount point, and one archive from another."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path

import pytest

from common.archive import MARKER, create_archive, read_archive_id, require_archive
from common.errors import BadInput, StoppedEarly


def test_a_new_archive_is_marked_and_stays_the_same(tmp_path: Path) -> None:
    root = str(tmp_path / "archive")
    assert read_archive_id(root) == ""
    archive_id = create_archive(root)
    assert str(uuid.UUID(archive_id)) == archive_id
    assert read_archive_id(root) == archive_id
    assert create_archive(root) == archive_id
    assert os.listdir(root) == [MARKER]
    require_archive(root, archive_id)


def test_a_missing_folder_above_is_rather_a_disk_that_is_not_mounted(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"does not exist: mount the disk"):
        create_archive(str(tmp_path / "disk" / "archive"))
    assert not (tmp_path / "disk").exists()


def test_an_empty_mount_point_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(StoppedEarly, match=r"\.media-archive\.json is missing: mount the disk"):
        require_archive(str(tmp_path), str(uuid.uuid4()))


def test_a_swapped_disk_stops_the_run_and_both_archives_are_named(tmp_path: Path) -> None:
    here, wanted = create_archive(str(tmp_path)), str(uuid.uuid4())
    with pytest.raises(StoppedEarly, match=rf"another archive \({here}\).*\({wanted}\)"):
        require_archive(str(tmp_path), wanted)


BROKEN = {
    "empty": b"",
    "half": b'{"schema": "media-archive/1", "archive',
    "NUL": bytes(100),
    "a list": b"[]",
    "a number": b"7",
    "no id": b'{"schema": "media-archive/1"}',
    "an id that is none": b'{"schema": "media-archive/1", "archive_id": "disk 7"}',
    "an id in upper case": json.dumps({"schema": "media-archive/1", "archive_id": str(uuid.uuid4()).upper()}).encode(),
    "another schema": json.dumps({"schema": "media-archive/2", "archive_id": str(uuid.uuid4())}).encode(),
    "invalid UTF-8": b'{"schema": "\xff"}',
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_a_marker_that_is_not_whole_is_refused_and_left_as_it_is(tmp_path: Path, data: bytes) -> None:
    (tmp_path / MARKER).write_bytes(data)
    for refused in (read_archive_id, create_archive):
        with pytest.raises(BadInput, match="not a whole archive marker"):
            refused(str(tmp_path))
    assert (tmp_path / MARKER).read_bytes() == data


def test_a_marker_that_cannot_be_read_is_not_taken_for_a_missing_one(tmp_path: Path) -> None:
    (tmp_path / MARKER).mkdir()
    with pytest.raises(StoppedEarly, match=r"cannot read it: not a regular file"):
        read_archive_id(str(tmp_path))


def test_where_no_archive_can_be_begun_the_reason_is_told(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(b"a file")
    with pytest.raises((BadInput, StoppedEarly), match="archive"):
        create_archive(str(tmp_path / "archive"))
    assert (tmp_path / "archive").read_bytes() == b"a file"
