"""Turns a scan into rows of a report: filters groups, dates them on all cores, and places them in scan order."""

import os
from collections import deque
from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import tee

from common.dates.choose import Rules
from common.dates.fallback import FallbackReader
from common.dates.model import UNDATED, Dated, Source
from common.dates.timezones import resolve_timezone
from common.errors import Interrupted
from common.fileops.temporary import SET_ASIDE_PREFIX, TEMPORARY_PREFIX, is_temporary_name, remove_temporary
from common.filesystems import file_system_of, mount_points
from common.manifests.batching import chunked
from common.manifests.rows import ReportRow
from common.manifests.statuses import ReportStatus
from common.media_types import extension_of, kind_of
from common.organize.config import Options
from common.organize.dating import Dater
from common.organize.dating_pool import DatingPool
from common.organize.destinations import DestinationPlanner
from common.organize.duplicates import IndexedFile
from common.organize.grouping import MediaGroup, is_takeout_name, media_groups
from common.organize.naming import CountedPlaces, NameRegistry
from common.organize.run import OrganizeRun
from common.organize.scan import FolderScan, NotScanned, scan_tree
from common.organize.totals import RunTotals, ScanTotals, count_scanned
from common.paths import join_path, printable

_SKIPPED, _FAILED = ReportStatus.SKIPPED, ReportStatus.FAILED


def plan_source(run: OrganizeRun) -> tuple[ScanTotals, Iterator[list[ReportRow]]]:
    """Scan source and archive, and plan what no earlier call has recorded, group by group. Raises ``Interrupted``."""
    run.console.info(f"scanning {printable(run.source_root)}")
    pool = _open_dating_pool(run)
    folders = _scan_source(run, pool)
    names = NameRegistry()
    places = CountedPlaces(run.archive_root, run.options.layout, mount_points())
    _index_archive(run, {file.size for folder in folders for file in folder.files}, names, places)
    archive_system = file_system_of(run.archive_root)
    destinations = DestinationPlanner(
        duplicates=run.duplicates,
        uncounted=run.uncounted,
        places=places,
        names=names,
        run_id=run.run_id,
        source_root=run.source_root,
        archive_root=run.archive_root,
        archive_id=run.archive_id,
        keep_duplicates=run.options.duplicates == "keep",
        has_dos_names=archive_system.has_dos_names,
        has_late_names=archive_system.is_cached_view,
    )
    for row in run.recorded_rows():
        destinations.add_recorded(row)
        run.totals.add_recorded(row)
    return count_scanned(folders, run.totals), _plan_groups(run, folders, pool, destinations)


def _open_dating_pool(run: OrganizeRun) -> DatingPool:
    """Open a pool that dates by the rules of the command line and is closed with the run."""
    sources = tuple(map(Source, run.options.date_sources))
    rules = Rules(sources, resolve_timezone(run.options.timezone or None), datetime.now(UTC))
    dater = Dater(rules, run.resources.enter_context(FallbackReader()).ask)
    return run.resources.enter_context(DatingPool(dater, run.options.layout, run.jobs))


def _scan_source(run: OrganizeRun, pool: DatingPool) -> deque[FolderScan]:
    """Scan everything below the source except the archive. Raises ``Interrupted``."""
    folders: deque[FolderScan] = deque()
    files = 0
    for folder in scan_tree(run.source_root, {run.archive_root}, run.options.exclude):
        if run.stop():
            raise Interrupted
        folders.append(folder)
        for name in (*folder.system_entries, *folder.excluded_folders):
            run.console.debug(f"left out: {printable(join_path(folder.path, name))}")
        files += len(folder.files)
        pool.expect(files)
    run.disks.require()
    return folders


