"""The campaign plants bugs by the names of functions: each must exist once, or nothing would be planted."""

from __future__ import annotations

import ast
from collections import Counter

from tests.campaign.planted_bugs import functions_of
from tests.support.scripts import ROOT


def planted_functions() -> set[str]:
    """The functions that the campaign's planted bugs name: the second argument of each ``PlantedBug``."""
    named = set()
    for path in (ROOT / "tests" / "campaign").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "PlantedBug":
                named.add(ast.literal_eval(node.args[1]))
    return named


def test_each_planted_bug_names_a_function_that_exists_once() -> None:
    files = [*ROOT.glob("*.py"), *(ROOT / "common").rglob("*.py")]
    functions = Counter(name for path in files for name, _ in functions_of(ast.parse(path.read_bytes())))
    named = planted_functions()
    assert len(named) >= 15
    assert {name: functions[name] for name in named if functions[name] != 1} == {}
