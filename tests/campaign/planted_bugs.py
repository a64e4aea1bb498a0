"""A copy of the product with one guard taken out, to see that the campaign notices."""

from __future__ import annotations

import ast
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.support.scripts import APPLY, ORGANIZE, ROOT, VERIFY


@dataclass(frozen=True, slots=True)
class PlantedBug:
    """A function (``Class.method`` or ``function``) of ``common/`` that returns at once, having done nothing."""

    name: str
    function: str
    returns: str

    def __str__(self) -> str:
        return self.name


NO_FSYNC_OF_COPIES = PlantedBug("copies are not synced", "StagedCopy.sync", "return None")
NO_FSYNC_OF_FOLDERS = PlantedBug("folders are not synced", "sync_folder", "return None")
NO_FSYNC_OF_TABLES = PlantedBug("tables are not synced", "Appender.sync", "return None")
NO_ALIAS_PROBE = PlantedBug("folders are not probed", "is_same_directory", "return False")
NO_COLD_READ = PlantedBug("the cache is not dropped", "drop_cache", "return True")


def plant(bug: PlantedBug, folder: Path) -> Path:
    """Copy the three scripts and ``common`` into a new folder, with the bug in it. Fails where it has no place."""
    folder.mkdir()
    for script in (ORGANIZE, VERIFY, APPLY):
        shutil.copy(ROOT / f"{script}.py", folder)
    shutil.copytree(ROOT / "common", folder / "common", ignore=shutil.ignore_patterns("__pycache__"))
    planted = [path for path in sorted(folder.rglob("*.py")) if _plant_in(path, bug)]
    assert len(planted) == 1, f"{bug.function} stands in {len(planted)} files, not in one"
    return folder


def _plant_in(path: Path, bug: PlantedBug) -> bool:
    source = path.read_text(encoding="utf-8")
    found = [function for name, function in functions_of(ast.parse(source)) if name == bug.function]
    if not found:
        return False
    first = found[0].body[0]
    lines = source.splitlines(keepends=True)
    lines.insert(first.lineno - 1, f"{' ' * first.col_offset}{bug.returns}\n")
    path.write_text("".join(lines), encoding="utf-8")
    return True


def functions_of(tree: ast.Module) -> list[tuple[str, ast.FunctionDef]]:
    """Functions by name, and methods as ``Class.method``."""
    functions = [(node.name, node) for node in tree.body if isinstance(node, ast.FunctionDef)]
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            functions += [(f"{node.name}.{part.name}", part) for part in node.body if isinstance(part, ast.FunctionDef)]
    return functions
