"""The review page of organize: figures and rows of a report, collected in bounded memory. Pure."""

import math
import os
import re
from collections import Counter, defaultdict
from dataclasses import replace
from typing import ClassVar

from common.counts import count_text, size_text
from common.dates import notes
from common.manifests.rows import ReportRow
from common.manifests.statuses import ReportStatus
from common.review.aggregates import Amount, AmountTable, Sample
from common.review.collector import RowCollector, amount_tile
from common.review.labels import ORGANIZE_LABELS, clipped, evidence_grade, share_text
from common.review.model import Evidence, Item, Line, Page, ReviewReason, Share, Tile, Year

# Years outside of this range are slips in an edited report, and count as no date.
_FIRST_YEAR, _LAST_YEAR = 1800, 2200
_HEAT_LEVELS = 4
_BAR_WIDTH = 1000
_MAX_CANDIDATES = 8
_MAX_DATE_SOURCES = 60
_GRADES = ("sure", "likely", "weak")

_DAY = re.compile(r"(\d{4})-(\d\d)-\d\d")
# Reasons that name a file or a day: otherwise there would be as many reasons as files.
_REASONS_WITHOUT_NAMES = (
    (re.compile(r"goes with .*, which is left out: .*", re.DOTALL), "goes with a file that is left out"),
    (re.compile(r"goes with .*, which failed", re.DOTALL), "goes with a file that failed"),
    (re.compile(r"taken on .*, (before|after) (--date-\w+)", re.DOTALL), r"taken \1 \2"),
    (re.compile(r"same content as row \d+, which failed"), "same content as a row that failed"),
)

_PLACED = frozenset({ReportStatus.PLANNED, ReportStatus.COPIED, ReportStatus.MOVED})
_FILED = _PLACED | {ReportStatus.ALREADY_ARCHIVED}
_FAILED = ReportStatus.FAILED

_REVIEW_REASONS = (
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
    ),
    ReviewReason(
        "zone",
        "Around New Year",
        "The time is in UTC and no zone is known: it may be the year beside. Tell it with --timezone.",
    ),
    ReviewReason("undated", "No believable date", "Goes to unknown-date. The picture may tell you more."),
    ReviewReason(
        "mtime",
        "Only modification time",
        "Copying and editing change it: believe it only for files that were never copied.",
    ),
    ReviewReason("weak", "Weak evidence", "A date of editing, of a day or of a satellite: mostly right, not always."),
    ReviewReason("remark", "Something to know", "The remark says what it is."),
    ReviewReason(
        "renamed",
        "Filed under another name",
        "Another file has this name in its year: two different pictures, both are kept.",
        "plain",
    ),
)
_KIND_LABELS = {"image": "photos", "video": "videos", "sidecar": "companion files"}


def review_reason_key(row: ReportRow) -> str:
    """The key of the reason why a person should look at a row, or an empty string. Pure."""
    if row.status == _FAILED:
        return "failed"
    if not row.review:
        is_renamed = os.path.basename(row.source_path) != os.path.basename(row.destination_path)
        return "renamed" if row.status in _PLACED and is_renamed else ""
    if notes.is_about_years(row.review):
        return "year"
    if notes.is_about_time_zone(row.review):
        return "zone"
    if not row.date_source:
        return "undated"
    if row.date_source == "filesystem:mtime":
        return "mtime"
    is_weak = evidence_grade(row.date_source).grade == "weak" or notes.is_about_weak_evidence(row.review)
    return "weak" if is_weak else "remark"


