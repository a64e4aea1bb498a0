"""The three stages: the word that names each in files and messages, and the script that carries it out."""

from enum import StrEnum


class Stage(StrEnum):
    """A stage by the word that stands in state files and in the summary (``tool``)."""

    ORGANIZE = "organize"
    VERIFY = "verify"
    APPLY = "apply"

    @property
    def script(self) -> str:
        """The file name of the script, as a command line names it."""
        return {
            Stage.ORGANIZE: "organize_media_by_date.py",
            Stage.VERIFY: "verify_media_archive.py",
            Stage.APPLY: "apply_deletion_manifest.py",
        }[self]
