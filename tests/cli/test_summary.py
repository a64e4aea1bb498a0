"""The summary in words, and how its figures add up."""

from __future__ import annotations

import json

from common.cli.summary import Summary, counts_and_amounts
from common.counts import Counts
from common.errors import ExitCode

SUMMARY = Summary(
    tool="verify",
    headline="verify: /a/report.csv",
    run_id="3f2b8c1e",
    exit_code=ExitCode.ATTENTION,
    counts={"rows": 12345, "size_differs": 1},
    amounts={"rows": {"photos": 12345, "bytes": 82_100_000_000}},
    outputs={"verified": "/a/\udcff\n.csv"},
    notes=["1 row needs attention"],
)


def test_the_summary_in_words_shows_counts_and_paths_as_they_can_be_printed() -> None:
    text = SUMMARY.as_text()
    counts = ("12,345  rows: 12,345 photos, 82.1 GB\n", "1  size differs\n")
    for part in (*counts, "verified: /a/\\udcff\\n.csv", "1 row needs attention"):
        assert part in text


def test_the_summary_for_machines_is_one_line_of_ascii() -> None:
    line = SUMMARY.as_json()
    assert line.isascii()
    assert "\n" not in line
    document = json.loads(line)
    assert document["counts"] == {"rows": 12345, "size_differs": 1}
    assert document["outputs"] == {"verified": "/a/\udcff\n.csv"}
    assert (document["tool"], document["exit_code"], document["complete"]) == ("verify", 1, True)


def test_figures_add_up_under_the_name_of_their_sum() -> None:
    counts = {"attention": 7, "done": 2, "done: photos": 2, "done: bytes": 30, "failed": 1, "failed: bytes": 4}
    names = {"failed": "failed", "skipped": "skipped", "done": "restored"}
    assert counts_and_amounts("rows", Counts.from_flat(counts), names) == (
        {"rows": 3, "failed": 1, "restored": 2},
        {
            "rows": {"photos": 2, "bytes": 34},
            "failed": {"bytes": 4},
            "restored": {"photos": 2, "bytes": 30},
        },
    )
    assert counts_and_amounts("rows", Counts(), {}) == ({"rows": 0}, {})
