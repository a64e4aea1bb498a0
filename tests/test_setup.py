"""What a newcomer meets first: the requirement files, the Makefile, the sample library and the demo."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from PIL import Image
from pillow_heif import register_heif_opener

from demo.make_sample_library import make_library
from demo.run_demo import main as run_demo
from demo.run_demo import record_made_files, remove_earlier_demo
from tests.support.trees import contents, read_tree, snapshot

ROOT = Path(__file__).resolve().parents[1]
OURS = {"bench", "common", "completion", "demo", "examples", "tests", *(path.stem for path in ROOT.glob("*.py"))}
EXIF_IFD = 0x8769
DATE_TIME_ORIGINAL = 0x9003


def required(name: str) -> set[str]:
    """The distributions that a requirements file names itself, in lower case with ``-`` between words."""
    lines = [line.split("#")[0].strip() for line in (ROOT / name).read_text("utf-8").splitlines()]
    return {canonical(re.split(r"[<>=!~;\[ ]", line)[0]) for line in lines if line and not line.startswith("-")}


def canonical(distribution: str) -> str:
    return distribution.lower().replace("_", "-")


def third_party(sources: Iterable[Path]) -> set[str]:
    """The distributions whose modules some source files import, at the top or inside functions."""
    modules: set[str] = set()
    for source in sources:
        for node in ast.walk(ast.parse(source.read_bytes())):
            if isinstance(node, ast.Import):
                modules.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                modules.add(node.module.split(".")[0])
    owners = importlib.metadata.packages_distributions()
    return {
        canonical(owners.get(module, [module])[0])
        for module in modules - OURS - set(sys.stdlib_module_names) - {"__future__"}
    }


def test_the_run_requirements_are_exactly_what_the_scripts_import() -> None:
    assert third_party([*ROOT.glob("*.py"), *(ROOT / "common").rglob("*.py")]) == required("requirements.txt")


def test_the_demo_needs_no_more_than_the_scripts() -> None:
    assert third_party((ROOT / "demo").rglob("*.py")) <= required("requirements.txt")


def test_the_development_requirements_are_exactly_what_tests_benchmarks_and_the_makefile_use() -> None:
    imported = third_party(path for folder in ("tests", "bench") for path in (ROOT / folder).rglob("*.py"))
    makefile = (ROOT / "Makefile").read_text("utf-8")
    run_by_make = set(re.findall(r"\$\(VENV_PYTHON\) -m (\w+)", makefile))
    if "-n auto" in makefile:  # an option of pytest that this plugin brings
        run_by_make.add("pytest-xdist")
    development = required("requirements-dev.txt")
    stubs = {f"types-{name}" for name in required("requirements.txt") | development} & development
    there_already = required("requirements.txt") | {"pip", "demo", "bench"}
    assert (imported | run_by_make | stubs) - there_already == development


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What ``make`` reads, in a folder whose path holds spaces."""
    if not shutil.which("make") or sys.platform == "win32":
        pytest.skip("make is not installed, or this is Windows: CONTRIBUTING.md has the commands to type instead")
    folder = tmp_path / "a folder with spaces"
    folder.mkdir()
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, folder)
    return folder


def make(checkout: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *args], cwd=checkout, capture_output=True, text=True, check=False, timeout=60)


def fake_python(folder: Path, beforehand: str) -> str:
    """A Python that runs one statement before every ``-c``, and does nothing when asked for anything else."""
    command = folder / "fake-python"
    command.write_text(
        f'#!/bin/sh\n[ "$1" != -c ] || exec "{sys.executable}" -c "{beforehand}; $2"\n', encoding="utf-8"
    )
    command.chmod(0o755)
    return f"PYTHON=./{command.name}"


def test_make_says_in_a_sentence_that_python_is_missing_or_too_old(checkout: Path) -> None:
    for python in ("PYTHON=no-such-python", fake_python(checkout, "import sys; sys.version_info = (3, 10, 14)")):
        done = make(checkout, "test", python)
        assert done.returncode != 0
        assert "Python 3.11 or newer is needed" in done.stderr
        assert "make PYTHON=python3.12" in done.stderr
        assert not (checkout / ".venv").exists()


