"""The table *file system x stage* of docs/safety.md, gathered from the tests and written by them.

A cell travels as a property of its test, as the campaign's figures do. ``DISK_TABLE=docs/safety.md`` replaces what
stands there between the two marks; a new path gets the table alone. At full size it is printed as well.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.campaign.scale import FULL

STAGES = ("report", "copy", "verify", "quarantine", "restore", "purge", "delete", "move")
ROLES = {"source": "As the source", "archive": "As the archive", "quarantine": "As the quarantine"}
BEGIN, END = "<!-- disks: written by the campaign -->", "<!-- disks: end -->"
_PROPERTY = "disks"
_WORKS = "works"


def record_cell(node: pytest.Item, role: str, kind: str, stage: str, words: str) -> None:
    """Tell how one stage ended on one kind of disk, from within a test."""
    node.user_properties.append((_PROPERTY, (role, kind, stage, words)))


class DiskTable:
    """All cells, in the order in which the kinds first came. A plugin of pytest."""

    def __init__(self) -> None:
        self.cells: dict[str, dict[str, dict[str, list[str]]]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Once a test has ended, keep what it recorded."""
        if report.when != "teardown":
            return
        for name, value in report.user_properties:
            if name == _PROPERTY and isinstance(value, (tuple, list)):
                role, kind, stage, words = value
                told = self.cells.setdefault(role, {}).setdefault(kind, {}).setdefault(stage, [])
                if words not in told:
                    told.append(words)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table, and write it where it is wanted."""
        path = os.environ.get("DISK_TABLE")
        if not self.cells or not (FULL or path):
            return
        text = table_of(self.cells)
        terminalreporter.section("disks")
        terminalreporter.line(text)
        if path:
            write_table(Path(path), text)


def table_of(cells: dict[str, dict[str, dict[str, list[str]]]]) -> str:
    """The table in Markdown, a part for each role; equal sentences stand once, below, with a number."""
    notes: dict[str, int] = {}
    parts = []
    for role, heading in ROLES.items():
        kinds = cells.get(role, {})
        if not kinds:
            continue
        lines = [f"| {heading} | {' | '.join(STAGES)} |", f"| --- |{' --- |' * len(STAGES)}"]
        for kind in sorted(kinds):
            row = [_cell(kinds[kind].get(stage, []), notes) for stage in STAGES]
            lines.append(f"| {kind} | {' | '.join(row)} |")
        parts.append("\n".join(lines))
    parts.append("\n".join(f"{number}. {sentence}" for sentence, number in notes.items()))
    return "\n\n".join(part for part in parts if part)


def _cell(told: list[str], notes: dict[str, int]) -> str:
    """One cell: in a few words, with the number of its sentence."""
    words = []
    for text in told:
        short, mark, sentence = text.partition(": ")
        if mark:
            words.append(f"{short} ({notes.setdefault(sentence.replace('|', ' '), len(notes) + 1)})")
        else:
            words.append(short)
    if len(words) > 1 and _WORKS in words:
        words.remove(_WORKS)
    return "; ".join(words) or "-"


def write_table(path: Path, text: str) -> None:
    """Put the table between its marks, or make a new file of it. Raises ``ValueError`` for a file without the marks."""
    if not path.exists():
        path.write_text(f"{text}\n", encoding="utf-8")
        return
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{path} lacks the lines {BEGIN} and {END}: add them where the table is to stand")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
