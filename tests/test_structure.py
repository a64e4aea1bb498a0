"""The layout of the code: which room may import which, which may change the disk, and how large things may be.

Each rule is a function from source code to violations. First it is shown to find a planted one, then it is applied to
all of ``common`` and the three scripts.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MOST_MODULES_OUTSIDE_ROOMS = 14
MOST_LINES_OF_A_SCRIPT = 280
MOST_LINES_OF_A_FUNCTION = 60
SCRIPTS = ("apply_deletion_manifest", "organize_media_by_date", "verify_media_archive")

LAYERS = (
    ("errors", "paths", "timestamps", "media_types", "counts", "filesystems", "libc", "workers", "sandbox", "stages"),
    ("run_id", "concurrency", "hashing", "dates"),
    ("fileops",),
    ("manifests", "archive"),
    ("review",),
    ("cli",),
    ("organize", "verify", "apply"),
    SCRIPTS,
)
"""From the bottom: ground, reading, disk, files, review page, command line, stages, scripts.

A room imports from its own layer and those below it. No two modules import each other, directly or through others.
"""

ONE_SCRIPT_ONLY = {
    "common.organize": "organize_media_by_date",
    "common.verify": "verify_media_archive",
    "common.apply": "apply_deletion_manifest",
}
"""The room of each stage is imported by its own script only."""

CHANGES_THE_DISK = frozenset(
    f"os.{name}"
    for name in (
        "chflags chmod chown fchmod fchown fdatasync ftruncate lchmod lchown link makedirs mkdir mkfifo mknod "
        "posix_fallocate pwrite pwritev remove removedirs removexattr rename renames replace rmdir sendfile setxattr "
        "splice symlink truncate unlink utime write writev copy_file_range "
        "O_APPEND O_CREAT O_EXCL O_RDWR O_TMPFILE O_TRUNC O_WRONLY"
    ).split()
)
PATH_METHODS = frozenset(
    "chmod hardlink_to lchmod mkdir rmdir symlink_to touch unlink write_bytes write_text".split()
)  # the names of pathlib: no class outside fileops has a method of such a name
MODULES_THAT_WRITE = ("dbm", "shelve", "shutil", "sqlite3", "tarfile", "tempfile", "zipfile")
HARMLESS = frozenset({"shutil.which"})
MAY_CHANGE_THE_DISK = {
    ("common.cli.run", "open(os.devnull, 'w')"): "the null device: whoever read standard output has gone",
}

HEAVY = ("PIL", "asyncio", "concurrent", "ctypes", "jinja2", "multiprocessing", "pillow_heif", "subprocess", "tqdm")

BOUNDARIES = {
    ("common.cli.run", "run_stage"): "to the user: a fault of ours must not look like the user's",
    ("common.dates.formats", "read_guarded"): "around untrusted content: one file, not the run",
    ("common.dates.fallback_worker", "_answer"): "around foreign libraries, which raise anything",
    ("common.review.thumbnail_worker", "_answer"): "around Pillow, which raises anything",
}


@functools.cache
def sources() -> dict[str, ast.Module]:
    """The parsed source of the three scripts and of all modules in ``common``, by module name."""
    files = [*(ROOT / f"{script}.py" for script in SCRIPTS), *(ROOT / "common").rglob("*.py")]
    trees = {}
    for file in files:
        parts = file.relative_to(ROOT).with_suffix("").parts
        trees[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = ast.parse(file.read_bytes())
    return trees


# --- the rules -------------------------------------------------------------------------------------


def imported(tree: ast.Module, known: frozenset[str]) -> set[str]:
    """The modules among ``known`` that a file imports, at its top, in its functions, or for types only."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"a relative import in line {node.lineno}: write it out"
            package = node.module or ""
            names.update(name if (name := f"{package}.{alias.name}") in known else package for alias in node.names)
    return names & known


def room_of(module: str) -> str:
    """The room of ``common/`` that holds a module; a script, or a module outside a room, is its own room."""
    return module.removeprefix("common.").partition(".")[0]


def layer_of(module: str) -> int:
    """The layer of a module's room, counted from the bottom."""
    for number, rooms in enumerate(LAYERS):
        if room_of(module) in rooms:
            return number
    raise AssertionError(f"{module} is in no layer: add its room to LAYERS")


