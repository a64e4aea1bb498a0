"""One HTML file in which a person reviews a run: sums, charts, and the rows that need a look, with thumbnails.

It stands alone: no network, no other file, and a Content-Security-Policy that lets nothing run but its own script.
Every text from rows is untrusted: it is printed with control characters escaped and reaches the page through Jinja2's
autoescape alone. Rows are taken one by one; what does not fit is in the CSV, and the page says so.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from html import escape
from importlib.util import find_spec
from pathlib import Path

from common.counts import count_text, size_text
from common.errors import BadInput, explain_os_error
from common.fileops.writing import write_atomically
from common.paths import printable, read_prefix
from common.review.aggregates import fair_shares
from common.review.collector import MediaRow, RowCollector, places_inside
from common.review.labels import clipped, file_link
from common.review.model import Item, Page, ReviewFacts
from common.review.thumbnails import Limits as ThumbnailLimits
from common.review.thumbnails import Thumbnailer
from common.timestamps import utc_now_text

_TEMPLATES = Path(__file__).resolve().parent
_MARK = b"<!DOCTYPE html>\n<!-- media archive review page -->\n"
# What a row of the table costs beside its texts.
_MARKUP_BYTES = 1_400


@dataclass(frozen=True, slots=True)
class PageLimits:
    """How much a page may hold: rows, bytes of their markup, and thumbnails."""

    items: int = 2_000
    item_bytes: int = 4_500_000
    thumbnails: ThumbnailLimits = field(default_factory=ThumbnailLimits)


DEFAULT_LIMITS = PageLimits()


def require_review_path(path: str) -> None:
    """Refuse, before anything is done, a path to which no page can be written. Changes nothing.

    Only an earlier review page is ever replaced: batches write the same page again and again. Raises ``BadInput``.
    """
    if find_spec("jinja2") is None:
        raise BadInput("--review-html needs Jinja2, which is not installed: python3 -m pip install -r requirements.txt")
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise BadInput(f"{printable(folder)} does not exist: make the folder for the review page first")
    for place in (path, path + ".tmp"):
        if not os.path.lexists(place):
            continue
        try:
            begins = read_prefix(place, len(_MARK))
        except OSError as error:
            raise BadInput(f"{printable(place)}: cannot read it: {explain_os_error(error)}") from None
        killed_early = begins == b"" and place != path
        if begins != _MARK and not killed_early:
            raise BadInput(f"{printable(place)} exists and is no review page; choose another --review-html")


def write_review(
    collector: Callable[[int], RowCollector[MediaRow]],
    path: str,
    run_id: str,
    rows: Iterable[MediaRow],
    facts: ReviewFacts,
    *,
    limits: PageLimits = DEFAULT_LIMITS,
) -> None:
    """Read the rows of a run once, in their order, and write their page.

    ``collector`` is the class that collects this kind of rows. Changes the disk: ``path``, atomically. Reads media for
    the thumbnails. Raises ``BadInput`` as ``require_review_path`` does, ``OSError`` when the page can't be written, and
    what ``rows`` raises.
    """
    require_review_path(path)
    collected = collector(limits.items)
    for row in rows:
        collected.add(row)
    collected.finish()
    _write(path, run_id, collected, facts, limits)


def _write(path: str, run_id: str, collected: RowCollector[MediaRow], facts: ReviewFacts, limits: PageLimits) -> None:
    page = collected.page(run_id, facts)
    items, has_all_pictures = _items(collected, limits)
    asked = sum(collected.keeper.counts.values())
    shown_rows = sum(1 + item.companions for item in items)
    html = _render(
        page=replace(page, alarms=_alarms(page, facts)),
        facts=facts,
        items=items,
        rows_left_out=asked - shown_rows,
        has_all_pictures=has_all_pictures,
        made_at=utc_now_text(),
    )
    write_atomically(path, _MARK + html.encode("utf-8", "backslashreplace"))


def _items(collected: RowCollector[MediaRow], limits: PageLimits) -> tuple[list[Item], bool]:
    """The rows to show with their pictures, within the limits, and whether no picture was left out for them."""
    items: list[Item] = []
    size = 0
    chosen = collected.keeper.chosen(collected.order, limits.items)
    # Pictures are shared out like rows: those of the first need must not take all.
    pictures = fair_shares(Counter(kept.need for kept in chosen), limits.thumbnails.most)
    left_out = False
    with Thumbnailer(limits.thumbnails) as thumbnailer:
        for kept in chosen:
            places = places_inside(kept.row)
            place = next(filter(os.path.lexists, places), "")
            item = replace(collected.item(kept), link=file_link(place or next(iter(places), "")))
            size += _MARKUP_BYTES + sum(len(escape(text).encode("utf-8")) for text in item.texts())
            if size > limits.item_bytes:
                break
            if place and pictures[kept.need]:
                item = replace(item, picture=thumbnailer.data_uri(place))
                pictures[kept.need] -= bool(item.picture)
                left_out |= thumbnailer.exhausted and not item.picture
            else:
                left_out |= bool(place)
            items.append(item)
    return items, not left_out


def _alarms(page: Page, facts: ReviewFacts) -> list[str]:
    alarms = []
    if facts.found is not None and facts.found != page.total.files:
        found, listed = count_text(facts.found), count_text(page.total.files)
        alarms.append(f"The counts do not add up: {found} were found, {listed} are listed.")
    if not facts.complete:
        alarms.append("The run has not come to its end: this page shows what is done so far.")
    return alarms


def _render(**values: object) -> str:
    """Fill in the templates. Style and script stand in the page and are allowed by their digests alone."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - needed for a page only

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(count=count_text, size=size_text, clip=clipped)
    own = {name: (_TEMPLATES / f"page.{name}").read_text("utf-8") for name in ("css", "js")}
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(own['css'])}'; script-src '{_digest(own['js'])}'; "
        "base-uri 'none'; form-action 'none'"
    )
    template = environment.get_template("page.html.j2")
    return template.render(policy=policy, css=own["css"], js=own["js"], **values)


def _digest(text: str) -> str:
    """A source of Content-Security-Policy level 3: the SHA-256 of what stands between the tags."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
