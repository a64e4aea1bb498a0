"""Which files of a folder belong together."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Iterable
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.organize.grouping import group_files, is_takeout_name
from common.organize.scan import FoundFile


class NameGroup(NamedTuple):
    """A group by the names of its files."""

    primary: str
    companions: tuple[str, ...] = ()
    is_orphan: bool = False
    shared_sidecar: str = ""


def group_folder(names: Iterable[str]) -> tuple[NameGroup, ...]:
    """The groups of a folder that holds these names."""
    return tuple(
        NameGroup(
            group.primary.name,
            tuple(file.name for file in group.companions),
            group.is_orphan,
            group.shared_sidecar.removeprefix("/photos/"),
        )
        for group in group_files([FoundFile("/photos", name, 1, 0) for name in names])
    )


LONG = "a-very-long-name-of-a-photo-that-somebody-uploaded"  # 50 characters

TOGETHER = {
    "a Live Photo": ("IMG_1234.HEIC", ["IMG_1234.MOV"]),
    "a Live Photo of an old iPhone": ("IMG_1234.JPG", ["IMG_1234.MOV"]),
    "a Live Photo with other case": ("IMG_1234.HEIC", ["img_1234.mov"]),
    "a Live Photo from Google Takeout": ("IMG_1234.HEIC", ["IMG_1234.MP4", "IMG_1234.HEIC.json"]),
    "a HEIC and its movie of any name": ("beach.heic", ["beach.mp4"]),
    "a JPEG Live Photo from Google Takeout": ("IMG_1234.JPG", ["IMG_1234.MP4"]),
    "a motion photo": ("MVIMG_20190318_142211.jpg", ["MVIMG_20190318_142211.mp4"]),
    "a Pixel's motion photo": ("PXL_20230318_142211123.MP.jpg", ["PXL_20230318_142211123.mp4"]),
    "a Pixel's motion photo with the whole name": ("PXL_20230318_142211123.MP.jpg", ["PXL_20230318_142211123.MP.mp4"]),
    "a Samsung motion photo": ("20230318_142211.jpg", ["20230318_142211.mp4"]),
    "RAW and JPEG": ("DSC_0042.JPG", ["DSC_0042.NEF"]),
    "RAW and HEIF": ("0K6A7946.HIF", ["0K6A7946.CR3"]),
    "RAW, its conversion and JPEG": ("DSC_0042.JPG", ["DSC_0042.DNG", "DSC_0042.NEF"]),
    "a HEIC, its export and its movie": ("IMG_1.HEIC", ["IMG_1.MOV"]),
    "XMP by full name": ("photo.jpg", ["photo.jpg.xmp"]),
    "XMP by stem": ("photo.jpg", ["photo.xmp"]),
    "XMP in capitals": ("photo.jpg", ["PHOTO.JPG.XMP"]),
    "XMP of a RAW with a JPEG": ("photo.jpg", ["photo.cr2", "photo.cr2.xmp", "photo.xmp"]),
    "XMP of a movie": ("clip.mp4", ["clip.mp4.xmp"]),
    "the edits of an Apple photo": ("IMG_1234.HEIC", ["IMG_1234.AAE", "IMG_O1234.aae"]),
    "the edits of an edited Apple photo that is alone": ("IMG_1234.HEIC", ["IMG_E1234.aae"]),
    "a movie and its preview": ("MVI_0042.AVI", ["MVI_0042.THM"]),
    "a RAW and its preview": ("CRW_0042.CRW", ["CRW_0042.THM"]),
    "Takeout": ("photo.jpg", ["photo.jpg.json"]),
    "Takeout of a second file of a name": ("photo(1).jpg", ["photo.jpg(1).json"]),
    "Takeout of a name that had the number before": ("photo(1).jpg", ["photo(1).jpg.json"]),
    "Takeout since 2024": ("photo.jpg", ["photo.jpg.supplemental-metadata.json"]),
    "Takeout since 2024, cut": ("photo.jpg", ["photo.jpg.supplemental-met.json"]),
    "Takeout since 2024, cut more": ("photo.jpg", ["photo.jpg.suppl.json"]),
    "Takeout since 2024, cut to the dot": ("photo.jpg", ["photo.jpg..json"]),
    "Takeout since 2024 of a second file": ("photo(1).jpg", ["photo.jpg.supplemental-metadata(1).json"]),
    "Takeout since 2024, native number": ("photo(1).jpg", ["photo(1).jpg.supplemental-metadata.json"]),
    "Takeout cut in the stem": (f"{LONG}.jpg", [f"{LONG[:46]}.json"]),
    "Takeout cut to 46 in all": (f"{LONG}.jpg", [f"{LONG[:41]}.json"]),
    "Takeout cut in the extension": (f"{LONG[:43]}.jpeg", [f"{LONG[:43]}.jp.json"]),
    "Takeout cut, second file": (f"{LONG}(1).jpg", [f"{LONG[:46]}(1).json"]),
    "Takeout of a name that had no extension": ("photo.jpg", ["photo.json"]),
    "Takeout in Unicode of another form": (
        unicodedata.normalize("NFD", "été.jpg"),
        [unicodedata.normalize("NFC", "été.jpg.json")],
    ),
    "Takeout of an edited copy whose original is gone": ("photo-edited.jpg", ["photo.jpg.json"]),
    "a stem in two Unicode forms": (unicodedata.normalize("NFC", "é.heic"), [unicodedata.normalize("NFD", "é.mov")]),
}


@pytest.mark.parametrize(("primary", "companions"), TOGETHER.values(), ids=TOGETHER.keys())
def test_companions_follow_their_file(primary: str, companions: list[str]) -> None:
    group = NameGroup(primary, tuple(sorted(companions)))
    assert group_folder([*companions, primary]) == (group,)


APART = {
    "a movie and its cover picture": ["clip.jpg", "clip.mp4"],
    "a film and its poster": ["holiday.mkv", "holiday.jpg"],
    "a drawing and a movie": ["clip.mov", "clip.png"],
    "a photo and its edited copy": ["IMG_1234.HEIC", "IMG_E1234.HEIC"],
    "a photo and its numbered copy": ["photo.jpg", "photo(1).jpg"],
    "two pictures of one name": ["photo.jpg", "photo.png"],
    "a HEIC and its export": ["IMG_1.HEIC", "IMG_1.JPG"],
    "two movies of one name": ["clip.mov", "clip.mp4"],
    "names that differ by case": ["photo.jpg", "PHOTO.JPG"],
}


@pytest.mark.parametrize("names", APART.values(), ids=APART.keys())
def test_files_of_their_own_stay_apart(names: list[str]) -> None:
    assert group_folder(names) == tuple(NameGroup(name) for name in sorted(names))


@pytest.mark.parametrize(
    "name", ["photo.jpg.xmp", "photo.xmp", "IMG_1.AAE", "MVI_1.THM", "photo.jpg.json", "package.json"]
)
def test_a_companion_whose_file_is_missing_is_an_orphan(name: str) -> None:
    assert group_folder([name, "other.jpg"]) == tuple(
        sorted((NameGroup(name, is_orphan=True), NameGroup("other.jpg")), key=lambda group: group.primary)
    )


def test_each_apple_variant_keeps_its_own_edits_and_movie() -> None:
    names = ["IMG_1234.HEIC", "IMG_1234.MOV", "IMG_1234.AAE", "IMG_O1234.aae", "IMG_E1234.HEIC", "IMG_E1234.MOV"]
    assert group_folder(names) == (
        NameGroup("IMG_1234.HEIC", ("IMG_1234.AAE", "IMG_1234.MOV", "IMG_O1234.aae")),
        NameGroup("IMG_E1234.HEIC", ("IMG_E1234.MOV",)),
    )


def test_the_movie_goes_to_the_original_where_there_is_an_export_too() -> None:
    assert group_folder(["IMG_1.JPG", "IMG_1.HEIC", "IMG_1.MOV"]) == (
        NameGroup("IMG_1.HEIC", ("IMG_1.MOV",)),
        NameGroup("IMG_1.JPG"),
    )


def test_an_xmp_by_stem_goes_to_the_raw_and_one_by_full_name_to_that_file() -> None:
    assert group_folder(["a.png", "a.raf", "a.xmp", "a.png.xmp"]) == (
        NameGroup("a.png", ("a.png.xmp",)),
        NameGroup("a.raf", ("a.xmp",)),
    )


def test_a_preview_goes_to_the_movie_and_not_to_a_picture_of_its_name() -> None:
    assert group_folder(["a.jpg", "a.avi", "a.thm"]) == (NameGroup("a.avi", ("a.thm",)), NameGroup("a.jpg"))


def test_where_names_differ_by_case_a_companion_follows_the_one_spelled_like_it() -> None:
    assert group_folder(["p.jpg", "P.JPG", "p.jpg.xmp", "P.JPG.xmp"]) == (
        NameGroup("P.JPG", ("P.JPG.xmp",)),
        NameGroup("p.jpg", ("p.jpg.xmp",)),
    )


@pytest.mark.parametrize("edited", ["photo-edited.jpg", "photo-bearbeitet.jpg", "photo-modifié.png"])
@pytest.mark.parametrize("sidecar", ["photo.heic.json", "photo.heic.supplemental-metadata.json"])
def test_an_edited_copy_is_dated_by_the_sidecar_of_its_original(edited: str, sidecar: str) -> None:
    groups = {group.primary: group for group in group_folder(["photo.heic", edited, sidecar])}
    assert groups["photo.heic"] == NameGroup("photo.heic", (sidecar,))
    assert groups[edited] == NameGroup(edited, shared_sidecar=sidecar)


def test_a_numbered_edited_copy_shares_the_sidecar_of_the_numbered_original() -> None:
    names = ["photo.jpg", "photo(1).jpg", "photo.jpg.json", "photo.jpg(1).json", "photo-edited(1).jpg"]
    shared = {group.primary: group.shared_sidecar for group in group_folder(names)}
    assert shared == {"photo.jpg": "", "photo(1).jpg": "", "photo-edited(1).jpg": "photo.jpg(1).json"}


@pytest.mark.parametrize("name", [f"{LONG[:30]}.json", "photo.png.json", "photo(2).json", "photo2.json"])
def test_a_json_of_another_name_is_no_companion(name: str) -> None:
    assert group_folder(["photo.jpg", f"{LONG}.jpg", name]).count(NameGroup(name, is_orphan=True)) == 1


def test_an_orphan_json_of_takeout_is_told_from_other_programs_files() -> None:
    assert is_takeout_name("photo.jpg.json")
    assert is_takeout_name("photo.jpg(1).json")
    assert is_takeout_name("photo.jpg.supplemental-met.json")
    assert not is_takeout_name("package.json")
    assert not is_takeout_name("metadata.json")
    assert not is_takeout_name("photo.jpg")


STEMS = st.sampled_from(
    (
        *("a", "A", "\u00e9", "e\u0301", "IMG_1234", "IMG_E1234", "IMG_O1234", "a(1)", "a-edited", "a-edited(1)"),
        *(LONG, LONG[:46], "\udcff"),
    )
)
ENDINGS = st.sampled_from(
    (
        ".jpg .JPG .heic .nef .mov .mp4 .png .xmp .jpg.xmp .aae .thm .json .jpg.json .jpg(1).json .jpg.suppl.json "
        ".jpg.supplemental-metadata(1).json .MP.jpg .txt"
    ).split()
)
FOLDERS = st.lists(st.tuples(STEMS, ENDINGS).map("".join), unique=True, max_size=40)


@settings(max_examples=300, deadline=None)
@given(FOLDERS, st.randoms(use_true_random=False))
def test_every_name_stands_in_one_group_and_order_does_not_matter(names: list[str], random: Random) -> None:
    groups = group_folder(names)
    assert sorted(name for group in groups for name in (group.primary, *group.companions)) == sorted(names)
    assert [group.primary for group in groups] == sorted(group.primary for group in groups)
    assert all(not group.companions for group in groups if group.is_orphan)
    assert all(not group.shared_sidecar or group.shared_sidecar in names for group in groups)
    shuffled = list(names)
    random.shuffle(shuffled)
    assert group_folder(shuffled) == groups


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(alphabet=st.characters(exclude_characters="/\0"), min_size=1), unique=True))
def test_names_of_any_characters_are_kept(names: list[str]) -> None:
    groups = group_folder(names)
    assert sorted(name for group in groups for name in (group.primary, *group.companions)) == sorted(names)


def test_a_folder_four_times_as_large_takes_about_four_times_as_long() -> None:
    def seconds(count: int) -> float:
        stems = [f"{LONG}-{number:06}" for number in range(count // 4)]
        endings = (".jpg", ".jpg.json", ".nef", ".xmp")
        names = [stem + ending for stem in stems for ending in endings]
        best = float("inf")
        for _ in range(2):
            start = time.process_time()
            assert len(group_folder(names)) == count // 4
            best = min(best, time.process_time() - start)
        return best

    assert seconds(20_000) < 10 * seconds(5_000)  # a quadratic one would take 16 times as long
