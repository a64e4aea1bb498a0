#!/usr/bin/env python3
"""Stage 1: find when each photo and video was taken, and report, copy or move it into an archive by year."""

from __future__ import annotations

if __name__ == "__main__":
    from common.cli.startup import prepare_process

    prepare_process()

import argparse
import gc
import os
import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from common import archive
from common.cli.console import Console
from common.cli.options import (
    CommonOptions,
    add_common_options,
    common_options,
    make_parser,
    parse_arguments,
    require_distinct_paths,
    require_folder,
    rerun_command,
    resolve_jobs,
)
from common.cli.progress import Progress
from common.cli.review import with_review_page
from common.cli.run import run_stage
from common.cli.shell import script_command
from common.cli.signals import StopRequest
from common.cli.summary import Summary, counts_and_amounts
from common.counts import count_text
from common.errors import BadInput, ExitCode, Interrupted, StoppedEarly, explain_os_error
from common.fileops.context import DiskAccess
from common.fileops.folders import make_folders
from common.fileops.locking import Lock
from common.fileops.mounts import SameDirectoryCheck
from common.fileops.temporary import is_temporary_name, remove_temporary
from common.manifests.batching import row_batches
from common.manifests.integrity import file_digest
from common.manifests.outputs import require_finished
from common.manifests.row_ids import RowIds
from common.manifests.rows import ReportRow
from common.manifests.state import SUFFIX
from common.media_types import QUARANTINE_FOLDER
from common.organize.destinations import DestinationPlanner
from common.organize.duplicates import DuplicateIndex, IndexedFile
from common.organize.edited_report import EditedReport, edited_rows, survey_report
from common.organize.executor import CopyExecutor
from common.organize.filters import MediaFilter
from common.organize.model import FolderScan, RunFacts
from common.organize.naming import NameRegistry
from common.organize.option_types import (
    SOURCES,
    parse_date_sources,
    parse_day,
    parse_layout,
    parse_timezone,
    parse_types,
)
from common.organize.scan import ScanRules, scan_tree
from common.organize.session import OrganizeSession, archive_of, find_report, open_organize_session
from common.organize.totals import STATUSES, UNFIXABLE, RunTotals, ScanTotals, count_scanned
from common.paths import is_inside, join_path, printable
from common.review.organize_page import OrganizeCollector
from common.run_id import new_run_id
from common.stages import Stage

if TYPE_CHECKING:
    from common.organize.dating_pool import DatingPool
    from common.organize.planner import ReportPlanner

MOST_NAMED = 3


EXAMPLES = """
what it changes: report and --dry-run change nothing but the report; copy adds files to the archive;
move also takes them out of the source. Nothing is ever overwritten, duplicates stay in the source.

examples:
  python3 organize_media_by_date.py --source /media/old-disk --destination-root /mnt/archive
  python3 organize_media_by_date.py --source /media/old-disk --destination-root /mnt/archive --mode copy

next: python3 verify_media_archive.py --input-csv report.csv
"""


# --- parse -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Options:
    """The command line of this script, checked."""

    source: str
    destination_root: str
    mode: str
    dry_run: bool
    selection: MediaFilter
    report_csv: str
    layout: str
    date_sources: tuple[str, ...]
    timezone: str
    duplicates: str
    exclude: tuple[str, ...]
    from_report: str
    common: CommonOptions

    @property
    def writes_report(self) -> bool:
        """Whether this run makes a report: not where it only looks at one."""
        return not self.dry_run and not (self.from_report and self.mode == "report")

    @property
    def acts(self) -> bool:
        """Whether this run changes the archive."""
        return self.mode != "report" and not self.dry_run


