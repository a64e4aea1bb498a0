"""What lies inside what, which names collide, and how names are made longer, shorter and visible."""

from __future__ import annotations

import itertools
import os
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.filesystems import mount_points
from common.organize.naming import MAX_NAME_BYTES, collision_suffixes, with_suffix
from common.paths import RealRoots, casefold_name, is_inside, is_plain_absolute, join_path, printable

NAMES = st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=60)
NAMES_ON_DISK = st.binary(min_size=1, max_size=240).map(lambda raw: os.fsdecode(raw.translate(None, b"/\0") or b"x"))


@pytest.mark.parametrize(
    ("path", "root", "inside"),
    [
        ("/a/b", "/a", True),
        ("/a/b/c.jpg", "/a/b", True),
        ("/a", "/a", False),
        ("/ab", "/a", False),
        ("/a b/c", "/a", False),
        ("/b/a/c", "/a", False),
        ("/a", "/", True),
        ("/a/b", "/a/", True),
    ],
)
def test_inside_means_below_and_not_merely_beginning_alike(path: str, root: str, inside: bool) -> None:
    assert is_inside(path, root) is inside


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("/a/b.jpg", True),
        ("/a/..b.jpg", True),
        ("/a/../b.jpg", False),
        ("/a/./b.jpg", False),
        ("/a//b.jpg", False),
        ("/a/b/", False),
        ("a/b.jpg", False),
        ("", False),
        ("/a/b\0.jpg", False),
        ("/a/\n.jpg", True),
        ("/a/\udcff.jpg", True),
    ],
)
def test_only_a_path_that_says_directly_where_it_leads_is_believed(path: str, plain: bool) -> None:
    assert is_plain_absolute(path) is plain


@pytest.mark.parametrize("folder", [os.sep, f"{os.sep}photos", f"{os.sep}photos{os.sep}2019"])
@pytest.mark.parametrize("name", ["IMG_1.jpg", ".hidden", "a b", "-"])
def test_a_name_in_a_folder_has_the_path_that_the_standard_library_gives_it(folder: str, name: str) -> None:
    assert join_path(folder, name) == os.path.join(folder, name)


def test_a_link_on_the_way_is_noticed_at_every_depth_but_the_last(tmp_path: Path) -> None:
    root = str(tmp_path / "root")
    os.makedirs(f"{root}/a/b")
    os.symlink(f"{root}/a", f"{root}/link")
    os.symlink(f"{root}/a/b", f"{root}/a/deep")
    assert RealRoots().leads_through_link(f"{root}/link/x.jpg", root)
    assert RealRoots().leads_through_link(f"{root}/a/deep/x.jpg", root)
    assert RealRoots().leads_through_link(f"{root}/link/b/x.jpg", root)
    assert not RealRoots().leads_through_link(f"{root}/a/b/x.jpg", root)
    assert not RealRoots().leads_through_link(f"{root}/x.jpg", root)
    assert not RealRoots().leads_through_link(f"{root}/link", root)
    assert not RealRoots().leads_through_link(f"{root}/missing/x.jpg", root)


def test_a_root_may_be_reached_through_a_link(tmp_path: Path) -> None:
    os.makedirs(tmp_path / "real" / "a")
    os.symlink(tmp_path / "real", tmp_path / "root")
    assert not RealRoots().leads_through_link(f"{tmp_path}/root/a/x.jpg", f"{tmp_path}/root")


def test_a_root_that_comes_to_lead_elsewhere_is_a_link_on_the_way(tmp_path: Path) -> None:
    for name in ("one", "other"):
        os.makedirs(tmp_path / name / "a")
    os.symlink(tmp_path / "one", tmp_path / "root")
    roots, path = RealRoots(), f"{tmp_path}/root/a/x.jpg"
    assert not roots.leads_through_link(path, f"{tmp_path}/root")
    os.unlink(tmp_path / "root")
    os.symlink(tmp_path / "other", tmp_path / "root")
    assert roots.leads_through_link(path, f"{tmp_path}/root")


@pytest.mark.parametrize("depth", ["a", "a/b"])
def test_a_folder_that_gives_way_to_a_link_is_noticed_in_the_middle_of_a_run(tmp_path: Path, depth: str) -> None:
    root = tmp_path / "root"
    (root / "a" / "b").mkdir(parents=True)
    roots, path = RealRoots(), f"{root}/a/b/x.jpg"
    assert not roots.leads_through_link(path, str(root))
    (root / depth).rename(tmp_path / "elsewhere")
    (root / depth).symlink_to(tmp_path / "elsewhere")
    assert roots.leads_through_link(path, str(root))