def import_cycles(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    """The sets of modules that reach each other by imports."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        todo = [*graph[start]]
        while todo:
            module = todo.pop()
            if module not in seen:
                seen.add(module)
                todo += graph[module]
        return seen

    reach = {module: reached(module) for module in graph}
    return {
        frozenset(reached_module for reached_module in reach[module] if module in reach[reached_module])
        for module in graph
        if module in reach[module]
    }


def disk_changes(tree: ast.Module) -> Iterator[str]:
    """Every expression that could change the disk without ``fileops``."""
    origins = {
        alias.asname or alias.name: f"{node.module}.{alias.name}" if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            head, dot, rest = ast.unparse(node).partition(".")
            name = origins.get(head, head) + dot + rest
            writes = name.startswith(tuple(f"{module}." for module in MODULES_THAT_WRITE)) and name not in HARMLESS
            if name in CHANGES_THE_DISK or writes:
                yield ast.unparse(node)
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called == "getattr" and isinstance(node.args[1], ast.Constant):
            owner = ast.unparse(node.args[0])
            if f"{origins.get(owner, owner)}.{node.args[1].value!s}" in CHANGES_THE_DISK:
                yield ast.unparse(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr in PATH_METHODS and called not in CHANGES_THE_DISK:
            yield ast.unparse(node)
        position = {"open": 1, "io.open": 1}.get(origins.get(called, called), 0 if called.endswith(").open") else -1)
        if position >= 0:
            by_name = [keyword.value for keyword in node.keywords if keyword.arg == "mode"]
            mode = [*by_name, *node.args[position:], ast.Constant("r")][0]
            if not isinstance(mode, ast.Constant) or set("wax+") & set(str(mode.value)):
                yield ast.unparse(node)


def top_level_imports(tree: ast.Module) -> Iterator[str]:
    """What is loaded with a file: its imports outside of functions and of ``if TYPE_CHECKING``."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif not isinstance(node, ast.FunctionDef) and not _is_for_types(node):
            todo += ast.iter_child_nodes(node)


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def swallowing_handlers(tree: ast.Module) -> Iterator[str]:
    """The functions in which everything is caught and not raised again."""

    def search(node: ast.AST, function: str) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            inside = child.name if isinstance(child, ast.FunctionDef) else function
            if isinstance(child, ast.ExceptHandler):
                names = {"BaseException"} if child.type is None else {ast.unparse(n) for n in ast.walk(child.type)}
                last = child.body[-1]
                raised = isinstance(last, ast.Raise) and last.exc is None
                if names & {"Exception", "BaseException"} and not raised:
                    yield inside
            if isinstance(child, ast.Call) and ast.unparse(child.func).endswith("suppress"):
                suppressed = {ast.unparse(argument) for argument in child.args}
                yield from [inside] if suppressed & {"Exception", "BaseException"} else []
            yield from search(child, inside)

    yield from search(tree, "")


def undocumented(tree: ast.Module) -> Iterator[str]:
    """Public functions and classes without a docstring; methods may do without."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield from [] if ast.get_docstring(node) else [node.name]


def long_functions(tree: ast.Module) -> Iterator[str]:
    """Functions and methods with more lines than can be read at a glance, the docstring included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.end_lineno:
            lines = node.end_lineno - node.lineno + 1
            yield from [f"{node.name} has {lines} lines"] if lines > MOST_LINES_OF_A_FUNCTION else []


# --- each rule finds a planted violation -----------------------------------------------------------


PLANTED_WRITES = (
    "import os\nos.unlink('x')",
    "import os as system\nsystem.rename('x', 'y')",
    "from os import replace as put\nput('x', 'y')",
    "import os\nlist(map(os.rmdir, folders))",
    "import os\nos.open('x', os.O_RDONLY | os.O_CREAT)",
    "import os\nos.open('x', getattr(os, 'O_WRONLY'))",
    "import os\ngetattr(os, 'unlink')('x')",
    "open('x', 'w')",
    "open('x', mode='r+b')",
    "open('x', mode)",
    "import io\nio.open('x', 'ab')",
    "from pathlib import Path\nPath('x').open('x')",
    "from pathlib import Path\nPath('x').write_text('y')",
    "path.unlink()",
    "path.mkdir(parents=True)",
    "import shutil\nshutil.rmtree('x')",
    "from shutil import move\nmove('x', 'y')",
    "import tempfile\ntempfile.mkdtemp()",
)


@pytest.mark.parametrize("text", PLANTED_WRITES)
def test_a_write_past_fileops_would_be_noticed(text: str) -> None:
    assert list(disk_changes(ast.parse(text)))


@pytest.mark.parametrize(
    "text",
    [
        "open('x')",
        "open('x', 'rb')",
        "import os\nos.open('x', os.O_RDONLY)",
        "'a'.replace('b', 'c')",
        "from dataclasses import replace\nreplace(row, status='x')",
        "import shutil\nshutil.which('ffprobe')",
        "from common import fileops\nfileops.make_folders('x')",
    ],
)
def test_reading_is_not_taken_for_writing(text: str) -> None:
    assert not list(disk_changes(ast.parse(text)))


@pytest.mark.parametrize(
    "text",
    [
        "import PIL.Image",
        "from PIL import Image",
        "try:\n    import tqdm\nexcept ImportError:\n    pass",
        "class A:\n    import ctypes",
        "if True:\n    from concurrent.futures import Future",
    ],
)
def test_a_heavy_import_at_the_top_would_be_noticed(text: str) -> None:
    assert any(name.split(".")[0] in HEAVY for name in top_level_imports(ast.parse(text)))


def test_an_import_inside_a_function_or_for_types_is_not_at_the_top() -> None:
    text = "def show():\n    import tqdm\nif TYPE_CHECKING:\n    import PIL\n"
    assert not list(top_level_imports(ast.parse(text)))


@pytest.mark.parametrize(
    "handler", ["except:", "except Exception:", "except BaseException as e:", "except (OSError, Exception):"]
)
def test_a_handler_that_swallows_everything_would_be_noticed(handler: str) -> None:
    text = f"def load():\n    try:\n        pass\n    {handler}\n        print()\n"
    assert list(swallowing_handlers(ast.parse(text))) == ["load"]


def test_a_handler_that_raises_again_swallows_nothing() -> None:
    text = "try:\n    pass\nexcept BaseException:\n    clean()\n    raise\n"
    assert not list(swallowing_handlers(ast.parse(text)))


def test_an_import_cycle_would_be_noticed() -> None:
    assert import_cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == {frozenset("abc")}


def test_a_function_that_is_too_long_would_be_noticed() -> None:
    body = "    pass\n" * (MOST_LINES_OF_A_FUNCTION - 1)
    assert not list(long_functions(ast.parse(f"def load():\n{body}")))
    assert list(long_functions(ast.parse(f"def load():\n{body}    pass"))) == ["load has 61 lines"]


# --- the code keeps the rules ----------------------------------------------------------------------


def graph() -> dict[str, set[str]]:
    known = frozenset(sources())
    return {module: imported(tree, known) for module, tree in sources().items()}


def test_imports_lead_down_only() -> None:
    upwards = [
        f"{module} imports {other}"
        for module, others in graph().items()
        for other in others
        if other != "common" and layer_of(other) > layer_of(module)
    ]
    assert not upwards


def test_a_stage_is_imported_by_its_own_script_alone() -> None:
    violations = [
        f"{module} imports {other}"
        for module, others in graph().items()
        for other in others
        for room, script in ONE_SCRIPT_ONLY.items()
        if other.startswith(room) and module != script and not module.startswith(room)
    ]
    assert not violations


def test_every_layer_names_rooms_that_exist() -> None:
    rooms = {room_of(module) for module in sources()} - {"common"}
    assert {room for layer in LAYERS for room in layer} == rooms


def test_few_modules_stand_outside_a_room() -> None:
    assert len(list((ROOT / "common").glob("*.py"))) <= MOST_MODULES_OUTSIDE_ROOMS


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_is_short_enough_to_be_read_as_a_story(script: str) -> None:
    lines = len((ROOT / f"{script}.py").read_text("utf-8").splitlines())
    assert lines <= MOST_LINES_OF_A_SCRIPT


def test_no_function_is_too_long_to_be_read_at_a_glance() -> None:
    found = [f"{module}.{function}" for module, tree in sources().items() for function in long_functions(tree)]
    assert not found


def test_packages_import_nothing_by_themselves() -> None:
    packages = [path.parent for path in (ROOT / "common").rglob("__init__.py")]
    assert len(packages) >= 10
    for package in packages:
        name = ".".join(package.relative_to(ROOT).parts)
        assert not list(top_level_imports(sources()[name])), name


def test_no_modules_import_each_other() -> None:
    assert not import_cycles(graph())


def test_no_script_is_imported_by_anything() -> None:
    assert not [module for module, others in graph().items() if others & set(SCRIPTS)]


def test_only_fileops_changes_the_disk() -> None:
    found = {
        (module, expression)
        for module, tree in sources().items()
        if not module.startswith("common.fileops")
        for expression in disk_changes(tree)
    }
    assert found == set(MAY_CHANGE_THE_DISK)


def test_nothing_heavy_is_loaded_with_a_file() -> None:
    heavy = [
        f"{module} imports {name}"
        for module, tree in sources().items()
        for name in top_level_imports(tree)
        if name.split(".")[0] in HEAVY
    ]
    assert not heavy


def test_everything_is_caught_at_the_named_boundaries_alone() -> None:
    found = {(module, function) for module, tree in sources().items() for function in swallowing_handlers(tree)}
    assert found == set(BOUNDARIES)


def test_everything_public_in_common_has_a_docstring() -> None:
    assert not [
        f"{module}.{name}"
        for module, tree in sources().items()
        if module.startswith("common")
        for name in undocumented(tree)
    ]


def test_every_script_and_every_module_has_a_docstring() -> None:
    assert not [module for module, tree in sources().items() if tree.body and not ast.get_docstring(tree)]


def test_there_is_no_second_package_named_common_and_no_room_without_a_subject() -> None:
    assert not (ROOT / "tests" / "common").exists()
    assert not [name for name in sources() if name.rsplit(".", 1)[-1] in ("utils", "util", "helpers", "misc", "tools")]