def _index_archive(run: OrganizeRun, sizes: set[int], names: NameRegistry, places: CountedPlaces) -> None:
    """Register the names in the archive, and index its files of these sizes: only they can equal one in the source.

    Files in places where no copy counts have an index of their own.

    Changes the disk if this run acts: removes temporary files that a killed run left.
    """
    if not os.path.isdir(run.archive_root):
        return
    for folder in scan_tree(run.archive_root):
        for path in (folder.path, *(problem.path for problem in folder.not_scanned)):
            names.add_existing(*os.path.split(path))
        for problem in folder.not_scanned:
            if problem.failed:
                run.console.warning(
                    f"{printable(problem.path)}: {problem.reason}; duplicates of what is in it are not noticed"
                )
        for file in folder.files:
            if is_temporary_name(file.name):
                if run.options.acts:
                    remove_temporary(file.path)
                    run.console.debug(f"removed {printable(file.path)}, left by an interrupted run")
                continue
            names.add_existing(file.folder, file.name)
            if file.size in sizes:
                index = run.uncounted if places.reason_against(file.folder) else run.duplicates
                index.add(file.size, IndexedFile(file.folder, file.name))
    run.disks.require()


def _plan_groups(
    run: OrganizeRun, folders: deque[FolderScan], pool: DatingPool, destinations: DestinationPlanner
) -> Iterator[list[ReportRow]]:
    """Plan the rows of each group in scan order, except those that an earlier call has recorded. Empties ``folders``.

    Groups that share a sidecar form one batch: once it is moved with the first, nothing could date the others.
    """
    options, row_id = run.options, run.totals.rows + 1
    chunks, to_be_dated = tee(chunked(_unrecorded(folders, run.totals), pool.chunk_groups))
    answers = pool.date_all(
        [None if isinstance(entry, NotScanned) or skip_reason(entry, options) else entry for entry in chunk]
        for chunk in to_be_dated
    )
    together: list[ReportRow] = []
    for chunk, decisions in zip(chunks, answers, strict=True):
        for entry, dated in zip(chunk, decisions, strict=True):
            if isinstance(entry, NotScanned):
                rows = [destinations.unscanned(entry, row_id)]
            else:
                status, reason = _unplaced(entry, dated, options)
                group = entry._replace(dated=dated or UNDATED, row_id=row_id)
                rows = destinations.unplaced_group(group, status, reason) if status else destinations.plan(group)
            row_id += len(rows)
            if together and not (isinstance(entry, MediaGroup) and entry.shared_sidecar):
                yield together
                together = []
            together += rows
    if together:
        yield together


def _unplaced(group: MediaGroup, dated: Dated | None, options: Options) -> tuple[str, str]:
    """The status and reason of a group that gets no destination, else two empty strings. Pure.

    ``dated`` is None if the group is left out because of its names.
    """
    if dated is None:
        return _SKIPPED, skip_reason(group, options)
    if dated.failed:
        return _FAILED, dated.failed
    reason = date_skip_reason(dated, options)
    return (_SKIPPED, reason) if reason else ("", "")


def _unrecorded(folders: deque[FolderScan], totals: RunTotals) -> Iterator[MediaGroup | NotScanned]:
    """All groups and unscanned entries, in scan order, except those that an earlier call has recorded."""
    while folders:
        folder = folders.popleft()
        yield from (group for group in media_groups(folder) if not totals.has_recorded(group.primary))
        yield from (problem for problem in folder.not_scanned if not totals.has_recorded(problem))


def skip_reason(group: MediaGroup, options: Options) -> str:
    """Why a group is left out because of its names, or an empty string. Pure."""
    name = group.primary.name
    extension = extension_of(name)
    if group.is_orphan and (extension != ".json" or is_takeout_name(name)):
        return "a companion without its photo or video"
    if options.types and extension not in options.types:
        return f"type {extension or 'without extension'} is not among --types"
    kind = kind_of(name)
    if kind not in ("image", "video"):
        if name.startswith((TEMPORARY_PREFIX, SET_ASIDE_PREFIX)):
            return "left by an interrupted run; run the command that was interrupted again"
        return f"not a media type ({extension or 'no extension'})"
    if options.media_kind not in ("both", kind + "s"):
        return f"--media-kind is {options.media_kind}"
    return ""


def date_skip_reason(dated: Dated, options: Options) -> str:
    """Why a group is left out because of its date, or an empty string. Pure."""
    if not (options.date_from or options.date_to):
        return ""
    if not dated.capture_date:
        return "no believable date, and a date range was asked for"
    day = date.fromisoformat(dated.capture_date[:10])
    if options.date_from and day < options.date_from:
        return f"taken on {day}, before --date-from"
    if options.date_to and day > options.date_to:
        return f"taken on {day}, after --date-to"
    return ""
