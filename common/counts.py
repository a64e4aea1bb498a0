"""Counts of rows, files and bytes, and how they are printed: ``12,345 photos, 310 videos, 82.1 GB``. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Self

_UNITS = ("kB", "MB", "GB", "TB", "PB")
_SEPARATOR = ": "
_KINDS = {"image": "photos", "video": "videos", "sidecar": "companions", "": "other_files"}
KINDS = (*_KINDS.values(), "folders", "bytes")
"""The keys of an amount, in the order in which they are printed."""


class Counts:
    """The number of rows of each status, and its amount: files by kind, folders and bytes.

    Other counts, such as ``attention``, have no amount. State files use a flat form, in which
    ``copied`` is a number of rows, and ``copied: bytes`` and ``copied: photos`` are its amount.
    """

    def __init__(self) -> None:
        self._rows: Counter[str] = Counter()
        self._amounts: defaultdict[str, Counter[str]] = defaultdict(Counter)

    @classmethod
    def from_flat(cls, flat: Mapping[str, int]) -> Self:
        """Make counts from the form that ``to_flat`` returns."""
        counts = cls()
        for key, number in flat.items():
            name, _, kind = key.partition(_SEPARATOR)
            if kind:
                counts._amounts[name][kind] += number
            else:
                counts._rows[name] += number
        return counts

    def to_flat(self) -> dict[str, int]:
        """The non-zero counts in the flat form of state files."""
        flat = dict(self.rows)
        for name, amount in self._amounts.items():
            flat.update((f"{name}{_SEPARATOR}{kind}", number) for kind, number in amount.items() if number)
        return flat

    def add(self, name: str, number: int = 1) -> None:
        """Count rows without an amount."""
        self._rows[name] += number

    def add_file(self, status: str, media_kind: str, size: int) -> None:
        """Count one file. ``media_kind`` is the column of a report, ``size`` is in bytes."""
        self._rows[status] += 1
        amount = self._amounts[status]
        amount[_KINDS.get(media_kind, "other_files")] += 1
        amount["bytes"] += size

    def add_folder(self, status: str) -> None:
        """Count one folder."""
        self._rows[status] += 1
        self._amounts[status]["folders"] += 1

    def __getitem__(self, name: str) -> int:
        return self._rows[name]

    def __add__(self, other: Self) -> Self:
        merged = type(self)()
        for counts in (self, other):
            merged._rows.update(counts._rows)
            for name, amount in counts._amounts.items():
                merged._amounts[name].update(amount)
        return merged

    @property
    def rows(self) -> dict[str, int]:
        """The non-zero numbers of rows."""
        return {name: number for name, number in self._rows.items() if number}

    @property
    def amounts(self) -> dict[str, dict[str, int]]:
        """The amount of each status with rows, in the order of ``KINDS``, without zeros."""
        amounts = {name: summed([self._amounts[name]]) for name in self.rows if name in self._amounts}
        return {name: amount for name, amount in amounts.items() if amount}


def count_text(count: int, one: str = "", many: str = "") -> str:
    """A count with a thousands separator: ``12,345``, or ``1 photo``, ``12,345 photos``."""
    if not one:
        return f"{count:,}"
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def size_text(size: int) -> str:
    """A size in powers of ten, as disks are sold: ``512 bytes``, ``3.4 MB``, ``82.1 GB``."""
    if size < 1000:
        return count_text(size, "byte")
    amount, unit = size / 1000, 0
    while amount >= 999.5 and unit < len(_UNITS) - 1:
        amount /= 1000
        unit += 1
    return f"{amount:.3g} {_UNITS[unit]}" if amount < 100 else f"{amount:,.0f} {_UNITS[unit]}"


def summed(amounts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The sum of several amounts, in the order of ``KINDS``, without zeros."""
    total: Counter[str] = Counter()
    for amount in amounts:
        total.update(amount)
    return {kind: total[kind] for kind in KINDS if total[kind]}


def amount_text(amount: Mapping[str, int]) -> str:
    """An amount as it is printed: ``12,345 photos, 310 videos, 82.1 GB``."""
    parts = [
        count_text(amount[kind], kind.replace("_", " ").removesuffix("s"))
        for kind in KINDS
        if kind != "bytes" and amount.get(kind)
    ]
    if amount.keys() != {"folders"}:
        parts.append(size_text(amount.get("bytes", 0)))
    return ", ".join(parts)
