"""A set of row_ids that takes one bit for each."""

from __future__ import annotations


class RowIds:
    """A set of row_ids in pages of bits: a million consecutive ones take 125 kB."""

    _PAGE_BITS = 1 << 16

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}

    def add(self, row_id: int) -> bool:
        """Add a row_id; return whether it is new."""
        page_number, bit = divmod(row_id, self._PAGE_BITS)
        page = self._pages.setdefault(page_number, bytearray(self._PAGE_BITS // 8))
        index, mask = bit // 8, 1 << (bit % 8)
        if page[index] & mask:
            return False
        page[index] |= mask
        return True

    def __contains__(self, row_id: int) -> bool:
        page_number, bit = divmod(row_id, self._PAGE_BITS)
        page = self._pages.get(page_number)
        return page is not None and bool(page[bit // 8] & (1 << (bit % 8)))
