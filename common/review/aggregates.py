"""Sums and samples of rows that are seen once and can't all be kept: a million rows cost no more than a few. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Row = TypeVar("Row")

OTHERS = "other reasons"


@dataclass(slots=True)
class Amount:
    """A number of files and the bytes in them, growing."""

    files: int = 0
    size: int = 0

    def add(self, size: int) -> None:
        self.files += 1
        self.size += size


class AmountTable:
    """Amounts under headings. There are never more than ``most`` headings: what comes later is under ``OTHERS``."""

    def __init__(self, most: int = 100) -> None:
        self._most = most
        self._amounts: dict[str, Amount] = {}

    def add(self, heading: str, size: int) -> None:
        """Count one file of ``size`` bytes."""
        if heading not in self._amounts and len(self._amounts) >= self._most:
            heading = OTHERS
        self._amounts.setdefault(heading, Amount()).add(size)

    def __getitem__(self, heading: str) -> Amount:
        return self._amounts.get(heading) or Amount()

    def largest_first(self) -> Iterator[tuple[str, Amount]]:
        """All headings, those with the most files first."""
        yield from sorted(self._amounts.items(), key=lambda item: (-item[1].files, item[0]))

    def total(self) -> Amount:
        """The sum over all headings."""
        amounts = self._amounts.values()
        return Amount(sum(amount.files for amount in amounts), sum(amount.size for amount in amounts))


@dataclass(slots=True)
class Sample(Generic[Row]):
    """A row that needs a person, why (the key of a need), and how many companions share its question."""

    row: Row
    need: str
    companions: int = 0


class SampleCollector(Generic[Row]):
    """Counts the rows of each need and keeps the first ones of each, since no page holds a million rows."""

    def __init__(self, most_each: int) -> None:
        self._most_each = most_each
        self._kept: dict[str, list[Sample[Row]]] = {}
        self.counts: Counter[str] = Counter()

    def add(self, need: str, row: Row) -> Sample[Row]:
        """Count a row, and keep it if there is room. What is returned can be given companions either way."""
        kept = Sample(row, need)
        rows = self._kept.setdefault(need, [])
        if len(rows) < self._most_each:
            rows.append(kept)
        self.counts[need] += 1
        return kept

    def add_companion(self, kept: Sample[Row]) -> None:
        """Count a row that asks the same question as one before it."""
        kept.companions += 1
        self.counts[kept.need] += 1

    def chosen(self, order: Sequence[str], most: int) -> list[Sample[Row]]:
        """At most ``most`` rows, a fair share of each need, in the order of the needs."""
        shares = fair_shares({need: len(rows) for need, rows in self._kept.items()}, most)
        return [kept for need in order if need in shares for kept in self._kept[need][: shares[need]]]


def fair_shares(wanted: Mapping[str, int], total: int) -> dict[str, int]:
    """Divide ``total`` so that small wishes are met in full and the large ones share equally what is left.

    >>> fair_shares({"failed": 3, "weak": 90, "collision": 50}, 43)
    {'failed': 3, 'collision': 20, 'weak': 20}
    """
    shares: dict[str, int] = {}
    for number, (name, count) in enumerate(sorted(wanted.items(), key=lambda item: item[1])):
        shares[name] = min(count, total // (len(wanted) - number))
        total -= shares[name]
    return shares
