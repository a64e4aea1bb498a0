"""How much there is, for people: ``12,345 photos, 310 videos, 82.1 GB``. Changes nothing.

Figures are kept in flat counters, so that a state file can hold them: ``copied`` is a number of rows, and
``copied: bytes`` or ``copied: photos`` is what these rows are about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")
_SEPARATOR = ": "
_KINDS = {"image": "photos", "video": "videos", "sidecar": "companions", "": "other_files"}
KINDS = (*_KINDS.values(), "folders", "bytes")
"""What an amount may tell of, in the order in which it is said."""


def count_text(count: int, one: str = "", many: str = "") -> str:
    """A count with thousands set apart: ``12,345``, or ``1 photo``, ``12,345 photos``."""
    if not one:
        return f"{count:,}"
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def size_text(size: int) -> str:
    """A size as disks are sold, in powers of ten: ``512 bytes``, ``3.4 MB``, ``82.1 GB``."""
    if size < 1000:
        return count_text(size, "byte")
    amount = float(size)
    for unit in _UNITS:
        if amount < 999.5 or unit == _UNITS[-1]:
            return f"{amount:.3g} {unit}" if amount < 100 else f"{amount:,.0f} {unit}"
        amount /= 1000
    raise AssertionError("the last unit holds everything")


def count_file(counts: Counter[str], status: str, media_kind: str, size: int) -> None:
    """Count one file with a status. ``media_kind`` is as in a report, ``size`` in bytes. Changes ``counts``."""
    counts[status] += 1
    counts[f"{status}{_SEPARATOR}{_KINDS.get(media_kind, 'other_files')}"] += 1
    counts[f"{status}{_SEPARATOR}bytes"] += size


def count_folder(counts: Counter[str], status: str) -> None:
    """Count one folder with a status. Changes ``counts``."""
    counts[status] += 1
    counts[f"{status}{_SEPARATOR}folders"] += 1


def rows_of(counts: Mapping[str, int]) -> dict[str, int]:
    """The numbers of rows alone. Pure."""
    return {name: number for name, number in counts.items() if _SEPARATOR not in name}


def amounts_of(counts: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """For each status what its rows are about, by ``KINDS``; what there is none of is left out. Pure."""
    amounts: dict[str, dict[str, int]] = {}
    for status in rows_of(counts):
        amount = {kind: counts.get(f"{status}{_SEPARATOR}{kind}", 0) for kind in KINDS}
        if any(amount.values()):
            amounts[status] = {kind: number for kind, number in amount.items() if number}
    return amounts


def summed(amounts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Several amounts as one. Pure."""
    total: Counter[str] = Counter()
    for amount in amounts:
        total.update(amount)
    return {kind: total[kind] for kind in KINDS if total[kind]}


def amount_text(amount: Mapping[str, int]) -> str:
    """An amount in words: ``12,345 photos, 310 videos, 82.1 GB``. Pure."""
    parts = [
        count_text(amount[kind], kind.replace("_", " ").removesuffix("s"))
        for kind in KINDS
        if kind != "bytes" and amount.get(kind)
    ]
    if amount.keys() != {"folders"}:
        parts.append(size_text(amount.get("bytes", 0)))
    return ", ".join(parts)
