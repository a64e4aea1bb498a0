"""The option --review-html: a page for the browser beside the summary of a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from common.cli.summary import Summary
from common.review.collector import MediaRow, RowCollector
from common.review.model import ReviewFacts


def with_review_page(
    summary: Summary, path: str, collector_type: type[RowCollector[MediaRow]], rows: Iterable[MediaRow]
) -> Summary:
    """Write the page, and return the summary with its path; without a path, the summary as it is.

    Changes the disk: writes the page. Only then are the rows read.
    """
    if not path:
        return summary
    from common.review.page import write_review  # noqa: PLC0415 - it loads what only a page needs

    facts = ReviewFacts(
        mode=summary.action,
        outputs=summary.outputs,
        notes=summary.notes,
        next_steps=summary.next_steps,
        expected_rows=summary.counts.get("scanned"),
        complete=summary.complete,
    )
    write_review(collector_type, path, summary.run_id, rows, facts)
    return replace(summary, outputs={**summary.outputs, "review": path})
