"""The summary of a run of organize: counts, notes, and the next commands to paste."""

import sys
from collections.abc import Iterator, Mapping, Sequence

from common import archive
from common.cli.options import rerun_command
from common.cli.shell import script_command
from common.cli.summary import Summary, counts_and_amounts
from common.counts import count_text
from common.errors import ExitCode
from common.fileops.copying import TIMES_NOT_KEPT
from common.manifests.statuses import ReportStatus
from common.organize.config import Mode
from common.organize.run import OrganizeRun
from common.organize.totals import REVIEW, STATUSES, UNFIXABLE, WITHOUT_FFPROBE, ScanTotals
from common.paths import printable
from common.stages import Stage

_MOST_NAMED = 3
_FAILED, _MOVED = ReportStatus.FAILED, ReportStatus.MOVED
_IN_ARCHIVE = (ReportStatus.COPIED, _MOVED, ReportStatus.ALREADY_ARCHIVED, ReportStatus.DUPLICATE)
_HEADLINES = {Mode.REPORT: "planned", Mode.COPY: "copied", Mode.MOVE: "moved"}


def summarize(run: OrganizeRun, scanned: ScanTotals, unsupported_attributes: set[str]) -> Summary:
    """The counts, whether they add up, and what to do next. Reads the disk."""
    options, totals = run.options, run.totals
    counts, amounts = counts_and_amounts("scanned", totals.counts, {status: status for status in STATUSES})
    notes = [*_count_notes(run, counts, scanned), *_archive_notes(run)]
    if unsupported_attributes:
        notes.append(f"the archive's file system can't hold: {', '.join(sorted(unsupported_attributes))}")
    if TIMES_NOT_KEPT in unsupported_attributes:
        notes.append(
            "MODIFICATION TIMES ARE NOT KEPT by the archive's file system: years that only they tell will be lost with "
            "the originals; mount it for this user (exFAT, NTFS: with the option uid=), then copy anew"
        )
    if scanned.entries != totals.rows:
        notes.append(
            f"THE COUNTS DO NOT ADD UP: {scanned.entries:,} found, {totals.rows:,} in the report; please report this"
        )
    needs_attention = counts.get(_FAILED) or scanned.entries != totals.rows
    headline = f"{options.mode} (dry run)" if options.dry_run else _HEADLINES[options.mode]
    return Summary(
        tool=Stage.ORGANIZE,
        action=options.mode,
        dry_run=options.dry_run,
        headline=f"{headline}: {printable(run.source_root)} -> {printable(run.archive_root)}",
        run_id=run.run_id if run.session else "",
        exit_code=ExitCode.ATTENTION if needs_attention else ExitCode.OK,
        counts={**counts, "scanned": scanned.entries},
        amounts=amounts,
        outputs={"report": run.session.report_path} if run.session else {},
        notes=notes,
        next_steps=_next_steps(run, counts),
    )


def _count_notes(run: OrganizeRun, counts: Mapping[str, int], scanned: ScanTotals) -> Iterator[str]:
    totals = run.totals.counts
    if totals[REVIEW]:
        yield f"to look at: {count_text(totals[REVIEW], 'row')} with a review column that is not empty"
    if counts.get(_FAILED):
        yield f"failed: {count_text(counts[_FAILED], 'row')}; the reason column tells why"
    if totals[WITHOUT_FFPROBE] and not run.edited:
        yield _ffprobe_note(totals[WITHOUT_FFPROBE], can_be_redone=not run.options.acts)
    if scanned.system_entries:
        yield f"left out: {_system_entries_text(scanned.system_entries)}"
    if scanned.excluded_folders:
        yield f"left out: {count_text(scanned.excluded_folders, 'folder')} by --exclude"
    if not scanned.entries:
        yield f"there is nothing in {printable(run.source_root)}: is its disk mounted?"


def _archive_notes(run: OrganizeRun) -> Iterator[str]:
    if archive.is_archive(run.source_root):
        yield f"THE SOURCE IS AN ARCHIVE ITSELF: {printable(run.source_root)}"
    for name, root in (("SOURCE", run.source_root), ("ARCHIVE", run.archive_root)):
        if enclosing := archive.enclosing_archive(root):
            yield f"THE {name} LIES IN ANOTHER ARCHIVE: {printable(enclosing)}"
    if run.options.dry_run and run.edited:
        yield "the archive was not looked at: what stands there under these names will not be stored again"
    if run.is_new_archive:
        begun = "a new archive was begun" if run.options.acts else "copy or move will begin a new archive"
        yield f"{begun}: {printable(run.archive_root)}"


def _system_entries_text(paths: Sequence[str]) -> str:
    """The number of entries without a row, and some of their names, since one may contain photos. Pure."""
    named = ", ".join(map(printable, paths[:_MOST_NAMED]))
    more = f" and {len(paths) - _MOST_NAMED:,} more, which --verbose names" if len(paths) > _MOST_NAMED else ""
    return f"{count_text(len(paths), 'entry', 'entries')} of an operating system or of these scripts: {named}{more}"


def _ffprobe_note(videos: int, can_be_redone: bool) -> str:
    """A note on what is missing without ffprobe, and how to install it."""
    install = {"win32": "winget install ffmpeg", "darwin": "brew install ffmpeg"}.get(
        sys.platform, "apt install ffmpeg"
    )
    return (
        f"ffprobe is not installed: {count_text(videos, 'video')} in which it might find a date got one from the "
        f"file's name or time; it comes with ffmpeg: {install}{', then run this again' if can_be_redone else ''}"
    )


def _next_steps(run: OrganizeRun, counts: Mapping[str, int]) -> list[str]:
    """The next steps, with command lines to paste. Reads ``PATH``."""
    options = run.options
    if options.dry_run:
        return [f"next: {rerun_command(Stage.ORGANIZE, options, without='--dry-run')}"]
    report = run.session.report_path if run.session else options.from_report
    steps = []
    if options.mode == Mode.REPORT:
        if counts.get(ReportStatus.PLANNED) or counts.get(ReportStatus.ALREADY_ARCHIVED):
            copy = script_command(Stage.ORGANIZE, "--from-report", report, "--mode", "copy")
            steps.append(f"next: look at the report, then {copy}")
    elif any(counts.get(status) for status in _IN_ARCHIVE):
        steps.append(f"next: {script_command(Stage.VERIFY, '--input-csv', report)}")
    if options.mode == Mode.MOVE and counts.get(_MOVED):
        restore = script_command(Stage.APPLY, "--manifest", report, "--expected-run-id", "auto", "--restore")
        steps.append(f"to take the move back: {restore}")
    return [*steps, *_retry_steps(run, counts)]


def _retry_steps(run: OrganizeRun, counts: Mapping[str, int]) -> Iterator[str]:
    """How to retry what failed: with the same command, or with a new plan if the edited report can't be used again."""
    failed, unfixable = counts.get(_FAILED, 0), 0
    if run.edited:  # after a move the same report would miss what was moved
        unfixable = failed if counts.get(_MOVED) else run.totals.counts[UNFIXABLE]
    if failed > unfixable:
        again = rerun_command(Stage.ORGANIZE, run.options, without="--report-csv", values=1)
        yield f"for what failed, when its cause is mended: {again}"
    if run.edited and unfixable:
        roots = ("--source", run.edited.survey.source_root, "--destination-root", run.edited.survey.archive_root)
        yield f"for what this plan can't do any more, a new one: {script_command(Stage.ORGANIZE, *roots)}"
