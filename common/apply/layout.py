"""The layout of a quarantine: where an original lies in it. Pure."""

from __future__ import annotations

import os

from common.paths import is_plain_absolute

FILES = "files"
"""The folder below ``<quarantine_root>/<run_id>`` that holds the originals."""


def quarantine_path(quarantine_root: str, run_id: str, source_path: str) -> str:
    """Where an original goes: its whole absolute path below ``<quarantine_root>/<run_id>/files``."""
    return os.path.join(quarantine_root, run_id, FILES, _relative(source_path))


def is_quarantine_path(path: str, run_id: str, source_path: str) -> bool:
    """Whether a path is what ``quarantine_path`` makes for some quarantine root."""
    return is_plain_absolute(path) and path.endswith(os.path.join(os.sep + run_id, FILES, _relative(source_path)))


def files_folder(path: str, source_path: str) -> str:
    """The folder ``files`` above the quarantine path of an original."""
    return path.removesuffix(_relative(source_path)).rstrip(os.sep)


def _relative(path: str) -> str:
    """An absolute path in the form that it has below a folder: without its first separator and a drive's colon."""
    drive, tail = os.path.splitdrive(path)
    return os.path.join(drive.replace(":", "").strip(os.sep), tail.lstrip(os.sep))
