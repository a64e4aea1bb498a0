"""The option --review-html: a page for the browser beside the summary of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from common.cli.summary import Summary
from common.review.collector import MediaRow, RowCollector
from common.review.model import ReviewFacts


def with_review_page(
    summary: Summary, path: str, collector: Callable[[int], RowCollector[MediaRow]], rows: Iterable[MediaRow]
) -> Summary:
    """Write the page and return the summary that names it; without a path, the summary as it is.

    Changes the disk: the page. The rows are read only when there is one to write.
    """
    if not path:
        return summary
    from common.review.page import write_review  # noqa: PLC0415 - it loads what only a page needs

    write_review(collector, path, summary.run_id, rows, review_facts(summary))
    return replace(summary, outputs={**summary.outputs, "review": path})


def review_facts(summary: Summary) -> ReviewFacts:
    """What the summary of a run tells its page. Pure."""
    return ReviewFacts(
        mode=summary.action,
        outputs=summary.outputs,
        notes=summary.notes,
        next_steps=summary.next_steps,
        found=summary.counts.get("scanned"),
        complete=summary.complete,
    )
