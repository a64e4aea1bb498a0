#!/usr/bin/env python3
"""Stage 2: prove by content that each source file has a byte-identical copy in the archive."""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from common import archive, cli, fileops
from common.aliases import Aliases
from common.amounts import count_file, count_text
from common.errors import BadInput, ExitCode, Interrupted, MediaArchiveError, StoppedEarly
from common.examination import Examiner
from common.hashing import is_sha256
from common.lock import Lock
from common.manifests import (
    VERIFY,
    VERIFY_INPUT_COLUMNS,
    Reader,
    Record,
    RowIds,
    VerifyRow,
    Writer,
    checksum_line,
    file_digest,
    has_no_rows,
    seal_of,
)
from common.paths import mount_points, shown
from common.pipeline import in_order
from common.run_id import require_run_id
from common.shell import script_command
from common.state import SUFFIX, Manifest, State, find_unfinished, load_state, save_state

TOOL = "verify"
SCRIPT = "verify_media_archive.py"
VERIFIED_STATUSES = ("identical", "archive_intact")
CHECKPOINT_ROWS = 256
CHECKPOINT_SECONDS = 5.0

EXAMPLES = """
what it changes: nothing in source and archive. It writes verified.csv (the only rows that apply may
act on), unverified.csv (all others, with the reason), SHA256SUMS and a state file.

examples:
  python3 verify_media_archive.py --input-csv report.csv
  python3 verify_media_archive.py --input-csv report.csv --limit 5000    (again and again, until all is done)
  python3 verify_media_archive.py --input-csv verified.csv --archive-only    (a year later, without the originals)

next: python3 apply_deletion_manifest.py --manifest verified.csv --expected-run-id auto --dry-run
"""


# --- parse -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Options:
    """The command line of this script, checked."""

    input_csv: str
    verified_out: str
    unverified_out: str
    limit: int
    offset: int | None
    state_file: str
    read_mode: str
    archive_only: bool
    common: cli.CommonOptions


def command_line() -> argparse.ArgumentParser:
    """The options of this script."""
    parser = cli.make_parser(
        "Prove, reading every byte of both, that each source file has an identical copy in the archive.", EXAMPLES
    )
    main = parser.add_argument_group("what to do")
    main.add_argument("--input-csv", required=True, metavar="PATH", help="a report.csv, or an unverified.csv fed back")
    main.add_argument(
        "--verified-out", default="", metavar="PATH", help="default: verified-<time>-<run>.csv beside the input"
    )
    main.add_argument(
        "--unverified-out", default="", metavar="PATH", help="default: unverified-<time>-<run>.csv beside it"
    )
    main.add_argument("--hash", choices=("sha256",), default="sha256", help="default: sha256")
    main.add_argument(
        "--read-mode",
        choices=("cold", "cached"),
        default="cold",
        help="cold (default) drops the cache, so that the storage medium itself is read",
    )
    main.add_argument(
        "--archive-only", action="store_true", help="check the archive alone against recorded hashes: a yearly scrub"
    )
    batch = parser.add_argument_group("batches")
    batch.add_argument("--limit", type=cli.positive, default=0, metavar="N", help="rows in this call (default: all)")
    batch.add_argument("--offset", type=cli.not_negative, metavar="N", help="skip this many rows")
    batch.add_argument("--state-file", default="", metavar="PATH", help="default: <verified-out>.state.json")
    cli.add_common_options(parser)
    return parser


def parse(argv: Sequence[str] | None) -> Options:
    """Check a command line. Ends the process with exit code 2 and one sentence when it can't be used."""
    parser = command_line()
    parsed = cli.parse_arguments(parser, argv)
    return Options(
        input_csv=cli.absolute(parsed.input_csv),
        verified_out=cli.absolute(parsed.verified_out) if parsed.verified_out else "",
        unverified_out=cli.absolute(parsed.unverified_out) if parsed.unverified_out else "",
        limit=parsed.limit,
        offset=parsed.offset,
        state_file=cli.absolute(parsed.state_file) if parsed.state_file else "",
        read_mode=parsed.read_mode,
        archive_only=parsed.archive_only,
        common=cli.common_options(parsed),
    )


