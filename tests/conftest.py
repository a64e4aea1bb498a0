"""Fixtures for every test: they only make folders and photos, the tests themselves say what happens."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.campaign.disk_table import DiskTable
from tests.campaign.figures import Figures
from tests.support.library import Library, LibraryMaker
from tests.support.media import jpeg
from tests.support.trees import Tree


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Figures(), "campaign figures")
    config.pluginmanager.register(DiskTable(), "table of disks")
    # How long one example takes depends on what else the machine does, such as the other tests.
    hypothesis.settings.register_profile("no deadline", deadline=None)
    hypothesis.settings.load_profile("no deadline")


@pytest.fixture
def library(tmp_path: Path) -> LibraryMaker:
    """Make a library from a tree of source files; a second call makes another one beside it."""
    made: list[Library] = []

    def make(tree: Tree) -> Library:
        made.append(Library.at(tmp_path / f"library-{len(made) + 1}", tree))
        return made[-1]

    return make


@pytest.fixture
def six(library: LibraryMaker) -> Library:
    """A library of six different photos: ``p1.jpg`` to ``p6.jpg``."""
    return library({f"p{seed}.jpg": jpeg(seed=seed) for seed in range(1, 7)})


@pytest.fixture
def ready(six: Library) -> Library:
    """Six photos, copied and verified."""
    six.organize()
    six.verify()
    return six


@pytest.fixture
def ready_across(tmp_path: Path, other_disk: Path) -> Library:
    """As ``ready``, but the source lies on another file system than the archive and all other folders."""
    home = Library.at(tmp_path / "across", {f"p{n}.jpg": jpeg(seed=n) for n in range(1, 7)}, other_disk / "source")
    home.organize()
    home.verify()
    return home


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """An empty folder on another file system than the test's own."""
    here = tmp_path.stat().st_dev
    for candidate in (Path("/dev/shm"), Path("/tmp"), Path.home()):
        if candidate.is_dir() and candidate.stat().st_dev != here:
            folder = Path(tempfile.mkdtemp(prefix="media-tests-", dir=candidate))
            yield folder
            shutil.rmtree(folder)
            return
    pytest.skip("no second file system: give pytest --basetemp on another device than /dev/shm, /tmp and your home")
