"""The review page as a person meets it: in a real browser without network, by phone and desktop, light and dark."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from common.manifests.rows import ReportRow
from common.review.apply_page import ApplyCollector
from common.review.model import ReviewFacts
from common.review.organize_page import OrganizeCollector
from common.review.page import write_review
from common.review.verify_page import VerifyCollector
from demo.make_sample_library import make_library
from tests.browser.webdriver import Browser, chromium
from tests.review.test_page import HOSTILE, INTENDED, PROVED, RUN, row

pytestmark = pytest.mark.campaign

SIZES = {"phone": (375, 812), "desktop": (1280, 900)}
TAB, ENTER = "\ue004", "\ue007"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core, which finds faults of accessibility."""
    if not shutil.which("npm"):
        pytest.skip("needs npm, to get axe-core: apt-get install npm")
    folder = tmp_path_factory.mktemp("axe")
    done = subprocess.run(
        ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), "axe-core@4"],
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    source = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not source.exists():
        pytest.skip(
            f"axe-core can't be had from the npm registry ({done.stderr.strip()[:200]}): connect, then run again"
        )
    return source.read_text("utf-8")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of twelve years with every kind of need, pictures among them, and a hostile name."""
    folder = tmp_path_factory.mktemp("page")
    make_library(folder / "library")
    pictures = sorted((folder / "library").rglob("*.heic")) + sorted((folder / "library").glob("camera/DSC_0100.jpg"))
    assert len(pictures) == 2
    needs: list[dict[str, object]] = [
        {"review": "exif:DateTimeOriginal says 2019, but xmp:CreateDate says 2010"},
        {"status": "failed", "reason": "cannot read: Input/output error"},
        {"review": "only the file's modification time is left", "date_source": "filesystem:mtime"},
        {},
        {"status": "duplicate", "reason": "same content as row 1"},
        {"status": "skipped", "reason": "not a media type (.txt)", "media_kind": ""},
    ]
    rows: list[ReportRow] = []
    for number in range(1, 481):
        date = f"{2008 + number // 6 % 12}-{1 + number % 7:02}-03T10:11:12"
        common: dict[str, object] = {"capture_date": date, "size_bytes": number * 1000, "source_root": str(folder)}
        source = pictures[number] if number < len(pictures) else f"{folder}/holidays/IMG_{number:05}.jpg"
        changes = common | {"source_path": str(source)} | needs[number % len(needs)]
        rows.append(row(number, **changes))
    rows.append(
        row(
            1300, source_root=str(folder), source_path=f"{folder}/{HOSTILE}", review="no date was found", date_source=""
        )
    )
    rows.append(row(501, source_root=str(folder), source_path=str(pictures[0]), review="no date was found"))
    path = folder / "page.html"
    write_review(
        OrganizeCollector,
        str(path),
        RUN,
        rows,
        ReviewFacts("copy", {"report": "/out/report.csv"}, expected_rows=len(rows)),
    )
    return path


def visible(browser: Browser, what: str = "name") -> list[str]:
    """One fact about each row that is shown, in order."""
    return list(
        browser.run(
            "return Array.from(document.querySelectorAll('#rows tbody tr'))"
            ".filter(row => !row.hidden).map(row => row.dataset[arguments[0]])",
            what,
        )
    )


def fill(browser: Browser, element: str, value: str) -> None:
    browser.run(
        "const e = document.getElementById(arguments[0]); e.value = arguments[1];"
        "for (const kind of ['input', 'change']) e.dispatchEvent(new Event(kind, { bubbles: true }));",
        element,
        value,
    )


@pytest.mark.parametrize("look", [(size, scheme) for size in SIZES for scheme in ("light", "dark")])
def test_it_can_be_read_and_axe_finds_nothing_serious(
    browser: Browser, page: Path, axe: str, look: tuple[str, str], tmp_path: Path
) -> None:
    size, scheme = look
    browser.look_like(*SIZES[size], scheme)
    browser.requested()
    browser.open(page)
    assert browser.run("return document.documentElement.scrollWidth <= window.innerWidth"), "nothing to scroll sideways"
    shot = Path(os.environ.get("REVIEW_SCREENSHOTS", tmp_path)) / f"review-{size}-{scheme}.png"
    browser.screenshot(shot)
    with Image.open(shot) as image:
        assert image.width == SIZES[size][0] * (2 if size == "phone" else 1)
        corner = image.convert("L").getpixel((5, 5))
        assert isinstance(corner, int)
        assert (corner > 200) == (scheme == "light")
    assert browser.console() == []
    assert browser.requested() <= {page.as_uri()}
    browser.run(axe + ";window.axe = axe;")
    violations = browser.run_async(
        "const done = arguments[0];"
        "axe.run().then(found => done(found.violations.map(v => [v.impact, v.id, v.nodes[0].html.slice(0, 200)])))"
    )
    assert [found for found in violations if found[0] in ("serious", "critical")] == []


def test_the_pages_of_verify_and_apply_have_no_fault_either(browser: Browser, axe: str, tmp_path: Path) -> None:
    write_review(
        VerifyCollector, str(tmp_path / "v.html"), RUN, [PROVED], ReviewFacts("verify", {"verified": "/v.csv"})
    )
    write_review(
        ApplyCollector, str(tmp_path / "a.html"), RUN, [INTENDED], ReviewFacts("quarantine", {"journal": "/j.csv"})
    )
    for name in ("v.html", "a.html"):
        browser.open(tmp_path / name)
        assert browser.console() == []
        browser.run(axe + ";window.axe = axe;")
        assert (
            browser.run_async("const done = arguments[0]; axe.run().then(f => done(f.violations.map(v => v.id)))") == []
        )


def test_the_chart_and_the_pictures_are_there(browser: Browser, page: Path) -> None:
    browser.look_like(*SIZES["desktop"], "light")
    browser.open(page)
    bars = browser.run(
        "return Array.from(document.querySelectorAll('.calendar rect'), bar => bar.getBoundingClientRect().width)"
    )
    assert len(bars) == 2 * 12
    assert sum(width > 5 for width in bars) >= 12
    colors = browser.run(
        "return Array.from(document.querySelectorAll('.calendar td.month'),"
        " cell => getComputedStyle(cell).backgroundColor)"
    )
    assert len(set(colors)) >= 2
    pictures = browser.run("return Array.from(document.images, image => [image.complete, image.naturalWidth])")
    assert len(pictures) == 2, "of the JPEG and of the HEIC"
    assert all(complete and width >= 60 for complete, width in pictures)


def test_a_name_of_markup_stays_text(browser: Browser, page: Path) -> None:
    browser.open(page)
    found = browser.run(
        "return Array.from(document.querySelectorAll('#rows bdi'), name => name.textContent)"
        ".filter(name => name.includes('onerror'))"
    )
    assert found == [HOSTILE]
    assert browser.run("return document.querySelectorAll('img[src=x], [onerror]').length") == 0
    blocked = browser.run(
        "const script = document.createElement('script'); script.textContent = 'window.injected = true';"
        "document.body.append(script); return window.injected === undefined"
    )
    assert blocked, "the policy of the page lets no other script run"
    assert any("Content Security Policy" in message for message in browser.console())


def test_rows_can_be_found_filtered_sorted_and_shown_further(browser: Browser, page: Path) -> None:
    browser.look_like(*SIZES["desktop"], "light")
    browser.open(page)
    everything = int(browser.run("return document.querySelectorAll('#rows tbody tr').length"))
    assert everything > 200
    assert len(visible(browser)) == 100
    browser.run("document.getElementById('more').click()")
    assert len(visible(browser)) == 200

    fill(browser, "find", "onerror")
    assert visible(browser) == [HOSTILE]
    assert browser.run("return document.getElementById('shown').textContent") == f"1 of {everything}"
    fill(browser, "find", "no such name")
    assert visible(browser) == []
    assert browser.run("return document.getElementById('nothing').checkVisibility()")
    fill(browser, "find", "")

    fill(browser, "need", "failed")
    assert set(visible(browser, "need")) == {"failed"}
    for expected in ("ascending", "descending"):
        browser.run("document.querySelector('th[data-key=size] button').click()")
        sizes = [int(size) for size in visible(browser, "size")]
        assert sizes == sorted(sizes, reverse=expected == "descending")
        assert browser.run("return document.querySelector('th[data-key=size]').ariaSort") == expected
    assert browser.console() == []


def test_the_keyboard_reaches_everything_and_the_focus_is_seen(browser: Browser, page: Path) -> None:
    browser.look_like(*SIZES["desktop"], "light")
    browser.open(page)
    browser.press(TAB)
    assert browser.run("return document.activeElement.className") == "skip"
    assert browser.run("return document.activeElement.getBoundingClientRect().top >= 0")
    browser.press(ENTER)
    for _ in range(12):
        browser.press(TAB)
        if browser.run("return document.activeElement.closest('th') !== null"):
            break
    style = browser.run("return getComputedStyle(document.activeElement).outlineStyle")
    assert style == "solid"
    browser.press(ENTER)
    assert browser.run("return document.activeElement.closest('th').ariaSort") == "ascending"


def test_without_javascript_the_rows_stand_there(browser: Browser, page: Path) -> None:
    browser.devtools("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(page)
    finally:
        browser.devtools("Emulation.setScriptExecutionDisabled", value=False)
    assert len(visible(browser)) > 200
    assert not browser.run("return document.getElementById('controls').checkVisibility()")


def test_a_hundred_thousand_rows_open_in_less_than_three_seconds(browser: Browser, tmp_path: Path) -> None:
    weak: dict[str, object] = {"review": "only the file's modification time is left", "date_source": "filesystem:mtime"}
    rows = (
        row(number, source_path=f"/source/{number}.jpg", **weak if number % 10 == 0 else {})
        for number in range(1, 100_001)
    )
    path = tmp_path / "large.html"
    write_review(
        OrganizeCollector, str(path), RUN, rows, ReviewFacts("copy", {"report": "/r.csv"}, expected_rows=100_000)
    )
    assert path.stat().st_size < 8_000_000
    browser.look_like(*SIZES["phone"], "light")
    browser.open(path)
    loaded = browser.run("return performance.getEntriesByType('navigation')[0].loadEventEnd")
    assert 0 < loaded < 3_000, f"{loaded} ms"
    assert len(visible(browser)) == 100