# --- read ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Survey:
    """What a whole look through the input told."""

    manifest: Manifest
    run_id: str
    source_root: str
    archive_root: str
    archive_id: str
    torn_line: int


def survey_input(path: str) -> Survey:
    """Read the whole input once and refuse it unless every row is sound and of one run. Changes nothing."""
    seen = RowIds()
    first: VerifyRow | None = None
    rows = media_bytes = 0
    with Reader(path, VERIFY_INPUT_COLUMNS) as reader:
        for record in reader:
            where = reader.where(record.line)
            row = read_row(record, where)
            require_run_id(row.run_id, where)
            first = first or row
            if row.run_id != first.run_id:
                raise BadInput(f"{where}: run_id {row.run_id} is not that of the rows before; give the rows of one run")
            for column in ("source_root", "archive_root", "archive_id"):
                if getattr(row, column) != getattr(first, column):
                    raise BadInput(f"{where}: {column} is not that of the rows before; give the rows of one run")
            if not seen.add(row.row_id):
                raise BadInput(f"{where}: row_id {row.row_id} stands twice; remove the duplicated row")
            rows += 1
            media_bytes += row.size_bytes
        torn_line = reader.torn_line
    if first is None:
        raise BadInput(f"{shown(path)} has no rows; there is nothing to verify")
    manifest = Manifest(path, file_digest(path), rows, media_bytes)
    return Survey(manifest, first.run_id, first.source_root, first.archive_root, first.archive_id, torn_line)


def read_row(record: Record, where: str) -> VerifyRow:
    """A row of the input as the beginning of a verify row. Raises ``BadInput`` for an unsound or changed one."""
    values = dict(record.values)
    if "row_seal" in values:
        missing = [column for column in VERIFY.columns if column not in values]
        if missing or seal_of(values) != values["row_seal"]:
            raise BadInput(f"{where}: the row was changed after it was written; restore it or delete the whole row")
    values.setdefault("report_status", values["status"])
    if values["sha256"] and not is_sha256(values["sha256"]):
        raise BadInput(f"{where}: sha256 holds {values['sha256'][:80]!r}, not 64 lower-case hex digits")
    fresh = dict.fromkeys(("status", "reason", "source_inode", "archive_inode", "archive_mtime"), "")
    fresh |= dict.fromkeys(("read_mode", "verified_at", "row_seal"), "")
    return VERIFY.decode(values | fresh, where)


# --- record ----------------------------------------------------------------------------------------


class Session:
    """The outputs of this run, new or gone on with, and its state. Changes the disk as rows are recorded."""

    def __init__(self, state_path: str, state: State) -> None:
        self.state_path = state_path
        self.state = state
        begun = any(length for _, length in state.outputs.values())
        if not begun:
            save_state(state_path, state)  # first, so that a crash from here on can be gone on with
        self._verified = Writer(VERIFY, *state.outputs["verified"])
        self._unverified = Writer(VERIFY, *state.outputs["unverified"])
        self._sums = fileops.Appender(*state.outputs["checksums"], ours=begun)
        self.call_counts: Counter[str] = Counter()
        if not begun:
            self.record([], state.byte_offset, complete=False)

    def record(self, rows: Sequence[VerifyRow], next_byte: int, complete: bool) -> None:
        """Append rows durably, then move the state on behind them."""
        good = [row for row in rows if row.status in VERIFIED_STATUSES]
        self._verified.append(good)
        self._unverified.append(row for row in rows if row.status not in VERIFIED_STATUSES)
        for row in good:
            self._sums.append(checksum_line(row.sha256, os.path.relpath(row.destination_path, row.archive_root)))
        for output in (self._verified, self._unverified, self._sums):
            output.sync()
        counts: Counter[str] = Counter()
        for row in rows:
            count_file(counts, row.status, row.media_kind, row.size_bytes)
        counts["attention"] = sum(needs_attention(row) for row in rows)
        self.call_counts += counts
        lengths = {
            "verified": self._verified.length,
            "unverified": self._unverified.length,
            "checksums": self._sums.length,
        }
        self.state = replace(
            self.state,
            next_offset=self.state.next_offset + len(rows),
            byte_offset=next_byte,
            counts=dict(Counter(self.state.counts) + counts),
            outputs={kind: (self.state.outputs[kind][0], length) for kind, length in lengths.items()},
            complete=complete,
        )
        save_state(self.state_path, self.state)

    def recorded_rows(self) -> Iterator[VerifyRow]:
        """All rows in both outputs, the verified ones first."""
        for kind in ("verified", "unverified"):
            with Reader(self.state.outputs[kind][0], VERIFY.columns) as reader:
                for record in reader:
                    yield VERIFY.decode(record.values, reader.where(record.line))

    def close(self) -> None:
        for output in (self._verified, self._unverified, self._sums):
            output.close()


