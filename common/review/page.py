"""Writes one HTML file in which a person reviews a run: sums, charts, and the rows to look at, with thumbnails.

The page is self-contained: no network, no other file, and a Content-Security-Policy that allows only its own style and
script. Every text from a row is untrusted: control characters are escaped, and the text reaches the page only through
Jinja2's autoescape. Rows are read one by one; the page says how many did not fit: these are only in the CSV.
"""

import base64
import hashlib
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from html import escape
from importlib.util import find_spec
from pathlib import Path

from common.counts import count_text, size_text
from common.errors import BadInput, explain_os_error
from common.fileops.writing import write_atomically
from common.paths import printable, read_prefix
from common.review.aggregates import fair_shares
from common.review.collector import MediaRow, RowCollector, media_paths
from common.review.labels import clipped, file_link
from common.review.model import Item, Page, ReviewFacts
from common.review.thumbnails import Limits as ThumbnailLimits
from common.review.thumbnails import Thumbnailer
from common.timestamps import utc_now_text

_TEMPLATES = Path(__file__).resolve().parent
_MARK = b"<!DOCTYPE html>\n<!-- media archive review page -->\n"
_MARKUP_BYTES = 1_400  # of a row of the table, without its texts


@dataclass(frozen=True, slots=True)
class PageLimits:
    """How much a page may hold: rows, bytes of their markup, and thumbnails."""

    items: int = 2_000
    item_bytes: int = 4_500_000
    thumbnails: ThumbnailLimits = field(default_factory=ThumbnailLimits)


DEFAULT_LIMITS = PageLimits()


def require_review_path(path: str) -> None:
    """Raise ``BadInput`` for a path to which no page can be written. Reads the disk.

    Only an earlier review page may be replaced, since each call that continues a run writes the same page.
    """
    if find_spec("jinja2") is None:
        raise BadInput("--review-html needs Jinja2, which is not installed: python3 -m pip install -r requirements.txt")
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise BadInput(f"{printable(folder)} does not exist: make the folder for the review page first")
    temporary = path + ".tmp"
    for file in filter(os.path.lexists, (path, temporary)):
        try:
            prefix = read_prefix(file, len(_MARK))
        except OSError as error:
            raise BadInput(f"{printable(file)}: cannot read it: {explain_os_error(error)}") from None
        killed_early = prefix == b"" and file == temporary
        if prefix != _MARK and not killed_early:
            raise BadInput(f"{printable(file)} exists and is no review page; choose another --review-html")


def write_review(
    collector_type: type[RowCollector[MediaRow]],
    path: str,
    run_id: str,
    rows: Iterable[MediaRow],
    facts: ReviewFacts,
    *,
    limits: PageLimits = DEFAULT_LIMITS,
) -> None:
    """Read the rows of a run once, in their order, and write their page.

    Raises ``BadInput`` as ``require_review_path`` does, ``OSError`` when the page can't be written, and what ``rows``
    raises. Changes the disk: ``path``, atomically. Reads media for the thumbnails.
    """
    require_review_path(path)
    collector = collector_type(limits.items, facts.mode)
    for row in rows:
        collector.add(row)
    collector.finish()
    page = collector.page(run_id)
    items, has_all_pictures = _make_items(collector, limits)
    html = _render(
        page=page,
        alarms=_alarms(page, facts),
        facts=facts,
        items=items,
        rows_left_out=collector.samples.counts.total() - sum(1 + item.companions for item in items),
        has_all_pictures=has_all_pictures,
        made_at=utc_now_text(),
    )
    write_atomically(path, _MARK + html.encode("utf-8", "backslashreplace"))


def _make_items(collector: RowCollector[MediaRow], limits: PageLimits) -> tuple[list[Item], bool]:
    """The rows to show, within the limits and with pictures, and whether no picture is missing because of a limit."""
    items: list[Item] = []
    size = 0
    has_all_pictures = True
    samples = collector.samples.select(collector.reason_keys, limits.items)
    # Pictures are shared out like rows, so that the first reason does not use them up.
    pictures_left = fair_shares(Counter(sample.reason_key for sample in samples), limits.thumbnails.most)
    with Thumbnailer(limits.thumbnails) as thumbnailer:
        for sample in samples:
            paths = media_paths(sample.row)
            path = next(filter(os.path.lexists, paths), "")
            item = replace(collector.item(sample), link=file_link(path or next(iter(paths), "")))
            size += _MARKUP_BYTES + sum(len(escape(text).encode("utf-8")) for text in item.texts())
            if size > limits.item_bytes:
                break
            if path and pictures_left[sample.reason_key]:
                item = replace(item, picture=thumbnailer.data_uri(path))
                pictures_left[sample.reason_key] -= bool(item.picture)
                has_all_pictures &= bool(item.picture) or not thumbnailer.exhausted
            elif path:
                has_all_pictures = False
            items.append(item)
    return items, has_all_pictures


def _alarms(page: Page, facts: ReviewFacts) -> list[str]:
    alarms = []
    if facts.expected_rows is not None and facts.expected_rows != page.total.files:
        expected, listed = count_text(facts.expected_rows), count_text(page.total.files)
        alarms.append(f"The counts do not add up: {expected} were found, {listed} are listed.")
    if not facts.complete:
        alarms.append("The run has not come to its end: this page shows what is done so far.")
    return alarms


def _render(**values: object) -> str:
    """Fill in the templates. Style and script are part of the page, and only their digests are allowed."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - needed for a page only

    loader = FileSystemLoader(_TEMPLATES)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(count=count_text, size=size_text, clip=clipped)
    css, js = ((_TEMPLATES / name).read_text("utf-8") for name in ("page.css", "page.js"))
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(css)}'; script-src '{_digest(js)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return environment.get_template("page.html.j2").render(policy=policy, css=css, js=js, **values)


def _digest(text: str) -> str:
    """A hash source of Content-Security-Policy level 3: the SHA-256 of the text between the tags."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
