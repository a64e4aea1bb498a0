"""The options of verify, and its input: a report, or an output of verify whose rows are to be verified again."""

from dataclasses import dataclass, replace

from common.cli.options import BatchOptions, resolve_relocation
from common.errors import BadInput
from common.hashing.digest import is_sha256
from common.manifests.integrity import seal_of
from common.manifests.outputs import load_state_beside
from common.manifests.reader import Record
from common.manifests.relocation import Relocation, Roots
from common.manifests.rows import REPORT, VERIFY, VerifyRow
from common.manifests.state import SUFFIX, RunState
from common.manifests.survey import ManifestInput, ManifestSurvey
from common.paths import printable
from common.stages import Stage

_NOT_YET_VERIFIED = dict.fromkeys(
    (
        "status",
        "reason",
        "source_inode",
        "archive_inode",
        "archive_mtime",
        "read_mode",
        "source_read_mode",
        "verified_at",
        "row_seal",
    ),
    "",
)


@dataclass(frozen=True, kw_only=True)
class Options(BatchOptions):
    """The options of one call. Paths are absolute; those of outputs are empty for the default."""

    input_csv: str
    verified_out: str
    unverified_out: str
    hash: str
    read_mode: str
    archive_only: bool

    @property
    def action(self) -> str:
        """The ``action`` in the summary."""
        return "archive-only" if self.archive_only else "verify"

    @property
    def settings(self) -> dict[str, str]:
        """What a later call must repeat to resume."""
        return {"archive_only": "yes" if self.archive_only else "", **self.row_range.settings}


def locate_roots(options: Options, manifest: ManifestInput) -> Relocation:
    """Where the roots that the input names are at present. Reads the disk. Raises ``BadInput`` for a wrong option."""
    first = manifest.first_record()
    recorded = Roots(first.values["source_root"], first.values["archive_root"]) if first else Roots()
    return resolve_relocation(options, recorded)


def survey_input(
    options: Options, manifest: ManifestInput, state: RunState | None, relocation: Relocation
) -> ManifestSurvey:
    """Check the whole input, or only that it is still the file to which the resumed state belongs. Reads the disk.

    The survey has the present roots. Raises ``BadInput`` if the input is invalid or not the state's, or if ``--offset``
    is past its end.
    """
    survey = _survey_recorded(options, manifest, state, relocation)
    return replace(survey, source_root=relocation.present.source, archive_root=relocation.present.archive)


def _survey_recorded(
    options: Options, manifest: ManifestInput, state: RunState | None, relocation: Relocation
) -> ManifestSurvey:
    if state is None or state.manifest is None:
        start = options.row_range.start
        survey = manifest.survey(lambda record, where: read_row(record, where, relocation).size_bytes, start=start)
        if survey.manifest.rows < start:
            raise BadInput(f"{printable(options.input_csv)} has no row behind --offset {start}; give a smaller one")
        return survey
    if manifest.sha256() != state.manifest.sha256:
        raise BadInput(
            f"{printable(options.input_csv)} is not the file that the state file "
            f"{printable(options.state_file or options.verified_out + SUFFIX)} belongs to (it was changed, or is "
            "another); restore it, or begin anew with another --state-file"
        )
    return manifest.known_survey(state.manifest)


def read_row(record: Record, where: str, relocation: Relocation) -> VerifyRow:
    """Make an unverified row, with the present paths, from a row of the input.

    Raises ``BadInput`` if it is invalid or was changed.
    """
    values = record.values
    if "row_seal" in values:
        missing = [column for column in VERIFY.required if column not in values]
        if missing or seal_of(values) != values["row_seal"]:
            raise BadInput(f"{where}: the row was changed after it was written; restore it or delete the whole row")
    if values["sha256"] and not is_sha256(values["sha256"]):
        raise BadInput(f"{where}: sha256 holds {values['sha256'][:80]!r}, not 64 lower-case hex digits")
    row = VERIFY.decode({"report_status": values["status"], **values, **_NOT_YET_VERIFIED}, where)
    return relocation.rebase_row(row, where)


def is_plan(manifest: ManifestInput) -> bool:
    """Whether the input is a report without a state beside it that says it was carried out. Reads the disk."""
    if not set(REPORT.columns) <= set(manifest.columns):
        return False
    state = load_state_beside(manifest.path, Stage.ORGANIZE)
    return state is None or state.settings.get("mode") == "report"