def needs_attention(row: VerifyRow) -> bool:
    """Whether a person must look: not for what is verified, nor for what organize was to leave out. Pure."""
    return row.status not in VERIFIED_STATUSES and row.report_status != "skipped"


def survey_or_recall(options: Options, state: State | None) -> Survey:
    """What is known of the input: from the state when it is the same file still, else by reading it all."""
    if state is None or state.manifest is None:
        return survey_input(options.input_csv)
    if file_digest(options.input_csv) != state.manifest.sha256:
        raise BadInput(
            f"{shown(options.input_csv)} is not the file that the state file belongs to (it was changed, or is "
            "another); restore it, or begin anew with another --state-file"
        )
    with Reader(options.input_csv, VERIFY_INPUT_COLUMNS) as reader:
        first = read_row(next(iter(reader)), reader.where(2))
    roots = (first.source_root, first.archive_root, first.archive_id)
    return Survey(state.manifest, first.run_id, *roots, torn_line=0)


def open_session(options: Options, stack: ExitStack) -> tuple[Session, Survey]:
    """Begin to verify, or go on where an earlier call stopped. Changes the disk only if nothing is wrong."""
    settings = settings_of(options)
    state_path = find_state(options, settings)
    state = load_state(state_path, TOOL) if state_path else None
    survey = survey_or_recall(options, state)
    if survey.archive_id:
        archive.require_archive(survey.archive_root, survey.archive_id)
    verified = options.verified_out or cli.free_name(os.path.dirname(options.input_csv), "verified", survey.run_id)
    state_path = state_path or verified + SUFFIX
    if state is None:
        try:
            state = first_state(options, settings, survey, verified, state_path)
        except BadInput:
            # A call that began since we looked has made the outputs, after its state: then its lock decides.
            state = load_state(state_path, TOOL)
            if state is None:
                raise
    require_same_call(options, settings, survey, state, state_path)
    stack.enter_context(Lock(state_path + ".lock"))
    state = load_state(state_path, TOOL) or state  # again, now that nobody else writes it
    session = Session(state_path, state)
    stack.callback(session.close)
    return session, survey


def settings_of(options: Options) -> dict[str, str]:
    """What a later call must repeat to go on."""
    window = {"offset": "", "limit": ""}
    if options.offset is not None:
        window = {"offset": str(options.offset), "limit": str(options.limit or "")}
    return {"archive_only": "yes" if options.archive_only else "", **window}


def find_state(options: Options, settings: dict[str, str]) -> str:
    """The state file of this call: as named, or beside the output named, or an unfinished one of the same input."""
    if options.state_file:
        return options.state_file
    if options.verified_out:
        return options.verified_out + SUFFIX
    digest = file_digest(options.input_csv)
    return find_unfinished(
        os.path.dirname(options.input_csv),
        "verified-",
        TOOL,
        lambda state: state.settings == settings and state.manifest is not None and state.manifest.sha256 == digest,
    )