def command_line() -> argparse.ArgumentParser:
    """The options of this script."""
    parser = make_parser(
        "Find when each photo and video was taken, and report, copy or move it into an archive by year.", EXAMPLES
    )
    main = parser.add_argument_group("what to do")
    main.add_argument("--source", default="", metavar="DIR", help="folder to organize, with all below it")
    main.add_argument("--destination-root", default="", metavar="DIR", help="root of the archive")
    main.add_argument("--mode", choices=("report", "copy", "move"), default="report", help="default: report")
    main.add_argument("--dry-run", action="store_true", help="print the plan and write nothing at all")
    main.add_argument("--report-csv", default="", metavar="PATH", help="default: ./report-<time>-<run>.csv")
    main.add_argument("--from-report", default="", metavar="PATH", help="carry out a report that you have reviewed")
    which = parser.add_argument_group("which files")
    which.add_argument("--media-kind", choices=("images", "videos", "both"), default="both", help="default: both")
    which.add_argument(
        "--types", type=parse_types, default=(), metavar=".jpg,.mov", help="these instead of all known types"
    )
    which.add_argument("--date-from", type=parse_day, metavar="YYYY-MM-DD", help="taken on this day or later")
    which.add_argument("--date-to", type=parse_day, metavar="YYYY-MM-DD", help="taken on this day or earlier")
    which.add_argument("--exclude", action="append", default=[], metavar="GLOB", help="leave out; may be repeated")
    how = parser.add_argument_group("how to file them")
    how.add_argument(
        "--layout",
        type=parse_layout,
        default="%Y",
        metavar="PATTERN",
        help="folders, by strftime (default: %%Y)",
    )
    how.add_argument(
        "--duplicates", choices=("skip", "keep"), default="skip", help="store equal files once (default: skip)"
    )
    how.add_argument(
        "--date-sources",
        type=parse_date_sources,
        default=SOURCES,
        metavar="LIST",
        help=f"evidence to believe, best first; leave one out to ignore it (default: {','.join(SOURCES)})",
    )
    how.add_argument(
        "--timezone",
        type=parse_timezone,
        default="",
        metavar="ZONE",
        help="where videos with UTC times were taken (IANA name)",
    )
    add_common_options(parser)
    return parser


def parse(argv: Sequence[str] | None) -> Options:
    """Check a command line. Ends the process with exit code 2 and one sentence when it can't be used."""
    parser = command_line()
    parsed = parse_arguments(parser, argv)
    if parsed.date_from and parsed.date_to and parsed.date_from > parsed.date_to:
        parser.error("--date-from is later than --date-to")
    if parsed.review_html and parsed.dry_run:
        parser.error("--review-html shows a report, and --dry-run writes none")
    if not parsed.from_report and not (parsed.source and parsed.destination_root):
        parser.error("--source and --destination-root are required (or --from-report, which has them)")
    if parsed.from_report and parsed.mode == "report" and parsed.report_csv:
        parser.error("--from-report without --mode copy or move only looks at the plan, and writes no --report-csv")
    if parsed.from_report:
        decided = "media_kind types date_from date_to layout date_sources timezone duplicates exclude"
        for name in decided.split():
            if getattr(parsed, name) != parser.get_default(name):
                parser.error(f"--{name.replace('_', '-')} was decided when the report was made; not with --from-report")
    return Options(
        source=parsed.source,
        destination_root=parsed.destination_root,
        mode=parsed.mode,
        dry_run=parsed.dry_run,
        selection=MediaFilter(parsed.media_kind, parsed.types, parsed.date_from, parsed.date_to),
        report_csv=parsed.report_csv,
        layout=parsed.layout,
        date_sources=parsed.date_sources,
        timezone=parsed.timezone,
        duplicates=parsed.duplicates,
        exclude=tuple(parsed.exclude),
        from_report=os.path.abspath(parsed.from_report) if parsed.from_report else "",
        common=common_options(parsed),
    )


# --- config ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Roots:
    """The two roots by their real paths."""

    source: str
    archive: str


