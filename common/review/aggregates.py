"""Amounts and samples from a single pass over rows: a million rows take no more memory than a few. Pure."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

Row = TypeVar("Row")

OTHER_REASONS = "other reasons"


@dataclass(slots=True)
class Amount:
    """A growing number of files and of the bytes in them."""

    files: int = 0
    size: int = 0

    def add(self, size: int) -> None:
        self.files += 1
        self.size += size

    def __add__(self, other: Self) -> Self:
        return type(self)(self.files + other.files, self.size + other.size)


class AmountTable(dict[str, Amount]):
    """Amounts by heading: at most ``limit`` headings, and ``OTHER_REASONS`` for the rest."""

    def __init__(self, limit: int = 100) -> None:
        super().__init__()
        self._limit = limit

    def __missing__(self, heading: str) -> Amount:
        return Amount()

    def add(self, heading: str, size: int) -> None:
        """Count one file of ``size`` bytes."""
        if heading not in self and len(self) >= self._limit:
            heading = OTHER_REASONS
        self.setdefault(heading, Amount()).add(size)

    def largest_first(self) -> list[tuple[str, Amount]]:
        """All headings, those with the most files first."""
        return sorted(self.items(), key=lambda item: (-item[1].files, item[0]))

    def total(self) -> Amount:
        """The sum over all headings."""
        return sum(self.values(), Amount())


@dataclass(slots=True)
class Sample(Generic[Row]):
    """A row that a person should look at, the key of the reason, and the number of companions with the same reason."""

    row: Row
    reason_key: str
    companions: int = 0


class SampleCollector(Generic[Row]):
    """Counts the rows for each reason to look, and keeps the first of them, since no page can hold a million rows."""

    def __init__(self, limit_per_reason: int) -> None:
        self._limit_per_reason = limit_per_reason
        self._samples: defaultdict[str, list[Sample[Row]]] = defaultdict(list)
        self.counts: Counter[str] = Counter()

    def add(self, reason_key: str, row: Row) -> Sample[Row]:
        """Count a row, and keep it if there is room. Companions can be added to the sample either way."""
        sample = Sample(row, reason_key)
        if len(self._samples[reason_key]) < self._limit_per_reason:
            self._samples[reason_key].append(sample)
        self.counts[reason_key] += 1
        return sample

    def add_companion(self, sample: Sample[Row]) -> None:
        """Count a row that needs a look for the same reason as an earlier row of its group."""
        sample.companions += 1
        self.counts[sample.reason_key] += 1

    def select(self, reason_keys: Sequence[str], limit: int) -> list[Sample[Row]]:
        """At most ``limit`` samples, a fair share for each reason, in the order of ``reason_keys``."""
        shares = fair_shares({key: len(samples) for key, samples in self._samples.items()}, limit)
        return [sample for key in reason_keys if key in shares for sample in self._samples[key][: shares[key]]]


def fair_shares(wanted: Mapping[str, int], total: int) -> dict[str, int]:
    """Divide ``total``: small requests are met in full, and the larger ones share the rest equally.

    >>> fair_shares({"failed": 3, "weak": 90, "collision": 50}, 43)
    {'failed': 3, 'collision': 20, 'weak': 20}
    """
    shares: dict[str, int] = {}
    for number, (name, count) in enumerate(sorted(wanted.items(), key=lambda item: item[1])):
        shares[name] = min(count, total // (len(wanted) - number))
        total -= shares[name]
    return shares
