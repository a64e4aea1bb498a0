"""What a report tells a person, gathered row by row in bounded memory. Pure: no disk, no clock."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, replace

from common.counts import count_text, size_text
from common.dates import notes
from common.manifests.rows import ReportRow
from common.review.aggregates import Amount, AmountTable, Sample
from common.review.collector import RowCollector, status_lines
from common.review.labels import ORGANIZE_LABELS, clipped, evidence_grade, inside_root, share_text, status_label
from common.review.model import Evidence, Item, Line, Month, Page, ReviewFacts, ReviewReason, Share, Tile, Year

# A year beyond these was typed by somebody; the calendar would not end.
_FIRST_YEAR, _LAST_YEAR = 1800, 2200
_HEAT_LEVELS = 4
_BAR = 1000
_MOST_CANDIDATES = 8

_DAY = re.compile(r"(\d{4})-(\d\d)-\d\d")
# Reasons that name a file or a day would otherwise be as many as there are files.
_SAME_REASONS = (
    (re.compile(r"goes with .*, which is left out: .*", re.DOTALL), "goes with a file that is left out"),
    (re.compile(r"goes with .*, which failed", re.DOTALL), "goes with a file that failed"),
    (re.compile(r"taken on .*, (before|after) (--date-\w+)", re.DOTALL), r"taken \1 \2"),
    (re.compile(r"same content as row \d+, which failed"), "same content as a row that failed"),
)

_FILED = frozenset({"planned", "copied", "moved", "already_archived"})
_PLACED_NOW = frozenset({"planned", "copied", "moved"})

NEEDS = (
    ReviewReason(
        "failed",
        "Failed",
        "The reason says what to mend, for the same command again, or that a new plan is wanted.",
        "bad",
    ),
    ReviewReason(
        "year",
        "Years disagree",
        "Two pieces of evidence tell two years. Compare them with the picture; correct the CSV if the wrong one won.",
        "look",
    ),
    ReviewReason(
        "zone",
        "Around New Year",
        "The time is in UTC and no zone is known: it may be the year beside. Tell it with --timezone.",
        "look",
    ),
    ReviewReason("undated", "No believable date", "Goes to unknown-date. The picture may tell you more.", "look"),
    ReviewReason(
        "mtime",
        "Only modification time",
        "Copying and editing change it: believe it only for files that were never copied.",
        "look",
    ),
    ReviewReason(
        "weak", "Weak evidence", "A date of editing, of a day or of a satellite: mostly right, not always.", "look"
    ),
    ReviewReason("remark", "Something to know", "The remark says what it is.", "look"),
    ReviewReason(
        "renamed",
        "Filed under another name",
        "Another file has this name in its year: two different pictures, both are kept.",
        "plain",
    ),
)
_NEED = {need.key: need for need in NEEDS}


def review_reason_key(row: ReportRow) -> str:
    """The key of what a person should look at in a row, or an empty text. Pure."""
    if row.status == "failed":
        return "failed"
    if row.review:
        if notes.is_about_years(row.review):
            return "year"
        if notes.is_about_time_zone(row.review):
            return "zone"
        if not row.date_source:
            return "undated"
        if row.date_source == "filesystem:mtime":
            return "mtime"
        return (
            "weak"
            if evidence_grade(row.date_source).grade == "weak" or notes.is_about_weak_evidence(row.review)
            else "remark"
        )
    is_renamed = os.path.basename(row.source_path) != os.path.basename(row.destination_path)
    return "renamed" if row.status in _PLACED_NOW and is_renamed else ""


@dataclass(slots=True)
class _Filed:
    """What is filed in one year or month: all of it, and how many rows have something to look at."""

    amount: Amount
    looked_at: int = 0


class OrganizeCollector(RowCollector[ReportRow]):
    """Gathers the rows of a report, in its order: companions follow their photo."""

    order = tuple(need.key for need in NEEDS)

    def __init__(self, most_kept: int) -> None:
        super().__init__(most_kept)
        self._statuses = AmountTable()
        self._kinds = AmountTable()
        self._evidence = AmountTable(60)
        self._left_out: dict[str, AmountTable] = {"skipped": AmountTable(), "failed": AmountTable()}
        self._calendar: dict[tuple[int, int], _Filed] = {}
        self._reviewed = 0
        self._roots = ("", "")
        self._last: tuple[int, Sample[ReportRow]] | None = None

    def add(self, row: ReportRow) -> None:
        self._roots = self._roots if self._roots[0] else (row.source_root, row.archive_root)
        self._statuses.add(row.status, row.size_bytes)
        self._kinds.add(row.media_kind, row.size_bytes)
        self._reviewed += bool(row.review)
        if row.status in self._left_out:
            self._left_out[row.status].add(_general(row.reason), row.size_bytes)
        if row.status in _FILED and row.media_kind in ("image", "video"):
            self._evidence.add(row.date_source, row.size_bytes)
            filed = self._calendar.setdefault(_month_of(row.capture_date), _Filed(Amount()))
            filed.amount.add(row.size_bytes)
            filed.looked_at += bool(row.review)
        if need := review_reason_key(row):
            self._keep(row, need)

    def _keep(self, row: ReportRow, need: str) -> None:
        """A companion that asks what its photo asks is counted with it, not shown again."""
        if self._last and self._last[0] == row.group_id and self._last[1].need == need:
            self.keeper.add_companion(self._last[1])
        else:
            self._last = row.group_id, self.keeper.add(need, row)

    def item(self, kept: Sample[ReportRow]) -> Item:
        row = kept.row
        evidence, reasons = _evidence_and_reasons(row)
        folder, name = os.path.split(row.source_path)
        if row.reason:
            reasons.append(clipped(row.reason))
        return Item(
            row_id=row.row_id,
            name=clipped(name),
            folder=clipped(inside_root(folder, row.source_root) if folder != row.source_root else ""),
            kind=row.media_kind or "other",
            size=row.size_bytes,
            companions=kept.companions,
            taken=clipped(row.capture_date.replace("T", " "), 40),
            evidence=tuple(evidence),
            place=clipped(inside_root(row.destination_path, row.archive_root)),
            status=status_label(row.status, ORGANIZE_LABELS).label,
            need=_NEED[kept.need],
            reasons=tuple(reasons),
        )

    def page(self, run_id: str, facts: ReviewFacts) -> Page:
        total = self._statuses.total()
        filed, needing = self._filed(), sum(self.keeper.counts.values())
        failed, skipped = self._statuses["failed"], self._statuses["skipped"]
        left_out = Amount(failed.files + skipped.files, failed.size + skipped.size)
        saved = self._statuses["duplicate"]
        known = self._statuses["already_archived"]
        verb = "would be filed" if facts.mode == "report" else "filed"
        tiles = [
            Tile(f"photos and videos {verb}", count_text(filed.files), size_text(filed.size), "good", "#calendar"),
            Tile("to look at", count_text(needing), f"of {count_text(total.files)} rows", _tone(needing), "#look"),
            Tile(
                "saved by storing equal files once",
                size_text(saved.size),
                f"{count_text(saved.files, 'duplicate')}, {count_text(known.files)} in the archive already",
                link="#sums",
            ),
            Tile(
                "left out or failed",
                count_text(left_out.files),
                f"{size_text(left_out.size)}, {count_text(failed.files)} failed",
                "bad" if failed.files else "plain",
                "#left-out",
            ),
        ]
        return Page(
            kind="organize",
            title=_TITLES.get(facts.mode, _TITLES["report"]),
            lead=_LEADS.get(facts.mode, _LEADS["report"]),
            source_root=clipped(self._roots[0]),
            archive_root=clipped(self._roots[1]),
            run_id=run_id,
            tiles=tiles,
            totals=status_lines(self._statuses, ORGANIZE_LABELS),
            total=total,
            kinds=[
                Line(_KIND_LABELS.get(kind, "other files"), "", "plain", amount)
                for kind, amount in self._kinds.largest_first()
            ],
            years=self._years(),
            evidence=self._shares(),
            left_out=[
                Line(reason, "failed" if status == "failed" else "", ORGANIZE_LABELS[status].tone, amount)
                for status in ("failed", "skipped")
                for reason, amount in self._left_out[status].largest_first()
            ],
            needs=[replace(need, count=self.keeper.counts[need.key]) for need in NEEDS if self.keeper.counts[need.key]],
            place_label="Would go to" if facts.mode == "report" else "Went to",
        )

    def _filed(self) -> Amount:
        every = self._calendar.values()
        return Amount(sum(one.amount.files for one in every), sum(one.amount.size for one in every))

    def _years(self) -> list[Year]:
        by_year: dict[int, _Filed] = {}
        for (year, _), filed in self._calendar.items():
            whole = by_year.setdefault(year, _Filed(Amount()))
            whole.amount.files += filed.amount.files
            whole.amount.size += filed.amount.size
            whole.looked_at += filed.looked_at
        fullest_year = max((filed.amount.files for filed in by_year.values()), default=1)
        fullest_month = max((f.amount.files for (_, month), f in self._calendar.items() if month), default=1)
        years: list[Year] = []
        last = 0
        for number in sorted(by_year, key=lambda year: (year == 0, year)):
            if last and number > last + 1:
                gap = str(last + 1) if number == last + 2 else f"{last + 1} to {number - 1}"
                years.append(Year(gap, 0, 0, 0, Amount()))
            filed = by_year[number]
            bar = max(1, math.ceil(_BAR * filed.amount.files / fullest_year))
            look = math.ceil(bar * filed.looked_at / filed.amount.files)
            months = (self._calendar.get((number, month)) for month in range(1, 13))
            cells = (Month(0, 0) if one is None else _cell(one.amount.files, fullest_month) for one in months)
            label = str(number) if number else "no date"
            years.append(Year(label, bar - look, look, filed.looked_at, filed.amount, tuple(cells)))
            last = number
        return years

    def _shares(self) -> list[Share]:
        total = self._evidence.total().files
        grades = ("sure", "likely", "weak")
        ranked = sorted(
            ((evidence_grade(source), source, amount) for source, amount in self._evidence.largest_first()),
            key=lambda one: (grades.index(one[0].grade), -one[2].files),
        )
        shares: list[Share] = []
        files = 0
        for worth, source, amount in ranked:
            start = round(_BAR * files / total)
            files += amount.files
            width = round(_BAR * files / total) - start
            label = clipped(source, 60) or "none"
            percent = share_text(amount.files, total)
            shares.append(Share(label, worth.words, worth.grade, amount, percent, start, width))
        return shares


_TITLES = {
    "report": "What would happen to your photos",
    "copy": "What was copied to your archive",
    "move": "What was moved to your archive",
}
_LEADS = {
    "report": "This is a plan. Nothing has been copied, moved or changed.",
    "copy": "The originals are where they were, unchanged.",
    "move": "Each original was taken out only after its copy had been made sure of.",
}
_KIND_LABELS = {"image": "photos", "video": "videos", "sidecar": "companion files", "": "other files"}


def _tone(needing: int) -> str:
    return "look" if needing else "good"


def _general(reason: str) -> str:
    """A reason without the names in it."""
    for pattern, words in _SAME_REASONS:
        if match := pattern.fullmatch(reason):
            return match.expand(words)
    return clipped(reason, 160) or "no reason is given"


def _month_of(capture_date: str) -> tuple[int, int]:
    """Year and month, or two zeros where there is no date."""
    match = _DAY.match(capture_date)
    if match is None:
        return 0, 0
    year, month = int(match[1]), int(match[2])
    return (year, month) if _FIRST_YEAR <= year <= _LAST_YEAR and 1 <= month <= 12 else (0, 0)


def _cell(files: int, fullest: int) -> Month:
    return Month(files, math.ceil(_HEAT_LEVELS * math.sqrt(files / fullest)))


def _evidence_and_reasons(row: ReportRow) -> tuple[list[Evidence], list[str]]:
    """The candidates that the review column names, the chosen one first, and what else it says."""
    worth = evidence_grade(row.date_source)
    says = clipped(row.capture_date[:10], 40)
    evidence = [Evidence(clipped(row.date_source, 60), says, worth.words, chosen=True)] if row.date_source else []
    reasons: list[str] = []
    for remark in row.review.split(notes.NOTE_SEPARATOR) if row.review else []:
        others = notes.parse_other_years(remark)[:_MOST_CANDIDATES]
        if not others:
            reasons.append(clipped(remark))
        evidence += [Evidence(clipped(tag, 60), year, evidence_grade(tag).words, chosen=False) for tag, year in others]
    return evidence, reasons
