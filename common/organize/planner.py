"""From what a scan found to the rows of a report: groups are dated on all cores, and placed in scan order.

Reads the files that are dated, and changes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import tee

from common.dates.model import UNDATED, Dated
from common.manifests.batching import chunked
from common.manifests.rows import ReportRow
from common.media_types import kind_of
from common.organize.dating_pool import DatingPool, DatingRequest
from common.organize.destinations import DestinationPlanner
from common.organize.filters import MediaFilter, date_skip_reason, skip_reason
from common.organize.grouping import media_groups
from common.organize.model import FolderScan, MediaGroup, Member, NotScanned
from common.organize.totals import RunTotals


@dataclass(frozen=True)
class ReportPlanner:
    """What decides about one group after the other."""

    selection: MediaFilter
    planner: DestinationPlanner
    pool: DatingPool

    def rows_of(self, folders: deque[FolderScan], tally: RunTotals) -> Iterator[list[ReportRow]]:
        """The rows of one group after the other, in scan order; what the tally knows already is left out.

        Groups that share a sidecar come as one: once it is moved away with the first, nothing dates the others.
        Takes the folders out of the queue: what was planned need not be kept in memory twice.
        """
        row_id = tally.rows + 1
        chunks, to_be_dated = tee(chunked(_fresh_work(folders, tally), self.pool.chunk_groups))
        answers = self.pool.date_all([self._question(one) for one in chunk] for chunk in to_be_dated)
        together: list[ReportRow] = []
        for chunk, decisions in zip(chunks, answers, strict=True):
            for one, dated in zip(chunk, decisions, strict=True):
                if isinstance(one, NotScanned):
                    rows = [self.planner.unscanned(one, row_id)]
                else:
                    rows = self._plan_group(one, dated, row_id)
                row_id += len(rows)
                if together and not (isinstance(one, MediaGroup) and one.shared_sidecar):
                    yield together
                    together = []
                together += rows
        if together:
            yield together

    def _question(self, one: MediaGroup | NotScanned) -> DatingRequest | None:
        if isinstance(one, NotScanned) or skip_reason(one, self.selection):
            return None
        return DatingRequest(one.primary, one.companions, one.shared_sidecar)

    def _plan_group(self, found: MediaGroup, dated: Dated | None, first_row_id: int) -> list[ReportRow]:
        """The rows of one group. ``dated`` is None when the group was left out before its date was read."""
        members = [
            Member(file, kind_of(file.name), row_id, first_row_id, dated or UNDATED)
            for row_id, file in enumerate((found.primary, *found.companions), first_row_id)
        ]
        if dated is None:
            return self.planner.unplaced_group(members, "skipped", skip_reason(found, self.selection))
        if dated.failed:
            return self.planner.unplaced_group(members, "failed", dated.failed)
        if reason := date_skip_reason(self.selection, dated):
            return self.planner.unplaced_group(members, "skipped", reason)
        return self.planner.plan(members)


def _fresh_work(folders: deque[FolderScan], tally: RunTotals) -> Iterator[MediaGroup | NotScanned]:
    """All groups and all that could not be scanned, in scan order, but for what is recorded already."""
    while folders:
        folder = folders.popleft()
        for group in media_groups(folder):
            if not tally.knows(group.primary):
                yield group
        for problem in folder.not_scanned:
            if not tally.knows(problem):
                yield problem
