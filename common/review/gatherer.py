"""What the three pages have in common: rows go in one by one, a page and the rows that need a person come out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic

from common.review.gathering import Keeper, Kept, Row
from common.review.model import Item, Page, ReviewFacts


class Gatherer(ABC, Generic[Row]):
    """Gathers the rows of one kind of file in bounded memory. Touches no disk."""

    def __init__(self, most_kept: int) -> None:
        self.keeper: Keeper[Row] = Keeper(most_kept)

    @abstractmethod
    def add(self, row: Row) -> None:
        """Count one row, and keep it if it needs a person."""

    def settle(self) -> None:
        """All rows have been taken."""
        return

    @property
    @abstractmethod
    def order(self) -> Sequence[str]:
        """The keys of the needs in the order in which a person should see them."""

    @abstractmethod
    def item(self, kept: Kept[Row]) -> Item:
        """How the page shows a row."""

    @abstractmethod
    def current_path(self, row: Row) -> str:
        """Where the file of a row is now; empty when the row leads out of its roots, or has no picture."""

    @abstractmethod
    def page(self, run_id: str, facts: ReviewFacts) -> Page:
        """Everything but the items."""
