"""One run of verify, new or resumed: its outputs and the state beside them."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain, count, islice

from common import archive
from common.cli.console import Console
from common.counts import Counts
from common.errors import BadInput
from common.fileops.locking import Lock
from common.fileops.writing import Appender, require_extendable_output
from common.manifests.integrity import seal
from common.manifests.outputs import find_unfinished, resume_or_begin, unused_name
from common.manifests.reader import Reader
from common.manifests.reasons import is_lacking_attributes
from common.manifests.relocation import Relocation
from common.manifests.rows import VERIFY, VERIFY_INPUT_COLUMNS, VerifyRow, Writer, checksum_line, has_lost_time
from common.manifests.state import SUFFIX, RunState, load_state, save_state
from common.manifests.statuses import VERIFIED_STATUSES, ReadMode, ReportStatus, VerifyStatus
from common.manifests.survey import ManifestInput, ManifestSurvey
from common.paths import casefold_name, printable, relative_to
from common.stages import Stage
from common.verify.manifest import Options, is_plan, locate_roots, read_row, survey_input

# What the state counts besides the statuses: rows that need attention, rows that were verified from memory, and rows
# that organize has carried out (none in a plan), and copies without some attributes, or the time, of their originals.
ATTENTION = "attention"
CACHED = "cached"
CARRIED_OUT = "carried out"
LACKING_ATTRIBUTES = "lacking attributes"
LACKING_TIMES = "lacking times"
COUNTED = (ATTENTION, CACHED, CARRIED_OUT, LACKING_ATTRIBUTES, LACKING_TIMES)
_TABLES = ("verified", "unverified")
_OUTPUTS = (*_TABLES, "checksums")


class VerifySession:
    """The outputs and the state of a run, and the rows of this call. Changes the disk: the outputs and the state."""

    def __init__(
        self,
        options: Options,
        survey: ManifestSurvey,
        relocation: Relocation,
        state_path: str,
        state: RunState,
        *,
        is_plan: bool,
    ) -> None:
        self.options = options
        self.survey = survey
        self.relocation = relocation
        self.state_path = state_path
        self.state = state
        self.is_plan = is_plan
        roots = [survey.archive_root] if options.archive_only else [survey.source_root, survey.archive_root]
        self._mounted = archive.MountedDisks(*roots)
        self.was_complete = state.complete
        self.rows_this_call = options.row_range.rows_this_call(state)
        self.done_rows = self.done_bytes = 0
        self.counts_this_call = Counts()
        self._row_ends: deque[int] = deque()
        begun = any(length for _, length in state.outputs.values())
        if not begun:
            save_state(state_path, state)  # first, so that the run can be resumed after a crash from here on
        self._verified, self._unverified = (Writer(VERIFY, *state.outputs[kind]) for kind in _TABLES)
        self._checksums = Appender(*state.outputs["checksums"], ours=begun)
        outputs: tuple[Appender, ...] = (self._verified, self._unverified, self._checksums)
        self._outputs = dict(zip(_OUTPUTS, outputs, strict=True))
        if not begun:
            self.record([])

    @property
    def bytes_this_call(self) -> int:
        """An estimate of the media bytes that this call reads, from the average size of all rows."""
        manifest = self.survey.manifest
        return manifest.media_bytes * self.rows_this_call // max(1, manifest.rows)

    def rows(self) -> Iterator[VerifyRow]:
        """Yield the rows of this call, which must be recorded in the same order. Reads the disk."""
        with Reader(self.options.input_csv, VERIFY_INPUT_COLUMNS) as reader:
            reader.seek(self.state.byte_offset)
            for record in islice(reader, self.rows_this_call):
                self._row_ends.append(record.end)
                yield read_row(record, reader.where(record.line), self.relocation)

    def record(self, rows: Sequence[VerifyRow]) -> None:
        """Append rows durably to the outputs, then advance the state. Changes the disk.

        Raises ``StoppedEarly`` if writing fails, or if the archive is gone: its disk may be missing, not its files.
        """
        if self.survey.archive_id:
            archive.require_archive(self.survey.archive_root, self.survey.archive_id, self.relocation.archive_hint)
        if any(row.status not in VERIFIED_STATUSES for row in rows):
            self._mounted.require()
        if any(row.status == VerifyStatus.SOURCE_MISSING for row in rows):
            hint = f"{self.relocation.source_hint}; to check the archive alone, add --archive-only"
            archive.require_files_in_source(self.survey.source_root, hint)
        verified = [row for row in rows if row.status in VERIFIED_STATUSES]
        unverified = [row for row in rows if row.status not in VERIFIED_STATUSES]
        for writer, chosen in ((self._verified, verified), (self._unverified, unverified)):
            writer.append_rows(seal(row, writer.columns) for row in chosen)
        for row in verified:
            self._checksums.append(checksum_line(row.sha256, relative_to(row.destination_path, row.archive_root)))
        for output in self._outputs.values():
            output.sync()
        counts = count_rows(rows)
        self.counts_this_call += counts
        self.done_rows += len(rows)
        self.done_bytes += sum(row.size_bytes for row in rows)
        ends = [self._row_ends.popleft() for _ in rows]
        reached = self.state.next_offset + len(rows)
        self.state = replace(
            self.state,
            next_offset=reached,
            byte_offset=ends[-1] if ends else self.state.byte_offset,
            counts=(Counts.from_flat(self.state.counts) + counts).to_flat(),
            outputs={kind: (path, self._outputs[kind].length) for kind, (path, _) in self.state.outputs.items()},
            complete=self.state.is_last(reached),
        )
        save_state(self.state_path, self.state)

    def recorded_rows(self) -> Iterator[VerifyRow]:
        """Yield all rows of both outputs, the verified ones first. Reads the disk."""
        for kind in _TABLES:
            with Reader(self.state.outputs[kind][0], VERIFY.required) as reader:
                for record in reader:
                    yield VERIFY.decode(record.values, reader.where(record.line))

    def close(self) -> None:
        for output in self._outputs.values():
            output.close()


def count_rows(rows: Sequence[VerifyRow]) -> Counts:
    """Count rows as the state does. Pure."""
    counts = Counts()
    for row in rows:
        counts.add_file(row.status, row.media_kind, row.size_bytes)
        if row.status in VERIFIED_STATUSES:
            counts.add(CACHED, row.read_mode == ReadMode.CACHED)
            counts.add(LACKING_ATTRIBUTES, is_lacking_attributes(row.reason))
            counts.add(LACKING_TIMES, has_lost_time(row))
        else:  # what organize skipped needs no attention
            counts.add(ATTENTION, row.report_status != ReportStatus.SKIPPED)
        counts.add(CARRIED_OUT, row.report_status in (ReportStatus.COPIED, ReportStatus.MOVED))
    return counts


@contextmanager
def open_verification(options: Options, manifest: ManifestInput, console: Console) -> Iterator[VerifySession]:
    """Begin or resume a run. Changes the disk. Raises ``BadInput``, ``Locked``, or ``StoppedEarly`` without a disk."""
    relocation = locate_roots(options, manifest)
    settings = options.settings | relocation.settings
    state_path = _find_state(options, manifest, settings)
    known = load_state(state_path, Stage.VERIFY) if state_path else None
    survey = survey_input(options, manifest, known, relocation)
    if survey.archive_id:
        archive.require_archive(survey.archive_root, survey.archive_id, relocation.archive_hint)
    archive.require_outside_bin(survey.archive_root)
    if not options.archive_only:
        archive.require_outside_archive(survey.source_root, survey.archive_id)
    folder = os.path.dirname(options.input_csv)
    verified = options.verified_out or unused_name(folder, "verified", survey.run_id, SUFFIX)
    state_path = state_path or verified + SUFFIX
    require_same_run = partial(_require_same_run, options, survey, settings, state_path)
    begin = partial(_first_state, options, survey, settings, verified, state_path)
    resume = partial(resume_or_begin, state_path, Stage.VERIFY, require_same_run, begin)
    resume()
    if known is None:
        require_extendable_output(verified)
    with Lock(state_path + ".lock"):
        run = VerifySession(options, survey, relocation, state_path, resume(), is_plan=is_plan(manifest))
        with closing(run):
            for kind, (path, _) in run.state.outputs.items():
                console.debug(f"{kind}: {printable(path)}")
            if survey.torn_line:
                where = manifest.where(survey.torn_line)
                console.warning(f"{where}: the last row is cut short and is left out; run the stage before once more")
            yield run


def _find_state(options: Options, manifest: ManifestInput, settings: dict[str, str]) -> str:
    """The named state file, that of the named output, an unfinished one of the same input, or an empty string."""
    if options.state_file or options.verified_out:
        return options.state_file or options.verified_out + SUFFIX

    def belongs(state: RunState) -> bool:
        is_same_call = state.settings == settings
        return bool(is_same_call and state.manifest and state.manifest.sha256 == manifest.sha256())

    return find_unfinished(os.path.dirname(options.input_csv), "verified-", Stage.VERIFY, belongs)


def _first_state(
    options: Options, survey: ManifestSurvey, settings: dict[str, str], verified: str, state_path: str
) -> RunState:
    """Make the state of a new run. Raises ``BadInput`` if an output exists, has no folder, or is named twice."""
    folder = os.path.dirname(verified)
    unverified = options.unverified_out or unused_name(folder, "unverified", survey.run_id, SUFFIX)
    outputs = (verified, unverified, _checksums_path(verified, options.row_range.is_shard))
    seen: set[str] = set()
    for path in (options.input_csv, state_path, *outputs):
        real = casefold_name(os.path.realpath(path))
        if real in seen:
            raise BadInput(f"{printable(path)} is named for two things at once; give each output a name of its own")
        seen.add(real)
    for path in outputs:
        if os.path.lexists(path):
            raise BadInput(f"{printable(path)} exists already; choose another name or move it away")
    for path in (state_path, *outputs):
        if not os.path.isdir(os.path.dirname(path)):
            raise BadInput(f"{printable(os.path.dirname(path))} does not exist: make the folder for the outputs first")
    return RunState(
        Stage.VERIFY,
        survey.run_id,
        settings,
        survey.manifest,
        next_offset=options.row_range.start,
        byte_offset=survey.start_byte,
        end_offset=options.row_range.end,
        outputs={kind: (path, 0) for kind, path in zip(_OUTPUTS, outputs, strict=True)},
    )


def _require_same_run(
    options: Options, survey: ManifestSurvey, settings: dict[str, str], state_path: str, state: RunState
) -> None:
    """Raise ``BadInput`` unless the state belongs to this input, these options and these outputs."""
    if state.manifest is None or state.manifest.sha256 != survey.manifest.sha256:
        raise BadInput(f"{printable(state_path)} is the state file of another input by now; choose another")
    if state.run_id != survey.run_id or set(state.outputs) != set(_OUTPUTS):
        raise BadInput(f"{printable(state_path)} is the state file of another run; it is left as it is: choose another")
    if state.settings != settings:
        raise BadInput(
            f"{printable(state_path)} belongs to a call with another --offset, --limit, --archive-only, "
            "--source-now-at or --archive-now-at; give the same, or another state file and other outputs"
        )
    for kind, path in zip(_TABLES, (options.verified_out, options.unverified_out), strict=True):
        present = state.outputs[kind][0]
        if path not in ("", present):
            raise BadInput(
                f"{printable(state_path)} goes with {printable(present)}, not {printable(path)}; "
                "give the same names, or another state file"
            )


def _checksums_path(verified: str, is_shard: bool) -> str:
    """The path of SHA256SUMS beside the verified file; for a shard, or if that exists, a name made from the latter.

    Shards may begin at the same time in one folder, so whether they use the plain name can't depend on what exists.
    """
    plain = os.path.join(os.path.dirname(verified), "SHA256SUMS")
    own = f"{plain}.{os.path.basename(verified)}"
    paths = chain([own] if is_shard else [plain, own], (f"{own}-{number}" for number in count(2)))
    return next(path for path in paths if not os.path.lexists(path))
