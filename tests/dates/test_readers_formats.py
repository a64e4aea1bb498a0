"""Each kind of file, by its first bytes and not by its name, gives the date that stands in it."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import piexif
import pytest
from PIL import Image

from common.dates.byte_view import MemoryBytes
from common.dates.formats import FORMATS, read_bytes, read_media
from common.dates.model import Candidate, Clock, Reading
from tests.dates import sample_files as make

MOMENT = datetime(2011, 8, 17, 16, 39, 37)


def reading(data: bytes) -> Reading:
    return read_bytes(MemoryBytes(data))


def best(data: bytes) -> Candidate:
    found = reading(data)
    assert found.candidates, found.problem
    return found.candidates[0]


def by_tag(data: bytes) -> dict[str, Candidate]:
    return {candidate.tag: candidate for candidate in reading(data).candidates}


@pytest.mark.parametrize("name", make.every_format())
def test_the_date_of_every_format_is_found_by_its_bytes(name: str, tmp_path: Path) -> None:
    path = tmp_path / "no-extension"
    path.write_bytes(make.every_format()[name])
    found = read_media(str(path))
    assert found.candidates, found.problem
    assert found.candidates[0].moment is not None
    assert found.candidates[0].moment.replace(tzinfo=None) == MOMENT


def test_every_registered_format_has_a_sample() -> None:
    heads = [data[:1024] for data in make.every_format().values()]
    assert [kind.name for kind in FORMATS if not any(kind.matches(head) for head in heads)] == []


@pytest.mark.parametrize("extension", ["jpeg", "tiff", "webp"])
def test_what_pillow_and_piexif_write_is_read(extension: str, tmp_path: Path) -> None:
    block = piexif.dump({"0th": {}, "Exif": {piexif.ExifIFD.DateTimeOriginal: b"2011:08:17 16:39:37"}})
    path = tmp_path / f"photo.{extension}"
    image = Image.new("RGB", (8, 8))
    if extension == "tiff":
        exif = Image.Exif()
        exif.load(block)
        image.save(path, exif=exif)
    else:
        image.save(path, exif=block)
    assert read_media(str(path)).candidates[0].moment == MOMENT


def test_a_heic_of_pillow_heif_is_read(tmp_path: Path) -> None:
    import pillow_heif

    path = tmp_path / "photo.heic"
    pillow_heif.from_pillow(Image.new("RGB", (64, 64))).save(path, exif=make.exif_block())
    assert read_media(str(path)).candidates[0].moment == MOMENT


# --- files that are not what they seem


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.jpg", b"<!DOCTYPE html><html>" + b"x" * 2000),
        ("code.ts", b"GET = 1\nexport const answer = 42;\n" * 40),
        ("go.mod", b"module example.org/thing\n\ngo 1.22\n"),
        ("zeros.mp4", b"\0" * 4096),
    ],
)
def test_a_file_that_is_no_media_says_so(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    found = read_media(str(tmp_path / name))
    assert found.candidates == ()
    assert "no photo or video format" in found.problem


def test_an_empty_file_a_missing_file_a_link_and_a_folder_each_give_a_reason(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    assert read_media(str(tmp_path / "empty.jpg")).problem == "the file is empty"
    assert "No such file" in read_media(str(tmp_path / "gone.jpg")).problem
    assert read_media(str(tmp_path)).problem


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither O_NOFOLLOW nor named pipes in folders")
def test_links_and_pipes_are_refused_without_waiting(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(make.every_format()["exif.jpg"])
    (tmp_path / "link.jpg").symlink_to("photo.jpg")
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe.jpg")
    assert "can't be opened" in read_media(str(tmp_path / "link.jpg")).problem
    assert read_media(str(tmp_path / "pipe.jpg")).problem == "it is not a regular file"


def test_a_file_cut_in_its_header_says_that_it_is_damaged() -> None:
    found = reading(make.every_format()["plain.psd"][:28])
    assert found.candidates == ()
    assert "damaged Photoshop file" in found.problem


# --- EXIF


def test_original_goes_before_digitized_before_the_date_of_the_edit() -> None:
    block = make.tiff(
        {make.DATE_TIME: "2023:01:01 00:00:00"},
        {make.ORIGINAL: "1995:06:01 12:00:00", make.DIGITIZED: "2022:03:03 10:00:00"},
    )
    tags = [candidate.tag for candidate in reading(make.jpeg(make.exif_segment(block))).candidates]
    assert tags == ["exif:DateTimeOriginal", "exif:DateTimeDigitized", "exif:DateTime"]


def test_subseconds_and_offset_belong_to_their_own_date() -> None:
    block = make.tiff(
        {make.DATE_TIME: "2022:01:01 09:00:00"},
        {make.ORIGINAL: "2022:01:01 09:00:00", make.OFFSET_ORIGINAL: "+11:00", make.SUBSEC_ORIGINAL: "250"},
    )
    found = by_tag(block)
    original = found["exif:DateTimeOriginal"]
    assert original.moment is not None
    assert original.clock is Clock.OFFSET
    assert (original.moment.utcoffset(), original.moment.microsecond) == (timedelta(hours=11), 250_000)
    assert original.moment.year == 2022
    assert found["exif:DateTime"].clock is Clock.LOCAL


def test_the_offset_of_the_file_serves_the_same_reading_of_the_clock_alone() -> None:
    same = {make.ORIGINAL: "2022:01:01 09:00:00", make.OFFSET: "+11:00"}
    assert (
        by_tag(make.tiff({make.DATE_TIME: "2022:01:01 09:00:00"}, same))["exif:DateTimeOriginal"].clock is Clock.OFFSET
    )
    assert (
        by_tag(make.tiff({make.DATE_TIME: "2024:05:01 09:00:00"}, same))["exif:DateTimeOriginal"].clock is Clock.LOCAL
    )


def test_an_unreadable_date_is_remembered_and_the_next_one_found() -> None:
    block = make.tiff({}, {make.ORIGINAL: "0000:00:00 00:00:00", make.DIGITIZED: "2004/05/09 10:11:12"})
    first, second = reading(block).candidates
    assert (first.tag, first.moment, first.text) == ("exif:DateTimeOriginal", None, "0000:00:00 00:00:00")
    assert second.moment == datetime(2004, 5, 9, 10, 11, 12)


def test_blank_dates_are_no_evidence() -> None:
    assert reading(make.tiff({make.DATE_TIME: "    :  :     :  :  "}, {make.ORIGINAL: " " * 19})).candidates == ()


def test_a_date_without_its_nul_keeps_its_last_digit() -> None:
    raw = make.tiff({}, {make.ORIGINAL: b"2011:08:17 16:39:37"})
    assert best(raw).moment == MOMENT


def test_the_date_of_the_satellites_comes_last_and_is_utc() -> None:
    time = struct.pack("<6I", 12, 1, 36, 1, 33, 1)
    block = make.tiff({make.DATE_TIME: "2023:07:09 20:36:33"}, {}, {make.GPS_DATE: "2023:07:09", make.GPS_TIME: time})
    last = reading(block).candidates[-1]
    assert (last.tag, last.clock) == ("gps:GPSDateTime", Clock.UTC)
    assert last.moment == datetime(2023, 7, 9, 12, 36, 33, tzinfo=UTC)


def test_dates_in_ifd0_of_tiff_ep_are_found() -> None:
    assert best(make.tiff({make.ORIGINAL: "2011:08:17 16:39:37"})).tag == "exif:DateTimeOriginal"


def test_xmp_and_iptc_in_tiff_tags_are_found() -> None:
    packet = make.xmp_packet('exif:DateTimeOriginal="2011-08-17T16:39:37"')
    assert best(make.tiff({0x02BC: packet})).tag == "xmp:DateTimeOriginal"
    assert best(make.tiff({0x83BB: make.iptc_records("20110817", "163937+0200")})).clock is Clock.OFFSET


# --- JPEG, XMP, IPTC


def test_xmp_and_extended_xmp_before_exif_do_not_hide_it() -> None:
    extension = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + struct.pack(">II", 100, 0)
    data = make.jpeg(
        make.xmp_segment(make.xmp_packet('xmp:CreateDate="2015-01-01T00:00:01"')),
        (0xE1, extension + b'<rdf:Description photoshop:DateCreated="2010-03-03T10:00:00"/>'),
        make.exif_segment(make.exif_block()),
    )
    tags = [candidate.tag for candidate in reading(data).candidates]
    assert tags[0] == "exif:DateTimeOriginal"
    assert {"xmp:CreateDate", "photoshop:DateCreated"} <= set(tags)


def test_a_name_cut_by_the_end_of_an_extended_xmp_segment_is_found() -> None:
    header = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + struct.pack(">II", 100, 0)
    data = make.jpeg((0xE1, header + b"<a exif:DateTime"), (0xE1, header + b'Original="2011-08-17T16:39:37"/>'))
    assert best(data).moment == MOMENT


@pytest.mark.parametrize(
    "body",
    [
        b'<d xap:CreateDate="2011-08-17T16:39:37"/>',
        b"<d><xap:CreateDate>2011-08-17T16:39:37</xap:CreateDate></d>",
        b"<d xmlns:z=\"http://ns.adobe.com/xap/1.0/\" z:CreateDate = '2011-08-17T16:39:37'/>",
        b"<exif:DateTimeOriginal><rdf:Seq><rdf:li>2011-08-17T16:39:37</rdf:li></rdf:Seq></exif:DateTimeOriginal>",
        '<d xmp:CreateDate="2011-08-17T16:39:37"/>'.encode("utf-16-le"),
        b'<d xmp:CreateDate="2011-08-17T16:39:37" and here the packet is cut',
    ],
)
def test_xmp_is_read_in_every_form(body: bytes) -> None:
    assert best(make.jpeg(make.xmp_segment(body))).moment == MOMENT


def test_the_date_of_another_file_inside_an_xmp_packet_is_not_taken() -> None:
    pantry = b'<xmpMM:Pantry><d xmp:CreateDate="1999-01-01T00:00:00"/></xmpMM:Pantry>'
    assert best(make.jpeg(make.xmp_segment(pantry + b'<d xmp:CreateDate="2011-08-17T16:39:37"/>'))).moment == MOMENT
    assert reading(make.jpeg(make.xmp_segment(pantry))).candidates == ()


def test_dates_of_editing_in_xmp_are_no_evidence() -> None:
    body = make.xmp_packet('xmp:ModifyDate="2020-01-01T00:00:00" xmp:MetadataDate="2020-01-01T00:00:00"')
    assert reading(make.jpeg(make.xmp_segment(body))).candidates == ()


def test_a_mere_day_entered_by_hand_comes_after_the_time_of_making() -> None:
    packet = make.xmp_packet(
        'photoshop:DateCreated="2007-11-19T00:00-08:00" xmp:CreateDate="2009-05-19T09:57:21-07:00"'
    )
    assert best(make.jpeg(make.xmp_segment(packet))).tag == "xmp:CreateDate"
    packet = make.xmp_packet('photoshop:DateCreated="2007-04-19T11:03:15" xmp:CreateDate="2009-05-19T09:57:21-07:00"')
    assert best(make.jpeg(make.xmp_segment(packet))).tag == "photoshop:DateCreated"


def test_stray_and_fill_bytes_between_segments_are_skipped() -> None:
    exif = make.jpeg(make.exif_segment(make.exif_block()))[2:]
    comment = b"\xff\xfe\x00\x04ab"
    assert best(b"\xff\xd8" + comment + b"\xff\xff\xff" + exif).moment == MOMENT
    assert best(b"\xff\xd8" + comment + b"\x00\x11\x22" + exif).moment == MOMENT


def test_a_damaged_exif_block_does_not_hide_the_xmp_behind_it() -> None:
    packet = make.xmp_packet('exif:DateTimeOriginal="2011-08-17T16:39:37"')
    assert best(make.jpeg(make.exif_segment(b"II*\0\xff\xff\xff\x7f"), make.xmp_segment(packet))).moment == MOMENT


# --- PNG


def test_the_time_of_the_last_change_of_a_png_is_no_evidence() -> None:
    assert reading(make.png((b"tIME", struct.pack(">HBBBBB", 2020, 1, 1, 0, 0, 0)))).candidates == ()


# --- films


def test_the_creation_date_with_an_offset_goes_before_the_clock_of_the_container() -> None:
    exported = make.seconds_1904(datetime(2024, 2, 2, 8, 9, 57, tzinfo=UTC))
    keys = make.apple_keys({"com.apple.quicktime.creationdate": "2019-02-12T15:27:12+0800"})
    first, second = reading(make.mp4(make.movie_header(exported), keys)).candidates
    assert (first.tag, first.clock) == ("quicktime:creationdate", Clock.OFFSET)
    assert first.moment == datetime(2019, 2, 12, 7, 27, 12, tzinfo=UTC)
    assert (second.tag, second.clock, second.moment) == (
        "quicktime:mvhd",
        Clock.UTC,
        datetime(2024, 2, 2, 8, 9, 57, tzinfo=UTC),
    )


def test_a_time_counted_from_1970_instead_of_1904_is_put_right() -> None:
    moment = datetime(2013, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert best(make.mp4(make.movie_header(int(moment.timestamp())))).moment == moment


@pytest.mark.parametrize("seconds", [1, 3_600, make.EPOCH_1904, make.EPOCH_1904 + 3_600])
def test_a_clock_that_had_just_been_started_is_no_date_of_a_film(seconds: int) -> None:
    (found,) = reading(make.mp4(make.movie_header(seconds))).candidates
    assert (found.tag, found.moment) == ("quicktime:mvhd", None)


def test_a_matroska_date_of_zero_is_no_evidence() -> None:
    assert reading(make.matroska(datetime(2001, 1, 1, tzinfo=UTC), {})).candidates == ()


def test_the_track_has_the_time_that_the_film_has_not() -> None:
    seconds = make.seconds_1904(datetime(2013, 5, 6, tzinfo=UTC))
    found = best(make.mp4(make.movie_header(0), make.box(b"trak", make.movie_header(seconds, b"tkhd"))))
    assert (found.tag, found.moment) == ("quicktime:tkhd", datetime(2013, 5, 6, tzinfo=UTC))


def test_a_film_without_any_time_has_no_evidence_and_no_problem() -> None:
    assert reading(make.mp4(make.movie_header(0))) == Reading()


@pytest.mark.parametrize("sign", ["brand", "tags"])
def test_nikon_writes_its_wall_clock_where_utc_belongs(sign: str) -> None:
    header = make.movie_header(make.seconds_1904(datetime(2016, 1, 1, 0, 30, tzinfo=UTC)))
    film = (
        make.mp4(header, brand=b"niko") if sign == "brand" else make.mp4(header, make.box(b"udta", make.box(b"NCDT")))
    )
    found = by_tag(film)["quicktime:mvhd"]
    assert (found.clock, found.moment) == (Clock.LOCAL, datetime(2016, 1, 1, 0, 30))


def test_nikon_tags_in_a_film_are_read() -> None:
    date = b"2016:01:01 00:29:59\0"
    record = struct.pack(">IHH", 0x12, 2, len(date)) + date
    film = make.mp4(make.box(b"udta", make.box(b"NCDT", make.box(b"NCTG", record))))
    assert best(film).moment == datetime(2016, 1, 1, 0, 29, 59)


def test_user_data_with_a_full_date_goes_before_mvhd_and_a_mere_year_behind() -> None:
    header = make.movie_header(make.seconds_1904(datetime(2012, 5, 6, tzinfo=UTC)))

    def film(text: str) -> bytes:
        raw = text.encode()
        return make.mp4(header, make.box(b"udta", make.box(b"\xa9day", struct.pack(">HH", len(raw), 0), raw)))

    assert best(film("2012-05-06T09:00:00+0200")).tag == "quicktime:day"
    assert best(film("1985")).tag == "quicktime:mvhd"


def test_xmp_and_sony_metadata_in_films_are_read() -> None:
    packet = make.xmp_packet('xmp:CreateDate="2019-02-15T16:13:20-05:00"')
    uuid = make.box(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac"), packet)
    assert best(make.mp4() + uuid).clock is Clock.OFFSET
    xml = make.box(b"xml ", b'<NonRealTimeMeta><CreationDate value="2026-04-26T18:25:15+09:00"/></NonRealTimeMeta>')
    meta = make.box(b"meta", b"\0\0\0\0", make.box(b"hdlr", b"\0" * 8, b"nrtm", b"\0" * 13), xml)
    assert best(make.mp4() + meta).tag == "sony:CreationDate"


def test_the_tag_of_a_remuxed_matroska_goes_before_its_own_date() -> None:
    data = make.matroska(datetime(2024, 1, 1, tzinfo=UTC), {"CREATION_TIME": "2019-01-24T08:01:24Z"})
    assert [candidate.tag for candidate in reading(data).candidates] == ["matroska:creation_time", "matroska:DateUTC"]


def test_avchd_has_a_wall_clock_and_sometimes_its_offset() -> None:
    assert best(make.transport_stream("20110817163937")).clock is Clock.LOCAL
    found = best(make.transport_stream("20110817163937", zone=0x12, size=188))  # +9 hours
    assert found.moment is not None
    assert found.moment.utcoffset() == timedelta(hours=9)


def test_an_emulation_byte_inside_the_pack_does_not_break_the_date() -> None:
    assert best(make.transport_stream("20110817000001")).moment == datetime(2011, 8, 17, 0, 0, 1)


def test_an_avi_reads_its_tags_wherever_they_stand() -> None:
    info = b"INFO" + make.chunk(b"ICRD", b"2003-08-27\0")
    found = best(make.riff(b"AVI ", (b"LIST", info)))
    assert (found.tag, found.date_only) == ("riff:ICRD", True)
    nikon = b"ncdt" + make.chunk(b"nctg", struct.pack("<HH", 0x13, 20) + b"2011:08:17 16:39:37\0")
    assert best(make.riff(b"AVI ", (b"LIST", nikon))).moment == MOMENT
    strd = b"hdrl" + make.chunk(b"LIST", b"strl" + make.chunk(b"strd", b"AVIF\0\0\0\0" + make.exif_block()[8:]))
    assert best(make.riff(b"AVI ", (b"LIST", strd))).tag == "riff:camera"


def test_nothing_is_printed_and_no_heavy_library_loaded(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(make.every_format()["exif.jpg"])
    code = (
        "import sys; from common.dates.formats import read_media; read_media(sys.argv[1]);"
        "print([m for m in ('PIL', 'pillow_heif', 'subprocess', 'ctypes', 'multiprocessing') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.jpg")],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