def test_a_root_that_was_moved_away_and_left_a_link_is_a_link_on_the_way(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    roots = RealRoots()
    assert not roots.leads_through_link(f"{root}/a/x.jpg", str(root))
    root.rename(tmp_path / "elsewhere")
    root.symlink_to(tmp_path / "elsewhere")
    assert roots.leads_through_link(f"{root}/a/x.jpg", str(root))


@pytest.mark.parametrize("path", ["{root}/a/../../x", "{root}/./a/x", "{root}//a/x", "{other}/x"])
def test_a_path_that_does_not_say_directly_where_it_leads_is_no_plain_way(tmp_path: Path, path: str) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    (root / "a").mkdir(parents=True)
    other.mkdir()
    assert RealRoots().leads_through_link(path.format(root=root, other=other), str(root))


def test_all_of_a_disk_may_be_the_root() -> None:
    assert not RealRoots().leads_through_link("/proc/x.jpg", "/")
    assert not RealRoots().leads_through_link("/x.jpg", "/")


def test_the_places_where_something_is_mounted_are_known(tmp_path: Path) -> None:
    if sys.platform != "linux":
        assert mount_points() == frozenset()
        return
    assert "/proc" in mount_points()
    assert str(tmp_path) not in mount_points()


SAME_NAMES = [
    ("IMG_1.JPG", "img_1.jpg"),
    (unicodedata.normalize("NFC", "Zoë.jpg"), unicodedata.normalize("NFD", "ZOË.jpg")),
    ("straße.jpg", "STRASSE.jpg"),
    ("\u212b.jpg", "\u00e5.jpg"),
    ("ΣΊΣΥΦΟΣ.jpg", "σίσυφος.jpg"),
]
DIFFERENT_NAMES = [("a.jpg", "b.jpg"), ("a.jpg", "a.jpeg"), ("é.jpg", "e.jpg"), ("\udcff.jpg", "\udcfe.jpg")]


@pytest.mark.parametrize(("one", "other"), SAME_NAMES)
def test_names_that_are_one_to_some_file_system_fold_alike(one: str, other: str) -> None:
    assert casefold_name(one) == casefold_name(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT_NAMES)
def test_other_names_fold_apart(one: str, other: str) -> None:
    assert casefold_name(one) != casefold_name(other)


@given(NAMES)
@example("\u0345\u0301")
@example("\u1fb3\u0301")
@example("ŉ.jpg")
def test_folding_twice_changes_nothing_and_unicode_forms_do_not_matter(name: str) -> None:
    assert casefold_name(casefold_name(name)) == casefold_name(name)
    assert (
        casefold_name(unicodedata.normalize("NFC", name))
        == casefold_name(unicodedata.normalize("NFD", name))
        == casefold_name(name)
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.jpg", "a~0a1b2c3d.jpg"),
        ("a.tar.gz", "a.tar~0a1b2c3d.gz"),
        ("noextension", "noextension~0a1b2c3d"),
        (".hidden", ".hidden~0a1b2c3d"),
        ("a.", "a~0a1b2c3d."),
    ],
)
def test_a_suffix_goes_before_the_extension(name: str, expected: str) -> None:
    assert with_suffix(name, "0a1b2c3d") == expected


@pytest.mark.parametrize("stem", ["a" * 246, "é" * 123, "\U0001f4f7" * 61, "\udcff" * 246, "ab" + "日" * 81])
def test_a_name_that_fills_the_limit_is_shortened_by_whole_characters(stem: str) -> None:
    name = f"{stem}.jpg"
    assert len(os.fsencode(name)) >= 248
    made = with_suffix(name, "0a1b2c3d")
    assert made.endswith("~0a1b2c3d.jpg")
    assert stem.startswith(made.removesuffix("~0a1b2c3d.jpg"))
    assert MAX_NAME_BYTES - 4 < len(os.fsencode(made)) <= MAX_NAME_BYTES


@given(NAMES_ON_DISK)
def test_a_suffixed_name_fits_and_keeps_its_extension(name: str) -> None:
    made = with_suffix(name, "0a1b2c3d")
    assert len(os.fsencode(made)) <= MAX_NAME_BYTES
    assert made.endswith(f"~0a1b2c3d{os.path.splitext(name)[1]}")


def test_an_extension_without_end_does_not_hang_the_run() -> None:
    assert with_suffix("a." + "b" * 300, "0a1b2c3d") == "~0a1b2c3d." + "b" * 300


def test_suffixes_begin_with_the_digest_and_never_repeat() -> None:
    sha256 = "0123456789abcdef" * 4
    first = list(itertools.islice(collision_suffixes(sha256), 50))
    assert first[:5] == [sha256[:8], sha256[:16], sha256, f"{sha256[:8]}-2", f"{sha256[:8]}-3"]
    assert len(set(first)) == 50


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/a/b c.jpg", "/a/b c.jpg"),
        ("/a/é日.jpg", "/a/é日.jpg"),
        ("/a/\n.jpg", "/a/\\n.jpg"),
        ("/a/\x1b[31m.jpg", "/a/\\x1b[31m.jpg"),
        ("/a/\u202egpj.exe", "/a/\\u202egpj.exe"),
    ],
)
def test_a_path_is_shown_without_control_characters(path: str, seen: str) -> None:
    assert printable(path) == seen


@given(st.binary(max_size=40).map(os.fsdecode))
def test_whatever_a_name_holds_it_can_be_printed_anywhere(name: str) -> None:
    assert printable(name).isprintable()
    printable(name).encode("utf-8")
