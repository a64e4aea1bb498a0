"""The options of apply, and its manifest: its kind, and which intentions of a journal still count."""

from dataclasses import dataclass

from common.apply.journal import require_chained
from common.cli.options import BatchOptions
from common.errors import BadInput
from common.fileops.moving import Terms
from common.manifests.integrity import first_chain
from common.manifests.outputs import require_finished
from common.manifests.rows import JOURNAL, REPORT, VERIFY, JournalRow, ReportRow, RowIds, Table, VerifyRow
from common.manifests.statuses import Action, ManifestType, Phase
from common.manifests.survey import ManifestInput
from common.paths import path_exists, printable

IDENTIFYING_COLUMNS = ("run_id", "row_id", "source_path")
"""The columns that every kind of manifest has."""
_TABLES: dict[ManifestType, Table[VerifyRow] | Table[JournalRow] | Table[ReportRow]] = {
    ManifestType.VERIFIED: VERIFY,
    ManifestType.JOURNAL: JOURNAL,
    ManifestType.REPORT: REPORT,
}
_PAST = {Action.QUARANTINE: "quarantined", Action.DELETE: "deleted", Action.PURGE: "purged", Action.RESTORE: "restored"}


@dataclass(frozen=True, kw_only=True)
class Options(BatchOptions):
    """The options of one call. Paths are absolute, or empty for the default.

    Verifications before ``oldest_allowed`` (a time as in manifests, empty for no limit) have expired.
    """

    manifest: str
    expected_run_id: str
    quarantine_root: str
    dry_run: bool
    delete_permanently: bool
    yes_really_delete: bool
    restore: bool
    prune_empty_dirs: bool
    max_age: int
    accept_cached_reads: bool
    accept_lost_attributes: bool
    oldest_allowed: str

    @property
    def terms(self) -> Terms:
        """The terms under which files may be destroyed."""
        return Terms(cached_reads=self.accept_cached_reads, lost_attributes=self.accept_lost_attributes)


@dataclass(frozen=True, slots=True)
class ManifestKind:
    """The type of the manifest, and the action that is applied to its rows."""

    type: ManifestType
    action: Action

    @property
    def table(self) -> Table[VerifyRow] | Table[JournalRow] | Table[ReportRow]:
        return _TABLES[self.type]

    @property
    def past(self) -> str:
        """The past participle of the action, for messages."""
        return _PAST[self.action]

    @property
    def needs_archive(self) -> bool:
        """Whether the archive must be mounted: only a restore from a quarantine doesn't need it."""
        return self.type == ManifestType.REPORT or self.action != Action.RESTORE

    @property
    def destroys(self) -> bool:
        """Whether files are destroyed, which reads all bytes of them and of their archive copies first."""
        return self.action in (Action.DELETE, Action.PURGE)


def require_kind(manifest: ManifestInput, options: Options) -> ManifestKind:
    """Return the kind of a manifest. Reads the disk.

    Raises ``BadInput`` for options that do not fit the manifest, a missing column, and an unfinished report.
    """
    kind = detect_kind(manifest.path, manifest.columns, restore=options.restore, delete=options.delete_permanently)
    given = {"--max-age": options.oldest_allowed, "--prune-empty-dirs": options.prune_empty_dirs}
    for option in (option for option, value in given.items() if value and kind.type != ManifestType.VERIFIED):
        raise BadInput(f"{option} goes with a verified.csv, not with a {kind.type}; leave it out")
    if kind.type == ManifestType.REPORT:
        require_finished(manifest.path)
    manifest.require_columns(kind.table.required)
    return kind


def detect_kind(path: str, columns: tuple[str, ...], *, restore: bool, delete: bool) -> ManifestKind:
    """Detect the kind of a manifest by its columns. Raises ``BadInput`` if the options do not fit it. Pure."""
    if "chain" in columns:
        if not restore and not delete:
            raise BadInput(
                f"{printable(path)} is a journal: give --restore, or both delete options to purge the quarantine"
            )
        return ManifestKind(ManifestType.JOURNAL, Action.RESTORE if restore else Action.PURGE)
    if "report_status" not in columns and "capture_date" in columns and not restore:
        raise BadInput(f"{printable(path)} is a report of organize: verify it first, and give the verified.csv of that")
    if restore:
        if "capture_date" not in columns:
            raise BadInput(f"{printable(path)}: --restore needs a journal.csv, or the report.csv of a move")
        return ManifestKind(ManifestType.REPORT, Action.RESTORE)
    return ManifestKind(ManifestType.VERIFIED, Action.DELETE if delete else Action.QUARANTINE)


class JournalCheck:
    """Checks the chain of a journal given as manifest, and finds the intentions in it that no longer count.

    These are intentions that failed, and all but the last one for a file that was quarantined several times, with
    restores in between.
    """

    def __init__(self, run_id: str) -> None:
        self.restores_or_purges = False
        self._chain = first_chain(run_id)
        self._failed, self._carried_out = RowIds(), RowIds()  # sequence numbers; row_ids
        self._last: dict[int, int] = {}  # sequence number by row_id
        self._under_way: dict[int, int] = {}

    def add(self, values: dict[str, str], where: str) -> None:
        """Add the next row, which has been decoded before. Raises ``BadInput`` unless it follows the previous one."""
        self._chain = require_chained(values, self._chain, where)
        self.restores_or_purges |= values["action"] in (Action.RESTORE, Action.RESTORE_FOLDER, Action.PURGE)
        if values["action"] == Action.PRUNE:
            return
        row_id = int(values["row_id"])
        if values["phase"] == Phase.PLANNED:
            self._under_way[row_id] = int(values["sequence"])
        elif (sequence := self._under_way.pop(row_id, None)) is not None:
            if values["phase"] == Phase.FAILED:
                self._failed.add(sequence)
            else:
                self._count(row_id, sequence)

    def _count(self, row_id: int, sequence: int) -> None:
        if not self._carried_out.add(row_id):
            self._last[row_id] = sequence

    def finish(self) -> None:
        """End the check after the last row: intentions without an outcome count."""
        while self._under_way:
            self._count(*self._under_way.popitem())

    def is_superseded(self, row: JournalRow) -> bool:
        """Whether an intention no longer counts; call it after ``finish``. Reads the disk for one that failed."""
        # A failed act that could not be undone has left the file in the quarantine: it can still be restored.
        is_failed = row.sequence in self._failed and not path_exists(row.to_path)
        return is_failed or self._last.get(row.row_id, row.sequence) != row.sequence