def check_roots(options: Options) -> Roots:
    """Find the roots and refuse those that overlap in a dangerous way. Changes nothing."""
    source = require_folder(os.path.abspath(options.source), "--source")
    root = os.path.realpath(os.path.abspath(options.destination_root))
    if os.path.lexists(root) and not os.path.isdir(root):
        raise BadInput(f"{printable(root)}: --destination-root is not a folder; name another")
    for folder, option in ((source, "--source"), (root, "--destination-root")):
        if os.path.isfile(os.path.join(folder, QUARANTINE_FOLDER)):
            raise BadInput(
                f"{printable(folder)} is a quarantine, into which no scan looks (its journal with --restore brings "
                f"files back); name another {option}"
            )
    parent = os.path.dirname(root)
    if not os.path.isdir(root) and not os.path.isdir(parent):
        what = "is no folder" if os.path.lexists(parent) else "does not exist: mount the disk, or make the folder first"
        raise BadInput(f"{printable(parent)} {what}")
    if source == root or (os.path.isdir(root) and os.path.samefile(source, root)):
        raise BadInput(f"{printable(source)}: source and archive are the same folder; name another --destination-root")
    if is_inside(source, root):
        raise BadInput(
            f"{printable(source)}: the source lies inside the archive {printable(root)}; name another "
            "--destination-root"
        )
    return Roots(source, root)


@dataclass(frozen=True)
class Run:
    """What is known before anything is read."""

    options: Options
    roots: Roots
    console: Console
    begins_archive: bool
    """Whether no archive is there yet: what looks like a new one may be the empty mount point of another."""


def settings_of(options: Options, roots: Roots) -> dict[str, str]:
    """What a later call must repeat to go on with an unfinished report."""
    return {
        "mode": options.mode,
        "source_root": roots.source,
        "archive_root": roots.archive,
        "media_kind": options.selection.media_kind,
        "types": ",".join(options.selection.types),
        "date_from": str(options.selection.date_from or ""),
        "date_to": str(options.selection.date_to or ""),
        "layout": options.layout,
        "date_sources": ",".join(options.date_sources),
        "timezone": options.timezone,
        "duplicates": options.duplicates,
        "exclude": "\n".join(options.exclude),
        "from_report": file_digest(options.from_report) if options.from_report else "",
    }


# --- read ------------------------------------------------------------------------------------------


def scan_source(run: Run, pool: DatingPool, stop: StopRequest) -> deque[FolderScan]:
    """Everything below the source but the archive, if it lies inside. Changes nothing. Raises ``Interrupted``."""
    roots, options = run.roots, run.options
    folders: deque[FolderScan] = deque()
    files = 0
    for folder in scan_tree(roots.source, ScanRules(skip_folders={roots.archive}, exclude=options.exclude)):
        if stop():
            raise Interrupted
        folders.append(folder)
        for name in (*folder.system_entries, *folder.excluded_folders):
            run.console.debug(f"left out: {printable(join_path(folder.path, name))}")
        files += len(folder.files)
        pool.expect(files)
    return folders


def index_archive(run: Run, sizes: set[int], names: NameRegistry, contents: DuplicateIndex) -> None:
    """Learn the names in the archive, and the contents that could be those of source files.

    A run that acts holds the archive's lock, and removes temporary files that a killed run left.
    """
    if not os.path.isdir(run.roots.archive):
        return
    for folder in scan_tree(run.roots.archive, ScanRules()):
        for taken in (folder.path, *(problem.path for problem in folder.not_scanned)):
            names.add_existing(*os.path.split(taken))
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
                contents.add(file.size, IndexedFile(file.folder, file.name))


# --- the story -------------------------------------------------------------------------------------


