"""The review page: what it tells, that its sums hold, and that nothing in a name gets out of its cell."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from common.errors import BadInput
from common.manifests.rows import JournalRow, ReportRow, VerifyRow
from common.review.aggregates import fair_shares
from common.review.apply_page import ApplyCollector
from common.review.labels import share_text
from common.review.model import ReviewFacts
from common.review.organize_page import OrganizeCollector
from common.review.page import PageLimits, require_review_path, write_review
from common.review.thumbnails import Limits
from common.review.verify_page import VerifyCollector
from tests.support.media import jpeg

ROOT = Path(__file__).resolve().parents[2]
RUN = "3b852a0a-b9df-45a3-bd8a-bf4544cd86be"
HOSTILE = "<img src=x onerror=alert(1)>.jpg"
VOID = {"meta", "link", "img", "input", "rect"}

SAMPLE = ReportRow(
    run_id=RUN,
    row_id=1,
    source_path="/source/a.jpg",
    destination_path="/archive/2019/a.jpg",
    source_root="/source",
    archive_root="/archive",
    archive_id="",
    media_kind="image",
    group_id=1,
    size_bytes=1_000_000,
    source_mtime="",
    capture_date="2019-07-14T10:30:00",
    date_source="exif:DateTimeOriginal",
    review="",
    status="copied",
    reason="",
    sha256="",
)
PROVED = VerifyRow(
    **{name: value for name, value in SAMPLE._asdict().items() if name in VerifyRow._fields and name != "status"},
    report_status="copied",
    status="identical",
    source_inode="",
    archive_inode="",
    archive_mtime="",
    read_mode="cold",
    source_read_mode="cold",
    verified_at="",
    row_seal="",
)
INTENDED = JournalRow(
    **{name: value for name, value in SAMPLE._asdict().items() if name in JournalRow._fields},
    sequence=1,
    time="",
    phase="planned",
    action="quarantine",
    from_path="/source/a.jpg",
    to_path="/source/.media-quarantine/x/files/source/a.jpg",
    source_inode="",
    read_mode="",
    folder="",
    folder_mtime="",
    chain="",
)


def row(row_id: int, **changes: object) -> ReportRow:
    return SAMPLE._replace(row_id=row_id, group_id=changes.pop("group_id", row_id), **changes)  # type: ignore[arg-type]


class Page(HTMLParser):
    """A page as a browser takes it apart: its elements with attributes, and the text of each part."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.html = path.read_text("utf-8")
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, str] = {}
        self.parts: dict[str, str] = {}
        self.rows: dict[str, list[list[str]]] = {}
        self._open: list[tuple[str, str]] = []
        self.feed(self.html)
        self.close()
        assert not self._open, "every element is closed"

    @property
    def _part(self) -> str:
        return next((part for _, part in reversed(self._open) if part), "")

    @property
    def _in_cell(self) -> bool:
        return any(tag in ("th", "td") for tag, _ in self._open)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.elements.append((tag, values))
        if tag == "tr":
            self.rows.setdefault(self._part, []).append([])
        if tag in ("th", "td"):
            self.rows[self._part][-1].append("")
        elif self._in_cell:
            self.rows[self._part][-1][-1] += " "
        if tag not in VOID:
            part = values.get("id") if tag in ("section", "table") else None
            self._open.append((tag, part or ("footer" if tag == "footer" else "")))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        tags = [tag for tag, _ in self._open]
        if tags and tags[-1] in ("script", "style", "title"):
            self.raw[tags[-1]] = data
            return
        self.parts[self._part] = self.parts.get(self._part, "") + data
        if self._in_cell:
            self.rows[self._part][-1][-1] += data

    def table(self, part: str) -> list[list[str]]:
        return [[" ".join(cell.split()) for cell in cells] for cells in self.rows.get(part, [])]

    def text(self, part: str) -> str:
        return " ".join(self.parts.get(part, "").split())

    @property
    def tiles(self) -> str:
        return " ".join(self.parts[""].split())


def organized(tmp_path: Path, *rows: ReportRow, limits: PageLimits | None = None, **facts: object) -> Page:
    path = tmp_path / "page.html"
    review_facts = ReviewFacts(**{"mode": "copy", "outputs": {"report": "/out/report.csv"}, **facts})  # type: ignore[arg-type]
    write_review(OrganizeCollector, str(path), RUN, iter(rows), review_facts, limits=limits or PageLimits())
    return Page(path)


# --- nothing gets out ------------------------------------------------------------------------------


