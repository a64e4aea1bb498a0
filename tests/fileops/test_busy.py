"""What another program holds open for a moment on Windows is tried again; a failing clean-up hides no error."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from common.errors import RowFailed
from common.fileops import busy
from common.fileops.busy import retry_while_busy
from common.fileops.copying import copy_to_temporary
from common.fileops.mounts import is_same_directory
from tests.fileops.fault_actions import put


class Held:
    """A file that another program holds open for the first calls, as Windows tells of it."""

    def __init__(self, calls: int, winerror: int) -> None:
        self.calls = calls
        self.winerror = winerror

    def unlink(self, path: str) -> None:
        if self.calls:
            self.calls -= 1
            error = PermissionError(13, "in use", path)
            setattr(error, "winerror", self.winerror)  # noqa: B010 - it exists on Windows alone
            raise error
        os.unlink(path)


@pytest.mark.parametrize(
    ("platform", "winerror", "gone"), [("win32", 32, True), ("win32", 1, False), ("linux", 32, False)]
)
def test_b16_a_file_in_use_is_tried_again_on_windows(
    folder: Path, monkeypatch: pytest.MonkeyPatch, platform: str, winerror: int, gone: bool
) -> None:
    path = put(folder / "a", b"content")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", platform)
        held = Held(3, winerror)
        if gone:
            retry_while_busy(held.unlink, path)
        else:
            with pytest.raises(PermissionError):
                retry_while_busy(held.unlink, path)
    assert os.path.exists(path) != gone


def test_b16_patience_has_an_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(busy, "_PATIENCE_SECONDS", 0.2)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", "win32")
        with pytest.raises(PermissionError):
            retry_while_busy(Held(10_000, 5).unlink, str(folder / "a"))


def test_b16_a_copy_that_can_not_be_removed_hides_no_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = put(folder / "a.jpg", b"x" * 100)

    def fail(path: str) -> None:
        raise OSError(5, "cleaning up failed", path)

    def change(*_: object) -> None:
        raise RowFailed("the first error")

    monkeypatch.setattr("common.fileops.copying.remove_temporary", fail)
    monkeypatch.setattr("common.fileops.copying.write_all", change)
    with pytest.raises(RowFailed, match="the first error"):
        copy_to_temporary(source, str(folder))


def test_b16_a_probe_that_can_not_be_removed_hides_no_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: str) -> None:
        raise OSError(5, "cleaning up failed", path)

    def interrupt(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr("common.fileops.mounts.remove_temporary", fail)
    monkeypatch.setattr("common.fileops.mounts._wait_for", interrupt)
    with pytest.raises(KeyboardInterrupt):
        is_same_directory(str(folder), str(folder))