def organize(options: Options, console: Console, stop: StopRequest) -> Summary:
    """Scan, or read a reviewed report; decide, act, record and sum up."""
    # Files by the million are kept, and none in a circle: looking for circles seldom saves a tenth of the time.
    gc.set_threshold(100_000)
    edited = None
    if options.from_report:
        require_finished(options.from_report)
        edited = survey_report(options.from_report)
        options = with_roots_of(edited, options)
    roots = check_roots(options)
    options = replace(options, common=resolve_jobs(options.common, console.debug, (roots.source, roots.archive)))
    run = Run(options, roots, console, begins_archive=not archive.read_archive_id(roots.archive))
    settings = settings_of(options, roots)
    run_id = edited.run_id if edited else new_run_id()
    report_path, unfinished = find_report(options.report_csv, settings, run_id) if options.writes_report else ("", None)
    require_distinct_paths(options.common, (report_path, report_path + SUFFIX))
    with ExitStack() as stack:
        known = archive_of(unfinished) or (edited.archive_id if edited else "")
        archive_id = prepare_archive(options, roots, known, stack)
        if run.begins_archive and options.acts:
            console.info(f"a new archive is begun: {printable(roots.archive)}")
        session = None
        if options.writes_report:
            session = open_organize_session(report_path, settings, archive_id, run_id, stack)
            run_id = session.state.run_id
            console.debug(f"report: {printable(session.report_path)}")
            finish_pending(session, options, stop)

        facts = RunFacts(run_id, roots.source, roots.archive, archive_id, options.duplicates == "keep")
        names = NameRegistry()
        contents = DuplicateIndex(
            lambda path, error: console.warning(f"{printable(path)}: cannot compare it: {describe_error(error)}")
        )
        planner = DestinationPlanner(facts, contents, names)
        totals = RunTotals(Counter(), set())
        if edited:
            done = load_recorded_ids(session, totals)
            groups = edited_rows(edited, archive_id, done)
            scan_totals = ScanTotals(edited.rows, edited.planned_bytes)
        else:
            console.info(f"scanning {printable(roots.source)}")
            planning = make_planning(options, planner, stack)
            folders = scan_source(run, planning.pool, stop)
            index_archive(run, {file.size for folder in folders for file in folder.files}, names, contents)
            if session:
                resume_from(session, planner, totals)
            scan_totals = count_scanned(folders, totals)
            groups = planning.rows_of(folders, totals)

        progress = stack.enter_context(
            Progress(
                options.mode,
                scan_totals.entries,
                scan_totals.media_bytes if options.acts else None,
                options.common,
                done_files=totals.rows,
                done_bytes=totals.bytes,
            )
        )
        disk = DiskAccess(progress, stop)
        executor = CopyExecutor(disk, mode=options.mode, jobs=options.common.jobs)
        for batch in row_batches(groups, options.acts):
            if stop():
                raise Interrupted
            if console.debug_enabled:
                for row in batch:
                    console.debug(format_row(row.status, row))
            if options.dry_run and not (options.common.json or options.common.quiet):
                print_plan(batch, options.mode)
            done_rows = carry_out(batch, session, planner, executor, options) if session else batch
            for row in done_rows:
                if row.status == "failed":
                    console.warning(f"{printable(row.source_path)}: {row.reason}")
            totals.add(done_rows)
            progress.reach(totals.rows, totals.bytes)
        if session:
            session.checkpoint(complete=True)
        summary = summarize(run, session, scan_totals, totals, disk.unsupported_attributes)
        return with_review_page(
            summary, options.common.review_html, OrganizeCollector, rows_for_review(session, edited)
        )


def rows_for_review(session: OrganizeSession | None, edited: EditedReport | None) -> Iterator[ReportRow]:
    """The rows that the review page shows: those of the report that was written, or else that was looked at."""
    if session:
        yield from session.recorded_rows()
    elif edited:
        for group in edited_rows(edited, "", RowIds()):
            yield from group


def with_roots_of(edited: EditedReport, options: Options) -> Options:
    """The options with the roots of the reviewed report; raises ``BadInput`` when others were given."""
    for option, given, root in (
        ("--source", options.source, edited.source_root),
        ("--destination-root", options.destination_root, edited.archive_root),
    ):
        if given and os.path.realpath(os.path.abspath(given)) != os.path.realpath(root):
            raise BadInput(
                f"{printable(edited.path)} is a report with {option} {printable(root)}; leave the option out"
            )
    return replace(options, source=edited.source_root, destination_root=edited.archive_root)