def hostile_rows() -> list[ReportRow]:
    quoted = "\"'><script>alert(1)</script>{{ 7*7 }}{% raw %}]]>&lt;"
    return [
        row(1, source_path=f"/source/{HOSTILE}", review="no believable date was found", date_source=""),
        row(
            2,
            source_path=f"/source/{quoted}/b.jpg",
            review=quoted,
            reason=quoted,
            destination_path=f"/archive/{quoted}",
        ),
        row(3, status=quoted, reason=quoted, media_kind=quoted, date_source=quoted, capture_date=quoted, review=quoted),
        row(4, status="failed", reason=f"</table><style>*{{}}</style>{quoted}", source_path="javascript:alert(1)"),
        row(5, status="skipped", reason=quoted, source_root=quoted, archive_root=quoted, review=quoted),
        row(6, review=f"exif:DateTimeOriginal says 2019, but {quoted} says 2018 and <b> says 2017"),
    ]


def test_names_stay_text_and_no_markup_or_script_gets_through(tmp_path: Path) -> None:
    clean = organized(tmp_path, row(1, review="x", source_path="/source/b.jpg"))
    page = organized(tmp_path, *hostile_rows(), outputs={"<i>": "<script>"}, notes=["<b>"], next_steps=["<u>'\""])
    assert HOSTILE in page.text("rows")
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in clean.elements} | {"li", "ul", "h2", "code", "p"}
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith(("on", "style"))]
    links = [attributes["href"] or "" for _, attributes in page.elements if "href" in attributes]
    assert all(link.startswith(("#", "file:///", "data:,")) for link in links)
    assert not [attributes for tag, attributes in page.elements if tag == "img"]


