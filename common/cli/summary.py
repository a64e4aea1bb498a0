"""The summary at the end of a run: as text, as JSON, and as a page for the browser (--review-html)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from common.counts import Counts, amount_text, summed
from common.errors import ExitCode
from common.paths import printable
from common.review.collector import MediaRow, RowCollector
from common.review.model import ReviewFacts

_JSON_KEYS = "tool action dry_run run_id exit_code complete counts amounts outputs notes next_steps error".split()


@dataclass(frozen=True)
class Summary:
    """What a run did, for standard output: as text or as JSON (docs/json.md).

    ``action`` is what was done, such as copy or restore. ``counts`` are rows by status, ``amounts`` the files and bytes
    of these rows as in ``common.counts``. ``error`` is the message of a run that was refused or stopped.
    """

    tool: str
    headline: str
    run_id: str
    exit_code: ExitCode
    counts: Mapping[str, int] = field(default_factory=dict)
    amounts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    complete: bool = True
    next_steps: Sequence[str] = ()
    action: str = ""
    dry_run: bool = False
    error: str = ""

    def as_json(self) -> str:
        """Format the summary as a JSON object on one line of ASCII."""
        import json  # noqa: PLC0415 - not needed to show --help

        return json.dumps({key: getattr(self, key) for key in _JSON_KEYS})

    def as_text(self) -> str:
        """Format the summary as lines of text."""
        lines = [self.headline]
        for name, number in self.counts.items():
            amount = f": {amount_text(self.amounts[name])}" if name in self.amounts else ""
            lines.append(f"  {number:>12,}  {name.replace('_', ' ')}{amount}")
        lines += [f"{kind}: {printable(path)}" for kind, path in self.outputs.items()]
        lines += list(self.notes)
        lines += self.next_steps
        return "\n".join(lines)


def counts_and_amounts(
    total: str, counts: Counts, names: Mapping[str, str]
) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """Make ``counts`` and ``amounts`` of a summary. Pure.

    ``total`` is the key of the sum, which comes first. ``names`` maps the statuses to show, in this order, to the names
    under which they are shown.
    """
    rows, amounts = counts.rows, counts.amounts
    shown_counts = {names[status]: rows[status] for status in names if status in rows}
    shown_amounts = {names[status]: amounts[status] for status in names if status in amounts}
    whole = summed(shown_amounts.values())
    return ({total: sum(shown_counts.values()), **shown_counts}, {**({total: whole} if whole else {}), **shown_amounts})


def with_review_page(
    summary: Summary, path: str, collector_type: type[RowCollector[MediaRow]], rows: Iterable[MediaRow]
) -> Summary:
    """Write the review page, and return the summary with its path; without a path, return it unchanged.

    Changes the disk: writes the page. The rows are read only if there is a path.
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