def test_make_says_in_a_sentence_that_the_venv_module_is_missing(checkout: Path) -> None:
    done = make(checkout, "test", fake_python(checkout, "import sys; sys.modules['ensurepip'] = None"))
    assert done.returncode != 0
    assert "apt install python3-venv" in done.stderr


def test_make_sets_up_once_also_in_a_folder_with_spaces(checkout: Path) -> None:
    stand_in = checkout / ".venv" / "bin" / "python"
    stand_in.parent.mkdir(parents=True)
    stand_in.write_text('#!/bin/sh\necho "stand-in: $*"\n', encoding="utf-8")
    stand_in.chmod(0o755)
    first = make(checkout, "test", fake_python(checkout, "pass"))
    again = make(checkout, "lint", "PYTHON=no-such-python")
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert "pip install" in first.stdout
    assert "stand-in: -m pytest" in first.stdout
    assert "pip install" not in again.stdout
    assert "stand-in: -m ruff check" in again.stdout


def test_the_sample_library_is_the_same_each_time(tmp_path: Path) -> None:
    make_library(tmp_path / "one")
    make_library(tmp_path / "two")
    assert snapshot(tmp_path / "one") == snapshot(tmp_path / "two")


def test_the_sample_library_holds_what_its_readers_are_promised(tmp_path: Path) -> None:
    register_heif_opener()
    make_library(tmp_path / "library")
    tree = read_tree(tmp_path / "library")
    broken = "camera/DSC_0101.jpg"
    with pytest.raises(OSError, match=r"[Tt]runcated"):
        Image.open(tmp_path / "library" / broken)
    dates = {}
    for name in {name for name in tree if name.endswith((".jpg", ".png", ".heic"))} - {broken}:
        with Image.open(tmp_path / "library" / name) as picture:
            dates[name] = picture.getexif().get_ifd(EXIF_IFD).get(DATE_TIME_ORIGINAL, "none")
    assert dates["phone/IMG_0002.heic"] == "2022:08:05 18:20:00"
    assert dates["phone/IMG_0001.jpg"][:4] == dates["camera/IMG_0001.jpg"][:4]
    assert tree["phone/IMG_0001.jpg"] != tree["camera/IMG_0001.jpg"]
    assert dates["phone/IMG-20230318-WA0006.jpg"] == "none"
    assert max(contents(tree).values()) == 2
    assert tree["old backup/DSC_0100 copy.jpg"] == tree["camera/DSC_0100.jpg"]
    assert tree["phone/MOV_0003.mp4"][4:8] == b"ftyp"
    assert any("\n" in name and '"' in name and "," in name for name in tree) or sys.platform == "win32"
    assert {"phone/Thumbs.db", "old backup/read me.txt"} <= tree.keys()


def test_the_sample_library_is_never_made_in_a_folder_that_exists(tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        make_library(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_demo_runs_through_and_a_second_one_replaces_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "demo output"
    for _ in range(2):
        assert run_demo(["--output", str(output)]) == 0, capfd.readouterr()
    assert run_demo(["--output", str(output), "--remove"]) == 0
    assert not output.exists()


def test_the_demo_leaves_a_folder_alone_that_it_did_not_make(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "only copy.jpg").write_bytes(b"precious")
    for options in (["--output", str(photos)], ["--output", str(photos), "--remove"]):
        assert run_demo(options) == 1
        assert "was not made by this demo" in capsys.readouterr().err
    assert read_tree(photos) == {"only copy.jpg": b"precious"}


def test_the_demo_leaves_its_folder_alone_once_somebody_put_a_file_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "demo-output"
    (output / "archive").mkdir(parents=True)
    (output / "report.csv").write_bytes(b"of the demo")
    record_made_files(output)
    (output / "archive" / "only copy.jpg").write_bytes(b"precious")
    before = snapshot(output)
    assert run_demo(["--output", str(output)]) == 1
    assert "only copy.jpg" in capsys.readouterr().err
    assert snapshot(output) == before

    (output / "archive" / "only copy.jpg").unlink()
    remove_earlier_demo(output)
    assert not output.exists()