def prepare_archive(options: Options, roots: Roots, known: str, stack: ExitStack) -> str:
    """The archive_id; for a run that acts, the archive is founded if it is new, locked, and proved to be no alias.

    ``known`` is the archive_id of what this run goes on with: then it must be there, and none is founded in its place.
    """
    if not options.acts:
        return known or archive.read_archive_id(roots.archive)
    if known:
        require_known_archive(options, roots, known)
    try:
        make_folders(roots.archive)
    except OSError as error:
        raise BadInput(f"{printable(roots.archive)}: cannot make the archive: {explain_os_error(error)}") from None
    stack.enter_context(Lock(os.path.join(roots.archive, archive.LOCK)))
    if SameDirectoryCheck().same_directory(roots.source, roots.archive):
        raise BadInput(
            f"{printable(roots.source)} and {printable(roots.archive)} show the same folder (a mount of one on the "
            "other); name another --destination-root"
        )
    return archive.create_archive(roots.archive)


def require_known_archive(options: Options, roots: Roots, known: str) -> None:
    """Raise ``StoppedEarly`` unless the archive that this run goes on with is there."""
    try:
        archive.require_archive(roots.archive, known)
    except StoppedEarly as error:
        what = "make a new plan" if options.from_report else "name another --report-csv"
        raise StoppedEarly(f"{error} (to begin anew with what is there, {what})") from None


def finish_pending(session: OrganizeSession, options: Options, stop: StopRequest) -> None:
    """Finish the batch that was under way when an earlier call was killed, before anything is scanned."""
    pending = [session.decode_pending(values) for values in session.state.pending]
    if pending and options.acts:
        size = sum(row.size_bytes for row in pending)
        with Progress("finish", len(pending), size, options.common) as progress:
            executor = CopyExecutor(DiskAccess(progress, stop), mode=options.mode, jobs=options.common.jobs)
            session.record(store(executor, pending, session, again=True))
        session.checkpoint()


def resume_from(session: OrganizeSession, planner: DestinationPlanner, totals: RunTotals) -> None:
    """Learn what the report holds already."""
    for row in session.recorded_rows():
        planner.resume_from(row)
        totals.load_recorded(row)


def load_recorded_ids(session: OrganizeSession | None, totals: RunTotals) -> RowIds:
    """The rows of a reviewed report that an earlier call has recorded."""
    done = RowIds()
    for row in session.recorded_rows() if session else ():
        done.add(row.row_id)
        totals.add([row])
    return done


def make_planning(options: Options, planner: DestinationPlanner, stack: ExitStack) -> ReportPlanner:
    """Who dates and places what is scanned, by the rules of the command line; the stack ends its processes."""
    from common.dates.choose import Rules  # noqa: PLC0415 - none of these is needed to show --help
    from common.dates.fallback import FallbackReader  # noqa: PLC0415 - see above
    from common.dates.model import Source  # noqa: PLC0415 - see above
    from common.dates.timezones import resolve_timezone  # noqa: PLC0415 - see above
    from common.organize.dating import Dater  # noqa: PLC0415 - see above
    from common.organize.dating_pool import DatingPool  # noqa: PLC0415 - see above
    from common.organize.planner import ReportPlanner  # noqa: PLC0415 - see above

    order = tuple(Source(name) for name in options.date_sources)
    rules = Rules(order, resolve_timezone(options.timezone or None), datetime.now(UTC))
    dater = Dater(rules, stack.enter_context(FallbackReader()))
    pool = stack.enter_context(DatingPool(dater, options.layout, options.common.jobs))
    return ReportPlanner(options.selection, planner, pool)


