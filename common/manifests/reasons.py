"""Every phrase of a ``reason`` that a program reads again, each beside its parser. Pure.

People read these sentences in the CSV files, and older files hold them as well: a phrase that is changed here must stay
readable for its parser in its old form.
"""

from __future__ import annotations

import re

_VERIFY_AGAIN = "; verify again"
_ORGANIZE_AGAIN = "; organize again"
_FAILED_IN_PLAN = "failed already when the report was made"
_PURGED = "it was purged, and is gone for good"
_SAME_CONTENT = re.compile(r"same content as row ([0-9]{1,19})")
_SAME_COMPANION = re.compile(r"same content as the companion of row ([0-9]{1,19})")


def verify_again(cause: str) -> str:
    """The reason for a pair that was changed since it was verified."""
    return f"{cause}{_VERIFY_AGAIN}"


def asks_to_verify_again(reason: str) -> bool:
    """Whether a pair is to be verified once more."""
    return reason.endswith(_VERIFY_AGAIN)


def organize_again(cause: str) -> str:
    """The reason for a row that the same plan can't carry out any more."""
    return f"{cause}{_ORGANIZE_AGAIN}"


def asks_to_organize_again(reason: str) -> bool:
    """Whether a new plan is needed."""
    return reason.endswith(_ORGANIZE_AGAIN)


def failed_in_plan(reason: str) -> str:
    """The reason for a row that had failed when its plan was made, in the report of the run that carried it out."""
    return f"{_FAILED_IN_PLAN}: {reason}"


def has_failed_in_plan(reason: str) -> bool:
    """Whether a row had failed when its plan was made."""
    return reason.startswith(_FAILED_IN_PLAN)


def purged(archive_copy: str) -> str:
    """The reason why a file can't be restored that was purged; ``archive_copy`` is its path, fit to be printed."""
    return f"{_PURGED}; its archive copy is {archive_copy}"


def is_purged(reason: str) -> bool:
    """Whether a file is gone since it was purged."""
    return reason.startswith(_PURGED)


def same_content(row_id: int) -> str:
    """The reason for a duplicate of the file of another row."""
    return f"same content as row {row_id}"


def same_companion(row_id: int) -> str:
    """The reason for a companion that is a duplicate of the companion of another row."""
    return f"same content as the companion of row {row_id}"


def row_of_same_content(reason: str) -> int:
    """The row that a duplicate names, 0 where it names none."""
    match = _SAME_CONTENT.fullmatch(reason)
    return int(match[1]) if match else 0


def row_of_same_companion(reason: str) -> int:
    """The row whose companion a duplicate names, 0 where it names none."""
    match = _SAME_COMPANION.fullmatch(reason)
    return int(match[1]) if match else 0


def folder_permissions(mode: int) -> str:
    """What stands in ``reason`` where a folder is pruned: its permissions, in octal."""
    return f"{mode:o}"


def parse_folder_permissions(reason: str) -> int:
    """The permissions of a pruned folder; those of a new one where they can't be read."""
    return int(reason, 8) if re.fullmatch(r"[0-7]{1,4}", reason) else 0o755
