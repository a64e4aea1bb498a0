"""The phrases of the column ``reason`` that are parsed again, each beside its parser. Pure.

Older files contain them too: if a phrase changes, its parser must still accept the old form.
"""

import re
from collections.abc import Sequence

_VERIFY_AGAIN = "; verify again"
_ORGANIZE_AGAIN = "; organize again"
_FAILED_IN_PLAN = "failed already when the report was made"
_PURGED = "it was purged, and is gone for good"
_LACKS_ATTRIBUTES = "the archive copy lacks "
_ON_DISK = r'on the disk mounted below the source at ("(?:[^"\\]|\\.)*")'
_SAME_CONTENT = re.compile(r"same content as row ([0-9]{1,19})")
_ROOTS = r'(?:.*; )?source now at ("(?:[^"\\]|\\.)*"), archive now at ("(?:[^"\\]|\\.)*")'
_SAME_COMPANION = re.compile(r"same content as the companion of row ([0-9]{1,19})")


def verify_again(cause: str) -> str:
    """Make the reason for a pair of files that changed since it was verified."""
    return f"{cause}{_VERIFY_AGAIN}"


def asks_to_verify_again(reason: str) -> bool:
    """Whether a reason asks the user to verify again."""
    return reason.endswith(_VERIFY_AGAIN)


def organize_again(cause: str) -> str:
    """Make the reason for a row of a plan that can't be carried out any more."""
    return f"{cause}{_ORGANIZE_AGAIN}"


def asks_to_organize_again(reason: str) -> bool:
    """Whether a reason asks the user to make a new plan."""
    return reason.endswith(_ORGANIZE_AGAIN)


def failed_in_plan(reason: str) -> str:
    """Make the reason for a row that had already failed in the plan that this run carries out."""
    return f"{_FAILED_IN_PLAN}: {reason}"


def has_failed_in_plan(reason: str) -> bool:
    """Whether a row had already failed in its plan."""
    return reason.startswith(_FAILED_IN_PLAN)


def purged(archive_copy: str) -> str:
    """Make the reason why a purged file can't be restored; ``archive_copy`` is a printable path."""
    return f"{_PURGED}; its archive copy is {archive_copy}"


def is_purged(reason: str) -> bool:
    """Whether a file can't be restored because it was purged."""
    return reason.startswith(_PURGED)


def same_content(row_id: int) -> str:
    """Make the reason for a duplicate of the file of another row."""
    return f"same content as row {row_id}"


def same_companion(row_id: int) -> str:
    """Make the reason for a duplicate of the companion of another row."""
    return f"same content as the companion of row {row_id}"


def row_of_same_content(reason: str) -> int:
    """Parse the row_id from a ``same_content`` reason; 0 for any other reason."""
    match = _SAME_CONTENT.fullmatch(reason)
    return int(match[1]) if match else 0


def row_of_same_companion(reason: str) -> int:
    """Parse the row_id from a ``same_companion`` reason; 0 for any other reason."""
    match = _SAME_COMPANION.fullmatch(reason)
    return int(match[1]) if match else 0


def on_disk_below_source(relative: str) -> str:
    """Make the reason of an intention for a file on a disk that is mounted below the source, at a relative path."""
    import json  # noqa: PLC0415 - only for such disks

    return f"on the disk mounted below the source at {json.dumps(relative)}"


def disk_below_source(reason: str) -> str:
    """Parse the relative path of the mount point from the reason of an intention; empty if it has none."""
    match = re.match(_ON_DISK, reason) if reason else None
    if match is None:
        return ""
    import json  # noqa: PLC0415 - see above

    try:
        return str(json.loads(match[1]))
    except ValueError:
        return ""


def lacks_attributes(names: Sequence[str]) -> str:
    """Make the reason of an identical pair whose copy lacks attributes of the original, such as tags."""
    return f"{_LACKS_ATTRIBUTES}{', '.join(names)}"


def is_lacking_attributes(reason: str) -> bool:
    """Whether an archive copy lacks attributes of its original."""
    return reason.startswith(_LACKS_ATTRIBUTES)


def folder_permissions(mode: int) -> str:
    """Make the reason of a pruned folder: its permissions in octal."""
    return f"{mode:o}"


def parse_folder_permissions(reason: str) -> int:
    """Parse the permissions of a pruned folder; 0o755 if the reason holds none."""
    match = re.match(r"([0-7]{1,4})(?:; |\Z)", reason)
    return int(match[1], 8) if match else 0o755


def add_roots(reason: str, source: str, archive: str) -> str:
    """Add to the reason of an intention where source and archive were when it was carried out, as JSON strings."""
    import json  # noqa: PLC0415 - only for roots that are mounted elsewhere

    paths = (json.dumps(path, ensure_ascii=False) for path in (source, archive))
    roots = "source now at {}, archive now at {}".format(*paths)
    return f"{reason}; {roots}" if reason else roots


def parse_roots(reason: str) -> tuple[str, str] | None:
    """Parse the paths of source and archive from the reason of an intention; None if it has none."""
    match = re.fullmatch(_ROOTS, reason) if reason else None
    if match is None:
        return None
    import json  # noqa: PLC0415 - see above

    try:
        source, archive = (json.loads(text) for text in match.groups())
    except ValueError:
        return None
    return source, archive