def carry_out(
    batch: list[ReportRow],
    session: OrganizeSession,
    planner: DestinationPlanner,
    executor: CopyExecutor,
    options: Options,
) -> list[ReportRow]:
    """Do what was planned, if this run acts, and record it durably."""
    if options.acts:
        session.checkpoint(pending=batch)
        batch = store(executor, batch, session, again=False)
        for row in batch:
            if row.status == "failed":
                planner.withdraw(row)
    elif has_failed(batch):
        require_disks(session, acts=False)
    session.record(batch)
    if not options.acts:
        session.checkpoint()
    return batch


def store(executor: CopyExecutor, batch: list[ReportRow], session: OrganizeSession, again: bool) -> list[ReportRow]:
    """Carry out a batch. Changes the disk. Raises ``StoppedEarly``, also where a disk went away meanwhile."""
    try:
        done = executor.apply_batch(batch, again)
    except StoppedEarly:
        require_disks(session, acts=True)  # which tells what to do about it
        raise
    if has_failed(done):
        require_disks(session, acts=True)
    return done


def has_failed(rows: Iterable[ReportRow]) -> bool:
    return any(row.status == "failed" for row in rows)


def describe_error(error: Exception) -> str:
    """An error of the system, or one of ours, in plain words."""
    return explain_os_error(error) if isinstance(error, OSError) else str(error)


def require_disks(session: OrganizeSession, acts: bool) -> None:
    """Raise ``StoppedEarly`` where a disk is gone: its files are not missing, and no row may say so. Reads the disk."""
    settings = session.state.settings
    archive.require_source(settings["source_root"])
    if acts:
        archive.require_archive(settings["archive_root"], archive_of(session.state))


def print_plan(rows: Iterable[ReportRow], mode: str) -> None:
    for row in rows:
        what = f"would {mode}" if row.status == "planned" and mode != "report" else row.status
        print(format_row(what, row))


def format_row(what: str, row: ReportRow) -> str:
    """What a person is told of one row: where from, where to, and why."""
    where = f" -> {printable(row.destination_path)}" if row.destination_path else ""
    return f"{what}: {printable(row.source_path)}{where}{f' ({row.reason})' if row.reason else ''}"


def summarize(
    run: Run,
    session: OrganizeSession | None,
    scan_totals: ScanTotals,
    totals: RunTotals,
    unsupported_attributes: set[str],
) -> Summary:
    """The counts, whether they add up, and what to do next."""
    options, roots = run.options, run.roots
    counts, amounts = counts_and_amounts("scanned", totals.counts, {status: status for status in STATUSES})
    notes = []
    if totals.counts["review"]:
        notes.append(f"to look at: {count_text(totals.counts['review'], 'row')} with a review column that is not empty")
    if counts.get("failed"):
        notes.append(f"failed: {count_text(counts['failed'], 'row')}; the reason column tells why")
    if totals.counts["without ffprobe"] and not options.from_report:
        notes.append(without_ffprobe(totals.counts["without ffprobe"], not options.acts))
    if scan_totals.system_entries:
        notes.append(f"left out: {system_entries_text(scan_totals.system_entries)}")
    if scan_totals.excluded_folders:
        notes.append(f"left out: {count_text(scan_totals.excluded_folders, 'folder')} by --exclude")
    if not scan_totals.entries:
        notes.append(f"there is nothing in {printable(roots.source)}: is its disk mounted?")
    if archive.is_archive(roots.source):
        notes.append(f"THE SOURCE IS AN ARCHIVE ITSELF: {printable(roots.source)}")
    for what, root in (("source", roots.source), ("archive", roots.archive)):
        if around := archive.enclosing_archive(root):
            notes.append(f"THE {what.upper()} LIES IN ANOTHER ARCHIVE: {printable(around)}")
    if options.dry_run and options.from_report:
        notes.append("the archive was not looked at: what stands there under these names will not be stored again")
    if run.begins_archive:
        begun = "a new archive was begun" if options.acts else "copy or move will begin a new archive"
        notes.append(f"{begun}: {printable(roots.archive)}")
    if unsupported_attributes:
        notes.append(f"the archive's file system can't hold: {', '.join(sorted(unsupported_attributes))}")
    exit_code = ExitCode.ATTENTION if counts.get("failed") else ExitCode.OK
    if scan_totals.entries != totals.rows:
        notes.append(
            f"THE COUNTS DO NOT ADD UP: {scan_totals.entries:,} found, {totals.rows:,} in the report; please report "
            "this"
        )
        exit_code = ExitCode.ATTENTION
    what = {"report": "planned", "copy": "copied", "move": "moved"}[options.mode]
    what = f"{options.mode} (dry run)" if options.dry_run else what
    return Summary(
        tool=Stage.ORGANIZE,
        action=options.mode,
        dry_run=options.dry_run,
        headline=f"{what}: {printable(roots.source)} -> {printable(roots.archive)}",
        run_id=session.state.run_id if session else "",
        exit_code=exit_code,
        counts={**counts, "scanned": scan_totals.entries},
        amounts=amounts,
        outputs={"report": session.report_path} if session else {},
        notes=notes,
        next_steps=next_steps(options, session, counts, totals.counts[UNFIXABLE] if options.from_report else 0),
    )