class OrganizeCollector(RowCollector[ReportRow]):
    """Collects the rows of a report, in its order: companions follow their photo."""

    kind = "organize"
    labels = ORGANIZE_LABELS
    reasons = _REVIEW_REASONS
    headings: ClassVar = {
        "": ("What would happen to your photos", "This is a plan. Nothing has been copied, moved or changed."),
        "copy": ("What was copied to your archive", "The originals are where they were, unchanged."),
        "move": (
            "What was moved to your archive",
            "Each original was taken out only after its copy had been made sure of.",
        ),
    }
    attention_tone = "look"

    def __init__(self, samples_per_reason: int, mode: str) -> None:
        super().__init__(samples_per_reason, mode)
        self._kinds = AmountTable()
        self._date_sources = AmountTable(_MAX_DATE_SOURCES)
        self._left_out: dict[str, AmountTable] = {_FAILED: AmountTable(), ReportStatus.SKIPPED: AmountTable()}
        self._months: defaultdict[tuple[int, int], Amount] = defaultdict(Amount)
        self._to_review: Counter[tuple[int, int]] = Counter()
        self._last_group = 0
        self._last_sample: Sample[ReportRow] | None = None

    def add(self, row: ReportRow) -> None:
        super().add(row)
        self._amounts.add(row.status, row.size_bytes)
        self._kinds.add(row.media_kind, row.size_bytes)
        if row.status in self._left_out:
            self._left_out[row.status].add(_without_names(row.reason), row.size_bytes)
        if row.status in _FILED and row.media_kind in ("image", "video"):
            self._date_sources.add(row.date_source, row.size_bytes)
            month = _month_of(row.capture_date)
            self._months[month].add(row.size_bytes)
            self._to_review[month] += bool(row.review)
        if reason_key := review_reason_key(row):
            self._keep(row, reason_key)

    def _keep(self, row: ReportRow, reason_key: str) -> None:
        """Keep a row. A companion with the same reason as its photo is only counted with it, not shown again."""
        sample = self._last_sample
        if sample and self._last_group == row.group_id and sample.reason_key == reason_key:
            self.samples.add_companion(sample)
        else:
            self._last_group, self._last_sample = row.group_id, self.samples.add(reason_key, row)

    def item(self, sample: Sample[ReportRow]) -> Item:
        """A row with the candidates for its date, the chosen one first, and the other notes of its review column."""
        item, row = super().item(sample), sample.row
        evidence: list[Evidence] = []
        if row.date_source:
            explanation, date = evidence_grade(row.date_source).explanation, clipped(row.capture_date[:10], 40)
            evidence.append(Evidence(clipped(row.date_source, 60), date, explanation, chosen=True))
        remarks: list[str] = []
        for note in row.review.split(notes.NOTE_SEPARATOR) if row.review else []:
            candidates = notes.parse_other_years(note)[:_MAX_CANDIDATES]
            for tag, year in candidates:
                evidence.append(Evidence(clipped(tag, 60), year, evidence_grade(tag).explanation, chosen=False))
            if not candidates:
                remarks.append(clipped(note))
        capture_date = clipped(row.capture_date.replace("T", " "), 40)
        return replace(item, capture_date=capture_date, evidence=evidence, remarks=[*remarks, *item.remarks])

    def _tiles(self) -> list[Tile]:
        filed = sum(self._months.values(), Amount())
        failed, duplicates = self._amounts[ReportStatus.FAILED], self._amounts[ReportStatus.DUPLICATE]
        left_out = failed + self._amounts[ReportStatus.SKIPPED]
        known = count_text(self._amounts[ReportStatus.ALREADY_ARCHIVED].files)
        return [
            amount_tile(
                f"photos and videos {'would be filed' if self._mode == 'report' else 'filed'}", filed, "#calendar"
            ),
            self._attention_tile(f"{count_text(self._total().files)} rows"),
            Tile(
                "saved by storing equal files once",
                size_text(duplicates.size),
                f"{count_text(duplicates.files, 'duplicate')}, {known} in the archive already",
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

    def page(self, run_id: str) -> Page:
        return replace(
            super().page(run_id),
            kinds=[
                Line(_KIND_LABELS.get(kind, "other files"), "", "plain", amount)
                for kind, amount in self._kinds.largest_first()
            ],
            years=self._years(),
            evidence=self._shares(),
            left_out=[
                Line(reason, "failed" if status == _FAILED else "", ORGANIZE_LABELS[status].tone, amount)
                for status, amounts in self._left_out.items()
                for reason, amount in amounts.largest_first()
            ],
            destination_label="Would go to" if self._mode == "report" else "Went to",
        )

    def _years(self) -> list[Year]:
        """The calendar: a line for each year and each gap between years, and a last one for files without a date."""
        by_year: defaultdict[int, Amount] = defaultdict(Amount)
        to_review: Counter[int] = Counter()
        for (number, month), amount in self._months.items():
            by_year[number] += amount
            to_review[number] += self._to_review[number, month]
        fullest_year = max((amount.files for amount in by_year.values()), default=1)
        fullest_month = max((amount.files for (_, month), amount in self._months.items() if month), default=1)
        years: list[Year] = []
        previous = 0
        for number in sorted(by_year, key=lambda number: (number == 0, number)):
            if previous and number > previous + 1:
                gap = str(previous + 1) if number == previous + 2 else f"{previous + 1} to {number - 1}"
                years.append(Year(gap, 0, 0, 0, Amount()))
            amount = by_year[number]
            bar = max(1, math.ceil(_BAR_WIDTH * amount.files / fullest_year))
            look = math.ceil(bar * to_review[number] / amount.files)
            counts = [self._months.get((number, month), Amount()).files for month in range(1, 13)]
            cells = [(files, math.ceil(_HEAT_LEVELS * math.sqrt(files / fullest_month))) for files in counts]
            years.append(Year(str(number or "no date"), bar - look, look, to_review[number], amount, cells))
            previous = number
        return years

    def _shares(self) -> list[Share]:
        """The kinds of evidence, the most trustworthy grade first, and the most frequent first within a grade."""
        total = self._date_sources.total().files
        ranked = [(evidence_grade(source), source, amount) for source, amount in self._date_sources.largest_first()]
        ranked.sort(key=lambda kind: _GRADES.index(kind[0].grade))
        shares: list[Share] = []
        files = 0
        for grade, source, amount in ranked:
            start = round(_BAR_WIDTH * files / total)
            files += amount.files
            width = round(_BAR_WIDTH * files / total) - start
            label = clipped(source, 60) or "none"
            percent = share_text(amount.files, total)
            shares.append(Share(label, grade.explanation, grade.grade, amount, percent, start, width))
        return shares


def _without_names(reason: str) -> str:
    """A reason without the names and days in it."""
    for pattern, general in _REASONS_WITHOUT_NAMES:
        if match := pattern.fullmatch(reason):
            return match.expand(general)
    return clipped(reason, 160) or "no reason is given"


def _month_of(capture_date: str) -> tuple[int, int]:
    """Year and month, or two zeros without a plausible date."""
    match = _DAY.match(capture_date)
    year, month = (int(match[1]), int(match[2])) if match else (0, 0)
    return (year, month) if _FIRST_YEAR <= year <= _LAST_YEAR and 1 <= month <= 12 else (0, 0)