def first_state(options: Options, settings: dict[str, str], survey: Survey, verified: str, state_path: str) -> State:
    """The state at the very beginning; refuses outputs that exist or that are one file. Changes nothing."""
    folder = os.path.dirname(verified)
    unverified = options.unverified_out or cli.free_name(folder, "unverified", survey.run_id)
    outputs = {"verified": verified, "unverified": unverified, "checksums": checksums_path(verified, options.offset is not None)}
    files = [options.input_csv, state_path, *outputs.values()]
    for number, path in enumerate(files):
        if path in files[:number]:
            raise BadInput(f"{shown(path)} is named for two things at once; give each output a name of its own")
    for path in outputs.values():
        if os.path.lexists(path):
            raise BadInput(f"{shown(path)} exists already; choose another name or move it away")
    for path in (state_path, *outputs.values()):
        if not os.path.isdir(os.path.dirname(path)):
            raise BadInput(f"{shown(os.path.dirname(path))} does not exist: make the folder for the outputs first")
    start = options.offset or 0
    return State(
        TOOL,
        survey.run_id,
        settings,
        survey.manifest,
        next_offset=start,
        byte_offset=byte_offset_of(options.input_csv, start),
        end_offset=start + options.limit if options.offset is not None and options.limit else -1,
        outputs={kind: (path, 0) for kind, path in outputs.items()},
    )


def require_same_call(
    options: Options, settings: dict[str, str], survey: Survey, state: State, state_path: str
) -> None:
    """Refuse to go on under other names, or with other rows, than the state file records."""
    if state.run_id != survey.run_id or set(state.outputs) != {"verified", "unverified", "checksums"}:
        raise BadInput(f"{shown(state_path)} is the state file of another run; it is left as it is: choose another")
    if state.settings != settings:
        raise BadInput(
            f"{shown(state_path)} belongs to a call with another --offset, --limit or --archive-only; "
            "give the same, or another state file"
        )
    for kind, path in (("verified", options.verified_out), ("unverified", options.unverified_out)):
        if path and path != state.outputs[kind][0]:
            raise BadInput(
                f"{shown(state_path)} goes with {shown(state.outputs[kind][0])}, not {shown(path)}; "
                "give the same names, or another state file"
            )


def checksums_path(verified: str, shard: bool) -> str:
    """SHA256SUMS beside the verified file; for a shard, and where another run's stands already, a name of its own.

    Shards may begin at the same moment in one folder, so theirs never depends on what stands there.
    """
    plain = os.path.join(os.path.dirname(verified), "SHA256SUMS")
    path = f"{plain}.{os.path.basename(verified)}" if shard else plain
    number = 1
    while os.path.lexists(path):
        path = f"{plain}.{os.path.basename(verified)}" + (f"-{number}" if number > 1 else "")
        number += 1
    return path


def byte_offset_of(path: str, rows: int) -> int:
    """Where the row behind a number of rows begins; rows are counted once, at the beginning of a shard."""
    end = 0
    if rows:
        with Reader(path, VERIFY_INPUT_COLUMNS) as reader:
            for number, record in enumerate(reader, 1):
                end = record.end
                if number == rows:
                    break
            else:
                raise BadInput(f"{shown(path)} has no row behind --offset {rows}; give a smaller one")
    return end


# --- the story -------------------------------------------------------------------------------------


def verify(options: Options, talk: cli.Talk, stop: cli.StopRequest) -> cli.Summary:
    """Read rows from where the state says, examine each pair, record, and sum up."""
    if has_no_rows(options.input_csv, VERIFY_INPUT_COLUMNS):
        return nothing_to_verify(options)
    with ExitStack() as stack:
        session, survey = open_session(options, stack)
        roots = (survey.source_root, survey.archive_root)
        options = replace(options, common=cli.with_jobs(options.common, talk, roots))
        state = session.state
        for kind, (path, _) in state.outputs.items():
            talk.detail(f"{kind}: {shown(path)}")
        if survey.torn_line:
            talk.warn(
                f"{shown(options.input_csv)}, line {survey.torn_line}: the last row is cut short and is left out; "
                "run the stage before once more"
            )
        if state.complete:
            talk.info("everything was verified already; nothing is left to do")
            return with_review(sum_up(options, session, survey), session, options)
        files = min(remaining_rows(state), options.limit or remaining_rows(state))
        # What rows have how many bytes is not known before they are read: an average one, then.
        size = survey.manifest.media_bytes * files // max(1, survey.manifest.rows)
        progress = stack.enter_context(cli.Progress("verify", files, size, options.common))
        examiner = Examiner(
            options.read_mode == "cold", progress, stop, set(), Aliases(), mount_points(), options.archive_only, []
        )
        reader = stack.enter_context(Reader(options.input_csv, VERIFY_INPUT_COLUMNS))
        reader.seek(state.byte_offset)

        finished: list[VerifyRow] = []
        seen_files = seen_bytes = 0
        next_byte = state.byte_offset
        next_checkpoint = time.monotonic() + CHECKPOINT_SECONDS
        trouble: MediaArchiveError | None = None
        alarm = Alarm()
        try:
            for row, end in in_order(
                examine_with(examiner, reader), records(reader, state, options), options.common.jobs
            ):
                talk.detail(f"{row.status}: {shown(row.source_path)} {row.reason}")
                finished.append(row)
                next_byte = end
                seen_files += 1
                seen_bytes += row.size_bytes
                progress.reach(seen_files, seen_bytes)
                alarm.watch(row)
                if len(finished) >= CHECKPOINT_ROWS or time.monotonic() >= next_checkpoint:
                    checkpoint(session, survey, finished, next_byte)
                    finished = []
                    next_checkpoint = time.monotonic() + CHECKPOINT_SECONDS
                if stop():
                    raise Interrupted
        except (Interrupted, StoppedEarly) as error:
            trouble = error
        if alarm.rings:
            raise StoppedEarly(alarm.sentence(survey))
        checkpoint(session, survey, finished, next_byte)
        if trouble:
            raise trouble
        warn_of_one_disk(examiner, survey, talk)
        return with_review(sum_up(options, session, survey), session, options)