def test_only_its_own_script_and_style_are_allowed_to_run(tmp_path: Path) -> None:
    page = organized(tmp_path, *hostile_rows())
    policies = [a["content"] or "" for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    rules = dict(rule.strip().split(" ", 1) for rule in policies[0].split(";"))
    assert (rules["default-src"], rules["img-src"]) == ("'none'", "data:")
    assert [tag for tag, _ in page.elements if tag in ("script", "style")] == ["style", "script"]
    for tag in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256(page.raw[tag].encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"


def test_nothing_is_loaded_from_anywhere(tmp_path: Path) -> None:
    page = organized(tmp_path, *hostile_rows())
    assert "http://" not in page.html
    assert "https://" not in page.html
    assert "url(" not in page.raw["style"]
    assert "@import" not in page.raw["style"]


def test_each_next_step_has_a_line_of_its_own_to_be_pasted(tmp_path: Path) -> None:
    page = organized(tmp_path, row(1), next_steps=["next: look around", "to free the space: python3 x.py"])
    assert "<code>next: look around</code>" in page.html
    assert "<code>to free the space: python3 x.py</code>" in page.html


def test_control_characters_and_undecodable_bytes_are_shown_as_escapes(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9") + "\n\x1b[31m\u202egpj.exe"
    page = organized(tmp_path, row(1, source_path=f"/source/{name}.jpg", review="x"), next_steps=[name])
    for text in (page.text("rows"), page.text("footer")):
        assert r"\n\x1b[31m\u202egpj.exe" in text
        assert r"caf\udce9" in text or r"caf\xe9" in text
    assert "\u202e" not in page.html


def test_long_names_lose_their_middle(tmp_path: Path) -> None:
    page = organized(tmp_path, row(1, source_path="/source/" + "x" * 5_000 + "end.jpg", review="y" * 5_000))
    assert "…" in page.text("rows")
    assert "xend.jpg" in page.text("rows")
    assert "x" * 300 not in page.text("rows")


# --- what it tells ---------------------------------------------------------------------------------


def test_the_sums_hold_and_are_those_of_the_rows(tmp_path: Path) -> None:
    page = organized(
        tmp_path,
        row(1),
        row(2, size_bytes=2_000_000),
        row(3, status="duplicate", reason="same content as row 1", size_bytes=1_500_000),
        row(4, status="already_archived", size_bytes=10),
        row(5, status="skipped", media_kind="", reason="not a media type (.txt)", size_bytes=30),
        row(6, status="failed", reason="cannot read: Input/output error", destination_path="", size_bytes=400),
        expected_rows=6,
    )
    counts = {cells[0].split(" ", 1)[0]: int(cells[1]) for cells in page.table("sums")[1:]}
    assert counts == {"copied": 2, "duplicates": 1, "in": 1, "left": 1, "failed": 1, "all": 6}
    assert page.table("sums")[-1] == ["all rows", "6", "4.5 MB"]
    assert "1.5 MB saved by storing equal files once 1 duplicate, 1 in the archive already" in page.tiles
    assert "3 photos and videos filed 3 MB" in page.tiles
    assert "2 left out or failed 430 bytes, 1 failed" in page.tiles
    assert "do not add up" not in page.html


def test_it_is_loud_when_the_sums_do_not_hold_or_the_run_is_not_done(tmp_path: Path) -> None:
    page = organized(tmp_path, row(1), expected_rows=2, complete=False)
    alarms = [attributes for _, attributes in page.elements if attributes.get("role") == "alert"]
    assert len(alarms) == 2
    assert "do not add up: 2 were found, 1 are listed" in page.tiles


def test_the_calendar_counts_what_is_filed_by_year_and_month(tmp_path: Path) -> None:
    page = organized(
        tmp_path,
        row(1),
        row(2, capture_date="2019-07-01"),
        row(3, capture_date="2022-12-31T23:59:59+02:00", review="x"),
        row(4, capture_date="", date_source=""),
        row(5, status="duplicate"),
        row(6, media_kind="sidecar"),
        row(7, capture_date="9999-01-01"),
    )
    lines = page.table("calendar")[1:]
    assert [line[:2] for line in lines] == [
        ["2019", "2"],
        ["2020 to 2021", "none"],
        ["2022", "1 , 1 to look at"],
        ["no date", "2"],
    ]
    assert (lines[0][8], lines[2][13]) == ("2", "1")
    assert sum(bool(cell) for cell in lines[0][2:14]) == 1
    bars = [attributes for tag, attributes in page.elements if tag == "rect" and attributes.get("class") == "sure"]
    assert [bar["width"] for bar in bars[:2]] == ["1000", "0"]


def test_evidence_is_counted_by_its_source_the_best_first(tmp_path: Path) -> None:
    sources = ["filesystem:mtime", "exif:DateTimeOriginal", "exif:DateTimeOriginal", "filename"]
    page = organized(tmp_path, *(row(number, date_source=source) for number, source in enumerate(sources, 1)))
    assert [(line[0].split()[0], *line[1:]) for line in page.table("evidence")[1:]] == [
        ("exif:DateTimeOriginal", "2", "50 %"),
        ("filename", "1", "25 %"),
        ("filesystem:mtime", "1", "25 %"),
    ]


def test_what_is_left_out_stands_under_its_reason_however_many_names_the_reasons_hold(tmp_path: Path) -> None:
    rows = [
        row(number, status="skipped", reason=f"goes with p{number}.jpg, which is left out: taken on 2019-01-01")
        for number in range(1, 300)
    ]
    days = [row(400 + day, status="skipped", reason=f"taken on 2019-01-{day}, before --date-from") for day in range(9)]
    page = organized(tmp_path, *rows, *days)
    assert [line[:2] for line in page.table("left-out")[1:]] == [
        ["goes with a file that is left out", "299"],
        ["taken before --date-from", "9"],
    ]


def test_the_number_of_reasons_is_bounded_and_the_sum_still_holds(tmp_path: Path) -> None:
    rows = [row(number, status="skipped", reason=f"reason {number}") for number in range(1, 500)]
    lines = organized(tmp_path, *rows).table("left-out")[1:]
    assert len(lines) <= 101
    assert sum(int(line[1]) for line in lines) == 499


def test_rows_that_need_a_person_are_listed_with_their_candidates_and_no_others(tmp_path: Path) -> None:
    says = "exif:DateTimeOriginal says 2019, but xmp:CreateDate says 2010 and png:Creation Time says 2011"
    page = organized(
        tmp_path,
        row(1),
        row(2, source_path="/source/x/year.jpg", review=says),
        row(3, source_path="/source/renamed.jpg", destination_path="/archive/2019/renamed~0a1b2c3d.jpg"),
        row(4, source_path="/source/broken.jpg", status="failed", reason="cannot read: Input/output error"),
        row(5, source_path="/source/dup.jpg", status="duplicate"),
    )
    lines = page.table("rows")[1:]
    assert [line[0].split()[1] for line in lines] == ["broken.jpg", "year.jpg", "renamed.jpg"]
    assert lines[0][4] == "Failed cannot read: Input/output error"
    assert "chosen exif:DateTimeOriginal" in lines[1][1]
    assert "passed over xmp:CreateDate says 2010" in lines[1][1]
    assert "passed over png:Creation Time says 2011" in lines[1][1]
    assert "2019/renamed~0a1b2c3d.jpg" in lines[2][2]
    assert "3 to look at of 5 rows" in page.tiles


def test_companions_ask_the_question_of_their_photo_once(tmp_path: Path) -> None:
    weak = {"review": "only the file's modification time is left", "date_source": "filesystem:mtime"}
    page = organized(
        tmp_path,
        row(1, **weak),
        row(2, group_id=1, source_path="/source/a.mov", media_kind="video", **weak),
        row(3, group_id=1, source_path="/source/a.aae", media_kind="sidecar", **weak),
        row(4, source_path="/source/b.jpg", **weak),
    )
    assert len(page.table("rows")[1:]) == 2
    assert "row 1, and 2 companions" in page.text("rows")
    assert "4 to look at" in page.tiles


def test_entries_have_pictures_within_the_limits_and_their_own(tmp_path: Path) -> None:
    rows = []
    for number in range(1, 6):
        (tmp_path / f"{number}.jpg").write_bytes(jpeg(seed=number))
        rows.append(row(number, source_root=str(tmp_path), source_path=f"{tmp_path}/{number}.jpg", review="x"))
    (tmp_path / "elsewhere").mkdir()
    outside = row(6, source_root=f"{tmp_path}/elsewhere", source_path=f"{tmp_path}/1.jpg", review="x")
    page = organized(tmp_path, *rows, outside)
    pictures = [attributes["src"] or "" for tag, attributes in page.elements if tag == "img"]
    assert len(pictures) == 5
    assert all(picture.startswith("data:image/webp;base64,") for picture in pictures)
    few = organized(tmp_path, *rows, limits=PageLimits(thumbnails=Limits(most=2)))
    assert len([tag for tag, _ in few.elements if tag == "img"]) == 2
    assert "Only some entries of each kind have a picture" in few.text("look")


def test_what_does_not_fit_is_counted_and_every_need_has_its_share(tmp_path: Path) -> None:
    weak = [row(number, date_source="filesystem:mtime", review="only") for number in range(1, 101)]
    failed = [row(number, status="failed") for number in range(101, 104)]
    page = organized(tmp_path, *weak, *failed, limits=PageLimits(items=10))
    needs = [attributes["data-need"] for tag, attributes in page.elements if "data-need" in attributes]
    assert needs == ["failed"] * 3 + ["mtime"] * 7
    assert "93 more rows need a look: they are in the CSV" in page.text("look")
    assert fair_shares({"a": 0, "b": 5}, 3) == {"a": 0, "b": 3}


def test_a_library_without_trouble_says_so(tmp_path: Path) -> None:
    assert "Nothing needs a look" in organized(tmp_path, row(1)).text("look")
    assert "0 photos and videos" in organized(tmp_path).tiles


def test_without_its_script_the_page_is_whole(tmp_path: Path) -> None:
    page = organized(tmp_path, row(1, review="x"))
    hidden = [attributes.get("id") for _, attributes in page.elements if "hidden" in attributes]
    assert set(hidden) == {"controls", "nothing", "more"}
    heads = [attributes for tag, attributes in page.elements if tag == "th"]
    assert all(attributes.get("scope") in ("row", "col") for attributes in heads)


def test_verify_tells_what_was_proved_what_was_not_and_why(tmp_path: Path) -> None:
    rows = [
        PROVED,
        PROVED._replace(row_id=2, status="archive_intact", report_status="moved", read_mode="cached"),
        PROVED._replace(row_id=3, status="content_differs", reason="first difference at byte 17"),
        PROVED._replace(row_id=4, status="not_archived", report_status="skipped"),
        PROVED._replace(row_id=5, status="not_archived", report_status="failed", reason="in the report it is failed"),
    ]
    path = tmp_path / "v.html"
    write_review(VerifyCollector, str(path), RUN, rows, ReviewFacts("verify", {"verified": "/v.csv"}))
    page = Page(path)
    assert page.table("sums")[-1] == ["all rows", "5", "5 MB"]
    assert "2 proved 2 MB" in page.tiles
    assert "1 only from memory" in page.tiles
    assert [line[0].split()[-1] for line in page.table("rows")[1:]] == ["3", "5"]
    assert "first difference at byte 17" in page.text("rows")


def test_apply_tells_the_last_word_about_every_file(tmp_path: Path) -> None:
    rows = [
        INTENDED,
        INTENDED._replace(row_id=2, source_path="/source/b.jpg"),
        INTENDED._replace(row_id=3, source_path="/source/c.jpg"),
        INTENDED._replace(phase="failed", reason="it was changed"),
        INTENDED._replace(
            row_id=2, source_path="/source/b.jpg", phase="failed", reason="changed since it was verified"
        ),
        INTENDED,
        INTENDED._replace(phase="done"),
        INTENDED._replace(row_id=0, action="prune", from_path="/source/x", size_bytes=0, phase="done"),
    ]
    path = tmp_path / "a.html"
    write_review(ApplyCollector, str(path), RUN, rows, ReviewFacts("quarantine", {"journal": "/j.csv"}))
    page = Page(path)
    assert "1 in quarantine 1 MB" in page.tiles
    assert [line[:2] for line in page.table("sums")[-2:]] == [
        ["no outcome yet The run was interrupted: the same command again finishes it.", "1"],
        ["all rows", "4"],
    ]
    names = [line[0].split()[1] for line in page.table("rows")[1:]]
    assert names == ["b.jpg", "c.jpg"]
    assert "changed since it was verified" in page.text("rows")


def test_a_share_never_rounds_to_nothing_or_all() -> None:
    assert [share_text(part, 1000) for part in (0, 1, 500, 999, 1000)] == ["0 %", "< 1 %", "50 %", "> 99 %", "100 %"]


# --- where it is written ---------------------------------------------------------------------------


def test_an_earlier_page_is_replaced_and_nothing_else_ever_is(tmp_path: Path) -> None:
    organized(tmp_path, row(1))
    assert "2 photos and videos filed" in organized(tmp_path, row(1), row(2)).tiles
    for name in ("photo.html", "taken.html.tmp"):
        (tmp_path / name).write_bytes(b"my only copy")
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "link.html").symlink_to(tmp_path / "page.html")
    for name in ("photo.html", "taken.html", "folder.html", "link.html", "no such folder/p.html"):
        with pytest.raises(BadInput, match=r"html|folder"):
            require_review_path(str(tmp_path / name))
        with pytest.raises(BadInput):
            write_review(OrganizeCollector, str(tmp_path / name), RUN, [], ReviewFacts("report", {}))
    assert (tmp_path / "photo.html").read_bytes() == (tmp_path / "taken.html.tmp").read_bytes() == b"my only copy"
    assert not [path for path in tmp_path.iterdir() if path.name == "page.html.tmp"]


def test_a_page_that_a_killed_run_began_does_not_stand_in_the_way(tmp_path: Path) -> None:
    for begun in (b"", b"<!DOCTYPE html>\n<!-- media archive review page -->\n<html"):
        (tmp_path / "page.html.tmp").write_bytes(begun)
        assert organized(tmp_path, row(1)).tiles


# --- what it costs ---------------------------------------------------------------------------------


def test_nothing_heavy_is_loaded_before_a_page_is_wanted() -> None:
    code = "import sys, json, common.review.page; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"jinja2", "markupsafe", "PIL", "subprocess", "pillow_heif"} & set(json.loads(done.stdout))


MEASURE = """
import sys
from tests.review.test_page import many_rows
from common.review.model import ReviewFacts
from common.review.organize_page import OrganizeCollector
from common.review.page import write_review
write_review(OrganizeCollector, sys.argv[1], "run", many_rows(int(sys.argv[2])), ReviewFacts("report", {}))
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")))
"""


def many_rows(count: int) -> Iterator[ReportRow]:
    """Rows of which every fifth needs a person, with long names that are costly to print, a reason and a date each."""
    name = "\"<&>'" * 30
    for number in range(1, count + 1):
        yield ReportRow(
            **SAMPLE._asdict()
            | {
                "row_id": number,
                "group_id": number,
                "source_path": f"/source/{name}/{number}{name}.jpg",
                "capture_date": f"{1900 + number % 120}-{1 + number % 12:02}-01",
                "date_source": f"{name}{number}",
                "status": "skipped" if number % 7 == 0 else "planned",
                "reason": f"{name}{number}",
                "review": f"{name}{number}" if number % 5 == 0 else "",
                "destination_path": f"/archive/{number}{name}.jpg",
            }
        )


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc: run it on Linux")
def test_a_hundred_thousand_hostile_rows_make_a_page_of_few_megabytes_in_bounded_memory(tmp_path: Path) -> None:
    peaks, sizes = [], []
    for count in (10_000, 100_000):
        path = tmp_path / f"{count}.html"
        command = [sys.executable, "-c", MEASURE, str(path), str(count)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
        sizes.append(path.stat().st_size)
    assert max(sizes) < 8_000_000
    assert peaks[1] < 250_000, "kB"
    assert peaks[1] < 1.3 * peaks[0]
