"""Dates in XMP companions and in the JSON of Google Takeout."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from common.dates.model import Candidate, Clock, Reading, Source
from common.dates.sidecar import candidates_from_sidecar

RDF = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" {}</rdf:Description></rdf:RDF></x:xmpmeta>"""


def read(folder: Path, content: str | bytes) -> tuple[Candidate, ...]:
    path = folder / "companion"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    reading = candidates_from_sidecar(str(path))
    assert reading.problem == ""
    return reading.candidates


XMP = {
    "attribute": ('exif:DateTimeOriginal="2019-07-14T10:30:00">', "sidecar:xmp:DateTimeOriginal"),
    "element": ("><exif:DateTimeOriginal>2019-07-14T10:30:00</exif:DateTimeOriginal>", "sidecar:xmp:DateTimeOriginal"),
    "old prefix": ('xap:CreateDate="2019-07-14T10:30:00">', "sidecar:xmp:CreateDate"),
    "photoshop": ('photoshop:DateCreated="2019-07-14T10:30:00">', "sidecar:photoshop:DateCreated"),
}


@pytest.mark.parametrize(("text", "tag"), XMP.values(), ids=XMP.keys())
def test_an_xmp_companion_gives_its_date(text: str, tag: str, tmp_path: Path) -> None:
    (found,) = read(tmp_path, '<?xpacket begin="\ufeff"?>\n' + RDF.format(text))
    assert (found.tag, found.moment) == (tag, datetime(2019, 7, 14, 10, 30))
    assert (found.source, found.clock) == (Source.SIDECAR, Clock.LOCAL)


def test_an_xmp_date_keeps_its_offset(tmp_path: Path) -> None:
    (found,) = read(tmp_path, RDF.format('xmp:CreateDate="2019-01-01T00:30:00+11:00">'))
    assert found.clock is Clock.OFFSET
    assert found.moment == datetime(2018, 12, 31, 13, 30, tzinfo=UTC)


def test_the_original_date_stands_before_the_others(tmp_path: Path) -> None:
    found = read(tmp_path, RDF.format('xmp:CreateDate="2022-01-01" exif:DateTimeOriginal="1995-06-01T12:00:00">'))
    assert min(found, key=lambda candidate: candidate.rank).tag == "sidecar:xmp:DateTimeOriginal"


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 30))
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]>' + RDF.format('xmp:CreateDate="&l29;">')
    assert all(candidate.moment is None for candidate in read(tmp_path, bomb))


TAKEOUT = {
    "title": "photo.jpg",
    "creationTime": {"timestamp": "1700000000"},
    "photoTakenTime": {"timestamp": "1679149331"},
}


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"\n  "])
def test_the_json_of_takeout_gives_the_time_taken_in_utc(start: bytes, tmp_path: Path) -> None:
    (found,) = read(tmp_path, start + json.dumps(TAKEOUT).encode())
    assert found.moment == datetime(2023, 3, 18, 14, 22, 11, tzinfo=UTC)
    assert (found.source, found.clock, found.tag) == (Source.SIDECAR, Clock.UTC, "sidecar:takeout:photoTakenTime")


def test_a_time_before_1970_is_read_too(tmp_path: Path) -> None:
    (found,) = read(tmp_path, '{"photoTakenTime": {"timestamp": "-1000000000"}}')
    assert found.moment == datetime(1938, 4, 24, 22, 13, 20, tzinfo=UTC)


@pytest.mark.parametrize("stamp", ["9" * 30, "9" * 5000, "soon", ""])
def test_a_timestamp_that_is_no_time_is_a_candidate_without_a_moment(stamp: str, tmp_path: Path) -> None:
    (found,) = read(tmp_path, json.dumps({"photoTakenTime": {"timestamp": stamp}}))
    assert found.moment is None
    assert len(found.text) <= 64


NO_DATES = {
    "another program's JSON": '{"name": "left-pad", "timestamp": 1679149331}',
    "JSON of another shape": '{"photoTakenTime": ["1679149331"]}',
    "JSON without a time": '{"photoTakenTime": {"timestamp": null}}',
    "large JSON": json.dumps({"filling": "x" * (1 << 20), **TAKEOUT}),
    "AAE": '<?xml version="1.0"?><plist><dict><key>adjustmentTimestamp</key><date>2019-07-14T10:30:00Z</date></dict>',
    "empty": "",
    "noise": bytes(range(256)) * 16,
}


@pytest.mark.parametrize("content", NO_DATES.values(), ids=NO_DATES.keys())
def test_a_companion_without_dates_is_no_problem(content: str | bytes, tmp_path: Path) -> None:
    assert read(tmp_path, content) == ()


def test_only_the_first_mib_is_read_and_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "huge.xmp"
    path.write_bytes(b"<x>" + b" " * (1 << 20) + RDF.format('xmp:CreateDate="2019-07-14">').encode())
    assert candidates_from_sidecar(str(path)) == Reading(
        problem="no date in the first MiB of the companion, more was not read"
    )


def test_a_companion_that_cannot_be_read_is_a_problem_and_not_a_file_without_a_date(tmp_path: Path) -> None:
    assert candidates_from_sidecar(str(tmp_path / "gone.xmp")) == Reading(
        problem="cannot read the companion: No such file or directory", unreadable=True
    )


@pytest.mark.parametrize("content", ['{"photoTakenTime": {"timestamp": "16791', '{"photoTakenTime":' + "[" * 200_000])
def test_a_takeout_companion_that_is_cut_short_is_a_problem_not_a_file_without_a_date(
    content: str, tmp_path: Path
) -> None:
    path = tmp_path / "companion"
    path.write_text(content)
    assert candidates_from_sidecar(str(path)) == Reading(problem="the companion is cut short or damaged")
