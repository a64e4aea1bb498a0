"""CONTRIBUTING.md can't lie: every file and every name that it mentions exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
PATHS = sorted({*re.findall(r"`([\w.]+/[\w./]*)`", TEXT)})
NAMES = re.findall(r"`(\w+)` in\s+`([\w./]+\.py)`", TEXT)
ROOMS = re.findall(r"^\| `(common/\w+/)` \| (.+) \|$", TEXT, re.MULTILINE)
DRAWN = re.findall(r"^    (?:scripts|stages|face|files|disk|reading|ground) .*$", TEXT, re.MULTILINE)


def test_the_map_was_read() -> None:
    assert min(len(PATHS), len(NAMES)) > 8
    assert len(DRAWN) == 7


@pytest.mark.parametrize("path", PATHS)
def test_each_path_exists(path: str) -> None:
    assert (ROOT / path).is_dir() if path.endswith("/") else (ROOT / path).exists()


@pytest.mark.parametrize(("name", "path"), NAMES)
def test_each_name_is_defined_where_it_is_said_to_be(name: str, path: str) -> None:
    defined: set[str] = set()
    for node in ast.parse((ROOT / path).read_bytes()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Assign):
            defined.update(ast.unparse(target) for target in node.targets)
    assert name in defined


def test_each_room_is_described_by_modules_that_it_has() -> None:
    rooms = {f"common/{path.parent.name}/" for path in (ROOT / "common").glob("*/__init__.py")}
    assert {room for room, _ in ROOMS} == rooms
    missing = [
        room + module
        for room, description in ROOMS
        for module in re.findall(r"`(\w+\.py)`", description)
        if not (ROOT / room / module).is_file()
    ]
    assert not missing


def test_each_file_and_room_stands_in_its_layer_of_the_drawing() -> None:
    drawn = {name for line in DRAWN for name in re.findall(r"\w+(?:\.py|/)", line)}
    rooms = {f"{path.parent.name}/" for path in (ROOT / "common").glob("*/__init__.py")}
    modules = {path.name for path in (ROOT / "common").glob("*.py")} - {"__init__.py"}
    assert drawn == rooms | modules | {path.name for path in ROOT.glob("*.py")}
