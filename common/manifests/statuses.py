"""The values of the columns ``status``, ``phase``, ``action`` and ``read_mode`` of the CSV files."""

from enum import StrEnum


class ReportStatus(StrEnum):
    """``status`` in report.csv: what organize plans for a file, or has done with it."""

    PLANNED = "planned"
    COPIED = "copied"
    MOVED = "moved"
    ALREADY_ARCHIVED = "already_archived"
    DUPLICATE = "duplicate"
    SKIPPED = "skipped"
    FAILED = "failed"


class VerifyStatus(StrEnum):
    """``status`` in verified.csv (the first two) and unverified.csv."""

    IDENTICAL = "identical"
    ARCHIVE_INTACT = "archive_intact"
    ARCHIVE_MISSING = "archive_missing"
    SOURCE_MISSING = "source_missing"
    SIZE_DIFFERS = "size_differs"
    CONTENT_DIFFERS = "content_differs"
    SAME_FILE = "same_file"
    NOT_REGULAR = "not_regular"
    CHANGED_WHILE_READING = "changed_while_reading"
    OUTSIDE_ROOT = "outside_root"
    READ_ERROR = "read_error"
    NOT_ARCHIVED = "not_archived"


VERIFIED_STATUSES = frozenset({VerifyStatus.IDENTICAL, VerifyStatus.ARCHIVE_INTACT})
"""The statuses of the rows in verified.csv."""


class Phase(StrEnum):
    """``phase`` in journal.csv: an intention (planned), or its outcome."""

    PLANNED = "planned"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


class Action(StrEnum):
    """``action`` in journal.csv: what apply does with a file, or (the last two) with a folder."""

    QUARANTINE = "quarantine"
    DELETE = "delete"
    RESTORE = "restore"
    PURGE = "purge"
    PRUNE = "prune"
    RESTORE_FOLDER = "restore_folder"


class ManifestType(StrEnum):
    """The kinds of file that apply accepts as ``--manifest``."""

    VERIFIED = "verified"
    JOURNAL = "journal"
    REPORT = "report"


class ReadMode(StrEnum):
    """``read_mode``: whether bytes came from the storage medium or may have come from memory."""

    COLD = "cold"
    CACHED = "cached"