class Alarm:
    """Notices that the first many files are all missing: then a disk is, and nothing must be written about files."""

    ROWS = 100

    def __init__(self) -> None:
        self._missing = 0
        self._quiet = False

    def watch(self, row: VerifyRow) -> None:
        """Look at a finished row; raises ``StoppedEarly`` to end the run when the alarm rings."""
        if row.status == "not_archived":
            return
        self._quiet = self._quiet or row.status not in ("archive_missing", "source_missing")
        self._missing += 1
        if self.rings:
            raise StoppedEarly("the first files are all missing")

    @property
    def rings(self) -> bool:
        return self._missing >= self.ROWS and not self._quiet

    def sentence(self, survey: Survey) -> str:
        """What to tell the user."""
        return (
            f"{shown(survey.archive_root)}: the first {self.ROWS} files are all missing, in the archive or the source; "
            "nothing was written about them: mount the right disks and run again, or begin behind them with --offset"
        )


def warn_of_one_disk(examiner: Examiner, survey: Survey, talk: cli.Talk) -> None:
    """Tell when the copies are no safer than the originals."""
    if examiner.sharing:
        talk.warn(
            f"{len(examiner.sharing):,} archive files share their blocks on the disk with their source, "
            f"such as {shown(examiner.sharing[0])}: one bad block takes both"
        )
    elif survey.archive_id and not examiner.archive_only and _same_device(survey.source_root, survey.archive_root):
        talk.info("source and archive are on one file system: keep another copy of the archive elsewhere")


def _same_device(one: str, other: str) -> bool:
    try:
        return os.stat(one).st_dev == os.stat(other).st_dev
    except OSError:
        return False


def records(reader: Reader, state: State, options: Options) -> Iterator[Record]:
    """The records that this call is to examine."""
    end = state.end_offset if state.end_offset >= 0 else survey_end(state)
    if options.offset is None and options.limit:
        end = min(end, state.next_offset + options.limit)
    for record, _ in zip(reader, range(end - state.next_offset), strict=False):
        yield record


def survey_end(state: State) -> int:
    return state.manifest.rows if state.manifest else 0


def examine_with(examiner: Examiner, reader: Reader) -> Callable[[Record], tuple[VerifyRow, int]]:
    """How a record becomes a finished row, with the byte behind it in the input."""
    return lambda record: (examiner.examine(read_row(record, reader.where(record.line))), record.end)


def checkpoint(session: Session, survey: Survey, rows: Sequence[VerifyRow], next_byte: int) -> None:
    """Record rows, unless the archive went away meanwhile: then its files are not missing, the disk is."""
    if survey.archive_id:
        archive.require_archive(survey.archive_root, survey.archive_id)
    reached = session.state.next_offset + len(rows)
    end = session.state.end_offset
    complete = reached >= survey.manifest.rows or 0 <= end <= reached
    session.record(rows, next_byte, complete)


