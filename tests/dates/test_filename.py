"""Names that phones, cameras, messengers and screenshot tools give, and names that only look like dates."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.dates.filename import candidates_from_name
from common.dates.model import Clock, Source

MOMENT = datetime(2023, 3, 18, 14, 22, 11)
WITH_MILLISECONDS = MOMENT.replace(microsecond=123_000)

WALL_CLOCK = [
    # phones and cameras
    "IMG_20230318_142211.jpg",
    "IMG_20230318_142211_HDR.jpg",
    "IMG_20230318_142211_1.jpg",
    "IMG_20230318_142211.3gp",
    "IMG20230318142211.jpg",
    "VID_20230318_142211.mp4",
    "VID_20230318_142211_00_001.insv",
    "MVIMG_20230318_142211.jpg",
    "PANO_20230318_142211.vr.jpg",
    "20230318_142211.jpg",
    "20230318_142211(0).jpg",
    "20230318_142211_001.jpg",
    "20230318142211.m2ts",
    "WIN_20230318_14_22_11_Pro.jpg",
    "C360_2023-03-18-14-22-11-500.jpg",
    # drones and dashcams
    "DJI_20230318142211_0001_D.MP4",
    "DJI_20230318_142211_500.jpg",
    "2023_0318_142211_001.MP4",
    "20230318_142211_NF.mp4",
    "REC_2023_03_18_14_22_11_F.MP4",
    "2023-03-18_14-22-11-front.mp4",
    # messengers and clouds
    "WhatsApp Image 2023-03-18 at 14.22.11.jpeg",
    "WhatsApp Image 2023-03-18 at 2.22.11 PM (1).jpeg",
    "WhatsApp Video 2023-03-18 at 14.22.11_a1b2c3d4.mp4",
    "00000012-PHOTO-2023-03-18-14-22-11.jpg",
    "signal-2023-03-18-142211.jpg",
    "signal-2023-03-18-142211_002.jpeg",
    "signal-2023-03-18-14-22-11-123.jpg",
    "photo_2023-03-18_14-22-11.jpg",
    "photo_2023-03-18_14-22-11 (2).jpg",
    "photo_1@18-03-2023_14-22-11.jpg",
    "2023-03-18 14.22.11.jpg",
    "2023-03-18 14.22.11-1.jpg",
    "2023-03-18 14.22.11",
    # screenshots: Android, macOS, Windows, GNOME, iOS, Nintendo
    "Screenshot_20230318-142211.png",
    "Screenshot_20230318-142211~2.png",
    "Screenshot_20230318_142211_Chrome.jpg",
    "Screenshot_2023-03-18-14-22-11-500_com.android.chrome.png",
    "Screen Shot 2023-03-18 at 14.22.11.png",
    "Screen Shot 2023-03-18 at 2.22.11 PM.png",
    "Screenshot 2023-03-18 at 2.22.11\u202fPM.png",
    "Screen Recording 2023-03-18 at 14.22.11.mov",
    "Bildschirmfoto 2023-03-18 um 14.22.11.png",
    "Capture d’écran 2023-03-18 à 14.22.11.png",
    "Captura de pantalla 2023-03-18 a la(s) 14.22.11.png",
    "Снимок экрана 2023-03-18 в 14.22.11.png",
    "スクリーンショット 2023-03-18 午後2.22.11.png",
    "截屏2023-03-18 下午2.22.11.png",
    unicodedata.normalize("NFD", "스크린샷 2023-03-18 오후 2.22.11.png"),
    "Screenshot 2023-03-18 142211.png",
    "Annotation 2023-03-18 142211.png",
    "Screenshot from 2023-03-18 14-22-11.png",
    "Screenshot from 2023-03-18 14:22:11.png",
    "2023-03-18-142211_1920x1080_scrot.png",
    "ScreenRecording_03-18-2023 14-22-11_1.MP4",
    "2023031814221100-0123456789ABCDEF0123456789ABCDEF.jpg",
]


@pytest.mark.parametrize("name", WALL_CLOCK)
def test_a_date_and_time_in_a_name_is_the_wall_clock(name: str) -> None:
    (found,) = candidates_from_name(name)
    assert (found.moment, found.clock, found.date_only) == (MOMENT, Clock.LOCAL, False)
    assert (found.source, found.tag) == (Source.FILENAME, "filename")


@pytest.mark.parametrize("name", ["00000IMG_00000_BURST20230318142211123_COVER.jpg", "IMG_20230318_142211123.jpg"])
def test_milliseconds_in_a_name_are_kept(name: str) -> None:
    (found,) = candidates_from_name(name)
    assert (found.moment, found.clock) == (WITH_MILLISECONDS, Clock.LOCAL)


@pytest.mark.parametrize(
    ("name", "hour"),
    [
        ("Screen Shot 2023-03-18 at 12.22.11 AM.png", 0),
        ("Screen Shot 2023-03-18 at 12.22.11 PM.png", 12),
        ("Screen Shot 2023-03-18 at 2.22.11 a.m..png", 2),
        ("截屏2023-03-18 上午2.22.11.png", 2),
    ],
)
def test_the_half_of_the_day_is_understood(name: str, hour: int) -> None:
    (found,) = candidates_from_name(name)
    assert found.moment == MOMENT.replace(hour=hour)


IN_UTC = [
    "PXL_20230318_142211123.jpg",
    "PXL_20230318_142211123.MP.jpg",
    "PXL_20230318_142211123~2.jpg",
    "PXL_20230318_142211123_exported_699_1679150000000.jpg",
    "FB_IMG_1679149331123.jpg",
    "mmexport1679149331123.jpg",
    "1679149331123.jpg",
    "1679149331123(1).jpg",
    "1679149331123.3gp",
]


@pytest.mark.parametrize("name", IN_UTC)
def test_pixel_names_and_milliseconds_since_1970_are_utc(name: str) -> None:
    (found,) = candidates_from_name(name)
    assert (found.moment, found.clock) == (WITH_MILLISECONDS.replace(tzinfo=UTC), Clock.UTC)


@pytest.mark.parametrize("name", ["20230318T142211Z.jpg", "2023-03-18T14-22-11Z.jpg", "RPReplay_Final1679149331.MP4"])
def test_a_z_and_seconds_since_1970_are_utc(name: str) -> None:
    (found,) = candidates_from_name(name)
    assert (found.moment, found.clock) == (MOMENT.replace(tzinfo=UTC), Clock.UTC)


DATE_ONLY = [
    "IMG-20230318-WA0006.jpg",
    "VID-20230318-WA0006.mp4",
    "STK-20230318-WA0001.webp",
    "IMG-20230318-00123.jpg",
    "WP_20230318_001.jpg",
    "20230318_001.jpg",
    "20230318.jpg",
    "2023-03-18.jpg",
    "2023-03-18 Holiday 001.jpg",
    "Holiday 2023.03.18.jpg",
    "2023-03-18_0b9a0b9a-1234-4abc-9def-1234567890ab-main.jpg",
    "2023-03-18_14-99.png",
]


@pytest.mark.parametrize("name", DATE_ONLY)
def test_a_day_alone_says_so(name: str) -> None:
    (found,) = candidates_from_name(name)
    assert (found.moment, found.clock, found.date_only) == (datetime(2023, 3, 18), Clock.LOCAL, True)


DECOYS = [
    "99999999_o.jpg",
    "DSC20991301.jpg",
    "DSC20191201.jpg",
    "IMG_0012.jpg",
    "1920x1080.jpg",
    "wallpaper 2012x1115.jpg",
    "20481536.jpg",
    # identifiers: Facebook, Flickr, Messenger, Snapchat, catalogues
    "20130405_o.jpg",
    "12345_20130405_789_n.jpg",
    "20130405_1234567_n.jpg",
    "52751234567_abcdef1234_o.jpg",
    "received_1234567890123456.jpeg",
    "Snapchat-1679149331.jpg",
    "order_1679149331123.jpg",
    "16791493311234.jpg",
    "978014103435720130405.jpg",
    "20230318_997811.jpg",
    "47102787.jp2",
    # phone numbers
    "+201012345678.jpg",
    "+20 10 1231 1422.jpg",
    "555-2012-10-11.jpg",
    "201005201422.jpg",
    # hashes and UUIDs
    "20130405-1234-4abc-9def-1234567890ab.jpg",
    "a20130405142211bcdef0123456789abcdef.jpg",
    "d41d8cd98f00b204e9800998ecf8427e.jpg",
    # no such day
    "IMG_20230230_142211.jpg",
    "2023-13-18.jpg",
    "0000-00-00 00.00.00.jpg",
    "²⁰²³⁰³¹⁸.jpg",
    "",
]


@pytest.mark.parametrize("name", DECOYS)
def test_a_number_that_only_looks_like_a_date_is_refused(name: str) -> None:
    assert candidates_from_name(name) == ()


@given(st.text(alphabet="0123456789-_. :@()aAPMTZ#x\u202f", max_size=60))
def test_no_name_raises(name: str) -> None:
    for found in candidates_from_name(name):
        assert found.moment is not None
        assert len(found.text) <= 64