def system_entries_text(paths: Sequence[str]) -> str:
    """How many entries no row tells of, and some of them by name: somebody's photos may lie in one."""
    named = ", ".join(map(printable, paths[:MOST_NAMED]))
    more = f" and {len(paths) - MOST_NAMED:,} more, which --verbose names" if len(paths) > MOST_NAMED else ""
    return f"{count_text(len(paths), 'entry', 'entries')} of an operating system or of these scripts: {named}{more}"


def without_ffprobe(videos: int, can_be_redone: bool) -> str:
    """What it costs that there is no ffprobe, and how to get it."""
    how = {"win32": "winget install ffmpeg", "darwin": "brew install ffmpeg"}.get(sys.platform, "apt install ffmpeg")
    return (
        f"ffprobe is not installed: {count_text(videos, 'video')} in which it might find a date got one from the "
        f"file's name or time; it comes with ffmpeg: {how}{', then run this again' if can_be_redone else ''}"
    )


def next_steps(options: Options, session: OrganizeSession | None, counts: Mapping[str, int], stale: int) -> list[str]:
    """What to do now, with the command lines to paste. ``stale``: how many rows the same plan can't mend."""
    if options.dry_run:
        return [f"next: {rerun_command(Stage.ORGANIZE, options.common, without='--dry-run')}"]
    report = session.report_path if session else options.from_report
    steps = []
    if options.mode == "report":
        if counts.get("planned") or counts.get("already_archived"):
            copy = script_command(Stage.ORGANIZE, "--from-report", report, "--mode", "copy")
            steps.append(f"next: look at the report, then {copy}")
    elif any(counts.get(status) for status in ("copied", "moved", "already_archived", "duplicate")):
        steps.append(f"next: {script_command(Stage.VERIFY, '--input-csv', report)}")
    if options.mode == "move" and counts.get("moved"):
        back = script_command(Stage.APPLY, "--manifest", report, "--expected-run-id", "auto", "--restore")
        steps.append(f"to take the move back: {back}")
    if options.from_report and options.mode == "move" and counts.get("moved"):
        stale = counts.get("failed", 0)  # what is moved would be missing for the same plan
    if counts.get("failed", 0) > stale:
        again = rerun_command(Stage.ORGANIZE, options.common, without="--report-csv", values=1)
        steps.append(f"for what failed, when its cause is mended: {again}")
    if stale:
        anew = script_command(
            Stage.ORGANIZE, "--source", options.source, "--destination-root", options.destination_root
        )
        steps.append(f"for what this plan can't do any more, a new one: {anew}")
    return steps


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script with a command line; return its exit code."""
    options = parse(argv)
    return run_stage(Stage.ORGANIZE, lambda console, stop: organize(options, console, stop), options.common)


if __name__ == "__main__":
    raise SystemExit(main())
