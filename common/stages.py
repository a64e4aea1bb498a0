"""The three stages: the name of each in files and messages, and its script."""

from enum import StrEnum


class Stage(StrEnum):
    """The name of a stage, as in state files and the JSON summary (``tool``)."""

    ORGANIZE = "organize"
    VERIFY = "verify"
    APPLY = "apply"

    @property
    def script(self) -> str:
        """The file name of the script of this stage."""
        return {
            Stage.ORGANIZE: "organize_media_by_date.py",
            Stage.VERIFY: "verify_media_archive.py",
            Stage.APPLY: "apply_deletion_manifest.py",
        }[self]