def sum_up(options: Options, session: Session, survey: Survey) -> cli.Summary:
    """The counts, and what to do next."""
    state = session.state
    figures = Counter(state.counts if state.complete else session.call_counts)
    attention = figures.pop("attention", 0)
    counts, amounts = cli.figures("rows", figures)
    first = state.next_offset - counts["rows"] + 1
    window = f"rows {first:,} to {state.next_offset:,}" if counts["rows"] else "none"
    notes = []
    if attention:
        unverified = shown(state.outputs["unverified"][0])
        notes.append(f"to look at: {count_text(attention, 'row')} not verified; the reasons are in {unverified}")
    if survey.torn_line:
        notes.append(f"the last row of the input (line {survey.torn_line}) was cut short and is left out")
    if not state.complete:
        notes.append(f"left to do: {count_text(remaining_rows(state), 'row')}")
    return cli.Summary(
        tool=TOOL,
        action="archive-only" if options.archive_only else "verify",
        headline=f"verify: {shown(options.input_csv)}, {window} of {survey.manifest.rows:,}",
        run_id=state.run_id,
        exit_code=ExitCode.ATTENTION if attention or survey.torn_line else ExitCode.OK,
        counts=counts,
        amounts=amounts,
        outputs={**{kind: path for kind, (path, _) in state.outputs.items()}, "state": session.state_path},
        notes=notes,
        complete=state.complete,
        next_steps=next_steps(options, state, counts, attention),
    )


def nothing_to_verify(options: Options) -> cli.Summary:
    """The summary for an input without rows. Changes the disk: outputs that were named are made, without rows as well,
    so that the next stage of a chain finds its manifest."""
    named = {"verified": options.verified_out, "unverified": options.unverified_out}
    outputs = {kind: path for kind, path in named.items() if path}
    for path in outputs.values():
        writer = Writer(VERIFY, path, 0)
        writer.sync()
        writer.close()
    action = "archive-only" if options.archive_only else "verify"
    headline = f"verify: {shown(options.input_csv)} has no rows; there is nothing to verify"
    return cli.Summary(TOOL, headline, "", ExitCode.OK, {"rows": 0}, action=action, outputs=outputs)


def remaining_rows(state: State) -> int:
    """How many rows are left of the input, or of this shard of it."""
    return max(0, (state.end_offset if state.end_offset >= 0 else survey_end(state)) - state.next_offset)


def next_steps(options: Options, state: State, counts: Mapping[str, int], attention: int) -> list[str]:
    """What to do now, with the command lines to paste."""
    if not state.complete:
        return [f"next: {cli.same_command(SCRIPT, options.common)}"]
    steps = []
    if options.archive_only:
        if attention:
            steps.append("next: bring back the files in the unverified list from another copy")
    elif counts.get("identical"):
        arguments = ("--manifest", state.outputs["verified"][0], "--expected-run-id", state.run_id, "--dry-run")
        steps.append(f"next: {script_command('apply_deletion_manifest.py', *arguments)}")
    if attention:
        scrub = ("--archive-only",) if options.archive_only else ()
        again = script_command(SCRIPT, "--input-csv", state.outputs["unverified"][0], *scrub)
        steps.append(f"for what is not verified, when its cause is mended: {again}")
    return steps


def with_review(summary: cli.Summary, session: Session, options: Options) -> cli.Summary:
    """The summary, with the review page if one was asked for. Changes the disk: that page."""
    path = options.common.review_html
    if not path:
        return summary
    from common.review.model import ReviewFacts  # noqa: PLC0415 - only with --review-html
    from common.review_page import write_verify_review  # noqa: PLC0415

    facts = ReviewFacts(
        "verify", summary.outputs, summary.notes, "\n".join(summary.next_steps), complete=summary.complete
    )
    write_verify_review(path, summary.run_id, session.recorded_rows(), facts)
    return replace(summary, outputs={**summary.outputs, "review": path})


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script with a command line; return its exit code."""
    options = parse(argv)
    return cli.run_stage(TOOL, lambda talk, stop: verify(options, talk, stop), options.common)


if __name__ == "__main__":
    raise SystemExit(main())
